"""The compiled loop: a phase's step, scanned over a chunk, mapped over seeds and jitted; and the host's side.

Every training program of this project is made by `make_chunk`, and every training goes through `advance`.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from wsrl_mjx.training import groups, runtime
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


class Advanced(NamedTuple):
    """What there is when a chunk is done."""

    step: int  # steps of the phase done so far
    state: TrainState  # [M]; the next chunk consumes it
    clock: Clock
    metrics: dict[str, np.ndarray]  # [M] by name: means over the chunk, NaN where nothing was counted
    seconds: float  # that the chunk took, compilation apart


def advance(
    program_of: Callable[[int], Chunk],
    phase_at: Callable[[int], Phase],
    shared: Any,
    state: TrainState,
    clock: Clock,
    first: int,
    ends: Iterable[int],
) -> Iterator[Advanced]:
    """Yields after every chunk of a phase; whoever iterates logs, evaluates and saves in between.

    Args:
        program_of: returns the chunk for a number of steps, compiled or not.
        phase_at: returns the phase for the chunk that begins at a step; its constants may follow a schedule.
        shared: what all members read, see the phase's `step`.
        state: of all members, [M]; donated to the first chunk.
        clock: that goes with it.
        first: steps done before.
        ends: the steps at which chunks end, ascending.
    """
    done = first
    for end in ends:
        program, phase = program_of(end - done), phase_at(done)
        began = time.perf_counter()
        state, clock, averages = program(phase, shared, state, clock)
        metrics = means(averages)
        yield Advanced(end, state, clock, metrics, time.perf_counter() - began)
        done = end


def compiled_chunks(
    phase: Phase, shared: Any, state: TrainState, clock: Clock, steps_each: int = 1
) -> Callable[[int], Chunk]:
    """Returns `program_of` for `advance`: the chunk for a number of steps, compiled at its first use.

    Args:
        phase: what the chunks are for; its constants may change later, its structure may not.
        shared: what they read.
        state: of all members, [M], or its shapes.
        clock: that goes with it.
        steps_each: what a step of the phase counts, such as the environments that it steps.
    """
    shapes = jax.eval_shape(lambda: (state, clock))

    @cache
    def program_of(steps: int) -> Chunk:
        chunk: Any = make_chunk(steps // steps_each)
        return runtime.compiled(chunk.lower(phase, shared, *shapes))

    return program_of


def ends_of_chunks(steps: int, every: int) -> list[int]:
    """Returns where chunks end: every so many steps, and at the end."""
    return [*range(every, steps, every), steps]


def means(averages: Metrics) -> dict[str, np.ndarray]:
    """Returns averages as numbers on the host; NaN where nothing had a weight."""
    return {
        name: np.where(one.weight > 0, one.total / np.maximum(one.weight, 1e-9), np.nan)
        for name, one in jax.device_get(averages).items()
    }
