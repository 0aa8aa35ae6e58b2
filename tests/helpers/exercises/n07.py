"""What the tests know of 07_late_guidance: wrong answers to each exercise, their messages, and its key numbers."""

import math

from torch import nn
from torch.nn.functional import normalize

from lgn_lite.course.check.parts import norm, scaled


def _weighted(features, alpha):
    return [a * x for a, x in zip(alpha, features, strict=True)]


def _in_place(features, alpha):
    for i, a in enumerate(alpha):
        features[i] *= a
    return scaled(features, norm(features))


def _ratios(alpha, other):
    return [b / a for a, b in zip(alpha, other, strict=True)]


def _alike(alpha, other, norm, map_=None, cell=None, none=None):
    """The right answer with one of its three rules replaced."""
    ratios = _ratios(alpha, other)
    if norm == "map":
        return map_(alpha, other) if map_ else all(ratio > 0 for ratio in ratios)
    if norm == "cell":
        return cell(alpha, other) if cell else ratios[0] > 0 and max(ratios) - min(ratios) < 1e-9
    return none(alpha, other) if none else alpha == other


def _same(**rules):
    return lambda alpha, other, norm: _alike(alpha, other, norm, **rules)


def _equal(alpha, other):
    return alpha == other


def _same_signs(alpha, other):
    return all(a * b > 0 for a, b in zip(alpha, other, strict=True))


def _gaps(first, second):
    """What `first` scores minus what `second` scores, for each seed; each trains in its own way."""
    return lambda train, score, seeds: [
        score(first(train, seed, seeds)) - score(second(train, seed, seeds)) for seed in seeds
    ]


def _late(train, seed, seeds):
    return train("late", seed)


def _control(train, seed, seeds):
    return train("late", seed, guidance_by="nothing")


def _mean_gap(train, score, seeds):
    gaps = _gaps(_late, _control)(train, score, seeds)
    return sum(gaps) / len(gaps)


WRONG = {
    "guide_cell": [
        (_weighted, "norm"),
        (lambda features, alpha: scaled(features, norm(features)), "its own α"),
        (lambda features, alpha: _weighted(scaled(features, norm(features)), alpha), "before you take the norm"),
        (lambda features, alpha: scaled(_weighted(features, alpha), norm(features)), "before you take the norm"),
        (lambda features, alpha: scaled(x := _weighted(features, alpha), sum(x)), "3² + 4² = 5²"),
        (lambda features, alpha: scaled(x := _weighted(features, alpha), sum(map(abs, x))), "3² + 4² = 5²"),
        (lambda features, alpha: scaled(x := _weighted(features, alpha), max(map(abs, x))), "3² + 4² = 5²"),
        (lambda features, alpha: scaled(x := _weighted(features, alpha), norm(x) ** 2), "3² + 4² = 5²"),
        (
            lambda features, alpha: list(map(abs, scaled(x := _weighted(features, alpha), norm(x)))),
            "negates its channel",
        ),
        (
            lambda features, alpha: scaled(x := _weighted(features, [abs(a) for a in alpha]), norm(x)),
            "negates its channel",
        ),
        (
            lambda features, alpha: [x / norm(_weighted(features, alpha)) for x in _weighted(features, alpha)],
            "ZeroDivisionError",
        ),
        (lambda features, alpha: scaled(x := _weighted(features, alpha), norm(x) / len(x) ** 0.5), "norm is 1"),
        (
            lambda features, alpha: scaled(x := [a + f for a, f in zip(alpha, features, strict=True)], norm(x)),
            "not added",
        ),
        (lambda features, alpha: _weighted(features, scaled(e := [math.exp(a) for a in alpha], sum(e))), "no softmax"),
        (lambda features, alpha: scaled(x := _weighted(features, alpha), norm(x) + 1e-3), "norm is 1"),
        (_in_place, "without a change of its arguments"),
    ],
    "same_guidance": [
        (lambda alpha, other, norm: alpha == other, "the sign of α_i alone"),
        (lambda alpha, other, norm: _same_signs(alpha, other), "the ratios survive"),
        (_same(map_=_equal), "the sign of α_i alone"),
        (_same(map_=lambda a, b: True), "The sign survives"),
        (_same(map_=lambda a, b: max(r := _ratios(a, b)) - min(r) < 1e-9), "the sign of α_i alone"),
        (_same(cell=_equal), "so it cancels"),
        (_same(cell=lambda a, b: True), "the ratios survive"),
        (_same(cell=lambda a, b: max(r := _ratios(a, b)) - min(r) < 1e-9), "The common factor is −1"),
        (_same(cell=_same_signs), "the ratios survive"),
        (_same(none=_same_signs), "Without a norm nothing cancels"),
        (_same(none=lambda a, b: _alike(a, b, "cell")), "Without a norm nothing cancels"),
        (_same(map_=lambda a, b: _alike(a, b, "cell"), cell=_same_signs), "the sign of α_i alone"),
        (_same(map_=lambda a, b: a[0] * b[0] > 0), "every channel"),
        (_same(cell=lambda a, b: abs(_ratios(a, b)[0] - _ratios(a, b)[1]) < 1e-9 and a[0] * b[0] > 0), "every channel"),
        (
            lambda alpha, other, norm: sorted(alpha) == sorted(other) if norm == "none" else _alike(alpha, other, norm),
            "Without a norm",
        ),
    ],
    "entry_size": [
        (lambda channels, scale: 1 / channels if scale == "unit" else 1.0, "its root 1/2"),
        (lambda channels, scale: 1.0, "its root 1/2"),
        (lambda channels, scale: channels**-0.5, "undoes it"),
        (lambda channels, scale: channels**0.5 if scale == "rms" else channels**-0.5, "undoes it"),
        (lambda channels, scale: channels**0.5 if scale == "unit" else 1.0, "its root 1/2"),
        (lambda channels, scale: 1.0 if scale == "unit" else channels**-0.5, "the other way round"),
        (lambda channels, scale: 0.5 if scale == "unit" else 1.0, "the more channels"),
        (lambda channels, scale: 1 / math.log2(channels) if scale == "unit" else 1.0, "the more channels"),
        (lambda channels, scale: channels**-2 if scale == "unit" else 1.0, "its root 1/2"),
        (lambda channels, scale: round(channels**-0.5, 2) if scale == "unit" else 1.0, "not rounded"),
        (lambda channels, scale: channels**-0.5 if scale == "unit" else channels, "undoes it"),
        (lambda channels, scale: channels**-0.5 if scale == "unit" else None, "None"),
        (lambda channels, scale: 1 if scale == "rms" else 1 // channels**0.5, "its root 1/2"),
    ],
    "control_gaps": [
        (_gaps(_late, lambda train, seed, seeds: train("baseline", seed)), "The control is `late`"),
        (_gaps(_late, lambda train, seed, seeds: train("early", seed)), "Both are `late`"),
        (_gaps(_late, lambda train, seed, seeds: train("full", seed, guidance_by="nothing")), "Both are `late`"),
        (_gaps(_late, _late), "the control needs guidance_by='nothing'"),
        (_gaps(_control, _late), "the other way round"),
        (_gaps(_late, lambda train, seed, seeds: train("late", 0, guidance_by="nothing")), "one seed"),
        (_gaps(_late, lambda train, seed, seeds: train("late", seeds[0], guidance_by="nothing")), "one seed"),
        (_gaps(_late, lambda train, seed, seeds: train("late", seed + 1, guidance_by="nothing")), "one seed"),
        (_gaps(_late, lambda train, seed, seeds: train("late", seed, guidance_by="none")), "ValueError"),
        (_gaps(_late, lambda train, seed, seeds: train("late", seed, guidance=0)), "ValueError"),
        (
            lambda train, score, seeds: [abs(gap) for gap in _gaps(_late, _control)(train, score, seeds)],
            "keep the sign",
        ),
        (lambda train, score, seeds: sorted(_gaps(_late, _control)(train, score, seeds)), "order of the seeds"),
        (_mean_gap, "the answer has 1 entry"),
        (lambda train, score, seeds: [score(_late(train, s, seeds)) for s in seeds], "minus the control's"),
        (lambda train, score, seeds: [_mean_gap(train, score, seeds)] * len(seeds), "One difference per seed"),
    ],
}

EXPECTED = {  # of the committed run: size small, profile cpu, seed 0
    "gradient_map": (0.0, 2e-5),
    "gradient_cell": (0.05, 5.0),
    "logits_rms_over_unit": (5.6, 5.7),
    "loss_one_score": (0.15, 0.17),
    "loss_one_score_each": (0.14, 0.16),
    "loss_unit": (0.21, 0.32),
    "loss_unit_boosted": (0.13, 0.17),
    "loss_unit_rate": (0.13, 0.2),
    "loss_rms": (0.13, 0.17),
    "R1@0.5 LGN, its own α": (52.0, 75.0),
    "R1@0.5 LGN, ten times α": (52.0, 75.0),
    "R1@0.5 LGN, the mean α": (50.0, 75.0),
    "R1@0.5 LGN, all ones": (0.0, 30.0),
    "R1@0.5 + late, its own α": (35.0, 60.0),
    "R1@0.5 + late, the mean α": (33.0, 60.0),
}


def guidance(divided, weighted=lambda x, alpha: alpha[:, None] * x, terms=lambda x, axis: x.shape[axis], none=None):
    """A class that is right but for what is given: how it divides, weights, counts terms, does without a norm."""

    class MyLateGuidance(nn.Module):
        def __init__(self, norm, scale):
            super().__init__()
            self.norm, self.scale = norm, scale

        def forward(self, x, alpha):
            w = weighted(x, alpha)
            if self.norm == "none":
                return none(w, self.scale) if none else w
            axis = 2 if self.norm == "cell" else 1
            return divided(w, axis) * (terms(x, axis) ** 0.5 if self.scale == "rms" else 1)

    return MyLateGuidance


def right(w, axis):
    return normalize(w, dim=axis)


WRONG["late_guidance"] = [
    (guidance(lambda w, axis: normalize(w, dim=3 - axis)), "the last axis"),
    (guidance(lambda w, axis: normalize(w, dim=2)), "the middle axis"),
    (guidance(lambda w, axis: w / w.norm(dim=axis, keepdim=True).detach()), "no detach"),
    (guidance(lambda w, axis: w / w.norm(dim=axis, keepdim=True)), "A row of zeros stays zeros"),
    (guidance(lambda w, axis: w / w.abs().sum(axis, keepdim=True)), "L1 norm"),
    (guidance(lambda w, axis: w / w.square().sum(axis, keepdim=True)), "root of the sum"),
    (guidance(lambda w, axis: w / w.square().sum(axis, keepdim=True).sqrt().clamp(min=1e-12)), "row of zeros"),
    (guidance(lambda w, axis: normalize(w, dim=(1, 2))), "not one for all"),
    (guidance(lambda w, axis: w / w.norm()), "the last axis"),
    (guidance(right, weighted=lambda x, alpha: x), "α of each channel"),
    (guidance(right, weighted=lambda x, alpha: alpha.abs()[:, None] * x), "α of each channel"),
    (guidance(right, weighted=lambda x, alpha: alpha.softmax(1)[:, None] * x), "α of each channel"),
    (guidance(right, weighted=lambda x, alpha: alpha * x), ""),
    (guidance(right, weighted=lambda x, alpha: alpha[:1, None] * x), "α of its own"),
    (guidance(right, terms=lambda x, axis: x.shape[2]), "there are P"),
    (guidance(right, terms=lambda x, axis: x.shape[axis] ** 2), "root of the number of terms"),
    (guidance(right, none=lambda w, scale: w * (w.shape[2] ** 0.5 if scale == "rms" else 1)), "does nothing"),
    (guidance(right, none=lambda w, scale: normalize(w, dim=2)), "Without a norm"),
    (guidance(right, weighted=lambda x, alpha: x.mul_(alpha[:, None])), "changing an input"),
    (guidance(lambda w, axis: right(w, axis).detach()), "differentiable"),
    (guidance(lambda w, axis: normalize(w, dim=axis)[0]), ""),
]
