"""How JAX itself must be set, before a device is touched, and how programs are compiled."""

import os
from typing import Any

import jax

NO_PARTITIONS = "--xla_cpu_multi_thread_eigen=false"
# XLA's newer fusions on a CPU nearly double the time of a full-size learner step (docs/performance.md).
CPU_OPTIONS: dict[str, Any] = {"xla_cpu_experimental_ynn_fusion_type": ""}


def prepare() -> None:
    """Keeps the CPU backend's dispatch simple; to be called before any array is made.

    Programs there have waited for XLA's threads forever (docs/reliability.md; jax-ml/jax issue 25861 and
    PyAutoLabs/PyAutoFit issue 1530 report the like, and these two settings against it). The host loop waits
    for every chunk anyway, and matrix products still use all cores. A flag of the user's own in `XLA_FLAGS`
    wins. Other backends are not concerned.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_cpu_multi_thread_eigen" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {NO_PARTITIONS}".strip()
    jax.config.update("jax_cpu_enable_async_dispatch", False)


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
