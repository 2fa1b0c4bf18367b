"""The compiled reset and step of a world, and what they report to the host.

Environments of one world and the same options share them: the second one compiles nothing.
"""

from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import jax
import jax.numpy as jnp
import numpy as np

import envs
from envs.base import Environment, EnvState
from envs.programs import jitted

SEEDS = 2**32  # JAX makes its keys of 32 bits; seeds that differ by a multiple are the same


class Report(NamedTuple):
    """What one step returned, on the host; with a leading axis [N] in a batch."""

    obs: np.ndarray  # [O] float32: what to act on next, after an end a fresh start
    final_obs: np.ndarray  # [O] float32: the true successor; where not valid, what was acted on
    reward: np.ndarray  # [] float32
    terminated: np.ndarray  # [] bool
    truncated: np.ndarray  # [] bool: by the time limit, or not valid
    valid: np.ndarray  # [] bool: False where the simulation became non-finite
    metrics: dict[str, np.ndarray]  # [] float32 each

    @property
    def ended(self) -> np.ndarray:
        """Whether the step was its episode's last."""
        return self.terminated | self.truncated


class Programs:
    """A world's functions, jitted; for one environment, or mapped over a batch [N].

    Args:
        env: what `envs.make` returned: it restarts inside the step that ends an episode.
        batched: whether states, seeds and actions have a leading axis [N].
    """

    def __init__(self, env: Environment, batched: bool) -> None:
        def mapped(function: Any) -> Any:
            return jitted(env, jax.vmap(function) if batched else function)

        self.env = env
        self.metrics = sorted(jax.eval_shape(env.reset, jax.eval_shape(jax.random.key, 0)).metrics)
        self._seeded = mapped(lambda seed: env.reset(jax.random.key(seed)))
        self._again = mapped(lambda state: env.reset(state.key))
        self._select = mapped(_select)
        self._step = mapped(self._step_one)

    def start(self, seeds: Any) -> EnvState:
        """Returns first states: of `jax.random.key(seed)`, for integers [] or [N]."""
        return self._seeded(np.asarray(seeds % SEEDS, np.uint32))

    def start_again(self, state: EnvState) -> EnvState:
        """Returns the first states of the episodes after those of `state`."""
        return self._again(state)

    def select(self, where: np.ndarray, if_true: EnvState, if_false: EnvState) -> EnvState:
        """Returns a batch with the rows of one state where `where` [N] holds, and of another elsewhere."""
        return self._select(where, if_true, if_false)

    def step(self, state: EnvState, action: np.ndarray) -> tuple[EnvState, Report]:
        """Makes one control step with `action` [A]."""
        state, packed = self._step(state, action)
        return state, self._unpacked(np.array(packed))  # a copy: JAX's own memory must not be written to

    def _step_one(self, state: EnvState, action: jax.Array) -> tuple[EnvState, jax.Array]:
        # One array, because to fetch one each would take longer than many a step.
        after = self.env.step(state, action)
        flags = (after.terminated, after.truncated | ~after.valid, after.valid)
        scalars = [after.reward, *flags, *(after.metrics[name] for name in self.metrics)]
        final_obs = jnp.where(after.valid, after.final_obs, state.obs)
        packed = [after.obs, final_obs, jnp.stack([jnp.asarray(x, jnp.float32) for x in scalars])]
        return after, jnp.concatenate(packed)

    def _unpacked(self, packed: np.ndarray) -> Report:
        size = self.env.obs_size
        obs, final_obs, scalars = np.split(packed, (size, 2 * size), axis=-1)
        reward, terminated, truncated, valid, *metrics = np.moveaxis(scalars, -1, 0)
        flags = (terminated > 0, truncated > 0, valid > 0)
        return Report(obs, final_obs, reward, *flags, dict(zip(self.metrics, metrics, strict=True)))


_SHARED: WeakValueDictionary[Any, Programs] = WeakValueDictionary()


def programs_of(world: str | Environment, options: dict[str, Any], *, batched: bool) -> Programs:
    """Returns the programs of a world, those that another environment uses already where there is one.

    Args:
        world: a name as `envs.make` takes it, or what it returned.
        options: of the world; none where it was made already.
        batched: see `Programs`.

    Raises:
        ValueError: see `envs.make`; or options for a world that was made already.
    """
    if isinstance(world, str):
        # A name may be registered anew, so what it stands for is in the key.
        key = (envs.REGISTRY.get(world), world, repr(sorted(options.items())), batched)
        return _shared(key, lambda: Programs(envs.make(world, **options), batched))
    if options:
        raise ValueError(f"world is {world.name}, made already; the options {sorted(options)} come too late")
    return _shared((world, batched), lambda: Programs(world, batched))


def _shared(key: Any, make: Callable[[], Programs]) -> Programs:
    programs = _SHARED.get(key)
    if programs is None:
        programs = _SHARED[key] = make()
    return programs


def _select(where: jax.Array, if_true: EnvState, if_false: EnvState) -> EnvState:
    return jax.tree.map(lambda a, b: jnp.where(where, a, b), if_true, if_false)
