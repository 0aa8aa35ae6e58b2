"""A video file that a page sends in parts: bytes in a temporary file, which goes with its `Upload`.

The name that a visitor's file has is for display only; it is never a path.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lgn_lite.errors import InputError

LIMIT = 250_000_000  # bytes of a file
PART = 1 << 20  # bytes of a message at most; web sockets take 10 MB


class Upload:
    """A file that is being received, and then a video in `path`, until `close`.

    Args:
        number: the page's own mark, by which it knows its upload from another page's.
        name: of the file on the visitor's machine.
        size: bytes that will come.

    Raises InputError for a file that is empty or too large, and for what is no name or no size.
    """

    def __init__(self, number: Any, name: Any, size: Any) -> None:
        if not (isinstance(name, str) and isinstance(number, str) and type(size) is int):
            raise InputError("a page that sends a file names it and its size; load the page again")
        self.number, self.name, self.size = number[:40], name[-200:] or "video", size
        if size <= 0:
            raise InputError(f"{self.name} is empty: choose a video file")
        if size > LIMIT:
            sizes = f"{size / 1e6:,.0f} MB, of at most {LIMIT / 1e6:,.0f} MB"
            raise InputError(f"{self.name} has {sizes}: cut it or make it smaller")
        self.received = 0
        self._folder = TemporaryDirectory(prefix="lgn_lite-video-", ignore_cleanup_errors=True)
        self.folder = Path(self._folder.name)
        self.path = self.folder / "video"

    def add(self, at: Any, content: Any) -> None:
        """Append the part that begins at byte `at`; InputError unless it is the next one and fits."""
        content = memoryview(content)
        if at != self.received or not 0 < content.nbytes <= min(PART, self.size - self.received):
            raise InputError(f"{self.name} did not arrive as it was sent; choose it again")
        with self.path.open("ab") as file:
            file.write(content)
        self.received += content.nbytes

    @property
    def complete(self) -> bool:
        return self.received == self.size

    def close(self) -> None:
        """Delete the file."""
        self._folder.cleanup()
