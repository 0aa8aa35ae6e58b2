"""Exercises of 13_your_own_video."""

from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases
from lgn_lite.course.check.parts import label


def clip_seconds(solution: Callable[[int, int, int, float], tuple]) -> None:
    """clip_seconds(first, last, num_clips, duration): start and end of a candidate in seconds."""
    cases = [
        ((0, 3, 4, 20.0), (0.0, 20.0), "From the first clip to the last is the whole video."),
        ((1, 1, 4, 20.0), (5.0, 10.0), "One clip alone is a moment: it ends where that clip ends."),
        ((2, 5, 16, 32.0), (4.0, 12.0), "A clip lasts duration / num_clips seconds."),
        ((0, 0, 20, 30.0), (0.0, 1.5), "A clip's seconds need not be whole: nothing is rounded."),
    ]

    def seconds(start: float = 0, end: float = 1, clip: Callable = lambda n, d: d / n) -> Callable:
        """Start and end of the candidate from other points of its clips, or with clips of another length."""
        return lambda i, j, n, d: ((i + start) * clip(n, d), (j + end) * clip(n, d))

    units = "Clips are not seconds: return both times in seconds of the video."
    length = "A clip lasts duration / num_clips seconds: the clips cover the video once."
    mistakes = [
        (seconds(end=0), "A moment includes its last clip: it ends where that clip ends, one clip later."),
        (seconds(start=1), "Clips are counted from 0: the first one begins at 0 seconds."),
        (seconds(start=-1, end=0), "Clips are counted from 0: the first one begins at 0 seconds."),
        (seconds(start=0.5, end=0.5), "A clip begins at its boundary: measure from there, not from its middle."),
        (seconds(clip=lambda n, d: d / (n - 1) if n > 1 else d), length),
        (seconds(clip=lambda n, d: d / (n + 1)), length),
        (seconds(clip=lambda n, d: n / d), length),
        (seconds(clip=lambda n, d: 1), units),
        (seconds(end=0, clip=lambda n, d: 1), units),
        (seconds(clip=lambda n, d: 1 / n), "That is a fraction of the video: return both times in seconds."),
        (
            lambda i, j, n, d: (i * d / n, (j + 1 - i) * d / n),
            "The second number is the end of the moment, not the length of it.",
        ),
    ]
    right = "A longer video thus has coarser predictions, in seconds."
    try_cases("clip_seconds", solution, cases, right, mistakes=mistakes)


def score_to_iou(solution: Callable[[float, float, float], float]) -> None:
    """score_to_iou(score, t_min, t_max): the overlap that a score predicts, eq. 4 inverted."""
    cases = [
        ((0.5, 0.0, 1.0), 0.5, "With 0 and 1 the label is the IoU itself."),
        ((0.5, 0.3, 1.0), 0.65, "Half-way between t_min and t_max."),
        ((1.0, 0.0, 0.5), 0.5, "A score of 1 predicts t_max, and that may be less than 1."),
        ((0.0, 0.3, 1.0), 0.3, "A score of 0 predicts t_min at most."),
    ]
    inverse = "That is eq. 4 itself, from the IoU to the label: here it goes the other way round."
    rise = "From t_min to t_max the score rises by 1: multiply it by t_max − t_min, then add t_min."
    mistakes = [
        (label, inverse),
        (lambda score, a, b: (score - a) / (b - a), inverse),
        (lambda score, a, b: score * (b - a), rise),
        (lambda score, a, b: a + score * b, rise),
        (lambda score, a, b: a + score, rise),
        (lambda score, a, b: min(1.0, a + score), rise),
        (lambda score, a, b: a + score / (b - a), rise),
        (lambda score, a, b: score * b, f"A score of 0 predicts t_min, not 0. {rise}"),
        (lambda score, a, b: 100 * (a + score * (b - a)), "An IoU is from 0 to 1, not percent."),
    ]
    right = "The same score predicts less with the paper's thresholds."
    try_cases("score_to_iou", solution, cases, right, mistakes=mistakes)


def best_of_windows(solution: Callable[[list], tuple]) -> None:
    """best_of_windows(windows): the best prediction of all windows, in seconds of the whole video."""
    one = [(0.0, [(1.0, 3.0, 0.2), (4.0, 6.0, 0.7)])]
    two = [(0.0, [(1.0, 3.0, 0.2)]), (20.0, [(4.0, 6.0, 0.7)])]
    swapped = [(20.0, [(4.0, 6.0, 0.1)]), (0.0, [(1.0, 3.0, 0.2), (7.0, 8.0, 0.1)])]
    three = [*two, (40.0, [(1.0, 3.0, 0.1)])]
    mixed = [(0.0, [(4.0, 6.0, 0.9), (1.0, 3.5, 0.1)]), (20.0, [(4.0, 6.0, 0.6), (1.0, 3.0, 0.5)])]
    cases = [
        ((one,), (4.0, 6.0), "The highest score wins, wherever it is in the list."),
        ((two,), (24.0, 26.0), "Both ends move by the second at which the window begins."),
        ((swapped,), (1.0, 3.0), "A later window does not win by its position: only the scores count."),
        (([(10.0, []), (30.0, [(0.0, 2.0, 0.1)])],), (30.0, 32.0), "A window may be without a prediction."),
        ((three,), (24.0, 26.0), "The window in the middle has the best one: only the scores count, not the position."),
        ((mixed,), (4.0, 6.0), "The best single prediction wins, not the window with the best mean."),
        (([(0.0, [(1.0, 3.0, -2.5), (4.0, 6.0, -1.0)])],), (4.0, 6.0), "Scores may be negative, as logits are."),
    ]

    def moments(windows: list) -> list:
        return [(score, offset + s, offset + e) for offset, found in windows for s, e, score in found]

    mistakes = [
        (lambda windows: max(moments(windows)), "Return start and end alone, without the score."),
        (
            lambda windows: [max(moments([w]))[1:] for w in windows if w[1]],
            "Return one prediction, the best of all windows, not one for each window.",
        ),
        (lambda windows: max(moments(windows[:1]))[1:], "The best of all windows, not of the first one."),
        (
            lambda windows: max(moments(windows), key=lambda m: m[2] - m[1])[1:],
            "The longest does not win: only the scores count.",
        ),
        (
            lambda windows: max(moments(windows), key=lambda m: m[1])[1:],
            "The latest does not win: only the scores count.",
        ),
    ]
    right = "It is only as good as scores are comparable between windows."
    try_cases("best_of_windows", solution, cases, right, mistakes=mistakes)
