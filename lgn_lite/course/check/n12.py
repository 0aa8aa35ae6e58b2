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
        (([5, 2, 9],), [2, 9, 5], "The videos go in the order in which they first appear, not sorted."),
        (
            ([0, 1, 0, 2],),
            [1, 2, 1, 0],
            "The same one for all queries of a video: the next in order of first appearance.",
        ),
        (([4, 6, 4, 8, 6],), [6, 8, 6, 4, 8], "Their first appearance counts, not their last."),
    ]

    def following(order: Callable, step: int = 1) -> Callable:
        def other(videos: list) -> list:
            distinct = order(videos)
            return [distinct[(distinct.index(v) + step) % len(distinct)] for v in videos]

        return other

    def appearance(videos: list) -> list:
        return list(dict.fromkeys(videos))

    mistakes = [
        (following(lambda v: sorted(set(v))), "The videos go in the order in which they first appear, not sorted."),
        (lambda v: following(appearance)(appearance(v)), "One number for each query, not for each video."),
        (
            lambda v: following(lambda v: sorted(set(v)))(sorted(v)),
            "Keep the order of the queries: the list of videos is not to be sorted.",
        ),
        (
            lambda v: following(appearance)(sorted(v)),
            "Keep the order of the queries: the list of videos is not to be sorted.",
        ),
        (
            lambda v: [next(w for w in [*v[i:], *v] if w != x) for i, x in enumerate(v)],
            "The same one for all queries of a video: not the next query's video.",
        ),
    ]
    right = "No query keeps its own video, and every video still has queries."
    try_cases("other_video", solution, cases, right, mistakes=mistakes)


def same_mix(solution: Callable[[dict, dict], float]) -> None:
    """same_mix(recall, counts): recall by kind of sentence, weighed by another split's counts of each kind."""
    easy = {"attribute": 90.0, "temporal": 50.0}
    cases = [
        ((easy, {"attribute": 10, "temporal": 10}), 70.0, "As many of each kind: the plain mean."),
        ((easy, {"attribute": 30, "temporal": 10}), 80.0, "Three of four queries are of the easy kind."),
        ((easy, {"attribute": 0, "temporal": 5}), 50.0, "A kind that the other split lacks has no weight."),
        ((easy, {"temporal": 10, "attribute": 30}), 80.0, "Match the kinds by name, not by their order."),
        ((easy, {"attribute": 2, "temporal": 1}), 230 / 3, "Two of three: 76.7 percent, not rounded."),
        (
            ({**easy, "ordinal": 20.0}, {"attribute": 1, "temporal": 1}),
            70.0,
            "The other split need not have every kind.",
        ),
    ]

    def weighted(total: Callable, divide: Callable) -> Callable:
        return lambda recall, counts: total(recall, counts) / divide(counts)

    def right_total(recall: dict, counts: dict) -> float:
        return sum(recall[kind] * n for kind, n in counts.items())

    by_name = "Match the kinds by name, not by their order and not by their size."
    mistakes = [
        (weighted(right_total, lambda counts: 1), "It is a mean: divide by the number of queries."),
        (weighted(right_total, len), "It is a mean: divide by the number of queries, not of kinds."),
        (
            lambda recall, counts: (
                sum(r * n for r, n in zip(sorted(recall.values()), sorted(counts.values()), strict=False))
                / sum(counts.values())
            ),
            by_name,
        ),
        (
            lambda recall, counts: round(right_total(recall, counts) / sum(counts.values())),
            "The result is not rounded.",
        ),
    ]
    right = "Now two splits differ in what you compare, and not in their mix."
    try_cases("same_mix", solution, cases, right, mistakes=mistakes)


def tied_hit(solution: Callable[[list, list], float]) -> None:
    """tied_hit(scores, hits): the chance of a hit if one of the candidates of the highest score is drawn."""
    cases = [
        (([0.1, 0.9, 0.3], [0, 1, 0]), 1.0, "One candidate is highest, and it is a hit."),
        (([0.9, 0.9, 0.3], [0, 1, 1]), 0.5, "Two share the highest score, and one of them is a hit."),
        (([0.5, 0.5, 0.5, 0.5], [1, 0, 0, 0]), 0.25, "All four are equal: each is as likely as the others."),
        (([-2.0, -1.0, -1.0], [1, 0, 0]), 0.0, "Neither of the two highest is a hit; scores may be negative."),
        (([0.9, 0.89, 0.3], [1, 0, 0]), 1.0, "Only scores equal to the highest are tied: close is not enough."),
    ]

    def share(tie: Callable) -> Callable:
        def other(scores: list, hits: list) -> float:
            tied = [hit for score, hit in zip(scores, hits, strict=True) if tie(score, scores)]
            return sum(tied) / len(tied)

        return other

    mistakes = [
        (share(lambda s, scores: s == min(scores)), "The highest score is best, not the lowest."),
        (
            lambda scores, hits: 100 * share(lambda s, all_: s == max(all_))(scores, hits),
            "A chance is from 0 to 1, not percent.",
        ),
        (
            lambda scores, hits: sum(s * h for s, h in zip(scores, hits, strict=True)) / sum(scores),
            "Those with the highest score have the same chance, all others none: scores are no weights.",
        ),
    ]
    right = "A result that changes with the order of ties is not a result."
    try_cases("tied_hit", solution, cases, right, mistakes=mistakes)
