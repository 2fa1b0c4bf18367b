"""How JAX itself must be set, before a device is touched."""

import jax


def prepare() -> None:
    """Makes the CPU backend run programs in the calling thread; to be called before any array is made.

    Its asynchronous dispatch now and then loses a computation, and the process waits for it forever
    (jax-ml/jax issue 25861; seen here once, in the very first program of a run). The host loop waits for
    every chunk anyway, so nothing is lost without it. Other backends are not concerned.
    """
    jax.config.update("jax_cpu_enable_async_dispatch", False)
