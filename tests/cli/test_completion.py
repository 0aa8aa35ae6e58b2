"""What the shell completes, through typer's own protocol."""

import shlex
from dataclasses import fields

import pytest
from typer.testing import CliRunner

from lgn_lite.cli import completion
from lgn_lite.cli import main as cli
from lgn_lite.config import PRESETS, VARIANTS, LGNConfig, TrainSettings
from lgn_lite.data_sets import REAL
from lgn_lite.downloads.registry import NOTEBOOKS
from lgn_lite.support import files
from lgn_lite.toy.build import SIZES


def complete(line: str, shell: str = "bash") -> list[str]:
    """What Tab offers after `lgn-lite LINE`."""
    line = f"lgn-lite {line}"
    count = len(shlex.split(line)) - (not line.endswith(" "))
    told = {"COMP_WORDS": line, "COMP_CWORD": str(count), "_TYPER_COMPLETE_ARGS": line}
    ended = CliRunner().invoke(cli.app, prog_name="lgn-lite", env={"_LGN_LITE_COMPLETE": f"complete_{shell}", **told})
    assert ended.exit_code == 0 and ended.stderr == "", ended.output
    return ended.output.split()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("run ", [name.partition("_")[0] for name in NOTEBOOKS]),
        ("run 02", ["02", "02b"]),
        ("run 00 1", ["10", "11", "12", "13", "14"]),
        ("run 09_", ["09_train"]),
        ("sweep 1", ["10", "11", "12", "13", "14"]),
        ("train x --variant ", list(VARIANTS)),
        ("train x --data ", ["toy-sta", *REAL]),
        ("blind ta", ["tacos"]),
        ("predict x --encoder ", ["clip", "vgg16"]),
        ("evaluate x --split te", ["test", "test-composition"]),
        ("data toy --size ", list(SIZES)),
        ("report x --size s", ["small", "small-long"]),
        ("data get glove", ["glove-6b", "glove-840b"]),
        ("summary ", list(PRESETS)),
        ("train x --profile ", ["smoke", "cpu", "gpu"]),
        ("train x -s ", [f"{field.name}=" for field in fields(LGNConfig)]),
        ("summary toy -s hidden=64 --setting hid", ["hidden="]),
        ("train x -t ", [f"{field.name}=" for field in fields(TrainSettings)]),
        ("run 09 -p t_m", ["t_min=", "t_max="]),
        ("run 00 -p t_m", []),
        ("si", ["site"]),
        ("train x --nothing-of-this ", []),
    ],
)
def test_names_are_completed(line, found):
    assert complete(line) == found


def test_shells_that_can_show_a_word_on_each():
    assert "hidden=" in "".join(complete("train x -s hid", "zsh")) and "channels" in "".join(
        complete("train x -s hid", "zsh")
    )


def test_runs_and_checkpoints_are_those_that_are_there(tmp_path, monkeypatch):
    for folder in (
        "runs/course/models/full/best",
        "runs/course/models-seed1/late/best",
        "runs/mine/best",
        "runs/empty",
    ):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "runs" / "course" / "run.json").touch()
    monkeypatch.setattr(files, "project_root", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)
    assert complete("site ") == ["course"]
    assert complete("evaluate runs/course") == ["runs/course/models/full/best", "runs/course/models-seed1/late/best"]
    assert complete("inspect runs/m") == ["runs/mine/best"]


def test_without_a_project_nothing_is_offered_and_nothing_said(monkeypatch):
    def nowhere():
        raise completion.InputError("no notebooks/ folder")

    monkeypatch.setattr(files, "project_root", nowhere)
    assert complete("run ") == complete("site ") == complete("run -p s") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_shown(shell, monkeypatch):
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    shown = CliRunner().invoke(cli.app, ["--show-completion", shell], prog_name="lgn-lite")
    assert shown.exit_code == 0 and "_LGN_LITE_COMPLETE" in shown.output
