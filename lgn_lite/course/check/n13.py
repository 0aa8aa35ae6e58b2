"""Exercises of 13_your_own_video."""

from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases


def clip_seconds(solution: Callable[[int, int, int, float], tuple]) -> None:
    """clip_seconds(first, last, num_clips, duration): start and end of a candidate in seconds."""
    cases = [
        ((0, 3, 4, 20.0), (0.0, 20.0), "From the first clip to the last is the whole video."),
        ((1, 1, 4, 20.0), (5.0, 10.0), "One clip alone is a moment: it ends where that clip ends."),
        ((2, 5, 16, 32.0), (4.0, 12.0), "A clip lasts duration / num_clips seconds."),
        ((0, 0, 20, 30.0), (0.0, 1.5), "Clips are counted from 0."),
    ]
    try_cases("clip_seconds", solution, cases, "A longer video thus has coarser predictions, in seconds.")


def score_to_iou(solution: Callable[[float, float, float], float]) -> None:
    """score_to_iou(score, t_min, t_max): the overlap that a score predicts, eq. 4 inverted."""
    cases = [
        ((0.5, 0.0, 1.0), 0.5, "With 0 and 1 the label is the IoU itself."),
        ((0.5, 0.3, 1.0), 0.65, "Half-way between t_min and t_max."),
        ((1.0, 0.0, 0.5), 0.5, "A score of 1 predicts t_max, and that may be less than 1."),
        ((0.0, 0.3, 1.0), 0.3, "A score of 0 predicts t_min at most."),
    ]
    try_cases("score_to_iou", solution, cases, "The same score predicts less with the paper's thresholds.")


def best_of_windows(solution: Callable[[list], tuple]) -> None:
    """best_of_windows(windows): the best prediction of all windows, in seconds of the whole video."""
    one = [(0.0, [(1.0, 3.0, 0.2), (4.0, 6.0, 0.7)])]
    two = [(0.0, [(1.0, 3.0, 0.2)]), (20.0, [(4.0, 6.0, 0.7)])]
    swapped = [(20.0, [(4.0, 6.0, 0.1)]), (0.0, [(1.0, 3.0, 0.2), (7.0, 8.0, 0.1)])]
    cases = [
        ((one,), (4.0, 6.0), "The highest score wins, wherever it is in the list."),
        ((two,), (24.0, 26.0), "Both ends move by the second at which the window begins."),
        ((swapped,), (1.0, 3.0), "A later window does not win by its position: only the scores count."),
        (([(10.0, []), (30.0, [(0.0, 2.0, 0.1)])],), (30.0, 32.0), "A window may be without a prediction."),
    ]
    try_cases("best_of_windows", solution, cases, "It is only as good as scores are comparable between windows.")
