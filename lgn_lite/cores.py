"""How many cores there are to use, the one place that starts worker processes, and how these end."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Any


def cpu_count() -> int:
    """The cores that this process may use: PYTHON_CPU_COUNT where it is set, as in Python from 3.13 on.

    Otherwise what dask finds: the machine's cores, and of these what the process's affinity and a container allow.
    """
    from dask.system import CPU_COUNT

    asked = os.environ.get("PYTHON_CPU_COUNT", "")
    return int(asked) if asked.isdecimal() and int(asked) > 0 else CPU_COUNT


@contextmanager
def process_pool(workers: int, begin: Callable[[], None] | None = None) -> Iterator[ProcessPoolExecutor]:
    """A pool of worker processes, each of which calls `begin` first.

    Spawned, not forked: a fork would copy torch's threads and locks in whatever state they are. They leave Ctrl-C to
    their parent, so that one message appears, not many, and end with it, however it ends. After an error the jobs
    that run are waited for, and no others begin; Ctrl-C, or a generator that is closed, ends them.
    """
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin_worker, (begin,))
    try:
        yield pool
    except Exception:
        raise
    except BaseException:
        for worker in list((pool._processes or {}).values()):  # its `terminate_workers` came with Python 3.14
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


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
    end_with_parent()
    if begin is not None:
        begin()


def end_with_parent() -> None:
    """Let this worker process end as soon as the one that started it has gone.

    Killed, that one stops nobody: a worker would compute its long job to the end, unseen, and hold the job's folder.
    """

    def watch() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
