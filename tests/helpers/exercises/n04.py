"""What the tests know of 04_the_moment_map: wrong answers with their messages, and bounds of its results."""


def _number_in(candidates):
    return lambda first, last, num_clips: candidates(num_clips).index((first, last))


def _map(n):
    return [(i, j) for i in range(n) for j in range(i, n)]


def _step(grow=lambda step: 2 * step, add=lambda step: step, first=0):
    """The loop over the scales with one thing done otherwise."""

    def solution(length, scales):
        reached, step = first, 1
        for lengths in scales:
            for _ in range(lengths):
                reached += add(step)
                if reached == length:
                    return step
            step = grow(step)
        return 0

    return solution


def _without_gaps(length, scales):
    reached, step = 0, 1
    for lengths in scales:
        reached += lengths * step
        if length <= reached:
            return step
        step *= 2
    return 0


def _shared(a, b):
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0]))


def _iou(a, b):
    return _shared(a, b) / (a[1] - a[0] + b[1] - b[0] - _shared(a, b))


def _ceiling(hit, percent=100):
    return lambda candidates, truths, m: (
        percent * sum(any(hit(c, t, m) for c in candidates) for t in truths) / len(truths)
    )


WRONG = {
    "candidate_number": [
        (lambda first, last, num_clips: first * num_clips + last, "none ends before it begins"),
        (lambda first, last, num_clips: first * num_clips + last - first, "none ends before it begins"),
        (lambda first, last, num_clips: 1 + _number_in(_map)(first, last, num_clips), "numbers count from 0"),
        (_number_in(lambda n: sorted(_map(n), key=lambda c: c[1])), "ordered by their end"),
        (_number_in(lambda n: sorted(_map(n), key=lambda c: c[1] - c[0])), "ordered by their end"),
        (lambda first, last, num_clips: last * (last + 1) // 2 + first, "ordered by their end"),
        (lambda first, last, num_clips: first * num_clips - first * (first - 1) // 2 + last, "first of row 1"),
        (lambda first, last, num_clips: first * num_clips - first * (first + 1) // 2 + last - first, "first of row 1"),
        (lambda first, last, num_clips: first * (first + 1) // 2 + last, "first of row 1"),
        (lambda first, last, num_clips: _map(num_clips).index((first, last)) if num_clips < 10 else 0, "of 136"),
        (lambda first, last, num_clips: last - first, "first of row 1"),
        (
            lambda first, last, num_clips: sum(num_clips - i for i in range(first + 1)) + last - first,
            "numbers count from 0",
        ),
        (lambda first, last, num_clips: (first, last), "the answer is one number"),
    ],
    "step_of_length": [
        (_without_gaps, "the next length is 18"),
        (lambda length, scales: 1 if length <= scales[0] else 2, "the next length is 18"),
        (_step(grow=lambda step: step + 1), "doubles the step"),
        (_step(grow=lambda step: 4 * step), "doubles the step"),
        (_step(grow=lambda step: step), "starts at every second clip"),
        (_step(add=lambda step: 1), "the next length is 18"),
        (_step(first=-1), "Single clips belong to the first scale"),
        (_step(first=1), "Single clips belong to the first scale"),
        (lambda length, scales: _step()(length, scales) or 1, "the next length is 18"),
        (lambda length, scales: _step()(length, scales) or None, "None"),
        (lambda length, scales: _step()(length, scales[:2]), "Each further scale"),
        (lambda length, scales: _step()(length, (16, 8, 8, 8)), "Beyond the last scale"),
        (lambda length, scales: {1: 1, 2: 2, 4: 3, 8: 4}.get(_step()(length, scales), 0), "doubles the step"),
        (lambda length, scales: bool(_step()(length, scales)), "starts at every second clip"),
    ],
    "ceiling_of": [
        (lambda candidates, truths, m: 100.0, "with either candidate"),
        (_ceiling(lambda c, t, m: _iou(c, t) >= m), "strictly"),
        (_ceiling(lambda c, t, m: _iou(c, t) > m, percent=1), "in percent"),
        (
            lambda candidates, truths, m: 100 * sum(_iou(candidates[0], t) > m for t in truths) / len(truths),
            "not only the first",
        ),
        (_ceiling(lambda c, t, m: _shared(c, t) / (t[1] - t[0]) > m), "too long"),
        (_ceiling(lambda c, t, m: _shared(c, t) / (c[1] - c[0]) > m), "too short"),
        (_ceiling(lambda c, t, m: _shared(c, t) > 0), "with either candidate"),
        (_ceiling(lambda c, t, m: _iou(c, t) > 0.5), "m is ignored"),
        (
            lambda candidates, truths, m: (
                100 * sum(any(_iou(c, t) > m for t in truths) for c in candidates) / len(candidates)
            ),
            "of the ground truths",
        ),
        (
            lambda candidates, truths, m: 100 * sum(_iou(c, t) > m for c in candidates for t in truths) / len(truths),
            "counts once",
        ),
        (
            lambda candidates, truths, m: 100 * sum(max(_iou(c, t) for c in candidates) for t in truths) / len(truths),
            "not their mean",
        ),
        (
            lambda candidates, truths, m: (
                100 * sum(_iou(c, t) > m for c, t in zip(candidates, truths, strict=False)) / len(truths)
            ),
            "not only the",
        ),
        (
            lambda candidates, truths, m: 100.0 * any(_iou(c, t) > m for c in candidates for t in truths),
            "with either candidate",
        ),
        (_ceiling(lambda c, t, m: c[0] <= t[0] and t[1] <= c[1]), "strictly"),
    ],
}

EXPECTED = {"ceiling@0.5": (95, 100), "ceiling@0.7": (80, 97), "chance@0.5": (2, 9)}  # percent
