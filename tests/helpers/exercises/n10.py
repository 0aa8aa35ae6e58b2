"""What the tests know of 10_ablations: a wrong answer to each exercise, and its key numbers."""

from statistics import pstdev

import torch
from torch import nn


def _without_pairs(ours, reference, t):
    mean = sum(ours) / len(ours) - sum(reference) / len(reference)
    half = t * (pstdev(ours) + pstdev(reference)) / len(ours) ** 0.5
    return mean - half, mean + half


WRONG = {
    "paired_interval": _without_pairs,
    "false_alarms": lambda comparisons, level: comparisons * level,
    "seeds_needed": lambda deviation, difference: int((2 * deviation / difference) ** 2),
}

EXPECTED = {  # what the text says of the committed study
    "early": (93.0, 96.0),
    "baseline": (81.0, 86.0),
    "late": (86.0, 91.0),
    "full": (93.0, 96.0),
    "labels-paper": (85.0, 90.0),
    "norm-cell-unit": (68.0, 95.0),
    "norm-none": (96.0, 97.5),
    "runs": (105, 105),
}


def _attention(alpha, begin=torch.zeros, shape=lambda text_dim, channels: channels):
    """A class with one parameter, and what it makes of it and of the sentences."""

    class UnconditionalAttention(nn.Module):
        def __init__(self, text_dim, channels):
            super().__init__()
            self.bias = nn.Parameter(begin(shape(text_dim, channels)))

        def forward(self, sentence):
            return alpha(self.bias, sentence)

    return UnconditionalAttention


def _rows(bias, sentence):
    return bias.expand(len(sentence), -1)


class _Linear(nn.Module):
    """Late guidance itself."""

    def __init__(self, text_dim, channels):
        super().__init__()
        self.linear = nn.Linear(text_dim, channels)

    def forward(self, sentence):
        return self.linear(sentence)


class _NotLearned(nn.Module):
    def __init__(self, text_dim, channels):
        super().__init__()
        self.channels = channels

    def forward(self, sentence):
        return torch.zeros(len(sentence), self.channels)


WRONG["unconditional_attention"] = [
    (_attention(lambda bias, s: bias + s.mean(1, keepdim=True)), "depends on the sentence"),
    _attention(lambda bias, s: bias),  # without a batch
    _attention(lambda bias, s: _rows(bias, s).detach()),
    _attention(lambda bias, s: bias.data.expand(len(s), -1)),
    _attention(lambda bias, s: torch.tensor(bias.tolist()).expand(len(s), -1)),
    _attention(lambda bias, s: bias[:, None].expand(-1, len(s))),  # (C, B)
    _attention(lambda bias, s: _rows(bias.sigmoid(), s)),
    _attention(lambda bias, s: _rows(bias.softmax(0), s)),
    _attention(lambda bias, s: _rows(bias / bias.norm(), s)),
    _attention(_rows, begin=torch.ones),
    _attention(_rows, begin=torch.randn),
    _attention(lambda bias, s: bias.expand(len(s), s.shape[1]), shape=lambda text_dim, channels: 1),  # one for all
    _attention(_rows, shape=lambda text_dim, channels: text_dim),
    _Linear,
    _NotLearned,
]
