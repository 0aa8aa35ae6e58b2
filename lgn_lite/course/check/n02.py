"""Exercises of 02_videos_and_frames."""

from collections.abc import Callable
from math import ceil

from lgn_lite.course.check.cases import try_cases


def frame_times(solution: Callable[[float, float], list]) -> None:
    """frame_times(duration, rate): the times before the end at which frames are taken, in seconds."""

    def times(first: float, step: Callable, count: Callable = lambda d, r: ceil(d * r)) -> Callable:
        return lambda d, r: [(first + n) * step(d, r) for n in range(count(d, r))]

    cases = [
        ((2.0, 2.0), [0.0, 0.5, 1.0, 1.5], "At 2.0 s the video is over: the times lie before the end."),
        ((1.0, 4.0), [0.0, 0.25, 0.5, 0.75], "Neighbours are 1 / rate seconds apart."),
        ((1.2, 2.0), [0.0, 0.5, 1.0], "The last time may be less than 1 / rate before the end."),
        ((3.0, 0.5), [0.0, 2.0], "A rate below 1 is allowed: one frame in two seconds."),
        ((0.3, 2.0), [0.0], "Even the shortest video has the frame at 0."),
        (
            (1.0, 10.0),
            [n / 10 for n in range(10)],
            "Sums of rounded numbers drift: ten times 0.1 is less than 1. Divide a counter by the rate.",
        ),
    ]
    apart = "Neighbours are 1 / rate seconds apart, at every rate and duration."
    begin = "The times begin at 0: the first frame is taken at the start of the video."
    mistakes = [
        (times(0, lambda d, r: r, lambda d, r: ceil(d / r)), apart),
        (times(0, lambda d, r: r), apart),
        (times(0, lambda d, r: d / ceil(d * r)), apart),
        (times(0, lambda d, r: d / max(1, ceil(d * r) - 1)), apart),
        (lambda d, r: [n * d / (k - 1) for n in range(k)] if (k := ceil(d * r)) > 1 else [0.0], apart),
        (times(0, lambda d, r: 1), "These are the numbers of the frames: divide them by the rate to get seconds."),
        (times(1, lambda d, r: 1 / r), begin),
        (times(1, lambda d, r: 1 / r, lambda d, r: ceil(d * r) - 1), begin),
        (times(0.5, lambda d, r: 1 / r), begin),
    ]
    right = "These are the times of the rows in every feature store here."
    try_cases("frame_times", solution, cases, right, mistakes=mistakes)


def feature_rate(solution: Callable[[list, float], float]) -> None:
    """feature_rate(numbers, fps): features per second, from the numbers of the frames that have one."""
    cases = [
        (([0, 4], 24.0), 6.0, "Every fourth of 24 frames per second: divide the rate by the distance of neighbours."),
        (([1, 5], 24.0), 6.0, "Numbers may begin with 1 as well as with 0: only their distance counts."),
        (([1, 5, 9, 13], 24.0), 6.0, "Four numbers have three gaps: one gap fewer than numbers."),
        (([0, 3, 6], 30.0), 10.0, "Every third of 30 frames per second: use the fps that is given."),
        (([101, 117], 25.0), 1.5625, "Two numbers are enough, and the rate need not be whole."),
        (([1, 2, 3], 10.0), 10.0, "If every frame has a feature, the rate is the video's."),
    ]
    fewer = "There is one gap fewer than there are numbers, and the last number has no gap after it."
    distance = "What counts is the distance of neighbouring numbers, not one number or how many there are."
    mistakes = [
        (lambda n, fps: fps / (n[2] - n[1]), "Two numbers are enough: there need not be a third."),
        (lambda n, fps: fps * len(n) / (max(n) - min(n)), fewer),
        (lambda n, fps: fps * len(n) / (max(n) - min(n) + 1), fewer),
        (lambda n, fps: fps / n[1], distance),
        (lambda n, fps: fps / len(n), distance),
        (lambda n, fps: fps * len(n) / max(n), distance),
        (
            lambda n, fps: fps / max(1, n[1] - n[0] - 1),
            "The distance of neighbours is their difference, not what lies between.",
        ),
    ]
    try_cases("feature_rate", solution, cases, "Row i then belongs to second i / rate.", mistakes=mistakes)


def shown_frame(solution: Callable[[list, float], int]) -> None:
    """shown_frame(stamps, t): the number of the frame on the screen at time t, from the frames' times."""
    even, uneven = [0.0, 0.1, 0.2, 0.3], [0.0, 0.5, 0.6, 2.0]
    cases = [
        ((even, 0.25), 2, "The latest frame whose stamp is not past t: the one of 0.2 s."),
        ((uneven, 1.9), 2, "The frame of 0.6 s stays on the screen until that of 2.0 s: not the nearest stamp."),
        ((uneven, 0.5), 1, "At a time equal to a stamp the new frame is shown already."),
        ((uneven, 7.0), 3, "After the last stamp the last frame is shown."),
        (([0.2, 0.4], 0.1), 0, "Before the first stamp: the first frame, not the last one of the list."),
        (([5.0, 5.5, 6.0], 5.6), 1, "The first stamp need not be 0, and frames are numbered from 0."),
        (([0.0, 0.1, 0.2, 3.0, 3.1], 1.0), 2, "By time: a fixed rate would give another number."),
        (([0.0, 0.1, 0.2, 3.0, 3.1], 3.05), 3, "By time: a fixed rate would give another number."),
    ]
    mistakes = [
        (lambda s, t: min(range(len(s)), key=lambda i: abs(s[i] - t)), "Not the nearest stamp: the latest one so far."),
        (lambda s, t: sum(stamp <= t for stamp in s), "Frames are numbered from 0."),
        (lambda s, t: min(sum(stamp < t for stamp in s), len(s) - 1), "The frame on the screen, not the one after it."),
        (lambda s, t: min(int(t * len(s) / s[-1]), len(s) - 1), "By its stamp, not by counting at an even rate."),
        (
            lambda s, t: max([stamp for stamp in s if stamp <= t], default=s[0]),
            "The number of the frame, not its time.",
        ),
    ]
    try_cases("shown_frame", solution, cases, "Your function chooses as read_frames does.", mistakes=mistakes)
