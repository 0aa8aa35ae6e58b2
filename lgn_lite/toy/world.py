"""The world of Toy-STA: its names, what a scene is, and what can truly be said of it.

A sentence is first a `Form`, which picks exactly one event of a scene, and then words of a small grammar with
paraphrases. Nothing here draws; `toy` makes the scenes up and `toy_draw` shows them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lgn_lite.annotations import Query

COLOURS = ("red", "blue", "green", "yellow")
SHAPES = ("circle", "square", "triangle", "star")
ACTIVITIES = ("flag", "hat", "umbrella", "balloon", "book", "drum", "jump", "spin")
CONCEPTS = COLOURS + SHAPES + ACTIVITIES
SPLITS = ("train", "val", "test", "test-composition")


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


# Captions ---------------------------------------------------------------------------------------------------

ORDINALS = ("first", "second", "third", "last")
# What is listed more than once is said more often.
SUBJECTS = (*["the {c} {s}"] * 3, "the little {c} {s}", "the small {c} {s}", "the {s} in {c}")
VERBS = {
    "flag": ("holds a flag", "waves a flag", "carries a flag", "holds up a flag"),
    "hat": ("wears a hat", "wears a top hat", "has a hat on", "wears a big hat"),
    "umbrella": (
        "holds an umbrella",
        "stands under an umbrella",
        "carries an umbrella",
        "has an umbrella open",
    ),
    "balloon": ("holds a balloon", "carries a balloon", "has a balloon on a string", "holds on to a balloon"),
    "book": ("reads a book", "looks at a book", "studies a book", "holds an open book"),
    "drum": ("beats a drum", "plays the drum", "drums", "bangs on a drum"),
    "jump": ("jumps", "jumps up and down", "hops", "leaps into the air"),
    "spin": ("spins", "spins around", "turns round and round", "twirls"),
}
ATTRIBUTE = ("{x}", "{x}", "{x}", "at some point {x}", "there is a moment when {x}")
TEMPORAL = ("{x} {r} {y}", "{x} {r} {y}", "{r} {y}, {x}", "{r} {y}, {x}", "{x} some time {r} {y}")
ORDINAL = ("{x} for the {o} time", "{x} for the {o} time", "for the {o} time, {x}", "the {o} time that {x}")
BOTH = ("{r} {y}, {x} for the {o} time", "the {o} time that {x} {r} {y}", "{x} for the {o} time {r} {y}")


def _pick(options: Sequence, rng: np.random.Generator):
    return options[int(rng.integers(len(options)))]


def _clause(figure: tuple[str, str], activity: str, rng: np.random.Generator) -> str:
    return f"{_pick(SUBJECTS, rng).format(c=figure[0], s=figure[1])} {_pick(VERBS[activity], rng)}"


@dataclass(frozen=True)
class Form:
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


def forms_of(scene: Scene) -> list[Form]:
    """Everything that the grammar can say of a scene and that picks exactly one event."""
    groups: dict[tuple[int, str], list[Event]] = {}
    for event in sorted(scene.events, key=lambda e: e.start):
        groups.setdefault((event.figure, event.activity), []).append(event)
    unique = [events[0] for events in groups.values() if len(events) == 1]
    forms = []
    for (figure, _), events in groups.items():
        plain = _ordinals(events)
        if len(events) == 1:
            forms.append(Form("attribute", events[0]))
            continue
        forms += [Form("ordinal", event, ordinal=ordinal) for ordinal, event in plain.items()]
        for other in (o for o in unique if o.figure != figure):
            after = [e for e in events if e.start >= other.end]
            before = [e for e in events if e.end <= other.start]
            for relation, related in (("after", after), ("before", before)):
                if len(related) == 1:
                    forms.append(Form("temporal", related[0], relation, other))
                for ordinal, event in _ordinals(related).items():
                    if plain[ordinal] != event:  # else the relation would add nothing
                        forms.append(Form("both", event, relation, other, ordinal))
    return forms


def _words(form: Form, scene: Scene, rng: np.random.Generator) -> str:
    event, other = form.event, form.other
    templates = {"attribute": ATTRIBUTE, "temporal": TEMPORAL, "ordinal": ORDINAL, "both": BOTH}[form.kind]
    sentence = _pick(templates, rng).format(
        x=_clause(scene.figures[event.figure], event.activity, rng),
        y=_clause(scene.figures[other.figure], other.activity, rng) if other else "",
        r=form.relation,
        o=form.ordinal,
    )
    return sentence[0].upper() + sentence[1:] + "."


# Sentences of each kind a video, on average, where its timeline allows them.
QUOTA = {"attribute": 4.8, "temporal": 2.4, "ordinal": 2.5, "both": 1.7}


def _surprise(form: Form, duration: float) -> float:
    """How little the words alone reveal about the position in the video: a log weight of saying it.

    "Last" and "after" point to the end of the video even for a model that never sees it, "first" and "before"
    to its beginning. These are therefore said rather of moments elsewhere; and a little more is said of the middle,
    where all of them can be.
    """
    position = (form.event.start + form.event.end) / 2 / duration - 0.5
    value = -4 * abs(position)
    if (form.relation, form.ordinal) in (("", "first"), ("before", "")):
        value += 14 * position
    elif (form.relation, form.ordinal) in (("after", "first"), ("before", "last")):
        value += 14 * abs(position)
    elif form.kind != "attribute":
        value -= 14 * position
    return value


def _by_kind(scene: Scene) -> dict[str, list[Form]]:
    """What may be said of a scene, by kind: in "test-composition" only held-out compositions."""
    forms = forms_of(scene)
    if scene.split == "test-composition":
        forms = [f for f in forms if held_out(*scene.figures[f.event.figure], f.event.activity)]
    return {kind: [f for f in forms if f.kind == kind] for kind in QUOTA}


def fairness(scene: Scene) -> float:
    """Rank timelines: all kinds of sentences possible first, then the more surprising ones."""
    score = 0.0
    for kind, forms in _by_kind(scene).items():
        best = sorted((_surprise(f, scene.duration) for f in forms), reverse=True)[: round(QUOTA[kind])]
        score += 4 + sum(best) / len(best) if best else 0
    return score


def describe(scene: Scene) -> list[Query]:
    """Sentences about a scene, about ten, each true of exactly one moment.

    kind "attribute": the figure does the activity once. "temporal": it does it again and again, once of these
    after (it starts when the other event has ended) or before (it has ended when the other starts) an event
    that the other figure has once. "ordinal": first, second, third or last of all times. "both": the ordinal
    counts only the times after or before the other event, and without the relation it would be another one.
    """
    rng = np.random.default_rng([scene.look, 11])
    queries: dict[str, Query] = {}
    for kind, forms in _by_kind(scene).items():
        # The same may be said twice, in other words.
        count = min(int(QUOTA[kind] + rng.random()), 2 * len(forms))
        keys = [_surprise(f, scene.duration) + rng.gumbel() for f in forms]  # the largest: a weighted draw
        order = np.argsort(keys)[::-1]
        for form in [forms[i] for i in (*order, *order)][:count]:
            sentence = _words(form, scene, rng)
            queries.setdefault(sentence, _query(form, scene, sentence))
    return list(queries.values())


TAGS = ("kind", "figure", "activity", "relation", "other_figure", "other_activity", "ordinal")


def _query(form: Form, scene: Scene, sentence: str) -> Query:
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
