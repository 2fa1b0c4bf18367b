"""What a run does for an environment that is stepped on the host."""

from typing import TYPE_CHECKING, Any

import jax

from envs.base import Environment
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.resumption import Saved
from wsrl_mjx.training.recipe import Recipe
from wsrl_mjx.types import TrainState

if TYPE_CHECKING:
    from wsrl_mjx.runs.setup import Setup


def is_one(env: Environment) -> bool:
    """Returns whether `env` is stepped on the host."""
    return getattr(env, "on_host", False)


def check(env: Environment, members: int) -> None:
    """Checks that the host steps the environments of one learner alone.

    Raises:
        ValueError: there are several.
    """
    if is_one(env) and members > 1:
        raise ValueError(
            f"num_seeds must be 1 for {env.name}, which is stepped on the host, got {members} learners; "
            "start a run for each, with --seed"
        )


def reopened(setup: "Setup", saved: Saved) -> TrainState:
    """Returns the state to go on from; environments on the host begin anew, as no checkpoint has them."""
    if not is_one(setup.env) or saved.phase != "online":
        return saved.state
    return jax.jit(Recipe.reopened_all)(setup.recipe, saved.state, saved.clock.env_steps)


def close(env: Environment, console: Console) -> None:
    """Closes the environment's instances, and says how well a control rate was kept."""
    if not is_one(env):
        return
    host: Any = env
    for pace in host.paces:
        if pace.steps and host.control_step is not None:
            console.say(
                f"{env.name}: {pace.steps:,} steps at {pace.steps / pace.seconds:.1f} Hz, "
                f"{pace.late / pace.steps:.1%} of them late"
            )
    host.close()
