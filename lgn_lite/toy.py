"""Toy-STA: the world of small figures, its timelines, its captions, and the building of the data set.

Holds the names of the world, `make_scene` (who does what when), `describe` (sentences with exactly one right moment),
`concept_frames` (single frames with labels, for the small VGG) and `build_toy_sta` (videos and annotations on disk).
A video depends on (seed, split, index) alone. How things look is in `toy_draw`.
"""

import csv
import json
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from lgn_lite.annotations import Query, write_charades_sta
from lgn_lite.errors import InputError
from lgn_lite.files import atomic_path
from lgn_lite.toy_draw import SIZE, background, concept_frame, draw_frame, draw_scene

__all__ = ["ACTIVITIES", "COLOURS", "CONCEPTS", "SHAPES", "SIZES", "SPLITS", "Event", "Scene", "build_toy_sta",
           "concept_frames", "describe", "draw_frame", "draw_scene", "held_out", "make_scene"]

COLOURS = ("red", "blue", "green", "yellow")
SHAPES = ("circle", "square", "triangle", "star")
ACTIVITIES = ("flag", "hat", "umbrella", "balloon", "book", "drum", "jump", "spin")
CONCEPTS = COLOURS + SHAPES + ACTIVITIES
SPLITS = ("train", "val", "test", "test-composition")
SIZES = {  # videos in each split
    "tiny": {"train": 24, "val": 6, "test": 8, "test-composition": 6},
    "small": {"train": 260, "val": 40, "test": 70, "test-composition": 40},
    "full": {"train": 2000, "val": 200, "test": 400, "test-composition": 200},
}
FPS = 12
VERSION = 1  # of the data set; a change of world, captions or drawing raises it


@dataclass(frozen=True)
class Event:
    """One figure (its index in the scene) does one activity from `start` to `end` (seconds)."""

    figure: int
    activity: str
    start: float
    end: float


@dataclass
class Scene:
    """One video: who is in it, what happens when, and the seed of everything that is only looks."""

    name: str
    split: str
    duration: float  # seconds
    figures: list[tuple[str, str]]  # (colour, shape)
    events: list[Event]
    look: int = 0


def held_out(colour: str, shape: str, activity: str) -> bool:
    """Whether this composition is kept for "test-composition": one activity for each of the 16 figures.

    Each activity is kept from two figures, which share neither colour nor shape.
    """
    return ACTIVITIES.index(activity) == (3 * COLOURS.index(colour) + 2 * SHAPES.index(shape)) % len(ACTIVITIES)


# Timelines ----------------------------------------------------------------------------------------------------------


def make_scene(seed: int, split: str, index: int, num_figures: int = 2) -> Scene:
    """Make up video number `index` of a split: figures, and an independent timeline for each of them."""
    if split not in SPLITS:
        raise InputError(f"split {split!r}: Toy-STA has {', '.join(SPLITS)}")
    if num_figures not in (2, 3):
        raise InputError(f"num_figures is {num_figures}: a Toy-STA video has 2 or 3 figures")
    rng = np.random.default_rng([seed, SPLITS.index(split), index, num_figures])
    figures = _figures(rng, num_figures)
    kept_away = {a for a in ACTIVITIES for f in figures if held_out(*f, a)}
    free = [a for a in ACTIVITIES if a not in kept_away]
    pool = rng.permutation(free)[: rng.integers(3, 5)].tolist()
    if split == "test-composition":  # what was kept away is what is asked for
        pool = (sorted(kept_away) + pool)[: max(len(pool), len(kept_away) + 1)]
    duration = float(rng.integers(24 * 4, 36 * 4 + 1)) / 4  # a quarter of a second is three frames
    triple = int(rng.integers(num_figures)) if duration > TRIMIN else -1  # this figure does one activity three times
    events = []
    for i in range(num_figures):
        needed = {a for a in pool if held_out(*figures[i], a)}
        events += _timeline(rng, i, pool, needed, duration, triple == i)
    look = int(rng.integers(2**31))
    return Scene(f"toy-{split}-{index:04d}", split, duration, figures, events, look)


def _figures(rng: np.random.Generator, count: int) -> list[tuple[str, str]]:
    colours, shapes = rng.permutation(COLOURS)[:count], rng.permutation(SHAPES)[:count]
    return [(str(c), str(s)) for c, s in zip(colours, shapes, strict=True)]


def _timeline(
    rng: np.random.Generator, figure: int, pool: list[str], needed: set[str], duration: float, triple: bool
) -> list[Event]:
    """Idle gaps and activities in turn; one activity comes once and another comes again, never twice in a row."""
    while True:
        count = 5 if triple else 4 + (rng.random() < KFIVE)
        names = [str(n) for n in rng.choice(pool, count)]
        times = [names.count(n) for n in set(names)]
        good = 1 in times and max(times) >= (3 if triple else 2) and needed <= set(names)
        if good and all(a != b for a, b in zip(names, names[1:], strict=False)):
            if CLUSTER and not triple:
                r=max(names,key=names.count); i=[j for j,n in enumerate(names) if n==r]
                if i[-1]-i[0]>2: continue
            break
    while True:  # tenths of a second throughout, so that the text files hold the times exactly
        lengths = (30 + (TRI if triple else 60) * rng.beta(LEN_A, LEN_B, count)).round()
        gaps = (4 + GAP * rng.random(count + 1)).round()
        spare = round(duration * 10) - lengths.sum() - gaps.sum()
        if spare >= 0:
            break
    # The spare time goes mostly before the first or after the last activity, so that the order of activities alone
    # does not tell where in the video they are.
    gaps += (spare * rng.dirichlet([LEAD, *[INNER] * (count - 1), LEAD])).astype(int)
    starts = np.cumsum(gaps[:-1] + np.concatenate([[0], lengths[:-1]]))
    return [
        Event(figure, n, float(s) / 10, float(s + d) / 10) for n, s, d in zip(names, starts, lengths, strict=True)
    ]


LEN_A, LEN_B, GAP, LEAD, INNER = 1.0, 2.2, 12, 0.6, 0.1
BAL = 3.0
KFIVE,CLUSTER,TRI,TRIMIN=.5,True,30,29


# Captions -----------------------------------------------------------------------------------------------------------

ORDINALS = ("first", "second", "third", "last")
SUBJECTS = ("the {c} {s}", "the {c} {s}", "the {c} {s}", "the little {c} {s}", "the small {c} {s}", "the {s} in {c}")
VERBS = {
    "flag": ("holds a flag", "waves a flag", "carries a flag", "holds up a flag"),
    "hat": ("wears a hat", "wears a top hat", "has a hat on", "is dressed in a hat"),
    "umbrella": ("holds an umbrella", "stands under an umbrella", "carries an umbrella", "has an umbrella open"),
    "balloon": ("holds a balloon", "carries a balloon", "has a balloon on a string", "holds on to a balloon"),
    "book": ("reads a book", "looks into a book", "is reading a book", "studies a book"),
    "drum": ("beats a drum", "plays the drum", "is drumming", "plays a drum with two sticks"),
    "jump": ("jumps", "jumps up and down", "hops", "leaps into the air"),
    "spin": ("spins", "spins around", "turns round and round", "twirls"),
}
ATTRIBUTE = ("{x}", "{x}", "{x}", "here {x}", "in this moment {x}")
TEMPORAL = ("{x} {r} {y}", "{x} {r} {y}", "{r} {y}, {x}", "{r} {y}, {x}", "{x}, and this {r} {y}")
ORDINAL = ("{x} for the {o} time", "{x} for the {o} time", "for the {o} time, {x}", "the {o} time that {x}")
BOTH = ("{r} {y}, {x} for the {o} time", "the {o} time that {x} {r} {y}", "{x} for the {o} time {r} {y}")


def _pick(options: Sequence, rng: np.random.Generator):
    return options[int(rng.integers(len(options)))]


def _clause(figure: tuple[str, str], activity: str, rng: np.random.Generator) -> str:
    return f"{_pick(SUBJECTS, rng).format(c=figure[0], s=figure[1])} {_pick(VERBS[activity], rng)}"


@dataclass(frozen=True)
class _Form:
    """What a sentence says, before it is put into words, and the event that it picks."""

    kind: str
    event: Event
    relation: str = ""
    other: Event | None = None
    ordinal: str = ""


def _ordinals(events: list[Event]) -> dict[str, Event]:
    """The ordinals that make sense among these events, in order of time."""
    if len(events) < 2:
        return {}
    return {**dict(zip(ORDINALS[:3], events, strict=False)), "last": events[-1]}


def _forms(scene: Scene) -> list[_Form]:
    """Everything that the grammar can say of a scene and that picks exactly one event."""
    groups: dict[tuple[int, str], list[Event]] = {}
    for event in sorted(scene.events, key=lambda e: e.start):
        groups.setdefault((event.figure, event.activity), []).append(event)
    unique = [events[0] for events in groups.values() if len(events) == 1]
    forms = []
    for (figure, _), events in groups.items():
        plain = _ordinals(events)
        if len(events) == 1:
            forms.append(_Form("attribute", events[0]))
            continue
        forms += [_Form("ordinal", event, ordinal=ordinal) for ordinal, event in plain.items()]
        for other in (o for o in unique if o.figure != figure):
            after = [e for e in events if e.start >= other.end]
            before = [e for e in events if e.end <= other.start]
            for relation, related in (("after", after), ("before", before)):
                if len(related) == 1:
                    forms.append(_Form("temporal", related[0], relation, other))
                for ordinal, event in _ordinals(related).items():
                    if plain[ordinal] != event:  # else the relation would add nothing
                        forms.append(_Form("both", event, relation, other, ordinal))
    return forms


def _words(form: _Form, scene: Scene, rng: np.random.Generator) -> str:
    event, other = form.event, form.other
    templates = {"attribute": ATTRIBUTE, "temporal": TEMPORAL, "ordinal": ORDINAL, "both": BOTH}[form.kind]
    sentence = _pick(templates, rng).format(
        x=_clause(scene.figures[event.figure], event.activity, rng),
        y=_clause(scene.figures[other.figure], other.activity, rng) if other else "",
        r=form.relation,
        o=form.ordinal,
    )
    return sentence[0].upper() + sentence[1:] + "."


QUOTA = {"attribute": 4.6, "temporal": 2.4, "ordinal": 2.5, "both": 1.5}  # sentences a video, where it allows them


def describe(scene: Scene) -> list[Query]:
    """Sentences about a scene, about ten, each true of exactly one moment.

    kind "attribute": the figure does the activity once. "temporal": it does it again and again, once of these after
    (it starts when the other event has ended) or before (it has ended when the other starts) an event that the other
    figure has once. "ordinal": first, second, third or last of all times. "both": the ordinal counts only the times
    after or before the other event, and without the relation it would be another one.
    """
    rng = np.random.default_rng([scene.look, 11])
    forms = _forms(scene)
    if scene.split == "test-composition":
        forms = [f for f in forms if held_out(*scene.figures[f.event.figure], f.event.activity)]
    queries: dict[str, Query] = {}
    for kind, mean in QUOTA.items():
        options = [f for f in forms if f.kind == kind]
        wanted = min(int(mean + rng.random()), 2 * len(options))
        for form in _order(options, wanted, scene.duration, rng):
            sentence = _words(form, scene, rng)
            queries.setdefault(sentence, _query(form, scene, sentence))
    return list(queries.values())


def _order(options, wanted, duration, rng):
    """The least expected forms first"""
    keys=[]
    for f in options:
        u = (f.event.start + f.event.end) / 2 / duration
        late = (f.ordinal in ("second", "third", "last")) + (f.relation == "after") - (f.ordinal == "first") - (f.relation == "before")
        w = np.exp(-(((u - 0.5) / BAL) ** 2)) if f.kind != "attribute" and BAL else 1
        keys.append(rng.random() ** (1 / max(w, 1e-6)))
    order = np.argsort(keys)[::-1]
    return [options[i] for i in [*order, *order][:wanted]]


TAGS = ("kind", "figure", "activity", "relation", "other_figure", "other_activity", "ordinal")


def _query(form: _Form, scene: Scene, sentence: str) -> Query:
    event, other = form.event, form.other
    values = (
        form.kind,
        " ".join(scene.figures[event.figure]),
        event.activity,
        form.relation,
        " ".join(scene.figures[other.figure]) if other else "",
        other.activity if other else "",
        form.ordinal,
    )
    tags = dict(zip(TAGS, values, strict=True))
    return Query(scene.name, sentence, event.start, event.end, scene.duration, scene.split, tags)


# Single concepts ----------------------------------------------------------------------------------------------------


def concept_frames(count: int, seed: int, size: int = 48, num_figures: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Frames of the same world with what is in each: (count, size, size, 3) uint8 and (count, len(CONCEPTS)) float32.

    A label says which colours, shapes and activities are present, never which belongs to which. Held-out compositions
    do not occur. Shrunk by area averaging; `size` must divide 192.
    """
    if SIZE % size:
        raise InputError(f"size is {size}: it must divide {SIZE}, so that each pixel averages whole pixels")
    rng = np.random.default_rng([seed, 99])
    frames = np.empty((count, size, size, 3), np.uint8)
    labels = np.zeros((count, len(CONCEPTS)), np.float32)
    step = SIZE // size
    for i in range(count):
        if i % 4 == 0:
            ground = background(rng)
        figures = _figures(rng, int(rng.integers(1, num_figures + 1)))
        activities = []
        for figure in figures:
            allowed = [a for a in ACTIVITIES if not held_out(*figure, a)]
            activities.append(_pick(allowed, rng) if rng.random() < 0.85 else None)
            labels[i, [CONCEPTS.index(name) for name in (*figure, activities[-1]) if name]] = 1
        frame = concept_frame(rng, ground, figures, activities)
        frames[i] = np.asarray(Image.fromarray(frame).reduce(step))
    return frames, labels


# Building -----------------------------------------------------------------------------------------------------------


def _draw(job: tuple[int, str, int, int, str]) -> str:
    """Draw and encode one video, in a worker process."""
    from lgn_lite.video import write_video  # here, so that reading captions needs no codec

    seed, split, index, num_figures, folder = job
    scene = make_scene(seed, split, index, num_figures)
    path = Path(folder) / f"{scene.name}.mp4"
    if not path.exists():  # written atomically, so what exists is whole
        write_video(path, draw_scene(scene, FPS), FPS)
    return scene.name


def _write_json(path: Path, content: dict) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _write_csv(path: Path, columns: Sequence[str], rows: list[Sequence]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([columns, *rows])


def build_toy_sta(
    folder: str | Path, size: str = "small", seed: int = 0, workers: int = 2, num_figures: int = 2, progress: bool = True
) -> Path:
    """Write Toy-STA into `folder`: videos/NAME.mp4, toy_sta_SPLIT.txt and _tags.csv, videos.csv, toy_sta.json.

    The json comes last and marks a whole data set: asked again with the same settings, this returns at once; what was
    interrupted goes on. The result is the same for any number of worker processes. Raises InputError where the folder
    holds a data set of other settings.
    """
    if size not in SIZES:
        raise InputError(f"size {size!r}: Toy-STA comes in {', '.join(SIZES)}")
    folder = Path(folder)
    settings = {"size": size, "seed": seed, "num_figures": num_figures, "version": VERSION}
    done, partial = folder / "toy_sta.json", folder / "toy_sta.partial.json"
    for path in (done, partial):
        if path.exists():
            _check_settings(path, settings)
            if path == done:
                return folder
    (folder / "videos").mkdir(parents=True, exist_ok=True)
    _write_json(partial, settings)
    counts = {}
    jobs = []
    lengths = []
    for split, videos in SIZES[size].items():
        scenes = [make_scene(seed, split, i, num_figures) for i in range(videos)]
        queries = [q for scene in scenes for q in describe(scene)]
        write_charades_sta(queries, folder / f"toy_sta_{split}.txt")
        _write_csv(folder / f"toy_sta_{split}_tags.csv", TAGS, [[q.tags[t] for t in TAGS] for q in queries])
        lengths += [(scene.name, scene.duration) for scene in scenes]
        jobs += [(seed, split, i, num_figures, str(folder / "videos")) for i in range(videos)]
        counts[split] = {"videos": videos, "queries": len(queries)}
    _write_csv(folder / "videos.csv", ("id", "length"), lengths)
    _run(jobs, workers, progress)
    _write_json(done, {**settings, "counts": counts})
    partial.unlink()
    return folder


def _check_settings(path: Path, settings: dict) -> None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: not valid json ({error}); remove the folder and build again") from error
    other = [f"{k}={found.get(k)!r}, not {v!r}" for k, v in settings.items() if found.get(k) != v]
    if other:
        raise InputError(f"{path}: made with {', '.join(other)}; remove {path.parent} or give another folder")


def _run(jobs: list[tuple], workers: int, progress: bool) -> None:
    with tqdm(total=len(jobs), desc="drawing Toy-STA", unit="video", disable=not progress) as bar:
        if workers <= 1:
            for job in jobs:
                _draw(job)
                bar.update()
            return
        # Spawned, not forked: safe beside the threads of a notebook and of torch.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(workers, len(jobs)), context) as pool:
            try:
                for future in as_completed([pool.submit(_draw, job) for job in jobs]):
                    future.result()
                    bar.update()
            except BaseException:  # also Ctrl-C: do not wait for hundreds of videos
                pool.shutdown(wait=False, cancel_futures=True)
                raise
