"""What a reader's code and the right code gave, next to each other: what differs, and how a message says it."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from lgn_lite.course.check.cases import one_line, raised, shown, unchanged

TOLERANCE = 1e-4  # relative to the largest right number of a tensor: single precision sums in another order

Mistake = tuple[Any, str]  # a wrong solution that readers write, and what is wrong with it


@dataclass
class Outcome:
    """What a solution gave in one case."""

    call: str = ""
    values: dict[str, Any] = field(default_factory=dict)  # results, then gradients; None: no gradient arrives
    randomness: dict[str, bool] = field(default_factory=dict)  # by mode, whether two calls differ
    changed: bool = False  # whether an input was changed
    error: Exception | None = None
    where: str = ""
    code: Any = None
    labels: dict[str, str] = field(default_factory=dict)  # the solution's own names of arguments and parameters

    def add(self, other: "Outcome", suffix: str) -> None:
        self.call, self.error, self.code = other.call, other.error, other.code
        self.labels |= other.labels
        self.changed |= other.changed
        self.values |= {key + suffix: value for key, value in other.values.items()}


def compare(
    name: str, run: Callable[..., "Outcome"], solution: Any, reference: Any, cases: list, mistakes: Iterable[Mistake]
) -> None:
    """Run solution and reference in all cases; report the first difference.

    Args:
        name: of the exercise.
        run: gives the outcome of a solution, or of the reference, in one case.
        solution: the reader's code.
        reference: the right code.
        cases: arguments of `run` after the solution, and what a difference probably means.
        mistakes: wrong solutions with their reasons.

    Raises:
        AssertionError: where something differs, with what it is.
    """
    with torch.random.fork_rng(devices=[]):  # a check leaves the notebook's random numbers as they are
        _compare(name, run, solution, reference, cases, mistakes)


def _compare(name: str, run: Callable, solution: Any, reference: Any, cases: list, mistakes: Iterable[Mistake]) -> None:
    rights, founds = [], []
    for *given, _ in cases:
        expected, found = run(reference, *given), run(solution, *given)
        assert expected.error is None, f"the reference of {name} raised {expected.error!r}"
        rights.append(expected)
        founds.append(found)
    for (*_, why), expected, found in zip(cases, rights, founds, strict=True):
        call = found.call or found.where
        if found.changed:
            raise AssertionError(
                f"{call} gave its result by changing an input, but it should be left as it is. Write `x = a * x`, not "
                "`x *= a`: the caller still needs what it gave."
            )
        if found.error is not None:
            first = next(iter(expected.values.values()))
            if "Module.__init__()" in str(found.error):
                why = "Begin __init__ with super().__init__(): without it a module cannot hold weights."
            words = f"{call} {raised(found.error, found.code)}, but it should be {_size(first)}. {why}"
            raise AssertionError(words) from found.error
        if complaint := _difference(found, expected):
            words, cause = complaint
            for key, label in found.labels.items():
                words = words.replace(f"‹{key}›", label)
            known = _explained(run, cases, founds, mistakes)
            raise AssertionError(f"{call} gave {words}. {known or cause or why}")


def _explained(run: Callable, cases: list, founds: list, mistakes: Iterable[Mistake]) -> str | None:
    """The reason of the mistake that gives in every case what was found."""
    for mistake, why in mistakes:
        try:
            others = [run(mistake, *given) for *given, _ in cases]
        except AssertionError:  # other parameters
            continue
        if all(
            theirs.error is None and _difference(ours, theirs) is None
            for ours, theirs in zip(founds, others, strict=True)
        ):
            return why
    return None


def _difference(found: Outcome, expected: Outcome) -> tuple[str, str | None] | None:
    """What differs, as "A but it should be B", and why if that is plain; None if nothing differs."""
    counts = [sum(key.startswith("the result") for key in outcome.values) for outcome in (found, expected)]
    if counts[0] != counts[1]:
        words = [f"{n} results" if n > 1 else "one result" for n in counts]
        return f"{words[0]} but it should be {words[1]}", "A list of tensors becomes one by torch.stack or torch.cat."
    drawn = [mode for mode, random in expected.randomness.items() if random]
    for mode, random in found.randomness.items():
        if random and mode not in drawn:
            return (
                f"two different results for the same inputs in {mode} mode but it should be one and the same",
                "Dropout and its like must stop in evaluation mode: use nn.Dropout, or pass self.training.",
            )
    for key, right in expected.values.items():
        if drawn and key.endswith(" in training mode"):
            continue  # two right modules may draw in another order
        value = found.values.get(key)
        if right is None:
            continue  # the reference lets no gradient through: whatever arrives does not matter
        if value is None and key.startswith("the gradient"):
            return (
                f"a result that no gradient reaches {key.removeprefix('the gradient of ')} from, but it should be "
                "differentiable in it",
                "No .detach(), .item(), .data, tolist(), torch.no_grad() or new torch.tensor(…) on the way; a weight "
                "is an nn.Parameter and takes part in the result.",
            )
        if complaint := _unequal(key, value, right):
            return complaint
    for mode in drawn:
        if not found.randomness.get(mode):
            return (
                f"the same result twice in {mode} mode but it should be random there",
                "The dropout is missing, or is always off.",
            )
    return None


def _unequal(key: str, value: Any, right: Any) -> tuple[str, str | None] | None:
    what = "" if key.startswith("the result") and "[" not in key else f" as {key}"
    if value is None:
        return f"None{what} but it should be {_size(right)}", "It returned None: is a return missing?"
    if not isinstance(right, Tensor):
        return None if unchanged(value, right) else (f"{shown(value)}{what} but it should be {shown(right)}", None)
    if not isinstance(value, Tensor):
        try:
            value = torch.as_tensor(value)
        except (TypeError, ValueError, RuntimeError):
            return f"{shown(value)}{what} but it should be {_size(right)}", None
    if value.shape != right.shape:
        return f"{_size(value)}{what} but it should be {_size(right)}", _shape_cause(value, right)
    value, right = value.double(), right.double()
    if key.startswith("the gradient") and right.any() and not value.any():
        return f"zeros{what} but it should be {_number(right, right.abs().argmax())}", None
    size = right.abs().nan_to_num(0, 0).max().item() if right.numel() else 0.0
    wrong = ~torch.isclose(value, right, rtol=TOLERANCE, atol=max(1e-6, TOLERANCE * size), equal_nan=True)
    if not wrong.any():
        return None
    # the largest difference, NaN and infinity first
    worst = torch.where(wrong, (value - right).abs().nan_to_num(torch.inf, torch.inf), -1.0).argmax()
    at = [int(i) for i in torch.unravel_index(worst, value.shape)]
    place = f" at {at}" if at else ""
    return f"{_number(value, worst)}{place}{what} but it should be {_number(right, worst)}", None


def _shape_cause(value: Tensor, right: Tensor) -> str | None:
    if right.ndim == 0:
        return "A loss is one number: take the mean (or the sum) over everything."
    if value.ndim == 0:
        return "It is one number: nothing is summed or averaged away here."
    if sorted(value.shape) == sorted(right.shape):
        return "The dimensions are in another order."
    if [n for n in value.shape if n != 1] == [n for n in right.shape if n != 1]:
        return "A dimension of size 1 is left over or is lost: see unsqueeze and squeeze."
    return None


def _number(values: Tensor, position: Tensor) -> str:
    return f"{values.flatten()[position].item():.4g}"


def _size(value: Any) -> str:
    if not isinstance(value, Tensor):
        return shown(value)
    if value.ndim == 0:
        return "one number"
    return f"a tensor of shape {tuple(value.shape)}"


def parameter_names(function: Callable, count: int) -> list[str]:
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = []
    return names[:count] + [f"argument {i}" for i in range(len(names), count)]


def named(function: Callable, arguments: tuple) -> str:
    """Arguments with the names that the function gives them, tensors by their shape."""
    names = parameter_names(function, len(arguments))
    return one_line(", ".join(f"{key}: {_brief(value)}" for key, value in zip(names, arguments, strict=True)), 300)


def listed(arguments: tuple) -> str:
    return one_line(", ".join(map(_brief, arguments)), 200)


def _brief(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"tensor{tuple(value.shape)}" if value.ndim else shown(value)
    if isinstance(value, (nn.Module, torch.optim.Optimizer)):
        return type(value).__name__
    if isinstance(value, Mapping):  # a batch
        return "{" + ", ".join(f"{key}: {_brief(part)}" for key, part in value.items()) + "}"
    return shown(value)
