"""What the tests know of 13_your_own_video: a wrong answer to each exercise."""

import torch

WRONG = {
    "clip_seconds": lambda first, last, num_clips, duration: (
        first * duration / num_clips,
        last * duration / num_clips,
    ),
    "score_to_iou": lambda score, t_min, t_max: score,
    "best_of_windows": lambda windows: max(
        ((score, start, end) for _, answers in windows for start, end, score in answers)
    )[1:],
}

EXPECTED = {  # of Toy-STA tiny as of small: what does not hang on the training
    "mean_score": (0.05, 0.9),
    "mean_iou": (0.3, 0.95),
    "joined_1_ceiling": (0.65, 0.95),
    "joined_4_ceiling": (0.3, 0.8),
}


def _smooth(logits, window_counts, temperature, padded="-inf", n="candidates", outer=True, divide=True):
    """The smooth maximum, with one thing left out or done otherwise."""
    B, W, P = logits.shape
    real = torch.arange(W) < window_counts[:, None]
    x = logits / temperature if divide else logits
    if padded != "kept":
        x = x.masked_fill(~real[..., None], float(padded))
    total = x.flatten(1).logsumexp(dim=1)
    counts = {"candidates": window_counts * P, "all": torch.tensor(W * P), "windows": window_counts, "none": None}[n]
    total = total if counts is None else total - counts.log()
    return temperature * total if outer else total


def _with(**changes):
    return lambda logits, window_counts, temperature: _smooth(logits, window_counts, temperature, **changes)


def _hard(logits, window_counts, temperature):
    real = torch.arange(logits.shape[1]) < window_counts[:, None]
    return logits.masked_fill(~real[..., None], float("-inf")).flatten(1).max(dim=1).values


def _overflowing(logits, window_counts, temperature):
    real = (torch.arange(logits.shape[1]) < window_counts[:, None])[..., None]
    total = ((logits / temperature).exp() * real).sum(dim=(1, 2))
    return temperature * (total / (window_counts * logits.shape[2])).log()


def _weighted(logits, window_counts, temperature):  # the softmax-weighted mean: another smooth maximum
    real = torch.arange(logits.shape[1]) < window_counts[:, None]
    x = logits.masked_fill(~real[..., None], -1e9).flatten(1)
    return ((x / temperature).softmax(dim=1) * x).sum(dim=1)


WRONG["iou_range"] = [
    (lambda score, t_min, t_max: (t_min + score * (t_max - t_min),) * 2, "eq. 4 turned round"),  # eq. 4 turned round
    lambda score, t_min, t_max: (t_min + score * (t_max - t_min), t_min + score * (1 - t_min)),
    lambda score, t_min, t_max: (score * t_max, t_min + score * (t_max - t_min)),
    (
        lambda score, t_min, t_max: (t_min + score * (1 - t_min), score * t_max),
        "lowest comes first",
    ),  # the other way round
    lambda score, t_min, t_max: (t_min, t_max),
    lambda score, t_min, t_max: (0.0, 1.0),
    lambda score, t_min, t_max: (score * t_max, score),
    lambda score, t_min, t_max: (score * t_min, score * t_max),
    lambda score, t_min, t_max: (0.0 if score < 1 else t_max, 1.0 if score > 0 else t_min),
    (lambda score, t_min, t_max: t_min + score * (t_max - t_min), "2 entries"),
]

WRONG["video_score"] = [
    (_hard, "the maximum itself"),
    (_with(padded="kept"), "Padding takes no part"),
    (_with(padded="0"), "minus infinity"),
    (_with(n="none"), "log n is missing"),
    (_with(n="all"), "not those of the padded tensor"),
    (_with(n="windows"), "windows times P"),
    (_with(outer=False), "by the temperature again"),
    (_with(divide=False), "before the exponential"),
    _with(padded="kept", n="all"),
    (_overflowing, "overflows"),
    _weighted,
    (
        lambda logits, window_counts, temperature: _smooth(logits, window_counts, temperature).detach(),
        "no gradient reaches logits",
    ),
    lambda logits, window_counts, temperature: _smooth(logits, window_counts, temperature).mean(),
    lambda logits, window_counts, temperature: logits.mean(dim=(1, 2)),
]
