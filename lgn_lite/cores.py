"""How many cores there are to use."""

import os


def cpu_count() -> int:
    """The cores that this process may use: PYTHON_CPU_COUNT where it is set, as in Python from 3.13 on.

    Otherwise what dask finds: the machine's cores, and of these what the process's affinity and a container allow.
    """
    from dask.system import CPU_COUNT

    asked = os.environ.get("PYTHON_CPU_COUNT", "")
    return int(asked) if asked.isdecimal() and int(asked) > 0 else CPU_COUNT
