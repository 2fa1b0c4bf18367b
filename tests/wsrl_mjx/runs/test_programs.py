"""Programs are made once, and not more of them are kept than a process can hold."""

from contextlib import nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from wsrl_mjx.config.settings import Config, replace_flat
from wsrl_mjx.runs.programs import MOST_RUNS, Programs

DOUBLE = jax.jit(lambda x: 2.0 * x)
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


def test_what_cannot_be_traced_is_a_fault_and_no_bad_input() -> None:
    faulty = jax.jit(lambda x: jax.lax.scan(lambda carry, y: (carry, y), 0, (x, x[1:])))
    with pytest.raises(
        RuntimeError, match="faulty cannot be compiled, which is a fault of wsrl_mjx"
    ) as raised:
        Programs().compiled(Config(), "faulty", faulty, (ONE,), lambda what: nullcontext())
    assert isinstance(raised.value.__cause__, ValueError)
