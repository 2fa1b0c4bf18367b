"""How JAX itself must be set, before a device is touched."""

import os

import jax

NO_PARTITIONS = "--xla_cpu_multi_thread_eigen=false"


def prepare() -> None:
    """Sets what makes it rarer that the CPU backend waits for ever; to be called before any array is made.

    Seen three times, each time in the program that makes fresh networks, at its first execution: all
    threads of XLA's pool wait for work while the process waits for them. Asynchronous dispatch off (jax-
    ml/jax issue 25861 reports the like) and `--xla_cpu_multi_thread_eigen=false` (PyAutoLabs/PyAutoFit
    issue 1530) did not end it; docs/results.md has what is known. The host loop waits for every chunk
    anyway, and matrix products still use all cores. A flag of the user's own in `XLA_FLAGS` wins. Other
    backends are not concerned.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_cpu_multi_thread_eigen" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {NO_PARTITIONS}".strip()
    jax.config.update("jax_cpu_enable_async_dispatch", False)
