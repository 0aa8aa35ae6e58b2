"""Exercises of 01_queries_and_moments."""

from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases
from lgn_lite.course.check.parts import iou


def clean_pair(solution: Callable[[float, float, float], tuple]) -> None:
    """clean_pair(start, end, duration): 2D-TAN's rules for one pair, in seconds; an empty tuple drops it."""
    cases = [
        ((2.0, 9.0, 30.0), (2.0, 9.0), "Nothing is wrong with this pair: leave it as it is, in seconds."),
        ((24.0, 33.5, 30.0), (24.0, 30.0), "An end past the duration is clipped to it; the start does not change."),
        ((31.0, 33.5, 30.0), (), "Clip first, then compare: from 31 to 30 s is not a moment, so it is dropped."),
        ((12.0, 12.0, 30.0), (), "A moment without length is dropped: start < end, strictly."),
        ((0.0, 30.0, 30.0), (0.0, 30.0), "A moment may be as long as its video."),
        ((9.0, 2.0, 30.0), (), "A pair that ends before it starts is dropped, not turned round."),
        ((2.0, 9.0, 8.6), (2.0, 8.6), "A duration is not a whole number of seconds: clip to 8.6."),
    ]
    try_cases("clean_pair", solution, cases, "On Charades-STA this rule drops 4 of 12,408 training pairs.")


def hit_rate(solution: Callable[[tuple, list, float], float]) -> None:
    """hit_rate(interval, spans, m): percent of spans that the interval overlaps by an IoU larger than m."""
    spans = [(0.0, 0.4), (0.1, 0.3), (0.5, 0.9), (0.0, 1.0)]
    cases = [
        (((0.0, 0.4), spans[:1], 0.5), 100.0, "The interval is the span itself; the result is in percent."),
        (((0.0, 1.0), [(0.2, 0.4)], 0.5), 0.0, "A span inside the interval: divide by the union, 1, not by the span."),
        (((0.2, 0.4), [(0.0, 1.0)], 0.5), 0.0, "The interval lies inside the span: divide by the union, which is 1."),
        (((0.5, 0.9), spans, 0.5), 25.0, "Only the third of the four spans overlaps it by more than half."),
        (((0.0, 0.5), [(0.0, 1.0)], 0.5), 0.0, "An IoU of exactly m does not count: larger than m, strictly."),
        (((0.0, 0.5), spans, 0.3), 75.0, "All but the third: 0.8, 0.4 and 0.5 are larger than 0.3."),
        (((0.0, 0.1), [(0.4, 0.5)], 0.0), 0.0, "Intervals that do not meet overlap by 0, never by more."),
        (((0.0, 0.4), spans[:3], 0.5), 100 / 3, "One of three is 33.3… percent, not rounded."),
    ]

    mistakes = [
        (
            lambda i, spans, m: 100 * sum(iou(i, s) > 0 for s in spans) / len(spans),
            "To overlap is not enough: the IoU has to be larger than m.",
        ),
        (lambda i, spans, m: 100 * sum(iou(i, s) > 0.5 for s in spans) / len(spans), "The threshold m is ignored."),
        (lambda i, spans, m: 100 * sum(iou(i, s) for s in spans) / len(spans), "Count the hits, not the mean IoU."),
        (lambda i, spans, m: sum(iou(i, s) > m for s in spans), "That is a number of hits; the result is in percent."),
        *(
            (
                lambda i, spans, m, share=share: 100 * sum(share(i, *s) > m for s in spans) / len(spans),
                "The shared part is divided by the union of the two; it is not enough by itself.",
            )
            for share in (lambda i, s, e: min(e, i[1]) - max(s, i[0]),)
        ),
    ]
    right = "The best constant interval is the one with the largest hit rate."
    try_cases("hit_rate", solution, cases, right, mistakes=mistakes)


def video_hold_out(solution: Callable[[list, int], list]) -> None:
    """video_hold_out(videos, count): for each query 1 if its video is held out, else 0."""
    cases = [
        ((["a", "b"], 1), [1, 0], "Hold out the first video in alphabetical order."),
        ((["b", "a"], 1), [0, 1], "The order of the queries must not matter: sort the videos."),
        ((["a", "a", "b", "c", "a"], 1), [1, 1, 0, 0, 1], "All queries of a held-out video go with it."),
        ((["a", "a", "b", "c"], 2), [1, 1, 1, 0], "Count videos, not queries: two of the three videos."),
        ((["c", "b", "a", "b"], 0), [0, 0, 0, 0], "No video is held out, so no query is."),
    ]
    mistakes = [
        (lambda v, c: [int(x not in sorted(set(v))[:c]) for x in v], "A query held out is 1, any other 0."),
        *(
            (wrong, "A 1 or a 0 for each query, in the order of the queries.")
            for wrong in (
                lambda v, c: sorted(set(v))[:c],
                lambda v, c: [x for x in v if x in sorted(set(v))[:c]],
                lambda v, c: [int(x in sorted(set(v))[:c]) for x in dict.fromkeys(v)],
                lambda v, c: [int(x in sorted(set(v))[:c]) for x in sorted(set(v))],
            )
        ),
    ]
    right = "The package sorts by a hash of the name, so that no name is favoured."
    try_cases("video_hold_out", solution, cases, right, mistakes=mistakes)
