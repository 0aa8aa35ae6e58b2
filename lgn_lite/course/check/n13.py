"""Exercises of 13_your_own_video."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lgn_lite.course.check.cases import try_cases
from lgn_lite.course.check.modules import compare_functions
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


def iou_range(solution: Callable[[float, float, float], tuple]) -> None:
    """iou_range(score, t_min, t_max): the lowest and the highest expected IoU that fit an expected label."""
    cases = [
        ((0.5, 0.0, 1.0), (0.5, 0.5), "With 0 and 1 nothing is clipped: the label is the IoU, and its mean is known."),
        ((0.5, 0.3, 1.0), (0.5, 0.65), "The label 0 may be an IoU of 0 or of t_min; the label 1 is an IoU of 1."),
        ((0.5, 0.0, 0.5), (0.25, 0.5), "The label 1 may be an IoU of t_max or of 1; the label 0 is an IoU of 0."),
        ((0.0, 0.3, 0.7), (0.0, 0.3), "A score of 0 is certain of the label 0: any IoU up to t_min."),
        ((1.0, 0.3, 0.7), (0.7, 1.0), "A score of 1 is certain of the label 1: any IoU from t_max on."),
        ((0.2, 0.3, 0.7), (0.14, 0.44), "Mix the two labels with chances 1 - score and score."),
    ]
    eq4 = "That is eq. 4 turned round, the clipped IoU: below t_min and above t_max the label says no more."
    mistakes = [
        (lambda score, low, high: (low + score * (high - low),) * 2, eq4),
        (lambda score, low, high: (low + score * (high - low), low + score * (1 - low)), eq4),
        (lambda score, low, high: (score * high, low + score * (high - low)), eq4),
        (
            lambda score, low, high: (low + score * (1 - low), score * high),
            "The lowest comes first, then the highest.",
        ),
    ]
    try_cases(
        "iou_range", solution, cases, "A score says more the nearer t_min is to 0 and t_max to 1.", mistakes=mistakes
    )


def _pooled(logits: Tensor, window_counts: Tensor, temperature: float) -> Tensor:
    """(B,) smooth maximum over the candidates of a video's windows."""
    _, W, P = logits.shape
    real = torch.arange(W) < window_counts[:, None]  # (B, W)
    x = (logits / temperature).masked_fill(~real[..., None], -torch.inf)
    return temperature * (x.flatten(1).logsumexp(dim=1) - (window_counts * P).log())


def video_score(solution: Callable[[Tensor, Tensor, float], Tensor]) -> None:
    """video_score(logits, window_counts, temperature): one score per video, a smooth maximum over its windows."""

    def inputs(B: int, W: int, P: int, counts: list[int], temperature: float, scale: float = 1.0) -> Callable:
        return lambda: (scale * torch.randn(B, W, P), torch.tensor(counts), temperature)

    cases = [
        (
            inputs(1, 1, 4, [1], 1.0),
            "One window, no padding: temperature · log of the mean of exp(x / temperature).",
        ),
        (inputs(2, 3, 4, [3, 3], 1.0), "One score for each video, over the candidates of all its windows together."),
        (inputs(3, 2, 5, [2, 2, 2], 0.5), "Divide the logits by the temperature, and multiply the logarithm by it."),
        (inputs(3, 4, 5, [1, 4, 2], 1.0), "Padding takes no part, neither in the sum nor in n."),
        (inputs(2, 3, 4, [2, 3], 0.1, 30.0), "exp of large numbers overflows; torch.logsumexp does not."),
    ]
    log_n = "log n is missing: of two videos with equal logits the one with more windows would score higher."
    padding = "Padding takes no part: its exponential must be 0."

    def without_n(x, counts, t):
        return _pooled(x, counts, t) + t * (counts * x.shape[2]).log()

    def padded(x, counts, t):
        return _pooled(x, torch.full_like(counts, x.shape[1]), t)

    def padded_without_n(x, counts, t):
        return without_n(x, torch.full_like(counts, x.shape[1]), t)

    def all_in_n(x, counts, t):
        return without_n(x, counts, t) - t * math.log(x.shape[1] * x.shape[2])

    def windows_in_n(x, counts, t):
        return without_n(x, counts, t) - t * counts.log()

    def hard(x, counts, t):
        real = torch.arange(x.shape[1]) < counts[:, None]
        return x.masked_fill(~real[..., None], -torch.inf).flatten(1).amax(dim=1)

    def mean(x, counts, t):
        real = (torch.arange(x.shape[1]) < counts[:, None])[..., None]
        return (x * real).sum(dim=(1, 2)) / (counts * x.shape[2])

    def zeros(x, counts, t):
        real = torch.arange(x.shape[1]) < counts[:, None]
        filled = (x / t).masked_fill(~real[..., None], 0.0).flatten(1)
        return t * (filled.logsumexp(dim=1) - (counts * x.shape[2]).log())

    mistakes = [
        (without_n, log_n),
        (padded, padding),
        (padded_without_n, padding + " And " + log_n),
        (all_in_n, "n counts the candidates that the video really has, not those of the padded tensor."),
        (windows_in_n, "n counts candidates: windows times P."),
        (hard, "That is the maximum itself: its gradient reaches one candidate only."),
        (mean, "That is the mean of the logits, the limit of a high temperature."),
        (zeros, "A padded logit of 0 counts as exp(0) = 1: it must be minus infinity."),
        (lambda x, c, t: _pooled(x, c, t) / t, "Multiply the logarithm by the temperature again."),
        (lambda x, c, t: t * _pooled(x * t, c, t) / t, "Divide the logits by the temperature before the exponential."),
    ]
    right = "Every candidate of the video has a share of the gradient, padding none."
    compare_functions("video_score", solution, _pooled, cases, right, mistakes=mistakes)
