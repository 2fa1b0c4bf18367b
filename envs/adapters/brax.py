"""Brax's environments behind our contract (`envs.make("brax:ant")`), and our tasks behind Brax's (`as_brax`).

Brax's `State` and its raw random keys appear in this file alone. Importing it imports Brax.
"""

import difflib
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from envs.base import Environment, EnvState, ReferenceScores, fingerprint, first_state
from envs.checks import check_choice
from envs.episode import Episodes


@contextmanager
def _quietly() -> Generator[None]:
    # Brax warns that its environments are not maintained and that it reads MJX fields by old names: nothing
    # that a user of ours could act on.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


with _quietly():
    import brax
    import brax.envs
    from brax.envs.base import Env as BraxEnv
    from brax.envs.base import State as BraxState

BACKENDS = ("generalized", "mjx", "positional", "spring")


@dataclass(frozen=True, eq=False)
class BraxTask:
    """An environment registered with Brax, without Brax's wrappers.

    `Episodes` adds the time limit and the restarts. Brax's own solver settings stay (on MJX often one
    iteration: fast, and on some tasks wrong). A start costs a simulation step, and is drawn at every step.
    `done` without Brax's time limit means terminated.
    """

    env_name: str
    backend: str = "mjx"
    time_limit: int = 1000
    env: Any = field(init=False, repr=False)
    obs_size: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        known = brax.envs._envs  # pyright: ignore[reportPrivateUsage] (there is no public list)
        if self.env_name not in known:
            near = difflib.get_close_matches(self.env_name, known, n=1)
            hint = f" Did you mean 'brax:{near[0]}'?" if near else ""
            names = ", ".join(f"brax:{name}" for name in sorted(known))
            raise ValueError(f"env is 'brax:{self.env_name}'; choose one of {names}.{hint}")
        check_choice("backend", self.backend, BACKENDS)
        with _quietly():
            env = brax.envs.get_environment(self.env_name, backend=self.backend)
            # Brax's own `observation_size` resets the environment to find out, operation by operation.
            obs = jax.eval_shape(
                env.reset, jax.eval_shape(lambda: jax.random.key_data(jax.random.key(0)))
            ).obs
        if not isinstance(obs, jax.ShapeDtypeStruct) or len(obs.shape) != 1:
            raise ValueError(f"brax:{self.env_name} observes {obs}; only flat observations are supported")
        object.__setattr__(self, "env", env)
        object.__setattr__(self, "obs_size", int(obs.shape[0]))

    @property
    def name(self) -> str:
        return f"brax:{self.env_name}"

    @property
    def action_size(self) -> int:
        return self.env.action_size

    @property
    def reference(self) -> ReferenceScores | None:
        return None

    def fingerprint(self) -> str:
        """Returns the digest of the options and of Brax's version, whose wheel holds code and model."""
        return fingerprint(self, brax.__version__)

    def reset(self, key: jax.Array) -> EnvState:
        """Draws one of Brax's start states."""
        key_start, key_next = jax.random.split(key)
        with _quietly():
            brax_state = _strongly_typed(self.env.reset(jax.random.key_data(key_start)))
        state = first_state(brax_state, brax_state.obs, key_next)
        return state.replace(metrics=brax_state.metrics)

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Applies `action` ([A], clipped to [-1, 1]) for one of Brax's control steps."""
        # Brax updates the dictionaries of the state that it is given: hand it copies.
        before = jax.tree.map(lambda leaf: leaf, state.physics)
        with _quietly():
            brax_state = _strongly_typed(self.env.step(before, jnp.clip(action, -1.0, 1.0)))
        return state.replace(
            physics=brax_state,
            obs=brax_state.obs,
            final_obs=brax_state.obs,
            reward=brax_state.reward,
            terminated=brax_state.done > 0.5,
            metrics=state.metrics | brax_state.metrics,
        )


def _strongly_typed(state: Any) -> Any:
    """Returns the state with no weakly typed leaf, so that `reset` and `step` return the same types."""
    state = jax.tree.map(lambda leaf: jnp.asarray(leaf).astype(jnp.result_type(leaf)), state)
    floats = {name: value.astype(jnp.float32) for name, value in state.metrics.items()}
    return state.replace(
        metrics=floats, reward=state.reward.astype(jnp.float32), done=state.done.astype(jnp.float32)
    )


class _AsBrax(BraxEnv):
    """One of our tasks as Brax's trainers want it: raw keys, `done`, no time limit."""

    def __init__(self, task: Environment) -> None:
        self._task = task

    @property
    def observation_size(self) -> int:
        return self._task.obs_size

    @property
    def action_size(self) -> int:
        return self._task.action_size

    @property
    def backend(self) -> str:
        return "mjx"

    def reset(self, rng: jax.Array) -> BraxState:
        """Draws a start from a typed key or from Brax's raw one."""
        typed = jnp.issubdtype(rng.dtype, jax.dtypes.prng_key)
        state = self._task.reset(rng if typed else jax.random.wrap_key_data(rng))
        ours: Any = state.replace(key=jax.random.key_data(state.key))
        return BraxState(
            pipeline_state=ours,
            obs=state.obs,
            reward=state.reward,
            done=jnp.zeros((), jnp.float32),
            metrics=dict(state.metrics),
            info={},
        )

    def step(self, state: Any, action: jax.Array) -> BraxState:
        """Makes one control step with `action` [A]; `done` means terminated."""
        before: Any = state.pipeline_state
        after = self._task.step(before.replace(key=jax.random.wrap_key_data(before.key)), action)
        # Brax knows no invalid rows: a non-finite step ends the episode with zeros.
        leaves = jax.tree.leaves((after.physics, after.obs, after.reward))
        finite = jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]).all()
        return state.replace(
            pipeline_state=after.replace(key=before.key),
            obs=jnp.where(finite, after.obs, 0.0),
            reward=jnp.where(finite, after.reward, 0.0),
            done=(after.terminated | ~finite).astype(jnp.float32),
            metrics=state.metrics | {k: jnp.where(finite, v, 0.0) for k, v in after.metrics.items()},
        )


def as_brax(env: Environment) -> BraxEnv:
    """Returns `env` (what `envs.make` gave, or a bare task) for `brax.training`, less its episode handling.

    Give the trainer `episode_length=env.time_limit`: Brax's own wrappers add the limit and the restarts.
    """
    return _AsBrax(env.task if isinstance(env, Episodes) else env)
