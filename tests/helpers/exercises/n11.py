"""What the tests know of 11_explore_predictions: wrong answers with their messages, and its key numbers."""

import torch


def _shared(a, b):
    return max(0, min(a[1], b[1]) - max(a[0], b[0]))


def _iou(a, b):
    return _shared(a, b) / (a[1] - a[0] + b[1] - b[0] - _shared(a, b))


def _place(
    hit=lambda p, t: _iou(p, t) > 0.5,
    elsewhere=lambda p, t: _shared(p, t) == 0,
    long=lambda p, t: p[0] <= t[0] and t[1] <= p[1],
    short=lambda p, t: t[0] <= p[0] and p[1] <= t[1],
    order="hels",
    names=None,
):
    questions = {"h": (hit, "hit"), "e": (elsewhere, "elsewhere"), "l": (long, "too long"), "s": (short, "too short")}

    def solution(prediction, truth):
        found = next((name for q, name in (questions[letter] for letter in order) if q(prediction, truth)), "shifted")
        return (names or {}).get(found, found)

    return solution


WRONG = {
    "miss": [
        (lambda prediction, truth: "hit" if prediction == truth else "shifted", "one half is no hit"),
        (_place(hit=lambda p, t: _iou(p, t) >= 0.5), "one half is no hit"),
        (_place(hit=lambda p, t: p == t), "A hit need not be exact"),
        (_place(hit=lambda p, t: _shared(p, t) / (t[1] - t[0]) > 0.5), "divides by the union"),
        (_place(hit=lambda p, t: _shared(p, t) / (p[1] - p[0]) > 0.5), "divides by the union"),
        (_place(order="elsh"), "A hit comes before all else"),
        (_place(elsewhere=lambda p, t: p[1] < t[0] or t[1] < p[0]), "they share nothing"),
        (_place(names={"too long": "too short", "too short": "too long"}), "the other way round"),
        (_place(long=lambda p, t: p[1] - p[0] > t[1] - t[0]), "neither holds the other"),
        (_place(short=lambda p, t: p[1] - p[0] < t[1] - t[0]), "neither holds the other"),
        (_place(long=lambda p, t: p[0] < t[0] and t[1] < p[1]), "boundary may be the same"),
        (_place(short=lambda p, t: t[0] < p[0] and p[1] < t[1]), "boundary may be the same"),
        (_place(order="hls"), "they share nothing"),
        (_place(order="he"), "lies wholly in"),
        (lambda prediction, truth: _place()(truth, prediction), "the other way round"),
        (_place(long=lambda p, t: p[0] <= t[0], short=lambda p, t: False), "compare both ends"),
        (_place(names={"too long": "long", "too short": "short"}), "no hit"),
        (lambda prediction, truth: _iou(prediction, truth) > 0.5, "the answer is a string"),
    ],
    "needed_word": [
        (lambda whole, without: max(without, key=without.get), "lowest"),
        (lambda whole, without: min(sorted(without), key=without.get), "not the first in the alphabet"),
        (
            lambda whole, without: sorted(without.items(), key=lambda item: (item[1], item[0]))[0][0],
            "not the first in the alphabet",
        ),
        (
            lambda whole, without: min((score, word) for word, score in without.items())[1],
            "not the first in the alphabet",
        ),
        (lambda whole, without: max(without, key=lambda word: (whole - without[word], word)), "Ties go to the first"),
        (
            lambda whole, without: list(without)[
                max(range(len(without)), key=lambda i: (whole - list(without.values())[i], i))
            ],
            "Ties go to the first",
        ),
        (lambda whole, without: max(without, key=lambda word: abs(whole - without[word])), "Every loss raises"),
        (lambda whole, without: min(without, key=lambda word: abs(whole - without[word])), "lowest"),
        (lambda whole, without: next(word for word in without if without[word] < whole), "lowest"),
        (lambda whole, without: min(without.values()), "the answer is a string"),
        (lambda whole, without: whole - min(without.values()), "the answer is a string"),
        (lambda whole, without: min(without, key=len), "lowest"),
        (lambda whole, without: max(without, key=len), "lowest"),
        (lambda whole, without: next(iter(without)), "lowest"),
        (lambda whole, without: list(without).index(min(without, key=without.get)), "the answer is a string"),
        (
            lambda whole, without: [word for word in without if without[word] == min(without.values())],
            "the answer is a string",
        ),
        (
            lambda whole, without: (min(without, key=without.get), without.clear())[0],
            "without a change of its arguments",
        ),
    ],
    "cured": [
        (lambda kinds, kind, share: 100 * share * kinds.count(kind) / len(kinds), "Hits remain hits"),
        (lambda kinds, kind, share: 100 * (kinds.count("hit") + kinds.count(kind)) / len(kinds), "Half of one mistake"),
        (lambda kinds, kind, share: (kinds.count("hit") + share * kinds.count(kind)) / len(kinds), "in percent"),
        (lambda kinds, kind, share: kinds.count("hit") + share * kinds.count(kind), "in percent"),
        (lambda kinds, kind, share: 100 * kinds.count("hit") / len(kinds), "One more of four"),
        (
            lambda kinds, kind, share: (
                100 * (kinds.count("hit") + share * (len(kinds) - kinds.count("hit"))) / len(kinds)
            ),
            "of this kind",
        ),
        (
            lambda kinds, kind, share: 100 * (kinds.count("hit") + int(share * kinds.count(kind))) / len(kinds),
            "Half of one mistake",
        ),
        (
            lambda kinds, kind, share: 100 * (kinds.count("hit") + share * (kind in kinds)) / len(kinds),
            "all of this kind",
        ),
        (lambda kinds, kind, share: 100 * (kinds.count("hit") + share) / len(kinds), "does not occur"),
        (
            lambda kinds, kind, share: (
                100 * (kinds.count("hit") + share * kinds.count(kind)) / (len(kinds) - kinds.count(kind))
            ),
            "divided by all",
        ),
        (lambda kinds, kind, share: 100 * kinds.count("hit") / len(kinds) + share, "One more of four"),
        (lambda kinds, kind, share: 100 * kinds.count("hit") / len(kinds) + 100 * share, "One more of four"),
        (
            lambda kinds, kind, share: (
                100 * (kinds.count("hit") + share * kinds.count(kind)) / max(1, kinds.count("hit"))
            ),
            "divided by all",
        ),
        (lambda kinds, kind, share: 100 * (1 - share) * kinds.count("hit") / len(kinds), "One more of four"),
        (
            lambda kinds, kind, share: round(100 * (kinds.count("hit") + share * kinds.count(kind)) / len(kinds)),
            "not rounded",
        ),
    ],
}

EXPECTED = {
    "hits": (52.0, 75.0),
    "elsewhere": (15.0, 35.0),
    "R1@0.5 early modulation, another sentence": (0.0, 30.0),  # the sentence counts here …
    "R1@0.5 late guidance, another sentence": (50.0, 75.0),  # … and little here
}


def gradient(of, x, alpha, w):
    """Of a function of α (C,) to one number."""
    leaf = alpha.clone().requires_grad_()
    return torch.autograd.grad(of(leaf, x, w), leaf)[0]


def logit(alpha, x, w):
    return len(alpha) ** 0.5 * (w * alpha * x).sum() / (alpha * x).norm()


WRONG["alpha_gradient"] = [
    (lambda x, alpha, w: w * x, "without the norm"),
    (lambda x, alpha, w: len(alpha) ** 0.5 * w * x / (alpha * x).norm(), "below the line depends on α"),
    (lambda x, alpha, w: gradient(logit, x, alpha, w) / len(alpha) ** 0.5, "√C is missing"),
    (lambda x, alpha, w: gradient(logit, x, alpha, w) * alpha, "gradient times α"),
    (lambda x, alpha, w: -gradient(logit, x, alpha, w), "The sign"),
    (lambda x, alpha, w: gradient(logit, x, alpha, w).abs(), "Keep the sign"),
    (lambda x, alpha, w: gradient(logit, alpha, x, w), "with respect to the features"),
    (lambda x, alpha, w: len(alpha) ** 0.5 * alpha * x / (alpha * x).norm(), "with respect to the weights"),
    (lambda x, alpha, w: gradient(lambda *of: logit(*of).sigmoid(), x, alpha, w), "above and below the line"),
    (lambda x, alpha, w: gradient(lambda a, x, w: len(a) ** 0.5 * (w * a * x / a.norm()).sum(), x, alpha, w), ""),
    (lambda x, alpha, w: logit(alpha, x, w), "one number"),
    (lambda x, alpha, w: gradient(logit, x, alpha, w)[None], "dimension of size 1"),
]
