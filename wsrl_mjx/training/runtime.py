"""How JAX itself must be set, before a device is touched, and how programs are compiled."""

import contextlib
import os
import sys
from typing import Any

import jax

from envs.base import Environment
from wsrl_mjx.training import cores

NO_PARTITIONS = "--xla_cpu_multi_thread_eigen=false"
# XLA's newer fusions on a CPU nearly double the time of a full-size learner step (docs/performance.md).
CPU_OPTIONS: dict[str, Any] = {"xla_cpu_experimental_ynn_fusion_type": ""}
# Options of JAX that decide numbers, or that end programs, as a run needs them. With another generator the
# draws of a seed would depend on the seeds beside it.
NUMERICS: dict[str, Any] = {
    "jax_enable_x64": False,
    "jax_default_prng_impl": "threefry2x32",
    "jax_numpy_rank_promotion": "allow",
    "jax_numpy_dtype_promotion": "standard",
}


def prepare() -> None:
    """Sets JAX for a command; to be called before any array is made. What was set otherwise is said.

    Every command computes in float32, whatever `JAX_ENABLE_X64` says, so that the same settings give the
    same numbers.
    """
    prepare_cpu()
    for name, ours in NUMERICS.items():
        if (theirs := getattr(jax.config, name)) != ours:
            jax.config.update(name, ours)
            print(
                f"{name.upper()}={_written(theirs)} is ignored: a run needs {_written(ours)}", file=sys.stderr
            )


def device_fault() -> str | None:
    """Returns why JAX has no device to compute on, in one line; None where it has one."""
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:
        asked = os.environ.get("JAX_PLATFORMS", "")
        why = str(error).splitlines()[0] if str(error) else "no such device is here"
        return f"JAX finds no device for JAX_PLATFORMS={asked!r}: {why}"
    return None


def check_float32() -> None:
    """Raises ValueError where JAX is set to 64 bits: states of float32 and float64 do not go together."""
    if jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
        raise ValueError(
            "jax_enable_x64 must be off for wsrl_mjx, which computes in float32; call "
            "jax.config.update('jax_enable_x64', False), or unset JAX_ENABLE_X64"
        )


def _written(value: Any) -> str:
    """Returns an option's value as an environment variable has it."""
    return str(int(value)) if isinstance(value, bool) else str(value)


def prepare_cpu() -> None:
    """Sets the CPU backend; to be called before any array is made. Other backends are not concerned.

    Every core becomes a device, so that members can be spread over them. A number of devices of the user's
    own, in `XLA_FLAGS` or `JAX_NUM_CPU_DEVICES`, wins.

    Dispatch is kept simple: programs have waited for XLA's threads forever (docs/reliability.md; jax-ml/jax
    issue 25861 and PyAutoLabs/PyAutoFit issue 1530 report the like, and these two settings against it). The
    host loop waits for every chunk anyway, and matrix products still use all cores. A flag of the user's own
    in `XLA_FLAGS` wins.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_cpu_multi_thread_eigen" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {NO_PARTITIONS}".strip()
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    chosen: int = jax.config.jax_num_cpu_devices  # pyright: ignore[reportAttributeAccessIssue]
    if "xla_force_host_platform_device_count" not in flags and chosen < 0:
        # Where JAX has its devices already, their number stays.
        with contextlib.suppress(RuntimeError):
            jax.config.update("jax_num_cpu_devices", cores.free())


def heed(env: Environment) -> None:
    """Compiles every program from now on with the options that a world asks for, on a CPU."""
    CPU_OPTIONS.update(getattr(env, "cpu_options", {}))


def compiled(lowered: jax.stages.Lowered) -> Any:
    """Compiles a program with the options that are best on this device; a flag in `XLA_FLAGS` wins."""
    flags = os.environ.get("XLA_FLAGS", "")
    options = (
        {} if jax.default_backend() != "cpu" else {k: v for k, v in CPU_OPTIONS.items() if k not in flags}
    )
    try:
        return lowered.compile(compiler_options=options)
    except jax.errors.JaxRuntimeError as error:
        if "No such compile option" not in str(error):
            raise
        return lowered.compile()  # a version of XLA that does not know them
