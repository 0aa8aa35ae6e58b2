"""What the tests know of 05_early_modulation: a wrong answer to each exercise, and bounds of its results."""

import torch
from torch import nn

WRONG = {
    "modulate": lambda matrix, sentence, feature: list(feature),
    "film_relu": lambda projected, feature: [max(0.0, projected[d] * x) for d, x in enumerate(feature)],
    "unit_parameters": lambda units, text_dim, channels, shift: units * text_dim * channels,
}
EXPECTED = {
    "right, baseline": (30, 97),  # percent of the queries whose activity both figures do
    "right, early": (50, 100),
    "right, full": (50, 100),
    "AUC, sum after the ReLU": (45, 75),
    "AUC, sum before the ReLU": (80, 100),
    "AUC, sum before the ReLU, × 10": (85, 100),
    "AUC, product before the ReLU": (85, 100),
    "AUC, product before the ReLU, × 10": (85, 100),
    "AUC, product before fc7": (85, 100),
}


def modulation(forward, first: float | None = 1.0, bias: bool = True) -> type[nn.Module]:
    """A class with a linear layer `project` whose bias begins at `first`; None: as PyTorch has it."""

    class MyEarlyModulation(nn.Module):
        def __init__(self, text_dim, channels):
            super().__init__()
            self.project = nn.Linear(text_dim, channels, bias=bias)
            if bias and first is not None:
                nn.init.constant_(self.project.bias, first)

    MyEarlyModulation.forward = forward
    return MyEarlyModulation


def gate_of(self, sentence):
    return self.project(sentence).unsqueeze(1)


def in_place(self, features, sentence):
    features *= gate_of(self, sentence)
    return features


def without_return(self, features, sentence):
    gate_of(self, sentence) * features


def by_numpy(self, features, sentence):
    return torch.tensor((gate_of(self, sentence) * features).tolist())


def product(self, features, sentence):
    return gate_of(self, sentence) * features


WRONG["early_modulation"] = [
    (modulation(lambda self, f, s: f + gate_of(self, s)), "It adds"),
    (modulation(lambda self, f, s: f * gate_of(self, s).sigmoid()), "sigmoid"),
    (modulation(lambda self, f, s: f * gate_of(self, s).relu()), "closes every negative gate"),
    (modulation(lambda self, f, s: f * (1 + gate_of(self, s))), "The 1 is in the bias already"),
    (modulation(lambda self, f, s: f * self.project(s)), "(B, D) → (B, 1, D)"),
    (modulation(lambda self, f, s: f * self.project(s).unsqueeze(2)), "The gate is the linear layer"),
    (modulation(lambda self, f, s: f * gate_of(self, s)[:1]), "Each sentence has its own gate"),
    (modulation(lambda self, f, s: (f * gate_of(self, s)).mT), "another order"),
    (modulation(lambda self, f, s: f * gate_of(self, s).softmax(-1)), "The gate is the linear layer"),
    (modulation(lambda self, f, s: f * gate_of(self, nn.functional.normalize(s, dim=-1))), "The gate is the linear"),
    (modulation(product, first=None), "first values"),
    (modulation(product, first=0.0), "first values"),
    (modulation(product, bias=False), "parameters"),
    (modulation(lambda self, f, s: f * gate_of(self, s).detach()), "no gradient reaches"),
    (modulation(by_numpy), "no gradient reaches"),
    (modulation(in_place), "changing an input"),
    (modulation(without_return), "is a return missing"),
]
