"""Toy-STA's sentences: the words for what is true of a scene, with paraphrases, and how many of each kind."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from lgn_lite.annotations import Query
from lgn_lite.support.words import find_words
from lgn_lite.toy.world import COLOURS, KINDS, ORDINALS, RELATIONS, SHAPES, Form, Scene, forms_of, held_out


@dataclass(frozen=True)
class Lexicon:
    """The words of a split. What is listed more than once is said more often."""

    subjects: Sequence[str]
    verbs: dict[str, Sequence[str]]
    nouns: dict[str, Sequence[str]]  # other words for colours and shapes

    def clause(self, figure: tuple[str, str], activity: str, rng: np.random.Generator) -> str:
        colour, shape = (_pick(self.nouns.get(name, (name,)), rng) for name in figure)
        return f"{_pick(self.subjects, rng).format(c=colour, s=shape)} {_pick(self.verbs[activity], rng)}"


VERBS = {
    "flag": ("holds a flag", "waves a flag", "carries a flag", "holds up a flag"),
    "hat": ("wears a hat", "wears a top hat", "has a hat on", "wears a big hat"),
    "umbrella": ("holds an umbrella", "stands under an umbrella", "carries an umbrella", "has an umbrella open"),
    "balloon": ("holds a balloon", "carries a balloon", "has a balloon on a string", "holds on to a balloon"),
    "book": ("reads a book", "looks at a book", "studies a book", "holds an open book"),
    "drum": ("beats a drum", "plays the drum", "plays a drum", "bangs on a drum"),
    "jump": ("jumps", "jumps up and down", "hops", "hops up and down"),
    "spin": ("spins", "spins around", "turns round and round", "turns in circles"),
}
SUBJECTS = (*["the {c} {s}"] * 3, "the little {c} {s}", "the small {c} {s}", "the {s} in {c}")
LEXICON = Lexicon(SUBJECTS, VERBS, {})
# Every verb phrase has a word that training never sees, and so have some names of shapes. The colours stay: in GloVe
# red, blue, green and yellow are nearer to each other than crimson is to red (notebook 03 shows it).
NEW_WORDS = Lexicon(
    (*["the {c} {s}"] * 3, "the tiny {c} {s}", "the {s} in {c}"),
    {
        "flag": ("holds a banner", "waves a banner", "carries a banner"),
        "hat": ("wears a helmet", "wears a cap", "has a cap on", "has a helmet on"),
        "umbrella": ("holds a parasol", "carries a parasol", "stands under a parasol", "has a parasol open"),
        "balloon": ("holds a blimp", "carries a blimp", "holds on to an airship"),
        "book": ("reads a magazine", "looks at a novel", "studies a newspaper", "reads a novel"),
        "drum": ("beats a tambourine", "plays the drums", "plays the percussion", "bangs on a tambourine"),
        "jump": ("leaps", "leaps up and down", "bounces", "bounces up and down"),
        "spin": ("twirls", "rotates", "twirls around", "whirls around"),
    },
    {"circle": ("circle", "sphere"), "square": ("square", "rectangle"), "triangle": ("triangle", "pyramid")},
)

TEMPLATES = {
    "attribute": ("{x}", "{x}", "{x}", "at some point {x}", "there is a moment when {x}"),
    "temporal": ("{x} {r} {y}", "{x} {r} {y}", "{r} {y}, {x}", "{r} {y}, {x}", "{x} some time {r} {y}"),
    "ordinal": ("{x} for the {o} time", "{x} for the {o} time", "for the {o} time, {x}", "the {o} time that {x}"),
    "both": ("{r} {y}, {x} for the {o} time", "the {o} time that {x} {r} {y}", "{x} for the {o} time {r} {y}"),
    "sequence": ("{x} and then {v}", "{x} and then {v}", "{x}, then {v}", "first {x}, then it {v}"),
    "while": ("{x} while {y}", "{x} while {y}", "while {y}, {x}", "{x} at the same time as {y}"),
    "until": ("{x} until {y}", "{x} until {y}", "until {y}, {x}", "{x} up to the moment when {y}"),
}
# Sentences of each kind per video of less than a minute, on average, where its timeline allows them
QUOTA = {"attribute": 5.0, "temporal": 1.5, "ordinal": 2.4, "both": 0.6, "sequence": 2.0, "while": 1.2, "until": 1.0}


def every_word() -> list[str]:
    """All words of all sentences that there can be, in alphabetical order."""
    texts = [*chain(*TEMPLATES.values()), *RELATIONS, *ORDINALS, *COLOURS, *SHAPES]
    for lexicon in (LEXICON, NEW_WORDS):
        texts += [*lexicon.subjects, *chain(*lexicon.verbs.values()), *chain(*lexicon.nouns.values())]
    return sorted({word for text in texts for word in find_words(re.sub(r"{.}", " ", text))})


def _pick(options: Sequence, rng: np.random.Generator):
    return options[int(rng.integers(len(options)))]


def _words(form: Form, scene: Scene, lexicon: Lexicon, rng: np.random.Generator) -> str:
    event, other = form.event, form.other
    sentence = _pick(TEMPLATES[form.kind], rng).format(
        x=lexicon.clause(scene.figures[event.figure], event.activity, rng),
        y=lexicon.clause(scene.figures[other.figure], other.activity, rng) if other else "",
        v=_pick(lexicon.verbs[other.activity], rng) if other else "",
        r=form.relation,
        o=form.ordinal,
    )
    return sentence[0].upper() + sentence[1:] + "."


def _surprise(form: Form, duration: float) -> float:
    """How little the words alone reveal of the moment's position in the video: a log weight of saying it.

    "After" points to the end of the video even for a model that never sees it, "before" and "until" to its
    beginning: they are said rather of moments elsewhere. A sequence is long, and a long moment is often in the middle:
    short ones are preferred.
    """
    position = (form.start + form.end) / 2 / duration - 0.5  # of the middle of the video
    if form.kind == "sequence":
        return -15 * (form.end - form.start) / duration
    return {"before": 8.0, "after": -8.0, "until": 4.0}.get(form.relation, 0.0) * position


def _by_kind(scene: Scene, rng: np.random.Generator | None = None) -> dict[str, list[Form]]:
    """What may be said of a scene, by kind: in "test-composition" only held-out compositions.

    rng: draws one of the two names of the last of several times, so that each time is as likely to be asked for.
    """
    forms = forms_of(scene)
    if scene.split == "test-composition":
        forms = [f for f in forms if held_out(*scene.figures[f.event.figure], f.event.activity)]
    if rng is not None:
        as_last = {event: rng.random() < 0.5 for event in dict.fromkeys(f.event for f in forms if f.ordinal == "last")}
        forms = [
            f for f in forms
            if f.kind != "ordinal" or f.event not in as_last or as_last[f.event] == (f.ordinal == "last")
        ]  # fmt: skip
    return {kind: [f for f in forms if f.kind == kind] for kind in KINDS}


def _quota(scene: Scene) -> dict[str, float]:
    """A long video gets three times as many sentences."""
    return {kind: count * (3 if scene.duration > 60 else 1) for kind, count in QUOTA.items()}


def fairness(scene: Scene) -> float:
    """Rank timelines: all kinds of sentences possible first, then the more surprising ones."""
    score, quota = 0.0, _quota(scene)
    for kind, forms in _by_kind(scene).items():
        best = sorted((_surprise(f, scene.duration) for f in forms), reverse=True)[: round(quota[kind])]
        score += 4 * min(len(forms) / quota[kind], 1) + sum(best) / len(best) if best else 0
    return score


def describe(scene: Scene) -> list[Query]:
    """Sentences about a scene, about twelve, each true of exactly one moment (`world.forms_of`)."""
    lexicon = NEW_WORDS if scene.split == "test-words" else LEXICON
    rng, wording = np.random.default_rng([scene.look, 11]), np.random.default_rng([scene.look, 12])
    queries: dict[str, Query] = {}
    quota = _quota(scene)
    for kind, forms in _by_kind(scene, rng).items():
        # The same may be said twice, in other words.
        count = min(int(quota[kind] + rng.random()), 2 * len(forms))
        keys = [_surprise(f, scene.duration) + rng.gumbel() for f in forms]  # the largest: a weighted draw
        order = np.argsort(keys)[::-1]
        for form in [forms[i] for i in (*order, *order)][:count]:
            sentence = _words(form, scene, lexicon, wording)
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
    return Query(scene.name, sentence, form.start, form.end, scene.duration, scene.split, tags)
