"""How time is taken: compiled programs only, after they have settled, and medians."""

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from wsrl_mjx.training import runtime

SETTLED = 0.15  # two calls in a row that differ by less are the steady state
MOST_WARM_UPS = 6


class Call(NamedTuple):
    """What one call took: seconds on the clock, and of this process's CPU time, all threads together."""

    wall: float
    cpu: float


def timed_calls(advance: Callable[[Any], Any], state: Any, repeats: int) -> list[Call]:
    """Returns the times of calls of `advance(state) -> state`, a program that may donate its argument.

    Calls before the steady state are not counted.
    """
    previous, state = _timed(advance, state)
    for _ in range(MOST_WARM_UPS):
        call, state = _timed(advance, state)
        if abs(call.wall - previous.wall) <= SETTLED * previous.wall:
            break
        previous = call
    taken: list[Call] = []
    for _ in range(repeats):
        call, state = _timed(advance, state)
        taken.append(call)
    return taken


def per_step(calls: list[Call], steps: int) -> dict[str, Any]:
    """Returns the median time of one of the `steps` of a call, its inverse, and what every repeat took.

    On a CPU that others use too, CPU time says more than the clock.
    """
    each = [1e3 * call.wall / steps for call in calls]
    median = statistics.median(each)
    on_cpu = statistics.median(1e3 * call.cpu / steps for call in calls)
    return {
        "milliseconds": median,
        "per_second": 1e3 / median,
        "cpu_milliseconds": on_cpu,
        "repeats_ms": each,
    }


def matmul_rates(sizes: tuple[int, ...], repeats: int) -> dict[int, float]:
    """Returns, for square float32 matrices of each size, the median rate of their product in FLOP/s.

    Precision is JAX's default for this device, which the networks use too: on recent GPUs that is TF32.
    """
    rates = {}
    for size in sizes:
        # Products in a row make one call long enough to time; the scale keeps the numbers finite.
        count = max(1, round((1024 / size) ** 3 * 8))
        factor = jax.random.normal(jax.random.key(0), (size, size)) / size**0.5
        chain = jax.jit(lambda x, f, n=count: jax.lax.fori_loop(0, n, lambda _, y: y @ f, x))
        program = runtime.compiled(chain.lower(factor, factor))
        calls = timed_calls(lambda x, p=program, f=factor: p(x, f), jnp.copy(factor), repeats)
        rates[size] = 2 * size**3 * count / statistics.median(call.wall for call in calls)
    return rates


def _timed(advance: Callable[[Any], Any], state: Any) -> tuple[Call, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    state = jax.block_until_ready(advance(state))
    return Call(time.perf_counter() - wall, time.process_time() - cpu), state
