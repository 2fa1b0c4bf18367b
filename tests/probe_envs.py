"""Worlds of a few numbers whose values are known beforehand: what an algorithm gets wrong, shows here.

Each is a task behind the contract of `envs.base`, in pure JAX; `probe(...)` wraps it as `envs.make` does.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from envs.base import EnvState, ReferenceScores, fingerprint, first_state
from envs.episode import Episodes


@dataclass(frozen=True, eq=False)
class Probe:
    """The common part: one observation, one action, and nothing but the observation as physics."""

    time_limit: int = 5

    name: ClassVar[str] = "probe"
    obs_size: ClassVar[int] = 1
    action_size: ClassVar[int] = 1
    reference: ClassVar[ReferenceScores | None] = None

    def fingerprint(self) -> str:
        """Returns the digest of class and options."""
        return fingerprint(self)

    def first_obs(self, key: jax.Array) -> jax.Array:
        """Returns the observation [1] of a start."""
        return jnp.zeros(1)

    def reset(self, key: jax.Array) -> EnvState:
        """Draws a start state."""
        key_start, key_next = jax.random.split(key)
        obs = self.first_obs(key_start)
        return first_state(obs, obs, key_next)

    def at(self, obs: jax.Array, key: jax.Array) -> EnvState:
        """Returns the state that is observed as `obs` [O]."""
        return self.reset(key).replace(physics=obs, obs=obs, final_obs=obs)

    def after(
        self, state: EnvState, obs: jax.Array, reward: jax.Array | float, terminated: jax.Array | bool
    ) -> EnvState:
        """Returns the state behind a step."""
        return state.replace(
            physics=obs,
            obs=obs,
            reward=jnp.asarray(reward, jnp.float32),
            terminated=jnp.asarray(terminated, jnp.bool_),
            final_obs=obs,
        )


class ConstantReward(Probe):
    """One step, reward 1: Q = 1 whatever the action. Finds a wrong loss or a wrong termination."""

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Ends with reward 1."""
        return self.after(state, state.obs, 1.0, True)


class RewardFromObs(Probe):
    """One step, the reward is the observation, -1 or 1: Q(s) = s. Finds critics that do not see."""

    def first_obs(self, key: jax.Array) -> jax.Array:
        """Returns -1 or 1."""
        return jax.random.rademacher(key, (1,), jnp.float32)

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Ends with the observation as reward."""
        return self.after(state, state.obs, state.obs[0], True)


class TwoSteps(Probe):
    """Observation 0, then 1, then the end with reward 1: Q(0) = discount, Q(1) = 1. Finds wrong targets."""

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Walks from 0 to 1, and ends from 1."""
        at_end = state.obs[0] > 0.5
        return self.after(state, jnp.ones(1), jnp.where(at_end, 1.0, 0.0), at_end)


class RewardFromAction(Probe):
    """One step, reward -(a - s / 2)^2 with s = -1 or 1: the policy must learn a = s / 2, and then Q = 0."""

    def first_obs(self, key: jax.Array) -> jax.Array:
        """Returns -1 or 1."""
        return jax.random.rademacher(key, (1,), jnp.float32)

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Ends with a reward that is best at half the observation."""
        return self.after(state, state.obs, -jnp.square(action[0] - 0.5 * state.obs[0]), True)


class EndlessReward(Probe):
    """Reward 1 at every step, cut only by the time limit: Q = 1 / (1 - discount), through the truncation."""

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Goes on for ever."""
        return self.after(state, state.obs, 1.0, False)


class TurnsNonFinite(Probe):
    """Counts its steps in the observation; the fourth step of an episode becomes NaN. Reward 1 until then."""

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Counts to 3, and breaks."""
        obs = jnp.where(state.obs < 2.5, state.obs + 1.0, jnp.nan)
        return self.after(state, obs, jnp.where(jnp.isnan(obs[0]), jnp.nan, 1.0), False)


@dataclass(frozen=True, eq=False)
class Line(Probe):
    """A point on a line that the action pushes: reward -|x|, falls off beyond 1, and has reference scores.

    Episodes differ in length and return, so that it serves where a whole run must have something to show.
    """

    time_limit: int = 20

    name: ClassVar[str] = "line"
    reference: ClassVar[ReferenceScores | None] = ReferenceScores(-8.0, 0.0, "by hand")

    def first_obs(self, key: jax.Array) -> jax.Array:
        """Returns a place between -0.5 and 0.5."""
        return jax.random.uniform(key, (1,), minval=-0.5, maxval=0.5)

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Moves by a fifth of the action."""
        obs = state.obs + 0.2 * jnp.clip(action, -1.0, 1.0)
        return self.after(state, obs, -jnp.abs(obs[0]), jnp.abs(obs[0]) > 1.0)


class OtherLine(Line):
    """The same shapes as `Line`, and another world."""

    name: ClassVar[str] = "other-line"


class WideLine(Line):
    """A `Line` seen through two numbers."""

    obs_size: ClassVar[int] = 2

    def first_obs(self, key: jax.Array) -> jax.Array:
        """Returns the same place twice."""
        return jnp.tile(super().first_obs(key), 2)


class CountsTraces(Line):
    """A `Line` that counts how often its step is traced: never once Python is out of the loop."""

    traces: ClassVar[int] = 0

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Counts, and steps."""
        type(self).traces += 1
        return super().step(state, action)


def probe(task: type[Probe], **options: int) -> Episodes:
    """Returns the task with its episode handling."""
    return Episodes(task(**options))
