"""`lgn-lite site`, and what is said at the end of a run."""

import webbrowser

import pytest
from helpers.notebooks import write_notebook
from typer.testing import CliRunner

from lgn_lite.cli import experiments
from lgn_lite.cli import main as cli
from lgn_lite.errors import InputError
from lgn_lite.support import files


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with a run of one notebook, seen from another folder; `opened` lists what the browser is shown."""
    run = tmp_path / "project" / "runs" / "mine"
    run.mkdir(parents=True)
    for name in ("00_start", "09_train.failed"):
        write_notebook(run / "notebooks" / f"{name}.ipynb", "1 + 1")
    (tmp_path / "project" / "runs" / "empty").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(files, "project_root", lambda: tmp_path / "project")
    monkeypatch.chdir(tmp_path / "elsewhere")
    return run


@pytest.fixture
def opened(monkeypatch):
    shown = []
    monkeypatch.setattr(webbrowser, "open", shown.append)
    return shown


def site(*words):
    return CliRunner().invoke(cli.app, ["site", *map(str, words)])


def test_the_site_of_a_run_is_built_and_shown(project, opened):
    done = site("mine")
    index = project / "site" / "index.html"
    assert done.exit_code == 0 and done.output == f"{index}\n" and opened == [index.as_uri()]
    assert {path.name for path in index.parent.glob("*.html")} == {"index.html", "00_start.html"}


def test_by_path_to_another_folder_without_a_browser(project, opened):
    done = site(project, "--output", "pages", "--no-browser")
    assert done.output == "pages/index.html\n" and opened == []
    assert (project.parents[2] / "elsewhere" / "pages" / "index.html").is_file() and not (project / "site").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["empty"], "runs/empty: holds no executed notebooks; "),
        (["never"], "runs/never: no such folder; "),
        ([""], "RUN: an empty path"),
        (["mine", "--output", ""], "--output: an empty path"),
    ],
)
def test_without_executed_notebooks_one_line_says_so(project, opened, words, said):
    ended = site(*words)
    assert isinstance(ended.exception, InputError) and said in str(ended.exception) and opened == []
    assert "\n" not in str(ended.exception)


@pytest.mark.parametrize(
    ("models", "hint"),
    [
        (["models/full/best", "models/baseline/best"], "models/full/best"),
        (["models/late/best", "models/early/best"], "models/early/best"),
        (["models/full/last"], None),
        ([], None),
    ],
)
def test_the_end_of_a_run_names_a_checkpoint_that_is_there(project, monkeypatch, capsys, models, hint):
    monkeypatch.chdir(project)
    for name in models:
        (project / name).mkdir(parents=True)
        (project / name / "config.json").touch()
    experiments._show_models(project)
    said = capsys.readouterr().out
    assert said == ("" if hint is None else f"\nInspect the predictions: lgn-lite inspect {hint}\n")
