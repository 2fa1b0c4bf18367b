"""Measures this machine: what training costs, and its share of what the machine could do.

    python scripts/benchmark.py all --out benchmarks/my-machine.json

Parts: online (a full-size WSRL step with physics), learner (the same without), hostloop (the same agent
stepped from Python, with Gymnasium and a NumPy buffer; needs the extra `dev`), laptop (online and hostloop at
the laptop preset), checkpoint (what saves cost a run of that preset), pretrain (CQL), released (CQL
with all critics on all sampled actions), sweep (1, 2, 4, ... seeds in one program), cores (the same at the
laptop preset, on one device and on all), peers (one seed and eight beside an agent in plain Flax and Optax
and our own, both stepped from Python; needs the extra `dev`), env (physics of each task), gymnasium (worlds
through Gymnasium's interface), replay (inserts), compile (a new process up to its first online step). Medians
in the steady state; run it on an idle machine. `all` gives each part a process of its own and leaves out what
the file has already, so that after a cut the same command goes on.
"""

import dataclasses
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import tyro

import envs
from benchmarks import figure, hostloop, record
from benchmarks.suite import ACCELERATOR, TASKS, TINY, Sizes, Suite
from wsrl_mjx.cli import flags
from wsrl_mjx.cli.exits import fail
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.run_folder import versions
from wsrl_mjx.training import runtime

Part = Literal[
    "online",
    "learner",
    "hostloop",
    "laptop",
    "pretrain",
    "released",
    "sweep",
    "cores",
    "peers",
    "env",
    "gymnasium",
    "replay",
    "checkpoint",
    "compile",
    "all",
]
PARTS: tuple[str, ...] = tuple(part for part in Part.__args__ if part != "all")


@dataclass(frozen=True)
class Command:
    """Measure speed."""

    part: Annotated[Part, tyro.conf.Positional] = "all"
    """What to measure."""
    env: str = "ant"
    """Task of the training parts."""
    tasks: tuple[str, ...] = TASKS
    """Tasks of the part env."""
    seeds: int = 1
    """Seeds side by side in the training parts."""
    out: Path | None = None
    """JSON file to add the numbers to; the sweep's picture goes beside it."""
    tiny: bool = False
    """Smallest sizes: shows that everything runs, measures nothing."""

    @property
    def settings(self) -> dict[str, Any]:
        """What all parts in one file have in common."""
        return {"env": self.env, "seeds": self.seeds, "tiny": self.tiny}


def main(arguments: list[str] | None = None) -> None:
    """Parses, checks, measures, prints; bad input ends with one message and exit code 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    command = flags.read(Command, arguments, None, __doc__)
    runtime.prepare()
    try:
        check(command)
        if command.part != "all":
            measure(command, shlex.join(["scripts/benchmark.py", *arguments]))
    except ValueError as error:
        fail(str(error))
    if command.part == "all" and (failed := measure_all(command)):
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
        raise SystemExit(1)


def check(command: Command) -> None:
    """Refuses what cannot work, before a device is touched.

    Raises:
        ValueError: the field, its value and the choices.
    """
    if command.part in ("hostloop", "laptop", "peers", "all") and command.env not in hostloop.GYMNASIUM:
        raise ValueError(
            f"env must be one of {', '.join(hostloop.GYMNASIUM)} for {command.part}, got {command.env!r}"
        )
    for name, given in (("env", (command.env,)), ("tasks", command.tasks)):
        if unknown := [task for task in given if task not in envs.REGISTRY]:
            raise ValueError(f"{name} must be one of {', '.join(envs.REGISTRY)}, got {unknown[0]!r}")
    if command.seeds < 1:
        raise ValueError(f"seeds must be a positive integer, got {command.seeds}")
    if command.out is not None:
        if not command.out.absolute().parent.is_dir():
            raise ValueError(f"out {command.out}: its folder does not exist")
        record.check(command.out, {"settings": command.settings})


def measure(command: Command, typed: str) -> None:
    """Measures one part here, and adds its numbers to the file.

    Raises:
        ValueError: the file has numbers of another machine.
    """
    sizes = TINY if command.tiny else Sizes() if jax.default_backend() == "cpu" else ACCELERATOR
    common = {"settings": command.settings, "versions": versions() | {"cores": os.cpu_count()}}
    if command.out is not None:
        record.check(command.out, common)
    console, about = Console(), common["versions"]
    console.say(f"{about['device']}; jax {about['jax']}, mujoco-mjx {about['mujoco-mjx']}")
    suite = Suite(console, command.env, sizes, command.seeds)
    for name in entries(command.part, command.tasks):
        found = suite.measure(name)
        if command.out is not None:
            load = os.getloadavg()[0]  # more than the benchmark's own where others were at work
            how = {"command": typed, "load": load, "sizes": dataclasses.asdict(sizes)}
            record.add(command.out, common, name, how | found)
            if name == "sweep":
                title = f"{command.env}, preset {sizes.preset}, {about['device']}"
                figure.members(found["numbers"], title, command.out.with_suffix(".png"))


def measure_all(command: Command) -> list[str]:
    """Measures what the file lacks, a process a part, and returns the parts that failed.

    A process of its own, because an accelerator's memory stays with the process that took it.
    """
    there = record.read(command.out)["parts"] if command.out is not None else {}
    failed = []
    for part in PARTS:
        for name in entries(part, command.tasks):
            if name in there:
                Console().say(f"{name}: measured before")
            elif subprocess.run([sys.executable, *_call(command, part, name)], check=False).returncode:
                failed.append(name)
    return failed


def entries(part: str, tasks: tuple[str, ...]) -> list[str]:
    """Returns the names under which a part's numbers are kept: physics has one a task."""
    return [f"env/{task}" for task in tasks] if part == "env" else [part]


def _call(command: Command, part: str, name: str) -> list[str]:
    """Returns the script and the arguments that measure one entry."""
    task = ["--tasks", name.partition("/")[2]] if part == "env" else []
    out = [] if command.out is None else ["--out", str(command.out)]
    tiny = ["--tiny"] if command.tiny else []
    script = str(Path(__file__).parents[1] / "benchmark.py")
    return [script, part, "--env", command.env, "--seeds", str(command.seeds), *task, *out, *tiny]
