"""Programs compiled as their world asks: with its options, unless a flag or XLA says otherwise."""

from typing import Any

import jax
import pytest
from probe_envs import Line, probe

from envs.programs import jitted


class Asking:
    """A world that needs options of XLA on a CPU."""

    def __init__(self, **options: Any) -> None:
        self.cpu_options = options


def double(x: float) -> Any:
    return 2.0 * x


def test_options_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLA_FLAGS", "")
    passed: list[Any] = []
    plain = jax.jit
    monkeypatch.setattr(jax, "jit", lambda f, **given: (passed.append(given), plain(f, **given))[1])
    asked = {"xla_cpu_enable_fast_math": False}
    assert jitted(Asking(**asked), double)(3.0) == 6.0  # pyright: ignore[reportArgumentType]
    assert passed[-1] == {"compiler_options": asked}
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    assert jitted(Asking(**asked), double)(3.0) == 6.0  # pyright: ignore[reportArgumentType]
    assert passed[-1] == {"compiler_options": None}


def test_what_this_xla_does_not_know_is_left_out() -> None:
    assert jitted(Asking(not_known=False), double)(3.0) == 6.0  # pyright: ignore[reportArgumentType]


def test_a_world_that_asks_for_nothing_gets_the_usual() -> None:
    assert jitted(probe(Line), double)(3.0) == 6.0
