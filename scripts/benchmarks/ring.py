"""Times inserts into the replay buffer: empty against full, and one seed against several."""

from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.timing import per_step, timed_calls
from wsrl_mjx.data import replay
from wsrl_mjx.data.replay import ReplayBuffer
from wsrl_mjx.training import runtime
from wsrl_mjx.types import Transition


def inserts(capacity: int, seeds: int, count: int, repeats: int, full: bool) -> dict[str, Any]:
    """Returns the time of one insert of a row of ant's size, all seeds together.

    Args:
        capacity: rows of each seed's buffer.
        seeds: buffers, under `vmap` with one common cursor.
        count: inserts in one compiled call.
        repeats: calls whose median counts.
        full: whether the buffer has gone round once already.
    """
    row = Transition.empty(obs_size=27, action_size=8)

    def many(buffer: ReplayBuffer, start: jax.Array) -> ReplayBuffer:
        def body(buffer: ReplayBuffer, step: jax.Array) -> tuple[ReplayBuffer, None]:
            rows = jax.tree.map(lambda leaf: leaf[None] + step, row)
            return replay.insert(buffer, rows, start + step), None

        return jax.lax.scan(body, buffer, jnp.arange(count))[0]

    start = jnp.asarray(capacity if full else 0, jnp.int32)
    empty = jax.jit(lambda: jax.vmap(lambda _: replay.create(row, capacity))(jnp.arange(seeds)))()
    program = runtime.compiled(
        jax.jit(jax.vmap(many, in_axes=(0, None)), donate_argnums=0).lower(empty, start)
    )
    calls = timed_calls(lambda buffer: program(buffer, start), empty, repeats)
    return {"capacity": capacity, "seeds": seeds, "full": full} | per_step(calls, count)
