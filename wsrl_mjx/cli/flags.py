"""A command's flags, read from its dataclass."""

import re
from typing import TypeVar

import tyro

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
    return tyro.cli(kind, args=arguments, prog=program, description=about)
