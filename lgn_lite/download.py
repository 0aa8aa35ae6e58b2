"""Downloads that resume, are checked, fall back to mirrors, and never leave a half file under its name.

requests speaks HTTP and honours proxies. The resuming is ours: pooch starts a broken download anew, and
huggingface_hub does not ask whether the file has changed in between.
"""

from __future__ import annotations

import errno
import hashlib
import json
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lgn_lite.errors import InputError
from lgn_lite.files import write_json

BLOCK = 1 << 16  # bytes at once: at most so many are lost with a connection
TIMEOUT = (10, 60)  # seconds: to connect, and between two blocks
TRIES = 4  # failures of an address in a row, none of them bringing a new byte, until the next one is asked
PAUSE = 1.0  # seconds before the second try; then twice, four times as long


def fetch(
    addresses: Iterable[str],
    path: str | Path,
    size: int | None = None,
    sha256: str | None = None,
    progress: bool = True,
    tries: int = TRIES,
    pause: float = PAUSE,
) -> Path:
    """Download a file from the first address that gives it whole, checked by `size` (bytes) and `sha256`.

    A file that is there and right is kept. Bytes gather in `partial_path(path)`, which an interruption leaves and
    the next call goes on with; they are continued only where the server vouches for the same file (ETag,
    Last-Modified) or a checksum will tell. A broken connection and a server's passing fault are tried again,
    `tries` times in a row, after `pause` seconds, then twice as long, and so on. Raises InputError, saying what
    was wrong with each address, or with the disk.
    """
    import requests  # here, as below: the command line imports this module, and most commands fetch nothing

    path = Path(path)
    if path.is_file() and not mismatch(path, size, sha256):
        return path
    gathered = _Partial(path)
    problems = []
    with disk_errors(path), requests.Session() as session:
        path.parent.mkdir(parents=True, exist_ok=True)
        for address in addresses:
            try:
                _fetch_from(address, session, gathered, size, sha256, progress, tries, pause)
            except _Trouble as trouble:
                problems.append(f"{address}: {trouble}")
            else:
                gathered.file.replace(path)
                gathered.remove()
                return path
    raise InputError(
        f"{path}: could not be fetched ({'; '.join(problems) or 'no address is known'}). "
        "The same command goes on from where it came to; or put the file there by hand"
    )


def partial_path(path: Path) -> Path:
    """Where the bytes of a file gather until it is whole; beside an unfinished folder, an empty file."""
    return path.with_name(f"{path.name}.partial")


def mismatch(path: Path, size: int | None = None, sha256: str | None = None) -> str:
    """How a file differs from what is expected of it, in words; "" where it does not."""
    found = path.stat().st_size
    if size is not None and found != size:
        return f"{found:,} bytes found, {size:,} expected"
    if sha256 is not None:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != sha256:
            return f"sha256 {digest} found, {sha256} expected"
    return ""


def amount(size: float) -> str:
    """Bytes as people say them: 622 kB, 3.5 MB, 2.2 GB."""
    for unit in ("B", "kB"):
        if size < 999.5:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} MB" if size < 999.95 else f"{size / 1000:.1f} GB"


class _Trouble(Exception):
    """Why an address does not give the file; `again`: another try may help."""

    def __init__(self, reason: str, again: bool = True):
        super().__init__(reason)
        self.again = again


class _Partial:
    """The bytes that are there so far, and beside them whose they are: the address and its validator."""

    def __init__(self, path: Path):
        self.path = path
        self.file = partial_path(path)
        self._note = self.file.with_name(f"{self.file.name}.json")

    @property
    def size(self) -> int:
        return self.file.stat().st_size if self.file.exists() else 0

    @property
    def note(self) -> dict[str, str]:
        try:
            return dict(json.loads(self._note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):  # none, or cut short: then nobody vouches for the bytes
            return {}

    def begin(self, address: str, validator: str) -> None:
        self.remove()  # first: old bytes must never lie beside a new note
        write_json(self._note, {"address": address, "validator": validator})

    def remove(self) -> None:
        self.file.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def _fetch_from(
    address: str, session: Any, gathered: _Partial, size: int | None, sha256: str | None,
    progress: bool, tries: int, pause: float,
) -> None:  # fmt: skip
    """Gather a file's bytes from one address and check it; _Trouble where that fails for good."""
    import requests

    failures, furthest = 0, gathered.size
    while True:
        try:
            _transfer(address, session, gathered, size, sha256, progress)
            if problem := mismatch(gathered.file, size, sha256):
                # Bytes of two servers may not fit together: then this one is asked for all of them.
                mixed = gathered.note.get("address") != address
                gathered.remove()
                raise _Trouble(f"{gathered.path.name}: {problem}", again=mixed)
            return
        except _Trouble as error:
            trouble = error
        except requests.RequestException as error:
            trouble = _Trouble(in_words(error), again=not isinstance(error, ValueError))  # an address that is none
        failures = 1 if gathered.size > furthest else failures + 1
        furthest = max(furthest, gathered.size)
        if not trouble.again or failures >= tries:
            raise trouble
        time.sleep(pause * 2 ** (failures - 1))


def _transfer(
    address: str, session: Any, gathered: _Partial, size: int | None, sha256: str | None, progress: bool
) -> None:
    """One request: all bytes, or those that are missing."""
    from tqdm import tqdm

    note, offset = gathered.note, gathered.size
    validator = note.get("validator", "") if note.get("address") == address else ""
    if not (validator or sha256) or (size is not None and offset > size):
        offset = 0  # nothing would tell if the bytes were of another file
    if offset and offset == size:
        return  # interrupted just before its check
    headers = {"Accept-Encoding": "identity"}  # bytes as they lie there: a part of a compressed answer is of no use
    if offset:
        headers |= {"Range": f"bytes={offset}-"} | ({"If-Range": validator} if validator else {})
    with session.get(address, headers=headers, stream=True, timeout=TIMEOUT) as response:
        status, (start, total) = response.status_code, _extent(response)
        if offset and status == 416 and total == offset:
            return  # there is nothing beyond what is there
        if offset and status == 416:
            gathered.remove()
            raise _Trouble("the file has changed on the server")
        if status not in (200, 206):
            raise _Trouble(f"answers {status} {response.reason}", again=status in (408, 425, 429) or status >= 500)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise _Trouble("sends it compressed, unasked", again=False)
        found = _validator(response.headers)
        if status == 206 and (start != offset or (validator and found and found != validator)):
            gathered.remove()
            raise _Trouble("gives another part than the one asked for")
        if size is not None and total is not None and total != size:
            raise _Trouble(f"{gathered.path.name}: {total:,} bytes announced, {size:,} expected", again=False)
        check_space(gathered.path.parent, (total or size or 0) - start)
        if start == 0:
            gathered.begin(address, found)
        bar = tqdm(
            desc=gathered.path.name, total=total or size, initial=start, unit="B", unit_scale=True,
            disable=None if progress else True,
        )  # fmt: skip
        with bar, gathered.file.open("ab") as file:  # closed, and so kept, by Ctrl-C too
            for block in response.iter_content(BLOCK):
                file.write(block)
                bar.update(len(block))
                if size is not None and file.tell() > size:
                    break  # it might never end; the check tells
    if total is not None and gathered.size < total:
        raise _Trouble("the connection broke")


def _extent(response: Any) -> tuple[int, int | None]:
    """Where an answer starts in the file, and the file's size; None where the server does not say."""
    if match := re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", response.headers.get("Content-Range", "").strip()):
        return int(match[1] or 0), None if match[2] == "*" else int(match[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _validator(headers: Mapping[str, str]) -> str:
    """What If-Range takes: a strong ETag, else the date of the last change."""
    etag = headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else headers.get("Last-Modified", "")


def in_words(error: Exception) -> str:
    """An error of requests for people, where it is one that they meet; its own text names its insides."""
    import requests

    cases = {
        requests.exceptions.ProxyError: "the proxy refuses",
        requests.exceptions.SSLError: "its certificate is not accepted",
        requests.Timeout: "no answer in time",
        requests.ConnectionError: "no connection",
        requests.exceptions.ChunkedEncodingError: "the connection broke",
    }
    return next((words for case, words in cases.items() if isinstance(error, case)), str(error))


def check_space(folder: Path, need: int) -> None:
    """Raise InputError where the folder's disk has less than `need` bytes left."""
    free = shutil.disk_usage(folder).free
    if need > free:
        raise InputError(f"{folder}: {amount(need)} needed, {amount(free)} free: make room, or choose another folder")


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Errors of the disk as one InputError. Those of HTTP are OSErrors too, and must be caught inside."""
    try:
        yield
    except PermissionError as error:
        raise InputError(f"{error.filename or path}: no permission to write: choose another folder") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(f"{path}: the disk is full: make room; the same command then goes on") from error
        raise InputError(f"{error.filename or path}: {error.strerror or error}") from error
