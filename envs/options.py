"""An environment's options as text, `name=value`: what a command line gives and a config keeps."""

import types
import typing
from collections.abc import Sequence
from typing import Any

KINDS = {int: "an integer", float: "a number", str: "a word", bool: "true or false"}
TRUTHS = {"true": True, "false": False}


def parse(env_name: str, task_class: type, texts: Sequence[str]) -> dict[str, Any]:
    """Returns the options by name, each of the type that its field has.

    A tuple is written with commas. Names are checked by whoever makes the environment: one that the class
    does not have stays text.

    Raises:
        ValueError: a text without `=`, an option given twice, or a value of another type than the field's.
    """
    hints = typing.get_type_hints(task_class)
    options: dict[str, Any] = {}
    for name, value in split(texts).items():
        try:
            options[name] = _read(hints.get(name, str), value)
        except ValueError:
            kind = _describe(hints[name])
            raise ValueError(f"env_options: {name} of {env_name} must be {kind}, got {value!r}") from None
    return options


def split(texts: Sequence[str]) -> dict[str, str]:
    """Returns the values, still as text, by name.

    Raises:
        ValueError: a text without `=`, or an option given twice.
    """
    values: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ValueError(f"env_options must be name=value, got {text!r}")
        if name in values:
            raise ValueError(f"env_options has {name} twice")
        values[name] = value
    return values


def _read(hint: Any, text: str) -> Any:
    inner = typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        (hint,) = (kind for kind in inner if kind is not types.NoneType)
        return _read(hint, text)
    if typing.get_origin(hint) is tuple:
        return tuple(_read(kind, part) for kind, part in zip(inner, text.split(","), strict=True))
    if hint not in KINDS:
        raise ValueError
    if hint is bool:
        if text not in TRUTHS:
            raise ValueError
        return TRUTHS[text]
    return hint(text)


def _describe(hint: Any) -> str:
    inner = typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        return " or ".join(_describe(kind) for kind in inner if kind is not types.NoneType)
    if typing.get_origin(hint) is tuple:
        return f"{len(inner)} numbers with a comma between them"
    return KINDS.get(hint, "set from Python")
