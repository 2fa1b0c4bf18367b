"""Records one episode: the positions that a picture is made of, and what the episode was worth."""

# MuJoCo's bindings have no types that a checker sees.
# pyright: reportAttributeAccessIssue=false

import copy
from dataclasses import dataclass, replace
from typing import Any

import jax
import mujoco
import numpy as np

from envs.base import Environment, EnvState
from envs.programs import jitted
from envs.simulation import Placed, Simulation
from wsrl_mjx.data.rollout import Act
from wsrl_mjx.types import Key


@dataclass(frozen=True)
class Recording:
    """One episode, step by step; the state that its last step led to is not in it.

    Attributes:
        model: what moved.
        qpos: [T, nq], positions before each step.
        dt: seconds per step.
        rewards: [T], the task's own.
        ending: "terminated", "time limit", or "non-finite".
    """

    model: mujoco.MjModel
    qpos: np.ndarray
    dt: float
    rewards: np.ndarray
    ending: str

    @property
    def steps(self) -> int:
        """Length of the episode."""
        return len(self.qpos)

    @property
    def seconds(self) -> float:
        """Simulated time of the episode."""
        return self.steps * self.dt

    def first(self, seconds: float) -> "Recording":
        """Returns the beginning of the episode, `seconds` long at most, one step at least."""
        steps = max(1, int(seconds / self.dt + 1e-6))
        return replace(self, qpos=self.qpos[:steps], rewards=self.rewards[:steps])

    @property
    def episode_return(self) -> float:
        """Undiscounted sum of the rewards."""
        return float(np.sum(self.rewards, dtype=np.float64))


def simulation_of(env: Environment) -> Simulation:
    """Returns the simulation behind `env`, with the model that a picture is drawn from.

    Raises:
        ValueError: the environment is none of our MJX tasks.
    """
    task: Any = getattr(env, "task", env)
    simulation = getattr(task, "simulation", None)
    if not isinstance(simulation, Simulation):
        raise ValueError(f"env {env.name!r} has no MuJoCo model of ours to draw")
    return simulation


def check_drawable(env: Environment) -> None:
    """Raises ValueError unless a picture from the side shows what happens in `env`."""
    if simulation_of(env).mj_model.nmocap:
        raise ValueError(f"env {env.name!r} is seen from above: a run leaves its picture in the run's folder")


def record(env: Environment, act: Act, key: Key) -> Recording:
    """Plays one episode of `act` and returns it.

    Raises:
        ValueError: see `simulation_of` and `check_drawable`.
    """
    check_drawable(env)
    simulation = simulation_of(env)

    key_reset, key_run = jax.random.split(key)
    placed = getattr(getattr(env, "task", env), "placed", lambda context: Placed())

    def play(key_reset: Key, key_run: Key):

        def body(state: EnvState, key: Key):
            stepped = env.step(state, act(state.obs[None], key)[0])
            ends = (stepped.terminated, stepped.truncated, ~stepped.valid)
            return stepped, (state.physics.qpos, stepped.reward, ends)

        begun = env.reset(key_reset)
        return placed(begun.context), jax.lax.scan(body, begun, jax.random.split(key_run, env.time_limit))[1]

    where, path = jax.device_get(jitted(env, play)(key_reset, key_run))
    qpos, rewards, (terminated, truncated, invalid) = path
    last = int(np.argmax(terminated | truncated | invalid))  # the time limit ends it at the latest
    endings = {"terminated": terminated, "time limit": truncated, "non-finite": invalid}
    ending = next(name for name, happened in endings.items() if happened[last])
    model = simulation.mj_model
    if where.body_pos is not None:
        model = copy.copy(model)
        model.body_pos[:] = where.body_pos
    return Recording(model, qpos[: last + 1], simulation.dt, rewards[: last + 1], ending)
