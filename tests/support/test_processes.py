"""Worker processes end with the one that started them, however it ends, and leave nothing half-written."""

import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from lgn_lite.errors import InputError
from lgn_lite.support import processes as cores
from lgn_lite.support.processes import by_processes, cpu_count, process_pool

pytestmark = pytest.mark.timeout(300)

# A program whose workers each begin a file and never end it; `MODE` says how it starts them.
PROGRAM = """
import signal, sys, time
from pathlib import Path
from lgn_lite.support.processes import by_processes, process_pool
from lgn_lite.support.error_lines import errors_as_lines
from lgn_lite.support.files import atomic_path

def write(path, ignores_sigterm):
    if ignores_sigterm:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    with atomic_path(path) as temporary:
        temporary.write_text("half", encoding="utf-8")
        while True:
            time.sleep(0.05)

if __name__ == "__main__":
    folder, mode = Path(sys.argv[1]), sys.argv[2]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell ignores it, and nohup the other
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with errors_as_lines():
        if mode == "map":
            jobs = {str(n): (folder / f"{n}.mp4", False) for n in range(3)}
            for _ in by_processes(write, jobs, 2):
                pass
        else:
            with process_pool(2) as pool:
                jobs = [pool.submit(write, folder / f"{n}.mp4", mode == "ignores SIGTERM") for n in range(3)]
                jobs[0].result()
"""


def begin(tmp_path, mode="pool"):
    """The program, its workers, and the folder in which both are in the midst of a file."""
    script, folder = tmp_path / "program.py", tmp_path / "out"
    script.write_text(PROGRAM, encoding="utf-8")
    folder.mkdir()
    process = subprocess.Popen([sys.executable, script, folder, mode], stderr=subprocess.PIPE, encoding="utf-8")
    while len(list(folder.glob(".*"))) < 2:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    return process, psutil.Process(process.pid).children(recursive=True), folder


def ended(workers):
    _, alive = psutil.wait_procs(workers, timeout=60)
    return not alive


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["pool", "map"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_workers_end_with_their_parent_and_leave_nothing(tmp_path, number, mode):
    process, workers, folder = begin(tmp_path, mode)
    process.send_signal(number)
    process.communicate()
    assert process.returncode != 0 and len(workers) >= 2 and ended(workers)
    assert list(folder.iterdir()) == []


@pytest.mark.slow
@pytest.mark.slow
def test_ctrl_c_is_not_for_workers_that_are_still_importing(tmp_path):
    """A terminal sends it to them too."""
    importing, folder = tmp_path / "importing", tmp_path / "out"
    script = tmp_path / "program.py"
    touch = f"    pathlib.Path({str(importing)!r}).touch(); time.sleep(1)\n"
    script.write_text(f"import pathlib, time\nif __name__ != '__main__':\n{touch}{PROGRAM}", encoding="utf-8")
    folder.mkdir()
    process = subprocess.Popen([sys.executable, script, folder, "map"], stderr=subprocess.PIPE, encoding="utf-8")
    while not importing.exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    for child in psutil.Process(process.pid).children():
        child.send_signal(signal.SIGINT)
    while len(list(folder.glob(".*"))) < 2:  # they go on
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.terminate()
    assert "spawn_main" not in process.communicate()[1]


def test_workers_that_are_killed_with_their_parent_leave_what_the_next_call_clears(tmp_path):
    from lgn_lite.support.files import remove_leftovers

    process, workers, folder = begin(tmp_path)
    for one in (*workers, process):
        one.kill()
    process.communicate()
    assert ended(workers)
    remove_leftovers(folder)
    assert list(folder.iterdir()) == []


@pytest.mark.slow
def test_a_worker_that_was_killed_is_one_line(tmp_path):
    process, workers, folder = begin(tmp_path)
    next(worker for worker in workers if "spawn_main" in " ".join(worker.cmdline())).kill()
    _, said = process.communicate()
    assert process.returncode == 2 and ended(workers)
    assert said.splitlines()[-1].startswith("error: a worker process was killed, as happens if memory runs out")


def test_workers_that_ignore_sigterm_are_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(cores, "TERMINATE_TIMEOUT", 0.1)
    with pytest.raises(KeyboardInterrupt), process_pool(1) as pool:
        pool.submit(_ignore_sigterm, tmp_path / "ready")
        while not (tmp_path / "ready").exists():
            time.sleep(0.02)
        workers = [psutil.Process(number) for number in pool._processes]
        raise KeyboardInterrupt
    assert workers and ended(workers)


def _ignore_sigterm(ready):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    ready.touch()
    time.sleep(600)


def test_after_an_error_what_runs_is_waited_for_and_no_more_begins(tmp_path):
    def let_go():
        while not others[-1].cancelled():
            time.sleep(0.01)
        (tmp_path / "go").touch()

    with pytest.raises(ZeroDivisionError), process_pool(1) as pool:
        first = pool.submit(_wait_for, tmp_path / "go")
        others = [pool.submit(time.sleep, 0) for _ in range(20)]
        threading.Thread(target=let_go).start()
        raise ZeroDivisionError
    assert first.result() == "whole" and sum(job.cancelled() for job in others) >= 15


def _wait_for(path):
    while not path.exists():
        time.sleep(0.01)
    return "whole"


def test_jobs_are_done_in_order_and_errors_are_raised_here():
    jobs = {str(n): (n,) for n in (4, 2, 0, 1)}
    for workers in (0, 2):
        found = by_processes(_inverse, jobs, workers)
        assert [next(found), next(found)] == [("4", 0.25), ("2", 0.5)]
        with pytest.raises(InputError, match="none of 0"):
            list(found)


def _inverse(number):
    if number == 0:
        raise InputError("none of 0")
    return 1 / number


def test_a_generator_that_is_closed_ends_its_workers():
    found = by_processes(time.sleep, {"a": (0,), "b": (600,), "c": (600,)}, 2)
    next(found)
    workers = [one for one in psutil.Process().children(recursive=True) if "spawn_main" in " ".join(one.cmdline())]
    found.close()
    assert workers and ended(workers)


def test_the_number_of_cores_can_be_set(monkeypatch):
    monkeypatch.setenv("PYTHON_CPU_COUNT", "3")
    assert cpu_count() == 3
    for wrong in ("0", "-1", "many", ""):
        monkeypatch.setenv("PYTHON_CPU_COUNT", wrong)
        assert cpu_count() >= 1
