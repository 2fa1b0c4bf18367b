"""Programs are made once, and not more of them are kept than a process can hold."""

import threading
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from wsrl_mjx.config.settings import Config, replace_flat
from wsrl_mjx.runs.programs import MOST_RUNS, Programs

DOUBLE = jax.jit(lambda x: 2.0 * x)
FAULTY = jax.jit(lambda x: jax.lax.scan(lambda carry, y: (carry, y), 0, (x, x[1:])))
ONE = jnp.ones(3)


def made(programs: Programs, **changes: Any) -> bool:
    """Asks for a program of a run, uses it, and returns whether it had to be compiled."""
    config = replace_flat(Config(), changes)
    program, seconds = programs.compiled(config, "double", DOUBLE, (ONE,), lambda what: nullcontext())
    assert program(ONE).tolist() == [2.0, 2.0, 2.0]
    return seconds > 0.0


def test_runs_that_differ_in_numbers_share_a_program_and_others_do_not() -> None:
    programs = Programs()
    assert made(programs, warmup_steps=0)
    assert not made(programs, warmup_steps=5000, seed=3, success_share=0.5)
    assert made(programs, batch_size=2)


def test_the_oldest_runs_programs_make_room() -> None:
    programs = Programs()
    for size in range(1, MOST_RUNS + 2):
        assert made(programs, batch_size=size)
    assert not made(programs, batch_size=2) and not made(programs, batch_size=MOST_RUNS + 1)
    assert made(programs, batch_size=1)
    programs.forget()
    assert made(programs, batch_size=MOST_RUNS + 1)


def test_a_program_compiled_ahead_is_waited_for_and_not_made_again() -> None:
    programs, told, may_go = Programs(), list[float](), threading.Event()

    def slow(x: jax.Array) -> jax.Array:
        assert may_go.wait(timeout=30)
        return 2.0 * x

    shape = jax.ShapeDtypeStruct(ONE.shape, ONE.dtype)
    programs.ahead(Config(), "slow", jax.jit(slow), (shape,), lambda _, seconds: told.append(seconds))
    shown: list[str] = []

    @contextmanager
    def waiting(what: str) -> Generator[None]:
        shown.append(what)
        may_go.set()
        yield

    program, waited = programs.compiled(Config(), "slow", DOUBLE, (ONE,), waiting)
    assert shown == ["slow"] and waited > 0.0 and program(ONE).tolist() == [2.0, 2.0, 2.0]
    assert programs.compiled(Config(), "slow", DOUBLE, (ONE,), waiting) == (program, 0.0)
    programs._ahead.shutdown()
    assert len(told) == 1


def test_what_has_not_begun_can_be_given_up() -> None:
    programs, told, begun, may_go = Programs(), list[Any](), threading.Event(), threading.Event()

    def slow(x: jax.Array) -> jax.Array:
        begun.set()
        assert may_go.wait(timeout=30)
        return 2.0 * x

    tell = lambda *found: told.append(found)
    programs.ahead(Config(), "slow", jax.jit(slow), (ONE,), tell)
    programs.ahead(Config(), "double", DOUBLE, (ONE,), tell)
    assert begun.wait(timeout=30)
    programs.stop_ahead()
    may_go.set()
    programs._ahead.shutdown()
    assert len(told) == 1 and made(programs)
    assert programs.compiled(Config(), "slow", DOUBLE, (ONE,), lambda what: nullcontext())[1] == 0.0


def test_what_failed_ahead_fails_where_it_is_needed() -> None:
    programs, told = Programs(), list[Any]()
    programs.ahead(Config(), "faulty", FAULTY, (ONE,), lambda *found: told.append(found))
    programs._ahead.shutdown()
    with pytest.raises(RuntimeError, match="faulty cannot be compiled"):
        programs.compiled(Config(), "faulty", FAULTY, (ONE,), lambda what: nullcontext())
    assert told == []


def test_what_cannot_be_traced_is_a_fault_and_no_bad_input() -> None:
    with pytest.raises(
        RuntimeError, match="faulty cannot be compiled, which is a fault of wsrl_mjx"
    ) as raised:
        Programs().compiled(Config(), "faulty", FAULTY, (ONE,), lambda what: nullcontext())
    assert isinstance(raised.value.__cause__, ValueError)
