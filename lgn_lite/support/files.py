"""Writing files so that nothing half-written is ever found, whether the process is killed or the power goes."""

import errno
import json
import multiprocessing
import os
import platform
import re
import secrets
import shutil
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lgn_lite.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}  # what a file system without locks raises
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG}  # raised by a write, without the file's name
NO_FSYNC = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}  # if there is nothing to write to disk
LONG_AGO = 86_400  # seconds: what another machine has not touched since, it no longer writes

_TEMPORARY = re.compile(
    r"\.(?P<stem>.*)\.lgn_lite-(?P<pid>\d+)-(?P<machine>[0-9a-f]{8})-[0-9a-f]{8}(?P<suffix>\.[^.]*)?", re.DOTALL
)
# The names of older versions, .NAME.PID.ext, could be a user's (.notes.2024.txt): only if NAME.ext was one of ours.
_OLD = re.compile(
    r"\.(toy-[\w-]+\.(?P<video>\d+)\.mp4|.+\.(?P<other>\d+)\.(ipynb|safetensors)"
    r"|(best|last|state-\d+)\.(?P<folder>\d+)|(history|run|toy_sta(\.partial)?)\.(?P<json>\d+)\.json)"
)
_mine: set[Path] = set()  # the temporary names that this process is writing
_cleared: set[Path] = set()  # the folders that it has looked through for leftovers


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary name next to `path`; rename it to `path` on success, remove it on any error.

    The temporary name keeps the suffix, since writers such as FFmpeg choose the format by it. It may become a file
    or a folder; a folder replaces `path` only if `path` does not exist yet. An OSError of the disk names `path`.
    """
    path = Path(path)
    if path.exists() and not (path.is_file() or path.is_dir()):  # the rename would replace the device itself
        raise InputError(f"{path}: a device or a pipe; give the name of a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        os.lstat(path)  # a name too long for the file system is reported now, not after hours
    if path.parent not in _cleared:  # so that no command needs to think of it; once, since a folder may be large
        _cleared.add(path.parent)
        _remove_leftovers(path.parent, _is_leftover)
    temporary = _temporary(path)
    _mine.add(temporary)
    try:
        yield temporary
        for written in (*temporary.rglob("*"), temporary):
            _to_disk(written)  # else a power cut may keep the name and lose the content
        temporary.replace(path)
        _to_disk(path.parent)
    except BaseException as error:  # also Ctrl-C: an interrupted write must not stay behind
        with suppress(OSError):  # else its error would hide the first
            _remove(temporary)
        if isinstance(error, OSError):
            _name(error, temporary, path)
        raise
    finally:
        _mine.discard(temporary)


def check_writable(path: Path, what: str) -> None:
    """InputError or OSError if no file can be written there, before an hour is spent on `what` it would hold."""

    class Checked(Exception):
        """The temporary file is not to stay."""

    if path.is_dir() or (path.exists() and not path.is_file()):  # a device or a pipe would be replaced by a file
        raise InputError(f"{path}: a folder, a device or a pipe, not a file: give another name for {what}")
    try:
        with suppress(Checked), atomic_path(path) as temporary:
            temporary.touch()
            raise Checked
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def remove_folder(path: Path) -> None:
    """Remove a folder in such a way that nobody finds a part of it: it loses its name first."""
    temporary = _temporary(path)
    path.replace(temporary)
    _remove(temporary)


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left half-written or half-removed; call it under the folder's lock.

    What a process that lives is writing stays, and so does what another machine has touched within a day.
    `atomic_path` does the same with the first file that it writes in a folder, but for the names of older versions.
    """
    _remove_leftovers(folder, lambda path: _is_leftover(path) or _is_old_leftover(path))


def _remove_leftovers(folder: Path, is_leftover: Callable[[Path], bool]) -> None:
    with suppress(OSError):  # a folder that cannot be read
        for path in folder.glob(".*"):
            with suppress(OSError):  # gone meanwhile, or another user's: it is hidden, and in nobody's way
                if is_leftover(path):
                    _remove(path)


def remove_mine() -> None:
    """Remove what this process is writing, because it is about to end in the midst of it."""
    for path in list(_mine):
        with suppress(OSError):
            _remove(path)


def set_aside(path: Path, why: str = "unreadable") -> Path:
    """Rename what cannot be read, so that nothing of a user's is lost when a new one is begun; returns its new name."""
    for n in count(1):
        ending = f".{why}-{n}"
        aside = path.with_name(_shortened(path.name, 255 - len(ending)) + ending)
        if not os.path.lexists(aside):
            return path.rename(aside)
    raise AssertionError


def final_name(path: str) -> str:
    """The path that a temporary one, or one below it, will get; any other path as it is."""
    parts = []
    for part in path.removeprefix("file:").split("/"):  # with which PyAV's errors begin
        named = _TEMPORARY.fullmatch(part)
        parts.append(f"{named['stem']}{named['suffix'] or ''}" if named else part)
    return "/".join(parts)


def partial_path(path: str | Path) -> Path:
    """Where a file's content gathers until it is whole; next to an unfinished folder, an empty file."""
    return Path(f"{path}.partial")


def is_hidden(path: Path) -> bool:
    """Whether a name is one of the system's or a half-written file's (`._A.mp4` of macOS), not a user's."""
    return path.name.startswith(".")


def notebook_number(name: str | Path) -> str:
    """The number of a notebook's name or path, `09` or `02b`; empty if the name does not begin with one."""
    found = re.match(r"\d\d[a-z]?(?=_|$)", Path(name).stem)
    return found[0] if found else ""


@contextmanager
def hold_folder(
    folder: str | Path, doing: str, wait: float = 0.0, lock: str = ".lock", leave: bool = True
) -> Iterator[None]:
    """Hold a folder against other processes; the lock of a killed process is free.

    A file system without locks (ENOLCK, as on some NFS and Lustre) gets a lock file that names the process.

    Args:
        folder: made if it is not there.
        doing: what the message says that another process is doing, such as "training in it".
        wait: seconds for another process to release it; below 0: without end.
        lock: the lock file's name in the folder.
        leave: whether the lock file stays.

    Raises:
        InputError: another process still holds it.
    """
    from filelock import FileLock, SoftFileLock, Timeout

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    held = FileLock(folder / lock)
    try:
        try:
            held.acquire(timeout=wait)
        except (OSError, NotImplementedError) as error:  # the latter for ENOSYS, in older versions of filelock
            if isinstance(error, Timeout):
                raise
            if isinstance(error, OSError) and error.errno not in NO_LOCKS:
                raise OSError(error.errno, error.strerror, str(folder / lock)) from error
            held = SoftFileLock(folder / f"{lock}.process")
            held.acquire(timeout=wait)
    except Timeout:
        where = f" (if none is, remove {held.lock_file})" if isinstance(held, SoftFileLock) else ""
        raise InputError(
            f"{folder}: another process is {doing}{where}; wait for it, end it, or choose another folder"
        ) from None
    try:
        yield
    finally:
        if not leave:
            with suppress(OSError):  # while it is held: who waits for it sees that it has gone, and begins again
                (folder / lock).unlink(missing_ok=True)
        held.release()


@contextmanager
def wait_for_folder(
    folder: str | Path,
    doing: str,
    lock: str = ".lock",
    leave: bool = True,
    of: str | Path = "",
    show: Callable[[str], AbstractContextManager[Any]] | None = None,
) -> Iterator[None]:
    """Hold a folder as `hold_folder` does; if another process has it, say so and wait until that has ended.

    Args:
        folder, doing, lock, leave: as in `hold_folder`.
        of: what is said to be held, if that is not the folder itself.
        show: what shows the message for as long as it waits, such as a bar; None: a line on standard error.

    Raises:
        InputError: this is a worker process of the one that holds it.
    """
    held = partial(hold_folder, folder, doing, lock=lock, leave=leave)
    with ExitStack() as stack:
        try:
            stack.enter_context(held())
        except InputError:
            if getattr(multiprocessing.current_process(), "_inheriting", False):
                raise InputError(  # the process that holds the folder waits for this one
                    "a worker process runs the script from its top: put what the script does below "
                    "`if __name__ == '__main__':`"
                ) from None
            message = f"{of or folder}: another process is {doing}; waiting for it"
            if show is None:
                print(message, file=sys.stderr, flush=True)
            with nullcontext() if show is None else show(message):
                stack.enter_context(held(wait=-1))
        yield


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """A new folder within `folder` for the time of the block; after a kill `remove_leftovers` removes it."""
    scratch = _temporary(folder / "scratch")
    scratch.mkdir()
    _mine.add(scratch)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        _mine.discard(scratch)


def write_json(path: str | Path, content: object) -> Path:
    """Write a JSON file, whole or not at all."""
    with atomic_path(path) as temporary:
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)  # NaN is not JSON
        # a name of bytes that are not UTF-8 becomes an escape, as json writes it
        temporary.write_text(text + "\n", encoding="utf-8", errors="backslashreplace", newline="\n")
    return Path(path)


def write_tensors(path: str | Path, tensors: "dict[str, Tensor]", metadata: dict[str, str]) -> Path:
    """Write a safetensors file, whole or not at all.

    Not with its `save_file`: that writes a temporary file of its own next to the target, which a kill would leave.
    """
    from safetensors.torch import save  # imports torch, which most of this module's users do without

    with atomic_path(path) as temporary:
        temporary.write_bytes(save({name: value.contiguous() for name, value in tensors.items()}, metadata=metadata))
    return Path(path)


def _temporary(path: Path) -> Path:
    """A name unlike any other, of threads and of other machines too, and of any user's, that no file system refuses."""
    suffix = path.suffix if len(path.suffix.encode()) <= 16 else ""
    ending = f".lgn_lite-{os.getpid()}-{_machine()}-{secrets.token_hex(4)}{suffix}"
    return path.with_name(f".{_shortened(path.stem, 180)}{ending}")


def _shortened(name: str, most: int) -> str:
    raw = os.fsencode(name)
    return raw[:most].decode("utf-8", "ignore") if len(raw) > most else name


@cache
def _machine() -> str:
    """Where a process number means the same process: eight hexadecimal digits."""
    space = ""
    with suppress(OSError):
        space = Path("/proc/self/ns/pid").readlink()  # each container counts its own processes
    return f"{zlib.crc32(f'{platform.node()} {space}'.encode()):08x}"


def _is_leftover(path: Path) -> bool:
    if named := _TEMPORARY.fullmatch(path.name):
        changed = path.lstat().st_ctime
        if named["machine"] == _machine():
            return not _lives(int(named["pid"]), changed)
        return time.time() - max(changed, *(inner.lstat().st_ctime for inner in path.rglob("*")), 0) > LONG_AGO
    return False


def _is_old_leftover(path: Path) -> bool:
    if named := _OLD.fullmatch(path.name):
        number, changed = next(number for number in named.groupdict().values() if number), path.lstat().st_ctime
        return not any(_lives(int(pid), changed) for pid in (number, number[:-6]) if pid)  # with and without chance's
    return False


def _lives(pid: int, changed: float) -> bool:
    """Whether the process that changed a file at that time (seconds since 1970) runs still."""
    import psutil

    try:
        process = psutil.Process(pid)
        # one that began later has only the same number; two seconds, for clocks that tick coarsely
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() < changed + 2
    except psutil.AccessDenied:
        return True
    except (psutil.NoSuchProcess, OverflowError, ValueError):
        return False


def _name(error: OSError, temporary: Path, path: Path) -> None:
    """Let an error name the file that was to be written, not the temporary one, or none."""
    if error.filename is None and error.errno in DISK:
        error.filename = str(path)
    elif isinstance(error.filename, (str, os.PathLike)) and Path(error.filename).is_relative_to(temporary):
        error.filename = str(path / Path(error.filename).relative_to(temporary))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    folder = path.is_dir()
    if path.is_symlink() or not (folder or path.is_file()) or (folder and os.name == "nt"):  # Windows opens no folders
        return
    try:
        number = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
    except OSError as error:
        # network file systems take no fsync, of folders least of all; a full or broken disk is another matter
        if error.errno in DISK or not (folder or error.errno in NO_FSYNC):
            error.filename = error.filename or str(path)
            raise


def project_root() -> Path:
    """The folder that holds `notebooks/`: the one above this package, else the current one.

    An installed package lies in site-packages; then the commands are called from the project's folder. Raises
    InputError if neither holds notebooks.
    """
    home = Path(__file__).resolve().parents[2]
    if (home / "notebooks").is_dir() and (home / "pyproject.toml").is_file():
        return home
    here = Path.cwd()
    if not (here / "notebooks").is_dir():
        raise InputError(f"no notebooks/ folder in {here}: call this command from the project's folder")
    return here
