"""What happens in a Toy-STA video: which figures there are, and what each of them does when."""

from itertools import combinations

import numpy as np
from PIL import Image

from lgn_lite.errors import InputError
from lgn_lite.toy.captions import fairness
from lgn_lite.toy.drawing import SIZE, background, concept_frame
from lgn_lite.toy.world import ACTIVITIES, COLOURS, CONCEPTS, HANDS, SHAPES, SPLITS, STATES, Event, Scene, held_out

TRIES = 6  # places thought of for what a figure does, of which the one is taken where the others do least
TIMELINES = 8  # imagined for each video, of which the fairest is taken
# Seconds that an activity lasts, log-uniform between the two
LENGTHS = {
    "hat": (4.0, 22.0), "umbrella": (3.0, 18.0), "balloon": (3.0, 18.0), "flag": (2.5, 14.0),
    "book": (2.5, 16.0), "drum": (2.0, 12.0), "jump": (1.5, 8.0), "spin": (1.5, 8.0),
}  # fmt: skip
AGAIN = {True: (2.5, 10.0), False: (1.5, 6.0)}  # what is done again and again, by whether it is one of STATES
REST = 0.6  # seconds between two activities of a figure that may not meet


def make_scene(seed: int, split: str, index: int, num_figures: int = 2, long: bool = False) -> Scene:
    """Make up video number `index` of a split: figures, and what they do.

    The scenes of "test-words" are those of "test": the same moments in other words. A long video lasts 4 to 10 minutes
    instead of 34 to 48 seconds; its figures do everything they may, and rest in between.
    """
    if split not in SPLITS:
        raise InputError(f"split {split!r}: Toy-STA has {', '.join(SPLITS)}")
    if num_figures not in (2, 3):
        raise InputError(f"num_figures is {num_figures}: a Toy-STA video has 2 or 3 figures")
    drawn = "test" if split == "test-words" else split
    rng = np.random.default_rng([seed, SPLITS.index(drawn), index, num_figures, *[1] * long])
    figures = _figures(rng, num_figures)
    kept_away = {a for a in ACTIVITIES for f in figures if held_out(*f, a)}
    free = [a for a in rng.permutation(ACTIVITIES).tolist() if a not in kept_away]
    few = None if long else 2
    states = [a for a in free if a in STATES][:few]
    actions = [a for a in free if a not in STATES][:few]
    if split == "test-composition":  # what was held out is what is shown
        states = [a for a in sorted(kept_away) if a in STATES] + states[: few and 1]
        actions = [a for a in sorted(kept_away) if a not in STATES] + actions[: few and 1]
    look = int(rng.integers(2**31))

    def imagine() -> Scene:
        duration = float(rng.integers(480, 1201) if long else rng.integers(68, 97)) / 2
        events: list[Event] = []
        for i, figure in enumerate(figures):
            needed = {a for a in (*states, *actions) if held_out(*figure, a)}
            events += _timeline(rng, i, states, actions, needed, duration, events, long)
        return Scene(f"toy-{drawn}-{index:04d}", split, duration, figures, events, look)

    # Of a few timelines the one of which the most kinds of sentences can be said, of the least expected moments.
    return max((imagine() for _ in range(TIMELINES)), key=fairness)


def _figures(rng: np.random.Generator, count: int) -> list[tuple[str, str]]:
    """Figures of which two may share the colour or the shape, not both: then it takes both words to name one."""
    while True:
        names = [(str(rng.choice(COLOURS)), str(rng.choice(SHAPES))) for _ in range(count)]
        alike = [(a[0] == b[0]) + (a[1] == b[1]) for a, b in combinations(names, 2)]
        # of all pairs 4 in 10 share something by chance; a little more makes it half
        if 2 not in alike and (1 in alike or rng.random() < 0.66):
            return names


def _timeline(
    rng: np.random.Generator,
    figure: int,
    states: list[str],
    actions: list[str],
    needed: set[str],
    duration: float,
    others: list[Event],
    long: bool,
) -> list[Event]:
    """What one figure does: one activity up to four times, the others once or twice, two at once where it can.

    Mostly when the `others`, events of the figures before it, are at rest: were all awake all the time, colour and
    shape would tell nothing of when.

    In tenths of a second, so that text files hold the times exactly.
    """
    while True:
        events: list[Event] = []
        repeated = str(rng.choice(actions if rng.random() < 0.65 else states))
        _again(rng, events, figure, repeated, int(rng.choice([2, 3, 4], p=[0.4, 0.3, 0.3])), duration, others)
        if events[-1].end > duration - 0.3:
            continue
        once = [a for a in rng.permutation([*states, *actions]).tolist() if a != repeated]
        for activity in once if long else once[: 1 + int(rng.random() < 0.6)]:
            for _ in range(int(rng.integers(1, 5)) if long else 1 + (rng.random() < 0.15)):
                _place(rng, events, figure, activity, duration, others, stretch=3.0 if long else 1.0)
        if len(events) >= 3 and needed <= {e.activity for e in events}:
            return sorted(events, key=lambda e: e.start)


def _length(rng: np.random.Generator, low: float, high: float) -> int:
    """Tenths of a second."""
    return round(10 * float(np.exp(rng.uniform(np.log(low), np.log(high)))))


def _again(
    rng: np.random.Generator,
    events: list[Event],
    figure: int,
    activity: str,
    times: int,
    duration: float,
    others: list[Event],
) -> None:
    """An activity some times in a row, with short breaks, anywhere in the video: so "first" is not "early"."""
    lengths = [_length(rng, *AGAIN[activity in STATES]) for _ in range(times)]
    breaks = [int(rng.integers(8, 35)) for _ in range(times - 1)]
    last = round(10 * duration) - sum(lengths) - sum(breaks) - 3

    def at(clock: int) -> list[Event]:
        row = []
        for length, rest in zip(lengths, [*breaks, 0], strict=True):
            row.append(Event(figure, activity, clock / 10, (clock + length) / 10))
            clock += length + rest
        return row

    # four of the longest last 40 s: `_timeline` then tries again
    events += _apart([at(int(rng.integers(3, max(last, 4)))) for _ in range(TRIES)], others)


def _place(
    rng: np.random.Generator,
    events: list[Event],
    figure: int,
    activity: str,
    duration: float,
    others: list[Event],
    stretch: float,
) -> None:
    """Put an activity where the figure is free for it; left out if there is no room."""
    shortest, longest = LENGTHS[activity]
    found = []
    for _ in range(30):
        length = _length(rng, shortest, stretch * longest)
        start = int(rng.integers(3, max(round(10 * duration) - length - 3, 4)))
        event = Event(figure, activity, start / 10, (start + length) / 10)
        if event.end <= duration - 0.3 and all(_together(event, other) for other in events):
            found.append([event])
            if len(found) == TRIES:
                break
    if found:
        events += _apart(found, others)


def _apart(rows: list[list[Event]], others: list[Event]) -> list[Event]:
    """Of a few rows of events the one that meets the smallest share of the others' time."""

    def met(row: list[Event]) -> float:
        shared = sum(max(0.0, min(a.end, b.end) - max(a.start, b.start)) for a in row for b in others)
        return shared / sum(a.end - a.start for a in row)

    return min(rows, key=met)


def _together(a: Event, b: Event) -> bool:
    """Whether one figure can do both: apart in time, or something that lasts and something else, with free hands."""
    if a.start >= b.end + REST or b.start >= a.end + REST:
        return True
    one_lasts = (a.activity in STATES) != (b.activity in STATES)
    return one_lasts and not (a.activity in HANDS and b.activity in HANDS)


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
        doing = [_at_once(rng, figure) for figure in figures]
        for figure, activities in zip(figures, doing, strict=True):
            if activities:  # who sleeps is pale, and has no colour to name
                labels[i, [CONCEPTS.index(name) for name in (*figure, *activities)]] = 1
        frame = concept_frame(rng, ground, figures, doing, num_figures)
        frames[i] = np.asarray(Image.fromarray(frame).reduce(step))
    return frames, labels


def _at_once(rng: np.random.Generator, figure: tuple[str, str]) -> tuple[str, ...]:
    """What a figure of a single frame does: nothing, one activity, or two that go together."""
    allowed = [a for a in rng.permutation(ACTIVITIES).tolist() if not held_out(*figure, a)]
    first = allowed[0]
    second = [a for a in allowed[1:] if _together(Event(0, first, 0, 1), Event(0, a, 0, 1))]
    draw = rng.random()
    return () if draw < 0.15 else (first,) if draw < 0.6 or not second else (first, second[0])
