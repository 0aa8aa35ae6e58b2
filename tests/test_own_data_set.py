"""A data set of one's own: what is proposed for it, what is refused, and the way from two files to predictions."""

import json
import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from lgn_lite.annotations import Query
from lgn_lite.batches import MomentDataset, collate
from lgn_lite.checkpoint import load_checkpoint
from lgn_lite.cli import main as cli
from lgn_lite.config import PRESETS
from lgn_lite.data_sets import DataSetMissing, find_data_set, open_data_set
from lgn_lite.errors import InputError
from lgn_lite.jsonl import read_jsonl, write_jsonl
from lgn_lite.moments import Moments
from lgn_lite.own_data_set import (
    measured_rate,
    possible_maps,
    propose_map,
    read_annotations,
    read_files,
    write_description,
)
from lgn_lite.recipes import evaluate_checkpoint


def invoke(*words):
    return CliRunner().invoke(cli.app, [str(word) for word in words])


@pytest.fixture
def mine(tmp_path):
    """A folder with train.jsonl, val.jsonl and mine.hdf5: eight videos of 40 s, rows of 6 numbers each 2 s."""
    rng = np.random.default_rng(0)
    with h5py.File(tmp_path / "mine.hdf5", "w") as file:
        for n in range(8):
            file[f"v{n}"] = rng.normal(size=(20, 6)).astype(np.float32)
    for split, numbers in {"train": range(6), "val": range(6, 8)}.items():
        queries = [
            Query(f"v{n}", f"a {word} jumps", 5.0 * k, 5.0 * k + 10, 40.0, others=((30.0, 40.0),) * (k == 1))
            for n in numbers
            for k, word in enumerate(("cat", "dog"))
        ]
        write_jsonl(queries, tmp_path / f"{split}.jsonl")
    return tmp_path


def files(folder, **changed):
    found = {"train": folder / "train.jsonl", "val": folder / "val.jsonl", "features": folder / "mine.hdf5"}
    return found | changed


SMALL = {"hidden": 8, "text_dim": 8, "text_layers": 1, "layers": 2, "kernel": 3, "guidance": 1, "padding": 2}
QUICK = {"epochs": 1, "batch_size": 4}


# ── What follows from the files ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("file", "preset", "ceilings"),
    [
        ("jsonl/charades_test_release.jsonl", "charades-sta", (100.0, 99.5)),
        ("jsonl/tacos_val_release.jsonl", "tacos", (97.5, 92.1)),
    ],
)
def test_the_papers_maps_are_proposed_for_the_papers_data(shared, file, preset, ceilings):
    found = propose_map(possible_maps(read_jsonl(shared(f"data/{file}"))))
    expected = {"num_clips": 16, "scales": (16,), **PRESETS[preset]}
    assert (found.num_clips, found.scales) == (expected["num_clips"], expected["scales"])
    assert tuple(round(value, 1) for value in found.ceilings.values()) == ceilings


def test_width_rate_and_map_come_from_the_files(mine):
    found = read_files(write_description(mine / "d.json", files(mine)))
    assert (found.config.visual_dim, found.rate, found.config.feature) == (6, 0.5, "c3d")
    assert (found.config.num_clips, found.config.num_frames, found.config.scales) == (16, 16, (16,))
    assert [query.windows for query in found.queries["train"][:2]] == [[(0, 10)], [(5, 15), (30, 40)]]


def test_what_a_store_says_of_itself_counts(mine):
    with h5py.File(mine / "mine.hdf5", "a") as file:
        file.attrs.update({"encoder": "mine", "layer": "fc6", "rate": 3.0, "weights": ""})
    data = open_data_set(str(write_description(mine / "d.json", files(mine))))
    assert (data.rate, data.encoder, data.config.feature, data.config.frame_norm) == (3.0, "mine", "fc6", "none")


def test_a_rate_that_differs_from_video_to_video_is_unknown(mine):
    found = read_files(write_description(mine / "d.json", files(mine)))
    queries = [replace(q, duration=q.duration * (1 + n)) for n, q in enumerate(found.queries["train"])]
    assert measured_rate(queries, found.features) == 0


def test_everything_can_be_set(mine):
    path = write_description(mine / "d.json", files(mine))
    content = json.loads(path.read_text(encoding="utf-8"))
    settings = {"num_clips": 8, "num_frames": 24, "scales": [8]}
    path.write_text(json.dumps(content | {"title": "Cats", "model": settings}), encoding="utf-8")
    data = open_data_set(str(path))
    assert data.title == "Cats" and (data.config.num_clips, data.config.num_frames) == (8, 24)
    assert write_description(path, files(mine)) == path  # what was added stays
    assert json.loads(path.read_text(encoding="utf-8"))["title"] == "Cats"


# ── What is missing or wrong ──────────────────────────────────────────────────────────────────


def without(mine, *videos):
    with h5py.File(mine / "mine.hdf5", "a") as file:
        for video in videos:
            del file[video]


def test_videos_without_features_are_counted_and_named(mine):
    without(mine, "v1", "v2")
    path = write_description(mine / "d.json", files(mine))
    with pytest.raises(InputError, match=r"train.jsonl: .*2 of 6 videos .*'v1': no features; 'v2'.*--skip-missing"):
        open_data_set(str(path))
    path = write_description(mine / "e.json", files(mine), skip_missing=True)
    with pytest.warns(UserWarning, match=r"2 of 6 videos have no features .*\('v1', 'v2'\): their 4 of 12 queries"):
        data = open_data_set(str(path))
    assert len(data.queries("train")) == 8 and len(data.queries("val")) == 4


def test_no_query_that_is_left_is_an_error(mine):
    without(mine, "v6", "v7")
    path = write_description(mine / "d.json", files(mine), skip_missing=True)
    with pytest.warns(UserWarning), pytest.raises(InputError, match=r"val.jsonl: no query is left"):
        open_data_set(str(path))


def test_a_video_in_both_splits_is_an_error(mine):
    queries = [*read_jsonl(mine / "val.jsonl"), *read_jsonl(mine / "train.jsonl")[:1]]
    write_jsonl([replace(q, qid=None) for q in queries], mine / "val.jsonl")
    with pytest.raises(InputError, match=r"d.json: splits train and val share 1 videos \('v0'\)"):
        open_data_set(str(write_description(mine / "d.json", files(mine))))


def test_without_a_test_file_val_is_said_to_be_it(mine):
    path = write_description(mine / "d.json", files(mine))
    with pytest.warns(UserWarning, match="no test queries: what is called test are those of val"):
        data = open_data_set(str(path))
    assert data.queries("test") == data.queries("val")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "features and one of train, val, test must be the paths of files"),
        ({"features": "mine.hdf5"}, "features and one of train, val, test must be"),
        ({"train": "train.jsonl"}, "features and one of"),
        ({"train": 3, "features": "mine.hdf5"}, "train=3: must be a text"),
        ({"train": "train.jsonl", "features": "mine.hdf5", "vall": "x"}, "unknown key vall; known are features, train"),
        ({"train": "train.jsonl", "features": "mine.hdf5", "model": {"hiden": 3}}, "unknown setting hiden"),
        ({"train": "train.jsonl", "features": "mine.hdf5", "skip_missing": 1}, "skip_missing must be true or false"),
        ({"train": "nix.jsonl", "features": "mine.hdf5"}, "nix.jsonl: No such file"),
        ({"train": "train.txt", "features": "mine.hdf5"}, "train.txt: annotations are .jsonl"),
        ({"train": "train.jsonl", "features": "nix.hdf5"}, "nix.hdf5: does not exist"),
        ({"train": "train.jsonl", "features": "train.jsonl"}, "train.jsonl: "),
    ],
)
def test_a_wrong_description_is_refused_in_a_line(mine, content, said):
    (mine / "d.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError) as refused:
        open_data_set(str(mine / "d.json"))
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_a_description_of_other_files_stays(mine):
    path = write_description(mine / "d.json", files(mine))
    before = path.read_bytes()
    for changed in ({"val": mine / "train.jsonl"}, {"test": mine / "val.jsonl"}):
        with pytest.raises(InputError, match=r"d.json: is of other files"):
            write_description(path, files(mine, **changed))
    with pytest.raises(InputError, match=r"nix.jsonl: no such file; give one for val"):
        write_description(mine / "e.json", files(mine, val=mine / "nix.jsonl"))
    assert path.read_bytes() == before and not (mine / "e.json").exists()


def test_a_description_that_is_gone_is_named(tmp_path):
    with pytest.raises(DataSetMissing, match=r"gone.json: no such file; give the .json that describes the data set"):
        find_data_set(str(tmp_path / "gone.json"))


@pytest.mark.parametrize("keys", [("timestamps", "sentences"), ("spans", "queries")])
def test_annotations_by_video_are_read_too(tmp_path, keys):
    entry = {"duration": 20.0, keys[0]: [[1, 4], [2, 5]], keys[1]: ["a cat", "a dog"]}
    (tmp_path / "a.json").write_text(json.dumps({"v": entry}), encoding="utf-8")
    assert [(q.sentence, q.start) for q in read_annotations(tmp_path / "a.json")] == [("a cat", 1), ("a dog", 2)]


# ── The whole way ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_two_files_make_a_model_that_finds_its_data_again(mine, monkeypatch):
    options = [f"-s{key}={value}" for key, value in SMALL.items()] + [
        f"-t{key}={value}" for key, value in QUICK.items()
    ]
    flags = [
        "--annotations",
        mine / "train.jsonl",
        "--validation",
        mine / "val.jsonl",
        "--features",
        mine / "mine.hdf5",
    ]
    done = invoke("train", mine / "run", *flags, *options)
    assert done.exit_code == 0 and "LGN, best epoch 1" in done.output, done.output
    again = invoke("train", mine / "run", *flags, *options)
    assert again.exit_code == 0, again.output

    moved = mine / "elsewhere"
    moved.mkdir()
    for name in ("train.jsonl", "val.jsonl", "mine.hdf5", "run"):
        shutil.move(mine / name, moved / name)
    best, found = moved / "run" / "best", moved / "p.jsonl"
    assert load_checkpoint(best).about.data_set == "data_set.json"
    results = invoke("evaluate", best, "--write", found)
    assert results.exit_code == 0 and "LGN on run, test" in results.output, results.output
    scored = invoke("score", found, moved / "val.jsonl", "--json", moved / "s.json")
    table = json.loads((moved / "s.json").read_text(encoding="utf-8"))["full"]
    expected = evaluate_checkpoint(find_data_set(checkpoint=load_checkpoint(best)), load_checkpoint(best), "val")["all"]
    assert scored.exit_code == 0 and table["queries"] == 4
    assert table[">"]["R1@0.5"] == expected["R1@0.5"] and table["mIoU"] == pytest.approx(expected["mIoU"])

    others = [replace(q, sentence=q.sentence.replace("jumps", "runs")) for q in read_jsonl(moved / "train.jsonl")]
    write_jsonl(others, moved / "others.jsonl")
    other = invoke("evaluate", best, "--annotations", moved / "others.jsonl")
    assert other.exit_code == 0 and "LGN on others.jsonl, test" in other.output
    assert other.output.splitlines()[1].split()[:2] == ["all", "12"]
    shown = invoke("report", best, "--annotations", moved / "others.jsonl", "--count", 1, "--output", moved / "r.html")
    assert shown.exit_code == 0 and "a cat runs" in (moved / "r.html").read_text(encoding="utf-8"), shown.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "x", "--annotations", "a.jsonl"], "--validation and --features: missing"),
        (["train", "x", "--annotations", "a.jsonl", "--data", "tacos"], "--data tacos and files of your own"),
        (["train", "x", "--skip-missing"], "--skip-missing is for --annotations"),
        (["run", "09", "--features", "a.hdf5"], "--annotations and --validation: missing"),
        (["run", "09", "-p", "data_set=tacos", "--features", "a.hdf5"], "--data tacos and files of your own"),
    ],
)
def test_files_that_are_missing_are_named_by_their_option(tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    refused = invoke(*words)
    assert isinstance(refused.exception, InputError) and said in str(refused.exception)
    assert list(tmp_path.iterdir()) == []


def test_the_survey_shows_what_is_proposed(mine):
    for name in ("train.jsonl", write_description(mine / "d.json", files(mine)).name):
        shown = invoke("data", "survey", mine / name)
        assert shown.exit_code == 0 and "12 queries of 6 videos" in shown.output
        (proposed,) = [line for line in shown.output.splitlines() if "proposed" in line]
        assert proposed.split()[0] == "16"


def test_labels_take_the_best_overlap_of_several_windows(mine):
    data = open_data_set(str(write_description(mine / "d.json", files(mine))))
    data = replace(data, config=data.config.override(**SMALL))
    train_set = MomentDataset(data.queries("train"), data.features, lambda _: torch.tensor([2]), data.config)
    batch = collate([train_set[0], train_set[1]])  # one window, and two
    assert batch["span"].shape == (2, 2, 2)
    first, second = Moments(data.config.num_clips, data.config.scales).iou(batch["span"])
    assert (first == 1).sum() == 1 and (second == 1).sum() == 2  # each window has a candidate of its own
    both = MomentDataset(data.queries("train")[:1], data.features, lambda _: torch.tensor([2]), data.config)
    assert collate([both[0]])["span"].shape == (1, 2)
