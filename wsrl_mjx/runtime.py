"""How JAX itself must be set, before a device is touched."""

import os

import jax

SINGLE_THREADED = "--xla_cpu_multi_thread_eigen=false"


def prepare() -> None:
    """Makes the CPU backend run programs in the calling thread; to be called before any array is made.

    XLA's pool of CPU threads now and then loses a computation: all of its threads wait for work while the
    process waits for them, forever. Seen here twice, each time in the first program of a run, the second time
    with asynchronous dispatch off already (jax-ml/jax issue 25861 reports the like). So there is no pool,
    unless `XLA_FLAGS` of the user's own decides on it, and no asynchronous dispatch. The host loop waits for
    every chunk anyway. More cores serve by running more processes. Other backends are not concerned.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_cpu_multi_thread_eigen" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {SINGLE_THREADED}".strip()
    jax.config.update("jax_cpu_enable_async_dispatch", False)
