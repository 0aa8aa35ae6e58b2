"""Runs of tiny notebooks: order, parameters, failure, resuming, interruption, and what is on disk then."""

import io
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from helpers.notebooks import Terminal, write_notebook
from nbformat.v4 import new_code_cell, new_markdown_cell
from rich.console import Console

from lgn_lite.errors import InputError
from lgn_lite.experiments import runner as experiments
from lgn_lite.experiments.progress import NotebookProgress, Position, clock, show_failure
from lgn_lite.experiments.run_record import results
from lgn_lite.experiments.runner import NotebookFailed, check_parameters, hold_run, run_notebooks

REMEMBER = "with open('order.txt', 'a') as f:\n    print({!r}, {}, file=f)"


def quiet() -> Console:
    return Console(file=io.StringIO(), width=100)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def record(run_dir: Path) -> dict:
    return json.loads((run_dir / "run.json").read_text())


# ── with real kernels ─────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_a_run_fails_resumes_and_ends(tmp_path, monkeypatch):
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

    recorded = record(run_dir)
    assert recorded["parameters"] == {"seed": 7}
    assert recorded["versions"]["python"].startswith(f"{sys.version_info[0]}.{sys.version_info[1]}")
    assert {"torch", "torchvision", "numpy", "papermill", "lgn_lite"} < set(recorded["versions"])
    assert recorded["notebooks"]["00_first"]["status"] == "done"
    assert recorded["notebooks"]["00_first"]["parameters"] == {"seed": 7, "run_dir": "runs/x"}
    assert recorded["notebooks"]["00_first"]["seconds"] > 0
    assert recorded["notebooks"]["01_second"]["status"] == "failed"
    assert recorded["notebooks"]["01_second"]["error"] == "AssertionError: not mended yet"
    assert "02_third" not in recorded["notebooks"]
    assert str(tmp_path) not in json.dumps(recorded)

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


@pytest.mark.slow
def test_a_dead_kernel_is_a_failure_that_keeps_the_cells_before(tmp_path):
    notebook = write_notebook(
        tmp_path / "dies.ipynb", "print('alive')", "import os\nos.system('echo last words')\nos._exit(1)"
    )
    with pytest.raises(NotebookFailed, match="memory") as caught:
        run_notebooks([notebook], "run", root=tmp_path, console=quiet())
    assert caught.value.where == "code cell 2 of 2"
    assert names(tmp_path / "run" / "notebooks") == ["dies.failed.ipynb", "dies.log"]
    assert "last words" in caught.value.traceback
    copy = nbformat.read(caught.value.copy, as_version=4)
    assert copy.cells[0].outputs[0].text == "alive\n"


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


def meeting(here: str, other: str, end: str = "") -> str:
    """A cell that ends only after another notebook's has begun."""
    return f"""import pathlib, time
pathlib.Path("{here}").touch()
while not pathlib.Path("{other}").exists():
    time.sleep(0.05)
{end}"""


@pytest.mark.slow
def test_two_notebooks_run_at_a_time_and_a_tagged_one_alone(tmp_path):
    """Each of the pair waits for the other; the two tagged ones look whether anything runs beside them."""
    threads = "import os\nprint(os.environ['OMP_NUM_THREADS'])"
    empty = "import pathlib, time\ntime.sleep(1)\nassert not pathlib.Path('a').exists()"
    notebooks = [
        write_notebook(tmp_path / "0.ipynb", empty, tags=("alone",)),
        write_notebook(tmp_path / "1.ipynb", meeting("a", "b", threads)),
        write_notebook(tmp_path / "2.ipynb", meeting("b", "a", "time.sleep(1)\npathlib.Path('ended').touch()")),
        write_notebook(tmp_path / "3.ipynb", "import pathlib\nassert pathlib.Path('ended').exists()", tags=("alone",)),
    ]

    def run():
        outcomes = run_notebooks(notebooks, "run", root=tmp_path, console=quiet(), workers=2)
        return [(outcome.name, outcome.status) for outcome in outcomes]

    assert run() == [(name, "done") for name in "0123"]
    assert run() == [(name, "kept") for name in "0123"]
    executed = nbformat.read(tmp_path / "run" / "notebooks" / "1.ipynb", as_version=4)
    assert executed.cells[0].outputs[0].text.strip().isdecimal()


@pytest.mark.slow
def test_beside_one_that_fails_the_other_ends_and_no_more_begin(tmp_path):
    notebooks = [
        write_notebook(tmp_path / "1.ipynb", meeting("a", "b", "time.sleep(2)")),
        write_notebook(tmp_path / "2.ipynb", meeting("b", "a", "1 / 0")),
        write_notebook(tmp_path / "3.ipynb", "1"),
        write_notebook(tmp_path / "4.ipynb", "1"),
    ]
    with pytest.raises(NotebookFailed, match="ZeroDivisionError") as caught:
        run_notebooks(notebooks, "run", root=tmp_path, console=quiet(), workers=2)
    assert caught.value.name == "2"
    entries = record(tmp_path / "run")["notebooks"]
    assert {name: entry["status"] for name, entry in entries.items()} == {"1": "done", "2": "failed"}


@pytest.mark.slow
def test_interrupt_stops_both_kernels(tmp_path, ctrl_c_works):
    """Also what a kernel has started; nothing half-done is left."""
    pids = "import os, subprocess, sys\nsleep = [sys.executable, '-c', 'import time; time.sleep(60)']\n"
    pids += "child = subprocess.Popen(sleep)\n"
    pids += "pathlib.Path('{0}.pid').write_text(f'{{os.getpid()}} {{child.pid}}')\ntime.sleep(60)"
    notebooks = [
        write_notebook(tmp_path / "1.ipynb", meeting("a", "b", pids.format("a"))),
        write_notebook(tmp_path / "2.ipynb", meeting("b", "a", pids.format("b"))),
        write_notebook(tmp_path / "3.ipynb", "1"),
    ]
    written, processes = [tmp_path / f"{name}.pid" for name in "ab"], []

    def press_ctrl_c():
        while not all(path.exists() and len(path.read_text().split()) == 2 for path in written):
            time.sleep(0.05)
        processes.extend(psutil.Process(int(word)) for path in written for word in path.read_text().split())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press_ctrl_c, daemon=True).start()
    with pytest.raises(KeyboardInterrupt, match="1, code cell 1 of 1; 2, code cell 1 of 1"):
        run_notebooks(notebooks, "run", root=tmp_path, console=quiet(), workers=2)
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert not alive
    assert names(tmp_path / "run" / "notebooks") == []
    entries = record(tmp_path / "run")["notebooks"]
    assert {name: entry["status"] for name, entry in entries.items()} == {"1": "interrupted", "2": "interrupted"}


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

    def execute(_, job, source, copy, *rest):
        time.sleep(0.002)  # times are stored in milliseconds
        executed.append(job.name)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text("executed")

    monkeypatch.setattr(experiments._Run, "execute_cells", execute)

    def run(chosen="abc", parameters=None, force=False):
        executed.clear()
        paths = [path for path in notebooks if path.stem in chosen]
        run_notebooks(paths, "run", parameters, force=force, root=tmp_path, console=quiet())
        return "".join(executed)

    run.folder = tmp_path
    return run


def test_unchanged_notebooks_are_skipped_and_force_runs_them(course):
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
        patch.setattr(experiments._Run, "execute_cells", die)
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
    same_name = write_notebook(tmp_path / "other" / "a.ipynb", "1")
    with pytest.raises(InputError, match="named a is in this run"):
        run_notebooks([good, same_name], "run", root=tmp_path)
    (tmp_path / "run").mkdir()
    for content in ("{", "[]", "{}"):
        (tmp_path / "run" / "run.json").write_text(content)
        with pytest.raises(InputError, match=r"run\.json: not the record"):
            run_notebooks([good], "run", root=tmp_path)


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("seed = 0\nwidth: int | None = None\nscales: tuple[int, ...] = (16, 8)", ["seed", "width", "scales"]),
        ("import pathlib\nroot: pathlib.Path | str = 'data'\nname: 'str | None'", ["root", "name"]),
        ("rates: dict[str, list[float]] = {\n    'a=b': [1e-3],  # x = 1\n}\ntext = 'a = b'", ["rates", "text"]),
        ("a, (b, *c) = 1, (2, 3)\nd = e = 4  # f = 5", ["a", "b", "c", "d", "e"]),
        ("%matplotlib inline\n!true\nseed: int = 1; width = 2", ["seed", "width"]),
        ("if True:\n    on = 1\nelse:\n    off = 2\nx[0] = y.z = 3\nassert on == 1", ["on", "off"]),
        ("def f(a=1):\n    b = 2\nclass C:\n    c = 3\ngröße: float = 1.0", ["größe"]),
        ('text = """\nwidth = 3\n"""\nmode: Literal["x", "y"] = "x"', ["text", "mode"]),
        ("", []),
    ],
)
def test_parameters_are_what_python_assigns(tmp_path, cell, names):
    notebook = write_notebook(tmp_path / "a.ipynb", "1", parameters=cell)
    assert check_parameters([notebook], {})[notebook] == names
    for name in names:
        check_parameters([notebook], {name: 1})


def test_a_parameters_cell_that_is_no_python_or_there_twice_is_one_line(tmp_path):
    for cell in ("seed = ", "seed = 0\n  width = 1", "seed = 1 = 2", "x = " + "(" * 5000):
        with pytest.raises(InputError, match=r"a\.ipynb: the parameters cell is not Python[^\n]+$"):
            check_parameters([write_notebook(tmp_path / "a.ipynb", "1", parameters=cell)], {})
    twice = write_notebook(tmp_path / "b.ipynb", "seed = 2", parameters="seed = 0", tags=("parameters",))
    with pytest.raises(InputError, match="2 cells have the tag parameters"):
        check_parameters([twice], {"seed": 1})


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {1, 2}, Path("x"), {1: 2}])
def test_a_value_that_the_files_cannot_hold_is_refused_before_anything_runs(course, value):
    with pytest.raises(InputError, match=r"the parameter seed: a (value|key) that JSON cannot hold"):
        course(parameters={"seed": value})
    assert not (course.folder / "run").exists()


@pytest.mark.slow
def test_a_notebook_gets_the_values_of_run_json(tmp_path):
    values = {"width": None, "scales": (16, 8), "text": 'a "b" \\\n½ {x}', "nested": {"a b": [1e-300, True, -1]}}
    cell = "width: int | None = 3\nscales: tuple[int, ...] = ()\ntext = ''\nnested: dict = {}\nrun_dir = ''"
    work = (
        "import json, pathlib\npathlib.Path(run_dir, 'got.json').write_text(json.dumps([width, scales, text, nested]))"
    )
    notebook = write_notebook(tmp_path / "a.ipynb", work, parameters=cell)
    run_notebooks([notebook], "run", values, root=tmp_path, console=quiet())
    recorded = record(tmp_path / "run")
    assert recorded["parameters"] == {**values, "scales": [16, 8]}
    assert json.loads((tmp_path / "run" / "got.json").read_text()) == list(recorded["parameters"].values())
    # an executed copy as a notebook of its own: the values that were injected there are not its defaults
    copy = tmp_path / "run" / "notebooks" / "a.ipynb"
    (tmp_path / "again").mkdir()
    run_notebooks([copy], "again", {"text": "x"}, root=tmp_path, console=quiet())
    assert json.loads((tmp_path / "again" / "got.json").read_text()) == [3, [], "x", {}]


@pytest.mark.parametrize(
    "content",
    ["null", "[1]", '{"notebooks": null}', '{"notebooks": [], "parameters": {}}', '{"notebooks": {"a": null}}',
     '{"notebooks": {"a": {}}}', '{"notebooks": {"a": {"status": null}}}', '{"notebooks": {"a": {"status": ["done"]}}}',
     '{"notebooks": {"a": {"status": "done", "seconds": null}}}',
     '{"notebooks": {"a": {"status": "done", "seconds": true}}}',
     '{"notebooks": {"a": {"status": "done", "seconds": NaN}}}',
     '{"notebooks": {"a": {"status": "done", "started": 3}}}',
     '{"notebooks": {"a": {"status": "done", "parameters": null}}}', '{"notebooks": {}, "parameters": [1]}',
     '{"notebooks": {}, "notebooks": {}}', '{"notebooks": ' * 100_000, "9" * 5000, "\x00", ""],
)  # fmt: skip
def test_a_damaged_record_is_named_and_left_as_it_is(course, content):
    (course.folder / "run").mkdir()
    path = course.folder / "run" / "run.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"run\.json: not the record of a run[^\n]*; move it away"):
        course()
    assert path.read_text() == content


def test_a_record_with_less_in_it_than_ours_runs_again(course):
    course()
    recorded = record(course.folder / "run")
    recorded["notebooks"]["a"] = {"status": "done"}
    (course.folder / "run" / "run.json").write_text(json.dumps(recorded))
    assert course() == "abc"


def test_a_run_clears_what_a_killed_one_left_and_only_that(course, leftover):
    course()
    folder = course.folder / "run"
    (folder / "results").mkdir()
    written = ("notebooks/b.ipynb", "run.json", "results/train.json", "site")
    old = [folder / "notebooks" / ".b.12345678901.ipynb", folder / ".run.12345678901.json"]  # of earlier versions
    left = [*(leftover(folder / name) for name in written), *old]
    others = [folder / "notebooks" / "._b.ipynb", folder / "results" / ".hidden.json", folder / "notes.txt"]
    for path in [*left, *others]:
        path.write_text("{")
    assert results(folder) == {}  # hidden files are none of the notebooks'
    assert course() == ""
    assert [path for path in left if path.exists()] == [] and all(path.exists() for path in others)


def test_one_run_in_a_folder_at_a_time(course):
    course()
    before = record(course.folder / "run")
    left = course.folder / "run" / "notebooks" / ".b.12345678901.ipynb"
    left.touch()
    with hold_run(course.folder / "run"), pytest.raises(InputError, match="another process is running notebooks in it"):
        course(force=True)
    assert record(course.folder / "run") == before and left.exists()  # it may be the other's
    assert course(force=True) == "abc"


def test_a_run_in_a_sweep_s_folder_is_refused(course):
    (course.folder / "run").mkdir()
    (course.folder / "run" / "sweep.json").write_text("{}")
    with pytest.raises(InputError, match="holds a sweep"):
        course()
    assert names(course.folder / "run") == ["sweep.json"]


def test_a_pipe_or_a_folder_instead_of_a_file_is_named_and_not_waited_for(course):
    folder = course.folder / "run"
    (folder / "results").mkdir(parents=True)
    os.mkfifo(folder / "results" / "pipe.json")
    with pytest.raises(InputError, match=r"pipe\.json: a folder or a pipe"):
        results(folder)
    os.mkfifo(folder / "run.json")
    with pytest.raises(InputError, match=r"run\.json: not the record"):
        course()
    os.mkfifo(course.folder / "pipe.ipynb")
    with pytest.raises(InputError, match=r"pipe\.ipynb: not a notebook"):
        run_notebooks([course.folder / "pipe.ipynb"], "other", root=course.folder)


@pytest.mark.parametrize(
    "content",
    ["null", "[]", "3", "{}", '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": null}',
     '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [3]}',
     '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code"}]}',
     '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code", "metadata": null}]}',
     '{"nbformat": "x", "cells": []}', "[" * 100_000,
     '{"nbformat": 99, "nbformat_minor": 0, "metadata": {}, "cells": []}'],
)  # fmt: skip
def test_what_is_not_quite_a_notebook_is_one_line(tmp_path, content):
    path = tmp_path / "odd.ipynb"
    path.write_text(content)
    with pytest.raises(InputError, match=r"odd\.ipynb: not a notebook[^\n]*$"):
        check_parameters([path], {})


def test_results_by_name(tmp_path):
    assert results(tmp_path) == {}
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "train.json").write_text('{"R1@0.5": 80.5}')
    assert results(tmp_path) == {"train": {"R1@0.5": 80.5}}
    (tmp_path / "results" / "bad.json").write_text("{")
    with pytest.raises(InputError, match=r"bad\.json"):
        results(tmp_path)


# ── what the terminal shows ───────────────────────────────────────────────────────────────────


def play(console: Console) -> Position:
    with NotebookProgress(console, 2) as progress:
        progress.unchanged("00_first")
        at = progress.start("01_second", cells=2)
        at.cell(new_code_cell("x = 1"), 0)
        at.cell(new_markdown_cell("text\n## Train *it*"), 1)
        at.cell(new_code_cell("seed = 1", metadata={"tags": ["injected-parameters"]}), 2)
        at.cell(new_code_cell("fit()"), 3)
        progress._bars.refresh()
        progress.end(at, "done", 65)
    return at


def test_a_log_gets_one_plain_line_for_each_event(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as some CI services set: still no terminal
    console = Console(file=io.StringIO(), width=30)
    at = play(console)
    assert at.where == "code cell 2 of 2 under “Train it”" and at.source == "fit()"
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
