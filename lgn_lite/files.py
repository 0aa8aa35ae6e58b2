"""Writing files so that nothing half-written is ever found."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; rename it to `path` on success, remove it on any error.

    The temporary name keeps the suffix, since writers such as FFmpeg choose the format by it. It may become a file
    or a folder; a folder replaces `path` only where `path` does not exist yet.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:  # also Ctrl-C: an interrupted write must not stay behind
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)
        raise


def write_json(path: str | Path, content: object) -> Path:
    """Write a JSON file, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return Path(path)


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
