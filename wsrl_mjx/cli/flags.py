"""A command's flags, read from its dataclass."""

import dataclasses
import re
from pathlib import Path
from typing import Any, TypeVar

import tyro

from wsrl_mjx.algos import registry
from wsrl_mjx.algos.base import PhaseName
from wsrl_mjx.cli.exits import fail
from wsrl_mjx.data import files

Kind = TypeVar("Kind")


def read(kind: type[Kind], arguments: list[str] | None, program: str | None, about: str | None) -> Kind:
    """Returns the command that was typed. Flags that cannot be read exit with code 2 and a suggestion.

    Args:
        kind: dataclass of the flags.
        arguments: of the command line; None for the process's own.
        program: such as "wsrl train"; None for the script that runs.
        about: for --help, with examples written as calls of scripts; None for the docstring of `kind`.
    """
    if program is not None and about is not None:
        command_of = lambda script: f"wsrl {script[1].replace('_', '-')}"
        about = re.sub(r"python scripts/(\w+)\.py", command_of, about)
    typed = tyro.cli(kind, args=arguments, prog=program, description=about)
    try:
        return with_paths_as_meant(typed)
    except ValueError as error:
        fail(str(error))


def names_of_algorithms() -> tyro.constructors.ConstructorRegistry:
    """Returns how an algorithm's name is read: any word, which is checked later; --help has the choices."""
    rules = tyro.constructors.ConstructorRegistry()
    phases: dict[Any, PhaseName] = {registry.OfflineAlgo: "pretrain", registry.OnlineAlgo: "online"}

    @rules.primitive_rule
    def rule(info: Any) -> Any:  # pyright: ignore[reportUnusedFunction] (the decorator keeps it)
        if info.type not in phases:
            return None
        return tyro.constructors.PrimitiveConstructorSpec[str](
            nargs=1,
            metavar=f"{{{','.join(registry.names(phases[info.type]))}}}",
            instance_from_str=lambda words: words[0],
            is_instance=lambda value: isinstance(value, str),
            str_from_instance=lambda value: [value],
        )

    return rules


def with_paths_as_meant(command: Any) -> Any:
    """Returns a command, a dataclass, with each of its paths as a shell reads it; see `files.as_meant`.

    Raises:
        ValueError: a path that is no text.
    """
    typed = {item.name: getattr(command, item.name) for item in dataclasses.fields(command)}
    return dataclasses.replace(command, **{name: _as_meant(value) for name, value in typed.items()})


def _as_meant(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_as_meant(each) for each in value)
    return files.as_meant(value) if isinstance(value, Path) else value
