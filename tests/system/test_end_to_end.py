"""From drawn videos to retrieved moments on Toy-STA tiny: data, training, evaluation, commands."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lgn_lite.checkpoint import load_checkpoint
from lgn_lite.cli import main as cli
from lgn_lite.data_sets import open_data_set
from lgn_lite.errors import InputError
from lgn_lite.recipes import VARIANTS, Recipe, evaluate_checkpoint, evaluate_constant, evaluation_set, train_variant
from lgn_lite.toy import RATE
from lgn_lite.toy.build import SIZES, SPLITS
from lgn_lite.video.frames import probe

SMALL = {"hidden": 16, "text_dim": 16}


@pytest.fixture(scope="module")
def trained(tiny_toy, tmp_path_factory) -> Path:
    """The folder of a full model, trained for the one epoch of profile "smoke"."""
    folder = tmp_path_factory.mktemp("runs") / "full"
    history = train_variant(tiny_toy, folder, Recipe(profile="smoke", model=SMALL), progress=False)
    assert [entry["epoch"] for entry in history] == [1]
    return folder


def test_every_video_of_every_split_has_features_at_the_asked_rate(tiny_toy):
    videos = {split: {query.video for query in tiny_toy.queries(split)} for split in SPLITS}
    assert videos.pop("test-words") == videos["test"]  # of which it asks in other words
    assert {split: len(found) for split, found in videos.items()} == SIZES["tiny"]
    assert set(tiny_toy.features) == set().union(*videos.values())
    assert tiny_toy.features.attrs["rate"] == RATE
    for name in ("toy-train-0000", "toy-test-0003"):
        info = probe(tiny_toy.video(name))
        assert (info.width, info.height) >= (192, 192) and info.fps >= 8
        assert abs(len(tiny_toy.features[name]) - info.duration * RATE) < 1
        (duration,) = {query.duration for split in SPLITS for query in tiny_toy.queries(split) if query.video == name}
        assert info.duration == pytest.approx(duration, abs=0.05)


def test_prepared_data_are_found_again(tiny_toy):
    files = [tiny_toy.encoder_file, tiny_toy.features.path, *tiny_toy.folder.glob("videos/*.mp4")]
    before = [path.stat().st_mtime_ns for path in files]
    again = open_data_set("toy-sta", "tiny", tiny_toy.folder.parents[1], progress=False)
    assert [path.stat().st_mtime_ns for path in files] == before
    assert list(again.features) == list(tiny_toy.features)
    with pytest.raises(InputError, match="no Toy-STA of size 'huge'"):
        open_data_set("toy-sta", "huge")


def test_training_leaves_checkpoints_that_say_what_they_are(trained):
    for kind in ("best", "last"):
        about = load_checkpoint(trained / kind).about
        assert about.data.startswith("Toy-STA tiny")
        assert (about.encoder, about.layer, about.rate) == ("vgg-small", "fc6", RATE)
        assert about.training["variant"] == "full"


@pytest.mark.parametrize("split", ["test", "test-composition"])
def test_evaluation_covers_every_query_by_kind_and_length(tiny_toy, trained, split):
    results = evaluate_checkpoint(tiny_toy, load_checkpoint(trained / "best"), split)
    count = len(tiny_toy.queries(split))
    assert results["all"]["queries"] == count
    for group in ("kind", "length"):
        assert sum(row["queries"] for row in results[group].values()) == count
    assert set(results["kind"]) == {query.tags["kind"] for query in tiny_toy.queries(split)}
    row = results["all"]
    assert row["R1@0.3"] >= row["R1@0.5"] >= row["R1@0.7"] and row["R5@0.5"] >= row["R1@0.5"]
    assert 0 < row["mIoU"] < 100
    json.dumps(results, allow_nan=False)
    assert evaluate_constant(tiny_toy, split)["all"]["queries"] == count


def test_validation_in_training_is_the_evaluation_of_the_split(tiny_toy, trained):
    (entry,) = json.loads((trained / "history.json").read_text())
    found = evaluate_checkpoint(tiny_toy, load_checkpoint(trained / "last"), "val")["all"]
    assert {name: found[name] for name in ("R1@0.5", "R1@0.7", "mIoU")} == pytest.approx(
        {name: entry[name] for name in ("R1@0.5", "R1@0.7", "mIoU")}
    )


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "full"])
def test_every_variant_trains(tiny_toy, tmp_path, variant):
    train_variant(tiny_toy, tmp_path, Recipe(variant, "smoke", model=SMALL), progress=False)
    checkpoint = load_checkpoint(tmp_path / "best")
    config = checkpoint.model.config
    assert all(getattr(config, name) == value for name, value in VARIANTS[variant].items())
    video = evaluation_set(tiny_toy, checkpoint, "val")[0]["video"]
    assert video.any().item() == (variant != "blind")  # a blind model stays blind


def test_another_variant_in_the_same_folder_is_refused(tiny_toy, trained):
    """The full and the blind model have the same settings; the results must not pass for each other's."""
    with pytest.raises(InputError, match="training of other settings"):
        train_variant(tiny_toy, trained, Recipe("blind", "smoke", model=SMALL), progress=False)


@pytest.mark.slow
def test_predict_on_the_command_line_gives_json(tiny_toy, trained):
    """The console script, as installed."""
    video = tiny_toy.video(tiny_toy.queries("test")[0].video)
    script = Path(sys.executable).with_name("lgn-lite")
    command = [
        script,
        "predict",
        trained / "best",
        video,
        "the red circle jumps",
        "a zebra",
        "--top",
        "2",
        "--json",
    ]
    ended = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    first, second = json.loads(ended.stdout)
    assert first["sentence"] == "the red circle jumps" and first["video"] == str(video)
    assert first["trained_on"].startswith("Toy-STA tiny")
    assert "zebra" in second["unknown_words"]
    for answer in (first, second):
        assert 1 <= len(answer["moments"]) <= 2
        assert all(0 <= m["start"] < m["end"] <= answer["duration"] for m in answer["moments"])
        scores = [moment["score"] for moment in answer["moments"]]
        assert scores == sorted(scores, reverse=True)


def test_predict_on_the_command_line_for_the_eye(tiny_toy, trained):
    video = tiny_toy.video("toy-test-0000")
    shown = CliRunner().invoke(cli.app, ["predict", str(trained / "best"), str(video), "a red zebra"])
    assert shown.exit_code == 0, shown.output
    assert "trained on Toy-STA tiny" in shown.output
    assert "zebra" in shown.output.split("never saw")[1]
    assert shown.output.count("score 0.") >= 1


def test_evaluate_on_the_command_line(tiny_toy, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tiny_toy.folder.parents[2])
    output = tmp_path / "results.json"
    asked = ["evaluate", str(trained / "best"), "--size", "tiny", "--split", "val", "--output", str(output)]
    shown = CliRunner().invoke(cli.app, asked)
    assert shown.exit_code == 0, shown.output
    results = json.loads(output.read_text())
    assert results == json.loads(json.dumps(evaluate_checkpoint(tiny_toy, load_checkpoint(trained / "best"), "val")))
    assert f"{results['all']['mIoU']:.1f}" in shown.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{best}", "absent.mp4", "red"], "absent.mp4"),
        (["{best}", "{video}", " "], "has no words"),
        (["absent", "{video}", "red"], "no checkpoint folder absent"),
        (["{best}", "{best}/config.json", "red"], "config.json"),
        (["{best}", "{video}", "red", "--device", "gpu"], "gpu"),
    ],
)
def test_bad_input_on_the_command_line_is_one_line_and_code_2(
    tiny_toy, trained, monkeypatch, capsys, arguments, message
):
    places = {"best": trained / "best", "video": tiny_toy.video("toy-test-0000")}
    monkeypatch.setattr(sys, "argv", ["lgn-lite", "predict", *(word.format(**places) for word in arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr()
    assert ended.value.code == 2
    assert told.err.startswith("error: ") and message in told.err and told.err.count("\n") == 1
    assert told.out == ""
