"""Archives, near and far: safe unpacking of zip and tar, and single members out of a remote zip.

remotezip reads a zip through HTTP Range; the standard library does the rest, and this module does what they leave open:
names and sizes are checked before anything is written, every file is atomic, and an interrupted call resumes.
"""

from __future__ import annotations

import gzip
import lzma
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Literal

from lgn_lite.downloads.download import PAUSE, TRIES, check_space, disk_errors, readable_size, wait_after
from lgn_lite.downloads.remote_parts import fetcher
from lgn_lite.downloads.servers import Trouble, in_words
from lgn_lite.errors import InputError
from lgn_lite.support.bars import bar
from lgn_lite.support.error_lines import one_line
from lgn_lite.support.files import atomic_path, remove_leftovers

COPY_BLOCK = 1 << 20  # bytes copied at once
# what zipfile, tarfile and their decompressors raise for a damaged, cut or encrypted archive
DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError),
    *(struct.error, NotImplementedError, UnicodeDecodeError),
)
MOST_FILES = 4_000_000  # in an archive; Charades' tree of features has 1.8 million
RATIO, FREE = 100, 100_000_000  # at most, if nobody says how much comes out: times the archive's size, or bytes
LARGEST_VIDEO = 2_000_000_000  # bytes; those of Charades have about one million


class DamagedArchive(InputError):
    """An archive that is not what it should be: to fetch it again helps, to open it again does not.

    `whole`: it can be opened, only its content is another.
    """

    def __init__(self, message: str, whole: bool = False):
        super().__init__(message)
        self.whole = whole


def unpack(
    archive: str | Path,
    folder: str | Path,
    members: Mapping[str, Path] | None = None,
    progress: bool = True,
    at_most: int | None = None,
) -> None:
    """Unpack a zip or tar; each file appears whole or not at all, and an interrupted call resumes.

    Args:
        archive: its path.
        folder: where everything goes; a first folder of this name within the archive is not repeated, and files that
            are there in full size are left.
        members: only these, {end of a member's name: path to write}.
        progress: whether to show a bar.
        at_most: bytes that may come out (None: RATIO times the archive's own, at least FREE).

    Raises:
        DamagedArchive: a damaged archive, or a missing member; and, before anything is written, more than `at_most`
            bytes or MOST_FILES files.
        InputError: before anything is written, a member that would land outside of `folder` (.., an absolute path, a
            Windows drive), a link or a device; or a full disk.
    """
    archive, folder = Path(archive), Path(folder)
    with disk_errors(folder), _damage(archive):
        most = at_most if at_most is not None else max(FREE, RATIO * archive.stat().st_size)
        count, size, need, paths = 0, 0, 0, []
        for member, path in _plan(archive, folder, members, most):
            count += 1
            size += member.size
            if size > most or count > MOST_FILES:
                what = f"more than {readable_size(most)}" if size > most else f"more than {MOST_FILES:,} files"
                raise DamagedArchive(f"{archive}: unpacks to {what}, the most expected: do not trust this archive")
            need += 0 if members is None and _is_there(member, path) else member.size
            if members is not None:  # of all, the list would be of a million
                paths.append(path)
        if not count and members is None:
            raise DamagedArchive(f"{archive}: holds no file: is it another archive?")
        if wrong := [end for end, path in (members or {}).items() if paths.count(path) != 1]:
            raise DamagedArchive(f"{archive}: holds {', '.join(wrong)} not exactly once: is it another archive?")
        folder.mkdir(parents=True, exist_ok=True)
        check_space(folder, need)
        plan, last = _plan(archive, folder, members, most), None
        for member, path in bar(plan, folder.name, count, unit="file", progress=progress):
            if path.parent != last and (last := path.parent).is_dir():
                remove_leftovers(last)  # of an unpacking that was killed
            if members is not None or not _is_there(member, path):
                _write_member(member.open, path)


def remote_members(
    addresses: Iterable[str],
    members: Mapping[str, Path],
    progress: bool = True,
    tries: int = TRIES,
    pause: float = PAUSE,
) -> None:
    """Pull single members out of a remote zip through HTTP Range.

    Args:
        addresses: of the zip, tried in turn.
        members: {name in the zip: path to write}; what is there is left alone. Each file appears whole (zip's checksum
            holds) or not at all.
        progress: whether to show a bar.
        tries: of each address.
        pause: seconds before the second try; then twice, four times as long.

    Raises:
        InputError: a name that the zip does not hold, a member of more than LARGEST_VIDEO bytes, or no address gives
            them: then it says why.
    """
    import requests
    import urllib3
    from remotezip import RangeNotSupported, RemoteZip, RemoteZipError

    passing = (RemoteZipError, requests.RequestException, urllib3.exceptions.HTTPError, ValueError, *DAMAGE)
    problems = []
    for folder in {path.parent for path in members.values()}:
        if folder.is_dir():
            remove_leftovers(folder)
    for address in addresses:
        for attempt in range(tries):
            left = {name: path for name, path in members.items() if not path.is_file()}
            try:
                with RemoteZip(address, fetcher=fetcher) as archive:
                    if unknown := sorted(set(left) - set(archive.namelist())):
                        raise InputError(f"{address}: holds no {', '.join(unknown)}: check the names")
                    for name, path in bar(left.items(), unit="file", progress=progress):
                        with disk_errors(path):
                            path.parent.mkdir(parents=True, exist_ok=True)
                            if (size := archive.getinfo(name).file_size) > LARGEST_VIDEO:
                                raise Trouble(
                                    f"{name}: {size:,} bytes, at most {LARGEST_VIDEO:,} expected", again=False
                                )
                            check_space(path.parent, size)
                            _write_member(partial(archive.open, name), path)
                return
            except InputError:
                raise
            except RangeNotSupported:
                trouble = Trouble("the server gives no parts of files (HTTP Range), so single ones cannot be taken out")
                break
            except Trouble as error:
                trouble = error
            except passing as error:
                trouble = Trouble(in_words(error))
            if not trouble.again or attempt == (min(tries, 2) if trouble.slow else tries) - 1:
                break
            try:
                wait_after(trouble, pause * 2**attempt, progress)
            except Trouble as error:
                trouble = error
                break
        problems.append(f"{address}: {one_line(str(trouble))}")
    names = ", ".join(path.name for path in members.values())
    raise InputError(f"{names}: could not be fetched ({'; '.join(problems) or 'no address is known'})")


@dataclass(frozen=True)
class _Member:
    """A member of a zip or a tar."""

    name: str
    kind: Literal["file", "folder", "other"]  # other: a link, a device
    size: int  # bytes, unpacked
    open: Callable[[], AbstractContextManager[IO[bytes]]]


def _plan(archive: Path, folder: Path, members: Mapping[str, Path] | None, most: int) -> Iterator[tuple[_Member, Path]]:
    """The files to unpack and where they go, in the archive's order; a member that is a trap is refused."""
    for member in _members(archive, most):
        path = PureWindowsPath(member.name)  # knows both slashes and drives
        if path.anchor or ".." in path.parts:
            raise InputError(f"{archive}: {member.name!r} would land outside of {folder}: do not trust this archive")
        if member.kind == "other":
            raise InputError(f"{archive}: {member.name!r} is a link or a device: do not trust this archive")
        if member.kind == "folder":
            continue
        if members is None:
            parts = PurePosixPath(member.name).parts
            yield member, folder.joinpath(*parts[len(parts) > 1 and parts[0] == folder.name :])
        else:
            ends = [path for end, path in members.items() if f"/{member.name}".endswith(f"/{end}")]
            yield from ((member, path) for path in ends)


def _members(archive: Path, most: int) -> Iterator[_Member]:
    """The members of a zip or a tar, one by one; each can be opened until the next is taken."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            for info in file.infolist():
                special = stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR)
                kind = "folder" if info.is_dir() else "other" if special else "file"
                yield _Member(info.filename, kind, info.file_size, partial(file.open, info))
        return
    with tarfile.open(archive) as file:
        while (info := file.next()) is not None:
            file.members.clear()  # tarfile remembers every header it read: gigabytes, for a million of files
            kind = "folder" if info.isdir() else "file" if info.isfile() else "other"
            yield _Member(info.name, kind, info.size, partial(file.extractfile, info))
        rest = 0
        while rest <= most and (block := file.fileobj.read(COPY_BLOCK)):
            rest += len(block)  # to the very end, where gzip's checksum is


def _is_there(member: _Member, path: Path) -> bool:
    return path.is_file() and path.stat().st_size == member.size


def _write_member(open_member: Callable[[], AbstractContextManager[IO[bytes]]], path: Path) -> None:
    with atomic_path(path) as temporary, open_member() as source, temporary.open("wb") as target:
        shutil.copyfileobj(source, target, COPY_BLOCK)


@contextmanager
def _damage(archive: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGE as error:
        what = one_line(str(error))
        raise DamagedArchive(f"{archive}: damaged, or not an archive ({what})") from error
