"""Exercises of 02_videos_and_frames."""

from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases


def frame_times(solution: Callable[[float, float], list]) -> None:
    """frame_times(duration, rate): the times before the end at which frames are taken, in seconds."""
    cases = [
        ((2.0, 2.0), [0.0, 0.5, 1.0, 1.5], "At 2.0 s the video is over: the times lie before the end."),
        ((1.0, 4.0), [0.0, 0.25, 0.5, 0.75], "Neighbours are 1 / rate seconds apart."),
        ((1.2, 2.0), [0.0, 0.5, 1.0], "The last time may be less than 1 / rate before the end."),
        ((3.0, 0.5), [0.0, 2.0], "A rate below 1 is allowed: one frame in two seconds."),
        ((0.3, 2.0), [0.0], "Even the shortest video has the frame at 0."),
    ]
    try_cases("frame_times", solution, cases, "These are the times of the rows in every feature store here.")


def feature_rate(solution: Callable[[list, float], float]) -> None:
    """feature_rate(numbers, fps): features per second, from the numbers of the frames that have one."""
    cases = [
        (([1, 5, 9, 13], 24.0), 6.0, "Every fourth of 24 frames per second."),
        (([0, 3, 6], 30.0), 10.0, "Numbers may begin with 0: only their distance counts."),
        (([101, 117], 25.0), 1.5625, "Two numbers are enough, and the rate need not be whole."),
        (([1, 2, 3], 10.0), 10.0, "If every frame has a feature, the rate is the video's."),
    ]
    try_cases("feature_rate", solution, cases, "Row i then belongs to second i / rate.")
