"""Writing files so that nothing half-written is ever found, whether the process is killed or the power goes."""

import errno
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}  # what a file system without locks answers
_TEMPORARY = re.compile(r"\..+\.\d+(\.\w+)?")  # the names that `_temporary` gives


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; rename it to `path` on success, remove it on any error.

    The temporary name keeps the suffix, since writers such as FFmpeg choose the format by it. It may become a file
    or a folder; a folder replaces `path` only where `path` does not exist yet.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    try:
        yield temporary
        for written in (*temporary.rglob("*"), temporary):
            _to_disk(written)  # else a power cut may keep the name and lose the content
        temporary.replace(path)
        _to_disk(path.parent)
    except BaseException:  # also Ctrl-C: an interrupted write must not stay behind
        _remove(temporary)
        raise


def remove_folder(path: Path) -> None:
    """Remove a folder in such a way that nobody finds a part of it: it loses its name first."""
    temporary = _temporary(path)
    path.replace(temporary)
    _remove(temporary)


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left half-written or half-removed; no other process may be writing there."""
    for path in folder.glob(".*"):
        if _TEMPORARY.fullmatch(path.name):
            _remove(path)


def set_aside(path: Path, why: str = "unreadable") -> Path:
    """Rename what cannot be read, so that nothing of a user's is lost when a new one is begun; returns its new name."""
    for n in count(1):
        aside = path.with_name(f"{path.name}.{why}-{n}")
        if not aside.exists():
            return path.rename(aside)
    raise AssertionError


def is_hidden(path: Path) -> bool:
    """Whether a name is one of the system's or a half-written file's (`._A.mp4` of macOS), not a user's."""
    return path.name.startswith(".")


@contextmanager
def hold_folder(folder: str | Path, doing: str, wait: float = 0.0, lock: str = ".lock") -> Iterator[None]:
    """Hold a folder against other processes, for `wait` seconds if one has it; the lock of a killed process is free.

    A file system without locks (ENOLCK, as on some NFS and Lustre) gets a lock file that names the process. Raises
    InputError, with what `doing` says, such as "training in it", where another process keeps it.
    """
    from filelock import FileLock, SoftFileLock, Timeout

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    held = FileLock(folder / lock)
    try:
        try:
            held.acquire(timeout=wait)
        except OSError as error:
            if error.errno is None:  # Timeout is an OSError too
                raise
            if error.errno not in NO_LOCKS:
                raise OSError(error.errno, error.strerror, str(folder / lock)) from error
            held = SoftFileLock(folder / f"{lock}.process")
            held.acquire(timeout=wait)
    except Timeout:
        raise InputError(
            f"{folder}: another process is {doing}; wait for it, end it, or choose another folder"
        ) from None
    try:
        yield
    finally:
        held.release()


def write_json(path: str | Path, content: object) -> Path:
    """Write a JSON file, whole or not at all."""
    with atomic_path(path) as temporary:
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)  # NaN is no JSON
        temporary.write_text(text + "\n", encoding="utf-8")
    return Path(path)


def write_tensors(path: str | Path, tensors: "dict[str, Tensor]", metadata: dict[str, str]) -> Path:
    """Write a safetensors file, whole or not at all.

    Not with its `save_file`: that writes a temporary file of its own beside the target, which a kill would leave there.
    """
    from safetensors.torch import save  # brings torch, which most of this module's users do without

    with atomic_path(path) as temporary:
        temporary.write_bytes(save({name: value.contiguous() for name, value in tensors.items()}, metadata=metadata))
    return Path(path)


def _temporary(path: Path) -> Path:
    # unlike any other, of threads and of other machines too, and not longer than a file system takes
    stem = path.stem.encode()[:180].decode(errors="ignore")
    return path.with_name(f".{stem}.{os.getpid()}{secrets.randbelow(10**6):06d}{path.suffix}")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders
    number = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def project_root() -> Path:
    """The folder that holds `notebooks/`: the one above this package, else the current one.

    An installed package lies in site-packages; then the commands are called from the project's folder. Raises
    InputError where neither holds notebooks.
    """
    home = Path(__file__).resolve().parents[1]
    if (home / "notebooks").is_dir() and (home / "pyproject.toml").is_file():
        return home
    here = Path.cwd()
    if not (here / "notebooks").is_dir():
        raise InputError(f"no notebooks/ folder in {here}: call this command from the project's folder")
    return here
