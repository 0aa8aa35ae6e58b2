"""How many cores there are to use, and how the processes that use them end."""

import multiprocessing
import os
import threading


def cpu_count() -> int:
    """The cores that this process may use: PYTHON_CPU_COUNT where it is set, as in Python from 3.13 on.

    Otherwise what dask finds: the machine's cores, and of these what the process's affinity and a container allow.
    """
    from dask.system import CPU_COUNT

    asked = os.environ.get("PYTHON_CPU_COUNT", "")
    return int(asked) if asked.isdecimal() and int(asked) > 0 else CPU_COUNT


def end_with_parent() -> None:
    """Let this worker process end as soon as the one that started it has gone.

    Killed, that one stops nobody: a worker would compute its long job to the end, unseen, and hold the job's folder.
    """

    def watch() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
