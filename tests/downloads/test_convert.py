"""Released features → the store: Charades' text tree and TALL's windows, whole, interrupted and damaged."""

import json
import os
import pickle
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from lgn_lite.downloads import convert
from lgn_lite.downloads.convert import convert_charades, convert_tacos, read_charades_video, read_tacos_video
from lgn_lite.errors import InputError
from lgn_lite.features import FeatureStore
from lgn_lite.support.files import partial_path

WIDTH = 4096


def rows_of(count: int, seed: int = 0) -> np.ndarray:
    """Features as after a ReLU: half of them 0; six digits, as the text files hold."""
    rows = np.maximum(np.random.default_rng(seed).normal(size=(count, WIDTH)), 0)
    return np.array([[float(f"{x:.6g}") for x in row] for row in rows], dtype=np.float32)


def write_charades(folder: Path, rows: np.ndarray) -> None:
    folder.mkdir(parents=True)
    for i, row in enumerate(rows):
        (folder / f"{folder.name}-{4 * i + 1:06}.txt").write_text(" ".join(f"{x:.6g}" for x in row) + "\n")


@pytest.fixture
def tree(tmp_path) -> Path:
    """Three videos of 4, 3 and 5 frames, and what systems leave behind."""
    tree = tmp_path / "Charades_v1_features_rgb"
    for seed, (video, count) in enumerate({"AAAAA": 4, "7UPGT": 3, "ZZZZZ": 5}.items()):
        write_charades(tree / video, rows_of(count, seed))
    (tree / ".DS_Store").touch()
    (tree / "AAAAA" / "._AAAAA-000001.txt").write_text("hidden")
    (tree / "README.txt").write_text("not a video")
    return tree


@pytest.mark.parametrize("workers", [0, 2])
def test_charades_rows_come_in_the_order_of_time(tmp_path, tree, workers):
    store = convert_charades(tree, tmp_path / "vgg.hdf5", workers, progress=False)
    assert list(store) == ["7UPGT", "AAAAA", "ZZZZZ"]
    assert store.attrs == {"encoder": "vgg16-charades", "layer": "fc7", "rate": 6.0, "weights": ""}
    for seed, (video, count) in enumerate({"AAAAA": 4, "7UPGT": 3, "ZZZZZ": 5}.items()):
        np.testing.assert_array_equal(store[video], rows_of(count, seed))


def test_only_the_requested_videos_are_converted(tmp_path, tree):
    store = convert_charades(tree, tmp_path / "vgg.hdf5", 0, progress=False, videos=["ZZZZZ", "AAAAA"])
    assert list(store) == ["AAAAA", "ZZZZZ"]
    with pytest.raises(InputError, match=r"Charades_v1_features_rgb: lacks 1 of the videos, such as 'BBBBB'"):
        convert_charades(tree, tmp_path / "other.hdf5", 0, progress=False, videos=["AAAAA", "BBBBB"])


def test_numbers_are_parted_by_any_blanks(tmp_path):
    """Numbers as NumPy reads them, whichever white space parts them."""
    rows = rows_of(2)
    write_charades(tmp_path / "VID", rows)
    first = tmp_path / "VID" / "VID-000001.txt"
    first.write_text("  " + first.read_text().replace(" ", "\r\n", 100).replace(" ", "\t  ", 100) + " \n\n")
    np.testing.assert_array_equal(read_charades_video(tmp_path / "VID"), rows)
    second = tmp_path / "VID" / "VID-000005.txt"
    second.write_text(" ".join(f"{x:.9e}" for x in 1e-7 * rows[1]))
    np.testing.assert_array_equal(read_charades_video(tmp_path / "VID")[1], np.loadtxt(second, dtype=np.float32))


def test_an_interrupted_conversion_resumes(tmp_path, tree, monkeypatch):
    out, read, seen = tmp_path / "vgg.hdf5", convert.read_charades_video, []

    def stops_at_the_third(folder):
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(folder.name)
        return read(folder)

    monkeypatch.setattr(convert, "read_charades_video", stops_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        convert_charades(tree, out, 0, progress=False)
    assert not out.exists()
    with h5py.File(partial_path(out)) as file:
        assert list(file) == ["7UPGT", "AAAAA"]
    monkeypatch.setattr(convert, "read_charades_video", lambda folder: seen.append(folder.name) or read(folder))
    assert len(convert_charades(tree, out, 0, progress=False)) == 3
    assert len(convert_charades(tree, out, 0, progress=False)) == 3  # complete: nothing to do
    assert seen == ["7UPGT", "AAAAA", "ZZZZZ"]
    assert not partial_path(out).exists()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_video_stops_it_and_once_repaired_it_resumes(tmp_path, tree, workers):
    out, file = tmp_path / "vgg.hdf5", tree / "AAAAA" / "AAAAA-000005.txt"
    whole = file.read_text()
    file.write_text(whole[:1000])
    with pytest.raises(InputError, match=r"AAAAA-000005\.txt: holds \d+ numbers instead of 4096; unpack"):
        convert_charades(tree, out, workers, progress=False)
    with h5py.File(partial_path(out)) as partial:
        assert list(partial) == ["7UPGT"]
    file.write_text(whole)
    assert list(convert_charades(tree, out, workers, progress=False)) == ["7UPGT", "AAAAA", "ZZZZZ"]


def test_a_complete_file_of_other_features_stays(tmp_path, tree):
    out = tmp_path / "vgg.hdf5"
    convert_charades(tree, out, 0, progress=False)
    write_charades(tree / "LATER", rows_of(1))
    with pytest.raises(InputError, match=r"vgg\.hdf5: complete, but without 1 of the videos, such as 'LATER'; delete"):
        convert_charades(tree, out, 0, progress=False)
    windows, annotations = tall(tmp_path, {"s1.avi": 64})
    with pytest.raises(InputError, match=r"vgg\.hdf5: has encoder 'vgg16-charades', not 'c3d'; delete it"):
        convert_tacos(windows, out, annotations, 0, progress=False)


def test_trees_that_are_none(tmp_path, tree):
    out = tmp_path / "vgg.hdf5"
    (tmp_path / "empty").mkdir()
    for folder, match in (
        (tmp_path / "none", r"none: No such file or directory; give the folder"),
        (tmp_path / "empty", r"empty: holds no folders of videos; give"),
        (tree / "README.txt", r"README\.txt: Not a directory; give the folder"),
        # one too high, as a tree that is unpacked into a folder of its own name
        (tmp_path, r"lie one deeper than .*: give the folder above the videos', such as .*/Charades_v1_features_rgb$"),
        (tree / "AAAAA", r"AAAAA: holds no folders"),  # one too low
    ):
        with pytest.raises(InputError, match=match):
            convert_charades(folder, out, 0, progress=False)
    assert not out.exists()


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (os.mkfifo, "is not a file, but a pipe"),
        (lambda path: path.symlink_to("gone"), "is not a file, but a pipe or a link to nothing"),
        (lambda path: path.touch() or os.truncate(path, 10**11), r"is longer than 1\.\d+ MB"),  # a hole on the disk
    ],
)
def test_what_would_hang_or_fill_the_memory_is_reported(tmp_path, make, match):
    write_charades(tmp_path / "VID", rows_of(1))
    make(tmp_path / "VID" / "VID-000005.txt")
    with pytest.raises(InputError, match=rf"VID-000005\.txt: {match}"):
        read_charades_video(tmp_path / "VID")


ROW = " ".join(["0.5"] * WIDTH)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({1: None, 5: None, 9: None}, r"VID: holds no features of its video; unpack"),
        ({1: None}, r"VID: VID-000001\.txt is missing; unpack"),
        ({5: None}, r"VID: VID-000005\.txt is missing; unpack"),
        ({7: ROW}, r"VID-000007\.txt: files are numbered 1, 5, 9, …; remove it"),
        ({5: ""}, r"VID-000005\.txt: holds 0 numbers instead of 4096; unpack"),
        ({5: ROW + " 1"}, r"VID-000005\.txt: holds 4097 numbers instead of 4096; unpack"),
        ({9: ROW.replace("0.5", "zero", 1)}, r"VID-000009\.txt: holds something other than numbers; unpack"),
        ({9: ROW.replace("0.5", "nan", 1)}, r"VID-000009\.txt: holds something other than numbers; unpack"),
        ({9: ROW.replace("0.5", "0,5", 1)}, r"VID-000009\.txt: holds something other than numbers; unpack"),
        ({n: ROW.replace("0.5", "0,5") for n in (1, 5, 9)}, r"VID.*: holds something other than numbers; unpack"),
        ({9: ROW.replace("0.5", "\xff", 1)}, r"VID-000009\.txt: holds something other than numbers; unpack"),
        ({5: ROW.replace("0.5", "inf", 1)}, r"VID-000005\.txt: holds NaN or an infinite number; unpack"),
        ({5: ROW.replace("0.5", "1e999", 1)}, r"VID-000005\.txt: holds NaN or an infinite number; unpack"),
    ],
)
def test_damaged_files_of_charades_are_named(tmp_path, change, match):
    folder = tmp_path / "VID"
    folder.mkdir()
    for number, text in ({1: ROW, 5: ROW, 9: ROW} | change).items():
        if text is not None:
            (folder / f"VID-{number:06}.txt").write_text(text, encoding="latin1")
    with pytest.raises(InputError, match=match):
        read_charades_video(folder)


# ---- TACoS


def tall(folder: Path, frames: dict[str, int], fps: float | list[float] = 29.4) -> tuple[Path, list[Path]]:
    """TALL's windows of videos of these lengths, longer ones among them, and two json files of annotations."""
    windows = folder / "Interval64_128_256_512_overlap0.8_c3d_fc6"
    windows.mkdir(parents=True)
    entries = {}
    for n, (video, count) in enumerate(frames.items()):
        starts = range(1, count - 62, 12)
        for start, row in zip(starts, rows_of(len(starts), n), strict=True):
            np.save(windows / f"{video}_{start}_{start + 64}.npy", row)
        np.save(windows / f"{video}_1_129.npy", np.full(WIDTH, 9, np.float32))
        rate = fps[n] if isinstance(fps, list) else fps
        entries[video] = {"timestamps": [[1, 9]], "sentences": ["He cuts."], "fps": rate, "num_frames": count}
    paths = []
    for split, part in (("train", list(entries)[:1]), ("test", list(entries)[1:])):
        paths.append(folder / f"{split}.json")
        paths[-1].write_text(json.dumps({video: entries[video] for video in part}))
    return windows, paths


def absurd(file: Path) -> None:
    """An npy file whose header promises 36 TiB."""
    with file.open("wb") as opened:
        header = {"descr": "<f4", "fortran_order": False, "shape": (10**13,)}
        np.lib.format.write_array_header_1_0(opened, header)


def deeper(file: Path) -> Path:
    (file.parent / "deeper").mkdir()
    return file.parent / "deeper" / file.name


@pytest.mark.parametrize("workers", [0, 2])
def test_tacos_windows_follow_num_frames(tmp_path, workers):
    frames = {"s30-d52.avi": 64 + 12 * 10, "s1-d1.avi": 64 + 11, "s2-d2.avi": 64}
    windows, annotations = tall(tmp_path, frames)
    store = convert_tacos(windows, tmp_path / "tall.hdf5", annotations, workers, progress=False)
    assert store.attrs == {"encoder": "c3d", "layer": "fc6", "rate": 29.4 / 12, "weights": ""}
    assert {video: len(rows) for video, rows in store.items()} == {"s30-d52.avi": 11, "s1-d1.avi": 1, "s2-d2.avi": 1}
    np.testing.assert_array_equal(store["s30-d52.avi"], rows_of(11, 0))  # 121_185 comes after 13_77


def test_the_rate_is_unknown_where_videos_differ(tmp_path):
    windows, annotations = tall(tmp_path, {"a.avi": 64, "b.avi": 64}, fps=[29.4, 25])
    assert convert_tacos(windows, tmp_path / "f.hdf5", annotations, 0, progress=False).attrs["rate"] == 0


def test_windows_of_the_real_annotations(tmp_path, shared):
    """The json files as released are understood: one frame rate, and the first video's first window is required."""
    content = json.loads(Path(shared("data/tacos/test.json")).read_text(encoding="utf-8"))
    assert {entry["fps"] for entry in content.values()} == {29.4}
    windows = tmp_path / "windows"
    windows.mkdir()
    with pytest.raises(InputError, match=r"s30-d52\.avi_1_65\.npy: is missing, but num_frames asks for it"):
        convert_tacos(windows, tmp_path / "f.hdf5", [shared("data/tacos/test.json")], 0, progress=False)


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda file: file.unlink(), r"is missing, but num_frames asks for it; unpack"),
        (lambda file: file.write_bytes(b""), r"cannot be read as an npy file \(.*unpack"),
        (lambda file: file.write_bytes(file.read_bytes()[:999]), r"cannot be read as an npy file \(.*unpack"),
        (lambda file: file.write_text("text"), r"cannot be read as an npy file \(.*unpack"),
        (lambda file: file.write_bytes(pickle.dumps([1.0])), r"cannot be read as an npy file \(.*unpack"),
        (lambda file: np.save(file, np.array([{}], object)), r"cannot be read as an npy file \(Object arrays.*unpack"),
        (lambda file: np.save(file, np.zeros(500, np.float32)), r"float32 of shape \(500,\) instead of 4096"),
        (lambda file: np.save(file, np.zeros((1, WIDTH), np.float32)), r"float32 of shape \(1, 4096\) instead"),
        (lambda file: np.save(file, np.zeros(WIDTH, np.int64)), r"int64 of shape \(4096,\) instead"),
        (lambda file: np.save(file, np.full(WIDTH, np.nan, np.float32)), r"NaN or an infinite number; unpack"),
        (lambda file: (file.unlink(), os.mkfifo(file)), r"is not a file, but a folder or a pipe"),
        (lambda file: os.truncate(file, 10**11), r"100000\.0 MB, more than 4096 numbers take"),
        (
            lambda file: file.write_bytes(file.read_bytes().replace(b"(4096,)", b"(4096,4096,4096,4096)")),
            r"cannot be read",
        ),
        (lambda file: file.rename(deeper(file)), r"is missing, but lies one folder deeper; give .*/deeper"),
    ],
)
def test_damaged_windows_are_named(tmp_path, damage, match):
    windows, _ = tall(tmp_path, {"s1.avi": 100})
    damage(windows / "s1.avi_13_77.npy")
    with pytest.raises(InputError, match=rf"s1\.avi_13_77\.npy: .*{match}"):
        read_tacos_video(windows, "s1.avi", 4)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("[", r"train\.json:1: not json"),
        ('{"s1.avi": 3}', r"train\.json, video 's1\.avi': must be an object with fps and num_frames"),
        ('{"s1.avi": {"num_frames": 100}}', r"train\.json, video 's1\.avi': fps is None, not a number"),
        ('{"s1.avi": {"num_frames": 63, "fps": 25}}', r"63 frames hold no window of 64; correct it"),
        ('{"s1.avi": {"num_frames": 100, "fps": 0}}', r"video 's1\.avi': fps is 0; it must be between"),
        ('{"s1.avi": {"num_frames": 100, "fps": 1e-320}}', r"fps is .*; it must be between 0\.1 and 1,000"),
        ('{"s1.avi": {"num_frames": 1e300, "fps": 25}}', r"num_frames is 1e\+300, over 100,000,000; correct it"),
    ],
)
def test_annotations_without_frames(tmp_path, content, match):
    windows, (train, test) = tall(tmp_path, {"s1.avi": 100})
    train.write_text(content)
    with pytest.raises(InputError, match=match):
        convert_tacos(windows, tmp_path / "f.hdf5", [train, test], 0, progress=False)


def test_annotations_that_contradict_each_other(tmp_path):
    windows, (train, _) = tall(tmp_path, {"s1.avi": 100})
    again = tmp_path / "again.json"
    shutil.copy(train, again)
    assert len(convert_tacos(windows, tmp_path / "f.hdf5", [train, again], 0, progress=False)) == 1
    again.write_text(train.read_text().replace("100", "64"))
    with pytest.raises(InputError, match=r"again\.json, video 's1\.avi': has another num_frames"):
        convert_tacos(windows, tmp_path / "g.hdf5", [train, again], 0, progress=False)


def test_no_windows_and_no_annotations(tmp_path):
    windows, (train, _) = tall(tmp_path, {"s1.avi": 100})
    with pytest.raises(InputError, match=r"nowhere: no such folder; give"):
        convert_tacos(tmp_path / "nowhere", tmp_path / "f.hdf5", [train], 0, progress=False)
    with pytest.raises(InputError, match=r"none\.json: No such file"):
        convert_tacos(windows, tmp_path / "f.hdf5", [tmp_path / "none.json"], 0, progress=False)


def test_a_converted_store_is_read_as_any_other(tmp_path, tree):
    convert_charades(tree, tmp_path / "vgg.hdf5", 0, progress=False)
    assert np.array_equal(FeatureStore(tmp_path / "vgg.hdf5", dim=WIDTH)["ZZZZZ"], rows_of(5, seed=2))
