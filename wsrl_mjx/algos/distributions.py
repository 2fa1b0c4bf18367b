"""Distributions of actions: a Gaussian squashed by tanh, and one that is clipped."""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from flax import struct

from wsrl_mjx.types import Key

LOG_2 = 0.6931471805599453


@runtime_checkable
class ActionDistribution(Protocol):
    """What a policy gives for an observation."""

    @property
    def mean(self) -> jax.Array:
        """[*, A], of the Gaussian underneath."""
        ...

    @property
    def std(self) -> jax.Array:
        """[*, A], of the Gaussian underneath."""
        ...

    def mode(self) -> jax.Array:
        """Returns the deterministic action [*, A]."""
        ...

    def sample(self, key: Key, shape: tuple[int, ...] = ()) -> tuple[jax.Array, jax.Array]:
        """Draws actions [*shape, *, A] and their log-densities [*shape, *], reparameterised."""
        ...

    def log_prob(self, action: jax.Array) -> jax.Array:
        """Returns the log-density of `action` [*, A]."""
        ...


class TanhGaussian(struct.PyTreeNode):
    """A diagonal Gaussian squashed by tanh: the distribution of actions in (-1, 1)."""

    mean: jax.Array  # [*, A] before the squash
    std: jax.Array  # [*, A]

    def mode(self) -> jax.Array:
        """Returns tanh of the mean, the deterministic action."""
        return jnp.tanh(self.mean)

    def sample(self, key: Key, shape: tuple[int, ...] = ()) -> tuple[jax.Array, jax.Array]:
        """Draws actions [*shape, *, A] and their log-densities [*shape, *], reparameterised."""
        noise = jax.random.normal(key, shape + self.mean.shape)
        mean, std = jnp.broadcast_to(self.mean, noise.shape), jnp.broadcast_to(self.std, noise.shape)
        pre_tanh = mean + std * noise
        log_normal = _log_normal(noise, std)
        return jnp.tanh(pre_tanh), jnp.sum(log_normal - _log_tanh_slope(pre_tanh), axis=-1)

    def log_prob(self, action: jax.Array) -> jax.Array:
        """Returns the log-density of `action` [*, A]; actions at the border are moved inside by 1e-5."""
        pre_tanh = jnp.arctanh(jnp.clip(action, -1.0 + 1e-5, 1.0 - 1e-5))
        noise = (pre_tanh - self.mean) / self.std
        log_normal = _log_normal(noise, self.std)
        return jnp.sum(log_normal - _log_tanh_slope(pre_tanh), axis=-1)


class ClippedGaussian(struct.PyTreeNode):
    """A diagonal Gaussian whose samples are clipped to [-1, 1]; the density is that before the clip."""

    mean: jax.Array  # [*, A]
    std: jax.Array  # [*, A]

    def mode(self) -> jax.Array:
        """Returns the clipped mean, the deterministic action."""
        return jnp.clip(self.mean, -1.0, 1.0)

    def sample(self, key: Key, shape: tuple[int, ...] = ()) -> tuple[jax.Array, jax.Array]:
        """Draws actions [*shape, *, A] and their log-densities [*shape, *], reparameterised."""
        noise = jax.random.normal(key, shape + self.mean.shape)
        mean, std = jnp.broadcast_to(self.mean, noise.shape), jnp.broadcast_to(self.std, noise.shape)
        return jnp.clip(mean + std * noise, -1.0, 1.0), jnp.sum(_log_normal(noise, std), axis=-1)

    def log_prob(self, action: jax.Array) -> jax.Array:
        """Returns the log-density of `action` [*, A]."""
        return jnp.sum(_log_normal((action - self.mean) / self.std, self.std), axis=-1)


def _log_normal(noise: jax.Array, std: jax.Array) -> jax.Array:
    """Returns the log-density of mean + std * noise, one dimension at a time."""
    return -0.5 * jnp.square(noise) - jnp.log(std) - 0.5 * jnp.log(2.0 * jnp.pi)


def _log_tanh_slope(x: jax.Array) -> jax.Array:
    """Returns log(1 - tanh(x)^2) in a form that stays finite for large |x|."""
    return 2.0 * (LOG_2 - x - jax.nn.softplus(-2.0 * x))
