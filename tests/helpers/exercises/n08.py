"""What the tests know of 08_loss_and_metrics: a wrong answer to each exercise, and what came out."""


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

# Of size small, profile cpu, seed 0. The ties depend on the drawn data alone.
EXPECTED = {
    "exact_half": (80, 80),
    "paper_length": (1.5, 1.9),
    "course_length": (1.0, 1.3),
    "r1": (75, 95),
    "gain": (5, 40),
}
