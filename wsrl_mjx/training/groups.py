"""Members in groups, one group after another, where all at once would not fit a CPU's cache.

A CPU gains little from wide programs, and loses much where parameters, gradients and Adam's moments of all
members pass through memory at every update (docs/performance.md). So a chunk's steps are all taken for one
group before the next. No number changes but for rounding, and `lax.cond` stays a branch.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

CACHE = 2**20  # bytes of learners in a group; gradients and activations want the rest of some 2 MiB a core

# phase, shared, state, clock, times -> state, clock, metrics
Advance = Callable[[Any, Any, Any, Any, Any], tuple[Any, Any, Any]]


def size(state: Any) -> int:
    """Returns how many of the members of a `TrainState` [M] to compute at once: a divisor of M.

    All of them on an accelerator, which is the faster the wider the program.
    """
    agent = jax.tree.leaves(state.agent)
    count = agent[0].shape[0]
    if jax.default_backend() != "cpu":
        return count
    each = sum(leaf.size * leaf.dtype.itemsize for leaf in agent) // count
    most = min(count, max(1, CACHE // each))
    return next(divisor for divisor in range(most, 0, -1) if count % divisor == 0)


def one_after_another(advance: Advance, axes: Any, size: int) -> Advance:
    """Returns the chunk `advance` of any number of members as one that takes `size` of them at a time.

    The state is updated in place, group by group: a copy of one group's is all the memory that this costs.

    Args:
        advance: of members [M]: phase, shared, state, clock and times to state, clock and metrics.
        axes: of the phase, as `vmap` has them: 0 where members differ, None where they agree.
        size: of a group; divides M.
    """

    def in_groups(phase: Any, shared: Any, state: Any, clock: Any, times: Any) -> tuple[Any, Any, Any]:
        count = jax.tree.leaves(state)[0].shape[0]
        if size == count:
            return advance(phase, shared, state, clock, times)

        def body(state: Any, start: jax.Array) -> tuple[Any, Any]:
            of_group = lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, start, size)
            own = lambda axis, leaf: leaf if axis is None else of_group(leaf)
            settings = jax.tree.map(own, axes, phase, is_leaf=lambda axis: axis is None)
            group, after, metrics = advance(settings, shared, jax.tree.map(of_group, state), clock, times)
            put = lambda whole, part: jax.lax.dynamic_update_slice_in_dim(whole, part, start, axis=0)
            return jax.tree.map(put, state, group), (after, metrics)

        state, (clocks, metrics) = jax.lax.scan(body, state, jnp.arange(0, count, size))
        clock = jax.tree.map(lambda leaf: leaf[-1], clocks)  # every group's is the same
        return state, clock, jax.tree.map(lambda leaf: leaf.reshape(count, *leaf.shape[2:]), metrics)

    return in_groups
