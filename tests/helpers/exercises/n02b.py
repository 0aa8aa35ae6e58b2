"""What the tests know of 02b_frames_to_features: wrong answers with their messages, and its key numbers."""

import math


def _rows(cap_first=True, cap=1, least=1, to_row=round, late_cap=False):
    def solution(i, T, n):
        first, last = to_row(i * T / n), to_row((i + 1) * T / n)
        first = min(first, T - 1) if cap_first else first
        last = max(min(last, T - cap), first + least)
        return first, min(last, T - 1) if late_cap else last

    return solution


def _pairs(counts, percent=100):
    """What each pair of a yes and a no counts, on average."""

    def solution(values, there):
        yes = [v for v, t in zip(values, there, strict=True) if t]
        no = [v for v, t in zip(values, there, strict=True) if not t]
        return percent * sum(counts(a, b) for a in yes for b in no) / (len(yes) * len(no))

    return solution


def _auc(values, there):
    return _pairs(lambda yes, no: (yes > no) + 0.5 * (yes == no))(values, there)


WRONG = {
    "span_rows": [
        (lambda i, T, n: (round(i * T / n), round((i + 1) * T / n)), "the last row is left out"),
        (_rows(cap_first=False), "the first boundary goes up to T - 1 only"),
        (_rows(cap=0), "the last row is left out"),
        (_rows(least=0), "without a row of its own"),
        (_rows(to_row=int), "neither down nor up"),
        (_rows(to_row=math.ceil), "neither down nor up"),
        (_rows(to_row=lambda x: int(x + 0.5)), "2.5 to 2"),
        (_rows(late_cap=True), "if it is alone"),
        (lambda i, T, n: ((s := _rows()(i, T, n))[0], s[1] - 1), "row before which it ends"),
        (lambda i, T, n: ((s := _rows()(i, T, n))[0] + 1, s[1] + 1), "counted from 0"),
        (lambda i, T, n: (round(i * n / T), round((i + 1) * n / T)), "Twelve rows to four"),
        (lambda i, T, n: (i * (T // n), (i + 1) * (T // n)), "Round both"),
        (lambda i, T, n: _rows()(i, T - 1, n), "only the boundaries end at T - 1"),
        (lambda i, T, n: list(range(*_rows()(i, T, n))), "row before which it ends"),
    ],
    "detects": [
        (
            lambda values, there: 100 * sum(v > 0 for v, t in zip(values, there, strict=True) if t) / sum(there),
            "Below all",
        ),
        (_pairs(lambda yes, no: yes > no), "A tie counts half"),
        (_pairs(lambda yes, no: yes >= no), "A tie counts half"),
        (_pairs(lambda yes, no: yes < no), "the higher value"),
        (_pairs(lambda yes, no: (yes > no) + 0.5 * (yes == no), percent=1), "in percent"),
        (_pairs(lambda yes, no: (yes > no) - (yes < no)), "a pair that is the wrong way round counts 0"),
        (_pairs(lambda yes, no: abs(yes) > abs(no)), "A tie counts half"),
        (_pairs(lambda yes, no: (abs(yes) > abs(no)) + 0.5 * (yes == no)), "negative"),
        (_pairs(lambda yes, no: yes - no), "Only the order counts"),
        (
            lambda values, there: (
                100 * sum((v > sum(values) / len(values)) == t for v, t in zip(values, there, strict=True)) / len(there)
            ),
            "Below all",
        ),
        (lambda values, there: 100 * there[values.index(max(values))], "Three of the four pairs"),
        (lambda values, there: max(a := _auc(values, there), 100 - a), "Below all"),
        (
            lambda values, there: (
                _auc(values, there) * sum(there) * (len(there) - sum(there)) / (len(there) * (len(there) - 1) / 2)
            ),
            "above both no",
        ),
        (lambda values, there: _auc(sorted(values), there), "Below all"),
        (
            lambda values, there: _pairs(lambda yes, no: (yes > no) + 0.5 * (yes == no))(
                values, [not t for t in there]
            ),
            "the higher value",
        ),
    ],
}

EXPECTED = {  # of Toy-STA tiny as of small
    "vgg16_parameters": (138_357_544, 138_357_544),
    "vgg16_fc6_share": (74.2, 74.3),  # percent
    "concept_accuracy": (75, 100),
    "who_fc6": (75, 100),  # the binding is there in fc6 …
    "who_scores": (45, 80),  # … and hardly in the scores
    "single_conv1": (60, 82),
    "single_fc6": (78, 100),
    "relu_gap_2_rows": (2, 20),
    "relu_gap_16_rows": (10, 40),
    "last_row_lost": (80, 100),
}
