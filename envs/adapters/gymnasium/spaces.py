"""What Gymnasium asks of a world beside its steps: spaces; and what a caller may ask for."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box

from envs.base import Environment


def spaces_of(env: Environment) -> tuple[Box, Box]:
    """Returns the spaces of observations [O], without bounds, and of actions [A] in [-1, 1]; float32."""
    observations = Box(-np.inf, np.inf, (env.obs_size,), np.float32)
    return observations, Box(-1.0, 1.0, (env.action_size,), np.float32)


def checked_action(action: Any, space: Any) -> np.ndarray:
    """Returns actions as float32.

    Raises:
        ValueError: their shape is not the space's, where JAX might stretch it.
    """
    action = np.asarray(action, np.float32)
    if action.shape != space.shape:
        raise ValueError(f"action has shape {action.shape}; it must be {space.shape}")
    return action


def check_options(options: dict[str, Any] | None, choices: Sequence[str]) -> None:
    """Raises a ValueError unless all `options` of a reset are among `choices`."""
    for option in options or {}:
        if option not in choices:
            known = f"choose one of {', '.join(choices)}" if choices else "it takes none"
            raise ValueError(
                f"options of reset has {option!r}; {known}. The world's own are given when it is made"
            )


def check_render_mode(render_mode: str | None) -> None:
    """Raises a ValueError where anything is to be drawn."""
    if render_mode is not None:
        raise ValueError(f"render_mode is {render_mode!r}; it must be None: these worlds draw nothing")
