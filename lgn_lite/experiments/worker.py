"""One run of a sweep, on the side of its worker: a dask task that starts a process for the run and watches over it.

    scheduler → worker → process of the run → kernel → what the kernel starts

A worker can be killed, and then cleans up nothing. Hence the process between: its standard input is a pipe that the
worker holds open, and when the pipe closes, for whatever reason, the process stops the kernel and all that the kernel
has started (`worker_process`). Workers import this module, so it imports nothing heavy.
"""

import contextlib
import json
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RunEvent = dict[str, Any]  # what a run reports while it runs: a cell, or its end, which has a "status"


@dataclass(frozen=True)
class Job:
    """All that a worker has to know of a run."""

    name: str
    notebook: str
    run_dir: str
    root: str  # the project's folder, the same on every machine
    parameters: dict[str, Any]
    force: bool = False


def dask_setup(worker: Any) -> None:
    """What a local worker begins with: it leaves Ctrl-C, which a terminal sends to all processes, to the sweep."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run_on_worker(job: Job, topic: str) -> RunEvent:
    """The dask task: run the job in a process of its own and return its end; on the way, report its cells to `topic`.

    The end is {"status": "done" | "failed" | "interrupted", "seconds", "worker", …}; a notebook that fails is an end,
    not an exception, and not tried again. The process is stopped if the scheduler no longer needs the task.
    """
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()
    about: RunEvent = {"run": job.name, "worker": worker.address}
    worker.log_event(topic, about | {"started": True})
    if not Path(job.root).is_dir():
        why = f"{platform.node()} has no folder {job.root}: mount the project's folder where the other machines have it"
        return about | {"status": "failed", "seconds": 0.0, "error": why}

    def needed() -> bool:
        task = worker.state.tasks.get(key)
        return worker.status.name in ("running", "paused") and task is not None and task.state != "cancelled"

    end = about | run_in_process(job, needed, lambda event: worker.log_event(topic, about | event))
    worker.log_event(topic, end)  # to a client that has just cancelled the task, this is the only sign
    return end


def run_in_process(job: Job, needed: Callable[[], bool], report: Callable[[RunEvent], None]) -> RunEvent:
    """Run a job in a process of its own, and return its end; stop it once `needed()` is false."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
        process = subprocess.Popen(
            [sys.executable, "-m", "lgn_lite.experiments.worker_process"],
            cwd=job.root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C in a terminal reaches it once, through the pipe
        )
        threading.Thread(target=_hold, args=(process, job, needed), daemon=True).start()
        end: RunEvent | None = None
        for line in process.stdout or ():
            event = json.loads(line)
            if "status" in event:
                end = event
            else:
                report(event)
        code = process.wait()
        if end is None:
            complaints.seek(0)
            last = (complaints.read().strip().splitlines() or ["without a word"])[-1]
            why = f"killed by signal {-code}, often because memory ran out" if code < 0 else f"exit code {code}: {last}"
            end = {"status": "failed", "error": f"the process of the run ended, {why}"}
    return {"seconds": round(time.perf_counter() - start, 2)} | end


def _hold(process: subprocess.Popen, job: Job, needed: Callable[[], bool]) -> None:
    """Give a process its job, then hold its pipe open as long as the job is needed."""
    with contextlib.suppress(OSError), process.stdin as pipe:
        pipe.write(json.dumps(asdict(job)) + "\n")
        pipe.flush()
        while process.poll() is None and needed():
            time.sleep(0.2)
