"""Files of features that are damaged, or no files of features: one message each, which says what to do."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from lgn_lite.errors import InputError
from lgn_lite.features import FeatureStore


@pytest.fixture
def faulty(tmp_path) -> Path:
    path = tmp_path / "faulty.hdf5"
    with h5py.File(path, "w") as file:
        file["good"] = np.ones((4, 3), np.float32)
        file["nan"] = np.array([[1, 1, 1], [1, np.nan, 1]], np.float32)
        file["inf"] = np.array([[np.inf, 1, 1]], np.float32)
        file["wide"] = np.ones((4, 5), np.float32)
        file["empty"] = np.ones((0, 3), np.float32)
        file["flat"] = np.ones(3, np.float32)
        file["words"] = np.array([["a", "b", "c"]], dtype="S1")
        file["complex"] = np.ones((4, 3), np.complex64)
        file["too large"] = np.full((2, 3), 1e300)  # for float32
        file.create_group("group")["other"] = np.ones((4, 3), np.float32)
        file.create_group("in the group")["c3d_features"] = np.ones((0, 3), np.float32)
        file["nowhere"] = h5py.SoftLink("/what is not there")
        block = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
        spoilt = file.create_dataset("spoilt", data=block, chunks=(50, 3), compression="gzip").id.get_chunk_info(0)
    data = bytearray(path.read_bytes())
    data[spoilt.byte_offset : spoilt.byte_offset + spoilt.size] = bytes(spoilt.size)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("video", "match"),
    [
        ("absent", "no features of video"),
        ("nan", "NaN or infinite.*row 1"),
        ("inf", "NaN or infinite.*row 0"),
        ("wide", "5 wide instead of 3"),
        ("empty", r"shape \(0, 3\)"),
        ("flat", r"shape \(3,\)"),
        ("group", "a group without 'c3d_features'"),
        ("in the group", r"shape \(0, 3\)"),
        ("words", r"type \|S1, not numbers"),
        ("complex", "type complex64, not numbers"),
        ("nowhere", "unreadable"),
        ("spoilt", "unreadable"),
    ],
)
def test_faulty_features_name_file_and_video_and_say_what_to_do(faulty, video, match):
    store = FeatureStore(faulty, dim=3)
    assert store["good"].shape == (4, 3)
    with pytest.raises(InputError, match=match) as error:
        store[video]
    assert str(error.value).startswith(f"{faulty}: ")
    assert repr(video) in str(error.value)
    what_to_do = "extract them, or check its name" if video == "absent" else "extract or fetch it again"
    assert str(error.value).endswith(f"; {what_to_do}")
    assert store["good"].shape == (4, 3)  # the others stay readable


@pytest.mark.filterwarnings("ignore:overflow")
def test_numbers_too_large_for_float32(faulty):
    with pytest.raises(InputError, match=r"'too large': NaN or infinite features, first in row 0"):
        FeatureStore(faulty, dim=3)["too large"]


def test_a_store_of_another_width(faulty):
    with pytest.raises(InputError, match=r"'good'.*3 wide instead of 4096"):
        FeatureStore(faulty, dim=4096)["good"]


@pytest.mark.parametrize("video", ["flat", "empty", "group", "words", "nowhere"])
def test_the_first_video_without_a_width(faulty, tmp_path, video):
    """Without `dim`, the first video of the file tells it."""
    path = tmp_path / "first.hdf5"
    with h5py.File(path, "w") as file:
        file["a"] = h5py.ExternalLink(faulty, video)
    with pytest.raises(InputError, match=r"first\.hdf5: video 'a': .*; extract or fetch it again"):
        FeatureStore(path)


def test_files_that_are_no_store(tmp_path):
    path = tmp_path / "f.hdf5"
    with pytest.raises(InputError, match=r"f\.hdf5: does not exist; extract or fetch the features first"):
        FeatureStore(path)
    with pytest.raises(InputError, match=r"does not exist"):
        FeatureStore(tmp_path)  # a folder
    for content in (b"", b"a text file", b"\x89HDF\r\n\x1a\n"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"f\.hdf5: is not a readable HDF5 file \(.*\); extract or fetch it again"):
            FeatureStore(path)
    h5py.File(path, "w").close()
    with pytest.raises(InputError, match=r"f\.hdf5: holds no videos; extract or fetch the features again"):
        FeatureStore(path)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("group", [False, True])
def test_a_truncated_file(tmp_path, share, group):
    """As a broken download leaves it."""
    path = tmp_path / "cut.hdf5"
    with h5py.File(path, "w") as file:
        for n in range(20):
            home, name = (file.create_group(f"v{n}"), "c3d_features") if group else (file, f"v{n}")
            home[name] = np.ones((40, 8), np.float32)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match=r"cut\.hdf5: is not a readable HDF5 file \(.*\); extract or fetch it again"):
        FeatureStore(path)
