"""Runs of tiny notebooks: order, parameters, failure, going on, interruption, and what is on disk then."""

import io
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from rich.console import Console

from lgn_lite import experiments
from lgn_lite.errors import InputError
from lgn_lite.experiments import NotebookFailed, results, run_notebooks
from lgn_lite.progress import NotebookProgress, clock, show_failure

PYTHON = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
REMEMBER = "with open('order.txt', 'a') as f:\n    print({!r}, {}, file=f)"


def write_notebook(path: Path, *cells: str, parameters: str = "", tags: tuple[str, ...] = ()) -> Path:
    """A notebook of code cells, of Markdown where a cell starts with #; `tags` go to the last cell."""
    nodes = [new_code_cell(parameters, metadata={"tags": ["parameters"]})] if parameters else []
    nodes += [new_markdown_cell(cell) if cell.startswith("#") else new_code_cell(cell) for cell in cells]
    nodes[-1].metadata["tags"] = list(tags)
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=nodes, metadata=PYTHON), path)
    return path


def quiet() -> Console:
    return Console(file=io.StringIO(), width=100)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def record(run_dir: Path) -> dict:
    return json.loads((run_dir / "run.json").read_text())


# ── with real kernels ─────────────────────────────────────────────────────────────────────────


def test_a_run_fails_goes_on_and_ends(tmp_path, monkeypatch):
    # A python3 kernelspec of another Python, found before the environment's own, must not be used.
    spec = tmp_path / "elsewhere" / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text('{"argv": ["false", "{connection_file}"], "display_name": "x", "language": "python"}')
    monkeypatch.setenv("JUPYTER_PATH", str(spec.parents[2]))

    first = write_notebook(
        tmp_path / "notebooks" / "00_first.ipynb",
        REMEMBER.format("first", "seed, run_dir"),
        "import sys\nprint(sys.executable)",
        parameters="seed = 0\nrun_dir = 'nowhere'",
    )
    second = write_notebook(
        tmp_path / "notebooks" / "01_second.ipynb",
        "## The part that breaks",
        "import pathlib\nassert pathlib.Path('mended').exists(), 'not mended yet'",
        REMEMBER.format("second", "*[]"),
    )
    third = write_notebook(
        tmp_path / "notebooks" / "02_third.ipynb",
        REMEMBER.format("third", "width"),
        "1 / 0",
        parameters="width = 8",
        tags=("raises-exception",),
    )
    console = quiet()

    def run():
        return run_notebooks([first, second, third], "runs/x", {"seed": 7}, root=tmp_path, console=console)

    run_dir, order = tmp_path / "runs" / "x", tmp_path / "order.txt"
    with pytest.raises(NotebookFailed) as caught:
        run()
    assert order.read_text().splitlines() == ["first 7 runs/x"]
    assert names(run_dir / "notebooks") == ["00_first.ipynb", "01_second.failed.ipynb"]
    executed = nbformat.read(run_dir / "notebooks" / "00_first.ipynb", as_version=4)
    assert executed.cells[-1].outputs[0].text.strip() == sys.executable
    assert executed.metadata.papermill.output_path == "00_first.ipynb"

    told = record(run_dir)
    assert told["parameters"] == {"seed": 7}
    assert told["versions"]["python"].startswith(f"{sys.version_info[0]}.{sys.version_info[1]}")
    assert {"torch", "torchvision", "numpy", "papermill", "lgn_lite"} < set(told["versions"])
    assert told["notebooks"]["00_first"]["status"] == "done"
    assert told["notebooks"]["00_first"]["parameters"] == {"seed": 7, "run_dir": "runs/x"}
    assert told["notebooks"]["00_first"]["seconds"] > 0
    assert told["notebooks"]["01_second"]["status"] == "failed"
    assert told["notebooks"]["01_second"]["error"] == "AssertionError: not mended yet"
    assert "02_third" not in told["notebooks"]
    assert str(tmp_path) not in json.dumps(told)

    failure = caught.value
    assert failure.name == "01_second" and failure.source.startswith("import pathlib")
    assert failure.where.startswith("code cell 1 of 2 under “The part that breaks”")
    show_failure(console, failure, "lgn-lite run --name x")
    shown = console.file.getvalue()
    for part in ("pathlib.Path('mended')", "AssertionError: not mended yet", "lgn-lite run --name x"):
        assert part in shown

    (tmp_path / "mended").touch()
    assert [outcome.status for outcome in run()] == ["kept", "done", "done"]
    assert order.read_text().splitlines() == ["first 7 runs/x", "second", "third 8"]
    assert names(run_dir / "notebooks") == ["00_first.ipynb", "01_second.ipynb", "02_third.ipynb"]
    assert [outcome.status for outcome in run()] == ["kept", "kept", "kept"]


def test_a_dead_kernel_is_a_failure_that_keeps_the_cells_before(tmp_path):
    notebook = write_notebook(
        tmp_path / "dies.ipynb", "print('alive')", "import os\nos.system('echo last words')\nos._exit(1)"
    )
    with pytest.raises(NotebookFailed, match="memory") as caught:
        run_notebooks([notebook], "run", root=tmp_path, console=quiet())
    assert caught.value.where == "code cell 2 of 2"
    assert names(tmp_path / "run" / "notebooks") == ["dies.failed.ipynb", "dies.log"]
    assert "last words" in caught.value.traceback
    kept = nbformat.read(caught.value.copy, as_version=4)
    assert kept.cells[0].outputs[0].text == "alive\n"


@pytest.fixture
def ctrl_c_works():
    """Python's own handler, which a process started in the background of a script lacks."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_interrupt_stops_the_kernel_and_leaves_no_notebook(tmp_path, ctrl_c_works):
    started = tmp_path / "started"
    notebook = write_notebook(
        tmp_path / "slow.ipynb",
        "import os, pathlib, time",
        "pathlib.Path('started.part').write_text(str(os.getpid()))\n"
        "pathlib.Path('started.part').rename('started')\ntime.sleep(60)",
    )

    def press_ctrl_c():
        while not started.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press_ctrl_c, daemon=True).start()
    with pytest.raises(KeyboardInterrupt, match="slow, code cell 2 of 2"):
        run_notebooks([notebook], "run", root=tmp_path, console=quiet())
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
    assert names(tmp_path / "run" / "notebooks") == []
    entry = record(tmp_path / "run")["notebooks"]["slow"]
    assert (entry["status"], entry["where"]) == ("interrupted", "code cell 2 of 2")


# ── what is run again: the executions are replaced by a list of their names ───────────────────


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Three notebooks; `run(**changes)` gives the names of those that were executed."""
    notebooks = [
        write_notebook(tmp_path / "notebooks" / "a.ipynb", "1", parameters="seed = 0"),
        write_notebook(tmp_path / "notebooks" / "b.ipynb", "2", parameters="seed = 0\nwidth: int = 8"),
        write_notebook(tmp_path / "notebooks" / "c.ipynb", "3"),
    ]
    executed = []

    def execute(notebook, copy, injected, root, progress):
        time.sleep(0.002)  # times are kept in milliseconds
        executed.append(notebook.stem)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text("executed")

    monkeypatch.setattr(experiments, "_execute", execute)

    def run(chosen="abc", parameters=None, force=False):
        executed.clear()
        paths = [path for path in notebooks if path.stem in chosen]
        run_notebooks(paths, "run", parameters, force=force, root=tmp_path, console=quiet())
        return "".join(executed)

    run.folder = tmp_path
    return run


def test_unchanged_notebooks_are_kept_and_force_runs_them(course):
    assert course() == "abc"
    assert course() == ""
    assert course(force=True) == "abc"


def test_a_parameter_concerns_the_notebooks_that_declare_it_and_those_after(course):
    course()
    assert course(parameters={"width": 16}) == "bc"
    assert course(parameters={"width": 16}) == ""
    assert course(parameters={"width": 16, "seed": 1}) == "abc"


def test_changed_code_is_run_again_but_changed_prose_is_not(course):
    course()
    path = course.folder / "notebooks" / "b.ipynb"
    write_notebook(path, "# Other prose", "2", parameters="seed = 0\nwidth: int = 8")
    assert course() == ""
    write_notebook(path, "2 + 0", parameters="seed = 0\nwidth: int = 8")
    assert course() == "bc"


def test_notebooks_after_one_that_ran_alone_are_stale(course):
    course()
    assert course("b", {"width": 16}) == "b"
    assert course(parameters={"width": 16}) == "c"


def test_a_lost_copy_is_made_again(course):
    course()
    (course.folder / "run" / "notebooks" / "b.ipynb").unlink()
    assert course() == "bc"


def test_a_run_that_was_killed_is_not_taken_for_done(course, monkeypatch):
    course()

    def die(*_):
        raise SystemExit  # as good as a power cut: nothing of ours handles it

    with monkeypatch.context() as patch:
        patch.setattr(experiments, "_execute", die)
        with pytest.raises(SystemExit):
            course(force=True)
    assert course() == "abc"


# ── bad input ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["sed", "run_dir"])
def test_unknown_parameter_lists_the_known_ones_and_runs_nothing(course, name):
    with pytest.raises(InputError, match="seed, width" if name == "sed" else "run's name"):
        course(parameters={name: 1})
    assert not (course.folder / "run").exists()


def test_bad_notebooks_and_records_are_named(tmp_path):
    text = tmp_path / "text.ipynb"
    text.write_text("no notebook")
    with pytest.raises(InputError, match=r"text\.ipynb: not a notebook"):
        run_notebooks([text], "run", root=tmp_path)
    with pytest.raises(InputError, match=r"absent\.ipynb: no such"):
        run_notebooks([tmp_path / "absent.ipynb"], "run", root=tmp_path)
    good = write_notebook(tmp_path / "a.ipynb", "1")
    twin = write_notebook(tmp_path / "other" / "a.ipynb", "1")
    with pytest.raises(InputError, match="named a is in this run"):
        run_notebooks([good, twin], "run", root=tmp_path)
    (tmp_path / "run").mkdir()
    for content in ("{", "[]", "{}"):
        (tmp_path / "run" / "run.json").write_text(content)
        with pytest.raises(InputError, match=r"run\.json: not the record"):
            run_notebooks([good], "run", root=tmp_path)


def test_results_by_name(tmp_path):
    assert results(tmp_path) == {}
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "train.json").write_text('{"R1@0.5": 80.5}')
    assert results(tmp_path) == {"train": {"R1@0.5": 80.5}}
    (tmp_path / "results" / "bad.json").write_text("{")
    with pytest.raises(InputError, match=r"bad\.json"):
        results(tmp_path)


# ── what the terminal shows ───────────────────────────────────────────────────────────────────


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def play(console: Console) -> NotebookProgress:
    with NotebookProgress(console, 2) as progress:
        progress.kept("00_first")
        progress.start("01_second", cells=2)
        progress.cell(new_code_cell("x = 1"), 0)
        progress.cell(new_markdown_cell("text\n## Train *it*"), 1)
        progress.cell(new_code_cell("seed = 1", metadata={"tags": ["injected-parameters"]}), 2)
        progress.cell(new_code_cell("fit()"), 3)
        progress._bars.refresh()
        progress.end("done", 65)
    return progress


def test_a_log_gets_one_plain_line_for_each_event(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as some CI services set: still no terminal
    console = Console(file=io.StringIO(), width=30)
    progress = play(console)
    assert progress.where == "code cell 2 of 2 under “Train it”" and progress.source == "fit()"
    assert console.file.getvalue().splitlines() == [
        "[1/2] 00_first: done before, unchanged",
        "[2/2] 01_second: started, 2 code cells",
        "[2/2] 01_second: done after 1 min 05 s",
    ]


def test_a_terminal_gets_bars_with_the_heading():
    console = Console(file=Terminal(), width=80, force_terminal=True, color_system=None)
    play(console)
    shown = console.file.getvalue()
    assert "01_second · Train it" in shown and "1/2" in shown
    assert "✓ 01_second  1 min 05 s" in shown and "started" not in shown


def test_clock():
    assert [clock(seconds) for seconds in (0.04, 59.9, 60, 3725)] == [
        "0.0 s",
        "59.9 s",
        "1 min 00 s",
        "62 min 05 s",
    ]
