"""Exercises of 07_late_guidance."""

import math
from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases
from lgn_lite.course.check.parts import norm, scaled


def guide_cell(solution: Callable[[list, list], list]) -> None:
    """guide_cell(features, alpha): one candidate's channels, weighted and divided by their norm (eq. 3)."""
    cases = [
        (([3.0, 4.0], [1.0, 1.0]), [0.6, 0.8], "With α = 1 only the norm is left: 3² + 4² = 5²."),
        (([1.0, 2.0], [3.0, 2.0]), [0.6, 0.8], "Weight each channel by its own α before you take the norm."),
        (([3.0, 4.0], [-10.0, 10.0]), [-0.6, 0.8], "A negative α negates its channel; the norm is never negative."),
        (([5.0, 0.0, 2.0], [0.0, 7.0, 1.0]), [0.0, 0.0, 1.0], "A channel with α = 0 is shut."),
        (([0.0, 0.0], [1.0, 2.0]), [0.0, 0.0], "Zeros stay zeros: guard against a division by zero."),
    ]

    def product(f: list, a: list) -> list:
        return [x * y for x, y in zip(f, a, strict=True)]

    mistakes = [
        (lambda f, a: product(f, a), "The weighted channels are then divided by their norm."),
        (
            lambda f, a: scaled(x := product(f, a), norm(x) / len(x) ** 0.5),
            "The norm is 1 afterwards: √C is the scale rms.",
        ),
        (lambda f, a: scaled(x := product(f, a), norm(x) + 1e-3), "The norm is 1 afterwards: guard against 0 alone."),
        (
            lambda f, a: scaled(x := [p + q for p, q in zip(f, a, strict=True)], norm(x)),
            "α multiplies; it is not added.",
        ),
        (
            lambda f, a: product(f, scaled(e := [math.exp(x) for x in a], sum(e))),
            "α is used as it is: no softmax or sigmoid bounds it, and the norm is taken of the weighted channels.",
        ),
        (
            lambda f, a: scaled(x := product(f, [math.exp(v) for v in a]), norm(x)),
            "α is used as it is: no softmax or sigmoid bounds it.",
        ),
    ]
    right = "This is one row of LateGuidance(norm='cell', scale='unit')."
    try_cases("guide_cell", solution, cases, right, mistakes=mistakes)


def same_guidance(solution: Callable[[list, list, str], bool]) -> None:
    """same_guidance(alpha, other, norm): whether two attentions without zeros guide every map alike."""
    cases = [
        (([1.0, 2.0], [1.0, 2.0], "cell"), True, "Equal attentions guide alike under any norm."),
        (([1.0, 2.0], [7.0, 0.5], "map"), True, "By its own norm, a channel keeps the sign of α_i alone."),
        (([1.0, 2.0], [-1.0, 2.0], "map"), False, "The sign survives: channel 0 is negated."),
        (([1.0, 2.0], [10.0, 20.0], "cell"), True, "A row shares the factor 10, so it cancels."),
        (([1.0, 2.0], [10.0, 2.0], "cell"), False, "Over a cell's channels the ratios survive: 1 : 2 is not 5 : 1."),
        (([1.0, 2.0], [-1.0, -2.0], "cell"), False, "The common factor is −1: all channels are negated."),
        (([1.0, 2.0], [10.0, 20.0], "none"), False, "Without a norm nothing cancels."),
        (([1.0, 2.0], [2.0, 1.0], "none"), False, "Without a norm each channel keeps its own α: the order matters."),
        (([1.0, 2.0], [1.0, -2.0], "map"), False, "The sign of every channel counts, not only of the first."),
        (
            ([1.0, 2.0, 3.0], [2.0, 4.0, 9.0], "cell"),
            False,
            "The ratio of every channel counts, not only of the first two.",
        ),
        (
            ([0.1, 0.3], [0.3, 0.9], "cell"),
            True,
            "Ratios are rounded numbers: 0.3 / 0.1 and 0.9 / 0.3 differ in the last digit.",
        ),
    ]
    try_cases("same_guidance", solution, cases, "Only 'none' keeps all of α; 'map' keeps nothing but signs.")


def entry_size(solution: Callable[[int, str], float]) -> None:
    """entry_size(channels, scale): root mean square of a candidate's channels after a guidance module."""
    cases = [
        ((4, "unit"), 0.5, "Four squares sum up to 1, so their mean is 1/4, and its root 1/2."),
        ((64, "unit"), 0.125, "1/√C: the more channels, the smaller each of them."),
        ((64, "rms"), 1.0, "The scale rms multiplies by √C, which undoes it."),
        ((512, "unit"), 512**-0.5, "1/√C holds for the paper's 512 channels too."),
    ]
    mistakes = [
        (lambda c, scale: 1.0 if scale == "unit" else c**-0.5, "It is the other way round: rms has the size 1."),
        (lambda c, scale: round(c**-0.5, 2) if scale == "unit" else 1.0, "Return the number itself, not rounded."),
    ]
    right = "In the paper's model the next layer starts from 0.044."
    try_cases("entry_size", solution, cases, right, mistakes=mistakes)


def control_gaps(solution: Callable[[Callable, Callable, list], list]) -> None:
    """control_gaps(train, score, seeds): what the sentence adds to late guidance, in points, one number per seed."""

    def train(variant: str, seed: int, **model: str) -> tuple:
        """Nothing is trained here; what would have been is noted."""
        if variant not in ("baseline", "early", "late", "full"):
            raise ValueError(f"no variant {variant!r}")
        if unknown := set(model) - {"guidance_by"}:
            raise ValueError(f"unknown setting {min(unknown)!r}")
        if (by := model.get("guidance_by", "sentence")) not in ("sentence", "nothing"):
            raise ValueError(f"guidance_by={by!r}, but it is 'sentence' or 'nothing'")
        return variant, seed, by

    def score(trained: tuple) -> float:
        variant, seed, by = trained
        luck = {0: 0.0, 1: 6.0, 2: -2.5}.get(seed, 1.0)  # shared by all that is trained from one seed
        start = {"baseline": 60.0, "early": 74.0, "late": 66.0, "full": 78.0}[variant]
        guided = variant in ("late", "full") and by == "nothing"
        return start + luck - ({0: 1.5, 1: 4.0, 2: -0.5}.get(seed, 2.0) if guided else 0.0)

    def gaps(control_seed: Callable) -> Callable:
        return lambda train, score, seeds: [
            score(train("late", seed)) - score(train("late", control_seed(seed, seeds), guidance_by="nothing"))
            for seed in seeds
        ]

    cases = [
        ((train, score, [0]), [1.5], "Both are `late`, of one seed; only guidance_by differs."),
        ((train, score, [0, 1]), [1.5, 4.0], "One difference per seed, in the order of the seeds."),
        ((train, score, [2]), [-0.5], "The sentence may also cost something: keep the sign."),
        ((train, score, [1, 5, 0]), [4.0, 2.0, 1.5], "Every seed trains both, so that its luck cancels."),
    ]
    mistakes = [
        (
            lambda train, score, seeds: [score(train("late", s)) - score(train("baseline", s)) for s in seeds],
            "The baseline is another model: it differs in the norm as well. The control is `late` with "
            "guidance_by='nothing'.",
        ),
        (
            lambda train, score, seeds: [score(train("late", s)) - score(train("late", s)) for s in seeds],
            "Both were trained with the sentence: the control needs guidance_by='nothing'.",
        ),
        (
            lambda train, score, seeds: [
                score(train("late", s, guidance_by="nothing")) - score(train("late", s)) for s in seeds
            ],
            "The sign is the other way round: with the sentence minus without it.",
        ),
    ]
    luck = "Both models of a difference are of one seed, the same: what the seed alone does then cancels."
    mistakes += [
        (gaps(lambda seed, seeds: 0), luck),
        (gaps(lambda seed, seeds: seeds[0]), luck),
        (gaps(lambda seed, seeds: seed + 1), luck),
        (lambda *given: sorted(gaps(lambda seed, seeds: seed)(*given)), "Keep the order of the seeds: do not sort."),
        (
            lambda train, score, seeds: [score(train("late", s)) for s in seeds],
            "That is a score: return it minus the control's.",
        ),
    ]
    try_cases("control_gaps", solution, cases, "Now give it the real `train` and `score`.", mistakes=mistakes)
