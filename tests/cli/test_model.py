"""The commands on models: `train` says what it draws, and where it resumes; `evaluate` says of what and on what."""

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from lgn_lite import data_sets, recipes
from lgn_lite.cli import main as cli
from lgn_lite.data_sets import find_data_set
from lgn_lite.toy.build import SIZES


def invoke(*words):
    return CliRunner().invoke(cli.app, [str(word) for word in words])


@pytest.fixture
def interrupted(monkeypatch):
    """`interrupted(step)`: a training on any data set is stopped by Ctrl-C when this step was the last one saved."""

    def after(step):
        def train(_data, folder, *_, **__):
            for saved in (0, step) if step is not None else ():
                (folder / f"state-{saved:07}").mkdir(parents=True, exist_ok=True)
            raise KeyboardInterrupt

        monkeypatch.setattr(recipes, "train_variant", train)
        monkeypatch.setattr(data_sets, "find_data_set", lambda *_: None)

    return after


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (None, "Stopped. The same command starts again: no step was saved yet.\n"),
        (0, "Stopped. The same command starts again: no step was saved yet.\n"),
        (312, "Stopped. The same command resumes from step 312, the last one saved.\n"),
    ],
)
def test_a_stopped_training_promises_only_what_is_saved(tmp_path, interrupted, step, said):
    interrupted(step)
    ended = invoke("train", tmp_path / "x")
    assert ended.exit_code == 130 and ended.output == said


def test_train_says_what_it_draws_before_it_begins(tmp_path, monkeypatch, tiny_toy):
    begun = []

    def drawn(name, size, root, **_):
        begun.append((name, size, root))
        raise KeyboardInterrupt

    monkeypatch.setattr(data_sets, "open_data_set", drawn)
    ended = invoke("train", tmp_path / "x", "--size", "tiny", "--root", tmp_path / "data")
    assert begun == [("toy-sta", "tiny", tmp_path / "data")] and ended.exit_code == 130
    first, last = ended.output.splitlines()
    assert first.startswith(f"Toy-STA tiny is made in {tmp_path / 'data' / 'toy-sta' / 'tiny'}: 44 videos are drawn")
    assert "On two cores this takes" in first and last.startswith("Stopped. What is done stays; ")
    assert invoke("data", "toy", "--size", "tiny", "--root", tmp_path / "data").output == ended.output
    assert not (tmp_path / "x").exists()
    missing = invoke("train", tmp_path / "x", "--data", "tacos", "--root", tmp_path / "data")
    assert "`lgn-lite data get tacos" in str(missing.exception) and not (tmp_path / "x").exists()


def test_the_time_that_drawing_takes_is_known_of_every_size():
    from lgn_lite.cli.data import DRAWING_TAKES

    assert DRAWING_TAKES.keys() == {size.removesuffix("-long") for size in SIZES}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_training_is_quiet_in_a_pipe_and_its_checkpoint_finds_its_data(tmp_path, monkeypatch, small_toy):
    """One epoch, then `evaluate` from another folder, and after everything has moved."""
    (tmp_path / "project" / "data" / "toy-sta").mkdir(parents=True)
    (tmp_path / "project" / "data" / "toy-sta" / "tiny").symlink_to(small_toy.folder)
    data = replace(small_toy, folder=tmp_path / "project" / "data" / "toy-sta" / "tiny")
    monkeypatch.setattr(data_sets, "find_data_set", lambda *_, **__: data)
    folder = tmp_path / "project" / "runs" / "mine"
    done = invoke("train", folder, "--size", "tiny", "--profile", "smoke")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("LGN, best epoch 1: val R1@0.5 ") and done.stdout.endswith(f"\n{folder / 'best'}\n")
    assert done.stderr.startswith("epoch 1 of 1: loss ") and done.stderr.count("\n") == 1

    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(data_sets, "project_root", lambda: tmp_path / "nowhere")
    (tmp_path / "project").rename(tmp_path / "moved")
    shown = invoke("evaluate", "moved/runs/mine/best", "--output", "new.json")
    assert shown.exit_code == 0 and shown.stderr == "", shown.output
    assert shown.stdout.endswith("\nLGN on Toy-STA tiny (videos of drawn figures), test\nnew.json\n")
    assert {path.name for path in tmp_path.iterdir()} == {"moved", "new.json"}
    again = invoke("train", "moved/runs/mine", "--size", "tiny", "--profile", "smoke", "--root", small_toy.root)
    assert "holds a training of other settings" in str(again.exception)  # of the small model's; of no other root
    assert "root" not in str(again.exception)


def test_find_data_set_is_what_the_commands_use():
    assert data_sets.find_data_set is find_data_set
