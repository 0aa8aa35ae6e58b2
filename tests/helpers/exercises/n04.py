"""What the tests know of 04_the_moment_map: a wrong answer to each exercise, and bounds of its results."""

import torch

WRONG = {
    "candidate_number": lambda first, last, num_clips: first * num_clips + last,
    "step_of_length": lambda length, scales: 1 if length <= scales[0] else 2,
    "ceiling_of": lambda candidates, truths, m: 100.0,
}
EXPECTED = {"ceiling@0.5": (95, 100), "ceiling@0.7": (80, 97), "chance@0.5": (2, 9)}  # percent


def each(pool):
    """Candidate by candidate: `pool` makes (B, C) of the clips of one, (B, n, C)."""
    return lambda clips, first, last: torch.stack(
        [pool(clips[:, s : e + 1]) for s, e in zip(first, last, strict=True)], dim=1
    )


def inside(clips, first, last):
    """(P, N, 1): which clips belong to which candidate."""
    number = torch.arange(clips.shape[1])
    return ((number >= first[:, None]) & (number <= last[:, None]))[..., None]


WRONG["pool_clips"] = [
    (each(lambda x: x.mean(dim=1)), "The mean dilutes"),
    (each(lambda x: x.sum(dim=1)), "The sum grows"),
    (each(lambda x: x.amin(dim=1)), "That is the minimum"),
    (each(lambda x: x.max(dim=2).values[:, :1].expand(-1, x.shape[2])), "its clips"),
    (each(lambda x: torch.maximum(x[:, 0], x[:, -1])), "not only its first and last"),
    (each(lambda x: x.abs().amax(dim=1)), "keep the signs"),
    (each(lambda x: x.logsumexp(dim=1)), "A smooth maximum"),
    (each(lambda x: x.detach().amax(dim=1)), "no gradient reaches"),
    (lambda clips, first, last: (clips[:, None] * inside(clips, first, last)).amax(dim=2), "mask with −inf"),
    (
        lambda clips, first, last: torch.stack(
            [clips[:, s:e].amax(dim=1) for s, e in zip(first, last, strict=True)], dim=1
        ),
        "the last one included",
    ),
    (lambda clips, first, last: clips.cummax(dim=1).values[:, last], "from the first clip of all on"),
    (
        lambda clips, first, last: torch.stack(
            [clips[0, s : e + 1].amax(dim=0) for s, e in zip(first, last, strict=True)]
        ),
        "",
    ),
    (lambda clips, first, last: each(lambda x: x.amax(dim=1))(clips, first, last).transpose(1, 2), ""),
]
