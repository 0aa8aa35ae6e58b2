"""Sweeps: one notebook over many parameters, several runs at once, on dask.distributed.

A sweep is a folder of runs, each as `lgn-lite run` makes it, and `sweep.json`, which lists the parameters, the status
and the seconds of all. What is done stays; the same command resumes with the rest.
"""

import asyncio
import contextlib
import ipaddress
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lgn_lite.errors import InputError
from lgn_lite.experiments.progress import SweepProgress
from lgn_lite.experiments.runner import check_names, check_parameters, run_state
from lgn_lite.experiments.schedule import Running
from lgn_lite.experiments.values import check_value
from lgn_lite.experiments.worker import Job
from lgn_lite.support.files import hold_folder, project_root, write_json
from lgn_lite.support.processes import cpu_count

RunRecord = dict[str, Any]  # of a run: parameters, status, and what there is of seconds, error, where, worker, tries

CONNECT_TIMEOUT = 20  # seconds for a scheduler to answer
LOST = "5 minutes"  # after which a local worker that does not come back is given up, and replaced


class Sweep:
    """The runs of a sweep, in a folder of their own, and the status of each.

    Args:
        notebook: its path; relative to `root`.
        runs: {name: parameters}, as `grid.read_grid` gives them.
        folder: the sweep's folder; relative to `root`. Nothing is written there before `run`.
        root: default: the project's folder.
        force: run also what is done.

    Raises:
        InputError: not a notebook, parameters that it does not declare, or a folder whose files are broken.
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
        self.records: dict[str, RunRecord] = {}
        declared = check_parameters([self.notebook], {})
        check_names(declared, {name: None for parameters in runs.values() for name in parameters})
        if (self.folder / "run.json").exists():
            raise InputError(f"{self.folder}: holds a run, which would hide the sweep's; choose another name")
        for name, parameters in runs.items():
            for key, value in parameters.items():
                check_value(value, f"{name}: the parameter {key}")
            state, entry = run_state(self.notebook, self.folder / name, dict(parameters), self.root)
            known = {key: entry[key] for key in ("seconds", "error", "where") if key in entry and state != "changed"}
            self.records[name] = {"parameters": dict(parameters), "status": state, **known}

    def waiting(self) -> list[str]:
        """The names of the runs that are not done, those that failed among them; with `force` all."""
        return [name for name, record in self.records.items() if self.force or record["status"] != "done"]

    def failed(self) -> dict[str, RunRecord]:
        """The runs that failed, by name."""
        return {name: record for name, record in self.records.items() if record["status"] == "failed"}

    def job(self, name: str) -> Job:
        """All that a worker has to know of a run."""
        notebook, folder = self._from_root(self.notebook), self._from_root(self.folder / name)
        return Job(name, notebook, folder, str(self.root), self.records[name]["parameters"], self.force)

    def run(self, client: Any, progress: SweepProgress, gpus: int = 0) -> None:
        """Run what is waiting on a dask client's workers; `gpus` is what a run takes of each worker's resource GPU.

        A run whose notebook fails is recorded and the others continue; one whose worker dies starts again on another.
        Raises InputError if this folder's sweep is running already, ConnectionError if the scheduler has gone, and
        KeyboardInterrupt; what runs then is stopped, and what was done stays.
        """
        with hold_folder(self.folder, "running this sweep already"), progress:
            Running(self, client, progress, gpus).run()

    def save(self) -> None:
        """Write sweep.json, whole or not at all."""
        content = {"notebook": self._from_root(self.notebook), "saved": datetime.now(UTC).isoformat(timespec="seconds")}
        write_json(self.folder / "sweep.json", content | {"runs": self.records})

    def _from_root(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.as_posix()


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
    """A dask client whose workers are processes of this machine, one run at a time per worker.

    Default: a worker for each GPU, else one for each core. Each offers the resource GPU if there are GPUs.
    A worker that dies is started again.
    """
    import dask
    from distributed import Client, Nanny, Scheduler, SpecCluster
    from distributed.security import Security

    cores = cpu_count()
    workers = workers or len(gpus) or cores
    # A scheduler runs what it is sent, for whoever reaches its port, and the loopback's are reached by every user of
    # the machine. Hence a certificate that lives as long as this process: only its own workers have it.
    security = Security.temporary()
    here: dict[str, Any] = {"host": "127.0.0.1", "protocol": "tls", "security": security}
    here |= {"dashboard": False, "dashboard_address": "127.0.0.1:0"}  # a fixed port may be taken by a second sweep
    options = here | {
        "nthreads": 1,
        "memory_limit": 0,  # dask would count the worker's memory only, and kill it: the kernel is another process
        "resources": {"GPU": 1} if gpus else {},
        "silence_logs": 50,
        "preload": ["lgn_lite.experiments.worker"],  # its dask_setup
    }
    specification = {
        number: {"cls": Nanny, "options": options | {"env": environment}}
        for number, environment in enumerate(worker_environments(workers, gpus, cores))
    }
    scheduler = {"cls": Scheduler, "options": here}
    settings = {
        # dask's own 15 seconds are too short for a worker to start again if all cores are at work
        "distributed.deploy.lost-worker-timeout": LOST,
        "distributed.nanny.pre-spawn-environ": {},  # dask would set it in this process too, and leave it there
    }
    settings |= {f"distributed.{part}.http.routes": [] for part in ("scheduler", "nanny", "worker")}  # nothing to see
    with dask.config.set(settings), contextlib.ExitStack() as stack:
        try:
            cluster = SpecCluster(workers=specification, scheduler=scheduler, security=security, silence_logs=50)
            stack.enter_context(cluster)
            client = stack.enter_context(Client(cluster, set_as_default=False))
        except (OSError, RuntimeError) as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise InputError(f"the local workers did not start ({reason}); try fewer --workers") from error
        yield client


@contextlib.contextmanager
def running_cluster(address: str, ca: str | Path = "", cert: str | Path = "", key: str | Path = "") -> Iterator[Any]:
    """A dask client of a scheduler that runs already.

    Args:
        address: such as tls://host:8786; warns if the connection is not encrypted and leaves this machine.
        ca, cert, key: PEM files for TLS, all three or none; without them, dask's settings (distributed.comm.tls).

    Returns:
        A context manager that gives the client.

    Raises:
        InputError: none answers there within CONNECT_TIMEOUT seconds, or the files do not fit.
    """
    from distributed import Client
    from distributed.security import Security

    files = {"tls_ca_file": ca, "tls_client_cert": cert, "tls_client_key": key}
    given = {name: str(path) for name, path in files.items() if str(path)}
    if 0 < len(given) < len(files):
        raise InputError("--tls-ca-file, --tls-cert and --tls-key belong together: give all three")
    for path in given.values():
        if not Path(path).is_file():
            raise InputError(f"{path}: no such file; give the PEM files that the scheduler was started with")
    if address.startswith("tcp://") or "://" not in address:
        if given:
            raise InputError(f"--scheduler {address}: is not encrypted; with TLS its address begins with tls://")
        if not _is_loopback(address):
            warnings.warn(
                f"--scheduler {address}: without TLS everybody who reaches its port can run code there and here;"
                " README shows how to start it with TLS",
                stacklevel=2,
            )
    try:
        security = Security(**given, require_encryption=True) if given else Security()
        with ThreadPoolExecutor(1) as thread:  # a notebook's own thread has a loop already
            about = thread.submit(asyncio.run, asyncio.wait_for(_identity(address, security), CONNECT_TIMEOUT)).result()
        if about.get("type") != "Scheduler":
            raise ValueError("what answers is not a scheduler")
        client = Client(address, timeout=CONNECT_TIMEOUT, set_as_default=False, security=security)
    except Exception as error:  # of many kinds: what answers may be anything
        reason = str(error).partition("\n")[0] or f"{type(error).__name__} after {CONNECT_TIMEOUT} s"
        message = "start one by `dask scheduler`, and workers by `dask worker ADDRESS --nthreads 1`"
        if address.startswith("tls://") and not given:
            message += "; tls:// needs --tls-ca-file, --tls-cert and --tls-key"
        raise InputError(f"--scheduler {address}: no scheduler answers there ({reason}); {message}") from error
    with client:
        yield client


async def _identity(address: str, security: Any) -> Any:
    """What a scheduler says of itself. Dask's client would wait for minutes for one that takes calls and is silent."""
    from distributed.core import connect

    comm = await connect(address, timeout=CONNECT_TIMEOUT, **security.get_connection_args("client"))
    try:
        await comm.write({"op": "identity", "reply": True})
        return await comm.read()
    finally:
        comm.abort()


def _is_loopback(address: str) -> bool:
    host = address.rpartition("://")[2].rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
