"""The environment contract: what every world gives, and what every caller may rely on.

An environment is a pair of pure, unbatched functions, `reset(key)` and `step(state, action)`, over one
`EnvState`. Batches come from `jax.vmap` outside. Environments know nothing of learning.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from flax import struct


class EnvState(struct.PyTreeNode):
    """Everything that changes while an environment runs, and what the last step returned.

    `obs` is what the agent acts on next: after the end of an episode it is already the first observation of
    the next one. `final_obs` is always the true successor of the previous observation, never one after a
    reset, so it is the one that belongs into a replay buffer (Gymnasium's `final_observation`).
    """

    physics: Any  # what the simulator needs to go on: small arrays, see `envs.simulation.Physics`
    obs: jax.Array  # [O] float32
    reward: jax.Array  # [] float32
    terminated: jax.Array  # [] bool: the task ended; its value beyond this step is zero
    truncated: jax.Array  # [] bool: cut by the time limit; its value goes on
    valid: jax.Array  # [] bool: False when the simulation became non-finite; the row has no value
    final_obs: jax.Array  # [O] float32: the true successor
    steps: jax.Array  # [] int32: steps since the last reset
    key: jax.Array  # [] typed key, for the next reset
    context: Any = None  # what differs between episodes but not inside one: goals, maps
    metrics: dict[str, jax.Array] = struct.field(default_factory=dict)  # scalars, fixed keys


@dataclass(frozen=True)
class ReferenceScores:
    """Mean undiscounted episode returns that define the normalised score: 0 is `random`, 100 is `expert`."""

    random: float
    expert: float
    provenance: str
    of_success: bool = False  # the return of an episode is 1 for success and 0 for failure

    def normalize(self, episode_return: Any) -> Any:
        """Returns 100 * (episode_return - random) / (expert - random), element-wise."""
        return 100.0 * (episode_return - self.random) / (self.expert - self.random)

    @property
    def quantity(self) -> str:
        """What `normalize` returns, for the axis of a plot."""
        return "success rate, %" if self.of_success else "normalised score"

    def show(self, mean_return: float) -> str:
        """Returns a mean return for people: with its score, or as a success rate."""
        score = self.normalize(mean_return)
        return (
            f"success {score:.0f} %" if self.of_success else f"return {mean_return:,.0f} (score {score:.1f})"
        )


class Environment(Protocol):
    """What `envs.make` returns, and what a task implements."""

    @property
    def name(self) -> str: ...

    @property
    def obs_size(self) -> int: ...

    @property
    def action_size(self) -> int: ...

    @property
    def time_limit(self) -> int:
        """Steps after which an episode is truncated."""
        ...

    @property
    def reference(self) -> ReferenceScores | None:
        """The scores that define the normalised return; None where they are not known for these options."""
        ...

    def fingerprint(self) -> str:
        """Returns a digest of all that fixes the dynamics, the observation and the reward."""
        ...

    def reset(self, key: jax.Array) -> EnvState:
        """Draws a start state."""
        ...

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Applies `action` ([A], in [-1, 1]) for one control step."""
        ...


def first_state(
    physics: Any,
    obs: jax.Array,
    key: jax.Array,
    metrics: tuple[str, ...] = (),
    context: Any = None,
) -> EnvState:
    """Returns the state of an episode before its first step: no reward, nothing ended, metrics at zero.

    Args:
        physics: the start state of the simulation.
        obs: [O], its observation.
        key: typed key for the start after this one.
        metrics: names of the scalars that `step` will report.
        context: goals or maps of this episode.
    """
    no = jnp.zeros((), jnp.bool_)
    return EnvState(
        physics=physics,
        obs=obs,
        reward=jnp.zeros((), jnp.float32),
        terminated=no,
        truncated=no,
        valid=jnp.ones((), jnp.bool_),
        final_obs=obs,
        steps=jnp.zeros((), jnp.int32),
        key=key,
        context=context,
        metrics={name: jnp.zeros((), jnp.float32) for name in metrics},
    )


def fingerprint(task: Any, *sources: str) -> str:
    """Returns the SHA-256 of a task: its class, every option it was made with, and its model's source text.

    The source text stands for the model, not the compiled model, so that the digest is the same on every
    machine and under every version of the simulator.

    Args:
        task: a dataclass whose constructor fields are its options.
        sources: texts that fix its model, MJCF for example.
    """
    options = {f.name: getattr(task, f.name) for f in dataclasses.fields(task) if f.init}
    digest = hashlib.sha256(json.dumps([type(task).__name__, options], sort_keys=True).encode())
    for source in sources:
        digest.update(b"\0" + source.encode())
    return digest.hexdigest()
