"""Losses as arithmetic on arrays: nothing here knows a network, a state or an optimizer.

Every mean is taken over the rows that have a value (`valid`), so that a row written for a non-finite
simulation step weighs nothing.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from wsrl_mjx.types import Params

MAX_ADVANTAGE_WEIGHT = 100.0


def masked_mean(values: Float[Array, "*L B"], valid: Float[Array, " B"]) -> Float[Array, ""]:
    """Returns the mean of `values` over leading axes and valid rows; 0 if no row is valid.

    `where` comes before the sum, so that a non-finite value of an invalid row cannot pass.
    """
    weight = jnp.broadcast_to(valid, values.shape)
    total = jnp.sum(jnp.where(weight > 0, values, 0.0))
    return total / jnp.maximum(jnp.sum(weight), 1.0)


def td_target(
    reward: Float[Array, " B"],
    terminated: Float[Array, " B"],
    next_value: Float[Array, " B"],
    discount: float | Array,
) -> Float[Array, " B"]:
    """Returns r + discount * (1 - terminated) * v(s'); a truncated row bootstraps like any other."""
    return jax.lax.stop_gradient(reward + discount * (1.0 - terminated) * next_value)


def critic_loss(
    q: Float[Array, "E B"], target: Float[Array, "*own B"], valid: Float[Array, " B"]
) -> Float[Array, ""]:
    """Returns the mean squared TD error over ensemble and batch (docs/algorithms.md, section 2.1).

    The target is one for all critics [B], or each has its own [E, B].
    """
    # Masked before the square: behind it, the gradient of an invalid row's NaN would be zero times NaN.
    error = jnp.where(valid[None, :] > 0, q - jnp.broadcast_to(target, q.shape), 0.0)
    return masked_mean(jnp.square(error), valid)


def expectile_loss(
    difference: Float[Array, " B"], expectile: float | Array, valid: Float[Array, " B"]
) -> Float[Array, ""]:
    """Returns mean[|expectile - 1(u < 0)| u^2] of u = q - v, whose minimum over v is that expectile (IQL)."""
    difference = jnp.where(valid > 0, difference, 0.0)
    weight = jnp.where(difference < 0.0, 1.0 - expectile, expectile)
    return masked_mean(weight * jnp.square(difference), valid)


def advantage_weight(advantage: Float[Array, " B"], beta: float | Array) -> Float[Array, " B"]:
    """Returns min(exp(beta * advantage), 100), without a gradient (IQL, Kostrikov et al. 2022, eq. 7)."""
    return jax.lax.stop_gradient(jnp.minimum(jnp.exp(beta * advantage), MAX_ADVANTAGE_WEIGHT))


def actor_loss(
    log_prob: Float[Array, " B"],
    q: Float[Array, " B"],
    temperature: float | Array,
    valid: Float[Array, " B"],
) -> Float[Array, ""]:
    """Returns mean[temperature * log pi(a|s) - Q(s, a)] for reparameterised actions (SAC)."""
    return masked_mean(temperature * log_prob - q, valid)


def with_cloning(
    loss: Float[Array, ""], log_prob: Float[Array, " B"], weight: float | Array, valid: Float[Array, " B"]
) -> Float[Array, ""]:
    """Returns (1 - w) * loss + w * mean[-log pi(a|s)] at the data's own actions (docs/algorithms.md)."""
    return (1.0 - weight) * loss - weight * masked_mean(log_prob, valid)


def temperature_loss(
    temperature: float | Array, entropy: float | Array, target_entropy: float | Array
) -> Float[Array, ""]:
    """Returns temperature * (entropy - target): positive slope, so too much entropy lowers it (SAC)."""
    return jnp.asarray(temperature * jax.lax.stop_gradient(entropy - target_entropy))


def cql_log_sum_exp(
    q: Float[Array, "E B K"], log_density: Float[Array, "B L"], importance_sampling: bool
) -> Float[Array, "E B"]:
    """Returns the soft maximum of CQL(H) over K sampled actions.

    With importance sampling the actions' log-densities are subtracted; without, log K is, for each of the K
    entries (Kumar et al. 2020, appendix F; docs/algorithms.md).
    """
    correction = log_density[None] if importance_sampling else jnp.log(float(q.shape[-1]))
    return jax.nn.logsumexp(q - correction, axis=-1)


def calibrate(q: Float[Array, "E B K"], mc_return: Float[Array, " B"]) -> Float[Array, "E B K"]:
    """Returns max(Q, G): Cal-QL's floor (Nakamoto et al. 2023, eq. 3).

    The gradient does not pass where the floor acts. A floor of minus infinity does nothing.
    """
    return jnp.maximum(q, mc_return[None, :, None])


def polyak(target: Params, online: Params, rate: float | Array) -> Params:
    """Returns (1 - rate) * target + rate * online, leaf by leaf."""
    return jax.tree.map(lambda t, o: t + rate * (o - t), target, online)
