"""Exercises of 00b_field_and_words."""

from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases


def sliding_windows(solution: Callable[[float, float, float], list]) -> None:
    """sliding_windows(duration, length, stride): windows (start, end) that lie within the video, in seconds."""
    cases = [
        ((10.0, 4.0, 3.0), [(0, 4), (3, 7), (6, 10)], "The last window may end exactly with the video."),
        ((10.0, 4.0, 4.0), [(0, 4), (4, 8)], "A window that would end after the video is left out, not cut."),
        ((9.0, 2.0, 3.0), [(0, 2), (3, 5), (6, 8)], "The stride may be larger than the length."),
        ((5.0, 5.0, 1.0), [(0, 5)], "A video as long as one window has that window."),
        ((6.0, 5.0, 0.5), [(0, 5), (0.5, 5.5), (1.0, 6.0)], "The stride is in seconds, and need not be whole."),
        ((3.0, 4.0, 2.0), [], "A video shorter than one window has none."),
    ]
    try_cases("sliding_windows", solution, cases, "Each length needs a list of its own; a map holds them all.")


def mean_share(solution: Callable[[list, list], float]) -> None:
    """mean_share(moments, durations): percent of its video that a moment covers, on average."""
    cases = [
        (([(0.0, 5.0)], [20.0]), 25.0, "In percent: 5 of 20 s."),
        (([(10.0, 20.0)], [40.0]), 25.0, "The length of a moment is its end minus its start."),
        (([(0.0, 5.0), (0.0, 5.0)], [10.0, 100.0]), 27.5, "A mean of shares, 50 % and 5 %, not a ratio of means."),
        (([(0.0, 1.0), (0.0, 1.0), (0.0, 8.0)], [10.0, 10.0, 10.0]), 100 / 3, "The mean, not the median."),
        (([(2.0, 4.0), (6.0, 8.0), (0.0, 8.0)], [8.0, 8.0, 8.0]), 50.0, "Each moment counts, also several of a video."),
    ]
    try_cases("mean_share", solution, cases, "Charades-STA's moments cover about a quarter of their video.")
