"""What the tests know of 09_train: wrong answers to each exercise, and what their messages have to say."""


def _best(key, pick=max):
    return lambda history: pick(history, key=key)["epoch"]


def _sum(entry):
    return entry["R1@0.5"] + entry["R1@0.7"]


def _pops_the_rest(history):
    history.sort(key=_sum)
    return history[-1]["epoch"]


def _shared(a, b):
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0]))


def _iou(a, b):
    return _shared(a, b) / (a[1] - a[0] + b[1] - b[0] - _shared(a, b))


def _percent(hit):
    return lambda predictions, truths, m: (
        100 * sum(hit(p, t, m) for p, t in zip(predictions, truths, strict=True)) / len(truths)
    )


METRICS = ("R1@0.5", "R1@0.7")


def _cost(pairs, change=lambda a, b: b - a, metrics=METRICS, mean=True):
    def solution(ours, paper):
        both = pairs(ours, paper)
        return {m: sum(change(a[m], b[m]) for a, b in both) / (len(both) if mean else 1) for m in metrics}

    return solution


def _by_seed(ours, paper):
    return [(a, b) for a in ours for b in paper if a["seed"] == b["seed"]]


def _separate_means(ours, paper):
    return {m: sum(r[m] for r in paper) / len(paper) - sum(r[m] for r in ours) / len(ours) for m in METRICS}


WRONG = {
    "label": [
        (lambda iou, t_min, t_max: (iou - t_min) / (t_max - t_min), "The label stays"),
        (lambda iou, t_min, t_max: max(0.0, (iou - t_min) / (t_max - t_min)), "is 1, never more"),
        (lambda iou, t_min, t_max: min(1.0, (iou - t_min) / (t_max - t_min)), "is 0, never negative"),
        (
            lambda iou, t_min, t_max: min(1.0, max(0.0, (iou - t_min) / (t_max - iou))) if iou != t_max else 1.0,
            "misprint",
        ),
        (lambda iou, t_min, t_max: min(1.0, max(0.0, iou - t_min)), "Divide by t_max − t_min"),
        (lambda iou, t_min, t_max: min(1.0, iou / t_max), "subtract t_min"),
        (lambda iou, t_min, t_max: float(iou > t_min), "linear"),
        (lambda iou, t_min, t_max: float(iou >= t_max), "linear"),
        (lambda iou, t_min, t_max: iou, "Half-way"),
        (lambda iou, t_min, t_max: min(1.0, max(0.0, (t_max - iou) / (t_max - t_min))), "rises"),
        (lambda iou, t_min, t_max: max(0.0, (iou - t_min) / (t_max - t_min)) if iou < t_max else 0.0, "is 1, not more"),
        (lambda iou, t_min, t_max: 0.0 if iou <= t_min else min(1.0, iou), "Half-way"),
        (lambda iou, t_min, t_max: min(1.0, abs(iou - t_min) / (t_max - t_min)), "absolute value"),
        (lambda iou, t_min, t_max: (min(max(iou, t_min), t_max) - t_min) / t_max, "Divide by t_max − t_min"),
        (lambda iou, t_min, t_max: round(min(1.0, max(0.0, (iou - t_min) / (t_max - t_min)))), "Half-way"),
    ],
    "choose_epoch": [
        (_best(lambda entry: entry["loss"], pick=min), "The training loss has no say"),
        (_best(lambda entry: entry["R1@0.5"]), "neither of them decides alone"),
        (_best(lambda entry: entry["R1@0.7"]), "neither of them decides alone"),
        (_best(_sum, pick=min), "highest sum"),
        (lambda history: history[-1]["epoch"], "not the last"),
        (lambda history: len(history), "not the last"),
        (lambda history: history.index(max(history, key=_sum)), "not its position"),
        (lambda history: history.index(max(history, key=_sum)) + 1, "not its position"),
        (lambda history: max(history, key=_sum), "the answer is one number"),
        (lambda history: max(map(_sum, history)), "Return the entry's epoch"),
        (_best(lambda entry: min(entry["R1@0.5"], entry["R1@0.7"])), "Add both recalls"),
        (_best(lambda entry: max(entry["R1@0.5"], entry["R1@0.7"])), "Add both recalls"),
        (_best(lambda entry: entry["R1@0.5"] * entry["R1@0.7"]), "Add both recalls"),
        (_best(lambda entry: _sum(entry) - 100 * entry["loss"]), "Add both recalls"),
        (_best(lambda entry: entry["epoch"]), "not the last"),
        (_pops_the_rest, "without a change of its arguments"),
    ],
    "recall_at_1": [
        (lambda predictions, truths, m: 100.0, "One of two predictions"),
        (_percent(lambda p, t, m: _iou(p, t) >= m), "strictly"),
        (
            lambda predictions, truths, m: _percent(lambda p, t, m: _iou(p, t) > m)(predictions, truths, m) / 100,
            "in percent",
        ),
        (
            lambda predictions, truths, m: (
                100 * sum(any(_iou(p, t) > m for t in truths) for p in predictions) / len(truths)
            ),
            "its own query's",
        ),
        (
            lambda predictions, truths, m: (
                100 * sum(any(_iou(p, t) > m for p in predictions) for t in truths) / len(truths)
            ),
            "its own query's",
        ),
        (_percent(lambda p, t, m: _shared(p, t) > 0), "To overlap is not enough"),
        (_percent(lambda p, t, m: _shared(p, t) / (t[1] - t[0]) > m), "divided by the union"),
        (_percent(lambda p, t, m: _shared(p, t) / (p[1] - p[0]) > m), "divided by the union"),
        (_percent(lambda p, t, m: p == t), "need not be equal"),
        (_percent(lambda p, t, m: _iou(p, t) > 0.5), "m is ignored"),
        (_percent(lambda p, t, m: _iou(p, t)), "not the mean"),
        (_percent(lambda p, t, m: max(abs(p[0] - t[0]), abs(p[1] - t[1])) < 1), "need not be equal"),
        (
            _percent(lambda p, t, m: abs(min(p[1], t[1]) - max(p[0], t[0])) / (max(p[1], t[1]) - min(p[0], t[0])) > m),
            "no absolute value",
        ),
        (
            lambda predictions, truths, m: sum(_iou(p, t) > m for p, t in zip(predictions, truths, strict=True)),
            "in percent",
        ),
        (lambda predictions, truths, m: 100.0 * (_iou(predictions[0], truths[0]) > m), "One of two predictions"),
        (
            lambda predictions, truths, m: (
                100.0 * any(_iou(p, t) > m for p, t in zip(predictions, truths, strict=True))
            ),
            "One of two predictions",
        ),
    ],
    "plateau_cost": [
        (_cost(_by_seed, change=lambda a, b: a - b), "minus ours"),
        (_cost(_by_seed, change=lambda a, b: 100 * (b - a) / a), "in points"),
        (_cost(_by_seed, change=lambda a, b: abs(b - a)), "minus ours"),
        (_cost(_by_seed, mean=False), "The mean over the seeds"),
        (_cost(_by_seed, metrics=("R1@0.5",)), "both recalls"),
        (_cost(lambda ours, paper: list(zip(ours, paper, strict=False))), "no counterpart"),
        (
            _cost(lambda ours, paper: list(zip(ours, sorted(paper, key=lambda r: r["seed"]), strict=False))),
            "no counterpart",
        ),
        (_separate_means, "no counterpart"),
        (
            lambda ours, paper: {m: max(b[m] - a[m] for a, b in _by_seed(ours, paper)) for m in METRICS},
            "The mean over the seeds",
        ),
        (
            lambda ours, paper: {m: max(r[m] for r in paper) - max(r[m] for r in ours) for m in METRICS},
            "The mean over the seeds",
        ),
        (_cost(lambda ours, paper: [(ours[-1], paper[-1])]), "The mean over the seeds"),
        (lambda ours, paper: [_cost(_by_seed)(ours, paper)[m] for m in METRICS], "the answer is a dictionary"),
        (lambda ours, paper: {m: paper[0][m] - ours[0][m] for m in METRICS}, "The mean over the seeds"),
        (
            lambda ours, paper: {m: sum(b[m] - a[m] for a, b in _by_seed(ours, paper)) / len(ours) for m in METRICS},
            "no counterpart",
        ),
    ],
}
