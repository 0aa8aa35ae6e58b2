"""Annotations: which sentence describes which seconds of which video.

Holds `Query`, the readers of Charades-STA, TACoS, ActivityNet Captions, their out-of-distribution splits (CD),
TimeLens-Bench, YouMakeup and Toy-STA, the writer of Charades-STA's line format, statistics, and what keeps splits
apart. Every reader cleans by 2D-TAN's rules and reports what it changed. Moment-DETR's jsonl: `jsonl.py`.
"""

import hashlib
import math
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from lgn_lite.errors import InputError
from lgn_lite.support.files import atomic_path
from lgn_lite.support.reading import amount, csv_rows, finite_number, jsonl_rows, read_json, read_text, shown
from lgn_lite.support.words import LETTER, MOST_LETTERS, MOST_WORDS, find_words


@dataclass(frozen=True, slots=True)
class Query:
    """One sentence and the moment it describes; `start`, `end` and `duration` in seconds.

    A sentence may be true of several windows, as in QVHighlights: `start` and `end` are then those of the longest.
    """

    video: str
    sentence: str
    start: float
    end: float
    duration: float  # of the whole video
    split: str = ""
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)  # Toy-STA: kind, figure, activity, …
    others: tuple[tuple[float, float], ...] = ()  # further windows, seconds
    qid: int | str | None = None  # its number or name in a jsonl file

    # Models see fractions, since every video is cut into N clips; metrics are of seconds, as in the papers' tables.
    @property
    def span(self) -> tuple[float, float]:
        """Start and end as fractions of the video."""
        return self.start / self.duration, self.end / self.duration

    @property
    def windows(self) -> list[tuple[float, float]]:
        """All windows that the sentence is true of, in order of time, seconds."""
        return sorted([(self.start, self.end), *self.others])

    @property
    def spans(self) -> list[tuple[float, float]]:
        """The windows as fractions of the video."""
        return [(start / self.duration, end / self.duration) for start, end in self.windows]


def with_windows(query: Query, windows: Iterable[tuple[float, float]]) -> Query:
    """A query with these windows instead, seconds; of equally long ones the first is its moment."""
    first, *others = sorted(windows, key=lambda window: (window[0] - window[1], window))
    return replace(query, start=first[0], end=first[1], others=tuple(others))


class Queries(list[Query]):
    """What a reader returns: the queries, their file, and in `written` how many pairs it held before cleaning."""

    written: int = 0
    path: Path | None = None


# The query as written, and the location that an error names: "file:line", or "file, video 'x', pair 3".
Located = tuple[str, Query]
# What a video's entry in a json file says of time: its duration, and its units per second (frames, or 1 for seconds).
Timing = Callable[[str, dict[str, Any]], tuple[float, float]]


def read_charades_sta(
    sentences_txt: str | Path, durations_csv: str | Path, *, split: str = "", strict: bool = False
) -> Queries:
    """Read lines `VID start end##sentence.`, times in seconds.

    An end past the duration is clipped to it; then pairs with start >= end are dropped; one warning counts both.

    Args:
        sentences_txt: the file of lines.
        durations_csv: has the columns `id` and `length`, in seconds.
        split: name that the queries get.
        strict: make a start >= end as written an error instead.

    Returns:
        The queries in the order of the lines.

    Raises:
        InputError: naming the file and the line, for what cannot be read.
    """
    # The lines have no duration, which 2D-TAN reads from a table of Charades, made for another task.
    path = Path(sentences_txt)
    return clean(_line_rows(path, Path(durations_csv), split), path, strict=strict)


def read_tacos(json_path: str | Path, *, split: str = "") -> Queries:
    """Read {video: {timestamps [[frame, frame]], sentences, fps, num_frames}}; frames become seconds.

    Cleaned as in `read_charades_sta`; as in 2D-TAN, a start below 0 is also clipped, to 0.
    Raises InputError naming the file and the video.
    """

    # 17,344 pairs in the paper (4.1); the files that 2D-TAN released, read here, hold 18,227, which Table 1 fits
    def timing(where: str, entry: dict[str, Any]) -> tuple[float, float]:
        fps = finite_number(entry.get("fps"), f"{where}: fps", least=FPS[0], most=FPS[1])
        return amount(entry.get("num_frames"), f"{where}: num_frames") / fps, fps

    path = Path(json_path)
    return clean(_json_rows(path, split, timing), path)


def read_activitynet(json_path: str | Path, *, split: str = "") -> Queries:
    """Read {video: {duration, timestamps [[second, second]], sentences}}.

    Cleaned as in `read_tacos`; sentences of this set are as its crowd typed them, so a pair whose sentence has no
    word is dropped and counted too. Raises InputError naming the file and the video.
    """
    path = Path(json_path)
    return clean(_json_rows(path, split, _duration_under("duration")), path, drop_wordless=True)


def read_cd(json_path: str | Path, *, split: str = "") -> Queries:
    """Read a file of Charades-CD or ActivityNet-CD, the out-of-distribution splits of Yuan et al. (2021).

    {video: {timestamps [[second, second]], sentences, video_duration or duration, …}}: Charades-CD's
    `charades_{train,val,test_iid,test_ood}.json` writes `video_duration`, ActivityNet-CD's `anet_*.json` `duration`.
    Cleaned as in `read_activitynet`. Raises InputError naming the file and the video.
    """
    path = Path(json_path)
    return clean(_json_rows(path, split, _duration_under("video_duration", "duration")), path, drop_wordless=True)


def read_timelens(json_path: str | Path, *, split: str = "") -> Queries:
    """Read a file of TimeLens-Bench, annotations of known test sets made again: {video: {duration, spans, queries}}.

    The sentence number i is true of the span number i, seconds. Cleaned as in `read_activitynet`. Raises InputError
    naming the file and the video.
    """
    path = Path(json_path)
    keys = ("spans", "queries")
    return clean(_json_rows(path, split, _duration_under("duration"), keys), path, drop_wordless=True)


def read_youmakeup(jsonl_path: str | Path, durations: Mapping[str, float], *, split: str = "") -> Queries:
    """Read lines {"video_id", "step": {n: {"startime", "endtime", "caption"}}}, spelled so; times are "HH:MM:SS".

    YouMakeup is the paper's third data set. Its files have no durations.

    Args:
        jsonl_path: a line per video.
        durations: {video: seconds}, from `read_durations`, or rows of features over their rate.
        split: name that the queries get.

    Returns:
        The queries, cleaned as in `read_activitynet`.

    Raises:
        InputError: naming the file, the line and the step; also for a video without a duration.
    """
    path = Path(jsonl_path)
    return clean(_youmakeup_rows(path, durations, split), path, drop_wordless=True)


def read_durations(csv_path: str | Path) -> dict[str, float]:
    """{video: seconds} from a csv with the columns `id` and `length`; a video may have two rows that agree.

    Raises InputError naming the file and the line.
    """
    durations: dict[str, float] = {}
    for where, row in csv_rows(Path(csv_path), columns=("id", "length")):
        video, length = row["id"], amount(row["length"], f"{where}: length", text=True)
        if durations.setdefault(video, length) != length:
            raise InputError(
                f"{where}: video {shown(video)} has length {length:g} here, {durations[video]:g} above; keep one"
            )
    return durations


def read_toy_sta(folder: str | Path, split: str) -> Queries:
    """Read one split ("train", "val", "test", "test-composition") of a Toy-STA folder, tags included.

    `toy_sta_{split}.txt` holds Charades-STA's lines, `videos.csv` the durations, `toy_sta_{split}_tags.csv`
    one row of tags for each line, in the same order.
    Raises InputError naming the file and the line; here a start >= end is an error too.
    """
    folder = Path(folder)
    path, tags_csv = folder / f"toy_sta_{split}.txt", folder / f"toy_sta_{split}_tags.csv"
    # Charades-STA's format exactly, so that any code for Charades-STA reads it; the tags have a file of their own
    rows = list(_line_rows(path, folder / "videos.csv", split))
    tags = [tag for _, tag in csv_rows(tags_csv)]
    if len(rows) != len(tags):
        raise InputError(
            f"{tags_csv}: {len(tags)} rows of tags for the {len(rows)} lines of {path.name}; "
            "each line needs its row, in the same order"
        )
    tagged = [(where, replace(query, tags=tag)) for (where, query), tag in zip(rows, tags, strict=True)]
    return clean(tagged, path, strict=True)  # drawn, not annotated: a reversed moment would be our own error


def write_charades_sta(queries: Iterable[Query], sentences_txt: str | Path) -> None:
    """Write queries as lines `VID start end##sentence` (seconds, every digit).

    Raises InputError for a video or a sentence that the line format cannot hold.
    """
    lines = []
    for q in queries:
        if not math.isfinite(q.start + q.end):  # NaN and infinity survive a sum
            raise InputError(f"video {shown(q.video)}: from {q.start} to {q.end} s is no moment; correct it")
        # what `_line_rows` takes apart again: at blanks, at ##, at line breaks
        if "##" in q.video or q.video.split() != [q.video] or len(q.sentence.splitlines()) != 1:
            raise InputError(
                f"video {shown(q.video)}, sentence {shown(q.sentence)}: the line format allows no blank and no ## "
                "in the name of a video, and needs a sentence of one line"
            )
        lines.append(f"{q.video} {float(q.start)!r} {float(q.end)!r}##{q.sentence}\n")
    with atomic_path(sentences_txt) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8", newline="\n")  # the same bytes everywhere


def statistics(queries: Iterable[Query]) -> dict[str, float]:
    """Describe a data set: {"pairs", "videos", "words", "moment_seconds", "moments_per_video"}.

    The last three are means: words per sentence, seconds per moment, moments per video. Words are what blanks
    separate, as in 2D-TAN, which gives Table 1's 6.2 and 8.5 (`text.tokenize` finds less than 0.01 more).
    Raises InputError if there is no query.
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


def duration_note(annotated: float, file: float) -> str | None:
    """One sentence where a video file and its annotation disagree on the duration; None if they agree.

    Both in seconds. A tenth, or half a second of a short video, is what containers and rounding make; None also for a
    file whose duration is not known (0, NaN).
    """
    if not (math.isfinite(file) and file > 0) or abs(file - annotated) <= max(0.5, 0.1 * max(file, annotated)):
        return None
    return (
        f"The video file lasts {file:.1f} s, its annotation says {annotated:.1f} s: moments may not be where they are "
        "shown; check that it is the right file, uncut and at its original speed."
    )


def hold_out(queries: Sequence[Query], share: float = 0.1) -> tuple[list[Query], list[Query]]:
    """Part a share of the videos from the rest, to choose checkpoints on: Charades-STA has no validation split.

    Videos are ordered by the SHA-256 of their name, and the first share of them, with all their queries, is held
    out: the same ones whatever the order of the queries, on every machine, without a seed. At least one video is
    held out, and one left, if there are two. Returns (rest, held out), in the order given; the queries held out
    get the split "val". Raises InputError for a share outside (0, 1).
    """
    if not 0 < share < 1:
        raise InputError(f"share={share}: give the part of the videos to hold out, between 0 and 1")
    # By video, not by query: sentences on a video that was trained on would measure memory. By a hash, since the names
    # of Charades may themselves have an order, and a random generator's draw may change with its version.
    videos = sorted({q.video for q in queries}, key=lambda video: hashlib.sha256(video.encode()).digest())
    count = min(max(round(share * len(videos)), 1), max(len(videos) - 1, 0))
    held = set(videos[:count])
    rest = Queries(q for q in queries if q.video not in held)
    part = Queries(replace(q, split="val") for q in queries if q.video in held)
    for some in (rest, part):
        some.written, some.path = len(some), getattr(queries, "path", None)
    return rest, part


def check_splits(splits: Mapping[str, Iterable[Query]], may_share: Collection[tuple[str, str]] = ()) -> None:
    """Make sure that no video is in two splits.

    splits: by name; may_share: pairs of names, in the order of `splits`, that are allowed to. ActivityNet Captions
    needs it: val_1 and val_2 are two annotations of the same videos.
    Raises InputError naming the two splits and the first of their common videos.
    """
    videos = {name: {q.video for q in queries} for name, queries in splits.items()}
    for first, second in combinations(videos, 2):
        common = sorted(videos[first] & videos[second])
        if common and (first, second) not in may_share:
            some = ", ".join(map(shown, common[:3])) + (", …" if len(common) > 3 else "")
            raise InputError(
                f"splits {first} and {second} share {len(common)} videos ({some}): a model would be judged on videos "
                "it has seen; fetch the annotations again, or remove these videos from one of the two"
            )


# of moments; a query with several windows is dropped with the last of them
LATE, EARLY = "ends past the video's duration clipped to it", "starts below 0 set to 0"
REVERSED, WORDLESS = "pairs dropped because the start is not before the end", "pairs dropped because they have no word"
SECONDS = (1e-3, 1e7)  # how long a video may last: from one frame to four months
FPS = (1e-3, 1e4)  # frames per second: from time lapse to slow motion
CLOCK = re.compile(r"(\d{1,3}):([0-5]?\d):([0-5]?\d(?:\.\d+)?)", re.ASCII)  # hours, minutes, seconds


def clean(rows: Iterable[Located], path: Path, *, strict: bool = False, drop_wordless: bool = False) -> Queries:
    """2D-TAN's rules: clip the times to the video, then keep start < end; report once what was changed."""
    kept = Queries()
    kept.path = path
    changed: dict[str, list[str]] = {LATE: [], EARLY: [], REVERSED: [], WORDLESS: []}
    for where, q in rows:
        kept.written += 1
        _check_length(where, q.sentence)
        # A sentence without a word has no f_s: the crowd's typing slips are dropped, elsewhere the file is wrong.
        if not LETTER.search(q.sentence):
            if not drop_wordless:
                raise InputError(f"{where}: the sentence is empty; write one or remove the pair")
            changed[WORDLESS].append(where)
            continue
        if not SECONDS[0] <= q.duration <= SECONDS[1]:  # `span` divides by it
            bounds = f"from {SECONDS[0]:g} s to {SECONDS[1]:,.0f} s are possible"
            raise InputError(
                f"{where}: video {shown(q.video)} has a duration of {q.duration:g} s; {bounds}; correct it"
            )
        for start, end in q.windows:
            if max(abs(start), abs(end)) > SECONDS[1]:
                what = f"from {start:g} s to {end:g} s, but no video is longer than {SECONDS[1]:,.0f} s"
                raise InputError(f"{where}: {what}; correct the times")
        windows = []
        for start, end in q.windows:
            # as written: clipping may also reverse a moment that lies wholly past the end
            if strict and start >= end:
                raise InputError(f"{where}: start {start:g} s is not before end {end:g} s; correct them")
            # the candidates end with the video: with a target beyond it, none could overlap wholly
            if max(start, 0.0) >= min(end, q.duration):  # no length, no overlap: no candidate could be right
                changed[REVERSED].append(where)
                continue
            if end > q.duration:
                changed[LATE].append(where)
            if start < 0:
                changed[EARLY].append(where)
            windows.append((max(start, 0.0), min(end, q.duration)))
        if windows:
            kept.append(q if windows == q.windows else with_windows(q, windows))
    changes = [
        f"{len(locations)} {what} (first: {', '.join(_within(path, where) for where in locations[:3])})"
        for what, locations in changed.items()
        if locations
    ]
    if changes:  # once per file: 2D-TAN does the same in silence, and its pair counts differ from the files' lines
        warnings.warn(f"{path}: {'; '.join(changes)}; {len(kept)} pairs kept", stacklevel=3)
    return kept


def _check_length(where: str, sentence: str) -> None:
    """Raise InputError for what no one wrote as one sentence; a model would need gigabytes for it."""
    # a sentence of n words has at least n characters: words need counting in long ones only
    if len(sentence) > MOST_LETTERS or (len(sentence) > MOST_WORDS and len(find_words(sentence)) > MOST_WORDS):
        raise InputError(
            f"{where}: the sentence {shown(sentence)} has {len(sentence):,} characters; one may have {MOST_LETTERS:,}, "
            f"and {MOST_WORDS:,} words; split it"
        )


def _within(path: Path, where: str) -> str:
    """A location without the file's name: "line 12", or "video 'x', pair 3"."""
    location = where.removeprefix(str(path)).lstrip(":, ")
    return f"line {location}" if location.isdigit() else location


def _line_rows(path: Path, durations_csv: Path, split: str) -> Iterator[Located]:
    """Charades-STA's lines with the durations of the csv."""
    durations = read_durations(durations_csv)
    # not splitlines: it also cuts at rare characters, such as U+2028, that a sentence may hold
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():  # such as after the last line break
            continue
        where = f"{path}:{number}"
        moment, separator, sentence = line.partition("##")  # at the first: a later ## is the sentence's own
        parts = moment.split()
        if not separator or len(parts) != 3:
            what = "has no ##" if not separator else "does not begin with a video, a start and an end"
            raise InputError(f"{where}: {shown(line.strip())} {what}; write `VID start end##sentence.`")
        video, start, end = parts
        if video not in durations:
            raise InputError(f"{where}: video {shown(video)} is not in {durations_csv}; add it or remove the line")
        times = amount(start, f"{where}: start", text=True), amount(end, f"{where}: end", text=True)
        yield where, Query(video, sentence.strip(), *times, durations[video], split)


def _duration_under(*keys: str) -> Timing:
    """The timing of a file in seconds: the duration is under the first of these keys that an entry has."""

    def timing(where: str, entry: dict[str, Any]) -> tuple[float, float]:
        key = next((key for key in keys if key in entry), keys[0])
        return amount(entry.get(key), f"{where}: {key}"), 1.0

    return timing


def _json_rows(
    path: Path, split: str, timing: Timing, keys: tuple[str, str] = ("timestamps", "sentences")
) -> Iterator[Located]:
    """The pairs of each video of a json file, in seconds; `keys` are those of its times and its sentences."""
    for video, entry in read_json(path).items():
        where = f"{path}, video {shown(video)}"
        if not isinstance(entry, dict):
            raise InputError(
                f"{where}: must be an object with {keys[0]} and {keys[1]}, not a "
                f"{type(entry).__name__}; correct the entry"
            )
        # TACoS is annotated in frames, ActivityNet Captions in seconds: unit is frames per second, or 1
        duration, unit = timing(where, entry)
        times, sentences = (entry.get(key) for key in keys)
        if not isinstance(times, list) or not isinstance(sentences, list) or len(times) != len(sentences):
            raise InputError(
                f"{where}: {keys[0]} and {keys[1]} must be two lists of the same length; correct the entry"
            )
        for i, (pair, sentence) in enumerate(zip(times, sentences, strict=True), start=1):
            here = f"{where}, pair {i}"
            if not isinstance(pair, list) or len(pair) != 2 or not isinstance(sentence, str):
                raise InputError(
                    f"{here}: {shown(pair)}, {shown(sentence)} must be [start, end] and a text; correct them"
                )
            start, end = (finite_number(time, f"{here}: time") / unit for time in pair)
            yield here, Query(video, sentence.strip(), start, end, duration, split)


def _youmakeup_rows(path: Path, durations: Mapping[str, float], split: str) -> Iterator[Located]:
    """The steps of each line's video, in seconds."""
    for where, entry in jsonl_rows(path):
        video = entry.get("video_id")
        if not isinstance(video, str) or not video:
            raise InputError(f"{where}: video_id is {shown(video)}, not the name of a video; correct it")
        if video not in durations:
            raise InputError(f"{where}: the duration of video {shown(video)} is unknown; give it, or remove the line")
        if not isinstance(steps := entry.get("step"), dict):
            raise InputError(f"{where}: step must be an object {{number: step}}, not {shown(steps)}; correct it")
        for number, step in steps.items():
            here = f"{where}, step {shown(number)}"
            if not isinstance(step, dict) or not isinstance(caption := step.get("caption"), str):
                raise InputError(f"{here}: must be an object with a caption, startime and endtime; correct it")
            start, end = (_clock(step.get(key), f"{here}: {key}") for key in ("startime", "endtime"))
            yield here, Query(video, caption.strip(), start, end, durations[video], split)


def _clock(value: Any, what: str) -> float:
    """Seconds of "HH:MM:SS"; the seconds may have decimals."""
    if not isinstance(value, str) or not (found := CLOCK.fullmatch(value.strip())):
        raise InputError(f"{what} is {shown(value)}, not a time such as 00:01:36; correct it")
    hours, minutes, seconds = found.groups()
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
