"""The command line: quick help, parameters in YAML, the run command's exit codes and what it prints."""

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_experiments import write_notebook
from typer.testing import CliRunner

from lgn_lite import cli, experiments, files
from lgn_lite.errors import InputError


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of one notebook; commands run in it."""
    write_notebook(
        tmp_path / "notebooks" / "09_train.ipynb",
        "assert not broken, 'broken on purpose'",
        "import json, pathlib\nfolder = pathlib.Path(run_dir) / 'results'\nfolder.mkdir(parents=True)\n"
        "(folder / 'train.json').write_text(json.dumps({'profile': profile}))",
        parameters="profile = 'cpu'\nbroken = False\nrun_dir = ''",
    )
    monkeypatch.setattr(files, "project_root", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_run_fails_with_a_report_then_succeeds_with_a_table(project, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["lgn-lite", "run", "-p", "broken=true", "--force"])
    failed = CliRunner().invoke(cli.app, ["run", "-p", "broken=true"])
    assert failed.exit_code == 1
    assert "AssertionError: broken on purpose" in failed.output and "09_train" in failed.output
    assert "go on with: lgn-lite run -p broken=true\n" in failed.output  # without --force: that would start anew
    assert not (project / "runs" / "course" / "results").exists()

    done = CliRunner().invoke(cli.app, ["run", "09", "--profile", "smoke"])
    assert done.exit_code == 0, done.output
    assert json.loads((project / "runs/course/results/train.json").read_text()) == {"profile": "smoke"}
    left = ["runs/course/notebooks", "runs/course/results/train.json", "runs/course/site/index.html"]
    assert done.output.splitlines()[-3:] == left and all((project / path).exists() for path in left)


def test_interrupt_is_one_line_and_exit_code_130(project, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt("09_train, code cell 1 of 3")

    monkeypatch.setattr(experiments, "run_notebooks", interrupted)
    ended = CliRunner().invoke(cli.app, ["run", "--name", "x"])
    assert ended.exit_code == 130
    assert ended.output.startswith("Stopped in 09_train, code cell 1 of 3.") and ended.output.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-p", "sed=1"], "known parameters: broken, profile"),
        (["-p", "seed"], "KEY=VALUE"),
        (["-p", "seed=[1"], "not YAML"),
        (["-p", "profile=cpu", "--profile", "gpu"], "give one of them"),
        (["--name", "../x"], "not a path"),
        (["--name", ".."], "not a path"),
        (["07"], "name one of: 09_train"),
    ],
)
def test_bad_input_is_one_line_without_traceback(project, monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(sys, "argv", ["lgn-lite", "run", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert told.startswith("error: ") and message in told and told.count("\n") == 1
    assert not (project / "runs").exists()


def test_notebooks_are_found_by_name_path_and_beginning(tmp_path):
    folder = tmp_path / "notebooks"
    start, train = (write_notebook(folder / f"{name}.ipynb", "1") for name in ("00_start", "09_train"))
    assert cli.find_notebooks([], folder) == [start, train]
    assert cli.find_notebooks(["09_train", "00_start.ipynb"], folder) == [train, start]
    assert cli.find_notebooks([str(train), "00"], folder) == [train, start]
    with pytest.raises(InputError, match="2 notebooks"):
        cli.find_notebooks(["0"], folder)
    with pytest.raises(InputError, match="no notebooks"):
        cli.find_notebooks([], tmp_path)


def test_project_root_is_the_package_s_or_the_current_folder(tmp_path, monkeypatch):
    installed = tmp_path / "site-packages" / "lgn_lite" / "files.py"
    monkeypatch.setattr(files, "__file__", str(installed))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="no notebooks/"):
        files.project_root()
    (tmp_path / "notebooks").mkdir()
    assert files.project_root() == tmp_path
    (installed.parents[1] / "notebooks").mkdir(parents=True)
    (installed.parents[1] / "pyproject.toml").touch()
    assert files.project_root() == installed.parents[1]


plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
plain |= st.text(st.characters(min_codepoint=32, max_codepoint=126))


@settings(max_examples=50, deadline=None)
@given(st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text("ab"), inner), max_leaves=5))
def test_values_are_read_as_written_in_json(value):
    assert cli.parse_parameters([f"x={json.dumps(value)}"]) == {"x": value}


def test_values_are_read_as_people_write_them():
    words = ["rate=1e-3", "size=small", "parts=[early, late]", "seed=3", "on=true", "note=a=b", "seed=4"]
    assert cli.parse_parameters(words) == {
        "rate": 0.001,
        "size": "small",
        "parts": ["early", "late"],
        "seed": 4,
        "on": True,
        "note": "a=b",
    }
    words = ["a=no", "b=off", "c=Yes", "d=ON", "e=y", "f=false", "g=True"]
    assert list(cli.parse_parameters(words).values()) == ["no", "off", "Yes", "ON", "y", False, True]


def test_help_and_version_load_nothing_heavy():
    code = "import sys, lgn_lite.cli; print([m for m in ('torch', 'papermill', 'av') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"
    shown = CliRunner().invoke(cli.app, ["--version"])
    assert shown.exit_code == 0 and shown.output.startswith("lgn-lite 0.")
    assert "run" in CliRunner().invoke(cli.app, ["--help"]).output
