"""How a check tries a reader's function: case by case, each with the right answer and a reason."""

import copy
import dis
import inspect
import linecache
import math
import reprlib
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Case = tuple[tuple, Any, str]  # arguments, the right answer, what a wrong one probably means
Mistake = tuple[Callable, str]  # a wrong solution that readers write, and what is wrong with it


def try_cases(
    name: str, solution: Callable, cases: Iterable[Case], right: str, *, mistakes: Iterable[Mistake] = ()
) -> None:
    """Try the cases in order and print `right`, or that the function is still a stub.

    The function is given copies of the arguments. Numbers are compared whatever holds them (lists, tuples, arrays,
    tensors; int, float, bool): whole numbers exactly, others to five digits. The first case that fails is reported.
    Its reason is the case's own, or, where the solution gives in *every* case what one of the mistakes gives, the
    reason of that mistake.

    Args:
        name: of the exercise, which begins every message.
        solution: the reader's function.
        cases: arguments, right answer, reason.
        right: what to say when all cases pass.
        mistakes: wrong solutions with their reasons, for mistakes whose first failing case would give another reason.

    Raises:
        AssertionError: for a wrong answer, a changed argument, or an exception in the reader's code.
    """
    if is_stub(solution):
        print(not_written(name))
        return
    cases = list(cases)
    outcomes = [_outcome(solution, arguments) for arguments, _, _ in cases]
    for (arguments, expected, why), (found, error, given) in zip(cases, outcomes, strict=True):
        call = f"{name}({', '.join(map(shown, arguments))})"
        should = f"but it should be {shown(expected)}"
        if error is not None:
            raise AssertionError(f"{call} {raised(error, solution)}, {should}. {why}") from error
        if not same(found, expected):
            cause = _known_mistake(cases, outcomes, mistakes) or _kind(found, expected) or why
            if found is None:
                cause = f"It returned None: is a return missing? {cause}"
            raise AssertionError(f"{call} gave {shown(found)}, {should}. {cause}")
        if not unchanged(given, arguments):
            raise AssertionError(
                f"{call} gave {shown(found)}, {should} without a change of its arguments. It left "
                f"({', '.join(map(shown, given))}): work on copies, since the caller still needs what it gave."
            )
    print(f"{name}: right. {right}")


def not_written(name: str) -> str:
    """What to print for a stub."""
    return f"{name}: nothing returned yet. Replace the dots by your code and run the cell again."


def is_stub(function: Any) -> bool:
    """Whether the body of a function or lambda is nothing but dots, `pass` or a docstring."""
    code = getattr(inspect.unwrap(function) if callable(function) else function, "__code__", None)
    return code is not None and _instructions(code) in _STUBS


def _instructions(code) -> list[tuple[str, Any]]:
    """What the code does: with its constants themselves, since a docstring moves their numbers."""
    steps = [step for step in dis.get_instructions(code) if step.opname not in _NOTHING]
    return [(step.opname, step.argval) for step in steps]


_NOTHING = ("RESUME", "NOP", "CACHE", "MAKE_CELL", "COPY_FREE_VARS")  # they prepare, or mark a line


def _dots(): ...


_STUBS = [_instructions(stub.__code__) for stub in (_dots, lambda: ...)]  # the lambda returns the dots


def raised(error: BaseException, solution: Any) -> str:
    """What was raised, and by which line of the reader's code."""
    text = one_line(str(error), 200)
    words = f"raised {type(error).__name__}" + (f": {text}" if text else "")
    line = _reader_line(error, solution)
    if line is None:  # it was not even entered: another number of parameters, for example
        return words
    source = one_line(linecache.getline(line.filename, line.lineno), 120)
    return f"{words}, in line {line.lineno}" + (f", `{source}`" if source else "")


def _reader_line(error: BaseException, solution: Any) -> traceback.FrameSummary | None:
    """The innermost line of the file or cell that defines the solution; None if it was never entered."""
    code = getattr(solution, "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if code is not None and frame.filename == code.co_filename]
    return own[-1] if own else None


def same(found: Any, expected: Any) -> bool:
    """Whether an answer is the expected one, whatever holds its numbers."""
    found = plain(found)
    if isinstance(expected, str):
        return isinstance(found, str) and found == expected
    if isinstance(expected, Mapping):
        return (
            isinstance(found, Mapping)
            and found.keys() == expected.keys()
            and all(same(found[key], value) for key, value in expected.items())
        )
    expected = plain(expected)
    if isinstance(expected, Sequence):
        return (
            isinstance(found, Sequence)
            and not isinstance(found, str)
            and len(found) == len(expected)
            and all(map(same, found, expected))
        )
    if not isinstance(found, (bool, int, float)):
        return found is expected
    if isinstance(expected, int):  # bool included
        return abs(found - expected) < 1e-6
    return math.isclose(found, expected, rel_tol=1e-5, abs_tol=1e-6)  # single precision may compute it


def plain(value: Any) -> Any:
    """An array, a tensor or a number of either as lists and numbers of Python; everything else as it is."""
    return value.tolist() if hasattr(value, "tolist") else value


def unchanged(after: Any, before: Any) -> bool:
    """Whether two values are equal, part by part and in the same order."""
    if type(after) is not type(before):
        return False
    after, before = plain(after), plain(before)
    if hasattr(before, "state_dict"):  # a module or an optimiser: a copy of one never equals it
        after, before = dict(after.state_dict()), dict(before.state_dict())
    if isinstance(before, Mapping):
        return unchanged(list(after.items()), list(before.items()))
    if type(before).__eq__ is object.__eq__ and hasattr(before, "__dict__") and not callable(before):
        return unchanged(vars(after), vars(before))
    if isinstance(before, (list, tuple)):
        return len(after) == len(before) and all(map(unchanged, after, before))
    return bool(after is before or after == before or (after != after and before != before))


def shown(value: Any) -> str:
    """A value as a message shows it: on one line, numbers plain, and shortened where it is long."""
    return one_line(_SHORT.repr(value), 400)


class _Short(reprlib.Repr):
    def repr_instance(self, x, level):
        if hasattr(x, "tolist") and getattr(x, "ndim", 1) == 0:  # a number of NumPy or of a tensor
            return self.repr1(x.tolist(), level)
        if hasattr(x, "tolist"):
            return f"{type(x).__name__}({self.repr1(x.tolist(), level)})"
        if inspect.isroutine(x):
            return x.__name__
        return super().repr_instance(x, level)

    def repr_dict(self, x, level):  # in its own order: reprlib sorts the keys
        parts = [f"{self.repr1(key, level - 1)}: {self.repr1(value, level - 1)}" for key, value in x.items()]
        return "{" + ", ".join(parts[: self.maxdict] + ["..."] * (len(parts) > self.maxdict)) + "}"


_SHORT = _Short()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxtuple, _SHORT.maxdict = 5, 12, 12, 12
_SHORT.maxstring, _SHORT.maxlong, _SHORT.maxother = 80, 40, 120


def one_line(text: str, most: int) -> str:
    """Text on one line, its middle left out where it is longer than `most` characters."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 3 :]}"


def _outcome(solution: Callable, arguments: tuple) -> tuple[Any, Exception | None, tuple]:
    """What the solution gives for copies of the arguments, what it raises, and the copies afterwards."""
    given = copy.deepcopy(arguments)
    try:
        return solution(*given), None, given
    except Exception as error:
        return None, error, given


def _known_mistake(cases: list[Case], outcomes: list[tuple], mistakes: Iterable[Mistake]) -> str | None:
    """The reason of the mistake that explains all outcomes."""
    for mistake, why in mistakes:
        pairs = [
            (outcome, _outcome(mistake, arguments)) for (arguments, *_), outcome in zip(cases, outcomes, strict=True)
        ]
        if all(type(ours[1]) is type(theirs[1]) and same(ours[0], theirs[0]) for ours, theirs in pairs):
            return why
    return None


def _kind(found: Any, expected: Any) -> str | None:
    """What is wrong with the kind of an answer, before any number is looked at."""
    if found is None:
        return None
    kind = f"Its type is {type(found).__name__}"
    numbers, sequence = (bool, int, float), not isinstance(expected, str) and isinstance(plain(expected), Sequence)
    value = plain(found)
    if sequence and isinstance(value, Iterable) and not isinstance(value, (Sequence, Mapping, set, frozenset)):
        return f"It returned a {type(found).__name__}: make a list of it."
    if sequence and isinstance(value, (*numbers, str, Mapping, set, frozenset)):
        n = len(plain(expected))
        return f"{kind}, but the answer has {n} {'entry' if n == 1 else 'entries'}, in order."
    if isinstance(expected, numbers) and isinstance(value, (str, Sequence, Mapping)):
        return f"{kind}, but the answer is one number."
    if isinstance(expected, Mapping) and not isinstance(value, Mapping):
        return f"{kind}, but the answer is a dictionary."
    if isinstance(expected, str) and not isinstance(value, str):
        return f"{kind}, but the answer is a string."
    return None
