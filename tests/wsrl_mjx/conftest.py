"""Tests of the package compile many tiny programs and run each for milliseconds."""

from collections.abc import Iterator

import jax
import pytest

LEAVE_OUT = "jax_disable_most_optimizations"


@pytest.fixture(autouse=True, scope="module")
def quick_compilation() -> Iterator[None]:
    """Leaves most optimisations out: half the time for the suite, other last bits in the numbers."""
    jax.config.update(LEAVE_OUT, True)
    yield
    jax.config.update(LEAVE_OUT, False)


@pytest.fixture
def full_compilation() -> Iterator[None]:
    """Compiles as users do, for tests that read the compiled text."""
    jax.config.update(LEAVE_OUT, False)
    yield
    jax.config.update(LEAVE_OUT, True)
