"""Sweeps: one notebook over many parameters, several runs at once, on dask.distributed.

A sweep is a folder of runs, each as `lgn-lite run` makes it, and `sweep.json`, which tells the parameters, the status
and the seconds of all. What is done is kept; the same command goes on with the rest.
"""

import contextlib
import os
import queue
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from .cores import cpu_count
from .errors import InputError
from .experiments import check_parameters, run_state
from .files import project_root, write_json
from .sweep_progress import SweepProgress
from .sweep_run import Event, Job, run_on_worker

Record = dict[str, Any]  # of a run: parameters, status, and what there is of seconds, error, where, worker, tries

CONNECT = 10  # seconds for a scheduler to answer
EVERY = 1  # seconds after which the workers are counted again
TRIES = 3  # of a run whose worker dies
LOST = "5 minutes"  # after which a local worker that does not come back is given up, and replaced
STOP = 15  # seconds for the running notebooks to stop


class Sweep:
    """The runs of a sweep, in a folder of their own, and how each of them stands.

    `runs` are {name: parameters}, as `sweep_grid.read_grid` gives them; folder and notebook are paths from `root`
    (default: the project's folder). Raises InputError for a notebook that is none, parameters that it does not know,
    and a folder whose files are broken; nothing is written before `run`.
    """

    def __init__(
        self,
        notebook: str | Path,
        runs: Mapping[str, Mapping[str, Any]],
        folder: str | Path,
        *,
        root: Path | None = None,
        force: bool = False,
    ):
        self.root = (root or project_root()).resolve()
        self.notebook, self.folder = (self.root / notebook).resolve(), (self.root / folder).resolve()
        self.force = force
        self.records: dict[str, Record] = {}
        check_parameters([self.notebook], {name for parameters in runs.values() for name in parameters})
        for name, parameters in runs.items():
            state, told = run_state(self.notebook, self.folder / name, dict(parameters), self.root)
            known = {key: told[key] for key in ("seconds", "error", "where") if key in told and state != "changed"}
            self.records[name] = {"parameters": dict(parameters), "status": state, **known}

    def waiting(self) -> list[str]:
        """The names of the runs that are not done, those that failed among them; with `force` all."""
        return [name for name, record in self.records.items() if self.force or record["status"] != "done"]

    def failed(self) -> dict[str, Record]:
        """The runs that failed, by name."""
        return {name: record for name, record in self.records.items() if record["status"] == "failed"}

    def job(self, name: str) -> Job:
        """All that a worker has to know of a run."""
        notebook, folder = self._from_root(self.notebook), self._from_root(self.folder / name)
        return Job(name, notebook, folder, str(self.root), self.records[name]["parameters"], self.force)

    def run(self, client: Any, progress: SweepProgress, gpus: int = 0) -> None:
        """Run what is waiting on a dask client's workers; `gpus` is what a run takes of each worker's resource GPU.

        A run whose notebook fails is recorded and the others go on; one whose worker dies starts again on another.
        Raises InputError where this folder's sweep is running already, ConnectionError where the scheduler has gone,
        and KeyboardInterrupt; what runs then is stopped, and what was done is kept.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(FileLock(self.folder / ".lock", timeout=0))
            except Timeout:
                told = f"{self.folder}: this sweep is running already; wait for it, or give another --name"
                raise InputError(told) from None
            stack.enter_context(progress)
            _Running(self, client, progress, gpus).run()

    def save(self) -> None:
        """Write sweep.json, whole or not at all."""
        content = {"notebook": self._from_root(self.notebook), "saved": datetime.now(UTC).isoformat(timespec="seconds")}
        write_json(self.folder / "sweep.json", content | {"runs": self.records})

    def _from_root(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.as_posix()


class _Running:
    """The runs of a sweep while they go; which worker has which is decided here, not by dask.

    Dask gives a task to a worker beforehand, by how long it thinks that tasks take, and counts a worker's death
    against all that it holds: notebooks of hours would wait for one worker beside another that is idle.
    """

    def __init__(self, sweep: Sweep, client: Any, progress: SweepProgress, gpus: int):
        self.sweep, self.client, self.progress, self.gpus = sweep, client, progress, gpus
        self.topic = f"lgn-lite-sweep-{uuid.uuid4().hex}"
        self.happened: queue.Queue[Event] = queue.Queue()  # from dask's threads to this one
        self.waiting: list[str] = []
        self.futures: dict[str, Any] = {}
        self.homes: dict[str, str] = {}  # the worker of each run
        self.places: dict[str, int] = {}  # of each worker
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
        if self.client.status != "running" or time.monotonic() - self.counted < EVERY:
            return
        workers = self.client.scheduler_info()["workers"]
        self.places = {address: places(worker, self.gpus) for address, worker in workers.items()}
        self.counted = time.monotonic()
        self.progress.places(sum(self.places.values()))
        for name in [name for name in self.futures if self.homes[name] not in workers]:
            self._lost(name)
        if cluster := self.client.cluster:  # a local one starts again what it has given up only where it is asked to
            cluster.scale(len(cluster.worker_spec))

    def _fill(self) -> None:
        """Give a run to each free place."""
        free = Counter(self.places)
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

    def _note(self, event: Event) -> None:
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
        if record.get("tries", 0) >= TRIES:
            why = f"its worker died {TRIES} times; perhaps the run takes too much memory"
            self._end(name, {"status": "failed", "error": why})
        else:
            record["status"] = "waiting"
            self.waiting.insert(0, name)
            self.progress.lost(name)
            self.sweep.save()

    def _end(self, name: str, end: Event) -> None:
        record = self.sweep.records[name]
        if end["status"] == "interrupted" and not self.stopped:  # its worker was shut down, or retired
            self.waiting.insert(0, name)
            self.counted = float("-inf")  # it may be gone now
        record |= {key: end[key] for key in ("status", "seconds", "error", "where", "worker") if key in end}
        self.progress.ended(name, record)
        self.sweep.save()

    def _stop(self) -> None:
        """Cancel what was submitted, and wait until its processes have told that they ended."""
        self._handle(0)
        self.stopped = True
        running = {name for name, record in self.sweep.records.items() if record["status"] == "running"}
        self.progress.stopping(len(running))
        with contextlib.suppress(Exception):  # of a scheduler that has gone, whose workers stop by themselves
            self.client.cancel(list(self.futures.values()))
        end = time.monotonic() + STOP
        while running and self.client.status == "running" and time.monotonic() < end:
            with contextlib.suppress(queue.Empty):
                event = self.happened.get(timeout=0.2)
                if "status" in event and event["run"] in running:
                    running.discard(event["run"])
                    self._end(event["run"], event)
        for name in running:
            self._end(name, {"status": "interrupted"})


def places(worker: Mapping[str, Any], gpus: int) -> int:
    """How many runs a worker takes at once: a thread each, and of its GPUs what each run takes."""
    threads = int(worker["nthreads"])
    return min(threads, int(worker["resources"].get("GPU", 0) // gpus)) if gpus else threads


def _end_of(future: Any) -> Event | None:
    """What a finished task returned, or why it could not begin; None where its worker died."""
    from distributed import KilledWorker

    if future.cancelled():
        raise ConnectionError("the scheduler has gone, and with it what it knew of the runs")
    try:
        return future.result()
    except KilledWorker:
        return None
    except Exception as error:  # such as a worker without this package
        return {"status": "failed", "error": f"on its worker: {type(error).__name__}: {error}"}


# ── where the runs go ─────────────────────────────────────────────────────────────────────────


def gpu_ids() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return [word.strip() for word in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if word.strip()]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def worker_environments(workers: int, gpus: Sequence[str], cores: int) -> list[dict[str, str]]:
    """The environment of each worker: its share of the cores, and its GPU, or none.

    More workers than GPUs share them: a small model leaves much of a GPU idle.
    """
    threads = str(max(1, cores // workers))
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    shares = {name: os.environ.get(name, threads) for name in names} | {"PYTHON_CPU_COUNT": threads}
    return [shares | {"CUDA_VISIBLE_DEVICES": gpus[n % len(gpus)] if gpus else ""} for n in range(workers)]


@contextlib.contextmanager
def local_cluster(workers: int | None = None, gpus: Sequence[str] = ()) -> Iterator[Any]:
    """A dask client whose workers are processes of this machine, one run at a time each.

    Default: a worker for each GPU, else one for each core. Each offers the resource GPU where there are GPUs.
    A worker that dies is started again.
    """
    import dask
    from distributed import Client, Nanny, Scheduler, SpecCluster

    cores = cpu_count()
    workers = workers or len(gpus) or cores
    # nothing that another machine can reach, and no fixed port that a second sweep would find taken
    here: dict[str, Any] = {"host": "127.0.0.1", "dashboard": False, "dashboard_address": "127.0.0.1:0"}
    options = here | {
        "nthreads": 1,
        "memory_limit": 0,  # dask would count the worker's memory only, and kill it: the kernel is another process
        "resources": {"GPU": 1} if gpus else {},
        "silence_logs": 50,
        "preload": ["lgn_lite.sweep_run"],  # its dask_setup
    }
    specification = {
        number: {"cls": Nanny, "options": options | {"env": environment}}
        for number, environment in enumerate(worker_environments(workers, gpus, cores))
    }
    scheduler = {"cls": Scheduler, "options": here}
    settings = {
        # dask's own 15 seconds are too short for a worker to start again where all cores are at work
        "distributed.deploy.lost-worker-timeout": LOST,
        "distributed.nanny.pre-spawn-environ": {},  # dask would set it in this process too, and leave it there
    }
    with (
        dask.config.set(settings),
        SpecCluster(workers=specification, scheduler=scheduler, silence_logs=50) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@contextlib.contextmanager
def standing_cluster(address: str) -> Iterator[Any]:
    """A dask client of a scheduler that stands; InputError where none answers there."""
    from distributed import Client

    try:
        client = Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        message = "start one by `dask scheduler`, and workers by `dask worker ADDRESS --nthreads 1`"
        raise InputError(f"--scheduler {address}: no scheduler answers there ({error}); {message}") from error
    with client:
        yield client
