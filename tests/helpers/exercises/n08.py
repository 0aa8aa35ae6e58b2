"""What the tests know of 08_loss_and_metrics: wrong answers to each exercise, their messages, and what came out."""

from torch.nn import functional as F


def _label_of(iou, t_min, t_max, low=0.0, high=1.0):
    return min(high, max(low, (iou - t_min) / (t_max - t_min)))


def _expected(label=_label_of):
    """The mean, by the chances, of some label."""
    return lambda ious, chances, t_min, t_max: sum(
        c * label(iou, t_min, t_max) for c, iou in zip(chances, ious, strict=True)
    )


def _mean(x):
    return sum(x) / len(x)


def _dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def _shared(a, b):
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0]))


def _iou(a, b):
    return _shared(a, b) / (a[1] - a[0] + b[1] - b[0] - _shared(a, b))


def _nms(removes=lambda iou, t: iou > t, against=lambda kept: kept, overlap=_iou):
    def solution(ranking, threshold):
        kept = []
        for i, span in enumerate(ranking):
            if not any(removes(overlap(span, ranking[j]), threshold) for j in against(kept)):
                kept.append(i)
        return kept

    return solution


def _removed_ones_remove_too(ranking, threshold):
    return [i for i, a in enumerate(ranking) if all(_iou(a, b) <= threshold for b in ranking[:i])]


def _neighbours_in_the_ranking(ranking, threshold):
    return [i for i, a in enumerate(ranking) if not i or _iou(a, ranking[i - 1]) <= threshold]


def _by_time(ranking, threshold):
    order = sorted(range(len(ranking)), key=lambda i: ranking[i])
    return [order[i] for i in _nms()([ranking[i] for i in order], threshold)]


def _pops(ranking, threshold):
    kept, left = [], list(range(len(ranking)))
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [i for i in left if _iou(ranking[i], ranking[best]) <= threshold]
    ranking.clear()
    return kept


def _recall(hit, percent=100):
    return lambda ious, n, m: percent * sum(hit(row, n, m) for row in ious) / len(ious)


def _weight(
    hit=lambda iou, m: iou > m, start=lambda d, duration: 1 - abs(d) / duration, end=None, join=lambda a, b: a * b
):
    def solution(prediction, truth, duration, m):
        if not hit(_iou(prediction, truth), m):
            return 0.0
        return join(start(prediction[0] - truth[0], duration), (end or start)(prediction[1] - truth[1], duration))

    return solution


WRONG = {
    "expected_label": [
        (
            lambda ious, chances, t_min, t_max: _label_of(_dot(chances, ious), t_min, t_max),
            "the label of each IoU first",
        ),
        (lambda ious, chances, t_min, t_max: _label_of(_mean(ious), t_min, t_max), "the label of each IoU first"),
        (
            lambda ious, chances, t_min, t_max: _mean([_label_of(iou, t_min, t_max) for iou in ious]),
            "by its moment's chance",
        ),
        (
            lambda ious, chances, t_min, t_max: sum(_label_of(iou, t_min, t_max) for iou in ious),
            "by its moment's chance",
        ),
        (
            lambda ious, chances, t_min, t_max: max(_label_of(iou, t_min, t_max) for iou in ious),
            "by its moment's chance",
        ),
        (lambda ious, chances, t_min, t_max: _label_of(ious[chances.index(max(chances))], t_min, t_max), "most likely"),
        (_expected(lambda iou, a, b: _label_of(iou, a, b, high=99)), "never more"),
        (_expected(lambda iou, a, b: _label_of(iou, a, b, low=-99)), "never negative"),
        (_expected(lambda iou, a, b: (iou - a) / (b - a)), "never"),
        (_expected(lambda iou, a, b: iou), "belief in one moment"),
        (_expected(lambda iou, a, b: float(iou > a)), "linear between"),
        (_expected(lambda iou, a, b: min(1.0, iou / b)), "subtract t_min"),
        (_expected(lambda iou, a, b: max(0.0, iou - a)), "t_max − t_min"),
        (_expected(lambda iou, a, b: min(1.0, max(0.0, (iou - a) / (b - iou))) if b != iou else 1.0), "t_max − t_min"),
        (
            lambda ious, chances, t_min, t_max: [
                c * _label_of(iou, t_min, t_max) for c, iou in zip(chances, ious, strict=True)
            ],
            "the answer is one number",
        ),
    ],
    "nms_by_hand": [
        (_removed_ones_remove_too, "must not remove"),
        (_nms(against=lambda kept: kept[:1]), "with every survivor, not only with the best"),
        (_nms(against=lambda kept: kept[-1:]), "with every survivor, not only with the last"),
        (_neighbours_in_the_ranking, "with every survivor"),
        (_nms(removes=lambda iou, t: iou >= t), "exactly the threshold survives"),
        (_nms(removes=lambda iou, t: iou < t), "removed"),
        (_nms(removes=lambda iou, t: iou > 0), "A small overlap is allowed"),
        (_nms(removes=lambda iou, t: iou > 0.5), "The threshold is ignored"),
        (_nms(overlap=lambda a, b: _shared(a, b) / min(a[1] - a[0], b[1] - b[0])), "divide by the union"),
        (_nms(overlap=_shared), "divide by the union"),
        (_nms(overlap=lambda a, b: 2 * _shared(a, b) / (a[1] - a[0] + b[1] - b[0])), "divide by the union"),
        (lambda ranking, threshold: [ranking[i] for i in _nms()(ranking, threshold)], "Return the positions"),
        (lambda ranking, threshold: [i + 1 for i in _nms()(ranking, threshold)], "counted from 0"),
        (
            lambda ranking, threshold: [i for i in range(len(ranking)) if i not in _nms()(ranking, threshold)],
            "that survive",
        ),
        (_by_time, "in the order of the ranking"),
        (lambda ranking, threshold: _nms()(ranking, threshold)[:1], "all survive"),
        (lambda ranking, threshold: len(_nms()(ranking, threshold)), "the answer has 3 entries"),
        (_pops, "without a change of its arguments"),
    ],
    "strict_recall": [
        (_recall(lambda row, n, m: any(iou >= m for iou in row[:n])), "strictly"),
        (_recall(lambda row, n, m: any(iou > m for iou in row[:n]), percent=1), "in percent"),
        (lambda ious, n, m: sum(any(iou > m for iou in row[:n]) for row in ious), "in percent"),
        (_recall(lambda row, n, m: any(iou > m for iou in row)), "Only the first n ranks"),
        (_recall(lambda row, n, m: row[0] > m), "any of the top n ranks"),
        (_recall(lambda row, n, m: any(iou > m for iou in row[: n - 1])), "row[:n]"),
        (_recall(lambda row, n, m: any(iou > m for iou in row[: n + 1])), "not among the first two"),
        (_recall(lambda row, n, m: row[min(n, len(row)) - 1] > m), "any of the top n ranks"),
        (_recall(lambda row, n, m: row[n - 1] > m), "any of the top n ranks"),
        (_recall(lambda row, n, m: sum(iou > m for iou in row[:n])), "count once"),
        (_recall(lambda row, n, m: sum(iou > m for iou in row[:n]) / n), "any of the top n ranks"),
        (_recall(lambda row, n, m: all(iou > m for iou in row[:n])), "any of the top n ranks"),
        (_recall(lambda row, n, m: any(iou > 0.5 for iou in row[:n])), "m is ignored"),
        (_recall(lambda row, n, m: max(row[:n])), "not the mean"),
        (
            lambda ious, n, m: (
                100 * sum(iou > m for row in ious for iou in row[:n]) / sum(len(row[:n]) for row in ious)
            ),
            "queries, not of predictions",
        ),
        (
            _recall(lambda row, n, m: any(iou > m for iou in sorted(row, reverse=True)[:n])),
            "in the order of the ranking",
        ),
    ],
    "discounted": [
        (_weight(hit=lambda iou, m: True), "only hits have a weight"),
        (_weight(hit=lambda iou, m: iou >= m), "only hits have a weight"),
        (_weight(start=lambda d, duration: 1.0), "off by"),
        (_weight(start=lambda d, duration: 1 - d / duration), "absolute value"),
        (_weight(start=lambda d, duration: 1 - abs(d)), "fraction of the video"),
        (_weight(start=lambda d, duration: max(0.0, 1 - abs(d) / 6.0)), "fraction of the video"),
        (_weight(join=lambda a, b: (a + b) / 2), "the factors multiply"),
        (_weight(join=min), "the factors multiply"),
        (_weight(join=lambda a, b: a + b - 1), "the factors multiply"),
        (_weight(end=lambda d, duration: 1.0), "The end is off"),
        (_weight(start=lambda d, duration: 1.0, end=lambda d, duration: 1 - abs(d) / duration), "The start is off"),
        (lambda p, t, duration, m: 100 * _weight()(p, t, duration, m), "a number from 0 to 1"),
        (lambda p, t, duration, m: float(_iou(p, t) > m), "off by"),
        (lambda p, t, duration, m: _iou(p, t) if _iou(p, t) > m else 0.0, "off by"),
        (_weight(hit=lambda iou, m: iou > 0.5), "m is ignored"),
        (_weight(start=lambda d, duration: 1 - (d / duration) ** 2), "not its square"),
    ],
}

# Of size small, profile cpu, seed 0.
EXPECTED = {
    "touching": (0.3, 1.0),
    "paper_length": (1.3, 1.9),
    "course_length": (1.0, 1.3),
    "r1": (52, 75),
    "gain": (0, 40),
}


def _tensor_label(iou, t_min, t_max):
    return ((iou - t_min) / (t_max - t_min)).clamp(0, 1)


def _entropy(logits, label):
    return -(label * F.logsigmoid(logits) + (1 - label) * F.logsigmoid(-logits))


def _from_rounded_scores(logits, iou, t_min, t_max):
    p, y = logits.sigmoid(), _tensor_label(iou, t_min, t_max)
    return -(y * p.log() + (1 - y) * (1 - p).log()).mean()


def _clamped_scores(logits, iou, t_min, t_max):
    return F.binary_cross_entropy(logits.sigmoid().clamp(1e-6, 1 - 1e-6), _tensor_label(iou, t_min, t_max))


def _without_brackets(logits, iou, t_min, t_max):
    y = _tensor_label(iou, t_min, t_max)
    return (-y * F.logsigmoid(logits) + (1 - y) * F.logsigmoid(-logits)).mean()


def _denominator_as_printed(logits, iou, t_min, t_max):
    return _entropy(logits, ((iou - t_min) / (t_max - iou)).clamp(0, 1)).mean()


def _not_above_one_only(logits, iou, t_min, t_max):
    return _entropy(logits, ((iou - t_min) / (t_max - t_min)).clamp(max=1)).mean()


def _sigmoid_twice(logits, iou, t_min, t_max):
    return _entropy(logits.sigmoid(), _tensor_label(iou, t_min, t_max)).mean()


WRONG["loss_by_hand"] = [
    (_from_rounded_scores, "logsigmoid"),
    (_clamped_scores, "logsigmoid"),
    _without_brackets,
    _denominator_as_printed,
    _not_above_one_only,
    (_sigmoid_twice, "takes the sigmoid itself"),
    (lambda x, o, low, high: _entropy(x, (o - low) / (high - low)).mean(), "Below t_min"),
    (lambda x, o, low, high: _entropy(x, o).mean(), "not the IoU"),
    lambda x, o, low, high: _entropy(x, (o > high).float()).mean(),
    (lambda x, o, low, high: _entropy(x, _tensor_label(o, low, high)).sum(), "not the sum"),
    (lambda x, o, low, high: _entropy(x, _tensor_label(o, low, high)).sum(dim=1).mean(), "those of a query"),
    (lambda x, o, low, high: _entropy(x, _tensor_label(o, low, high)).mean(dim=1), "one number"),
    (lambda x, o, low, high: _entropy(x, 1 - _tensor_label(o, low, high)).mean(), "The label is high"),
    (lambda x, o, low, high: -_entropy(x, _tensor_label(o, low, high)).mean(), "minus of eq. 5"),
    lambda x, o, low, high: ((x.sigmoid() - _tensor_label(o, low, high)) ** 2).mean(),
    (lambda x, o, low, high: _entropy(x, _tensor_label(o, low, high)).mean().item(), "No .detach()"),
]
