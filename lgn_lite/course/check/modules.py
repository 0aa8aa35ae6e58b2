"""How a check tries a reader's `nn.Module`, loss or training step: next to the package's, gradients included.

Each of the three takes cases with a reason each, as `try_cases` does, and the reader's code next to a reference. What
the two give is compared number by number, to `TOLERANCE`; messages say which number of which tensor differs.
"""

import copy
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from lgn_lite.course.check.cases import is_stub, not_written, one_line, raised, shown, unchanged

TOLERANCE = 1e-4  # relative to the largest right number of a tensor: single precision sums in another order
SEED = 20  # of all random inputs and weights

Inputs = Callable[[], tuple]  # the arguments, made with torch.randn and the like: a check sets the seed before
Mistake = tuple[Any, str]  # a wrong solution that readers write, and what is wrong with it


def compare_modules(
    name: str,
    solution: type[nn.Module],
    reference: Callable[..., nn.Module],
    cases: Iterable[tuple[tuple, Inputs, str]],
    right: str,
    *,
    initial: Sequence[str] = (),
    mistakes: Iterable[Mistake] = (),
) -> None:
    """Compare a reader's module to the package's: outputs, gradients of inputs and parameters, train and eval mode.

    Both are built with the same arguments. The reference gets random weights, which are copied into the reader's
    parameters: by name where all names agree, otherwise in the order in which equal shapes come. Whole-number inputs
    get no gradient. Where the reference draws at random in training mode (dropout), the reader's module has to, too.

    Args:
        name: of the reader's class, which begins every message.
        solution: the reader's class. A `forward` that is a stub counts as not written yet.
        reference: the package's class, or a function that builds the right module from the same arguments.
        cases: arguments of the constructor, a function without arguments that makes those of `forward`, and what a
            difference probably means. One case should have a batch of 1, and all should have unequal sizes.
        right: what to say when all cases pass.
        initial: names of the reference's parameters that must begin with the reference's values.
        mistakes: wrong classes with their reasons, as in `try_cases`.

    Raises:
        AssertionError: where something differs, with what it is.
    """
    if is_stub(solution.forward) or solution.forward is nn.Module.forward:
        print(not_written(name))
        return

    def build(maker: Callable, arguments: tuple) -> tuple[nn.Module, dict[str, str]]:
        """A module with the reference's weights, and the reference's name of each of its parameters."""
        torch.manual_seed(SEED)
        right_one = reference(*_copies(arguments))
        begin = {key: value.detach().clone() for key, value in right_one.named_parameters()}
        torch.manual_seed(SEED)
        module = maker(*_copies(arguments)) if maker is not reference else right_one
        torch.manual_seed(SEED + 1)
        with torch.no_grad():
            for parameter in right_one.parameters():
                parameter.copy_(torch.randn(parameter.shape) * 0.5)
        names = _matched(name, arguments, module, right_one, initial, begin)
        with torch.no_grad():
            weights = dict(right_one.named_parameters())
            for key, parameter in module.named_parameters():
                parameter.copy_(weights[names[key]])
        return module, names

    def run(maker: Callable, arguments: tuple, inputs: Inputs) -> _Outcome:
        try:
            module, names = build(maker, arguments)
        except AssertionError:
            raise
        except Exception as error:
            return _Outcome(error=error, where=f"{name}({_list(arguments)})", code=getattr(maker, "__init__", maker))
        call = f"{name}({_list(arguments)})"
        parameters = {names[key]: value for key, value in module.named_parameters()}
        outcome = _Outcome(labels={other: key for key, other in names.items()})
        for mode in ("evaluation", "training"):
            module.train(mode == "training")
            part = _forward_backward(module, _seeded(inputs), parameters, module.forward, call)
            outcome.add(part, "" if mode == "evaluation" else " in training mode")
            if part.error:
                break
            outcome.randomness[mode] = _is_random(module, _seeded(inputs))
        return outcome

    _compare(name, run, solution, reference, list(cases), mistakes)
    print(f"{name}: right. {right}")


def compare_functions(
    name: str,
    solution: Callable,
    reference: Callable,
    cases: Iterable[tuple[Inputs, str]],
    right: str,
    *,
    gradients: Sequence[int] | None = None,
    mistakes: Iterable[Mistake] = (),
) -> None:
    """Compare a reader's function of tensors, such as a loss, to the package's: results and gradients.

    Args:
        name: of the reader's function, which begins every message.
        solution: the reader's function.
        reference: the right one, of the same arguments.
        cases: a function without arguments that makes those of the solution, and what a difference probably means.
        right: what to say when all cases pass.
        gradients: positions of the arguments whose gradients are compared; None: all tensors of floating point.
        mistakes: wrong functions with their reasons, as in `try_cases`.

    Raises:
        AssertionError: where something differs, with what it is.
    """
    if is_stub(solution):
        print(not_written(name))
        return

    def run(function: Callable, inputs: Inputs) -> _Outcome:
        return _forward_backward(function, _seeded(inputs), {}, function, "", name=name, gradients=gradients)

    _compare(name, run, solution, reference, list(cases), mistakes)
    print(f"{name}: right. {right}")


def compare_steps(
    name: str,
    solution: Callable,
    reference: Callable,
    cases: Iterable[tuple[Inputs, str]],
    right: str,
    *,
    steps: int = 3,
    mistakes: Iterable[Mistake] = (),
) -> None:
    """Compare a reader's training step to the right one: what it returns and what it leaves, over some steps.

    Args:
        name: of the reader's function, which begins every message.
        solution: the reader's function; it is called `steps` times with the same arguments, as in a loop.
        reference: the right one, of the same arguments.
        cases: a function without arguments that makes those of the solution (modules, optimisers, tensors …), twice
            alike, and what a difference probably means. Every module among them is compared after each step,
            parameter by parameter, and every optimiser's learning rate.
        right: what to say when all cases pass.
        steps: calls per case: a forgotten `zero_grad` shows from the second on.
        mistakes: wrong steps with their reasons, as in `try_cases`.

    Raises:
        AssertionError: where something differs, with what it is.
    """
    if is_stub(solution):
        print(not_written(name))
        return

    def run(function: Callable, inputs: Inputs) -> _Outcome:
        arguments = _seeded(inputs)
        tensors = [copy.deepcopy(value) for value in arguments if isinstance(value, Tensor)]
        outcome = _Outcome(call=f"{name}({_named(function, arguments)})")
        for step in range(1, steps + 1):
            after = f" after {step} step{'s' * (step > 1)}"
            torch.manual_seed(SEED + step)
            try:
                result = function(*arguments)
            except Exception as error:
                outcome.error, outcome.code = error, function
                return outcome
            outcome.values["the value returned" + after] = _detached(result)
            for value in arguments:
                for key, parameter in value.named_parameters() if isinstance(value, nn.Module) else ():
                    outcome.values[f"{key}{after}"] = parameter.detach().clone()
                if isinstance(value, torch.optim.Optimizer):
                    rates = [float(group["lr"]) for group in value.param_groups]
                    outcome.values[f"the learning rate{after}"] = torch.tensor(rates)
        outcome.changed = not unchanged([x for x in arguments if isinstance(x, Tensor)], tensors)
        return outcome

    _compare(name, run, solution, reference, list(cases), mistakes)
    print(f"{name}: right. {right}")


@dataclass
class _Outcome:
    """What a solution gave in one case."""

    call: str = ""
    values: dict[str, Any] = field(default_factory=dict)  # results, then gradients; None: no gradient arrives
    randomness: dict[str, bool] = field(default_factory=dict)  # by mode, whether two calls differ
    changed: bool = False  # whether an input was changed
    error: Exception | None = None
    where: str = ""
    code: Any = None
    labels: dict[str, str] = field(default_factory=dict)  # the solution's own names of arguments and parameters

    def add(self, other: "_Outcome", suffix: str) -> None:
        self.call, self.error, self.code = other.call, other.error, other.code
        self.labels |= other.labels
        self.changed |= other.changed
        self.values |= {key + suffix: value for key, value in other.values.items()}


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


def _difference(found: _Outcome, expected: _Outcome) -> tuple[str, str | None] | None:
    """What differs, as "A but it should be B", and why if that is plain; None if nothing differs."""
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


def _forward_backward(
    function: Callable,
    arguments: tuple,
    parameters: dict[str, nn.Parameter],
    code: Callable,
    built: str,
    name: str = "",
    gradients: Sequence[int] | None = None,
) -> _Outcome:
    """Results and gradients, of the parameters and of those arguments that can have one."""
    labels = {str(i): key for i, key in enumerate(_parameter_names(code, len(arguments)))}
    outcome = _Outcome(labels=labels, call=f"{built or name}({_named(code, arguments)})", code=code)
    places = range(len(arguments)) if gradients is None else gradients
    places = [i for i in places if isinstance(arguments[i], Tensor) and arguments[i].is_floating_point()]
    try:
        given = _copies(arguments)
        torch.manual_seed(SEED)
        function(*given)
        outcome.changed = not unchanged(list(given), list(arguments))
        leaves = [x.clone().requires_grad_() if i in places else x for i, x in enumerate(_copies(arguments))]
        torch.manual_seed(SEED)
        result = function(*leaves)
    except Exception as error:
        outcome.error = error
        return outcome
    results = result if isinstance(result, (tuple, list)) else [result]
    for i, part in enumerate(results):
        outcome.values["the result" + f"[{i}]" * (len(results) > 1)] = _detached(part)
    sources = {str(i): leaves[i] for i in places} | parameters
    attached = [part for part in results if isinstance(part, Tensor) and part.requires_grad]
    found = dict.fromkeys(sources)
    if attached:
        torch.manual_seed(SEED + 2)  # each number of the result counts by another weight
        total = sum((part * torch.randn(part.shape)).sum() for part in attached)
        can = {key: value for key, value in sources.items() if value.requires_grad}
        try:
            found |= dict(zip(can, torch.autograd.grad(total, list(can.values()), allow_unused=True), strict=True))
        except RuntimeError as error:
            outcome.error = error
            return outcome
    outcome.values |= {f"the gradient of ‹{key}›": value for key, value in found.items()}
    return outcome


def _is_random(module: nn.Module, arguments: tuple) -> bool:
    results = []
    for seed in (SEED + 3, SEED + 4):
        torch.manual_seed(seed)
        result = module(*_copies(arguments))
        results.append(list(result) if isinstance(result, (tuple, list)) else result)
    return not unchanged(*results)


def _matched(
    name: str,
    arguments: tuple,
    module: nn.Module,
    right: nn.Module,
    initial: Sequence[str],
    begin: dict[str, Tensor],
) -> dict[str, str]:
    """The reference's name of each parameter of the reader's module."""
    ours = {key: tuple(value.shape) for key, value in module.named_parameters()}
    theirs = {key: tuple(value.shape) for key, value in right.named_parameters()}
    call = f"{name}({_list(arguments)})"
    if sorted(ours.values()) != sorted(theirs.values()):
        cause = "Weights are made in __init__, as layers or nn.Parameter, once each."
        if len(ours) == len(theirs):
            cause = "See the sizes, and which of them comes first: nn.Linear's weight is (outputs, inputs)."
        raise AssertionError(f"{call} gave parameters {_shapes(ours)} but it should be {_shapes(theirs)}. {cause}")
    if ours == theirs:
        names = {key: key for key in ours}
    else:
        waiting = list(theirs)
        names = {}
        for key, shape in ours.items():
            names[key] = next(other for other in waiting if theirs[other] == shape)
            waiting.remove(names[key])
    if module is not right:
        values = dict(module.named_parameters())
        for key, other in names.items():
            if other in initial and not torch.allclose(values[key], begin[other]):
                now, then = shown(values[key].detach()), shown(begin[other])
                raise AssertionError(f"{call} gave {key} the first values {now} but it should be {then}. Set it there.")
    return names


def _shapes(shapes: dict[str, tuple]) -> str:
    return ", ".join(f"{key} {shape}" for key, shape in shapes.items()) or "none"


def _seeded(inputs: Inputs) -> tuple:
    torch.manual_seed(SEED)
    return tuple(inputs())


def _copies(arguments: tuple) -> tuple:
    return copy.deepcopy(tuple(arguments))


def _detached(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    return torch.tensor(float(value)) if isinstance(value, (int, float)) else value  # a loss as a number of Python


def _parameter_names(function: Callable, count: int) -> list[str]:
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = []
    return names[:count] + [f"argument {i}" for i in range(len(names), count)]


def _named(function: Callable, arguments: tuple) -> str:
    """Arguments with the names that the function gives them, tensors by their shape."""
    names = _parameter_names(function, len(arguments))
    return one_line(", ".join(f"{key}: {_brief(value)}" for key, value in zip(names, arguments, strict=True)), 300)


def _list(arguments: tuple) -> str:
    return one_line(", ".join(map(_brief, arguments)), 200)


def _brief(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"tensor{tuple(value.shape)}" if value.ndim else shown(value)
    if isinstance(value, (nn.Module, torch.optim.Optimizer)):
        return type(value).__name__
    if isinstance(value, Mapping):  # a batch
        return "{" + ", ".join(f"{key}: {_brief(part)}" for key, part in value.items()) + "}"
    return shown(value)
