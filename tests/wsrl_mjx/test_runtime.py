"""CPU programs run in the calling thread, unless the user has decided otherwise."""

import os

import jax
import pytest

from wsrl_mjx import runtime


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "--xla_cpu_multi_thread_eigen=false"),
        ("--xla_dump_to=x", "--xla_dump_to=x --xla_cpu_multi_thread_eigen=false"),
        ("--xla_cpu_multi_thread_eigen=true", "--xla_cpu_multi_thread_eigen=true"),
    ],
)
def test_the_thread_pool_is_off_unless_the_user_says_so(
    before: str, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XLA_FLAGS", before)
    runtime.prepare()
    assert os.environ["XLA_FLAGS"] == after
    assert not jax.config.read("jax_cpu_enable_async_dispatch")
