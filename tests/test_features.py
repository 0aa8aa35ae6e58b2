"""The feature store, its interruptible writer, extraction of many videos, averaging to a fixed length."""

import pickle
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset

from lgn_lite.errors import InputError
from lgn_lite.features import FeatureStore, to_fixed_length, write_features
from lgn_lite.support.files import partial_path
from lgn_lite.video.encoder import extract_video
from lgn_lite.video.extraction import extract_folder
from lgn_lite.video.frames import write_video
from lgn_lite.video.vgg import VGGFrames

SETTINGS = {"encoder": "vgg-small", "layer": "fc6", "rate": 2.0, "weights": "0123"}


def some_features(count: int, rows: int = 4, width: int = 3) -> dict[str, np.ndarray]:
    numbers = np.random.default_rng(0).normal(size=(count, rows, width)).astype(np.float32)
    return {f"v{n}": numbers[n] for n in range(count)}


# ---- averaging to a fixed length


def test_golden_fixed_length(shared):
    arrays = np.load(shared("golden/fixed_length.npz"))
    cases = [name[3:] for name in arrays if name.startswith("in_")]
    assert cases
    for case in cases:
        expected = arrays[f"out_{case}"]
        ours = to_fixed_length(torch.from_numpy(arrays[f"in_{case}"]), len(expected))
        assert ours.dtype == torch.float32
        np.testing.assert_allclose(ours.numpy(), expected, atol=1e-6, rtol=0)


def averaged_by_a_loop(features: torch.Tensor, num_clips: int) -> torch.Tensor:
    """The obvious form: one span after the other."""
    T = len(features)
    border = torch.round(torch.arange(0, num_clips + 1, 1.0) / num_clips * T).long().clamp(max=T - 1).tolist()
    rows = []
    for start, end in pairwise(border):
        rows.append(features[start:end].mean(0) if start < end else features[start])
    return torch.stack(rows)


@settings(max_examples=50, deadline=None)
@given(rows=st.integers(1, 80), num_clips=st.integers(1, 40), seed=st.integers(0, 99))
def test_fixed_length_equals_the_loop(rows, num_clips, seed):
    features = torch.randn(rows, 3, generator=torch.Generator().manual_seed(seed)) + 5
    torch.testing.assert_close(to_fixed_length(features, num_clips), averaged_by_a_loop(features, num_clips))


@settings(max_examples=50, deadline=None)
@given(rows=st.integers(1, 60), num_clips=st.integers(1, 40))
def test_fixed_length_keeps_order_and_bounds(rows, num_clips):
    """Each row holding its own time, the averages never go back, and stay inside the video."""
    times = to_fixed_length(torch.arange(rows, dtype=torch.float32)[:, None], num_clips)[:, 0]
    assert (times.diff() >= 0).all()
    assert times[0] >= 0
    assert times[-1] <= rows - 1
    if rows == num_clips:
        assert times.tolist() == list(range(rows))


def test_fixed_length_of_nothing():
    with pytest.raises(InputError, match="0 rows"):
        to_fixed_length(torch.zeros(0, 3), 4)
    with pytest.raises(InputError, match="0 clips"):
        to_fixed_length(torch.zeros(2, 3), 0)


# ---- reading


@pytest.mark.parametrize("features", [torch.zeros(3), torch.zeros(3, 2, 1), np.zeros((3, 2)), None])
def test_fixed_length_of_another_shape(features):
    with pytest.raises(InputError, match=r"\(T, D\)"):
        to_fixed_length(features, 2)


def test_fixed_length_without_end():
    with pytest.raises(InputError, match="at most 1,000,000"):
        to_fixed_length(torch.zeros(3, 2), 10**12)


def test_written_features_read_back(tmp_path):
    path, features = tmp_path / "deep" / "f.hdf5", some_features(3)
    write_features(path, features.items(), **SETTINGS)
    store = FeatureStore(path)
    assert (store.attrs, store.dim, list(store.keys()), len(store)) == (SETTINGS, 3, ["v0", "v1", "v2"], 3)
    assert "v1" in store
    assert "v9" not in store
    for video, expected in features.items():
        assert store[video].dtype == np.float32
        np.testing.assert_array_equal(store[video], expected)
    assert [file.name for file in path.parent.iterdir()] == ["f.hdf5"]


@pytest.mark.parametrize("type_", ["float16", "float32", "float64"])
@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("group", [False, True])
def test_layouts_of_others(tmp_path, type_, compression, group):
    """2D-TAN's files: no attributes; ActivityNet's features in a group of their own; other precisions, compressed."""
    features = some_features(2)
    with h5py.File(tmp_path / "f.hdf5", "w") as file:
        for video, rows in features.items():
            home, name = (file.create_group(video), "c3d_features") if group else (file, video)
            home.create_dataset(name, data=rows.astype(type_), compression=compression)
    store = FeatureStore(tmp_path / "f.hdf5")
    assert (store.attrs, store.dim, list(store)) == ({}, 3, ["v0", "v1"])
    for video, rows in features.items():
        assert store[video].dtype == np.float32
        np.testing.assert_array_equal(store[video], rows.astype(type_).astype(np.float32))


class Rows(Dataset):
    """As the data set of queries does, this hands a store to the workers."""

    def __init__(self, store: FeatureStore):
        self.store = store

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.store[f"v{index}"]


def test_use_in_dataloader_workers(tmp_path):
    features = some_features(12)
    write_features(tmp_path / "f.hdf5", features.items(), **SETTINGS)
    store = FeatureStore(tmp_path / "f.hdf5")
    store["v0"]  # open here before the workers start
    batches = list(DataLoader(Rows(store), 4, num_workers=2, multiprocessing_context="fork"))
    np.testing.assert_array_equal(torch.cat(batches).numpy(), np.stack(list(features.values())))
    np.testing.assert_array_equal(store["v3"], features["v3"])  # and still open here
    # what a spawned worker gets
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(store))["v3"], features["v3"])


# ---- writing


def interrupted(features: dict[str, np.ndarray], after: int):
    for n, item in enumerate(features.items()):
        if n == after:
            raise KeyboardInterrupt
        yield item


def test_an_interrupted_writer_goes_on(tmp_path):
    path, features = tmp_path / "f.hdf5", some_features(5)
    with pytest.raises(KeyboardInterrupt):
        write_features(path, interrupted(features, 3), **SETTINGS)
    assert not path.exists()
    with pytest.raises(InputError, match="unfinished"):
        FeatureStore(path)
    with h5py.File(partial_path(path)) as file:
        assert list(file) == ["v0", "v1", "v2"]
    other = {video: array + (1 if video in ("v0", "v1", "v2") else 0) for video, array in features.items()}
    write_features(path, other.items(), **SETTINGS)  # the first three are there already, and stay
    assert not partial_path(path).exists()
    store = FeatureStore(path)
    assert list(store) == list(features)
    for video, expected in features.items():
        np.testing.assert_array_equal(store[video], expected)


def test_a_video_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    """Interrupted between making a data set and naming it: the next call writes that video again."""
    path, features = tmp_path / "f.hdf5", some_features(3)
    move = h5py.Group.move

    def interrupt(group, source, target):
        if target == "v1":
            raise KeyboardInterrupt
        move(group, source, target)

    monkeypatch.setattr(h5py.Group, "move", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_features(path, features.items(), **SETTINGS)
    monkeypatch.undo()
    write_features(path, features.items(), **SETTINGS)
    assert list(FeatureStore(path)) == ["v0", "v1", "v2"]
    np.testing.assert_array_equal(FeatureStore(path)["v1"], features["v1"])


def test_without_resume_all_is_made_anew(tmp_path):
    path, features = tmp_path / "f.hdf5", some_features(3)
    with pytest.raises(KeyboardInterrupt):
        write_features(path, interrupted(features, 2), **SETTINGS)
    newer = {video: array + 1 for video, array in features.items()}
    write_features(path, newer.items(), **SETTINGS, resume=False)
    np.testing.assert_array_equal(FeatureStore(path)["v0"], newer["v0"])


@pytest.mark.parametrize("name", ["encoder", "layer", "rate", "weights"])
def test_partial_files_of_other_settings_are_not_mixed(tmp_path, name):
    path, features = tmp_path / "f.hdf5", some_features(3)
    with pytest.raises(KeyboardInterrupt):
        write_features(path, interrupted(features, 2), **SETTINGS)
    other = {**SETTINGS, name: 9.0 if name == "rate" else "other"}
    with pytest.raises(InputError, match=rf"f\.hdf5\.partial.*{name}.*delete it"):
        write_features(path, features.items(), **other)


def test_a_damaged_partial_file_is_started_anew(tmp_path):
    path, features = tmp_path / "f.hdf5", some_features(2)
    partial_path(path).write_bytes(b"half a file")
    with pytest.warns(UserWarning, match=r"f\.hdf5\.partial: damaged"):
        write_features(path, features.items(), **SETTINGS)
    assert len(FeatureStore(path)) == 2


@pytest.mark.parametrize(
    ("video", "features", "match"),
    [
        ("v1", np.full((2, 3), np.nan), "'v1'.*NaN"),
        ("v1", np.ones((2, 4)), r"'v1'.*\(2, 4\) instead of \(T, 3\)"),
        ("v1", np.ones((0, 3)), r"'v1'.*\(0, 3\)"),
        ("v1", np.ones(3), r"'v1'.*\(3,\)"),
        ("a/b", np.ones((2, 3)), "'a/b'.*rename"),
    ],
)
def test_unfit_features_are_not_written(tmp_path, video, features, match):
    path = tmp_path / "f.hdf5"
    with pytest.raises(InputError, match=match):
        write_features(path, [("v0", np.ones((2, 3))), (video, features)], **SETTINGS)
    assert not path.exists()


def test_no_features_to_write(tmp_path):
    with pytest.raises(InputError, match="no features"):
        write_features(tmp_path / "f.hdf5", [], **SETTINGS)


# ---- extraction of many videos


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    colours = np.random.default_rng(0).integers(0, 256, (4, 8, 1, 1, 3), dtype=np.uint8)
    for n in range(4):
        frames = np.broadcast_to(colours[n], (8, 64, 64, 3))
        write_video(folder / f"v{n}.mp4", np.ascontiguousarray(frames[: 4 + n]), 4)  # 1 to 1.75 s
    return folder


@pytest.fixture(scope="module")
def encoder() -> VGGFrames:
    torch.manual_seed(0)
    return VGGFrames.small(3, width=16)


def videos_of(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.mp4"))}


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("workers", [0, 2])
def test_extract_folder(tmp_path, folder, encoder, workers, three_threads):
    videos = videos_of(folder)
    store = extract_folder(videos, encoder, 4, tmp_path / "f.hdf5", workers, progress=False)
    assert torch.get_num_threads() == 3  # as before: the workers had their share while they worked
    assert list(store) == list(videos)
    assert store.attrs == {
        "encoder": "vgg-small",
        "layer": "fc6",
        "rate": 4.0,
        "weights": encoder.fingerprint,
    }
    for n, (video, path) in enumerate(videos.items()):
        assert store[video].shape == (4 + n, 16)
        np.testing.assert_allclose(store[video], extract_video(path, encoder, 4)[0], atol=1e-5)


def test_extraction_goes_on_where_it_stopped(tmp_path, folder, encoder, monkeypatch):
    videos, path = videos_of(folder), tmp_path / "f.hdf5"
    extract, encoded = VGGFrames.extract, []

    def stops_at_the_third(self, frames, batch=64):
        if len(encoded) == 2:
            raise KeyboardInterrupt
        encoded.append(len(frames))
        return extract(self, frames, batch)

    def counted(self, frames, batch=64):
        encoded.append(len(frames))
        return extract(self, frames, batch)

    monkeypatch.setattr(VGGFrames, "extract", stops_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        extract_folder(videos, encoder, 4, path, 1, progress=False)
    monkeypatch.setattr(VGGFrames, "extract", counted)
    store = extract_folder(videos, encoder, 4, path, 0, progress=False)
    assert encoded == [4, 5, 6, 7]  # frames of each video: none was encoded twice
    assert list(store) == list(videos)
    assert len(extract_folder(videos, encoder, 4, path, 0, progress=False)) == 4
    assert encoded == [4, 5, 6, 7]  # complete: nothing to do


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_video_is_named_and_the_others_kept(tmp_path, folder, encoder, workers):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes((folder / "v3.mp4").read_bytes()[:500])
    videos, path = videos_of(folder), tmp_path / "f.hdf5"
    listed = {"v0": videos["v0"], "v1": videos["v1"], "broken": broken, "v2": videos["v2"]}
    with pytest.raises(InputError, match=r"broken\.mp4"):
        extract_folder(listed, encoder, 4, path, workers, progress=False)
    with h5py.File(partial_path(path)) as file:
        assert list(file) == ["v0", "v1"]


def test_features_of_other_networks_are_not_mixed(tmp_path, folder, encoder):
    videos, path = videos_of(folder), tmp_path / "f.hdf5"
    few = {"v0": videos["v0"]}
    extract_folder(few, encoder, 4, path, 0, progress=False)
    with pytest.raises(InputError, match=r"f\.hdf5: has rate 4\.0"):
        extract_folder(few, encoder, 2, path, 0, progress=False)
    torch.manual_seed(1)
    with pytest.raises(InputError, match=r"f\.hdf5: has weights"):
        extract_folder(few, VGGFrames.small(3, width=16), 4, path, 0, progress=False)
    with pytest.raises(InputError, match=r"f\.hdf5: complete, but without 3 of the videos, such as 'v1'"):
        extract_folder(videos, encoder, 4, path, 0, progress=False)
    assert len(extract_folder(videos, encoder, 2, path, 0, progress=False, resume=False)) == 4
