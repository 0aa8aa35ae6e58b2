"""What the tests know of 12_what_does_it_really_use: wrong answers with their messages, and its key numbers."""


def _next(order, step=1):
    """Each video is replaced by the one `step` further in some order of the distinct videos."""

    def solution(videos):
        distinct = order(videos)
        return [distinct[(distinct.index(v) + step) % len(distinct)] for v in videos]

    return solution


def _appearance(videos):
    return list(dict.fromkeys(videos))


def _weighted(recall, weights):
    return sum(recall[kind] * weight for kind, weight in weights.items()) / sum(weights.values())


def _normalises_in_place(recall, counts):
    total = sum(counts.values())
    for kind in counts:
        counts[kind] /= total
    return _sum(recall, counts)


def _sum(recall, counts):
    return sum(recall[kind] * counts[kind] for kind in counts)


def _tied(scores, hits, tie):
    return [hit for score, hit in zip(scores, hits, strict=True) if tie(score, scores)]


def _share(tie, join=lambda tied: sum(tied) / len(tied)):
    return lambda scores, hits: join(_tied(scores, hits, tie))


def _highest(score, scores):
    return score == max(scores)


WRONG = {
    "other_video": [
        (lambda videos: videos, "the next one"),
        (_next(lambda videos: sorted(set(videos))), "not sorted"),
        (_next(_appearance, step=-1), "the next one"),
        (lambda videos: videos[1:] + videos[:1], "stay together"),
        (lambda videos: videos[::-1], "the next one"),
        (lambda videos: [(v + 1) % (max(videos) + 1) for v in videos], "may have gaps"),
        (lambda videos: [(v + 1) % len(set(videos)) for v in videos], "may have gaps"),
        (lambda videos: [v + 1 for v in videos], "the first"),
        (
            lambda videos: [
                _appearance(videos)[(_appearance(videos).index(v) + 1) % len(set(videos))] for v in _appearance(videos)
            ],
            "each query",
        ),
        (lambda videos: [_appearance(videos)[1] if v == videos[0] else videos[0] for v in videos], "the next one"),
        (
            lambda videos: [next(w for w in [*videos[i:], *videos] if w != v) for i, v in enumerate(videos)],
            "The same one for all",
        ),
        (
            lambda videos: [
                _appearance(videos)[min(_appearance(videos).index(v) + 1, len(set(videos)) - 1)] for v in videos
            ],
            "the first",
        ),
        (lambda videos: [(_appearance(videos).index(v) + 1) % len(set(videos)) for v in videos], "may have gaps"),
        (lambda videos: (videos.sort(), _next(_appearance)(videos))[1], "order"),
        (_next(lambda videos: sorted(set(videos), reverse=True)), "the next one"),
        (_next(lambda videos: list(dict.fromkeys(videos[::-1])), step=-1), "first appearance"),
    ],
    "same_mix": [
        (lambda recall, counts: sum(recall.values()) / len(recall), "Three of four"),
        (lambda recall, counts: sum(recall.values()) / len(recall) + 0.5, "the plain mean"),
        (lambda recall, counts: _sum(recall, counts), "divide"),
        (lambda recall, counts: _sum(recall, counts) / len(counts), "divide"),
        (
            lambda recall, counts: (
                sum(r * n for r, n in zip(recall.values(), counts.values(), strict=False)) / sum(counts.values())
            ),
            "by name",
        ),
        (
            lambda recall, counts: (
                sum(r * n for r, n in zip(sorted(recall.values()), sorted(counts.values()), strict=False))
                / sum(counts.values())
            ),
            "by name",
        ),
        (lambda recall, counts: _weighted(recall, {k: max(1, n) for k, n in counts.items()}), "has no weight"),
        (lambda recall, counts: _weighted(recall, {k: 1 for k, n in counts.items() if n}), "Three of four"),
        (lambda recall, counts: recall[max(counts, key=counts.get)], "the plain mean"),
        (lambda recall, counts: max(recall.values()), "the plain mean"),
        (lambda recall, counts: _weighted(recall, {k: n**0.5 for k, n in counts.items()}), "Three of four"),
        (lambda recall, counts: _weighted(recall, {k: 1 / n for k, n in counts.items() if n}), "Three of four"),
        (
            lambda recall, counts: sum(n for k, n in counts.items() if recall[k] > 50) / sum(counts.values()) * 100,
            "the plain mean",
        ),
        (lambda recall, counts: round(_weighted(recall, counts)), "not rounded"),
        (lambda recall, counts: _weighted(recall, {k: counts[k] for k in recall}), "KeyError"),
        (
            lambda recall, counts: {k: recall[k] * n / sum(counts.values()) for k, n in counts.items()},
            "the answer is one number",
        ),
        (_normalises_in_place, "without a change of its arguments"),
    ],
    "tied_hit": [
        (lambda scores, hits: float(hits[scores.index(max(scores))]), "Two share the highest"),
        (lambda scores, hits: float(hits[len(scores) - 1 - scores[::-1].index(max(scores))]), "Two share the highest"),
        (_share(_highest, join=max), "Two share the highest"),
        (_share(_highest, join=min), "Two share the highest"),
        (_share(_highest, join=sum), "Two share the highest"),
        (_share(lambda s, scores: True), "One candidate is highest"),
        (lambda scores, hits: sum(_tied(scores, hits, _highest)) / len(scores), "One candidate is highest"),
        (lambda scores, hits: sum(_tied(scores, hits, _highest)) / max(1, sum(hits)), "each is as likely"),
        (_share(lambda s, scores: s == min(scores)), "highest score"),
        (_share(lambda s, scores: s >= 0.5), "may be negative"),
        (_share(lambda s, scores: abs(s) == max(map(abs, scores))), "negative"),
        (lambda scores, hits: sum(s * h for s, h in zip(scores, hits, strict=True)) / sum(scores), "the same chance"),
        (lambda scores, hits: 100 * _share(_highest)(scores, hits), "not percent"),
        (lambda scores, hits: _share(_highest)(scores, hits) > 0, "Two share the highest"),
        (lambda scores, hits: 1 / scores.count(max(scores)), "is a hit"),
        (_share(lambda s, scores: max(scores) - s < 0.05), "equal to the highest"),
        (
            lambda scores, hits: (
                scores.sort(reverse=True),
                sum(hits[: scores.count(scores[0])]) / scores.count(scores[0]),
            )[1],
            "One candidate is highest",
        ),
    ],
}

EXPECTED = {  # of one epoch on Toy-STA tiny as of the course's training on small
    "constant": (5.0, 20.0),
    "other_video": (0.0, 20.0),
    "words_alone": (3.0, 30.0),
    "blind_spread": (-0.001, 0.001),
}
