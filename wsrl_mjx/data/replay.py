"""Replay on the device: a ring of rows whose write position is common to all seeds.

The cursor and the fill level follow from the number of rows inserted so far, which the caller keeps on
its unbatched clock. So an insert is one contiguous write, full or empty, under `vmap` or not.
"""

from typing import Any

import chex
import jax
import jax.numpy as jnp
from flax import struct

from wsrl_mjx.types import Key


class ReplayBuffer(struct.PyTreeNode):
    """Rows in a ring. Nothing else: capacity is read from the leaves, the cursor from the clock."""

    data: Any  # a pytree of rows, every leaf [C, ...]

    @property
    def capacity(self) -> int:
        """Rows that fit."""
        return jax.tree.leaves(self.data)[0].shape[0]


def create(row: Any, capacity: int, block: int = 1) -> ReplayBuffer:
    """Returns an empty ring for rows shaped like `row`.

    Args:
        row: one row, no leading axis.
        capacity: rows that fit.
        block: rows of one insert; must divide the capacity, so that no write straddles the end.

    Raises:
        ValueError: if capacity is not a positive multiple of block.
    """
    if capacity <= 0 or capacity % block != 0:
        raise ValueError(
            f"capacity must be a positive multiple of the {block} rows of an insert, got {capacity}"
        )
    return ReplayBuffer(jax.tree.map(lambda x: jnp.zeros((capacity, *x.shape), x.dtype), row))


def insert(buffer: ReplayBuffer, rows: Any, inserted: jax.Array) -> ReplayBuffer:
    """Writes a block of rows (leaves [N, ...]) after the `inserted` rows written so far."""
    chex.assert_trees_all_equal_structs(buffer.data, rows)
    chex.assert_trees_all_equal_dtypes(buffer.data, rows)  # a silent cast would be a wrong number
    start = inserted % buffer.capacity
    write = lambda store, new: jax.lax.dynamic_update_slice_in_dim(store, new, start, axis=0)
    return ReplayBuffer(jax.tree.map(write, buffer.data, rows))


def sample(buffer: ReplayBuffer, key: Key, shape: tuple[int, ...], inserted: jax.Array) -> Any:
    """Draws rows uniformly with replacement from the filled part; leaves [*shape, ...]."""
    filled = jnp.minimum(inserted, buffer.capacity)
    return gather(buffer.data, jax.random.randint(key, shape, 0, filled))


def gather(rows: Any, index: jax.Array) -> Any:
    """Returns the rows at `index` (any shape) of a pytree of rows."""
    return jax.tree.map(lambda leaf: leaf.at[index].get(mode="promise_in_bounds"), rows)
