"""What the tests know of 09_train: a wrong answer to each exercise."""

WRONG = {
    "label": lambda iou, t_min, t_max: (iou - t_min) / (t_max - t_min),
    "choose_epoch": lambda history: min(history, key=lambda entry: entry["loss"])["epoch"],
    "recall_at_1": lambda answers, truths, m: 100.0,
}


def _norm(tensors):
    return sum(float((t**2).sum()) for t in tensors) ** 0.5


def _if_above(norm, factor=lambda limit, norm: limit / norm):
    """Clips by another norm, or with another factor."""
    return lambda g, limit: [t * factor(limit, norm(g)) if norm(g) > limit else t for t in g]


def _in_place(gradients, limit):
    norm = _norm(gradients)
    for t in gradients:
        t.mul_(min(1.0, limit / norm) if norm else 1.0)
    return gradients


WRONG["clip_gradients"] = [
    (lambda g, limit: [t * min(1.0, limit / _norm([t])) if _norm([t]) else t for t in g], "each tensor by itself"),
    (lambda g, limit: [t.clamp(-limit, limit) for t in g], "each number by itself"),
    (lambda g, limit: [t * (limit / _norm(g)) if _norm(g) else t for t in g], "Only scale down"),
    (lambda g, limit: [t / max(1.0, _norm(g)) for t in g], "scales to the norm 1"),
    (lambda g, limit: list(g), "came back as they were"),
    _if_above(lambda g: sum(_norm([t]) for t in g)),  # a sum of norms
    _if_above(lambda g: max(_norm([t]) for t in g)),  # the largest norm
    _if_above(lambda g: sum(float(t.abs().sum()) for t in g)),  # L1
    _if_above(lambda g: _norm(g) ** 2),  # without the root
    _if_above(_norm, lambda limit, norm: norm / limit),  # upside down
    _if_above(_norm, lambda limit, norm: 1 / norm),  # to 1
    lambda g, limit: [t * (limit / _norm(g)) for t in g],  # always, and 0/0
    lambda g, limit: [t.abs() * min(1.0, limit / max(_norm(g), 1e-9)) for t in g],  # without signs
    (_in_place, "work on copies"),
    lambda g, limit: g[0] * min(1.0, limit / max(_norm(g), 1e-9)),  # one tensor
    lambda g, limit: _norm(g),  # what clip_grad_norm_ returns
]
