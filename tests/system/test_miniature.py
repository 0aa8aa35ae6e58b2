"""The miniature of the real data sets: upstream layouts, real lines, the same files from the same seed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers.miniature import FEATURES, SCRIPT, build_miniature, read, script

from lgn_lite.errors import InputError
from lgn_lite.jsonl import read_jsonl


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_seed_gives_the_same_miniature(tmp_path):
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        build_miniature(tmp_path / name, videos=2, seed=seed)
    one, again, other = (contents(tmp_path / name) for name in ("one", "again", "other"))
    assert one == again
    assert one["tacos/train.json"] != other["tacos/train.json"]
    assert one["charades-sta/charades_sta_train.txt"] != other["charades-sta/charades_sta_train.txt"]


@pytest.mark.slow
def test_a_folder_that_holds_anything_is_left_alone(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine").write_text("16 GB", encoding="utf-8")
    done = subprocess.run([sys.executable, SCRIPT, tmp_path / "data"], capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"error: {tmp_path / 'data'}: is there already")
    assert contents(tmp_path / "data") == {"mine": b"16 GB"}
    for root, source, count, message in (
        (tmp_path / "data" / "mine", None, 6, "is there already"),
        (tmp_path / "new", tmp_path / "data", 6, "holds none of the folders charades-sta"),
        (tmp_path / "new", None, 1, "give 2 or more"),
    ):
        with pytest.raises(InputError, match=message):
            build_miniature(root, source, count)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_an_interrupted_miniature_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(script, "_glove", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build_miniature(tmp_path / "data", videos=2)
    assert list(tmp_path.iterdir()) == []


def test_the_layout_is_the_upstream_one(tmp_path):
    (tmp_path / "data").mkdir()  # empty: it may be used
    root = tmp_path / "data"
    build_miniature(root, videos=3)
    durations = {
        query.video: query.duration for split in ("train", "test") for query in read(root, "charades-sta", split)
    }
    assert len(durations) == 4 and all(re.fullmatch(r"[A-Z0-9]{5}", video) for video in durations)
    for video, seconds in durations.items():
        files = sorted((root / "charades-sta" / "Charades_v1_features_rgb" / video).iterdir())
        assert files[1].name == f"{video}-000005.txt" and len(files) == pytest.approx(6 * seconds, abs=1)
        numbers = [float(number) for number in files[0].read_text(encoding="utf-8").split()]
        assert len(numbers) == 4096 and min(numbers) == 0 and 0.4 < np.mean(np.array(numbers) > 0) < 0.6

    windows = {path.name for path in (root / "tacos").glob("Interval64*/*")}
    entries = json.loads((root / "tacos" / "train.json").read_text(encoding="utf-8"))
    for video, entry in entries.items():
        last = 12 * ((entry["num_frames"] - 64) // 12) + 1
        assert re.fullmatch(r"s\d\d-d\d\d\.avi", video)
        assert {f"{video}_1_65.npy", f"{video}_13_77.npy", f"{video}_{last}_{last + 64}.npy"} <= windows
        assert f"{video}_{last + 12}_{last + 76}.npy" not in windows

    durations = {query.video: query.duration for query in read(root, "activitynet-captions", "train")}
    with h5py.File(root / "activitynet-captions" / FEATURES["activitynet-captions"]) as store:
        assert len(store) == 4
        for video, seconds in durations.items():
            features = store[video]["c3d_features"][:]
            assert features.shape[1] == 500 and features.min() < 0
            assert len(features) == pytest.approx(seconds * 30 / 8, abs=2)


def test_real_lines_are_taken_as_they_are(shared, tmp_path):
    source = shared("data")
    assert build_miniature(tmp_path / "data", source, videos=4) == ["charades-sta", "tacos", "qvhighlights"]
    lines = (tmp_path / "data/charades-sta/charades_sta_train.txt").read_text(encoding="utf-8").splitlines()
    real = (source / "charades-sta/charades_sta_train.txt").read_text(encoding="utf-8").splitlines()
    names = {line.split()[0] for line in lines}
    assert len(names) == 4 and lines == [line for line in real if line.split()[0] in names]
    header, *rows = (tmp_path / "data/charades-sta/Charades_v1_train.csv").read_text(encoding="utf-8").splitlines()
    real = (source / "charades-sta/Charades_v1_train.csv").read_text(encoding="utf-8").splitlines()
    assert header == real[0] and len(rows) == 4 and set(rows) <= set(real)
    entries = json.loads((tmp_path / "data/tacos/val.json").read_text(encoding="utf-8"))
    assert entries.items() <= json.loads((source / "tacos/val.json").read_text(encoding="utf-8")).items()
    written, real = (read_jsonl(r / "qvhighlights/highlight_val_release.jsonl") for r in (tmp_path / "data", source))
    assert written and {query.qid: query for query in written}.items() <= {query.qid: query for query in real}.items()


@pytest.mark.slow
def test_any_folder_of_data_sets_can_be_the_source(tmp_path):
    build_miniature(tmp_path / "source", videos=6)
    assert build_miniature(tmp_path / "data", tmp_path / "source", videos=3) == [*FEATURES, "qvhighlights"]
    held = {r: read_jsonl(tmp_path / r / "qvhighlights/highlight_train_release.jsonl") for r in ("data", "source")}
    assert len({query.video for query in held["data"]}) == 3 and set(held["data"]) <= set(held["source"])
    assert any(query.others for query in held["source"])
    for data_set, split in (("activitynet-captions", "val_2"), ("activitynet-captions", "train"), ("tacos", "test")):
        taken, whole = (
            json.loads((tmp_path / r / data_set / f"{split}.json").read_text(encoding="utf-8"))
            for r in ("data", "source")
        )
        assert len(taken) == (3 if split == "train" else 1) and taken.items() <= whole.items()
    captions = tmp_path / "data" / "activitynet-captions"
    assert (
        len({video for n in (1, 2) for video in json.loads((captions / f"val_{n}.json").read_text(encoding="utf-8"))})
        == 1
    )
    (tmp_path / "source" / "tacos" / "val.json").write_text('{"s13-d21.avi": {}}', encoding="utf-8")
    with pytest.raises(InputError, match="num_frames"):
        build_miniature(tmp_path / "other", tmp_path / "source")
    assert not (tmp_path / "other").exists()
