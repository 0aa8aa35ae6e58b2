"""What a run's folder holds in addition to its notebooks: `run.json`, its record, and results/*.json, its numbers."""

import json
import math
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lgn_lite.errors import InputError
from lgn_lite.support.files import is_hidden, write_json
from lgn_lite.support.reading import parse_json

PACKAGES = ("torch", "torchvision", "numpy", "papermill", "lgn-lite")  # the versions that a result depends on

ENTRY_TYPES: dict[str, type | tuple[type, ...]] = {  # of a notebook's entry in run.json
    "status": str, "sha256": str, "started": str, "finished": str, "where": str, "error": str,
    "seconds": (int, float), "parameters": dict,
}  # fmt: skip


def read_record(run_dir: Path) -> dict[str, Any]:
    """What run.json holds: the run's `parameters`, and of its `notebooks`, by name; of a new run, nothing.

    Raises InputError, which names the file and what is wrong in it.
    """
    path = run_dir / "run.json"
    advice = "move it away, or choose another name"
    if not path.exists():
        return {"parameters": {}, "notebooks": {}}
    try:
        record = parse_json(read_regular(path), str(path))
    except ValueError as error:
        raise InputError(f"{path}: not the record of a run; {advice}") from error
    if wrong := _wrong_in(record):
        raise InputError(f"{path}: not the record of a run ({wrong}); {advice}")
    return {"parameters": record.get("parameters", {}), "notebooks": record["notebooks"]}


def _wrong_in(record: Any) -> str | None:
    """What is not as `run_notebooks` writes it; an entry need not have all keys."""
    notebooks = record.get("notebooks") if isinstance(record, dict) else None
    if not isinstance(notebooks, dict):
        return "it has no notebooks"
    if not isinstance(record.get("parameters", {}), dict):
        return "parameters"
    for name, entry in notebooks.items():
        if not isinstance(entry, dict) or "status" not in entry:
            return f"notebooks: {name[:50]}"
        for key, value in entry.items():
            number = isinstance(value, float) and not math.isfinite(value)
            if (key in ENTRY_TYPES and (not isinstance(value, ENTRY_TYPES[key]) or isinstance(value, bool))) or number:
                return f"notebooks: {name[:50]}: {key}"
    return None


def write_entry(record: dict[str, Any], run_dir: Path, name: str, entry: dict[str, Any]) -> None:
    record["notebooks"][name] = entry
    write_json(run_dir / "run.json", record)


def results(run_dir: str | Path) -> dict[str, Any]:
    """The JSON files in `run_dir/results`, by name; InputError names a file that is not JSON."""
    found = {}
    for path in sorted((Path(run_dir) / "results").glob("*.json")):
        if is_hidden(path):  # half-written, or of another system
            continue
        try:
            found[path.stem] = json.loads(read_regular(path))  # NaN is taken: a notebook may have found none
        except (ValueError, RecursionError) as error:
            reason = str(error).partition("\n")[0]
            raise InputError(f"{path}: not a JSON file ({reason}); run its notebook again") from error
    return found


def read_regular(path: Path) -> str:
    """The text of a file; a pipe under its name would block for ever."""
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: a folder or a pipe, not a file; move it away")
    return path.read_text(encoding="utf-8")


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package.replace("-", "_")] = version(package)
        except PackageNotFoundError:
            found[package.replace("-", "_")] = "not installed"
    return found


def commit(root: Path) -> str | None:
    """The git commit of the project, with `-dirty` if files differ from it; None outside a repository."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", check=True
        ).stdout.strip()

    try:
        if git("rev-parse", "--show-prefix"):  # a repository around the project is not the project's
            return None
        return git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    except (OSError, subprocess.CalledProcessError):
        return None
