"""Running a policy in an environment: one vector step with its transition, and whole episodes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from flax import struct

from envs.base import Environment, EnvState
from wsrl_mjx.types import Average, Key, Metrics, Transition

Act = Callable[[jax.Array, Key], jax.Array]  # observations [N, O], key -> actions [N, A]


class Controller(Protocol):
    """What collects a dataset: a policy that may remember something of every environment."""

    def begin(self, key: Key, num_envs: int) -> Any:
        """Returns the memory [N] before the first step."""
        ...

    def recall(self, memory: Any, state: EnvState, key: Key) -> Any:
        """Returns the memory that acts in the environments [N]."""
        ...

    def act(self, memory: Any, obs: jax.Array, key: Key) -> jax.Array:
        """Returns the actions [N, A]."""
        ...


@dataclass(frozen=True)
class Memoryless:
    """A policy as a controller."""

    policy: Act

    def begin(self, key: Key, num_envs: int) -> None:
        """Remembers nothing."""
        del key, num_envs

    def recall(self, memory: None, state: EnvState, key: Key) -> None:
        """Goes on remembering nothing."""
        del memory, state, key

    def act(self, memory: None, obs: jax.Array, key: Key) -> jax.Array:
        """Returns the policy's actions [N, A]."""
        del memory
        return self.policy(obs, key)


def remembering(who: Act | Controller) -> Controller:
    """Returns a controller as it is, and a policy as one that remembers nothing."""
    of_either: Any = who
    return of_either if hasattr(who, "recall") else Memoryless(of_either)


STEP_METRICS = ("train/episode_return", "train/episode_length", "train/non_finite")
ACTION_LIMIT = 0.99999  # keeps the log-density of a stored action finite


class RewardTransform(struct.PyTreeNode):
    """The learner's reward is scale * reward + bias: of experience, of datasets and of true values alike."""

    scale: jax.Array  # [] float32
    bias: jax.Array  # [] float32

    def __call__(self, reward: jax.Array) -> jax.Array:
        """Returns the learner's reward for the task's."""
        return self.scale * reward + self.bias


def reset(env: Environment, key: Key, num_envs: int) -> EnvState:
    """Returns `num_envs` fresh environments, [N]."""
    return jax.vmap(env.reset)(jax.random.split(key, num_envs))


def act_and_step(
    env: Environment,
    act: Act,
    state: EnvState,
    key: Key,
    transform: RewardTransform,
    step_all: Callable[[EnvState, jax.Array], EnvState] | None = None,
) -> tuple[EnvState, Transition, Metrics]:
    """Takes one step in every environment, and returns what happened as rows for a buffer, [N].

    Args:
        env: the world.
        act: who acts.
        state: of the environments, [N].
        key: for the actions.
        transform: to the learner's reward.
        step_all: steps all of them; None for all side by side.
    """
    action = limited(act(state.obs, key))
    stepped = (step_all or jax.vmap(env.step))(state, action)
    return stepped, transition(state, action, stepped, transform), step_metrics(stepped)


def limited(action: jax.Array) -> jax.Array:
    """Returns actions as they are taken and stored."""
    return jnp.clip(action, -ACTION_LIMIT, ACTION_LIMIT)


def transition(
    state: EnvState, action: jax.Array, stepped: EnvState, transform: RewardTransform
) -> Transition:
    """Returns rows [N]. A row of a non-finite step is all zeros, with valid 0: nothing can leak from it."""
    rows = Transition(
        obs=state.obs,
        action=action,
        reward=transform(stepped.reward),
        next_obs=stepped.final_obs,
        terminated=stepped.terminated.astype(jnp.float32),
        truncated=stepped.truncated.astype(jnp.float32),
        valid=stepped.valid.astype(jnp.float32),
    )

    def clean(leaf: jax.Array) -> jax.Array:
        valid = stepped.valid.reshape((-1,) + (1,) * (leaf.ndim - 1))
        return jnp.where(valid, leaf, jnp.zeros_like(leaf))

    return jax.tree.map(clean, rows)


def step_metrics(stepped: EnvState) -> Metrics:
    """Returns return and length of the episodes that ended in this step, and the share of lost rows."""
    ended = (stepped.terminated | stepped.truncated).astype(jnp.float32)
    count = jnp.sum(ended)

    def over_ended(name: str) -> Average:
        return Average(jnp.sum(jnp.where(ended > 0, stepped.metrics[name], 0.0)), count)

    return {
        "train/episode_return": over_ended("episode_return"),
        "train/episode_length": over_ended("episode_length"),
        "train/non_finite": Average.of(1.0 - jnp.mean(stepped.valid.astype(jnp.float32))),
    }


class EpisodeScores(struct.PyTreeNode):
    """What finished episodes show, one row each."""

    returns: jax.Array  # [N] undiscounted, the task's own reward
    lengths: jax.Array  # [N] float32
    x_velocity: jax.Array  # [N] mean forward speed in m/s, 0 where the task has none
    valid: jax.Array  # [N] bool: False where the simulation became non-finite
    first_obs: jax.Array  # [N, O]


# state, the controller's memory, scores, running [N], steps, key
_Playing = tuple[EnvState, Any, EpisodeScores, jax.Array, jax.Array, Key]


def evaluate(
    env: Environment, who: Act | Controller, key: Key, episodes: int, others: Sequence[Environment] = ()
) -> EpisodeScores:
    """Plays whole episodes side by side and returns their scores, [N].

    Args:
        env: the world.
        who: acts.
        key: for starts and actions.
        episodes: how many.
        others: the same world with other starts: as many episodes from those of each, in this order, after
            the world's own.
    """
    world: Any = env
    controller = remembering(who)
    on_host = getattr(env, "on_host", False)
    if on_host and episodes > 1:
        # One after another, in one instance: of a robot there is one.
        one = lambda key: evaluate(env, who, key, 1)
        return jax.tree.map(lambda leaf: leaf[:, 0], jax.lax.map(one, jax.random.split(key, episodes)))
    key_reset, key_run = jax.random.split(key)
    keys = (key_reset, *(jax.random.fold_in(key_reset, i) for i in range(len(others))))
    starts = [reset(*world, episodes) for world in zip((env, *others), keys, strict=True)]
    start = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *starts)
    episodes *= len(starts)
    zeros = jnp.zeros(episodes)
    scores = EpisodeScores(zeros, zeros, zeros, jnp.ones(episodes, bool), start.obs)

    def going_on(carry: _Playing) -> jax.Array:
        _, _, _, running, steps, _ = carry
        return jnp.any(running) & (steps < env.time_limit)

    def advance(carry: _Playing) -> _Playing:
        state, memory, scores, running, steps, key = carry
        key, key_act = jax.random.split(key)
        step_all = jax.vmap(env.step) if not on_host else partial(jax.vmap(world.step_where), running)
        memory = controller.recall(memory, state, jax.random.fold_in(key_act, 1))
        stepped = step_all(state, controller.act(memory, state.obs, key_act))
        count = running.astype(jnp.float32)
        speed = stepped.metrics.get("x_velocity", zeros)
        scores = scores.replace(
            returns=scores.returns + count * stepped.reward,
            lengths=scores.lengths + count,
            x_velocity=scores.x_velocity + count * speed,
            valid=scores.valid & (stepped.valid | ~running),
        )
        running = running & ~(stepped.terminated | stepped.truncated | ~stepped.valid)
        return stepped, memory, scores, running, steps + 1, key

    memory = controller.begin(jax.random.fold_in(key_run, 1), episodes)
    carry = (start, memory, scores, jnp.ones(episodes, bool), jnp.zeros((), jnp.int32), key_run)
    if on_host:  # mapped over seeds, a loop with calls to the host must have a fixed length
        state, _, scores, *_ = jax.lax.fori_loop(0, env.time_limit, lambda _, carry: advance(carry), carry)
        scores = scores.replace(lengths=scores.lengths + jax.vmap(world.release)(state, scores.lengths))
    else:
        _, _, scores, *_ = jax.lax.while_loop(going_on, advance, carry)
    return scores.replace(x_velocity=scores.x_velocity / jnp.maximum(scores.lengths, 1.0))
