"""The process in which a run of a sweep runs its notebook: `python -m lgn_lite.experiments.worker_process`.

It reads a job from standard input, and holds that input to be its worker's hand: when it closes, the run ends. A lock
keeps the next try out of the run's folder until this one and all its processes have ended.
"""

import contextlib
import io
import json
import os
import platform
import shutil
import signal
import subprocess
import threading
import time
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, TextIO

import psutil
from rich.console import Console

from lgn_lite.errors import InputError
from lgn_lite.experiments.progress import NotebookProgress, Position
from lgn_lite.experiments.runner import NotebookFailed, hold_run, run_notebooks
from lgn_lite.experiments.worker import Job, RunEvent
from lgn_lite.support.error_lines import os_error_line
from lgn_lite.support.files import write_json

KERNEL_TIMEOUT = 3  # seconds that a kernel gets to end by itself before it is killed with all that it started
LOCK_TIMEOUT = 60  # seconds for the lock on a run's folder, whose last process may still be ending


def main() -> None:
    """Read a job from standard input, run it, and report on it in lines of JSON on standard output."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # scripts start their background jobs without it
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is not an event
    with os.fdopen(0, "rb", buffering=0, closefd=False) as pipe:
        job = Job(**json.loads(pipe.readline()))
    stopper = _Stopper()
    try:
        with hold_run(Path(job.root) / job.run_dir, LOCK_TIMEOUT):  # until also the kernel's own processes have ended
            end = _run(job, out, stopper)
            if stopper.stopping.is_set():
                stopper.ended.set()
                stopper.join()
    except InputError as error:
        end = {"status": "failed", "error": str(error)}
    except OSError as error:
        end = {"status": "failed", "error": os_error_line(error)}
    _send(out, end)


def _run(job: Job, out: TextIO, stopper: "_Stopper") -> RunEvent:
    start = time.perf_counter()
    try:
        stopper.start()
        write_json(Path(job.root) / job.run_dir / "environment.json", environment())
        notebook, root, progress = Path(job.notebook), Path(job.root), _ReportedProgress(out)
        run_notebooks([notebook], job.run_dir, job.parameters, force=job.force, root=root, progress=progress, held=True)
        end: RunEvent = {"status": "done"}
    except KeyboardInterrupt as interrupt:
        end = {"status": "interrupted", "where": str(interrupt)}
    except NotebookFailed as failure:
        end = {"status": "failed", "error": f"{failure.error}: {failure.message}", "where": failure.where}
    except InputError as error:
        end = {"status": "failed", "error": str(error)}
    except OSError as error:
        end = {"status": "failed", "error": os_error_line(error)}
    if stopper.stopping.is_set() and end["status"] == "failed":  # a killed kernel is reported as failed
        end["status"] = "interrupted"
    return end | {"seconds": round(time.perf_counter() - start, 2)}


class _Stopper(threading.Thread):
    """Waits until the worker closes the pipe, then ends the run, its kernel, and what the kernel has started."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.stopping, self.ended = threading.Event(), threading.Event()

    def run(self) -> None:
        while os.read(0, 1024):
            pass
        # A kernel leads a process group of its own, and what it starts belongs to that: it is found even if the
        # kernel is gone. In a training on several processes these are the processes that compute.
        groups = {child.pid for child in psutil.Process().children() if _alive(child.pid)}
        self.stopping.set()
        os.kill(os.getpid(), signal.SIGINT)
        self.ended.wait(KERNEL_TIMEOUT)
        for group in groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        if not self.ended.wait(KERNEL_TIMEOUT):
            os._exit(130)


def _alive(group: int) -> bool:
    """Whether there is a process group of this number."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


class _ReportedProgress(NotebookProgress):
    """Progress that is reported to the worker instead of shown."""

    def __init__(self, out: TextIO):
        super().__init__(Console(file=io.StringIO()), 1)
        self.out, self.told = out, (0, "")

    def moved(self, at: Position) -> None:
        if (at.number, at.heading) != self.told:
            self.told = at.number, at.heading
            _send(self.out, {"cell": at.number, "cells": at.cells, "heading": at.heading})


def _send(out: TextIO, event: RunEvent) -> None:
    with contextlib.suppress(BrokenPipeError):  # of a worker that is gone; the other pipe stops the run
        out.write(json.dumps(event) + "\n")
        out.flush()


def environment() -> dict[str, Any]:
    """Where a run runs: machine, cores, GPUs as nvidia-smi lists them, and all installed packages."""
    found: dict[str, Any] = {"host": platform.node(), "platform": platform.platform(), "cores": os.cpu_count()}
    names = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "PYTHON_CPU_COUNT")  # its share
    found["variables"] = {name: os.environ[name] for name in names if name in os.environ}
    if tool := shutil.which("nvidia-smi"):
        command = [tool, "--query-gpu=index,name,memory.total,driver_version", "--format=csv,noheader"]
        shown = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
        found["gpus"] = shown.stdout.decode(errors="replace").strip().splitlines()
    found["python"] = platform.python_version()
    packages = {package.metadata["Name"]: package.version for package in distributions()}
    return found | {"packages": dict(sorted(packages.items(), key=lambda item: item[0].lower()))}


if __name__ == "__main__":
    main()
