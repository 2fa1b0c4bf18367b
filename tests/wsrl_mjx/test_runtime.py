"""What every command sets on a CPU, unless the user has decided otherwise."""

import os
import subprocess
import sys

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
def test_the_flag_is_added_unless_the_user_has_it(
    before: str, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XLA_FLAGS", before)
    runtime.prepare()
    assert os.environ["XLA_FLAGS"] == after
    assert not jax.config.read("jax_cpu_enable_async_dispatch")


def test_an_import_starts_no_device() -> None:
    """What is set here counts only as long as JAX has not looked for its devices."""
    code = (
        "import envs, wsrl_mjx.cli, wsrl_mjx.run, wsrl_mjx.warmup_map;"
        "from jax._src import xla_bridge; assert not xla_bridge.backends_are_initialized()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
