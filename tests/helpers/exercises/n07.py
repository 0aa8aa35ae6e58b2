"""What the tests know of 07_late_guidance: a wrong answer to each exercise, and its key numbers."""

from torch import nn
from torch.nn.functional import normalize

WRONG = {
    "guide_cell": lambda features, alpha: [a * x for a, x in zip(alpha, features, strict=True)],
    "same_guidance": lambda alpha, other, norm: alpha == other,
    "entry_size": lambda channels, scale: 1 / channels if scale == "unit" else 1.0,
}

EXPECTED = {  # of the committed run: size small, profile cpu, seed 0
    "gradient_map": (0.0, 1e-5),
    "gradient_cell": (0.05, 5.0),
    "logits_rms_over_unit": (7.9, 8.1),
    "loss_one_score": (0.15, 0.17),
    "loss_one_score_each": (0.14, 0.16),
    "loss_unit": (0.21, 0.32),
    "loss_unit_boosted": (0.13, 0.17),
    "loss_unit_rate": (0.13, 0.2),
    "loss_rms": (0.13, 0.17),
    "R1@0.5 LGN, its own α": (75.0, 95.0),
    "R1@0.5 LGN, ten times α": (75.0, 95.0),
    "R1@0.5 LGN, the mean α": (73.0, 95.0),
    "R1@0.5 LGN, all ones": (0.0, 30.0),
    "R1@0.5 + late, its own α": (76.0, 93.0),
    "R1@0.5 + late, the mean α": (70.0, 93.0),
}


def guidance(divided, weighted=lambda x, alpha: alpha[:, None] * x, terms=lambda x, axis: x.shape[axis], none=None):
    """A class that is right but for what is given: how it divides, weights, counts terms, does without a norm."""

    class MyLateGuidance(nn.Module):
        def __init__(self, norm, scale):
            super().__init__()
            self.norm, self.scale = norm, scale

        def forward(self, x, alpha):
            w = weighted(x, alpha)
            if self.norm == "none":
                return none(w, self.scale) if none else w
            axis = 2 if self.norm == "cell" else 1
            return divided(w, axis) * (terms(x, axis) ** 0.5 if self.scale == "rms" else 1)

    return MyLateGuidance


def right(w, axis):
    return normalize(w, dim=axis)


WRONG["late_guidance"] = [
    (guidance(lambda w, axis: normalize(w, dim=3 - axis)), "the last axis"),
    (guidance(lambda w, axis: normalize(w, dim=2)), "the middle axis"),
    (guidance(lambda w, axis: w / w.norm(dim=axis, keepdim=True).detach()), "no detach"),
    (guidance(lambda w, axis: w / w.norm(dim=axis, keepdim=True)), "A row of zeros stays zeros"),
    (guidance(lambda w, axis: w / w.abs().sum(axis, keepdim=True)), "L1 norm"),
    (guidance(lambda w, axis: w / w.square().sum(axis, keepdim=True)), "root of the sum"),
    (guidance(lambda w, axis: w / w.square().sum(axis, keepdim=True).sqrt().clamp(min=1e-12)), "row of zeros"),
    (guidance(lambda w, axis: normalize(w, dim=(1, 2))), "not one for all"),
    (guidance(lambda w, axis: w / w.norm()), "the last axis"),
    (guidance(right, weighted=lambda x, alpha: x), "α of each channel"),
    (guidance(right, weighted=lambda x, alpha: alpha.abs()[:, None] * x), "α of each channel"),
    (guidance(right, weighted=lambda x, alpha: alpha.softmax(1)[:, None] * x), "α of each channel"),
    (guidance(right, weighted=lambda x, alpha: alpha * x), ""),
    (guidance(right, weighted=lambda x, alpha: alpha[:1, None] * x), "α of its own"),
    (guidance(right, terms=lambda x, axis: x.shape[2]), "there are P"),
    (guidance(right, terms=lambda x, axis: x.shape[axis] ** 2), "root of the number of terms"),
    (guidance(right, none=lambda w, scale: w * (w.shape[2] ** 0.5 if scale == "rms" else 1)), "does nothing"),
    (guidance(right, none=lambda w, scale: normalize(w, dim=2)), "Without a norm"),
    (guidance(right, weighted=lambda x, alpha: x.mul_(alpha[:, None])), "changing an input"),
    (guidance(lambda w, axis: right(w, axis).detach()), "differentiable"),
    (guidance(lambda w, axis: normalize(w, dim=axis)[0]), ""),
]
