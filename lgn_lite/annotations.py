"""Annotations: which sentence describes which seconds of which video.

Holds `Query`, the readers of Charades-STA, TACoS, ActivityNet Captions and Toy-STA, the writer of Charades-STA's line
format, and the statistics of a list of queries. Every reader cleans by 2D-TAN's rules and tells what it changed.
"""

import csv
import io
import json
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lgn_lite.errors import InputError
from lgn_lite.files import atomic_path


@dataclass(frozen=True, slots=True)
class Query:
    """One sentence and the moment it describes; `start`, `end` and `duration` in seconds."""

    video: str
    sentence: str
    start: float
    end: float
    duration: float  # of the whole video
    split: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)  # e.g. kind, figure, activity in Toy-STA

    @property
    def span(self) -> tuple[float, float]:
        """Start and end as fractions of the video."""
        return self.start / self.duration, self.end / self.duration


# A raw row is (where it stands, the query as written). `where` is "file:line" or "file, video 'x', pair 3".
Row = tuple[str, Query]


def read_charades_sta(
    sentences_txt: str | Path, durations_csv: str | Path, *, split: str = "", strict: bool = False
) -> list[Query]:
    """Read lines `VID start end##sentence.` (seconds) and the durations of a csv with columns `id`, `length` (seconds).

    An end past the duration is clipped to it; pairs with start >= end are then dropped; one warning counts both.
    `strict=True` makes a start >= end as written an error instead.
    Raises InputError, naming the file and the line, for anything that cannot be read.
    """
    return _clean(
        _charades_rows(Path(sentences_txt), Path(durations_csv), split), Path(sentences_txt), strict
    )


def read_tacos(json_path: str | Path, *, split: str = "") -> list[Query]:
    """Read {video: {timestamps [[frame, frame]], sentences, fps, num_frames}}; frames become seconds.

    Cleaned as in `read_charades_sta`. Raises InputError naming the file and the video.
    """
    path = Path(json_path)

    def rows() -> Iterator[Row]:
        for where, video, entry in _json_videos(path):
            fps = _number(entry.get("fps"), f"{where}: fps")
            if fps == 0:
                raise InputError(f"{where}: fps is 0; it must be above 0")
            duration = _number(entry.get("num_frames"), f"{where}: num_frames") / fps
            yield from _json_rows(where, video, entry, duration, split, unit=fps)

    return _clean(rows(), path)


def read_activitynet(json_path: str | Path, *, split: str = "") -> list[Query]:
    """Read {video: {duration, timestamps [[second, second]], sentences}}.

    Cleaned as in `read_charades_sta`. Raises InputError naming the file and the video.
    """
    path = Path(json_path)

    def rows() -> Iterator[Row]:
        for where, video, entry in _json_videos(path):
            duration = _number(entry.get("duration"), f"{where}: duration")
            yield from _json_rows(where, video, entry, duration, split)

    return _clean(rows(), path)


def read_toy_sta(folder: str | Path, split: str) -> list[Query]:
    """Read one split ("train", "val", "test", "test-composition") of a Toy-STA folder, tags included.

    `toy_sta_{split}.txt` holds Charades-STA's lines, `videos.csv` the durations, `toy_sta_{split}_tags.csv` one row of
    tags per line, in the same order. Raises InputError naming the file and the line; start >= end is an error.
    """
    folder = Path(folder)
    sentences, tags_csv = folder / f"toy_sta_{split}.txt", folder / f"toy_sta_{split}_tags.csv"
    tags = [row for _, row in _csv_rows(tags_csv)]
    rows = list(_charades_rows(sentences, folder / "videos.csv", split, tags))
    if len(rows) != len(tags):
        raise InputError(
            f"{tags_csv}: {len(tags)} rows of tags for {len(rows)} lines of {sentences.name}; "
            "each line needs its row, in the same order"
        )
    return _clean(rows, sentences, strict=True)


def write_charades_sta(queries: Iterable[Query], sentences_txt: str | Path) -> None:
    """Write queries as lines `VID start end##sentence` (seconds, exactly as they read back)."""
    with atomic_path(sentences_txt) as temporary:
        # newline="\n": the same bytes on every system
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            for q in queries:
                if "\n" in q.sentence or "##" in q.video or any(c.isspace() for c in q.video):
                    raise InputError(
                        f"video {q.video!r}: the line format allows no blank or ## in the name of a video "
                        f"and no line break in a sentence: {q.sentence!r}"
                    )
                file.write(f"{q.video} {q.start!r} {q.end!r}##{q.sentence}\n")


def statistics(queries: Iterable[Query]) -> dict[str, float]:
    """Count pairs and videos; average words a sentence, seconds a moment, moments a video."""
    queries = list(queries)
    if not queries:
        raise InputError("no queries: statistics need at least one")
    videos = len({q.video for q in queries})
    return {
        "pairs": len(queries),
        "videos": videos,
        "words": sum(len(q.sentence.split()) for q in queries) / len(queries),
        "moment_seconds": sum(q.end - q.start for q in queries) / len(queries),
        "moments_per_video": len(queries) / videos,
    }


def _clean(rows: Iterable[Row], path: Path, strict: bool = False) -> list[Query]:
    """2D-TAN's rules: clip the end to the duration, then keep start < end; warn once about what was changed."""
    kept, clipped, dropped = [], [], []
    for where, q in rows:
        if not any(c.isalnum() for c in q.sentence):
            raise InputError(f"{where}: the sentence is empty; write one or remove the pair")
        if q.duration <= 0:
            raise InputError(
                f"{where}: video {q.video!r} has a duration of {q.duration:g} s; it must be above 0"
            )
        if strict and q.start >= q.end:
            raise InputError(
                f"{where}: start {q.start:g} s is not before end {q.end:g} s; swap or correct them"
            )
        end = min(q.end, q.duration)
        if q.start >= end:
            dropped.append(where)
        else:
            if end < q.end:
                clipped.append(where)
            kept.append(Query(q.video, q.sentence, q.start, end, q.duration, q.split, q.tags))
    told = [
        f"{len(places)} {what} (first: {'; '.join(places[:3])})"
        for places, what in (
            (clipped, "ends past the video's duration clipped to it"),
            (dropped, "pairs dropped because the start is not before the end"),
        )
        if places
    ]
    if told:
        warnings.warn(f"{path}: {', '.join(told)}; {len(kept)} pairs kept", UserWarning, stacklevel=3)
    return kept


def _charades_rows(
    sentences: Path, durations_csv: Path, split: str, tags: list[dict[str, str]] | None = None
) -> Iterator[Row]:
    durations = {}
    for where, row in _csv_rows(durations_csv):
        if row.get("id") is None or row.get("length") is None:
            raise InputError(
                f"{where}: columns id and length are needed; this file has {', '.join(map(str, row))}"
            )
        durations[row["id"]] = _number(row["length"], f"{where}: length")
    index = 0
    for number, line in enumerate(io.StringIO(_read_text(sentences)), start=1):
        if not line.strip():  # an empty last line is common
            continue
        where = f"{sentences}:{number}"
        moment, separator, sentence = line.partition("##")
        if not separator:
            raise InputError(f"{where}: no ## in {line.strip()!r}; write `VID start end##sentence.`")
        parts = moment.split()
        if len(parts) != 3:
            raise InputError(
                f"{where}: {moment.strip()!r} is not `VID start end`; write `VID start end##sentence.`"
            )
        video, start, end = parts
        if video not in durations:
            raise InputError(f"{where}: video {video!r} is not in {durations_csv}; add it or remove the line")
        query_tags = tags[index] if tags is not None and index < len(tags) else {}
        yield (
            where,
            Query(
                video,
                sentence.strip(),
                _number(start, f"{where}: start"),
                _number(end, f"{where}: end"),
                durations[video],
                split,
                query_tags,
            ),
        )
        index += 1


def _json_videos(path: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each video of a json file with the place that an error should name."""
    try:
        content = json.loads(_read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}:{error.lineno}: not valid json: {error.msg}; download the file again"
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: the json must be an object {{video: …}}, not a {type(content).__name__}")
    for video, entry in content.items():
        where = f"{path}, video {video!r}"
        if not isinstance(entry, dict):
            raise InputError(f"{where}: must be an object with timestamps and sentences, not {entry!r}")
        yield where, video, entry


def _json_rows(
    where: str, video: str, entry: dict[str, Any], duration: float, split: str, unit: float = 1.0
) -> Iterator[Row]:
    """The pairs of one video; times are divided by `unit` (frames a second, or 1)."""
    times, sentences = entry.get("timestamps"), entry.get("sentences")
    if not isinstance(times, list) or not isinstance(sentences, list) or len(times) != len(sentences):
        raise InputError(f"{where}: timestamps and sentences must be two lists of the same length")
    for i, (pair, sentence) in enumerate(zip(times, sentences, strict=True), start=1):
        here = f"{where}, pair {i}"
        if not isinstance(pair, list) or len(pair) != 2:
            raise InputError(f"{here}: {pair!r} is not [start, end]")
        if not isinstance(sentence, str):
            raise InputError(f"{here}: the sentence is {sentence!r}, not text")
        start, end = (_number(t, f"{here}: time") / unit for t in pair)
        yield here, Query(video, sentence.strip(), start, end, duration, split)


def _csv_rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(_read_text(path)))
    for row in reader:
        yield f"{path}:{reader.line_num}", row


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; check the path or fetch the data first") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from error


def _number(value: Any, what: str) -> float:
    """A finite number >= 0, or InputError naming `what`."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{what} is {value!r}, which is not a number") from None
    if not math.isfinite(number) or number < 0:
        raise InputError(f"{what} is {value!r}; it must be finite and not below 0")
    return number
