"""How a check tries a reader's function: case by case, each with the right answer and a reason."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

Case = tuple[tuple, Any, str]  # arguments, the right answer, what a wrong one probably means


def try_cases(name: str, solution: Callable, cases: Iterable[Case], right: str) -> None:
    """Try the cases in order; the first wrong one raises AssertionError."""
    for arguments, expected, why in cases:
        found = solution(*arguments)
        if found is None:
            print(f"{name}: nothing returned yet. Replace the dots by your code and run the cell again.")
            return
        call = f"{name}({', '.join(map(repr, arguments))})"
        assert _same(found, expected), f"{call} gave {found!r}, but it should be {expected!r}. {why}"
    print(f"{name}: right. {right}")


def _same(found: Any, expected: Any) -> bool:
    if isinstance(expected, str):
        return found == expected
    try:
        found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    except (TypeError, ValueError):  # not numbers
        return False
    return found.shape == expected.shape and bool(np.allclose(found, expected, rtol=0, atol=1e-6))
