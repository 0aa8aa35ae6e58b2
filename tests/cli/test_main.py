"""The command line: quick help, parameters in YAML, the run command's exit codes and what it prints."""

import io
import json
import os
import subprocess
import sys

import pytest
from helpers.notebooks import write_notebook
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from lgn_lite.cli import main as cli
from lgn_lite.cli.options import folder_name, given_path, parse_parameters
from lgn_lite.errors import InputError
from lgn_lite.experiments import runner as experiments
from lgn_lite.support import files


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


@pytest.mark.slow
def test_run_fails_with_a_report_then_succeeds_with_a_table(project, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["lgn-lite", "run", "-p", "broken=true", "--force"])
    failed = CliRunner().invoke(cli.app, ["run", "-p", "broken=true"])
    assert failed.exit_code == 1
    assert "AssertionError: broken on purpose" in failed.output and "09_train" in failed.output
    assert "with: lgn-lite run -p broken=true\n" in failed.output  # without --force: that would start from scratch
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
        ([""], "no notebook named ''"),
        (["-p", "profile=cpu", "-p", "profile=cpu"], "profile is given twice"),
        (["-p", "profile=.nan"], "JSON cannot hold, nan"),
        (["-p", "profile=2026-01-01"], "JSON cannot hold, 2026-01-01"),
        (["-p", "profile=!!python/name:os.system"], "the tag !!python/name:os.system"),
        (["--name", ""], "is empty"),
        (["--runs-dir", ""], "an empty path"),
        (["--runs-dir", "notebooks/09_train.ipynb"], "Not a directory"),
        (["--name", "x" * 199, "--runs-dir", "y" * 256], "File name too long"),
    ],
)
def test_bad_input_is_one_line_without_traceback(project, monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(sys, "argv", ["lgn-lite", "run", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith("error: ") and message in said and said.count("\n") == 1
    assert not (project / "runs").exists()


def test_notebooks_are_found_by_name_path_and_beginning(tmp_path):
    folder = tmp_path / "notebooks"
    start, train = (write_notebook(folder / f"{name}.ipynb", "1") for name in ("00_start", "09_train"))
    assert experiments.find_notebooks([], folder) == [start, train]
    assert experiments.find_notebooks(["09_train", "00_start.ipynb"], folder) == [train, start]
    assert experiments.find_notebooks([str(train), "00"], folder) == [train, start]
    second = write_notebook(folder / "09b_train_more.ipynb", "1")
    assert experiments.find_notebooks(["09", "09b", "09b_t"], folder) == [train, second, second]
    assert experiments.find_notebooks([], folder) == [start, train, second]
    with pytest.raises(InputError, match="3 notebooks"):
        experiments.find_notebooks(["0"], folder)
    with pytest.raises(InputError, match="no notebooks"):
        experiments.find_notebooks([], tmp_path)


def test_project_root_is_the_package_s_or_the_current_folder(tmp_path, monkeypatch):
    installed = tmp_path / "site-packages" / "lgn_lite" / "support" / "files.py"
    monkeypatch.setattr(files, "__file__", str(installed))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="no notebooks/"):
        files.project_root()
    (tmp_path / "notebooks").mkdir()
    assert files.project_root() == tmp_path
    (installed.parents[2] / "notebooks").mkdir(parents=True)
    (installed.parents[2] / "pyproject.toml").touch()
    assert files.project_root() == installed.parents[2]


plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
plain |= st.text(st.characters(min_codepoint=32, max_codepoint=126))


@settings(max_examples=50, deadline=None)
@given(st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text("ab"), inner), max_leaves=5))
def test_values_are_read_as_written_in_json(value):
    assert parse_parameters([f"x={json.dumps(value)}"]) == {"x": value}


def test_values_are_read_as_people_write_them():
    words = ["rate=1e-3", "size=small", "parts=[early, late]", "seed=4", "on=true", "note=a=b"]
    assert parse_parameters(words) == {
        "rate": 0.001,
        "size": "small",
        "parts": ["early", "late"],
        "seed": 4,
        "on": True,
        "note": "a=b",
    }
    words = ["a=no", "b=off", "c=Yes", "d=ON", "e=y", "f=false", "g=True"]
    assert list(parse_parameters(words).values()) == ["no", "off", "Yes", "ON", "y", False, True]


# ── names and paths ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["", " ", "\t", "\u00a0", ".", "..", "a/b", "/a", "a/", "a\\b", "C:x", ".hidden", "x.",
    " x", "x ", "a\nb", "a\x00", "a\x1b[31m", "a*", "a?", "a|b", 'a"b', "<a>", "con", "NUL", "Com1", "lpt9.txt",
    "aux.tar.gz", "x" * 201, "é" * 101, "\udcff"])  # fmt: skip
def test_a_name_that_is_no_folder_s_everywhere_is_one_line(name):
    with pytest.raises(InputError, match=r"^--name [^\n]+$") as caught:
        folder_name(name)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 300


@pytest.mark.parametrize("name", ["course", "v1.2", "seed=1-guidance=0", "größe", "a b", "console", "com", "x" * 200])
def test_other_names_are_taken_as_they_are(name):
    assert folder_name(name) == name


def test_an_output_that_is_no_file_is_refused_before_anything_is_computed(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in ("", " ", str(tmp_path), "/", "..", str(tmp_path / "pipe")):
        with pytest.raises(InputError, match=r"^--csv[^\n]+$"):
            given_path(path, "--csv", file=True)
    with pytest.raises(InputError, match="a device or a pipe"), files.atomic_path(tmp_path / "pipe"):
        pass  # the rename would have replaced it
    assert (tmp_path / "pipe").is_fifo()
    assert given_path(".", "FOLDER").name == "" and given_path(tmp_path / "new" / "x.csv", "--csv", file=True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", ""], "FOLDER: an empty path"),
        (["train", "x", "-s", "hidden=8", "-s", "hidden=16"], "hidden is given twice"),
        (["train", "x", "-t", "epochs=1", "-t", "epochs=1"], "epochs is given twice"),
        (["summary", "-s", "hidden=8", "-s", "hidden=16"], "hidden is given twice"),
        (["evaluate", "x", "--output", ""], "--output: an empty path"),
        (["evaluate", "x", "--output", "."], "--output .: a folder"),
        (["blind", "toy-sta", "--runs-dir", ""], "--runs-dir: an empty path"),
        (["results", ""], "FOLDERS: an empty path"),
        (["results", "runs", "--html", ""], "--html: an empty path"),
        (["results", "notebooks", "--csv", "notebooks"], "--csv notebooks: a folder"),
        (["sweep", "09", "g.yaml", "--name", ""], "--name '' is empty"),
        (["sweep", "09", "g.yaml", "--runs-dir", " "], "--runs-dir: an empty path"),
    ],
)  # fmt: skip
def test_all_commands_have_a_line_for_it_and_write_nothing(project, monkeypatch, capsys, words, message):
    before = sorted(project.rglob("*"))
    monkeypatch.setattr(sys, "argv", ["lgn-lite", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.startswith("error: ") and message in said and said.count("\n") == 1
    assert sorted(project.rglob("*")) == before


# ── what a terminal cannot show, and files that are not a user's ──────────────────────────────


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii", "utf-8"])
def test_characters_that_a_terminal_lacks_are_replaced(project, monkeypatch, encoding):
    def fails(*_, **__):
        copy = project / "≥.failed.ipynb"
        raise experiments.NotebookFailed("09", "code cell 1 of 2 under “α”", "x = '≥'", "E", "✗ 日本 𝛼", "✗", copy)

    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    monkeypatch.setattr(experiments, "run_notebooks", fails)
    for words, code in ((["run"], 1), (["run", "-p", "≥=α"], 2)):
        monkeypatch.setattr(sys, "argv", ["lgn-lite", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == code
    for stream in streams:
        stream.flush()
    assert b"stopped in code cell 1 of 2" in streams[0].buffer.getvalue()
    assert streams[1].buffer.getvalue().startswith(b"error: ")


def test_hidden_files_among_notebooks_copies_and_results_are_passed_by(project):
    folder = project / "notebooks"
    (folder / "._09_train.ipynb").write_bytes(b"\x00\x05\x16\x07Mac OS X")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "09_train-checkpoint.ipynb").write_text("{")
    run_dir = project / "runs" / "course"
    for name in ("notebooks/._09_train.ipynb", "notebooks/.09_train.12345678901.ipynb", "results/._train.json"):
        (run_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (run_dir / name).write_bytes(b"\xff")
    write_notebook(folder / "09_train.ipynb", "1")
    done = CliRunner().invoke(cli.app, ["run"])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1] == "runs/course/site/index.html" and "._" not in done.output
    pages = sorted(path.name for path in (run_dir / "site").glob("*.html"))
    assert pages == ["09_train.html", "index.html"]
    assert sorted(path.name for path in (run_dir / "notebooks").iterdir()) == ["._09_train.ipynb", "09_train.ipynb"]
    assert "._" not in CliRunner().invoke(cli.app, ["results", "runs"]).output


def test_help_and_version_load_nothing_heavy():
    code = "import sys, lgn_lite.cli.main; print([m for m in ('torch', 'papermill', 'av') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"
    shown = CliRunner().invoke(cli.app, ["--version"])
    assert shown.exit_code == 0 and shown.output.startswith("lgn-lite 0.")
    assert "run" in CliRunner().invoke(cli.app, ["--help"]).output
