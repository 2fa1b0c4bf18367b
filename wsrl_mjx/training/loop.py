"""The compiled loop: a phase's step, scanned over a chunk, mapped over seeds and jitted; and the host's side.

Every training program of this project is made by `make_chunk`, and every training goes through `advance`.
"""

import time
from collections.abc import Callable, Iterable, Iterator
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


class Chunk(Protocol):
    """A compiled number of steps, made as many times as asked for."""

    def __call__(
        self, phase: Phase, shared: Any, state: TrainState, clock: Clock, times: Any = 1, /
    ) -> tuple[TrainState, Clock, Metrics]:
        """Advances all members, and returns the averages over all the steps."""
        ...


def member_axes(phase: Any) -> Any:
    """Returns `vmap`'s axes for a bundle of hyper-parameters: 0 where members differ, None where they agree.

    A hyper-parameter is a scalar; one that has an axis has a value for each member.
    """
    return jax.tree.map(lambda leaf: 0 if jnp.ndim(leaf) else None, phase)


def make_chunk(length: int, placement: Placement = ONE_DEVICE) -> Chunk:
    """Returns a jitted function that advances all members by `length` steps of a phase, or a multiple.

    Its state has a leading axis of members and is donated, and so has every hyper-parameter in which members
    differ; `shared`, the clock and the number of times have none. That number is no part of the program: one
    program makes all multiples of `length` steps. Metrics come back as averages over all steps, [M].
    """

    def one_member(phase: Phase, shared: Any, state: TrainState, clock: Clock, totals: Metrics):
        def body(carry: tuple[TrainState, Clock, Metrics], _: None):
            state, clock, totals = carry
            state, clock, metrics = phase.step(shared, state, clock)
            return (state, clock, jax.tree.map(jnp.add, totals, metrics)), None

        return jax.lax.scan(body, (state, clock, totals), length=length)[0]

    def all_members(phase: Phase, shared: Any, state: TrainState, clock: Clock, times: Any = 1):
        of_phase = member_axes(phase)
        axes, out_axes = (of_phase, None, 0, None, None), (0, None, 0)
        side_by_side = jax.vmap(one_member, in_axes=(of_phase, None, 0, None, 0), out_axes=out_axes)

        def repeated(phase: Phase, shared: Any, state: TrainState, clock: Clock, times: Any):
            nothing = lambda phase, state: phase.zero_metrics(shared, state)
            totals = jax.vmap(nothing, in_axes=(of_phase, 0))(phase, state)
            # Outside of vmap: mapping a loop traces its body several times, and this one holds all others.
            again = lambda _, carry: side_by_side(phase, shared, *carry)
            return jax.lax.fori_loop(0, times, again, (state, clock, totals))

        def of_one_device(phase: Phase, shared: Any, state: TrainState, clock: Clock, times: Any):
            grouped = groups.one_after_another(repeated, of_phase, groups.size(state))
            return grouped(phase, shared, state, clock, times)

        return placement.on_devices(of_one_device, axes, out_axes)(phase, shared, state, clock, times)

    return jax.jit(all_members, donate_argnames="state")


class Advanced(NamedTuple):
    """What there is when a chunk is done."""

    step: int  # steps of the phase done so far
    state: TrainState  # [M]; the next chunk consumes it
    clock: Clock
    metrics: dict[str, np.ndarray]  # [M] by name: means over the chunk, NaN where nothing was counted
    seconds: float  # that the chunk took, compilation apart


def advance(
    chunk: Chunk,
    length: int,
    phase_at: Callable[[int], Phase],
    shared: Any,
    state: TrainState,
    clock: Clock,
    first: int,
    ends: Iterable[int],
) -> Iterator[Advanced]:
    """Yields after every chunk of a phase; whoever iterates logs, evaluates and saves in between.

    Args:
        chunk: compiled or not; called with the number of times, an int32.
        length: steps that the chunk makes each time, counted as `first` and `ends` count.
        phase_at: returns the phase for the chunk that begins at a step; its constants may follow a schedule.
        shared: what all members read, see the phase's `step`.
        state: of all members, [M]; donated to the first chunk.
        clock: that goes with it.
        first: steps done before.
        ends: the steps at which chunks end, ascending; `length` divides what lies between them.
    """
    done = first
    for end in ends:
        phase, times = phase_at(done), jnp.asarray((end - done) // length, jnp.int32)
        began = time.perf_counter()
        state, clock, averages = chunk(phase, shared, state, clock, times)
        metrics = means(averages)
        yield Advanced(end, state, clock, metrics, time.perf_counter() - began)
        done = end


def compiled_chunk(
    length: int,
    phase: Phase,
    shared: Any,
    state: TrainState,
    clock: Clock,
    placement: Placement = ONE_DEVICE,
) -> Chunk:
    """Returns the chunk of so many steps for `advance`, compiled.

    Args:
        length: steps of the phase that it makes each time.
        phase: what it is for; its constants may change later, its structure may not.
        shared: what it reads.
        state: of all members, [M], or its shapes.
        clock: that goes with it.
        placement: where the members are.
    """
    shapes = placement.spread_shapes(jax.eval_shape(lambda: state))
    chunk: Any = make_chunk(length, placement)
    return runtime.compiled(chunk.lower(phase, shared, shapes, clock, jnp.ones((), jnp.int32)))


def means(averages: Metrics) -> dict[str, np.ndarray]:
    """Returns averages as numbers on the host; NaN where nothing had a weight."""
    return {
        name: np.where(one.weight > 0, one.total / np.maximum(one.weight, 1e-9), np.nan)
        for name, one in jax.device_get(averages).items()
    }
