"""Moment-DETR's jsonl: annotations and predictions, one object per line, as lighthouse, UniVTG, FlashVTG … have them.

Annotations: qid, query, vid, duration (seconds), relevant_windows [[start, end], …]. Predictions: qid, query, vid,
pred_relevant_windows [[start, end, score], …], best first. Other keys, such as saliency_scores, are passed over.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lgn_lite.annotations import Located, Queries, Query, clean, with_windows
from lgn_lite.errors import InputError
from lgn_lite.support.files import atomic_path
from lgn_lite.support.reading import amount, finite_number, jsonl_rows, shown

Qid = int | str


def read_jsonl(path: str | Path, *, split: str = "") -> Queries:
    """Read annotations; a query holds all its windows.

    Cleaned as in `annotations.read_activitynet`. Raises InputError naming the file and the line: for what is not as
    above, and for a qid that comes twice.
    """
    path = Path(path)
    return clean(_annotation_rows(path, split), path, drop_wordless=True)


def write_jsonl(queries: Iterable[Query], path: str | Path) -> Path:
    """Write annotations: seconds, every digit. A query without a qid gets its number in the list, from 0."""
    rows = [
        {
            "qid": qid, "query": query.sentence, "duration": query.duration, "vid": query.video,
            "relevant_windows": [list(window) for window in query.windows],
        }
        for qid, query in numbered(queries).items()
    ]  # fmt: skip
    return _write(rows, path)


@dataclass(frozen=True)
class Ranked:
    """The windows predicted for a query, best first, seconds, and their scores."""

    windows: list[tuple[float, float]]
    scores: list[float]


def read_predictions(path: str | Path, queries: Mapping[Qid, Query]) -> dict[Qid, Ranked]:
    """Read predictions for some queries; a query without a line has none.

    Windows stay in the order of the file, in which they are best first; a note says where their scores rise.

    Args:
        path: the file of predictions.
        queries: what they are of, by qid: `numbered`.

    Returns:
        {qid: its predictions} for every query, in the order of `queries`.

    Raises:
        InputError: naming the file and the line, for what are no windows, for a qid that is unknown or comes twice,
            and for one that is of another video.
    """
    path, found, rising = Path(path), {}, []
    for where, entry in jsonl_rows(path):
        qid = _qid(entry, where)
        if qid not in queries:
            raise InputError(f"{where}: qid {shown(qid)} is not among the annotations: the files are of two data sets")
        if qid in found:
            raise InputError(f"{where}: qid {shown(qid)} is there twice; keep one of the two lines")
        if (video := entry.get("vid", queries[qid].video)) != queries[qid].video:
            other = f"the annotations have {shown(queries[qid].video)}: the files are of two data sets"
            raise InputError(f"{where}: qid {shown(qid)} is of video {shown(video)}, {other}")
        rows = _rows(entry, "pred_relevant_windows", ("start", "end", "score"), where)
        for number, (start, end, _) in enumerate(rows, start=1):
            if start > end:
                raise InputError(f"{where}: window {number} ends at {end:g} s, before it starts at {start:g} s")
        found[qid] = Ranked([(start, end) for start, end, _ in rows], [score for *_, score in rows])
        if found[qid].scores != sorted(found[qid].scores, reverse=True):
            rising.append(where)
    if rising:
        warnings.warn(
            f"{len(rising)} lines have windows that are not ordered by score (first: {rising[0]}); R@n takes the order "
            "of the file, mAP that of the scores",
            stacklevel=2,
        )
    return {qid: found.get(qid, Ranked([], [])) for qid in queries}


def write_predictions(queries: Iterable[Query], ranked: Iterable[Ranked], path: str | Path) -> Path:
    """Write what was predicted for each of the queries, numbered as in `write_jsonl`."""
    rows = [
        {
            "qid": qid, "query": query.sentence, "vid": query.video,
            "pred_relevant_windows": [
                [start, end, score] for (start, end), score in zip(found.windows, found.scores, strict=True)
            ],
        }
        for (qid, query), found in zip(numbered(queries).items(), ranked, strict=True)
    ]  # fmt: skip
    return _write(rows, path)


def numbered(queries: Iterable[Query]) -> dict[Qid, Query]:
    """Queries by qid; by their number from 0 if none has a qid.

    Raises InputError if only some have one, or two have the same.
    """
    queries = list(queries)
    if all(query.qid is None for query in queries):
        return dict(enumerate(queries))
    by_qid = {query.qid: query for query in queries if query.qid is not None}
    if len(by_qid) < len(queries):
        raise InputError(f"{len(queries)} queries, but {len(by_qid)} different qids: give each query its own")
    return by_qid


def _annotation_rows(path: Path, split: str) -> Iterator[Located]:
    known: dict[Qid, str] = {}
    for where, entry in jsonl_rows(path):
        qid = _qid(entry, where)
        if known.setdefault(qid, where) != where:
            raise InputError(f"{where}: qid {shown(qid)} is at {known[qid]} too; give each query its own")
        for key in ("query", "vid"):
            if not isinstance(entry.get(key), str) or not entry[key].strip():
                raise InputError(f"{where}: {key} is {shown(entry.get(key))}, not a text; correct it")
        duration = amount(entry.get("duration"), f"{where}: duration")
        windows = _rows(entry, "relevant_windows", ("start", "end"), where)
        if not windows:
            raise InputError(f"{where}: relevant_windows is empty: what the sentence is true of is needed")
        query = Query(entry["vid"], entry["query"].strip(), 0.0, 0.0, duration, split, qid=qid)
        yield where, with_windows(query, windows)


def _qid(entry: Mapping[str, Any], where: str) -> Qid:
    qid = entry.get("qid")
    if isinstance(qid, bool) or not isinstance(qid, int | str):
        raise InputError(f"{where}: qid is {shown(qid)}; it must be a whole number or a text")
    return qid


def _rows(entry: Mapping[str, Any], key: str, columns: Sequence[str], where: str) -> list[tuple[float, ...]]:
    """The rows of numbers under a key."""
    rows = entry.get(key)
    form = f"[[{', '.join(columns)}], …]"
    if not isinstance(rows, list):
        has = f"is {shown(rows)}" if key in entry else f"is missing (the line has {', '.join(map(shown, entry))})"
        raise InputError(f"{where}: {key} {has}; write {form}")
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list) or len(row) != len(columns):
            raise InputError(f"{where}: {key}, number {number}: {shown(row)} is not {form[1:-4]}; correct it")
    return [
        tuple(
            finite_number(value, f"{where}: {key}, number {n}: {name}")
            for name, value in zip(columns, row, strict=True)
        )
        for n, row in enumerate(rows, start=1)
    ]


def _write(rows: Iterable[Mapping[str, Any]], path: str | Path) -> Path:
    with atomic_path(path) as temporary:
        lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
        temporary.write_text("".join(lines), encoding="utf-8", errors="backslashreplace", newline="\n")
    return Path(path)
