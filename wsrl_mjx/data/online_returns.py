"""Returns-to-go of online episodes, written into the replay when an episode ends: Cal-QL's floor online.

Until then the floor of its rows is minus infinity, which floors nothing. The released Cal-QL code keeps
unfinished episodes away from the updates instead, and cannot go round its buffer; this can.
"""

import jax
import jax.numpy as jnp

from wsrl_mjx.data import replay
from wsrl_mjx.data.replay import ReplayBuffer
from wsrl_mjx.data.returns_to_go import monte_carlo_returns
from wsrl_mjx.types import Transition

UNKNOWN = float("-inf")


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
