"""Annotations: which sentence describes which seconds of which video.

Holds `Query`, the readers of Charades-STA, TACoS, ActivityNet Captions and Toy-STA, the writer of
Charades-STA's line format, and statistics. Every reader cleans by 2D-TAN's rules and tells what it changed.
"""

import csv
import io
import json
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
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
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)  # Toy-STA: kind, figure, activity, …

    @property
    def span(self) -> tuple[float, float]:
        """Start and end as fractions of the video."""
        return self.start / self.duration, self.end / self.duration


# The query as written, and the place an error names: "file:line", or "file, video 'x', pair 3".
Row = tuple[str, Query]


def read_charades_sta(
    sentences_txt: str | Path, durations_csv: str | Path, *, split: str = "", strict: bool = False
) -> list[Query]:
    """Read lines `VID start end##sentence.` (seconds); durations are the csv's columns `id` and `length`.

    An end past the duration is clipped to it; then pairs with start >= end are dropped; one warning counts
    both. `strict=True` makes a start >= end as written an error instead.
    Raises InputError, naming the file and the line, for what cannot be read.
    """
    path = Path(sentences_txt)
    return _clean(_line_rows(path, Path(durations_csv), split), path, strict)


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
            yield from _json_rows(where, video, entry, duration, split, unit=1.0)

    return _clean(rows(), path)


def read_toy_sta(folder: str | Path, split: str) -> list[Query]:
    """Read one split ("train", "val", "test", "test-composition") of a Toy-STA folder, tags included.

    `toy_sta_{split}.txt` holds Charades-STA's lines, `videos.csv` the durations, `toy_sta_{split}_tags.csv`
    one row of tags for each line, in the same order.
    Raises InputError naming the file and the line; here a start >= end is an error too.
    """
    folder = Path(folder)
    path, tags_csv = folder / f"toy_sta_{split}.txt", folder / f"toy_sta_{split}_tags.csv"
    rows = list(_line_rows(path, folder / "videos.csv", split))
    tags = [tag for _, tag in _csv_rows(tags_csv)]
    if len(rows) != len(tags):
        raise InputError(
            f"{tags_csv}: {len(tags)} rows of tags for the {len(rows)} lines of {path.name}; "
            "each line needs its row, in the same order"
        )
    tagged = [(where, replace(query, tags=tag)) for (where, query), tag in zip(rows, tags, strict=True)]
    return _clean(tagged, path, strict=True)


def write_charades_sta(queries: Iterable[Query], sentences_txt: str | Path) -> None:
    """Write queries as lines `VID start end##sentence` (seconds, every digit).

    Raises InputError for a video or a sentence that the line format cannot hold.
    """
    lines = []
    for q in queries:
        if "##" in q.video or q.video.split() != [q.video] or len(q.sentence.splitlines()) != 1:
            raise InputError(
                f"video {q.video!r}, sentence {q.sentence!r}: the line format allows no blank and no ## "
                "in the name of a video, and needs a sentence of one line"
            )
        lines.append(f"{q.video} {float(q.start)!r} {float(q.end)!r}##{q.sentence}\n")
    with atomic_path(sentences_txt) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8", newline="\n")  # the same bytes everywhere


def statistics(queries: Iterable[Query]) -> dict[str, float]:
    """Describe a data set: {"pairs", "videos", "words", "moment_seconds", "moments_per_video"}.

    The last three are means: words a sentence, seconds a moment, moments a video. Words are what blanks
    separate, as in 2D-TAN, which gives Table 1's 6.2 and 8.5 (`text.tokenize` finds less than 0.01 more).
    Raises InputError where there is no query.
    """
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
    """2D-TAN's rules: clip the end to the duration, then keep start < end; tell once what was changed."""
    kept, clipped, dropped = [], [], []
    for where, q in rows:
        if not any(c.isalnum() for c in q.sentence):
            raise InputError(f"{where}: the sentence is empty; write one or remove the pair")
        if q.duration == 0:
            raise InputError(f"{where}: video {q.video!r} has a duration of 0 s; correct it")
        if strict and q.start >= q.end:
            raise InputError(f"{where}: start {q.start:g} s is not before end {q.end:g} s; correct them")
        end = min(q.end, q.duration)
        if q.start >= end:
            dropped.append(where)
            continue
        if end < q.end:
            clipped.append(where)
        kept.append(replace(q, end=end))
    told = [
        f"{len(places)} {what} (first: {', '.join(_within(path, where) for where in places[:3])})"
        for places, what in (
            (clipped, "ends past the video's duration clipped to it"),
            (dropped, "pairs dropped because the start is not before the end"),
        )
        if places
    ]
    if told:
        warnings.warn(f"{path}: {'; '.join(told)}; {len(kept)} pairs kept", stacklevel=3)
    return kept


def _within(path: Path, where: str) -> str:
    """A place without the file's name: "line 12", or "video 'x', pair 3"."""
    place = where.removeprefix(str(path)).lstrip(":, ")
    return f"line {place}" if place.isdigit() else place


def _line_rows(path: Path, durations_csv: Path, split: str) -> Iterator[Row]:
    """Charades-STA's lines with the durations of the csv."""
    durations = {}
    for where, row in _csv_rows(durations_csv):
        if "id" not in row or "length" not in row:
            raise InputError(f"{where}: columns id and length are needed, the file has {', '.join(row)}")
        durations[row["id"]] = _number(row["length"], f"{where}: length")
    for number, line in enumerate(_read_text(path).split("\n"), start=1):
        if not line.strip():  # such as after the last line break
            continue
        where = f"{path}:{number}"
        moment, separator, sentence = line.partition("##")
        parts = moment.split()
        if not separator or len(parts) != 3:
            what = "has no ##" if not separator else "does not begin with a video, a start and an end"
            raise InputError(f"{where}: {line.strip()!r} {what}; write `VID start end##sentence.`")
        video, start, end = parts
        if video not in durations:
            raise InputError(f"{where}: video {video!r} is not in {durations_csv}; add it or remove the line")
        times = _number(start, f"{where}: start"), _number(end, f"{where}: end")
        yield where, Query(video, sentence.strip(), *times, durations[video], split)


def _json_videos(path: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each video of a json file, with the place that an error should name."""
    try:
        content = json.loads(_read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not json: {error.msg}; fetch the file again") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: must hold an object {{video: …}}, not a {type(content).__name__}")
    for video, entry in content.items():
        where = f"{path}, video {video!r}"
        if not isinstance(entry, dict):
            raise InputError(f"{where}: must be an object with timestamps and sentences, not {entry!r}")
        yield where, video, entry


def _json_rows(
    where: str, video: str, entry: dict[str, Any], duration: float, split: str, unit: float
) -> Iterator[Row]:
    """The pairs of one video; times are divided by `unit` (frames a second, or 1) to give seconds."""
    times, sentences = entry.get("timestamps"), entry.get("sentences")
    if not isinstance(times, list) or not isinstance(sentences, list) or len(times) != len(sentences):
        raise InputError(f"{where}: timestamps and sentences must be two lists of the same length")
    for i, (pair, sentence) in enumerate(zip(times, sentences, strict=True), start=1):
        here = f"{where}, pair {i}"
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(sentence, str):
            raise InputError(f"{here}: {pair!r}, {sentence!r} must be [start, end] and a text")
        start, end = (_number(time, f"{here}: time") / unit for time in pair)
        yield here, Query(video, sentence.strip(), start, end, duration, split)


def _csv_rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(_read_text(path)))
    for row in reader:
        yield f"{path}:{reader.line_num}", row


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # -sig: drops the mark some editors put at the beginning
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check the path, or fetch the data first") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text, from byte {error.start} on; fetch it again") from error


def _number(value: Any, what: str) -> float:
    """A finite number, not below 0; else InputError, which begins with `what`."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{what} is {value!r}, not a number; correct it") from None
    if not math.isfinite(number) or number < 0:
        raise InputError(f"{what} is {value!r}; it must be finite and not below 0")
    return number
