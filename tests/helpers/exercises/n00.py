"""What the tests know of 00_start_here: wrong answers to each exercise, and what their messages have to say."""


def _each_overlap(divide, clamp=True):
    """The overlap of two intervals, divided by something else than their union."""

    def solution(a, b):
        shared = min(a[1], b[1]) - max(a[0], b[0])
        return (max(0.0, shared) if clamp else shared) / divide(a, b)

    return solution


def _length(a):
    return a[1] - a[0]


def _hull(a, b):
    return max(a[1], b[1]) - min(a[0], b[0])


def _best_of(candidates, seconds=lambda first, last, clip: (first * clip, (last + 1) * clip), key=lambda score: score):
    def solution(scores, n, duration):
        first, last = candidates(n)[max(range(len(scores)), key=lambda p: key(scores[p]))]
        return seconds(first, last, duration / n)

    return solution


def _rows(n):
    return [(i, j) for i in range(n) for j in range(i, n)]


def _best_above_zero(scores, n, duration):
    best, found = 0.0, None
    for (first, last), score in zip(_rows(n), scores, strict=True):
        if score > best:
            best, found = score, (first * duration / n, (last + 1) * duration / n)
    return found


def _best_by_sorting(scores, n, duration):
    best = _best_of(_rows)(scores, n, duration)
    scores.sort()
    return best


WRONG = {
    "count_candidates": [
        (lambda n: n * n, "never before the start"),
        (lambda n: n * (n - 1) // 2, "one clip long"),
        (lambda n: sum(range(n)), "one clip long"),
        (lambda n: n, "both together"),
        (lambda n: n * (n + 1), "counted twice"),
        (lambda n: n * n // 2, "one clip long"),
        (lambda n: 2**n - 1, "Count by hand"),
        (lambda n: 2 * n - 1, "Count by hand"),
        (lambda n: len({j - i for i in range(n) for j in range(i, n)}), "both together"),
        (lambda n: {1: 1, 2: 3, 4: 10, 16: 136}.get(n, 0), "small maps only"),
        (lambda n: [(i, j) for i in range(n) for j in range(i, n)], "the answer is one number"),
        (lambda n: print(n * (n + 1) // 2), "is a return missing?"),
    ],
    "overlap": [
        (_each_overlap(_hull, clamp=False), "do not meet"),
        (_each_overlap(lambda a, b: _length(a)), "union"),
        (_each_overlap(lambda a, b: _length(b)), "union"),
        (_each_overlap(lambda a, b: min(_length(a), _length(b))), "union"),
        (_each_overlap(lambda a, b: max(_length(a), _length(b))), "union"),
        (_each_overlap(lambda a, b: _length(a) + _length(b)), "counted twice"),
        (_each_overlap(lambda a, b: (_length(a) + _length(b)) / 2), "union"),
        (_each_overlap(lambda a, b: 1), "a share"),
        (lambda a, b: (a[1] - b[0]) / (b[1] - a[0]), "order of the two"),
        (lambda a, b: abs(min(a[1], b[1]) - max(a[0], b[0])) / _hull(a, b), "do not meet"),
        (lambda a, b: 100 * _each_overlap(_hull)(a, b), "a share"),
        (lambda a, b: 1 - _each_overlap(_hull)(a, b), "overlaps itself"),
    ],
    "best_moment": [
        (lambda scores, n, duration: (0.0, duration), "last clip ends"),
        (_best_of(_rows, lambda first, last, clip: (first * clip, last * clip)), "last clip ends"),
        (_best_of(_rows, lambda first, last, clip: (first, last + 1)), "duration / num_clips seconds"),
        (_best_of(_rows, lambda first, last, clip: (first / 1, last / 1)), "duration / num_clips seconds"),
        (_best_of(_rows, lambda first, last, clip: ((first + 1) * clip, (last + 1) * clip)), "counted from 0"),
        (_best_of(_rows, lambda first, last, clip: (first * clip, (last + 1 - first) * clip)), "not the length"),
        (_best_of(_rows, key=abs), "negative"),
        (_best_of(_rows, key=lambda score: -score), "highest score"),
        (_best_of(lambda n: sorted(_rows(n), key=lambda c: c[1])), "by start, then by end"),
        (_best_of(lambda n: sorted(_rows(n), key=lambda c: c[1] - c[0])), "by start, then by end"),
        (_best_of(lambda n: [(i, j) for i in range(n) for j in range(n)]), "by start, then by end"),
        (_best_above_zero, "negative"),
        (_best_by_sorting, "without a change of its arguments"),
    ],
}
