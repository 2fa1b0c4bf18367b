"""How JAX itself must be set, before a device is touched."""

import os

import jax

NO_PARTITIONS = "--xla_cpu_multi_thread_eigen=false"


def prepare() -> None:
    """Keeps the CPU backend's dispatch simple; to be called before any array is made.

    Programs there have waited for XLA's threads forever (docs/results.md; jax-ml/jax issue 25861 and
    PyAutoLabs/PyAutoFit issue 1530 report the like, and these two settings against it). The host loop waits
    for every chunk anyway, and matrix products still use all cores. A flag of the user's own in `XLA_FLAGS`
    wins. Other backends are not concerned.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_cpu_multi_thread_eigen" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {NO_PARTITIONS}".strip()
    jax.config.update("jax_cpu_enable_async_dispatch", False)
