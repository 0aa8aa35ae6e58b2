"""The table of many runs: one row per run, its parameters that differ, and its numbers by dotted names.

Reads what `experiments.run_notebooks` leaves in a run's folder: run.json and results/*.json.
"""

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pandas as pd

from lgn_lite.errors import InputError
from lgn_lite.experiments.run_record import read_record, results
from lgn_lite.support.files import atomic_path, is_hidden
from lgn_lite.support.templates import render

TEMPLATE = Path(__file__).with_name("results.html.jinja")
Name = tuple[str, ...]  # file, key, key, …: a key may hold dots, as R1@0.5 does

# Without --metric: the first of these that finds something. A notebook of another kind shows its first numbers.
DEFAULTS = (
    ("variants.full.test.all.R1@*", "variants.full.test.all.mIoU"),
    ("test.all.R1@*", "test.all.mIoU"),
    ("*.test.all.R1@0.5", "*.test.all.R1@0.7"),
    ("*",),
)
MAX_COLUMNS = 12  # of numbers, if none are requested


@dataclass(frozen=True)
class RunResult:
    """A run's folder: its status, its parameters, and the numbers that it left."""

    folder: Path
    status: str
    parameters: dict[str, Any]
    numbers: dict[Name, float]


# ── reading ───────────────────────────────────────────────────────────────────────────────────


def find_runs(folders: Iterable[str | Path]) -> list[Path]:
    """The run folders at or below the given ones, each once; InputError for a folder that holds none."""
    found: dict[Path, None] = {}
    for folder in map(Path, folders):
        here = []
        for path, below, files in os.walk(folder):
            below[:] = sorted((name for name in below if not is_hidden(Path(name))), key=_natural)
            if "run.json" in files:
                here.append(Path(path).resolve())
                below.clear()  # a run holds no runs
        if not here:
            problem = "holds no run (no run.json)" if folder.is_dir() else "no such folder"
            raise InputError(f"{folder}: {problem}; give folders that lgn-lite run or sweep made")
        found |= dict.fromkeys(here)
    return list(found)


def read_run(folder: Path) -> RunResult:
    """Read a run; numbers of a notebook that is not done are left out, as they are an earlier try's.

    Raises InputError, naming the file, for one that is broken.
    """
    record = read_record(folder)
    states = {name: entry["status"] for name, entry in record["notebooks"].items()}
    given = [entry.get("parameters", {}) for entry in record["notebooks"].values()]
    parameters = dict(record["parameters"])
    for injected in given:
        parameters |= {key: value for key, value in injected.items() if key != "run_dir"}
    unfinished = {name: state for name, state in states.items() if state != "done"}
    done = len(unfinished) < len(states)  # a file need not bear its notebook's name
    numbers: dict[Name, float] = {}
    for name, content in results(folder).items():
        if done and name not in unfinished:
            try:
                numbers |= _flat(content, (name,))
            except RecursionError:
                raise InputError(f"{folder / 'results' / name}.json: nested too deep; run its notebook again") from None
    return RunResult(folder, next(iter(unfinished.values()), "done"), parameters, numbers)


def _flat(content: Any, name: Name) -> dict[Name, float]:
    if isinstance(content, Mapping):
        return {key: value for inner, c in content.items() for key, value in _flat(c, (*name, str(inner))).items()}
    return {name: content} if _is_number(content) else {}


def _is_number(value: Any) -> bool:
    """A number that fits into a float: longer ones are not measurements."""
    return isinstance(value, float) or (type(value) is int and value.bit_length() < 1024)


def _natural(text: str) -> list[tuple[int, Any]]:
    """seed=10 comes after seed=2."""
    words = "".join(c if c.isdigit() else f" {c} " for c in text).split()
    return [(0, int(word)) if word.isdecimal() else (1, word) for word in words]


# ── the table ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class ResultsTable:
    """A table of runs: `frame` holds its values as they are, `metrics` names the columns that are measured.

    With `spread`, a metric is a mean, and the column `… ±` after it the standard deviation (n − 1; NaN for one run).
    """

    frame: pd.DataFrame
    metrics: list[str]
    about: str  # what a reader has to know: what all metrics' names begin with, and how many runs are left out
    spread: bool = False

    def as_text(self) -> pd.DataFrame:
        """The table as people read it: each metric to a sensible number of digits, an empty cell for no value."""
        shown: dict[str, list[str]] = {}
        for name in self.frame.columns:
            values = list(self.frame[name])
            if name in self.metrics:
                spreads = list(self.frame[f"{name} ±"]) if self.spread else [math.nan] * len(values)
                digits = _digits([*values, *spreads])
                shown[name] = [_measured(*pair, digits) for pair in zip(values, spreads, strict=True)]
            elif not (self.spread and name.removesuffix(" ±") in self.metrics):
                shown[name] = [_as_it_is(value) for value in values]
        return pd.DataFrame(shown, dtype=object)


def results_table(folders: Iterable[str | Path], metrics: Sequence[str] = (), over: Sequence[str] = ()) -> ResultsTable:
    """A table of all runs below the folders.

    The columns are `run`, `status`, each parameter that is not the same in all runs, and the metrics; their dotted
    names are those of the JSON files, after the file's own if there are several. `metrics` are patterns (globs) of
    these; without any, see DEFAULTS. With `over`, such as ["seed"], a row is the mean of all finished runs that
    differ in nothing else, and `runs` counts them.

    Raises InputError for folders without runs, a pattern that finds nothing, and a parameter that no run has.
    """
    runs = [read_run(folder) for folder in find_runs(folders)]
    known = {key: None for run in runs for key in run.parameters}
    if missing := [name for name in over if name not in known]:
        raise InputError(f"--over {missing[0]}: no run has this parameter; known are {', '.join(known) or 'none'}")
    differing = [key for key in known if len({_text(run.parameters.get(key)) for run in runs}) > 1]
    chosen = choose_metrics(runs, metrics)
    prefix, labels = _labels(chosen)
    about = [f"metrics: {prefix}.…"] if prefix else []
    if over:
        finished = [run for run in runs if run.status == "done"]
        if len(finished) < len(runs):
            about.append(f"left out, because not done: {len(runs) - len(finished)} of {len(runs)} runs")
        same = [key for key in differing if key not in over]
        columns = _unique([*same, "runs", *labels])
        names, labels = columns[: len(same)], columns[len(same) + 1 :]
        rows = _over(finished, same, chosen)
        columns = [*names, "runs", *(column for label in labels for column in (label, f"{label} ±"))]
    else:
        columns = _unique(["run", "status", *differing, *labels])
        labels = columns[2 + len(differing) :]
        rows = [
            [name, run.status, *(run.parameters.get(key) for key in differing), *(run.numbers.get(m) for m in chosen)]
            for run, name in zip(runs, _folder_names([run.folder for run in runs]), strict=True)
        ]
    # as objects, so that a seed that one run has and another has not stays a whole number
    frame = pd.DataFrame(rows, columns=columns, dtype=object)
    measured = [column for column in columns if column in labels or (over and column.removesuffix(" ±") in labels)]
    return ResultsTable(frame.astype(dict.fromkeys(measured, float)), labels, "; ".join(about), bool(over))


def _over(runs: Sequence[RunResult], parameters: Sequence[str], metrics: Sequence[Name]) -> list[list[Any]]:
    """A row per group of runs with equal parameters: these, the count, each metric's mean and standard deviation."""
    numbers = pd.DataFrame([[run.numbers.get(metric) for metric in metrics] for run in runs], dtype=float)
    # by their text: a parameter may be a list, and 1 is not true
    same = [_text([run.parameters.get(key) for key in parameters]) for run in runs]
    rows = []
    for _, group in numbers.groupby(same, sort=False):
        measured = [number for pair in zip(group.mean(), group.std(), strict=True) for number in pair]
        rows.append([*(runs[group.index[0]].parameters.get(key) for key in parameters), len(group), *measured])
    return rows


def choose_metrics(runs: Sequence[RunResult], patterns: Sequence[str]) -> list[Name]:
    """The names of numbers that match the patterns, in the order of patterns and files; see `results_table`."""
    known = list(dict.fromkeys(name for run in runs for name in run.numbers))
    found = [[name for name in known if _matches(name, pattern)] for pattern in patterns]
    for pattern, names in zip(patterns, found, strict=True):
        if not names:
            some = ", ".join(".".join(name[1:]) for name in known[:5])
            raise InputError(f"--metric {pattern!r}: no run has such a number; there are {len(known)}: {some} …")
    if not patterns:
        inputs = {key for run in runs for key in run.parameters}
        known = [name for name in known if not (len(name) == 2 and name[1] in inputs)]
        tries = ([name for pattern in tier for name in known if _matches(name, pattern)] for tier in DEFAULTS)
        found = [next((names for names in tries if names), [])[:MAX_COLUMNS]]
    return list(dict.fromkeys(name for names in found for name in names))


def _matches(name: Name, pattern: str) -> bool:
    return fnmatchcase(".".join(name[1:]), pattern) or fnmatchcase(".".join(name), pattern)


def _labels(names: Sequence[Name]) -> tuple[str, list[str]]:
    """What all names begin with, up to the last key, and the rest of each."""
    common = 0
    while names and all(len(name) > common + 1 and name[common] == names[0][common] for name in names):
        common += 1
    return ".".join(names[0][:common]) if names else "", [".".join(name[common:]) for name in names]


def _folder_names(folders: Sequence[Path]) -> list[str]:
    """The folders without what all of them have in front."""
    common = Path(os.path.commonpath([folder.parent for folder in folders]))
    return [folder.relative_to(common).as_posix() for folder in folders]


def _unique(columns: Sequence[str]) -> list[str]:
    """The names, with a number if one has been there: a parameter may be called as a metric is, or `run`."""
    found: list[str] = []
    for name in columns:
        again = next(number for number in range(1, len(columns) + 1) if _numbered(name, number) not in found)
        found.append(_numbered(name, again))
    return found


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name} ({number})"


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


# ── showing it ────────────────────────────────────────────────────────────────────────────────


def _digits(values: Iterable[float]) -> int:
    """How many digits after the point show four in the largest of the values; none if all are whole."""
    known = [abs(value) for value in values if math.isfinite(value)]
    if all(value.is_integer() for value in known):
        return 0
    return min(max(3 - math.floor(math.log10(max(known))), 0), 8)


def _as_it_is(value: Any) -> str:
    return "" if _absent(value) else value if isinstance(value, str) else _text(value)


def _measured(value: float, spread: float, digits: int) -> str:
    if _absent(value):
        return ""
    return f"{value:.{digits}f}" + ("" if _absent(spread) else f" ± {spread:.{digits}f}")


def rich_table(table: ResultsTable) -> Any:
    """The table for a terminal, numbers to the right, failed runs in red."""
    from rich.table import Table
    from rich.text import Text

    text = table.as_text()
    shown = Table(box=None, header_style="dim", pad_edge=False)
    for name in text.columns:
        right = all(_is_number(value) or _absent(value) for value in table.frame[name])
        shown.add_column(Text(name), justify="right" if right else "left", no_wrap=True)
    statuses = text["status"] if not table.spread else [""] * len(text)
    for row, status in zip(text.itertuples(index=False), statuses, strict=True):
        shown.add_row(*(Text(cell) for cell in row), style="red" if status == "failed" else "")
    return shown


def write_html(path: str | Path, table: ResultsTable) -> Path:
    """Write the table as one HTML file that needs no other; a click on a column's name sorts by it."""
    text = table.as_text()
    # next to a number's text the number itself, to sort by
    columns = [
        [(value if _is_number(value) and not _absent(value) else None, cell) for value, cell in zip(*pair, strict=True)]
        for pair in ((table.frame[name], text[name]) for name in text.columns)
    ]
    heads = [
        (name, any(number is not None for number, _ in column))
        for name, column in zip(text.columns, columns, strict=True)
    ]
    page = render(TEMPLATE, about=table.about, heads=heads, rows=zip(*columns, strict=True))
    with atomic_path(path) as temporary:
        temporary.write_text(page + "\n", encoding="utf-8")
    return Path(path)
