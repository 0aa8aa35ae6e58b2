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

    def windows(d: float, n: float, s: float, end: Callable = lambda d, n: d - n) -> list[tuple[float, float]]:
        return [(k * s, k * s + n) for k in range(int(d // s) + 2) if k * s <= end(d, n)]

    inside = "The whole window lies within the video."
    mistakes = [
        (lambda d, n, s: windows(d, n, n), "The next window begins one stride later, not at the end of this one."),
        (lambda d, n, s: [w for w in windows(d, n, s, lambda d, n: d) if w[0] < d], inside),
        (lambda d, n, s: windows(d, n, s, lambda d, n: d), inside),
        (
            lambda d, n, s: [(a, min(b, d)) for a, b in windows(d, n, s, lambda d, n: d) if a < d],
            f"{inside} None is cut.",
        ),
        (lambda d, n, s: [a for a, _ in windows(d, n, s)], "A window is a pair: start and end."),
        (lambda d, n, s: [(a, n) for a, _ in windows(d, n, s)], "The second of a pair is the end, start plus length."),
    ]
    right = "Each length needs a list of its own; a map holds them all."
    try_cases("sliding_windows", solution, cases, right, mistakes=mistakes)


def mean_share(solution: Callable[[list, list], float]) -> None:
    """mean_share(moments, durations): percent of its video that a moment covers, on average."""
    cases = [
        (([(0.0, 5.0)], [20.0]), 25.0, "In percent: 5 of 20 s."),
        (([(10.0, 20.0)], [40.0]), 25.0, "The length of a moment is its end minus its start."),
        (([(0.0, 5.0), (0.0, 5.0)], [10.0, 100.0]), 27.5, "A mean of shares, 50 % and 5 %, not a ratio of means."),
        (([(0.0, 1.0), (0.0, 1.0), (0.0, 8.0)], [10.0, 10.0, 10.0]), 100 / 3, "The mean, not the median."),
        (([(2.0, 4.0), (6.0, 8.0), (0.0, 8.0)], [8.0, 8.0, 8.0]), 50.0, "Each moment counts, also several of a video."),
    ]

    def shares(m: list, d: list) -> list[float]:
        return [100 * (end - start) / t for (start, end), t in zip(m, d, strict=True)]

    mistakes = [
        (lambda m, d: sum(shares(m, d)), "On average: divide the sum of the shares by their number."),
        (lambda m, d: sum(end - start for start, end in m) / len(m), "A share of the video, not seconds."),
        (lambda m, d: 100 * sum(e - s for s, e in m) / len(m) / max(d), "Each moment is a share of its own video."),
        (lambda m, d: -sum(shares(m, d)) / len(m), "The length of a moment is its end minus its start."),
    ]
    right = "Charades-STA's moments cover about a quarter of their video."
    try_cases("mean_share", solution, cases, right, mistakes=mistakes)
