"""Which worker has which run of a sweep, while the sweep runs."""

from __future__ import annotations

import contextlib
import queue
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lgn_lite.experiments.progress import SweepProgress
from lgn_lite.experiments.worker import RunEvent, run_on_worker

if TYPE_CHECKING:
    from lgn_lite.experiments.sweep import Sweep

COUNT_INTERVAL = 1  # seconds after which the workers are counted again
MAX_TRIES = 3  # of a run whose worker dies
STOP_TIMEOUT = 15  # seconds for the running notebooks to stop


class Running:
    """The runs of a sweep while it runs; which worker has which is decided here, not by dask.

    Dask gives a task to a worker beforehand, by how long it thinks that tasks take, and counts a worker's death
    against all that it holds: notebooks of hours would wait for one worker while another is idle.
    """

    def __init__(self, sweep: Sweep, client: Any, progress: SweepProgress, gpus: int):
        self.sweep, self.client, self.progress, self.gpus = sweep, client, progress, gpus
        self.topic = f"lgn-lite-sweep-{uuid.uuid4().hex}"
        self.happened: queue.Queue[RunEvent] = queue.Queue()  # from dask's threads to this one
        self.waiting: list[str] = []
        self.futures: dict[str, Any] = {}
        self.homes: dict[str, str] = {}  # the worker of each run
        self.slots: dict[str, int] = {}  # of each worker
        self.counted = float("-inf")
        self.stopped = False

    def run(self) -> None:
        self.waiting = self.sweep.waiting()
        for name in self.waiting:
            self.sweep.records[name] = {"parameters": self.sweep.records[name]["parameters"], "status": "waiting"}
        self.sweep.save()
        self.client.subscribe_topic(self.topic, lambda event: self.happened.put(event[1]))
        try:
            while self.waiting or self.futures:
                self._count()
                self._fill()
                self._handle(0.5)
        except BaseException:  # also Ctrl-C
            self._stop()
            raise
        finally:
            with contextlib.suppress(Exception):  # of a scheduler that has gone
                self.client.unsubscribe_topic(self.topic)
            self.sweep.save()

    def _count(self) -> None:
        """See which workers there are: some come, some go, and with these what they were running."""
        if self.client.status not in ("running", "connecting"):
            raise ConnectionError("the scheduler has gone")
        if self.client.status != "running" or time.monotonic() - self.counted < COUNT_INTERVAL:
            return
        workers = self.client.scheduler_info()["workers"]
        self.slots = {address: slots(worker, self.gpus) for address, worker in workers.items()}
        self.counted = time.monotonic()
        self.progress.slots(sum(self.slots.values()))
        for name in [name for name in self.futures if self.homes[name] not in workers]:
            self._lost(name)
        if cluster := self.client.cluster:  # a local one replaces what it has given up only on request
            cluster.scale(len(cluster.worker_spec))

    def _fill(self) -> None:
        """Give a run to each free slot."""
        free = Counter(self.slots)
        free.subtract(self.homes[name] for name in self.futures)
        for address in free.elements():
            if not self.waiting:
                return
            name = self.waiting.pop(0)
            self.homes[name] = address
            future = self.client.submit(
                run_on_worker,
                self.sweep.job(name),
                self.topic,
                key=f"{name}-{uuid.uuid4().hex}",
                pure=False,
                workers=[address],
                resources={"GPU": self.gpus} if self.gpus else None,
            )
            self.futures[name] = future
            future.add_done_callback(lambda done, name=name: self.happened.put({"run": name, "future": done}))

    def _handle(self, timeout: float) -> None:
        """Wait for something to happen, and take note of it and of what has happened since."""
        with contextlib.suppress(queue.Empty):
            self._note(self.happened.get(timeout=timeout))
            while True:
                self._note(self.happened.get_nowait())

    def _note(self, event: RunEvent) -> None:
        name = event["run"]
        record = self.sweep.records[name]
        if "future" in event:
            if self.futures.get(name) is event["future"]:  # and not one that was given up
                end = _end_of(event["future"])
                if end is None:
                    self._lost(name)
                else:
                    del self.futures[name]
                    self._end(name, end)
        elif name in self.futures and "started" in event:
            record |= {"status": "running", "worker": event["worker"], "tries": record.get("tries", 0) + 1}
            self.progress.started(name)
            self.sweep.save()
        elif name in self.futures and "cell" in event:
            self.progress.cell(name, event)

    def _lost(self, name: str) -> None:
        """A run's worker is gone: it starts again on another, unless it seems to be the run that kills them."""
        self.client.cancel([self.futures.pop(name)])
        record = self.sweep.records[name]
        if record.get("tries", 0) >= MAX_TRIES:
            why = f"its worker died {MAX_TRIES} times; perhaps the run takes too much memory"
            self._end(name, {"status": "failed", "error": why})
        else:
            record["status"] = "waiting"
            self.waiting.insert(0, name)
            self.progress.lost(name)
            self.sweep.save()

    def _end(self, name: str, end: RunEvent) -> None:
        record = self.sweep.records[name]
        if end["status"] == "interrupted" and not self.stopped:  # its worker was shut down, or retired
            self.waiting.insert(0, name)
            self.counted = float("-inf")  # it may be gone now
        record |= {key: end[key] for key in ("status", "seconds", "error", "where", "worker") if key in end}
        self.progress.ended(name, record)
        self.sweep.save()

    def _stop(self) -> None:
        """Cancel what was submitted, and wait until its processes have reported their end."""
        self._handle(0)
        self.stopped = True
        running = {name for name, record in self.sweep.records.items() if record["status"] == "running"}
        self.progress.stopping(len(running))
        with contextlib.suppress(Exception):  # of a scheduler that has gone, whose workers stop by themselves
            self.client.cancel(list(self.futures.values()))
        end = time.monotonic() + STOP_TIMEOUT
        while running and self.client.status == "running" and time.monotonic() < end:
            with contextlib.suppress(queue.Empty):
                event = self.happened.get(timeout=0.2)
                if "status" in event and event["run"] in running:
                    running.discard(event["run"])
                    with contextlib.suppress(OSError):  # of a full disk, which may be why it stops
                        self._end(event["run"], event)
        for name in running:
            with contextlib.suppress(OSError):
                self._end(name, {"status": "interrupted"})


def slots(worker: Mapping[str, Any], gpus: int) -> int:
    """How many runs a worker takes at once: a thread each, and of its GPUs what each run takes."""
    threads = int(worker["nthreads"])
    return min(threads, int(worker["resources"].get("GPU", 0) // gpus)) if gpus else threads


def _end_of(future: Any) -> RunEvent | None:
    """What a finished task returned, or why it could not begin; None if its worker died."""
    from distributed import KilledWorker

    if future.cancelled():
        raise ConnectionError("the scheduler has gone, and with it what it knew of the runs")
    try:
        return future.result()
    except KilledWorker:
        return None
    except Exception as error:  # such as a worker without this package
        return {"status": "failed", "error": f"on its worker: {type(error).__name__}: {error}"}
