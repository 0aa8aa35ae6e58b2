"""What a setting may be: its type and range, refused in one line that names the setting, its value and the range."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from lgn_lite.errors import InputError
from lgn_lite.support.reading import shown


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`, both included unless `above` or `below` says otherwise; never NaN."""

    low: float
    high: float = math.inf
    whole: bool = False
    above: bool = False  # low itself is not allowed
    below: bool = False  # nor is high; infinity never is

    def check(self, value: Any, name: str) -> None:
        """Raise InputError, beginning with `name`, for a value of another type or outside the range."""
        # True is not a number here, and a whole number will do for a fraction
        number = isinstance(value, int if self.whole else int | float) and not isinstance(value, bool)
        if not number:
            raise InputError(f"{name}={shown(value)}: must be of type {'int' if self.whole else 'float'}: {self}")
        fine = self.low < value if self.above else self.low <= value  # NaN is neither
        fine = fine and (value < self.high if self.below or self.high == math.inf else value <= self.high)
        if not fine or value > MAX_VALUE:
            raise InputError(f"{name}={shown(value)}: must be {self}")

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a finite number"
        low = f" {'above' if self.above else 'from'} {self.low:,}"
        high = "" if self.high == math.inf else f" {'to below' if self.below else 'to'} {self.high:,}"
        return kind + low + (high or ("" if self.above else " on"))


MAX_VALUE = 1e30  # beyond it even a number without a limit overflows single precision before long
