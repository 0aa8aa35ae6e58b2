"""Small right answers that checks build likely mistakes from: overlaps, norms, labels."""


def dot(a: list, b: list) -> float:
    """Sum of the products of two lists of numbers."""
    return sum(x * y for x, y in zip(a, b, strict=True))


def norm(x: list) -> float:
    """Root of the sum of squares."""
    return dot(x, x) ** 0.5


def scaled(x: list, size: float) -> list:
    """A list of numbers divided by a size; zeros where the size is 0."""
    return [v / size if size else 0.0 for v in x]


def shared(a: tuple, b: tuple) -> float:
    """Seconds that two intervals share."""
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0]))


def iou(a: tuple, b: tuple) -> float:
    """Shared seconds of two intervals, divided by those of their union."""
    return shared(a, b) / (a[1] - a[0] + b[1] - b[0] - shared(a, b))


def label(overlap: float, t_min: float, t_max: float) -> float:
    """Equation 4 for one candidate, with its misprint corrected."""
    return min(1.0, max(0.0, (overlap - t_min) / (t_max - t_min)))


_RISE = "the label is linear between t_min and t_max."
# What readers make of eq. 4, with the reason
LABEL_MISTAKES = [
    (
        lambda o, a, b: min(1.0, max(0.0, (o - a) / (b - o))) if b != o else 1.0,
        "The denominator is t_max − t_min: the paper's printed one is a misprint.",
    ),
    (lambda o, a, b: min(1.0, max(0.0, o - a)), "Divide by t_max − t_min, so that the label rises to 1."),
    (lambda o, a, b: max(0.0, o - a), "Divide by t_max − t_min, so that the label rises to 1."),
    (lambda o, a, b: min(1.0, max(0.0, (o - a) / b)), "Divide by t_max − t_min, so that the label rises to 1."),
    (lambda o, a, b: (min(max(o, a), b) - a) / b, "Divide by t_max − t_min, so that the label rises to 1."),
    (lambda o, a, b: min(1.0, o / b), "First subtract t_min: up to it the label is 0."),
    (lambda o, a, b: min(1.0, (o - a) / (b - a)), "Below t_min the label is 0, never negative."),
    (lambda o, a, b: max(0.0, (o - a) / (b - a)), "From t_max on the label is 1, never more."),
    (lambda o, a, b: (o - a) / (b - a), "The label stays between 0 and 1: never negative, never more than 1."),
    (lambda o, a, b: float(o > a), f"It is not a threshold: {_RISE}"),
    (lambda o, a, b: float(o >= b), f"It is not a threshold: {_RISE}"),
    (lambda o, a, b: float(o > b), f"It is not a threshold: {_RISE}"),
    (lambda o, a, b: min(1.0, max(0.0, (b - o) / (b - a))), "The label rises with the IoU: 0 at t_min, 1 at t_max."),
    (lambda o, a, b: min(1.0, abs(o - a) / (b - a)), "Below t_min the label is 0, not an absolute value."),
]  # fmt: skip
