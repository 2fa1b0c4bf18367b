"""Collecting offline data: by random actions, a shipped behaviour, or a policy of one's own."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from envs.base import Environment
from wsrl_mjx.algos.checks import is_count
from wsrl_mjx.data import behaviors, dataset, scripted
from wsrl_mjx.data.dataset import Dataset
from wsrl_mjx.data.rollout import Act, Controller, Memoryless
from wsrl_mjx.data.scripted import Source


def behavior(env: Environment, level: str, error: float | None = None) -> Source:
    """Returns a behaviour of an environment by name.

    Args:
        env: what `envs.make` returns.
        level: "random"; in a maze "play" or "diverse"; for a peg "demonstration", "mixed" or "play"; for a
            door "demonstration" or "human-like"; or a level that is shipped for it, such as "medium".
        error: of a peg's or a door's script, m, in what it believes of the hole's or handle's place; None
            for its own.

    Raises:
        ValueError: no such behaviour of this environment; the message lists those that are shipped.
    """
    if level == "random":
        uniform = Memoryless(behaviors.random_act(env.action_size))
        return Source(env, uniform, {"return_mean": None, "how": "uniform actions"})
    if level in scripted.KINDS:
        return scripted.source(env, level, error)
    folder = behaviors.shipped_folder(env.name)
    if not folder.is_dir():
        raise ValueError(
            f"behavior must be random for {env.name!r}, which none is shipped for, got {level!r}"
        )
    shipped = behaviors.load(folder, level)
    return Source(env, Memoryless(shipped.act(explore=True)), shipped.card)


def collect(
    env: Environment,
    policy: Source | Controller | Act,
    size: int,
    *,
    num_envs: int = 64,
    seed: int = 0,
    name: str = "collected",
    on_progress: Callable[[int], None] = lambda rows: None,
) -> Dataset:
    """Rolls a policy out on the device and returns what it saw, as an offline dataset on the host.

    Args:
        env: the world; the rewards in the dataset are its own, without scale or bias.
        policy: what `behavior` returns; a function from observations [N, O] and a key to actions [N, A]; or a
            `Controller`, which may remember something of every environment.
        size: rows (transitions).
        num_envs: environments stepped side by side, each with an even share of the rows.
        seed: of starts and actions, below 2**31.
        name: for the dataset's card.
        on_progress: called with the number of rows collected so far.

    Raises:
        ValueError: a size, number of environments or seed that cannot work, or actions of another shape.
    """
    for number, value in {"size": size, "num_envs": num_envs, "seed": seed}.items():
        if not is_count(value):
            raise ValueError(f"{number} must be an integer, got {value!r}")
    if num_envs < 1 or size < num_envs:
        raise ValueError(f"size must be at least num_envs, which is positive, got {size} and {num_envs}")
    if not 0 <= seed < 2**31:
        raise ValueError(f"seed must be an integer, zero or more and below 2**31, got {seed}")
    check_world(env)
    if isinstance(policy, Source):
        source = policy
    else:
        source = Source(env, _controller(policy, env, num_envs), {"return_mean": None})
    rows = dataset.collect(source.env, source.controller, size, num_envs, seed, on_progress)
    policies = [{"level": name, "transitions": size, "card": source.card}]
    return Dataset(rows, dataset.make_card(env, rows, name, policies, seed))


def check_world(env: Environment) -> None:
    """Checks that a world keeps what it says of itself, by its shapes alone.

    Raises:
        ValueError: a task without its episode handling, or observations of another size.
    """
    state = jax.eval_shape(env.reset, jax.random.key(0))
    if "episode_return" not in state.metrics:
        raise ValueError(f"env must handle its episodes: wsrl.Episodes({type(env).__name__}(...))")
    if state.obs.shape != (env.obs_size,):
        raise ValueError(
            f"obs_size of env {env.name!r} is {env.obs_size}, and reset gives observations {state.obs.shape}"
        )


def _controller(policy: Any, env: Environment, num_envs: int) -> Controller:
    """Returns a function as a controller that remembers nothing; its actions are checked by their shape."""
    if hasattr(policy, "recall"):
        return policy
    obs = jax.ShapeDtypeStruct((num_envs, env.obs_size), jnp.float32)
    found, wanted = jax.eval_shape(policy, obs, jax.random.key(0)).shape, (num_envs, env.action_size)
    if found != wanted:
        raise ValueError(f"policy must return actions {wanted} for observations {obs.shape}, got {found}")
    return Memoryless(policy)
