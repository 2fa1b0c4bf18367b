"""The values that travel through the program. Imports nothing of ours.

Shape alphabet of all comments: S seeds, N environments, U updates, B batch, E ensemble, O observation,
A action, C capacity, D dataset rows. State classes are written for one seed; `vmap` adds the S axis.
"""

from typing import Any, Protocol

import jax
import jax.numpy as jnp
from flax import struct

Key = jax.Array  # a typed PRNG key, from `jax.random.key`
Params = Any  # a pytree of float32 arrays


class Average(struct.PyTreeNode):
    """A weighted sum on its way to a mean, so that metrics can be reduced inside a scan."""

    total: jax.Array  # [] float32
    weight: jax.Array  # [] float32

    @classmethod
    def zero(cls) -> "Average":
        """Returns the average of nothing."""
        return cls(jnp.zeros(()), jnp.zeros(()))

    @classmethod
    def of(cls, value: jax.Array, weight: jax.Array | float = 1.0) -> "Average":
        """Returns one value that counts `weight` times; one that is not finite counts nothing."""
        finite = jnp.isfinite(value)
        weight = jnp.where(finite, jnp.asarray(weight, jnp.float32), 0.0)
        return cls(jnp.where(finite, jnp.asarray(value, jnp.float32), 0.0) * weight, weight)


Metrics = dict[str, Average]  # flat, keys fixed per phase, named `group/name`


class Transition(struct.PyTreeNode):
    """One step, or a batch of steps: every field may carry the same leading axes."""

    obs: jax.Array  # [O]
    action: jax.Array  # [A] in [-1, 1]
    reward: jax.Array  # [] scaled and biased
    next_obs: jax.Array  # [O] the true successor, never an observation after a reset
    terminated: jax.Array  # [] float32: 1 where the value beyond this step is zero
    truncated: jax.Array  # [] float32: 1 where a limit cut the episode; targets bootstrap through it
    valid: jax.Array  # [] float32: 0 for a row without value (non-finite simulation)
    mc_return: jax.Array | None = None  # [] discounted return-to-go, where the data has it

    @classmethod
    def empty(cls, obs_size: int, action_size: int) -> "Transition":
        """Returns one row of zeros: the shapes of a replay row."""
        zero = jnp.zeros(())
        return cls(jnp.zeros(obs_size), jnp.zeros(action_size), zero, jnp.zeros(obs_size), zero, zero, zero)


class Learner(struct.PyTreeNode):
    """A network's parameters and its optimizer's state."""

    params: Params
    opt_state: Any
    skipped: jax.Array  # [] int32: updates left out so far, because they were not finite


class Clock(struct.PyTreeNode):
    """Common to all seeds and never batched, so that no predicate and no write position ever is."""

    env_steps: jax.Array  # [] int32: environment steps since the switch to online, warmup included
    updates: jax.Array  # [] int32: critic updates since the start of the phase

    @classmethod
    def zero(cls) -> "Clock":
        """Returns a clock at the start of a phase."""
        return cls(env_steps=jnp.zeros((), jnp.int32), updates=jnp.zeros((), jnp.int32))


class TrainState(struct.PyTreeNode):
    """Everything of one seed that changes. With the clock, exactly what a checkpoint holds."""

    agent: Any  # the algorithm's own state
    env: Any  # [N] EnvState, None while pretraining
    buffer: Any  # ReplayBuffer, None while pretraining
    key: Key
    reference: Params = None  # the pretrained actor's, from the switch on; never moved
    guide: Any = None  # [N] int32, steps that a guide still acts for; None without one


class Compiler(Protocol):
    """Turns a jitted function, and the arguments that it will get, into the program to call with them."""

    def compiled(self, name: str, jitted: Any, *arguments: Any) -> Any:
        """Returns the program; `name` is for people."""
        ...


class JustInTime:
    """The compiler of callers who keep no account of it: the jitted function compiles when it is called."""

    def compiled(self, name: str, jitted: Any, *arguments: Any) -> Any:
        """Returns the function as it is."""
        del name, arguments
        return jitted


JUST_IN_TIME = JustInTime()
