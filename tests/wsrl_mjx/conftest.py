"""Tests of the package compile many tiny programs and run each for milliseconds."""

from collections.abc import Iterator

import jax
import pytest

LEAVE_OUT = "jax_disable_most_optimizations"


@pytest.fixture(autouse=True, scope="module")
def quick(quick_compilation: None) -> None:
    """Compiles quickly in every module here."""
    del quick_compilation


@pytest.fixture
def full_compilation() -> Iterator[None]:
    """Compiles as users do, for tests that read the compiled text."""
    jax.config.update(LEAVE_OUT, False)
    yield
    jax.config.update(LEAVE_OUT, True)
