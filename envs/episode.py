"""Turns a task into endless episodes: time limit, restart from fresh start states, and the NaN guard."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp

from envs.base import Environment, EnvState, ReferenceScores, fingerprint
from envs.checks import check_positive_int


@dataclass(frozen=True, eq=False)
class Episodes:
    """Wraps a task behind the same contract; what `envs.make` returns.

    A task of one's own is a frozen dataclass with `obs_size`, `action_size`, `time_limit`, `reset` and
    `step`; `name`, `reference` and `fingerprint` may be left out.

    A step that ends an episode already returns the first observation of the next one as `obs`, and the true
    successor as `final_obs`. Two metrics are added, both of the episode that the step belongs to:
    `episode_return` and `episode_length`; where an episode ends they hold its final values.

    A step that leaves a number in the simulation, the observation or the reward that is not finite has
    `valid` False: reward 0, `final_obs` zeros, neither terminated nor truncated, and a fresh start.
    """

    task: Environment

    def __post_init__(self) -> None:
        if inspect.isclass(self.task):
            raise ValueError(f"a task must be made before it is wrapped, got the class {self.task!r}")
        check_positive_int("time_limit", self.task.time_limit)

    @property
    def name(self) -> str:
        return getattr(self.task, "name", type(self.task).__name__)

    @property
    def obs_size(self) -> int:
        return self.task.obs_size

    @property
    def action_size(self) -> int:
        return self.task.action_size

    @property
    def time_limit(self) -> int:
        return self.task.time_limit

    @property
    def reference(self) -> ReferenceScores | None:
        return getattr(self.task, "reference", None)

    @property
    def obs_labels(self) -> tuple[str, ...]:
        """Names and units of the observation [O]; numbers where the task does not say."""
        return getattr(self.task, "obs_labels", tuple(f"obs[{i}]" for i in range(self.obs_size)))

    @property
    def action_labels(self) -> tuple[str, ...]:
        """What an action of 1 does [A]; numbers where the task does not say."""
        return getattr(self.task, "action_labels", tuple(f"action[{i}]" for i in range(self.action_size)))

    @property
    def control_step(self) -> float | None:
        """Seconds that an action holds; None where neither the task nor its simulation says."""
        own: Any = getattr(self.task, "control_step", None)
        simulation: Any = getattr(self.task, "simulation", None)
        return own if simulation is None else float(simulation.dt)

    @property
    def other_starts(self) -> dict[str, "Episodes"]:
        """The same world with other starts, by name, where a policy is to be judged from these too."""
        own: Any = getattr(self.task, "other_starts", None)
        return {} if own is None else {name: Episodes(task) for name, task in own().items()}

    @property
    def cpu_options(self) -> dict[str, Any]:
        """XLA's options that programs with this world need on a CPU; a task without any has none."""
        return getattr(self.task, "cpu_options", {})

    def fingerprint(self) -> str:
        """Returns the task's digest; its time limit is in it. A task without one is known by its source."""
        own: Any = getattr(self.task, "fingerprint", None)
        return fingerprint(self.task, _source(type(self.task))) if own is None else own()

    def reset(self, key: jax.Array) -> EnvState:
        """Draws a start state; later starts come from the state's own key."""
        return self._counted(self.task.reset(key))

    def _counted(self, state: EnvState) -> EnvState:
        zero = jnp.zeros((), jnp.float32)
        return state.replace(metrics=state.metrics | {"episode_return": zero, "episode_length": zero})

    @property
    def restartable(self) -> bool:
        """Whether the task can be put into a state that was observed."""
        return hasattr(self.task, "at")

    def at(self, obs: jax.Array, key: jax.Array) -> EnvState:
        """Returns an episode that begins where `obs` [O] was observed.

        Raises:
            ValueError: the task is not `restartable`.
        """
        if not self.restartable:
            raise ValueError(f"env {self.name} cannot be restarted from an observation")
        task: Any = self.task
        return self._counted(task.at(obs, key))

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Makes one control step with `action` [A], and restarts where it ended the episode."""
        return self._traced_once(state, action)

    @cached_property
    def _traced_once(self) -> Callable[[EnvState, jax.Array], EnvState]:
        """The step as a function that JAX remembers: every program that uses it has one trace of it."""
        return jax.jit(self._step)

    def _step(self, state: EnvState, action: jax.Array) -> EnvState:
        stepped = self.task.step(state, action)
        valid = _all_finite((stepped.physics, stepped.obs, stepped.reward))
        stepped = jax.tree.map(_zero_where_not_finite, stepped)

        steps = state.steps + 1
        terminated = valid & stepped.terminated
        truncated = valid & ~terminated & (steps >= self.time_limit)
        ended = terminated | truncated | ~valid
        reward = jnp.where(valid, stepped.reward, 0.0)
        # A start is arithmetic on small arrays, so drawing one at every step and selecting costs next to
        # nothing; a branch would become this same select under vmap. The key moves on with every draw.
        fresh = self.task.reset(state.key)

        return EnvState(
            physics=_select(ended, fresh.physics, stepped.physics),
            obs=jnp.where(ended, fresh.obs, stepped.obs),
            reward=reward,
            terminated=terminated,
            truncated=truncated,
            valid=valid,
            final_obs=jnp.where(valid, stepped.obs, 0.0),
            steps=jnp.where(ended, 0, steps),
            key=fresh.key,
            context=_select(ended, fresh.context, stepped.context),
            metrics=_task_metrics(state, stepped, valid) | _episode_metrics(state, reward),
        )


def _source(kind: type) -> str:
    """Returns the text of a class, or its name where there is no file to read it from."""
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        return kind.__qualname__


def _task_metrics(state: EnvState, stepped: EnvState, valid: jax.Array) -> dict[str, jax.Array]:
    own = state.metrics.keys() - {"episode_return", "episode_length"}
    return {name: jnp.where(valid, stepped.metrics[name], 0.0) for name in sorted(own)}


def _episode_metrics(state: EnvState, reward: jax.Array) -> dict[str, jax.Array]:
    first = state.steps == 0  # the numbers in the state are then those of the episode before
    return {
        "episode_return": jnp.where(first, 0.0, state.metrics["episode_return"]) + reward,
        "episode_length": jnp.where(first, 0.0, state.metrics["episode_length"]) + 1.0,
    }


def _select(condition: jax.Array, if_true: Any, if_false: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), if_true, if_false)


def _is_float(leaf: jax.Array) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.floating)


def _all_finite(tree: Any) -> jax.Array:
    finite = [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree) if _is_float(leaf)]
    return jnp.stack(finite).all()


def _zero_where_not_finite(leaf: jax.Array) -> jax.Array:
    return jnp.where(jnp.isfinite(leaf), leaf, 0.0) if _is_float(leaf) else leaf
