"""How a check tries a reader's `nn.Module`, loss or training step: next to the package's, gradients included.

Each of the three takes cases with a reason each, as `try_cases` does, and the reader's code next to a reference. What
the two give is compared number by number, to `TOLERANCE`; a message says which number of which
tensor differs.
"""

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lgn_lite.course.check.cases import is_stub, not_written, shown, unchanged
from lgn_lite.course.check.outcomes import TOLERANCE, Mistake, Outcome, compare, listed, named, parameter_names

__all__ = ["TOLERANCE", "compare_functions", "compare_modules", "compare_steps"]

SEED = 20  # of all random inputs and weights

Inputs = Callable[[], tuple]  # the arguments, made with torch.randn and the like: a check sets the seed before


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
    if not (isinstance(solution, type) and issubclass(solution, nn.Module)):
        raise AssertionError(f"{name}(…) gave {shown(solution)} but it should be a class. Derive it from nn.Module.")
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

    def run(maker: Callable, arguments: tuple, inputs: Inputs) -> Outcome:
        try:
            module, names = build(maker, arguments)
        except AssertionError:
            raise
        except Exception as error:
            return Outcome(error=error, where=f"{name}({listed(arguments)})", code=getattr(maker, "__init__", maker))
        call = f"{name}({listed(arguments)})"
        parameters = {names[key]: value for key, value in module.named_parameters()}
        outcome = Outcome(labels={other: key for key, other in names.items()})
        for mode in ("evaluation", "training"):
            module.train(mode == "training")
            part = _forward_backward(module, _seeded(inputs), parameters, module.forward, call)
            outcome.add(part, "" if mode == "evaluation" else " in training mode")
            if part.error:
                break
            outcome.randomness[mode] = _is_random(module, _seeded(inputs))
        return outcome

    compare(name, run, solution, reference, list(cases), mistakes)
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
        gradients: positions of the arguments whose gradients are compared; None: those of all tensors of floating point
            and of the parameters of all modules.
        mistakes: wrong functions with their reasons, as in `try_cases`.

    Raises:
        AssertionError: where something differs, with what it is.
    """

    def run(function: Callable, inputs: Inputs) -> Outcome:
        return _forward_backward(function, _seeded(inputs), {}, function, "", name=name, gradients=gradients)

    _judge(name, run, solution, reference, cases, right, mistakes)


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

    def run(function: Callable, inputs: Inputs) -> Outcome:
        arguments = _seeded(inputs)
        tensors = [copy.deepcopy(value) for value in arguments if isinstance(value, Tensor)]
        outcome = Outcome(call=f"{name}({named(function, arguments)})")
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
                if isinstance(value, nn.Module):
                    mode = "training" if value.training else "evaluation"
                    outcome.values[f"the mode of the {type(value).__name__}{after}"] = mode
                for key, parameter in value.named_parameters() if isinstance(value, nn.Module) else ():
                    outcome.values[f"{key}{after}"] = parameter.detach().clone()
                if isinstance(value, torch.optim.Optimizer):
                    rates = [float(group["lr"]) for group in value.param_groups]
                    outcome.values[f"the learning rate{after}"] = torch.tensor(rates)
        outcome.changed = not unchanged([x for x in arguments if isinstance(x, Tensor)], tensors)
        return outcome

    _judge(name, run, solution, reference, cases, right, mistakes)


def _judge(
    name: str,
    run: Callable[..., Outcome],
    solution: Callable,
    reference: Callable,
    cases: Iterable[tuple],
    right: str,
    mistakes: Iterable[Mistake],
) -> None:
    """Compare what `run` finds of a function and of the reference, unless the function is still a stub."""
    if is_stub(solution):
        print(not_written(name))
        return
    compare(name, run, solution, reference, list(cases), mistakes)
    print(f"{name}: right. {right}")


def _forward_backward(
    function: Callable,
    arguments: tuple,
    parameters: dict[str, nn.Parameter],
    code: Callable,
    built: str,
    name: str = "",
    gradients: Sequence[int] | None = None,
) -> Outcome:
    """Results and gradients, of the parameters and of those arguments that can have one."""
    labels = {str(i): key for i, key in enumerate(parameter_names(code, len(arguments)))}
    outcome = Outcome(labels=labels, call=f"{built or name}({named(code, arguments)})", code=code)
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
    for i, value in enumerate(leaves if gradients is None else ()):
        for key, parameter in value.named_parameters() if isinstance(value, nn.Module) else ():
            sources[f"{i}.{key}"] = parameter
            outcome.labels[f"{i}.{key}"] = f"{labels[str(i)]}.{key}"
    attached = [part for part in results if isinstance(part, Tensor) and part.requires_grad]
    found = dict.fromkeys(sources)
    can = {key: value for key, value in sources.items() if value.requires_grad}
    if attached and can:
        torch.manual_seed(SEED + 2)  # each number of the result counts by another weight
        total = sum((part * torch.randn(part.shape)).sum() for part in attached)
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
    call = f"{name}({listed(arguments)})"
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
