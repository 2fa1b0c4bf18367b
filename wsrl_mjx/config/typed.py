"""Settings as the flags that a person would type for them."""

import shlex
from typing import Any

from wsrl_mjx.config.presets import defaults
from wsrl_mjx.config.settings import Config, flat_fields

FIRST = ("env", "preset", "method")  # they decide the defaults of the others


def changed(config: Config) -> dict[str, Any]:
    """Returns the settings that differ from their preset's, by name."""
    usual = flat_fields(defaults(config.preset, config.env, config.method))
    return {name: value for name, value in flat_fields(config).items() if value != usual[name]}


def command(script: str, config: Config, *others: str) -> str:
    """Returns the command that gives a script these settings.

    Args:
        script: such as train.
        config: the settings.
        others: further words of the command.
    """
    words = ["python", f"scripts/{script}.py"]
    for name in FIRST:
        words += _flag(name, flat_fields(config)[name])
    for name, value in changed(config).items():
        words += _flag(name, value)
    return shlex.join([*words, *others])


def _flag(name: str, value: Any) -> list[str]:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    return [f"--{flag}", *map(str, value if isinstance(value, tuple) else (value,))]
