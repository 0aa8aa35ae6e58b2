"""The world of Toy-STA: its names, what a scene is, and what can truly be said of it.

A sentence is first a `Form`, which picks exactly one span of time of a scene; `captions` puts it into words. Nothing
here draws: `scenes` makes the scenes up and `drawing` shows them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

COLOURS = ("red", "blue", "green", "yellow")
SHAPES = ("circle", "square", "triangle", "star")
ACTIVITIES = ("flag", "hat", "umbrella", "balloon", "book", "drum", "jump", "spin")
STATES = ("flag", "hat", "umbrella", "balloon")  # they last, and something else may be done meanwhile
HANDS = ("flag", "umbrella", "balloon", "book", "drum")  # nobody does two of these at once
CONCEPTS = COLOURS + SHAPES + ACTIVITIES
SPLITS = ("train", "val", "test", "test-composition", "test-words")
ORDINALS = ("first", "second", "third", "fourth", "last")
RELATIONS = ("before", "after", "then", "while", "until")
PAIRS = ("sequence", "while", "until")  # the kinds of sentences whose moment two events make
KINDS = ("attribute", "temporal", "ordinal", "both", *PAIRS)


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
    """Whether this composition is held out for "test-composition": one activity for each of the 16 figures.

    Each activity is held out from two figures, which share neither colour nor shape.
    """
    held = (3 * COLOURS.index(colour) + 2 * SHAPES.index(shape)) % len(ACTIVITIES)
    return activity == ACTIVITIES[held]


# What can be said ---------------------------------------------------------------------------------------------

LONGEST_WAIT = 5.0  # seconds between the two events of a sequence, at most
SHORTEST = 2.0  # seconds that a moment lasts, at least, that two events make together


@dataclass(frozen=True)
class Form:
    """What a sentence says, before it is put into words, and the moment that it picks."""

    kind: str  # one of KINDS
    event: Event
    start: float  # seconds
    end: float
    relation: str = ""  # to the other event: before, after, then, while or until
    other: Event | None = None
    ordinal: str = ""


def forms_of(scene: Scene) -> list[Form]:
    """Everything that the grammar can say of a scene and that picks exactly one moment.

    attribute: the figure does the activity once. ordinal: first to fourth or last of all times. temporal: the figure
    does it again and again, once of these after (it starts when the other event has ended) or before (it has ended
    when the other starts) an event that another figure has once. both: the ordinal counts only the times after or
    before the other event, and without the relation it would be another one. sequence: a figure does one thing and
    then another; the moment holds both, and no other two of its events follow one another like this. while: the time
    that the events of two figures share; no other two of them meet. until: from the start of the figure's event to
    the start of another figure's, which comes while the first still lasts; no other two of them meet so.
    """
    groups: dict[tuple[int, str], list[Event]] = {}
    for event in sorted(scene.events, key=lambda e: e.start):
        groups.setdefault((event.figure, event.activity), []).append(event)
    return [*_single(groups), *_pairs(groups)]


Groups = dict[tuple[int, str], list[Event]]  # the events of each figure and activity, in order of time


def _single(groups: Groups) -> Iterator[Form]:
    """The kinds whose moment is one event."""
    unique = [events[0] for events in groups.values() if len(events) == 1]
    for (figure, _), events in groups.items():
        if len(events) == 1:
            yield _of("attribute", events[0])
            continue
        plain = _ordinals(events)
        for ordinal, event in plain.items():
            yield _of("ordinal", event, ordinal=ordinal)
        for other in (o for o in unique if o.figure != figure):
            after = [e for e in events if e.start >= other.end]
            before = [e for e in events if e.end <= other.start]
            for relation, related in (("after", after), ("before", before)):
                if len(related) == 1:
                    yield _of("temporal", related[0], relation, other)
                for ordinal, event in _ordinals(related).items():
                    if plain[ordinal] != event:  # else the relation would add nothing
                        yield _of("both", event, relation, other, ordinal)


def _of(kind: str, event: Event, relation: str = "", other: Event | None = None, ordinal: str = "") -> Form:
    return Form(kind, event, event.start, event.end, relation, other, ordinal)


def _ordinals(events: list[Event]) -> dict[str, Event]:
    """The ordinals that make sense among these events, in order of time."""
    if len(events) < 2:
        return {}
    return {**dict(zip(ORDINALS[:-1], events, strict=False)), ORDINALS[-1]: events[-1]}


def _pairs(groups: Groups) -> Iterator[Form]:
    """The kinds whose moment two events make together."""
    for (figure, activity), firsts in groups.items():
        for (other_figure, other_activity), seconds in groups.items():
            if figure == other_figure and activity != other_activity:
                for a, b in _only(firsts, seconds, _follows(firsts, seconds)):
                    if b.start - a.end <= LONGEST_WAIT:
                        yield Form("sequence", a, a.start, b.end, "then", b)
            elif figure != other_figure:
                for a, b in _only(firsts, seconds, lambda a, b: a.start < b.end and b.start < a.end):
                    start, end = max(a.start, b.start), min(a.end, b.end)
                    # what the first event alone is, the words "while …" would add nothing to
                    if end - start >= SHORTEST and ((a.start, a.end) != (start, end) or len(firsts) > 1):
                        yield Form("while", a, start, end, "while", b)
                for a, b in _only(firsts, seconds, lambda a, b: a.start < b.start < a.end):
                    if b.start - a.start >= SHORTEST:
                        yield Form("until", a, a.start, b.start, "until", b)


def _only(
    firsts: Sequence[Event], seconds: Sequence[Event], related: Callable[[Event, Event], bool]
) -> list[tuple[Event, Event]]:
    """The pair of events that are related, in a list; an empty one where there are several, or none."""
    found = [(a, b) for a in firsts for b in seconds if related(a, b)]
    return found if len(found) == 1 else []


def _follows(firsts: Sequence[Event], seconds: Sequence[Event]) -> Callable[[Event, Event], bool]:
    """Whether b begins when a has ended, and neither activity comes again in between."""

    def follows(a: Event, b: Event) -> bool:
        between = [e for e in (*firsts, *seconds) if e not in (a, b) and e.end > a.end and e.start < b.start]
        return b.start >= a.end and not between

    return follows
