"""What the tests know of 07_late_guidance: a wrong answer to each exercise, and its key numbers."""

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
    "loss_rms": (0.13, 0.17),
    "R1@0.5 LGN, its own α": (75.0, 95.0),
    "R1@0.5 LGN, ten times α": (75.0, 95.0),
    "R1@0.5 LGN, the mean α": (73.0, 95.0),
    "R1@0.5 LGN, all ones": (0.0, 30.0),
    "R1@0.5 + late, its own α": (76.0, 93.0),
    "R1@0.5 + late, the mean α": (70.0, 93.0),
}
