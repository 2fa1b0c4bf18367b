"""Several machines share the runs of a sweep: by hand, or as the hosts of one job.

Hosts find out through `jax.distributed` which of them is which. They meet once, each in a short process of
its own, and then train apart: members exchange nothing. In the training's process JAX sees one host. It would
otherwise end all hosts when one of them dies, and Orbax would let them wait for each other at every
checkpoint.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 300  # seconds
MEETING = """
import sys, jax
jax.distributed.initialize(initialization_timeout=int(sys.argv[1]))
print(jax.process_index(), jax.process_count())
"""


@dataclass(frozen=True)
class Host:
    """This host among those of the job."""

    index: int
    count: int


def meet(patience: int = PATIENCE) -> Host:
    """Returns which host this is, once all of them have come; numbers and addresses are the cluster's.

    Args:
        patience: seconds to wait for the others.

    Raises:
        ValueError: `jax.distributed` knows no cluster here, or the others did not come.
    """
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}  # the devices are for the training
    done = subprocess.run(
        [sys.executable, "-c", MEETING, str(patience)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no word of why"])[-1].rstrip(".")
        raise ValueError(
            "distributed needs a job of several processes that jax.distributed can find (srun, mpirun or "
            f"Kubernetes), which failed: {last}. Elsewhere say which share is whose with --share"
        )
    index, count = done.stdout.split()[-2:]
    return Host(int(index), int(count))


def share(text: str, count: int) -> slice:
    """Returns which of `count` runs are this machine's share, written such as 2/8; none for 0/8.

    Raises:
        ValueError: a text that is not so.
    """
    number, _, machines = text.partition("/")
    if not (number.isdecimal() and machines.isdecimal() and int(number) <= int(machines) and int(machines)):
        raise ValueError(f"share must be such as 2/8, the second of eight, got {text!r}")
    mine, of = int(number), int(machines)
    return slice(max(0, mine - 1) * count // of, mine * count // of)


def wait_for(path: Path, patience: float = PATIENCE) -> None:
    """Returns once a file is there that another host writes.

    Raises:
        ValueError: it has not come after `patience` seconds.
    """
    until = time.monotonic() + patience
    while not path.exists():
        if time.monotonic() > until:
            raise ValueError(f"run-dir {path.parent}: no {path.name} of the first host; do all hosts see it?")
        time.sleep(0.2)
