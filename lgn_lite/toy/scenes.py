"""What happens in a Toy-STA video: which figures there are, and what each of them does when."""

from itertools import pairwise

import numpy as np
from PIL import Image

from lgn_lite.errors import InputError
from lgn_lite.toy.drawing import SIZE, background, concept_frame
from lgn_lite.toy.world import ACTIVITIES, COLOURS, CONCEPTS, SHAPES, SPLITS, Event, Scene, fairness, held_out

TIMELINES = 6  # imagined for each video, of which the fairest is taken


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
    if split == "test-composition":  # what was held out is what is shown
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
    spare = rng.uniform(2, 8)  # seconds before the first or after the last: so that the order alone does not place them
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
