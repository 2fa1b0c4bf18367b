"""The resolved plan of a run, shown before anything compiles: phases, steps, sizes, memory."""

from typing import Any

import jax

from envs.base import Environment
from wsrl_mjx.config import Config
from wsrl_mjx.console import Console, size
from wsrl_mjx.recipes import Recipe
from wsrl_mjx.types import Transition


def show(
    console: Console, config: Config, env: Environment, recipe: Recipe, rows_of_data: int | None
) -> None:
    """Prints phases and memory; `rows_of_data` is None where nobody knows it."""
    offline, online, agent = config.offline, config.online, config.agent
    warmup = config.first_update
    fine_tuning = online.online_steps - warmup
    updates = f"{online.utd:g} critic updates a step, batch {online.batch_size}"
    rows = [
        [
            "data",
            "unknown" if rows_of_data is None else f"{rows_of_data:,}",
            "transitions",
            config.data.dataset,
        ],
        [
            "pretraining",
            f"{offline.offline_steps:,}",
            "gradient steps",
            f"{offline.offline_algo}, batch {offline.offline_batch_size}, then the data is dropped",
        ],
        ["warmup", f"{warmup:,}", "env steps", "the frozen pretrained policy, no updates"],
        ["fine-tuning", f"{fine_tuning:,}", "env steps", f"sac, {updates}"],
    ]
    seeds = f"{config.num_seeds} seed{'s' if config.num_seeds > 1 else ''}"
    world = " ".join([config.env, *config.env_options])
    console.table(f"Plan: {world}, preset {config.preset}, {seeds}", ["phase", "count", "of", "how"], rows)
    width = "-".join(map(str, agent.critic_hidden))
    console.say(
        f"agent: {agent.ensemble_size} critics of {width}, targets from {agent.target_subset} of them; "
        f"observation {env.obs_size}, action {env.action_size}"
    )
    parts = memory(config, env, recipe, rows_of_data)
    total = size(sum(parts.values()))
    console.say(f"memory: {', '.join(f'{name} {size(b)}' for name, b in parts.items())}; {total} in all")


def memory(config: Config, env: Environment, recipe: Recipe, rows_of_data: int | None) -> dict[str, int]:
    """Returns the bytes of what stays on the device, for all seeds, without computing anything.

    A dataset of unknown size is left out.
    """
    key = jax.eval_shape(lambda: jax.random.key(0))
    begun = jax.eval_shape(recipe.begin, key)
    switched = jax.eval_shape(recipe.switch, begun)
    row = jax.eval_shape(lambda: Transition.empty(env.obs_size, env.action_size).replace(mc_return=0.0))
    seeds = config.num_seeds
    data = {} if rows_of_data is None else {"dataset (until the switch)": bytes_of(row) * rows_of_data}
    return data | {
        "replay": bytes_of(switched.buffer) * seeds,
        "learner": bytes_of(begun.agent) * seeds,
        "environments": bytes_of(switched.env) * seeds,
    }


def bytes_of(tree: Any) -> int:
    """Returns the bytes of all arrays of a pytree of arrays or shapes."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
