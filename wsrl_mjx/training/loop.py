"""The compiled loop: a phase's step, scanned over a chunk, mapped over seeds and jitted.

Every training program of this project is made here.
"""

from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from wsrl_mjx.training import groups
from wsrl_mjx.training.sharding import Placement
from wsrl_mjx.types import Clock, Metrics, TrainState

ONE_DEVICE = Placement()


class Phase(Protocol):
    """One kind of step."""

    def zero_metrics(self, shared: Any, state: TrainState) -> Metrics:
        """Returns the metrics of no step: the names of every step's, each an average of nothing."""
        ...

    def step(self, shared: Any, state: TrainState, clock: Clock) -> tuple[TrainState, Clock, Metrics]:
        """Advances one seed by one step. `shared` and `clock` are common to all seeds."""
        ...


Chunk = Callable[[Phase, Any, TrainState, Clock], tuple[TrainState, Clock, Metrics]]


def member_axes(phase: Any) -> Any:
    """Returns `vmap`'s axes for a bundle of hyper-parameters: 0 where members differ, None where they agree.

    A hyper-parameter is a scalar; one that has an axis has a value for each member.
    """
    return jax.tree.map(lambda leaf: 0 if jnp.ndim(leaf) else None, phase)


def make_chunk(length: int, placement: Placement = ONE_DEVICE) -> Chunk:
    """Returns a jitted function that advances all members by `length` steps of a phase.

    Its state has a leading axis of members and is donated, and so has every hyper-parameter in which members
    differ; `shared` and the clock have none. Metrics come back as averages over the chunk, [M].
    """

    def one_member(phase: Phase, shared: Any, state: TrainState, clock: Clock):
        def body(carry: tuple[TrainState, Clock, Metrics], _: None):
            state, clock, totals = carry
            state, clock, metrics = phase.step(shared, state, clock)
            return (state, clock, jax.tree.map(jnp.add, totals, metrics)), None

        start = (state, clock, phase.zero_metrics(shared, state))
        return jax.lax.scan(body, start, length=length)[0]

    def all_members(phase: Phase, shared: Any, state: TrainState, clock: Clock):
        of_phase = member_axes(phase)
        axes, out_axes = (of_phase, None, 0, None), (0, None, 0)
        side_by_side = jax.vmap(one_member, in_axes=axes, out_axes=out_axes)

        def of_one_device(phase: Phase, shared: Any, state: TrainState, clock: Clock):
            grouped = groups.one_after_another(side_by_side, of_phase, groups.size(state))
            return grouped(phase, shared, state, clock)

        return placement.on_devices(of_one_device, axes, out_axes)(phase, shared, state, clock)

    return jax.jit(all_members, donate_argnames="state")
