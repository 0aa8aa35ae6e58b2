"""What the tests know of 08_loss_and_metrics: a wrong answer to each exercise, and what came out."""

from torch.nn import functional as F


def _label_of_the_mean(ious, chances, t_min, t_max):
    mean = sum(chance * iou for chance, iou in zip(chances, ious, strict=True))
    return min(1.0, max(0.0, (mean - t_min) / (t_max - t_min)))


def _iou(a, b):
    shared = max(0.0, min(a[1], b[1]) - max(a[0], b[0]))
    return shared / (a[1] - a[0] + b[1] - b[0] - shared)


def _dropped_answers_drop_too(ranking, threshold):
    return [i for i, a in enumerate(ranking) if all(_iou(a, b) <= threshold for b in ranking[:i])]


def _no_hit_has_weight_too(answer, truth, duration, m):
    return (1 - abs(answer[0] - truth[0]) / duration) * (1 - abs(answer[1] - truth[1]) / duration)


WRONG = {
    "expected_label": _label_of_the_mean,
    "nms_by_hand": _dropped_answers_drop_too,
    "strict_recall": lambda ious, n, m: 100 * sum(any(iou >= m for iou in row[:n]) for row in ious) / len(ious),
    "discounted": _no_hit_has_weight_too,
}

# Of size small, profile cpu, seed 0.
EXPECTED = {
    "touching": (0.3, 1.0),
    "paper_length": (1.5, 1.9),
    "course_length": (1.0, 1.3),
    "r1": (75, 95),
    "gain": (5, 40),
}


def _label(iou, t_min, t_max):
    return ((iou - t_min) / (t_max - t_min)).clamp(0, 1)


def _entropy(logits, label):
    return -(label * F.logsigmoid(logits) + (1 - label) * F.logsigmoid(-logits))


def _from_rounded_scores(logits, iou, t_min, t_max):
    p, y = logits.sigmoid(), _label(iou, t_min, t_max)
    return -(y * p.log() + (1 - y) * (1 - p).log()).mean()


def _clamped_scores(logits, iou, t_min, t_max):
    return F.binary_cross_entropy(logits.sigmoid().clamp(1e-6, 1 - 1e-6), _label(iou, t_min, t_max))


def _without_brackets(logits, iou, t_min, t_max):
    y = _label(iou, t_min, t_max)
    return (-y * F.logsigmoid(logits) + (1 - y) * F.logsigmoid(-logits)).mean()


def _denominator_as_printed(logits, iou, t_min, t_max):
    return _entropy(logits, ((iou - t_min) / (t_max - iou)).clamp(0, 1)).mean()


def _not_above_one_only(logits, iou, t_min, t_max):
    return _entropy(logits, ((iou - t_min) / (t_max - t_min)).clamp(max=1)).mean()


def _sigmoid_twice(logits, iou, t_min, t_max):
    return _entropy(logits.sigmoid(), _label(iou, t_min, t_max)).mean()


WRONG["loss_by_hand"] = [
    _from_rounded_scores,
    _clamped_scores,
    _without_brackets,
    _denominator_as_printed,
    _not_above_one_only,
    _sigmoid_twice,
    lambda x, o, low, high: _entropy(x, (o - low) / (high - low)).mean(),
    lambda x, o, low, high: _entropy(x, o).mean(),
    lambda x, o, low, high: _entropy(x, (o > high).float()).mean(),
    lambda x, o, low, high: _entropy(x, _label(o, low, high)).sum(),
    lambda x, o, low, high: _entropy(x, _label(o, low, high)).sum(dim=1).mean(),
    lambda x, o, low, high: _entropy(x, _label(o, low, high)).mean(dim=1),
    lambda x, o, low, high: _entropy(x, 1 - _label(o, low, high)).mean(),
    lambda x, o, low, high: -_entropy(x, _label(o, low, high)).mean(),
    lambda x, o, low, high: ((x.sigmoid() - _label(o, low, high)) ** 2).mean(),
    lambda x, o, low, high: _entropy(x, _label(o, low, high)).mean().item(),
]
