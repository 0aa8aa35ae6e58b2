"""Which runs a sweep is made of: reads the grid file, and gives each run a name that is a folder's name."""

import hashlib
import itertools
import json
import math
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from lgn_lite.errors import InputError
from lgn_lite.experiments.values import MAX_TEXT, check_value, read_values, short

Parameters = dict[str, Any]

EXAMPLE = "such as `grid: {seed: [0, 1, 2], guidance: [0, 3]}` or `list: [{seed: 0}, {seed: 1, guidance: 0}]`"
MAX_RUNS = 10_000  # of a sweep
MAX_CHARACTERS = 100_000_000  # of the parameters of all runs
MAX_NAME = 100  # characters of a name: file systems take 255 bytes, terminals and eyes less


def read_grid(path: str | Path, more: Parameters | None = None) -> dict[str, Parameters]:
    """The runs of a grid file: {name: parameters}, in the file's order.

    The file holds `grid:`, a list of values for each parameter, all combinations of which are run; or `list:`, the
    parameters of each run; and next to either, `fixed:`, the same for all. `more` is added to `fixed`. A name shows
    the parameters of the grid or list, not the fixed ones, so that more values for a parameter leave the names of
    the other runs, and what is done, as they are.

    Raises InputError that names the file and the key.
    """
    path = Path(path)
    content = _read(path)
    if unknown := [key for key in content if key not in ("grid", "list", "fixed")]:
        raise InputError(
            f"{path}: {_key(unknown[0])}: no such key; write parameters under grid:, list: or fixed:, {EXAMPLE}"
        )
    if ("grid" in content) == ("list" in content):
        problem = "both grid: and list:, keep one of them" if "grid" in content else "neither grid: nor list:"
        raise InputError(f"{path}: {problem}; write runs {EXAMPLE}")
    fixed = {} if content.get("fixed") is None else _parameters(path, "fixed", content["fixed"])
    fixed |= more or {}
    rows = _product(path, content["grid"], fixed) if "grid" in content else _rows(path, content["list"])
    _check_size(path, len(rows), max(map(_length, rows)) + _length(fixed))
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        if twice := sorted(set(row) & set(fixed)):
            raise InputError(f"{path}: {twice[0]}: in fixed: (or -p) and in {_kind(content)}: too; keep one of them")
        text = _canonical(row)
        if text in seen:
            same = f"runs {seen[text]} and {number} are the same, {text[:200]}"
            raise InputError(f"{path}: {_kind(content)}: {same}; drop one")
        seen[text] = number
    return {name: row | fixed for name, row in zip(run_names(rows), rows, strict=True)}


def run_names(rows: Iterable[Parameters]) -> list[str]:
    """A folder's name for each run: `seed=1-guidance=0`, with a short hash if that is too long or not safe.

    No two are the same, not even on a file system that ignores case.
    """
    names: list[str] = []
    taken: set[str] = set()
    for row in rows:
        words = [f"{key}={_word(value)}" for key, value in row.items()]
        name = "-".join(words) or "defaults"
        if "?" in name or len(name) > MAX_NAME or name.casefold() in taken:
            digest = hashlib.sha256(_canonical(row).encode()).hexdigest()[:8]
            name = f"{name.replace('?', '')[: MAX_NAME - 9]}-{digest}"
        taken.add(name.casefold())
        names.append(name)
    return names


def _word(value: Any) -> str:
    """A value as part of a folder's name; with a question mark if something of it had to be left out."""
    if isinstance(value, list):
        return "+".join(_word(item) for item in value) or "?"
    text = value if isinstance(value, str) else json.dumps(value)
    safe = re.sub(r"[^\w.+-]", "", text, flags=re.ASCII)
    if safe != text or not text:
        return f"{safe}?"
    # "1" is not 1: a text that YAML would not read as one gets a hash to differ
    return text if not isinstance(value, str) or _is_word(text) else f"{text}?"


@cache
def _is_word(text: str) -> bool:
    """Whether YAML reads a text as itself."""
    try:
        return read_values(text, text) == text
    except InputError:
        return False


def _read(path: Path) -> dict[str, Any]:
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: a folder or a pipe, not a file; write the grid to a file, {EXAMPLE}")
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(MAX_TEXT + 1)  # `read_values` refuses more
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: no such file, or not text; write the grid there, {EXAMPLE}") from error
    content = read_values(text, str(path))
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no keys; write runs {EXAMPLE}")
    return content


def _product(path: Path, grid: Any, fixed: Parameters) -> list[Parameters]:
    """All combinations, the last parameter changing fastest."""
    for key, values in _parameters(path, "grid", grid).items():
        if not isinstance(values, list) or not values:
            raise InputError(f"{path}: grid: {key}: has to be a list of values, [0, 1, 2]; a single one goes to fixed:")
    if not grid:
        raise InputError(f"{path}: grid: is empty; write runs {EXAMPLE}")
    largest = sum(max(map(_length, values)) for values in grid.values())
    _check_size(path, math.prod(map(len, grid.values())), largest + _length(fixed))  # before they are made
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def _check_size(path: Path, runs: int, largest: int) -> None:
    if runs > MAX_RUNS:
        count = f"{runs:,}" if runs < 10**15 else "more than 10^15"
        raise InputError(f"{path}: makes {count} runs; at most {MAX_RUNS:,} are possible: split the file")
    if runs * largest > MAX_CHARACTERS:
        size = f"{runs:,} runs with parameters of up to {largest:,} characters"
        raise InputError(f"{path}: {size}; at most {MAX_CHARACTERS:,} in all are possible: shorten the values")


def _length(value: Any) -> int:
    return len(json.dumps(value))


def _rows(path: Path, rows: Any) -> list[Parameters]:
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{path}: list: has to hold the parameters of each run, {EXAMPLE}")
    return [_parameters(path, f"list: entry {number}", row) for number, row in enumerate(rows, 1)]


def _parameters(path: Path, where: str, found: Any) -> Parameters:
    if not isinstance(found, dict):
        raise InputError(f"{path}: {where}: has to hold parameters with their values, {EXAMPLE}")
    for key, value in found.items():
        if not (isinstance(key, str) and key.isidentifier()):
            raise InputError(f"{path}: {where}: {short(key)} is not a parameter's name")
        check_value(value, f"{path}: {where}: {key}")
    return found


def _key(key: Any) -> str:
    return key if isinstance(key, str) and len(key) < 50 else short(key)


def _kind(content: dict[str, Any]) -> str:
    return "grid" if "grid" in content else "list"


def _canonical(row: Parameters) -> str:
    return json.dumps(row, sort_keys=True, ensure_ascii=False)
