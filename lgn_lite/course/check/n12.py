"""Exercises of 12_what_does_it_really_use."""

from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases


def other_video(solution: Callable[[list], list]) -> None:
    """other_video(videos): for each query the number of another video, the same one for all queries of a video."""
    cases = [
        (([0, 1, 2],), [1, 2, 0], "Each video gets the next one, and the last one gets the first."),
        (([0, 0, 1, 2],), [1, 1, 2, 0], "Two queries of one video stay together."),
        (([0, 1, 0, 1],), [1, 0, 1, 0], "The queries of a video need not be adjacent."),
        (
            ([7, 7, 3],),
            [3, 3, 7],
            "Take the videos in the order in which they first appear; their numbers may have gaps.",
        ),
    ]
    try_cases("other_video", solution, cases, "No query keeps its own video, and every video still has queries.")


def same_mix(solution: Callable[[dict, dict], float]) -> None:
    """same_mix(recall, counts): recall by kind of sentence, weighed by another split's counts of each kind."""
    easy = {"attribute": 90.0, "temporal": 50.0}
    cases = [
        ((easy, {"attribute": 10, "temporal": 10}), 70.0, "As many of each kind: the plain mean."),
        ((easy, {"attribute": 30, "temporal": 10}), 80.0, "Three of four queries are of the easy kind."),
        ((easy, {"attribute": 0, "temporal": 5}), 50.0, "A kind that the other split lacks has no weight."),
        ((easy, {"temporal": 10, "attribute": 30}), 80.0, "Match the kinds by name, not by their order."),
    ]
    try_cases("same_mix", solution, cases, "Now two splits differ in what you compare, and not in their mix.")


def tied_hit(solution: Callable[[list, list], float]) -> None:
    """tied_hit(scores, hits): the chance of a hit if one of the candidates of the highest score is drawn."""
    cases = [
        (([0.1, 0.9, 0.3], [0, 1, 0]), 1.0, "One candidate is highest, and it is a hit."),
        (([0.9, 0.9, 0.3], [0, 1, 1]), 0.5, "Two share the highest score, and one of them is a hit."),
        (([0.5, 0.5, 0.5, 0.5], [1, 0, 0, 0]), 0.25, "All four are equal: each is as likely as the others."),
        (([-2.0, -1.0, -1.0], [1, 0, 0]), 0.0, "Neither of the two highest is a hit; scores may be negative."),
    ]
    try_cases("tied_hit", solution, cases, "A result that changes with the order of ties is not a result.")
