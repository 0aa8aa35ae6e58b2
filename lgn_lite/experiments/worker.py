"""One run of a sweep, on the side of its worker: a dask task that starts a process for the run and watches over it.

    scheduler → worker → process of the run → kernel → what the kernel starts

A worker can be killed, and then cleans up nothing. Hence the process between: its standard input is a pipe that the
worker holds open, and when the pipe closes, for whatever reason, the process stops the kernel and all that the kernel
has started (`sweep_process`). Workers import this module, so it imports nothing heavy.
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

Event = dict[str, Any]  # what a run tells while it goes: of a cell, or its end, which has a "status"


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


def run_on_worker(job: Job, topic: str) -> Event:
    """The dask task: run the job in a process of its own and return its end; on the way, tell `topic` of its cells.

    The end is {"status": "done" | "failed" | "interrupted", "seconds", "worker", …}; a notebook that fails is an end,
    no exception, and so not tried again. The process is stopped where the scheduler no longer wants the task.
    """
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()
    about: Event = {"run": job.name, "worker": worker.address}
    worker.log_event(topic, about | {"started": True})
    if not Path(job.root).is_dir():
        why = f"{platform.node()} has no folder {job.root}: mount the project's folder where the other machines have it"
        return about | {"status": "failed", "seconds": 0.0, "error": why}

    def wanted() -> bool:
        task = worker.state.tasks.get(key)
        return worker.status.name in ("running", "paused") and task is not None and task.state != "cancelled"

    end = about | run_in_process(job, wanted, lambda event: worker.log_event(topic, about | event))
    worker.log_event(topic, end)  # to a client that has just cancelled the task, this is the only sign
    return end


def run_in_process(job: Job, wanted: Callable[[], bool], tell: Callable[[Event], None]) -> Event:
    """Run a job in a process of its own, and return its end; stop it once `wanted()` is false."""
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
        threading.Thread(target=_hold, args=(process, job, wanted), daemon=True).start()
        end: Event | None = None
        for line in process.stdout or ():
            event = json.loads(line)
            if "status" in event:
                end = event
            else:
                tell(event)
        code = process.wait()
        if end is None:
            complaints.seek(0)
            last = (complaints.read().strip().splitlines() or ["without a word"])[-1]
            why = f"killed by signal {-code}, often for want of memory" if code < 0 else f"exit code {code}: {last}"
            end = {"status": "failed", "error": f"the process of the run ended, {why}"}
    return {"seconds": round(time.perf_counter() - start, 2)} | end


def _hold(process: subprocess.Popen, job: Job, wanted: Callable[[], bool]) -> None:
    """Give a process its job, then hold its pipe open as long as the job is wanted."""
    with contextlib.suppress(OSError), process.stdin as pipe:
        pipe.write(json.dumps(asdict(job)) + "\n")
        pipe.flush()
        while process.poll() is None and wanted():
            time.sleep(0.2)
