"""Times the two training programs as a run compiles them: an online step, and a pretraining step."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

import envs
from benchmarks import flops
from benchmarks.timing import per_step, timed_calls
from envs.base import Environment, EnvState, ReferenceScores, first_state
from wsrl_mjx.config import build
from wsrl_mjx.config.settings import Config
from wsrl_mjx.data.replay import ReplayBuffer
from wsrl_mjx.training import loop, runtime
from wsrl_mjx.training.recipe import Recipe
from wsrl_mjx.training.sharding import Devices, Placement
from wsrl_mjx.types import Clock, TrainState, Transition


@dataclass(frozen=True, eq=False)
class Still:
    """A world of given sizes in which nothing moves: what an online step costs without physics."""

    obs_size: int
    action_size: int
    name: str = "still"
    time_limit: int = 1000
    reference: ReferenceScores | None = None

    def fingerprint(self) -> str:
        """Returns a constant: there is nothing to tell apart."""
        return "still"

    def reset(self, key: jax.Array) -> EnvState:
        """Returns zeros."""
        return first_state(None, jnp.zeros(self.obs_size), key, ("episode_return", "episode_length"))

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Uses the action, so that it must be computed, and moves nothing."""
        return state.replace(steps=state.steps + 1, reward=jnp.sum(action))


def online(
    config: Config,
    seeds: int,
    chunk: int,
    repeats: int,
    physics: bool = True,
    devices: Devices = 1,
) -> dict[str, Any]:
    """Returns the time of one online step of all seeds, updates included, with a full replay buffer."""
    placement = Placement.over(devices, seeds)
    world = envs.make(config.env)
    env: Environment = world if physics else Still(world.obs_size, world.action_size)
    recipe = build.make(config, env)
    begun = recipe.begin_all(jax.random.split(jax.random.key(0), seeds))
    state = jax.jit(jax.vmap(lambda begun: filled(recipe, begun)))(begun)
    clock = Clock.zero().replace(env_steps=jnp.asarray(config.online.replay_capacity, jnp.int32))
    work = seeds * flops.online_step(config, env.obs_size, env.action_size)
    state, clock = placement.spread(placement.filled_up(state)), placement.copied(clock)
    taken = _time(recipe.online, recipe.shared, state, clock, chunk, repeats, work, placement)
    return taken | {"seeds": seeds, "devices": placement.devices}


def pretraining(config: Config, seeds: int, chunk: int, repeats: int) -> dict[str, Any]:
    """Returns the time of one gradient step of all seeds, on a dataset of the configured size."""
    env = envs.make(config.env)
    recipe = build.make(config, env)
    row = Transition.empty(env.obs_size, env.action_size).replace(mc_return=jnp.zeros(()))
    data = jax.jit(_random_rows, static_argnums=1)(row, config.data.dataset_size, jax.random.key(1))
    state = recipe.begin_all(jax.random.split(jax.random.key(0), seeds))
    work = seeds * flops.pretrain_step(config, env.obs_size, env.action_size)
    return _time(recipe.pretrain, data, state, Clock.zero(), chunk, repeats, work) | {"seeds": seeds}


def filled(recipe: Recipe, begun: TrainState) -> TrainState:
    """Returns a fresh agent with a buffer full of random rows."""
    state = recipe.switch(begun)
    row = jax.tree.map(lambda leaf: leaf[0], state.buffer.data)
    rows = _random_rows(row, recipe.replay_capacity, jax.random.key(2))
    return state.replace(buffer=ReplayBuffer(rows))


def _random_rows(row: Transition, count: int, key: jax.Array) -> Transition:
    """Returns `count` rows of noise, all of them valid and inside episodes."""
    leaves, structure = jax.tree.flatten(row)
    keys = jax.random.split(key, len(leaves))
    noise = [jax.random.normal(k, (count, *leaf.shape)) for k, leaf in zip(keys, leaves, strict=True)]
    rows: Transition = jax.tree.unflatten(structure, noise)
    zeros = jnp.zeros(count)
    return rows.replace(
        action=jnp.tanh(rows.action), terminated=zeros, truncated=zeros, valid=jnp.ones(count)
    )


def _time(
    phase: Any,
    shared: Any,
    state: TrainState,
    clock: Clock,
    chunk: int,
    repeats: int,
    work: int,
    placement: Placement = loop.ONE_DEVICE,
) -> dict[str, Any]:
    # A run's program makes chunks of any length; here one is all.
    once = placement.copied(jnp.ones((), jnp.int32))
    program = runtime.compiled(loop.make_chunk(chunk, placement).lower(phase, shared, state, clock, once))

    def advance(carry: tuple[TrainState, Clock]) -> tuple[TrainState, Clock]:
        return program(phase, shared, *carry, once)[:2]

    taken = per_step(timed_calls(advance, (state, clock), repeats), chunk)
    return taken | {"flop": work, "flop_rate": work * taken["per_second"]}
