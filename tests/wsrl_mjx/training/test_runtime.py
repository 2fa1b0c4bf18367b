"""What every command sets on a CPU, unless the user has decided otherwise."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wsrl_mjx.training import runtime


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
        "import envs, wsrl_mjx.cli.start, wsrl_mjx.runs.run, wsrl_mjx.experiments.warmup_map;"
        "from jax._src import xla_bridge; assert not xla_bridge.backends_are_initialized()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def double() -> jax.stages.Lowered:
    return jax.jit(lambda x: x @ x).lower(jnp.ones((300, 300)))


def test_programs_are_compiled_without_the_slow_fusions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLA_FLAGS", "")
    assert "ynn" not in runtime.compiled(double()).as_text().lower()


def test_a_users_own_flag_for_them_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, str]] = []
    lowered = double()
    monkeypatch.setattr(
        type(lowered), "compile", lambda self, compiler_options: seen.append(compiler_options)
    )
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_experimental_ynn_fusion_type=LIBRARY_FUSION_TYPE_DOT")
    runtime.compiled(lowered)
    monkeypatch.setenv("XLA_FLAGS", "")
    runtime.compiled(lowered)
    assert seen == [{}, runtime.CPU_OPTIONS]


def test_an_option_that_this_version_does_not_know_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "CPU_OPTIONS", {"xla_cpu_of_another_version": ""})
    program = runtime.compiled(double())
    np.testing.assert_array_equal(program(jnp.ones((300, 300))), np.full((300, 300), 300.0))
