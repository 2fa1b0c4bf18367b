"""How JAX itself must be set, before a device is touched."""

import os

import jax

NO_PARTITIONS = "--xla_cpu_multi_thread_eigen=false"


def prepare() -> None:
    """Keeps the CPU backend from waiting for ever; to be called before any array is made.

    Seen here twice, each time in the first program of a run: every thread of XLA's pool waits for work while the
    process waits for them. The second time asynchronous dispatch was off already (jax-ml/jax issue 25861 reports
    the like). With `--xla_cpu_multi_thread_eigen=false` others saw no more of it (PyAutoLabs/PyAutoFit issue
    1530: 0 of 12 runs hung, 14 of 16 without), so both are off, unless `XLA_FLAGS` of the user's own decides.
    The host loop waits for every chunk anyway, and matrix products still use all cores. Other backends are not
    concerned.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_cpu_multi_thread_eigen" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {NO_PARTITIONS}".strip()
    jax.config.update("jax_cpu_enable_async_dispatch", False)
