"""Toy-STA, the data set that the project draws itself: timelines, single frames with labels, files on disk.

Two (or three) figures of distinct colour and shape act in turn, now and then at once, and both do the same few
activities, so that a sentence must bind figure and activity to find its moment. Who has nothing to do sleeps, pale
and with shut eyes: a single frame tells who is at work, but where two are, not who does what. A video depends on
(seed, split, index) alone. The names and the sentences are in `toy_world`, the looks in `toy_draw`; all that others
need is offered here.
"""

import csv
import re
from collections.abc import Sequence
from concurrent.futures import as_completed
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from lgn_lite.annotations import write_charades_sta
from lgn_lite.cores import process_pool
from lgn_lite.errors import InputError
from lgn_lite.files import atomic_path, remove_leftovers, write_json
from lgn_lite.reading import read_json
from lgn_lite.toy_draw import SIZE, background, concept_frame, draw_frame, draw_scene
from lgn_lite.toy_world import (
    ACTIVITIES,
    COLOURS,
    CONCEPTS,
    SHAPES,
    SPLITS,
    TAGS,
    Event,
    Scene,
    describe,
    fairness,
    held_out,
)
from lgn_lite.video import write_video

__all__ = [
    "ACTIVITIES",
    "COLOURS",
    "CONCEPTS",
    "SHAPES",
    "SIZES",
    "SPLITS",
    "Event",
    "Scene",
    "build_toy_sta",
    "concept_frames",
    "describe",
    "draw_frame",
    "draw_scene",
    "held_out",
    "make_scene",
]

SIZES = {  # videos in each split
    "tiny": {"train": 24, "val": 6, "test": 8, "test-composition": 6},
    "small": {"train": 280, "val": 40, "test": 70, "test-composition": 40},
    "full": {"train": 2000, "val": 200, "test": 400, "test-composition": 200},
}
FPS = 10
VERSION = 3  # of the data set; a change of world, captions or drawing raises it
TIMELINES = 6  # imagined for each video, of which the fairest is taken


# Timelines --------------------------------------------------------------------------------------------------


def make_scene(seed: int, split: str, index: int, num_figures: int = 2) -> Scene:
    """Make up video number `index` of a split: figures, and what they do in turn."""
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
    # One figure may do one activity three times: then ordinals can count from another event.
    triple = int(rng.integers(num_figures)) if rng.random() < 0.2 else -1
    look = int(rng.integers(2**31))

    def imagine() -> Scene:
        names = [
            _activities(rng, pool, {a for a in pool if held_out(*figure, a)}, triple == i)
            for i, figure in enumerate(figures)
        ]
        duration, events = _take_turns(rng, names)
        return Scene(f"toy-{split}-{index:04d}", split, duration, figures, events, look)

    # Of a few timelines the one whose sentences can be said of the least expected moments.
    return max((imagine() for _ in range(TIMELINES)), key=fairness)


def _figures(rng: np.random.Generator, count: int) -> list[tuple[str, str]]:
    colours, shapes = rng.permutation(COLOURS)[:count], rng.permutation(SHAPES)[:count]
    return [(str(c), str(s)) for c, s in zip(colours, shapes, strict=True)]


def _activities(rng: np.random.Generator, pool: list[str], needed: set[str], triple: bool) -> list[str]:
    """What one figure does, in order: one activity comes once, another again, none twice in a row."""
    while True:
        count = 5 if triple else int(rng.choice([3, 4], p=[0.75, 0.25]))
        names = [str(n) for n in rng.choice(pool, count)]
        times = {n: names.count(n) for n in names}
        most = max(times, key=times.get)
        first, last = names.index(most), count - 1 - names[::-1].index(most)
        if (
            1 in times.values()
            and times[most] >= (3 if triple else 2)
            and needed <= set(names)
            and all(a != b for a, b in pairwise(names))
            and (triple or last - first == 2)  # close together: so the pair may be anywhere in the video
        ):
            return names


def _take_turns(rng: np.random.Generator, names: list[list[str]]) -> tuple[float, list[Event]]:
    """The figures act in turn, in random order, and now and then one begins before the other has ended.

    Returns the video's duration and the events, in tenths of a second, so that text files hold them exactly.
    """
    turns = rng.permutation([i for i, mine in enumerate(names) for _ in mine]).tolist()
    waiting = [list(mine) for mine in names]
    spare = rng.uniform(2, 8)  # seconds before the first or after the last: the order alone tells no place
    lead = spare * rng.beta(0.3, 0.3)
    clock, last, events = 5 + round(10 * lead), -1, []
    free = [0] * len(names)  # when each figure has ended what it did last, and rested
    for i in turns:
        if last >= 0:
            clock += int(rng.integers(4, 10) if i == last else rng.integers(-20, 7))
        clock = max(clock, free[i])
        length = 32 + round(40 * rng.beta(1.0, 2.0))
        events.append(Event(i, waiting[i].pop(0), clock / 10, (clock + length) / 10))
        clock, last = clock + length, i
        free[i] = clock + 4
    end = max(event.end for event in events)
    duration = np.ceil((end + 0.5 + spare - lead) * 2) / 2  # so that text files hold it exactly
    return float(duration), events


# Single concepts --------------------------------------------------------------------------------------------


def concept_frames(count: int, seed: int, size: int = 48, num_figures: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Frames (count, size, size, 3) uint8 and what is in each: (count, len(CONCEPTS)) float32, 0 or 1.

    A label says which colours, shapes and activities are present, never which belongs to which; of a figure that
    sleeps it says nothing. Held-out compositions do not occur. Shrunk by area averaging; `size` must divide 192.
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
            activities.append(allowed[rng.integers(len(allowed))] if rng.random() < 0.85 else None)
            if activities[-1]:  # who sleeps is pale, and has no colour to name
                labels[i, [CONCEPTS.index(name) for name in (*figure, activities[-1])]] = 1
        frame = concept_frame(rng, ground, figures, activities, num_figures)
        frames[i] = np.asarray(Image.fromarray(frame).reduce(step))
    return frames, labels


# Building ---------------------------------------------------------------------------------------------------


def _draw(job: tuple[int, str, int, int, str]) -> str:
    """Draw and encode one video, in a worker process."""
    seed, split, index, num_figures, folder = job
    scene = make_scene(seed, split, index, num_figures)
    path = Path(folder) / f"{scene.name}.mp4"
    if not path.exists():  # written atomically, so what exists is whole
        write_video(path, draw_scene(scene, FPS), FPS)
    return scene.name


def _write_csv(path: Path, columns: Sequence[str], rows: list[Sequence]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([columns, *rows])


def build_toy_sta(
    folder: str | Path,
    size: str = "small",
    seed: int = 0,
    workers: int = 2,
    num_figures: int = 2,
    progress: bool = True,
) -> Path:
    """Write Toy-STA into `folder`: videos/NAME.mp4, toy_sta_SPLIT{.txt,_tags.csv}, videos.csv, toy_sta.json.

    The json comes last and marks a whole data set: asked again with the same settings, this returns at once;
    what was interrupted goes on. The result is the same for any number of worker processes. Raises InputError
    where the folder holds a data set of other settings.
    """
    if size not in SIZES:
        raise InputError(f"size {size!r}: Toy-STA comes in {', '.join(SIZES)}")
    if seed < 0:
        raise InputError(f"seed {seed}: must not be below 0")
    folder = Path(folder)
    settings = {"size": size, "seed": seed, "num_figures": num_figures, "version": VERSION}
    done, partial = folder / "toy_sta.json", folder / "toy_sta.partial.json"
    for path in (done, partial):
        if path.exists():
            _check_settings(path, settings)
            if path == done:
                return folder
    videos = folder / "videos"
    videos.mkdir(parents=True, exist_ok=True)
    for place in (folder, videos):
        remove_leftovers(place)  # of a drawing that was killed
    if not partial.exists():  # then nobody knows how any videos of these names were made
        for old in videos.glob("toy-*.mp4"):
            if re.fullmatch(rf"toy-({'|'.join(SPLITS)})-\d{{4,}}", old.stem):
                old.unlink()
        write_json(partial, settings)
    counts, jobs, lengths = {}, [], []
    for split, number in SIZES[size].items():
        scenes = [make_scene(seed, split, i, num_figures) for i in range(number)]
        queries = [q for scene in scenes for q in describe(scene)]
        write_charades_sta(queries, folder / f"toy_sta_{split}.txt")
        _write_csv(folder / f"toy_sta_{split}_tags.csv", TAGS, [[q.tags[t] for t in TAGS] for q in queries])
        lengths += [(scene.name, scene.duration) for scene in scenes]
        jobs += [(seed, split, i, num_figures, str(videos)) for i in range(number)]
        counts[split] = {"videos": number, "queries": len(queries)}
    _write_csv(folder / "videos.csv", ("id", "length"), lengths)
    _run(jobs, workers, progress)
    write_json(done, {**settings, "counts": counts})
    partial.unlink()
    return folder


def _check_settings(path: Path, settings: dict) -> None:
    found = read_json(path, "remove the folder and build again")
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
        with process_pool(min(workers, len(jobs))) as pool:
            for future in as_completed([pool.submit(_draw, job) for job in jobs]):
                future.result()
                bar.update()
