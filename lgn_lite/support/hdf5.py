"""HDF5 files and the tables in them: opened under any kind of lock, judged without reading, explained in one line."""

import errno
import math
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lgn_lite.errors import InputError
from lgn_lite.support.files import NO_LOCKS

H5_ERRORS = (OSError, KeyError, RuntimeError, TypeError, ValueError, MemoryError)  # what h5py makes of HDF5's
HELD = (None, errno.EAGAIN, errno.EACCES)  # error numbers of a lock that another process holds
LINKS = 16  # soft links that one name may lead through
SLACK = 2**16  # bytes that HDF5's own tables may need on top of the numbers


class DamagedHDF5(InputError):
    """Not an HDF5 file, or not a whole one: not what the system refuses only now, which is another error."""


class Unfit(Exception):
    """Why what lies under a name is not a table of numbers."""


def open_file(path: Path, mode: str, lock: bool) -> h5py.File:
    """Open an HDF5 file to read ("r") or to add to ("r+"), with HDF5's own lock if one is required and available.

    Raises DamagedHDF5 for what is not an HDF5 file, InputError if the file is in use, and OSError, with the path, for
    what the system refuses.
    """
    # In one process all who open a file must request locks alike: other ways than the required one are tried for that.
    for locking in (None, False, True, "best-effort") if lock else (False, None, True, "best-effort"):
        try:
            return h5py.File(path, mode, locking=locking)
        except H5_ERRORS as error:
            failure = error
            if "flag values don't match" not in str(error) and not _lacks_locks(error):
                break
    raise _explained(path, failure) from failure


def _lacks_locks(error: Exception) -> bool:
    """Whether no lock is available at all, rather than that another holds it."""
    number = _error_number(error)
    return number in NO_LOCKS or ("lock file" in str(error) and number not in HELD)


def _explained(path: Path, error: Exception) -> Exception:
    number, text = _error_number(error), str(error)
    if _lacks_locks(error):
        return InputError(
            f"{path}: its file system has no locks ({reason(error)}); set HDF5_USE_FILE_LOCKING=FALSE and try again"
        )
    if isinstance(error, BlockingIOError) or "lock file" in text:
        return InputError(
            f"{path}: another process has it open; wait for it, or end it (if none has: the file system's locks do "
            "not work, set HDF5_USE_FILE_LOCKING=FALSE)"
        )
    if "consistency flags" in text or "SWMR" in text:
        return InputError(
            f"{path}: another program is writing it, or was stopped while it did ({reason(error)}); wait for it, or "
            f"run `h5clear -s` on the file"
        )
    if "already open" in text or "don't match" in text or "doesn't match" in text:
        return InputError(
            f"{path}: is open in this process in another way ({reason(error)}); close it there, such as in another "
            "cell of the notebook"
        )
    if number:
        return OSError(number, os.strerror(number), str(path))
    return DamagedHDF5(f"{path}: is not a readable HDF5 file ({reason(error)}); extract or fetch it again")


def write_error(path: Path, error: Exception) -> OSError:
    """What h5py raised while it wrote, as an OSError that names the file."""
    number = _error_number(error)
    return OSError(number, os.strerror(number), str(path)) if number else OSError(f"{path}: {reason(error)}")


def reason(error: Exception) -> str:
    """What went wrong, without HDF5's addresses, times and line breaks."""
    number, text = _error_number(error), " ".join(str(error.args[-1] if error.args else error).split())
    inner = re.search(r"\((.+)\)", text)
    return os.strerror(number) if number else inner[1] if inner else text


def _error_number(error: Exception) -> int | None:
    """The system's error number: not every version of h5py hands it on, but HDF5's text has it."""
    if found := getattr(error, "errno", None) or re.search(r"errno = (\d+)", str(error)):
        return found if isinstance(found, int) else int(found[1])
    return None


def contents(path: Path, file: h5py.File) -> tuple[dict[str, Any], list[str]]:
    """The attributes of a file that can be read, single values as Python's own, and the names in it.

    Raises DamagedHDF5 if they cannot be listed.
    """
    attrs = {}
    try:
        for name in file.attrs:
            with suppress(*H5_ERRORS):
                value = file.attrs[name]
                attrs[name] = value.item() if isinstance(value, np.generic) else value
        return attrs, [name for name in file if isinstance(name, str)]  # bytes: not UTF-8, so that nobody asks for it
    except H5_ERRORS as error:
        raise _explained(path, error) from error


def open_table(file: h5py.File, name: str, max_bytes: float) -> h5py.Dataset:
    """The table (T, D) of numbers under a name, or under "c3d_features" in a group of that name (ActivityNet).

    Nothing of the numbers is read. Raises Unfit if there is no such table, if its numbers are not in this file
    or were never written, and if they take more than `max_bytes` as float32.
    """
    try:
        item = _follow(file, file, name)
        if isinstance(item, h5py.Group):
            if item.get("c3d_features", getlink=True) is None:
                raise Unfit("a group without 'c3d_features'")
            item = _follow(file, item, "c3d_features")
        if not isinstance(item, h5py.Dataset):
            raise Unfit(f"a {type(item).__name__.lower()}, not a table")
        _check_shape(item, max_bytes)
        _check_storage(file, item)
    except H5_ERRORS as error:  # listed, but what the name leads to is damaged
        raise Unfit(f"unreadable ({reason(error)})") from error
    return item


def _follow(file: h5py.File, group: h5py.Group, path: str, left: int = LINKS) -> Any:
    """What a path leads to inside the file; links are followed by hand, so that no other file is ever opened."""
    item: Any = group
    for name in (part for part in path.split("/") if part not in ("", ".")):
        link = item.get(name, getlink=True) if isinstance(item, h5py.Group) else None
        if isinstance(link, h5py.ExternalLink):
            raise Unfit(
                f"unreadable (a link into another file, {link.filename!r}: copy what it leads to into this one)"
            )
        if isinstance(link, h5py.SoftLink):
            if not left:
                raise Unfit("unreadable (a link that leads in a circle)")
            item = _follow(file, file if link.path.startswith("/") else item, link.path, left - 1)
        elif link is None:
            raise Unfit(f"unreadable (a link to {path!r}, which is not there)")
        else:
            item = item[name]
    return item


def _check_shape(item: h5py.Dataset, max_bytes: float) -> None:
    shape, dtype, chunks = item.shape, item.dtype, item.chunks
    if shape is None or len(shape) != 2 or 0 in shape:  # None: an empty data set of HDF5
        raise Unfit(f"features of shape {shape} instead of (T, D)")
    if dtype.kind not in "fiu" or h5py.check_enum_dtype(dtype):
        raise Unfit(f"features of type {dtype}, not numbers")
    # what reading takes: the whole as float32, and a compressed chunk at a time
    size = max(4 * math.prod(shape), dtype.itemsize * math.prod(chunks) if chunks else 0)
    if size > max_bytes:
        where = f" in chunks of {chunks}" if chunks else ""
        raise Unfit(
            f"features of shape {shape}{where} take {size / 1e9:.1f} GB, over the {max_bytes / 1e9:g} GB of max_bytes"
        )


def _check_storage(file: h5py.File, item: h5py.Dataset) -> None:
    """The numbers are in this file, all of them: HDF5 would read zeros for those that are not."""
    plan = item.id.get_create_plist()
    layout = plan.get_layout()
    if plan.get_external_count():
        raise Unfit(f"numbers in another file, {item.external[0][0]!r}: copy them into this one")
    for number in range(plan.get_nfilters()):
        code, _flags, _values, label = plan.get_filter(number)
        if not h5py.h5z.filter_avail(code):
            what = f"{code} {label.decode(errors='replace')}".strip()
            raise Unfit(f"compressed by a filter that h5py lacks here ({what}): `import hdf5plugin` may add it")
    if layout == h5py.h5d.VIRTUAL:
        _check_sources(file, item)
        return
    if layout == h5py.h5d.CHUNKED:
        total = math.prod(-(-length // chunk) for length, chunk in zip(item.shape, plan.get_chunk(), strict=True))
        written, unit = item.id.get_num_chunks(), "chunks"
    else:
        total = item.id.get_type().get_size() * item.size
        written, unit = item.id.get_storage_size(), "bytes"
    if written < total:
        raise Unfit(f"features of shape {item.shape}, of which only {written:,} of {total:,} {unit} were ever written")


def _check_sources(file: h5py.File, item: h5py.Dataset) -> None:
    """A virtual data set shows parts of others; those must be there, in this file, and cover it."""
    covered = 0
    for source in item.virtual_sources():
        if source.file_name != ".":
            raise Unfit(f"numbers in another file, {source.file_name!r}: copy them into this one")
        target = _follow(file, file, source.dset_name)
        if not isinstance(target, h5py.Dataset) or target.is_virtual:
            raise Unfit(f"a virtual data set of {source.dset_name!r}, which is not a plain one")
        _check_storage(file, target)
        count = source.vspace.get_select_npoints()
        if source.src_space.get_select_type() == h5py.h5s.SEL_ALL:
            whole = target.size == count
        else:
            _first, last = source.src_space.get_select_bounds()
            whole = all(index < length for index, length in zip(last, target.shape, strict=True))
        if not whole:
            raise Unfit(f"a virtual data set of {source.dset_name!r}, which is of another size than it says")
        covered += count
    if covered < item.size:
        raise Unfit(f"a virtual data set of {item.size:,} numbers, of which {item.size - covered:,} have no source")


class Space:
    """Disk space taken before HDF5 writes: if a disk is full, HDF5 itself may damage its file, or crash."""

    def __init__(self, path: Path, file: h5py.File):
        self._file, self._raw = file, path.open("r+b", buffering=0)

    def reserve(self, size: int) -> None:
        """Make the file long enough for `size` more bytes; raises OSError, the file as it was, if it cannot be."""
        written = self._file.id.get_filesize()
        begin = max(written, self._raw.seek(0, os.SEEK_END))
        end = written + size + SLACK + 256 * len(self._file)  # 256: HDF5's table of names doubles as it grows
        at = self._raw.seek(begin)
        try:
            while at < end:
                at += self._raw.write(bytes(min(end - at, 2**20)))
        except OSError:
            self._raw.truncate(begin)
            raise

    def close(self) -> None:
        """Close the HDF5 file, then cut off what it did not use."""
        try:
            end = self._file.id.get_filesize()
            self._file.close()
            if self._raw.seek(0, os.SEEK_END) > end:
                self._raw.truncate(end)
        finally:
            self._raw.close()
