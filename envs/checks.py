"""Checks of the options that a task is made with: what cannot work is refused before anything compiles.

Each raises a ValueError that names the option, the value given, and what it may be.
"""

import math
from typing import Any

INT_LIMIT = 2**31  # the simulator and the step counters take 32 bits


def check_choice(field: str, value: Any, choices: Any) -> None:
    """Raises a ValueError unless `value` is one of `choices`, which it lists."""
    if value not in choices:
        raise ValueError(f"{field} is {value!r}; choose one of {', '.join(sorted(choices))}")


def check_positive_int(field: str, value: Any) -> None:
    """Raises a ValueError unless `value` is a positive integer that fits into 32 bits."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < INT_LIMIT:
        raise ValueError(f"{field} is {value!r}; it must be a positive integer below 2**31")


def check_finite(field: str, value: Any) -> None:
    """Raises a ValueError unless `value` is a finite number."""
    if not _is_number(value) or not math.isfinite(value):
        raise ValueError(f"{field} is {value!r}; it must be a finite number")


def check_not_negative(field: str, value: Any) -> None:
    """Raises a ValueError unless `value` is a finite number, zero or more."""
    if not _is_number(value) or not 0.0 <= value < math.inf:
        raise ValueError(f"{field} is {value!r}; it must be a finite number, zero or more")


def check_positive(field: str, value: Any) -> None:
    """Raises a ValueError unless `value` is a positive, finite number."""
    if not _is_number(value) or not 0.0 < value < math.inf:
        raise ValueError(f"{field} is {value!r}; it must be a positive number, and finite")


def check_limit(field: str, value: Any) -> None:
    """Raises a ValueError unless `value` is a positive number; infinity is no limit."""
    if not _is_number(value) or not value > 0.0:
        raise ValueError(f"{field} is {value!r}; it must be a positive number, or inf for no limit")


def check_interval(field: str, bounds: Any) -> None:
    """Raises a ValueError unless `bounds` are two numbers, the lower first; infinity is an open side."""
    pair = isinstance(bounds, tuple | list) and len(bounds) == 2 and all(map(_is_number, bounds))
    if not pair or not bounds[0] < bounds[1]:
        raise ValueError(f"{field} is {bounds!r}; it must be two numbers, the lower one first")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
