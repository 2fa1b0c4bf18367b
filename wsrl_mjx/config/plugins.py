"""Worlds and algorithms of other code: registered by name from Python, or found in installed packages."""

from typing import Any

import envs
from wsrl_mjx.algos import registry
from wsrl_mjx.config import settings


def register(name: str, kind: type[Any]) -> None:
    """Makes a world's task or an algorithm known as `name`, to this process and its commands.

    Another one under the same name replaces it, as when a notebook's cell runs again.

    Args:
        name: of none that is shipped.
        kind: the class of a task (`envs.register`), or of an algorithm (`algos.registry.add`).

    Raises:
        ValueError: the name is taken or cannot be used, or the class is neither.
    """
    if hasattr(kind, "update_critic"):
        registry.reserve(settings.OF_A_RUN)
        registry.add(name, kind)
    else:
        envs.register(name, kind)


def describe() -> str:
    """Returns what installed packages offer, for --help; empty where there are none. They are imported."""
    lines = [*envs.PLUGINS.describe(), *registry.PLUGINS.describe()]
    return "\n".join(["Offered by installed packages:", *(f"  {line}" for line in lines)] if lines else [])
