"""Progress bars: on a terminal and in a notebook. Where the output goes to a file or a pipe there are none."""

import sys
from typing import Any

from tqdm import tqdm


def bar(*arguments: Any, progress: bool = True, **options: Any) -> tqdm:
    """A bar of tqdm, with its own arguments; nothing is shown without `progress`, or where nobody watches."""
    return tqdm(*arguments, disable=not (progress and is_watched()), **options)


def is_watched() -> bool:
    """Whether standard error, which bars go to, is a terminal's or a notebook's."""
    stream = sys.stderr
    return stream is not None and (stream.isatty() or type(stream).__module__.startswith("ipykernel."))
