"""Monte-Carlo returns-to-go of stored trajectories, on scaled and biased rewards."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

_Pair = tuple[jax.Array, jax.Array]
_Triple = tuple[jax.Array, jax.Array, jax.Array]


def monte_carlo_returns(
    reward: Float[Array, " D"],
    terminated: Float[Array, " D"],
    truncated: Float[Array, " D"],
    discount: float | Array,
) -> Float[Array, " D"]:
    """Returns G_t = r_t + discount * G_{t+1} for rows in trajectory order.

    A terminated row ends with nothing behind it. A truncated row does not: its tail is what the trajectory's
    mean reward would earn for ever, mean / (1 - discount). So a trajectory that only fails at r_neg has
    r_neg / (1 - discount) in every row (Cal-QL's rule for sparse rewards), and a time limit is never taken
    for a death. The last row counts as truncated if it is not terminated.

    Raises:
        ValueError: a discount of 1 has no bootstrapped tail (only checked for Python numbers).
    """
    if isinstance(discount, float) and not 0.0 <= discount < 1.0:
        raise ValueError(f"discount must be in [0, 1) for Monte-Carlo returns, got {discount}")
    truncated = truncated.at[-1].set(1.0 - terminated[-1])
    ends = jnp.maximum(terminated, truncated)
    tail = _trajectory_mean(reward, ends) / (1.0 - discount)
    # Each row is an affine map of its successor's return, G = offset + slope * G'. Maps compose
    # associatively, so all rows are solved in logarithmic depth.
    offset = reward + discount * jnp.where(terminated > 0, 0.0, truncated * tail)
    slope = discount * (1.0 - ends)

    def compose(later: _Pair, earlier: _Pair) -> _Pair:
        later_offset, later_slope = later
        earlier_offset, earlier_slope = earlier
        return earlier_offset + earlier_slope * later_offset, earlier_slope * later_slope

    return jax.lax.associative_scan(compose, (offset, slope), reverse=True)[0]


def _trajectory_mean(reward: jax.Array, ends: jax.Array) -> jax.Array:
    """Returns, at each row, the mean reward of its trajectory up to that row."""
    starts = jnp.concatenate([jnp.ones(1), ends[:-1]])

    def add(left: _Triple, right: _Triple) -> _Triple:
        left_sum, left_count, left_start = left
        right_sum, right_count, right_start = right
        keep = 1.0 - right_start
        return (
            right_sum + keep * left_sum,
            right_count + keep * left_count,
            jnp.maximum(left_start, right_start),
        )

    total, count, _ = jax.lax.associative_scan(add, (reward, jnp.ones_like(reward), starts))
    return total / count
