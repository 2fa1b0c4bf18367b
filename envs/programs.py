"""Programs that step a world, compiled with the options of XLA that the world needs on a CPU."""

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import jax

from envs.base import Environment


def jitted(env: Environment, function: Callable[..., Any]) -> Any:
    """Returns `function`, which steps `env`, as `jax.jit` does, with the options that this world needs.

    A flag of the user's own in `XLA_FLAGS` wins, and an option that this XLA does not know is left out.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    own: dict[str, Any] = getattr(env, "cpu_options", {}) if jax.default_backend() == "cpu" else {}
    options = {name: value for name, value in own.items() if name not in flags and _is_known(name, value)}
    return jax.jit(function, compiler_options=options or None)


@cache
def _is_known(name: str, value: Any) -> bool:
    try:
        jax.jit(lambda: 0, compiler_options={name: value}).lower().compile()
    except jax.errors.JaxRuntimeError as error:
        if "No such compile option" not in str(error):
            raise
        return False
    return True
