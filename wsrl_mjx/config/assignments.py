"""Settings as text, `name=value`: how grid points, sweeps and `--set` are written."""

from typing import Any

from wsrl_mjx.config.settings import Config, flat_fields

FORM = "name=value"
UNSET = "none"


def split(text: str, flag: str, form: str = FORM) -> tuple[str, str]:
    """Returns the name and the value, both as they were written.

    Args:
        text: such as "actor_lr=1e-4".
        flag: that it was given with, for the message.
        form: that it must have, for the message.

    Raises:
        ValueError: no name, no `=` or no value.
    """
    name, _, value = text.partition("=")
    if not name or not value:
        raise ValueError(f"{flag} must be {form}, got {text!r}")
    return name, value


def value_of(name: str, text: str, flag: str) -> Any:
    """Returns the value of a setting, of the kind of its default.

    A list of widths is written 64x64; `none` leaves a setting unset that has no default of its own.

    Raises:
        ValueError: a text of another kind; the message names the flag that it was given with.
    """
    default = flat_fields(Config())[name]
    if default is None and text == UNSET:
        return None
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[text.lower()]
        if isinstance(default, tuple):
            return tuple(int(width) for width in text.split("x"))
        return text if isinstance(default, str) else type(0.0 if default is None else default)(text)
    except (KeyError, ValueError):
        kinds = {"bool": "true or false", "tuple": "widths such as 64x64", "int": "integers"}
        kind = kinds.get(type(default).__name__, "numbers")
        raise ValueError(f"{flag} {name} must have {kind}, got {text!r}") from None


def written(value: Any) -> str:
    """Returns the text from which `value_of` makes the value."""
    if value is None:
        return UNSET
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)
