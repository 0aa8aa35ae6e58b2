"""How many cores there are to use, and the one module that starts worker processes and ends them."""

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any

from lgn_lite.errors import InputError
from lgn_lite.support.files import remove_mine

TERMINATE_TIMEOUT = 10.0  # seconds that a worker has to end when it gets SIGTERM


def cpu_count() -> int:
    """The cores that this process may use: PYTHON_CPU_COUNT if it is set, as in Python from 3.13 on.

    Otherwise what dask finds: the machine's cores, and of these what the process's affinity and a container allow.
    """
    from dask.system import CPU_COUNT

    count = os.environ.get("PYTHON_CPU_COUNT", "")
    return int(count) if count.isdecimal() and int(count) > 0 else CPU_COUNT


class _Pool(ProcessPoolExecutor):
    """A pool whose workers leave Ctrl-C to their parent from their first moment, before they can say so themselves."""

    def submit(self, *arguments: Any, **settings: Any) -> Future:
        if os.name == "nt":
            return super().submit(*arguments, **settings)
        resource_tracker.ensure_running()  # else it is started below, and lifts the block
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # which a process that begins here inherits
        try:
            return super().submit(*arguments, **settings)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def process_pool(workers: int, begin: Callable[[], None] | None = None) -> Iterator[ProcessPoolExecutor]:
    """A pool of worker processes, each of which calls `begin` first.

    Spawned, not forked: a fork would copy torch's threads and locks in whatever state they are. They leave Ctrl-C to
    their parent, so that one message appears, not many, and end with it, however it ends. After an error the jobs
    that run are waited for, and no others begin; Ctrl-C, or a generator that is closed, ends them, and what they were
    writing is removed. Raises InputError if a worker was killed, as happens if memory runs out.
    """
    pool = _Pool(workers, multiprocessing.get_context("spawn"), _begin_worker, (begin,))
    try:
        yield pool
    except BrokenProcessPool as error:
        raise InputError(
            "a worker process was killed, as happens if memory runs out: use fewer workers, or free memory"
        ) from error
    except Exception:
        raise
    except BaseException:
        _end(list((pool._processes or {}).values()))  # its `terminate_workers` came with Python 3.14
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _end(workers: list[BaseProcess]) -> None:
    """Ask worker processes to end, which remove what they were writing; then do not ask."""
    for worker in workers:
        worker.terminate()
    ends, last = [worker.sentinel for worker in workers], time.monotonic() + TERMINATE_TIMEOUT
    while ends and (left := last - time.monotonic()) > 0:
        ended = wait(ends, left)
        ends = [end for end in ends if end not in ended]
    for worker in workers:
        if worker.sentinel in ends:
            worker.kill()


def by_processes(function: Callable[..., Any], jobs: Mapping[str, tuple], workers: int) -> Iterator[tuple[str, Any]]:
    """Yield (name, function(*arguments)) of jobs {name: arguments} in the given order (0 workers: computed here).

    At most workers + 1 results wait at a time. An error of the function is raised here.
    """
    if workers < 1:
        yield from ((name, function(*arguments)) for name, arguments in jobs.items())
        return
    with process_pool(workers) as pool:
        submitted = ((name, pool.submit(function, *arguments)) for name, arguments in jobs.items())
        running = deque(islice(submitted, workers + 1))
        while running:
            name, job = running.popleft()
            yield name, job.result()
            running.extend(islice(submitted, 1))


def _begin_worker(begin: Callable[[], None] | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: _leave(128 + signal.SIGTERM))
    end_with_parent()
    if begin is not None:
        begin()


def end_with_parent() -> None:
    """Let this worker process end as soon as the one that started it has gone.

    Killed, that one stops nobody: a worker would compute its long job to the end, unseen, and hold the job's folder.
    """

    def watch() -> None:
        multiprocessing.parent_process().join()
        _leave(1)

    threading.Thread(target=watch, daemon=True).start()


def _leave(code: int) -> None:
    """End at once, without what Python does at its end, but leave nothing half-written."""
    remove_mine()
    os._exit(code)


def in_own_process(work: Callable[..., Any], *arguments: Any) -> Any:
    """work(*arguments) in a fresh process; MemoryError if that is killed, as it is if memory runs out."""
    with process_pool(1) as pool:
        try:
            return pool.submit(work, *arguments).result()
        except BrokenProcessPool:
            raise MemoryError("its process was killed, as happens if memory runs out") from None
