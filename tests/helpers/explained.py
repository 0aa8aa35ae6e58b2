"""What figures of an explanation draw: a video, its moment, the predictions of two models, the effects of words."""

from lgn_lite.analysis.explanation import WordEffect

DURATION, GROUND_TRUTH = 20.0, (5.0, 10.0)
PREDICTIONS = {"LGN": [(5.0, 10.0), (0.0, 5.0)], "baseline": [(10.0, 20.0)]}
EFFECTS = [
    WordEffect("red", 0.2, -0.5, (0.0, 0.25)),
    WordEffect("light", 0.75, 0.05, (0.25, 0.5)),
    WordEffect("shines", 0.7, 0.0, (0.25, 0.5)),
]
