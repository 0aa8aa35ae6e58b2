"""Folders of npz files → one store: joined, cut, resumed, with damaged and missing files, by function and command."""

import io
import json
import os
import re
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from lgn_lite.cli import data as cli_data
from lgn_lite.downloads import npz
from lgn_lite.downloads.npz import convert_npz
from lgn_lite.errors import InputError
from lgn_lite.features import FeatureStore
from lgn_lite.support.files import partial_path

pytestmark = pytest.mark.filterwarnings("error::UserWarning")  # reports that are not expected
VIDEOS = ("NUsG9BgSes0_210.0_360.0", "s34-d28", "v_a")  # as QVHighlights, TACoS and ActivityNet Captions name theirs


def rows_of(count: int, width: int, seed: int = 0) -> np.ndarray:
    return (3 * np.random.default_rng(seed).normal(size=(count, width))).astype(np.float32)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def write(folder: Path, width: int, counts: dict[str, int], dtype=np.float32) -> dict[str, np.ndarray]:
    folder.mkdir(exist_ok=True)
    features = {name: rows_of(count, width, seed).astype(dtype) for seed, (name, count) in enumerate(counts.items())}
    for name, rows in features.items():
        np.savez(folder / f"{name}.npz", features=rows)
    return features


@pytest.fixture
def clip(tmp_path) -> Path:
    write(tmp_path / "clip", 4, dict.fromkeys(VIDEOS, 6))
    return tmp_path / "clip"


@pytest.fixture
def slowfast(tmp_path) -> Path:
    write(tmp_path / "slowfast", 9, dict.fromkeys(VIDEOS, 6), np.float16)
    return tmp_path / "slowfast"


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "made" / "clip_slowfast.hdf5"


def convert(*arguments, **settings) -> FeatureStore:
    return convert_npz(*arguments, **{"workers": 0, "progress": False} | settings)


# ── What is whole ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_rows_are_scaled_folder_by_folder_and_put_side_by_side(tmp_path, out, workers):
    a = write(tmp_path / "clip", 4, dict.fromkeys(VIDEOS, 6))
    b = write(tmp_path / "slowfast", 9, dict.fromkeys(VIDEOS, 6), np.float16)
    store = convert([tmp_path / "clip", tmp_path / "slowfast"], out, workers=workers)
    assert store.attrs == {"encoder": "clip+slowfast", "layer": "scaled to length 1", "rate": 0.5, "weights": ""}
    assert set(store) == set(VIDEOS) and store.dim == 13
    for video in VIDEOS:
        joined = np.hstack([unit(a[video].astype(float)), unit(b[video].astype(float))])
        np.testing.assert_allclose(store[video], joined, rtol=1e-6)
        assert store[video].dtype == np.float32
    assert list(out.parent.iterdir()) == [out]


def test_as_released_with_another_pace_and_order(clip, slowfast, out):
    store = convert([slowfast, clip], out, seconds=1, normalise=False)
    assert store.attrs == {"encoder": "slowfast+clip", "layer": "as released", "rate": 1.0, "weights": ""}
    released = [np.load(folder / "s34-d28.npz")["features"].astype(np.float32) for folder in (slowfast, clip)]
    np.testing.assert_array_equal(store["s34-d28"], np.hstack(released))


def test_one_folder_is_enough(clip, out):
    assert convert([str(clip)], str(out)).dim == 4


def test_a_row_of_zeros_stays_and_extremes_get_length_one(clip, out):
    rows = rows_of(6, 4)
    rows[2], rows[3], rows[4] = 0, 1e-30, 2e38
    np.savez(clip / "v_a.npz", features=rows)
    store = convert([clip], out)
    np.testing.assert_allclose(np.linalg.norm(store["v_a"], axis=1), [1, 1, 0, 1, 1, 1], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, ">f4", np.float64, np.int16, np.uint8])
def test_any_type_of_numbers_is_taken(clip, out, dtype):
    rows = np.arange(24).reshape(6, 4).astype(dtype)
    np.savez_compressed(clip / "v_a.npz", features=np.asfortranarray(rows))
    np.testing.assert_array_equal(convert([clip], out, normalise=False)["v_a"], np.arange(24).reshape(6, 4))


def test_other_arrays_beside_features_do_not_matter(clip, out):
    rows = rows_of(5, 4)
    np.savez(clip / "v_a.npz", times=np.arange(5), features=rows, note="of spring")
    np.testing.assert_array_equal(convert([clip], out, normalise=False)["v_a"], rows)


def test_one_array_under_another_key_is_taken_and_reported(clip, out):
    np.savez(clip / "v_a.npz", rows_of(5, 4))
    with pytest.warns(UserWarning, match=r"^1 files hold no 'features'; .* taken, such as 'arr_0' of .*v_a\.npz$"):
        assert convert([clip], out)["v_a"].shape == (5, 4)


def test_what_else_is_in_a_folder_is_let_be(clip, out):
    for name in ("._v_a.npz", ".DS_Store", "README.txt", "v_b.npy"):
        (clip / name).write_bytes(b"?")
    (clip / "v_a.npz").rename(clip / "v_a.NPZ")
    assert set(convert([clip], out)) == set(VIDEOS)


# ── Folders that differ ───────────────────────────────────────────────────────────────────────


def test_folders_of_other_lengths_are_cut_to_the_shortest_and_reported(tmp_path, clip, out):
    write(tmp_path / "slowfast", 9, dict(zip(VIDEOS, (6, 5, 7), strict=True)))
    report = r"^2 of 3 videos are cut to the shortest .*, first 's34-d28' \(clip 6 rows, slowfast 5 rows\)$"
    with pytest.warns(UserWarning, match=report):
        store = convert([clip, tmp_path / "slowfast"], out)
    assert {video: len(rows) for video, rows in store.items()} == dict(zip(VIDEOS, (6, 5, 6), strict=True))
    first = unit(np.load(clip / "s34-d28.npz")["features"])
    np.testing.assert_allclose(store["s34-d28"][:, :4], first[:5], rtol=1e-6)  # from the beginning of the video


def test_a_cut_that_is_no_rounding_is_reported_as_such(tmp_path, out):
    write(tmp_path / "clip", 4, {"a": 75, "b": 75})
    write(tmp_path / "slowfast", 9, {"a": 74, "b": 150})
    with pytest.warns(UserWarning) as reports:
        convert([tmp_path / "clip", tmp_path / "slowfast"], out)
    assert [str(report.message) for report in reports] == [
        "2 of 2 videos are cut to the shortest of their files, first 'a' (clip 75 rows, slowfast 74 rows)",
        "1 of these lose more than a tenth, such as 'b' (clip 75 rows, slowfast 150 rows): make sure that all folders "
        "have the same seconds per row",
    ]


def test_videos_that_a_folder_lacks_are_left_out_counted_and_named(tmp_path, out):
    write(tmp_path / "clip", 4, {f"v{n:02}": 3 for n in range(20)})
    write(tmp_path / "slowfast", 9, {f"v{n:02}": 3 for n in range(12, 21)})
    with pytest.warns(UserWarning) as reports:
        store = convert([tmp_path / "clip", tmp_path / "slowfast"], out)
    assert list(store) == [f"v{n:02}" for n in range(12, 20)]
    (report,) = (str(report.message) for report in reports)
    assert report.startswith("13 of 21 videos are left out, because a folder lacks them: 'v00': not in ")
    assert "'v09': not in" in report and "'v10'" not in report and report.endswith("; and 3 more")
    (tmp_path / "slowfast" / "v19.npz").unlink()
    with pytest.warns(UserWarning, match="14 of 21 videos"):
        assert len(convert([tmp_path / "clip", tmp_path / "slowfast"], out)) == 8  # what is there stays


def test_names_meet_with_and_without_a_video_s_suffix(tmp_path, out):
    write(tmp_path / "clip", 4, {"s34-d28.avi": 3, "b": 3, "NUsG9BgSes0_210.0_360.0": 3})
    write(tmp_path / "slowfast", 9, {"s34-d28": 3, "b.mp4": 3, "NUsG9BgSes0_210.0_360.0": 3})
    store = convert([tmp_path / "clip", tmp_path / "slowfast"], out)
    assert list(store) == ["NUsG9BgSes0_210.0_360.0", "b", "s34-d28.avi"]  # the first folder's
    assert "s34-d28" in store and "NUsG9BgSes0_210.0" not in store
    np.savez(tmp_path / "slowfast" / "b.npz", features=rows_of(3, 9))
    with pytest.raises(InputError, match=r"slowfast: b\.mp4\.npz and b\.npz mean the same video; rename or remove one"):
        convert([tmp_path / "clip", tmp_path / "slowfast"], out)


@pytest.mark.parametrize(
    ("folders", "match"),
    [
        ((), "no folders of npz files: give one or more"),
        (("none",), r"none: No such file or directory; give a folder of npz files"),
        (("clip/v_a.npz",), r"v_a\.npz: Not a directory; give a folder of npz files"),
        (("empty",), r"empty: holds no npz files; give a folder of npz files, one per video"),
        (("",), r": holds no npz files; give .*/clip$"),  # one too high
        (("clip", "clip"), r"clip and .*clip: a folder is given twice"),
        (
            ("clip", "other"),
            r"no video is in all of the folders, with or without .*NUsG.*\.npz and .*other/w\.npz; give",
        ),
    ],
)
def test_folders_that_cannot_be_joined_are_one_line(tmp_path, clip, out, folders, match):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "v.npy").touch()
    if "other" in folders:
        write(tmp_path / "other", 9, {"w": 3})
    with pytest.raises(InputError, match=match) as error:
        convert([tmp_path / folder for folder in folders], out)
    assert "\n" not in str(error.value) and not out.parent.exists()


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e-9])
def test_seconds_are_a_pace(clip, out, seconds):
    with pytest.raises(InputError, match=r"^seconds per row is .*; it must be"):
        convert([clip], out, seconds=seconds)


# ── Damage ────────────────────────────────────────────────────────────────────────────────────


def header_of(shape: tuple, body: bytes = b"", kind: str = "<f4") -> bytes:
    """An npz file whose array has this header, and this body."""
    array, archive = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(array, {"descr": kind, "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("features.npy", array.getvalue() + body)
    return archive.getvalue()


def flipped(file: Path, at: int) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)


def encrypted(file: Path) -> None:
    data = bytearray(file.read_bytes())
    for signature, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(signature) + at] |= 1
    file.write_bytes(data)


DAMAGE = [
    (lambda file: file.write_bytes(b""), r"damaged, or not an npz file \(File is not a zip file\)"),
    (lambda file: file.write_text("<html>log in</html>"), r"damaged, or not an npz file"),
    (lambda file: os.truncate(file, file.stat().st_size - 30), r"damaged, or not an npz file"),
    (lambda file: os.truncate(file, 100), r"damaged, or not an npz file"),
    (lambda file: file.write_bytes(os.urandom(4000)), r"damaged, or not an npz file"),
    (lambda file: file.write_bytes(b"\x93NUMPY" + bytes(200)), r"damaged, or not an npz file"),
    (lambda file: flipped(file, 200), r"damaged, or not an npz file \(Bad CRC-32"),
    (lambda file: encrypted(file), r"damaged \(.*encrypted"),
    (lambda file: (file.unlink(), file.mkdir()), r"not a file, but a folder"),
    (lambda file: (file.unlink(), os.mkfifo(file)), r"not a file, but a folder, a pipe"),
    (lambda file: (file.unlink(), file.symlink_to("gone")), r"not a file, .* or a link to nothing"),
    (lambda file: np.savez(file, a=rows_of(6, 4), b=rows_of(6, 4)), r"holds 'a', 'b', and not 'features'"),
    (lambda file: np.savez(file), r"holds nothing, and not 'features'"),
    (lambda file: np.savez(file, features=rows_of(6, 4)[0]), r"shape \(4,\) instead of \(rows, width\)"),
    (lambda file: np.savez(file, features=rows_of(6, 4)[None]), r"shape \(1, 6, 4\) instead of"),
    (lambda file: np.savez(file, features=np.float32(1)), r"shape \(\) instead of"),
    (lambda file: np.savez(file, features=rows_of(0, 4)), r"shape \(0, 4\) instead of"),
    (lambda file: np.savez(file, features=rows_of(6, 0)), r"shape \(6, 0\) instead of"),
    (lambda file: np.savez(file, features=rows_of(6, 5)), r"rows of 5 numbers, most of its folder have 4"),
    (lambda file: np.savez(file, features=np.array([[{}]], object)), r"Python objects, which are never loaded"),
    (lambda file: np.savez(file, features=np.array([["a"]])), r"holds <U1, not numbers"),
    (lambda file: np.savez(file, features=np.ones((6, 4), complex)), r"holds complex128, not numbers"),
    (lambda file: np.savez(file, features=np.ones((6, 4), bool)), r"holds bool, not numbers"),
    (lambda file: np.savez(file, features=np.where(np.eye(6, 4), np.nan, 1)), r"NaN or infinite .*in row 0"),
    (lambda file: np.savez(file, features=np.where(np.eye(6, 4, -2), np.inf, 1)), r"NaN or infinite .*in row 2"),
    (lambda file: np.savez(file, features=np.full((6, 4), 1e300)), r"NaN or infinite .*in row 0"),
    (lambda file: file.write_bytes(header_of((6, 4), bytes(95))), r"damaged \(95 bytes for an array of shape \(6, 4\)"),
    (lambda file: file.write_bytes(header_of((6, 4), bytes(97))), r"damaged \(97 bytes for an array of shape \(6, 4\)"),
    (lambda file: file.write_bytes(header_of((10**9, 4))), r"takes 16\.0 GB, over 4 GB"),
    (lambda file: file.write_bytes(header_of((-6, 4))), r"damaged \("),
]


@pytest.mark.parametrize(("damage", "match"), DAMAGE)
def test_a_damaged_file_is_left_out_and_named_when_all_others_are_converted(clip, slowfast, out, damage, match):
    file = clip / "s34-d28.npz"
    whole = file.read_bytes()
    damage(file)
    with pytest.raises(InputError) as error:
        convert([clip, slowfast], out)
    message = rf"clip_slowfast\.hdf5: holds 2 videos, but not the 1 .*: '.*clip/s34-d28\.npz': .*{match}.*; fetch these"
    assert re.search(message, str(error.value)) and "\n" not in str(error.value)
    assert str(error.value).endswith("and the same command adds them")
    assert set(FeatureStore(out)) == set(VIDEOS) - {"s34-d28"} and not partial_path(out).exists()

    state = out.stat()
    with pytest.raises(InputError, match="holds 2 videos, but not the 1"):
        convert([clip, slowfast], out)  # nothing new: nothing is written
    assert out.stat().st_mtime_ns == state.st_mtime_ns and not partial_path(out).exists()

    file.rmdir() if file.is_dir() else file.unlink()
    file.write_bytes(whole)
    store = convert([clip, slowfast], out)
    assert set(store) == set(VIDEOS) and not partial_path(out).exists()
    assert all(rows.shape == (6, 13) for rows in store.values())


def test_a_bit_that_flipped_far_from_the_header_is_found(clip, out):
    np.savez(clip / "v_a.npz", features=rows_of(3000, 4))
    flipped(clip / "v_a.npz", 40_000)
    with pytest.raises(InputError, match=r"holds 2 videos, .*v_a\.npz': damaged, .*\(Bad CRC-32"):
        convert([clip], out)


def test_damaged_files_are_counted_and_the_first_ten_named(tmp_path, out):
    write(tmp_path / "clip", 4, {f"v{n:02}": 3 for n in range(20)})
    for n in range(12):
        (tmp_path / "clip" / f"v{n:02}.npz").write_bytes(b"?")
    with pytest.raises(InputError, match=r"holds 8 videos, but not the 12 .*v09\.npz.*; and 2 more; fetch"):
        convert([tmp_path / "clip"], out)


@pytest.mark.parametrize("damage", [b"", header_of((2, 4), np.full(8, np.nan, np.float32).tobytes())])
def test_where_nothing_can_be_read_nothing_is_written(clip, out, damage):
    for file in clip.iterdir():
        file.write_bytes(damage)
    with pytest.raises(InputError, match=r"hdf5: none of the 3 videos can be read: '.*NUsG.*npz': .*; fetch"):
        convert([clip], out)
    assert not out.exists() and not partial_path(out).exists()


def test_nothing_pickled_is_ever_run(clip, out, tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    np.savez(clip / "v_a.npz", features=np.array([[Trap()]], object))
    with pytest.raises(InputError, match="never loaded"):
        convert([clip], out)
    assert not (tmp_path / "sprung").exists()


def test_a_file_damaged_after_its_video_was_stored_does_not_matter(clip, out):
    before = convert([clip], out)["v_a"]
    (clip / "v_a.npz").write_bytes(b"")
    np.testing.assert_array_equal(convert([clip], out)["v_a"], before)


# ── Interrupted, resumed, grown ───────────────────────────────────────────────────────────────


def stopping_at(count: int, read):
    seen = []

    def stops(*arguments):
        if len(seen) == count:
            raise KeyboardInterrupt
        seen.append(arguments)
        return read(*arguments)

    return stops


def test_an_interrupted_conversion_resumes(clip, slowfast, out, monkeypatch):
    read = npz.read_joined
    monkeypatch.setattr(npz, "read_joined", stopping_at(2, read))
    with pytest.raises(KeyboardInterrupt):
        convert([clip, slowfast], out)
    assert not out.exists()
    with h5py.File(partial_path(out)) as file:
        assert list(file) == sorted(VIDEOS)[:2]
    monkeypatch.setattr(npz, "read_joined", stopping_at(1, read))  # one is left
    store = convert([clip, slowfast], out)
    assert set(store) == set(VIDEOS) and not partial_path(out).exists()
    monkeypatch.setattr(npz, "read_joined", stopping_at(0, read))
    assert set(convert([clip, slowfast], out)) == set(VIDEOS)  # complete: nothing is read again


def test_reports_and_damage_are_the_same_after_an_interruption(tmp_path, clip, out, monkeypatch):
    write(tmp_path / "slowfast", 9, dict(zip(VIDEOS, (5, 6, 6), strict=True)))
    flipped(clip / "s34-d28.npz", 200)
    monkeypatch.setattr(npz, "read_joined", stopping_at(1, npz.read_joined))
    with pytest.raises(KeyboardInterrupt), pytest.warns(UserWarning, match="1 of 2 videos are cut"):
        convert([clip, tmp_path / "slowfast"], out)
    monkeypatch.undo()
    with (
        pytest.raises(InputError, match="holds 2 videos, but not the 1"),
        pytest.warns(UserWarning, match="1 of 2 videos are cut"),
    ):
        convert([clip, tmp_path / "slowfast"], out)


def test_interrupted_while_it_grows_the_old_store_stays_and_it_resumes(clip, out, monkeypatch):
    whole = {video: (clip / f"{video}.npz").read_bytes() for video in VIDEOS[:2]}
    for video in whole:
        (clip / f"{video}.npz").write_bytes(b"")
    with pytest.raises(InputError):
        convert([clip], out)
    for video, content in whole.items():
        (clip / f"{video}.npz").write_bytes(content)
    monkeypatch.setattr(npz, "read_joined", stopping_at(1, npz.read_joined))
    with pytest.raises(KeyboardInterrupt):
        convert([clip], out)
    assert set(FeatureStore(out)) == {"v_a"}
    monkeypatch.undo()
    seen = []
    monkeypatch.setattr(npz, "read_joined", lambda *job, read=npz.read_joined: seen.append(job) or read(*job))
    assert set(convert([clip], out)) == set(VIDEOS) and len(seen) == 1


def test_new_videos_are_added_and_old_ones_stay(tmp_path, clip, out):
    convert([clip], out)
    for file in clip.iterdir():
        file.unlink()
    write(clip, 4, {"new": 2})
    assert set(convert([clip], out)) == {*VIDEOS, "new"}
    with pytest.raises(InputError, match=r"hdf5: video 'newer': features of shape \(2, 5\) instead of \(T, 4\)"):
        write(clip, 5, {"new": 2, "newer": 2})
        convert([clip], out)
    assert set(FeatureStore(out)) == {*VIDEOS, "new"}


@pytest.mark.parametrize("other", [{"seconds": 1}, {"normalise": False}])
def test_a_store_of_other_settings_is_never_mixed(clip, out, other):
    convert([clip], out)
    with pytest.raises(InputError, match=r"clip_slowfast\.hdf5: has (rate|layer) .*; delete it to start from scratch"):
        convert([clip], out, **other)


# ── The command ───────────────────────────────────────────────────────────────────────────────


def invoke(*words):
    return CliRunner(env={"COLUMNS": "100"}).invoke(cli_data.data_app, ["convert", *map(str, words)])


def test_the_command_says_what_it_has_made(clip, slowfast, out):
    done = invoke("npz", clip, slowfast, out, "--workers", 0)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{out}: 3 videos, 13 numbers per row, 0.5 rows per second\n"
    again = invoke("npz", clip, slowfast, out, "--seconds", 4, "--as-released", "--workers", 0)
    assert isinstance(again.exception, InputError) and "has layer" in str(again.exception)


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("npz",), r"npz takes one or more folders, then the file to write, such as `lgn-lite data convert npz clip"),
        (("npz", "clip"), r"npz takes one or more folders, then the file to write, such as"),
        (("npz", "clip", "slowfast"), r"^slowfast: the last name is the file to write, and has to end with \.hdf5"),
        (("npz", "clip", "f.hdf5", "--root", "data"), r"npz takes no --root, but folders and the file to write"),
        (("npz", "clip", "f.hdf5", "--source", "x"), r"npz takes no --source, but folders"),
        (("npz", "clip", "--output", "f.hdf5"), r"npz takes no --output, but folders"),
        (("tacos", "clip", "f.hdf5"), r"tacos takes no folders or files as words: these are for npz"),
        (("tacos", "--seconds", "1"), r"tacos takes no --seconds"),
        (("charades-sta", "--as-released"), r"charades-sta takes no --normalise/--as-released"),
        (("clip", "slowfast", "f.hdf5"), r"no features of 'clip' need converting: choose one of .*tacos, npz"),
    ],
)
def test_words_that_do_not_go_together_are_one_line(words, match):
    ended = invoke(*words)
    assert isinstance(ended.exception, InputError), ended.output
    assert re.search(match, str(ended.exception)), ended.exception


def test_the_file_to_write_is_no_folder(clip, tmp_path):
    (tmp_path / "f.hdf5").mkdir()
    ended = invoke("npz", clip, tmp_path / "f.hdf5")
    assert re.search(r"f\.hdf5: a folder, a device or a pipe", str(ended.exception))


def test_ctrl_c_is_one_line_and_the_command_resumes(clip, out, monkeypatch):
    monkeypatch.setattr(npz, "read_joined", stopping_at(1, npz.read_joined))
    ended = invoke("npz", clip, out, "--workers", 0)
    assert ended.exit_code == 130 and ended.output.endswith("the same command resumes with the rest.\n")
    monkeypatch.undo()
    assert invoke("npz", clip, out, "--workers", 0).exit_code == 0 and len(FeatureStore(out)) == 3


def test_real_names_of_annotations_find_their_features(shared, tmp_path, out):
    """lighthouse's jsonl says s34-d28, the json of 2D-TAN s34-d28.avi; npz files are named as the former."""
    lines = shared("data/jsonl/tacos_val_release.jsonl").read_text(encoding="utf-8").splitlines()
    names = {json.loads(line)["vid"] for line in lines}
    write(tmp_path / "clip", 4, dict.fromkeys(names, 2))
    store = convert([tmp_path / "clip"], out)
    store.check(names)
    store.check(json.loads(shared("data/tacos/val.json").read_text(encoding="utf-8")))
