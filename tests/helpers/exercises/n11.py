"""What the tests know of 11_explore_predictions: a wrong answer to each exercise, and its key numbers."""

import torch

WRONG = {
    "miss": lambda answer, truth: "hit" if answer == truth else "shifted",
    "needed_word": lambda whole, without: max(without, key=without.get),
    "cured": lambda kinds, kind, share: 100 * share * kinds.count(kind) / len(kinds),
}

EXPECTED = {
    "hits": (80.0, 90.0),
    "elsewhere": (8.0, 20.0),
    "R1@0.5 early modulation, another sentence": (0.0, 30.0),  # the sentence counts here …
    "R1@0.5 late guidance, another sentence": (75.0, 90.0),  # … and little here
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
