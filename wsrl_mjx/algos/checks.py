"""Checks of what a person chooses: each message names the setting, its value, and what it may be."""

import difflib
import math
from typing import Any


def require(holds: bool, name: str, must: str, value: Any) -> None:
    """Raises ValueError "`name` must `must`, got `value`" unless the condition `holds`."""
    if not holds:
        raise ValueError(f"{name} must {must}, got {value!r}")


def require_count(name: str, value: Any) -> None:
    """Raises ValueError unless `value` is an integer of at least 1."""
    require(is_count(value) and value >= 1, name, "be an integer, positive", value)


def require_widths(name: str, value: tuple[int, ...]) -> None:
    """Raises ValueError unless `value` names the widths of one or more layers."""
    widths = value if isinstance(value, tuple | list) else ()  # pyright: ignore[reportUnnecessaryIsInstance]
    sound = bool(widths) and all(is_count(width) and width >= 1 for width in widths)
    require(sound, name, "be one or more positive integers", value)


def require_rate(name: str, value: float) -> None:
    """Raises ValueError unless a learning rate is in [0, 1)."""
    require(0.0 <= value < 1.0, name, "be in [0, 1)", value)


def require_finite(name: str, value: float) -> None:
    """Raises ValueError unless `value` is a finite number."""
    require(math.isfinite(value), name, "be finite", value)


def require_positive(name: str, value: float) -> None:
    """Raises ValueError unless `value` is positive and finite."""
    require(0.0 < value < math.inf, name, "be positive", value)


def require_not_negative(name: str, value: float) -> None:
    """Raises ValueError unless `value` is zero or more, and finite."""
    require(0.0 <= value < math.inf, name, "not be negative", value)


def is_count(value: Any) -> bool:
    """Returns whether `value` is an integer; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def choose(name: str, value: str, choices: tuple[str, ...]) -> str:
    """Returns `value` if it is one of `choices`.

    Raises:
        ValueError: otherwise, with the choices and the nearest of them.
    """
    if value in choices:
        return value
    near = difflib.get_close_matches(value, choices, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}{hint}")


def require_known(what: str, given: dict[str, Any], known: list[str]) -> None:
    """Raises TypeError for a keyword that `what` does not take, with the nearest that it does."""
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; it takes {', '.join(known)}"
            raise TypeError(f"{what} got an unexpected keyword argument {name!r}{hint}")
