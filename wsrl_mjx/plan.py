"""The resolved plan of a run, shown before anything compiles: phases, steps, sizes, memory."""

import os
from typing import Any

import jax

from envs.base import Environment
from wsrl_mjx import members, recipes
from wsrl_mjx.config import Config, replace_flat
from wsrl_mjx.console import Console, size
from wsrl_mjx.recipes import Recipe
from wsrl_mjx.types import Transition

DATASET = "dataset (until the switch)"
USABLE = 0.7  # share of the memory that is planned with: programs need room of their own


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
    if config.points:
        seeds = f"{len(config.points)} grid points x {seeds} side by side"
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
    """Returns the bytes of what stays on the device, for all members, without computing anything.

    A dataset of unknown size is left out.
    """
    count = len(members.of(config))
    begun = jax.eval_shape(
        recipe.begin_all, jax.eval_shape(lambda: jax.random.split(jax.random.key(0), count))
    )
    switched = jax.eval_shape(recipe.switch_all, begun)
    row = jax.eval_shape(lambda: Transition.empty(env.obs_size, env.action_size).replace(mc_return=0.0))
    data = {} if rows_of_data is None else {DATASET: bytes_of(row) * rows_of_data}
    return data | {
        "replay": bytes_of(switched.buffer),
        "learner": bytes_of(begun.agent),
        "environments": bytes_of(switched.env),
    }


def members_at_once(config: Config, env: Environment, rows_of_data: int | None) -> int:
    """Returns how many members' memory fits beside the dataset on this device, 1 at least.

    Raises:
        ValueError: one member alone does not fit.
    """
    single = replace_flat(members.at_points(config)[0], {"num_seeds": 1})
    parts = memory(single, env, recipes.wsrl(single, env), rows_of_data)
    data = parts.pop(DATASET, 0)
    room, each = USABLE * device_bytes() - data, sum(parts.values())
    if room < each:
        raise ValueError(
            f"replay_capacity {single.online.replay_capacity:,} and a dataset of "
            f"{rows_of_data or 0:,} rows need {size(data + each)} for one member, of "
            f"{size(device_bytes())} on this device, of which {USABLE:.0%} are planned with: choose less"
        )
    return int(room // each)


def device_bytes() -> int:
    """Returns the memory of the device that computes: an accelerator's own, or the machine's."""
    stats = jax.local_devices()[0].memory_stats() or {}
    return stats.get("bytes_limit") or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def bytes_of(tree: Any) -> int:
    """Returns the bytes of all arrays of a pytree of arrays or shapes."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
