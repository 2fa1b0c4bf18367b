"""What every command sets on a CPU, unless the user has decided otherwise."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
import wsrl_mjx as wsrl
from wsrl_mjx.training import runtime

LINE = Path(__file__).parents[2] / "line.py"  # commands that know the probe environment
SMALL = [
    *("--env", "line", "--preset", "smoke", "--dataset-size", "400", "--collect-envs", "4"),
    *("--offline-steps", "200", "--online-steps", "1000", "--warmup-steps", "200", "--ensemble-size", "2"),
]


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


@pytest.mark.parametrize(
    ("variables", "count"),
    [
        ({}, 3),
        ({"XLA_FLAGS": "--xla_force_host_platform_device_count=5"}, 5),
        ({"JAX_NUM_CPU_DEVICES": "4"}, 4),
    ],
)
def test_every_core_is_a_device_unless_the_user_has_chosen(variables: dict[str, str], count: int) -> None:
    code = (
        "import os; os.sched_getaffinity = lambda process: range(3);"
        "from wsrl_mjx.training import runtime; runtime.prepare();"
        "import jax; print(jax.local_device_count());"
        "runtime.prepare_cpu(); print(jax.local_device_count())"  # too late to change, and no error
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("XLA_FLAGS", "JAX_NUM_CPU_DEVICES")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment | variables, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(count)] * 2


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


def test_a_world_can_ask_for_options_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "CPU_OPTIONS", dict(runtime.CPU_OPTIONS))
    runtime.heed(envs.make("peg-insertion"))
    assert "xla_cpu_use_fusion_emitters" not in runtime.CPU_OPTIONS
    runtime.heed(envs.make("franka-peg-insertion"))
    assert runtime.CPU_OPTIONS["xla_cpu_use_fusion_emitters"] is False


# -- options that decide numbers --------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_run_has_the_same_bits_where_jax_is_set_to_64(tmp_path: Path) -> None:
    """It computes in float32 all the same, and says so."""

    def train(name: str, **variables: str) -> tuple[bytes, str]:
        folders = ["--run-dir", str(tmp_path / name), "--cache-dir", str(tmp_path / f"cache-{name}")]
        done = subprocess.run(
            [sys.executable, str(LINE), "train", *SMALL, *folders],
            env=os.environ | {"JAX_ENABLE_X64": "0"} | variables,
            capture_output=True,
            text=True,
            check=True,
        )
        return (tmp_path / name / "metrics.csv").read_bytes(), done.stderr

    (plain, said), (wide, said_wide) = train("plain"), train("wide", JAX_ENABLE_X64="1")
    assert plain == wide and plain.count(b"eval/return") >= 3
    assert "JAX_ENABLE_X64=1 is ignored: a run needs 0" in said_wide and "ignored" not in said


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("jax_enable_x64", True, "JAX_ENABLE_X64=1 is ignored: a run needs 0\n"),
        ("jax_default_prng_impl", "rbg", "JAX_DEFAULT_PRNG_IMPL=rbg is ignored: a run needs threefry2x32\n"),
        (
            "jax_numpy_rank_promotion",
            "raise",
            "JAX_NUMPY_RANK_PROMOTION=raise is ignored: a run needs allow\n",
        ),
        (
            "jax_numpy_dtype_promotion",
            "strict",
            "JAX_NUMPY_DTYPE_PROMOTION=strict is ignored: a run needs standard\n",
        ),
    ],
)
def test_a_command_sets_what_its_numbers_depend_on(
    name: str, value: object, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    jax.config.update(name, value)
    runtime.prepare()
    assert getattr(jax.config, name) == runtime.NUMERICS[name]
    assert capsys.readouterr().err == message
    runtime.prepare()
    assert capsys.readouterr().err == ""


def test_the_library_refuses_64_bits_before_anything_is_made() -> None:
    jax.config.update("jax_enable_x64", True)
    try:
        with pytest.raises(
            ValueError, match=r"jax_enable_x64 must be off for wsrl_mjx, .* unset JAX_ENABLE_X64"
        ):
            wsrl.make("pointmaze-umaze")
    finally:
        jax.config.update("jax_enable_x64", False)
    assert wsrl.make("pointmaze-umaze").time_limit == 100
