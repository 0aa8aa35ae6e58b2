"""Downloads that resume, are checked, fall back to mirrors, and never leave a half file under its name.

requests speaks HTTP and honours proxies. The resuming is ours: pooch starts a broken download from scratch, and
huggingface_hub does not ask whether the file has changed in between. Whatever a server does, a call ends: with the
file, or within bounds of time and size that its message names.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lgn_lite.downloads.servers import Trouble, answer, paced, refuse, troubles
from lgn_lite.downloads.signatures import strange
from lgn_lite.errors import InputError
from lgn_lite.support.bars import bar
from lgn_lite.support.error_lines import one_line, os_error_line
from lgn_lite.support.files import partial_path, remove_leftovers, set_aside, wait_for_folder, write_json

BLOCK = 1 << 16  # bytes at once: at most this many are lost with a connection
TRIES = 4  # failures of an address in a row, none of them with a new byte, until the next one is tried
PAUSE = 1.0  # seconds before the second try; then twice, four times as long
LONGEST_PAUSE = 300  # seconds that a server may ask for (Retry-After)
UNKNOWN = 2_000_000_000  # bytes at most, if nobody says how large a file is
SPARE = 0.02  # part of the disk that such a file leaves free


def fetch(
    addresses: Iterable[str],
    path: str | Path,
    size: int | None = None,
    sha256: str | None = None,
    progress: bool = True,
    tries: int = TRIES,
    pause: float = PAUSE,
    at_most: int | None = None,
) -> Path:
    """Download a file from the first address that gives it whole.

    Bytes gather in `partial_path(path)`, which an interruption leaves and the next call resumes from; they are
    continued only if the server vouches for the same file (ETag, Last-Modified) or a checksum will show it. Another
    process that fetches the same file is waited for.

    Args:
        addresses: tried in turn.
        path: of the file. One that is there and right stays; one that is not is renamed when the right one is whole.
        size: bytes, checked if given.
        sha256: checked if given; without it the content has to fit the file's name (`signatures.strange`).
        progress: whether to show a bar.
        tries: failures in a row of one address, of a broken connection or a server's passing fault.
        pause: seconds before the second try, then twice as long, and so on, or as long as the server says
            (Retry-After, up to LONGEST_PAUSE).
        at_most: bytes that are accepted if `size` is not known.

    Returns:
        The path.

    Raises:
        InputError: says what was wrong with each address, or with the disk.
    """
    path = Path(path)
    with disk_errors(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if path.is_file() and not _wrong(path, path, size, sha256):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        doing = f"fetching {path.name}"
        with wait_for_folder(path.parent, doing, f".{path.name}.lock", leave=False, of=path):
            there = _wrong(path, path, size, sha256) if path.is_file() else "nothing"
            if there:
                remove_leftovers(path.parent)
                _fetch(addresses, path, size, sha256, progress, tries, pause, at_most, there)
    return path


def _fetch(
    addresses: Iterable[str], path: Path, size: int | None, sha256: str | None, progress: bool,
    tries: int, pause: float, at_most: int | None, there: str,
) -> None:  # fmt: skip
    import requests  # here, as below: the command line imports this module, and most commands fetch nothing

    gathered, problems = _Partial(path), []
    with requests.Session() as session:
        for address in addresses:
            try:
                _fetch_from(address, session, gathered, size, sha256, progress, tries, pause, at_most)
            except Trouble as trouble:
                problems.append(f"{address}: {one_line(str(trouble))}")
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT) and not (sha256 or gathered.note.get("validator")):
                    gathered.remove()  # of no use to the next call, it would only keep the disk full
                raise
            else:
                if path.exists():
                    print(f"{path}: {there}; it is now {set_aside(path).name}", file=sys.stderr)
                gathered.file.replace(path)
                gathered.remove()
                return
    if not (sha256 or gathered.note.get("validator")):
        gathered.remove()  # nothing vouches for these bytes: the next call could not resume from them
    was = f"what is there {there}; " if path.exists() else ""
    raise InputError(
        f"{path}: {was}could not be fetched ({'; '.join(problems) or 'no address is known'}). "
        "The same command resumes from there; or put the file there by hand"
    )


def _wrong(path: Path, name: Path, size: int | None, sha256: str | None) -> str:
    """What is wrong with a file that has, or is to get, a name."""
    return mismatch(path, size, sha256) or ("" if sha256 else strange(path, name.name))


def mismatch(path: Path, size: int | None = None, sha256: str | None = None) -> str:
    """How a file differs from what is expected of it, in words; "" if it does not."""
    found = path.stat().st_size
    if size is not None and found != size:
        return f"{found:,} bytes found, {size:,} expected"
    if sha256 is not None:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != sha256:
            return f"sha256 {digest} found, {sha256} expected"
    return ""


def readable_size(size: float) -> str:
    """Bytes as people say them: 622 kB, 3.5 MB, 2.2 GB."""
    for unit in ("B", "kB"):
        if size < 999.5:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} MB" if size < 999.95 else f"{size / 1000:.1f} GB"


class _Partial:
    """The bytes that are there so far, and next to them whose they are: the address and its validator."""

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
            note = dict(json.loads(self._note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, RecursionError):  # none, or damaged: nobody vouches for the bytes
            return {}
        return {"address": str(note.get("address", "")), "validator": _whole_validator(note.get("validator"))}

    def begin(self, address: str, validator: str) -> None:
        self.remove()  # first: old bytes must never lie next to a new note
        write_json(self._note, {"address": address, "validator": validator})

    def remove(self) -> None:
        self.file.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def _fetch_from(
    address: str, session: Any, gathered: _Partial, size: int | None, sha256: str | None,
    progress: bool, tries: int, pause: float, at_most: int | None,
) -> None:  # fmt: skip
    """Gather a file's bytes from one address and check it; Trouble if that fails for good."""
    failures, furthest = 0, gathered.size
    while True:
        try:
            with troubles():
                _transfer(address, session, gathered, size, sha256, progress, at_most)
            if problem := _wrong(gathered.file, gathered.path, size, sha256):
                # Bytes of two servers may not fit together: then all of them come from this one.
                mixed = gathered.note.get("address") != address
                gathered.remove()
                raise Trouble(f"{gathered.path.name}: {problem}", again=mixed)
            return
        except Trouble as error:
            trouble = error
        failures = 1 if gathered.size > furthest and not trouble.slow else failures + 1
        furthest = max(furthest, gathered.size)
        if not trouble.again or failures >= (min(tries, 2) if trouble.slow else tries):
            raise trouble
        wait_after(trouble, pause * 2 ** (failures - 1), progress)


def wait_after(trouble: Trouble, pause: float, progress: bool = False) -> None:
    """Wait `pause` seconds, or as long as the server asks; its Trouble if that is longer than LONGEST_PAUSE."""
    if trouble.pause > LONGEST_PAUSE:
        raise Trouble(f"{trouble}, and asks to come back in {trouble.pause:,.0f} s (it is waited {LONGEST_PAUSE})")
    if progress and trouble.pause > pause:
        print(f"the server {trouble}: waiting {trouble.pause:.0f} s, as it asks", file=sys.stderr, flush=True)
    time.sleep(max(pause, trouble.pause))


def _transfer(
    address: str, session: Any, gathered: _Partial, size: int | None, sha256: str | None, progress: bool,
    at_most: int | None,
) -> None:  # fmt: skip
    """One request: all bytes, or those that are missing."""
    note, offset = gathered.note, gathered.size
    validator = note.get("validator", "") if note.get("address") == address else ""
    if not (validator or sha256) or (size is not None and offset > size):
        offset = 0  # nothing would show it if the bytes were of another file
    if offset and offset == size:
        return  # interrupted just before its check
    headers = {"Accept-Encoding": "identity"}  # bytes as they lie there: a part of a compressed answer is of no use
    if offset:
        headers |= {"Range": f"bytes={offset}-"} | ({"If-Range": validator} if validator else {})
    with answer(session, address, headers) as response:
        status, (start, total) = response.status_code, _extent(response)
        if offset and status == 416 and total == offset:
            return  # there is nothing beyond what is there
        if offset and status == 416:
            gathered.remove()
            raise Trouble("the file has changed on the server")
        refuse(response)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise Trouble("sends it compressed, unrequested", again=False)
        found = _validator(response.headers)
        if status == 206 and (start != offset or (validator and found and found != validator)):
            gathered.remove()
            raise Trouble("gives another part than the one requested")
        if size is not None and total is not None and total != size:
            raise Trouble(f"{gathered.path.name}: {total:,} bytes announced, {size:,} expected", again=False)
        most = next(bound for bound in (size, at_most, total, UNKNOWN) if bound is not None)
        if (total or 0) > most:
            raise Trouble(f"announces {readable_size(total)}, at most {readable_size(most)} expected", again=False)
        check_space(gathered.path.parent, (total or size or 0) - start)
        if start == 0:
            gathered.begin(address, found)
        shown = bar(
            desc=gathered.path.name, total=total or size, initial=start, unit="B", unit_scale=True, progress=progress
        )
        with shown, gathered.file.open("ab") as file:  # closed, and written, by Ctrl-C too
            for block in paced(response.raw, BLOCK):
                file.write(block)
                shown.update(len(block))
                if file.tell() > most:
                    break  # it might never end
                if total is None and size is None and _is_filling(gathered.path.parent):
                    most = 0
                    break
    if size is None and gathered.size > most:
        gathered.remove()  # else it would stay on a full disk
        if most:
            raise Trouble(f"gives more than {readable_size(most)}, which is what was expected at most", again=False)
        raise Trouble("does not say how much it gives, and fills the disk", again=False)
    if total is not None and gathered.size < total:
        raise Trouble("the connection broke")


def _is_filling(folder: Path) -> bool:
    usage = shutil.disk_usage(folder)
    return usage.free < SPARE * usage.total


def _extent(response: Any) -> tuple[int, int | None]:
    """Where an answer starts in the file, and the file's size; None if the server does not say."""
    said = response.headers.get("Content-Range", "").strip()
    if match := re.fullmatch(r"bytes (?:(\d{1,15})-\d{1,15}|\*)/(\d{1,15}|\*)", said, re.ASCII):
        return int(match[1] or 0), None if match[2] == "*" else int(match[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if re.fullmatch(r"\d{1,15}", length, re.ASCII) else None


def _validator(headers: Mapping[str, str]) -> str:
    """What If-Range takes: a strong ETag, else the date of the last change."""
    return _whole_validator(headers.get("ETag")) or _whole_validator(headers.get("Last-Modified"))


def _whole_validator(value: Any) -> str:
    """A validator that can be sent back; "" for a weak one, and for anything else."""
    whole = isinstance(value, str) and re.fullmatch(r'"[!#-~]{1,200}"|[A-Z][A-Za-z0-9 ,:+-]{10,60}', value)
    return value if whole else ""


def check_space(folder: Path, need: int) -> None:
    """Raise InputError if the folder's disk has less than `need` bytes left."""
    free = shutil.disk_usage(folder).free
    if need > free:
        sizes = f"{readable_size(need)} needed, {readable_size(free)} free"
        raise InputError(f"{folder}: {sizes}: make room, or choose another folder")


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Errors of the disk as one InputError. Those of HTTP are OSErrors too, and must be caught inside."""
    try:
        yield
    except PermissionError as error:
        raise InputError(f"{error.filename or path}: no permission to write: choose another folder") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            there = partial_path(path)
            size = there.stat().st_size if there.is_file() else 0
            so_far = f" ({there.name} has {readable_size(size)} of it)" if size else ""
            raise InputError(f"{path}: the disk is full: make room; the same command then resumes{so_far}") from error
        error.filename = error.filename or str(path)
        raise InputError(os_error_line(error)) from error
