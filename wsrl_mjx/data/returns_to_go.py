"""Monte-Carlo returns-to-go, on scaled and biased rewards: of stored trajectories, and of online episodes.

An online episode's are written into the replay when it ends (Cal-QL's floor online). Until then the floor of
its rows is minus infinity, which floors nothing. The released Cal-QL code keeps unfinished episodes away from
the updates instead, and cannot go round its buffer; this can.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from wsrl_mjx.data import replay
from wsrl_mjx.data.replay import ReplayBuffer
from wsrl_mjx.types import Transition

UNKNOWN = float("-inf")
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


def unfinished(rows: Transition) -> Transition:
    """Returns rows whose returns-to-go are not known yet."""
    return rows.replace(mc_return=jnp.full(rows.reward.shape, UNKNOWN))


def write_back(
    buffer: ReplayBuffer,
    inserted: jax.Array,
    steps: jax.Array,
    num_envs: int,
    horizon: int,
    discount: jax.Array,
) -> ReplayBuffer:
    """Returns the buffer with the returns-to-go of the episodes that ended in the block inserted last.

    Looks at the last `horizon` blocks at every step, ended or not: under `vmap` a branch would cost the same.

    Args:
        buffer: rows of N environments, block behind block, `mc_return` among them.
        inserted: [] int32, rows that it was given so far, that block included.
        steps: [] int32, how many blocks the environments have filled; rows before belong to no episode.
        num_envs: N.
        horizon: steps of the longest episode; so many blocks must fit into the buffer.
        discount: of the return.
    """
    blocks = buffer.capacity // num_envs
    age = jnp.arange(horizon)[::-1]  # the last block is the last row
    block = (inserted // num_envs - 1 - age) % blocks
    index = block[:, None] * num_envs + jnp.arange(num_envs)[None, :]  # [L, N]
    rows: Transition = replay.gather(buffer.data, index)
    is_end = (rows.terminated > 0) | (rows.truncated > 0) | (rows.valid == 0) | (age >= steps)[:, None]
    # Walking back from the last row, its episode goes on until the end of the one before.
    ends_behind = jnp.cumsum(is_end[::-1], axis=0)[::-1] - is_end[-1:]
    ended = (rows.terminated[-1] > 0) | (rows.truncated[-1] > 0)
    same_episode = (ends_behind == 0).at[-1].set(True)
    returns = jax.vmap(monte_carlo_returns, in_axes=(1, 1, 1, None), out_axes=1)(
        rows.reward, rows.terminated, is_end * (1.0 - rows.terminated), discount
    )
    floors: jax.Array = buffer.data.mc_return
    known = jnp.where(ended[None, :] & same_episode, returns, floors[index])
    return ReplayBuffer(buffer.data.replace(mc_return=floors.at[index].set(known)))


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
