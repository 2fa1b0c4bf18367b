"""Times our worlds through Gymnasium's interface, against one compiled loop over as many of them."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import gymnasium
import jax
import numpy as np

import envs
from envs.adapters.gymnasium.ids import gymnasium_id
from envs.base import EnvState
from envs.programs import jitted


def rates(name: str, num_envs: int, length: int, repeats: int) -> dict[str, Any]:
    """Returns control steps a second of both, measured in turns, and the median of their ratios.

    Args:
        name: of a world.
        num_envs: side by side; one is `gymnasium.make`, several are `gymnasium.make_vec`.
        length: steps of one timed call.
        repeats: calls of each.
    """
    actions = np.random.default_rng(0).uniform(-1.0, 1.0, (length, num_envs, envs.make(name).action_size))
    ways = {"gymnasium": _stepped(name, num_envs, actions), "scan": _scanned(name, num_envs, actions)}
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for call in ways.values():
        call()  # compiles
    for _ in range(repeats):
        for way, call in ways.items():
            began = time.perf_counter()
            call()
            taken[way].append(length * num_envs / (time.perf_counter() - began))
    of_rounds = [ours / scan for ours, scan in zip(taken["gymnasium"], taken["scan"], strict=True)]
    medians = {way: statistics.median(rates) for way, rates in taken.items()}
    return {"num_envs": num_envs, "steps_per_second": medians, "ratio": statistics.median(of_rounds)}


def _stepped(name: str, num_envs: int, actions: np.ndarray) -> Callable[[], None]:
    if num_envs == 1:
        one = gymnasium.make(gymnasium_id(name))
        one.reset(seed=0)

        def go_alone() -> None:
            for action in actions[:, 0].astype(np.float32):
                _, _, terminated, truncated, _ = one.step(action)
                if terminated or truncated:
                    one.reset()

        return go_alone
    many = gymnasium.make_vec(gymnasium_id(name), num_envs=num_envs)
    many.reset(seed=0)

    def go() -> None:
        for action in actions.astype(np.float32):
            many.step(action)

    return go


def _scanned(name: str, num_envs: int, actions: np.ndarray) -> Callable[[], None]:
    env = envs.make(name)

    def roll(states: EnvState, actions: jax.Array) -> tuple[EnvState, Any]:
        def body(states: EnvState, action: jax.Array) -> tuple[EnvState, Any]:
            after = jax.vmap(env.step)(states, action)
            return after, (after.obs, after.reward, after.terminated, after.truncated, after.final_obs)

        return jax.lax.scan(body, states, actions)

    program = jitted(env, roll)
    state = [jitted(env, jax.vmap(env.reset))(jax.random.split(jax.random.key(0), num_envs))]

    def go() -> None:
        state[0], seen = program(state[0], actions.astype(np.float32))
        jax.device_get(seen)

    return go
