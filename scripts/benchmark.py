"""Measures this machine: what training costs, and its share of what the machine could do.

    python scripts/benchmark.py all --out benchmark.json

Parts: online (a full-size WSRL step with physics), learner (the same without), hostloop (the same agent
stepped from Python, with Gymnasium and a NumPy buffer; needs the extra `dev`), pretrain (CQL), sweep (1, 2,
4, ... seeds in one program), env (physics of each task), replay (inserts), compile (a new process up to its
first online step). Medians in the steady state; run it on an idle machine.
"""

import dataclasses
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import tyro
from benchmarks import hostloop, learning, ring, startup, worlds
from benchmarks.timing import matmul_rates

import envs
from wsrl_mjx import runtime
from wsrl_mjx.cli import fail
from wsrl_mjx.config import Config
from wsrl_mjx.console import Console
from wsrl_mjx.presets import preset_config
from wsrl_mjx.run_folder import versions

Part = Literal["online", "learner", "hostloop", "pretrain", "sweep", "env", "replay", "compile", "all"]


@dataclass(frozen=True)
class Sizes:
    """How large and how often; the defaults are what the README's numbers are made with."""

    preset: str = "paper"
    matmul_sizes: tuple[int, ...] = (512, 1024, 2048, 4096)
    repeats: int = 5
    chunk: int = 20  # steps of one timed call of a training program
    env_steps: int = 100  # control steps of one timed call
    env_batches: tuple[int, ...] = (1, 32)
    # Two mazes, the smallest and the largest: their cost should be one.
    tasks: tuple[str, ...] = (
        "ant",
        "halfcheetah",
        "hopper",
        "walker2d",
        "antmaze-umaze",
        "antmaze-ultra",
        "pointmaze-umaze",
        "pointmaze-ultra",
    )
    insert_capacity: int = 1_000_000
    insert_seeds: int = 8
    inserts: int = 2000  # in one timed call
    startups: int = 3
    members: tuple[int, ...] = (1, 2, 4, 8)  # seeds side by side in the sweep


TINY = Sizes("smoke", (32, 64), 1, 2, 4, (2,), ("hopper",), 64, 2, 16, 1, (1, 2))


NEED_PEAK = ("online", "learner", "hostloop", "pretrain", "sweep")  # said as a share of the matmul rate


@dataclass(frozen=True)
class Command:
    """Measure speed."""

    part: Annotated[Part, tyro.conf.Positional] = "all"
    """What to measure."""
    env: str = "ant"
    """Task of the training parts."""
    seeds: int = 1
    """Seeds side by side in the training parts."""
    out: Path | None = None
    """JSON file to write the numbers to."""
    tiny: bool = False
    """Smallest sizes: shows that everything runs, measures nothing."""


def main(arguments: list[str] | None = None) -> None:
    """Parses, checks, measures, prints; bad input ends with one message and exit code 2."""
    command = tyro.cli(Command, args=arguments, description=__doc__)
    runtime.prepare()
    try:
        sizes = check(command)
        config = preset_config(sizes.preset, command.env)
    except ValueError as error:
        fail(str(error))
    bench = Bench(Console(), config, sizes, command.seeds)
    results = bench.run(command.part)
    if command.out is not None:
        command.out.write_text(json.dumps(results, indent=2) + "\n")


def check(command: Command) -> Sizes:
    """Returns the sizes to measure at.

    Raises:
        ValueError: a value that cannot work.
    """
    if command.part in ("hostloop", "all") and command.env not in hostloop.GYMNASIUM:
        raise ValueError(
            f"env must be one of {', '.join(hostloop.GYMNASIUM)} for {command.part}, got {command.env!r}"
        )
    if command.env not in envs.REGISTRY:
        raise ValueError(f"env must be one of {', '.join(envs.REGISTRY)}, got {command.env!r}")
    if command.seeds < 1:
        raise ValueError(f"seeds must be a positive integer, got {command.seeds}")
    if command.out is not None and not command.out.absolute().parent.is_dir():
        raise ValueError(f"out {command.out}: its folder does not exist")
    if command.tiny:
        return TINY
    # A call should last about a second: an accelerator needs more steps for that.
    return Sizes() if jax.default_backend() == "cpu" else Sizes(chunk=500, env_batches=(1, 32, 1024))


class Bench:
    """The parts, and how their numbers are said."""

    def __init__(self, console: Console, config: Config, sizes: Sizes, seeds: int) -> None:
        self.console, self.config, self.sizes, self.seeds = console, config, sizes, seeds
        self.peak = 0.0  # FLOP/s

    def run(self, part: Part) -> dict[str, Any]:
        """Measures one part or all, prints as it goes, and returns the numbers."""
        parts: dict[str, Callable[[], Any]] = {
            "matmul": self._matmul,
            "online": lambda: self._training("online step", self._online(physics=True)),
            "learner": lambda: self._training("the same without physics", self._online(physics=False)),
            "hostloop": self._hostloop,
            "sweep": self._sweep,
            "pretrain": lambda: self._training("CQL update", self._pretraining()),
            "env": self._env,
            "replay": self._replay,
            "compile": self._compile,
        }
        wanted = [p for p in parts if part in ("all", p) or (p == "matmul" and part in NEED_PEAK)]
        about = versions()
        self.console.say(f"{about['device']}; jax {about['jax']}, mujoco-mjx {about['mujoco-mjx']}")
        results = {"versions": about, "sizes": dataclasses.asdict(self.sizes)}
        return results | {name: parts[name]() for name in wanted}

    def _matmul(self) -> dict[str, float]:
        rates = matmul_rates(self.sizes.matmul_sizes, self.sizes.repeats)
        self.peak = max(rates.values())
        by_size = ", ".join(f"{size}: {rate / 1e9:,.0f}" for size, rate in rates.items())
        self.console.say(f"float32 matmul: best {self.peak / 1e9:,.0f} GFLOP/s ({by_size})")
        return {str(size): rate for size, rate in rates.items()}

    def _online(self, physics: bool) -> dict[str, float]:
        return learning.online(self.config, self.seeds, self.sizes.chunk, self.sizes.repeats, physics)

    def _pretraining(self) -> dict[str, float]:
        return learning.pretraining(self.config, self.seeds, self.sizes.chunk, self.sizes.repeats)

    def _training(self, name: str, taken: dict[str, float]) -> dict[str, float]:
        share = 100 * taken["flop_rate"] / self.peak
        seeds = f" for {self.seeds} seeds" if self.seeds > 1 else ""
        self.console.say(
            f"{name}{seeds}, {self.config.env}, preset {self.config.preset}: {taken['milliseconds']:.3g} ms, "
            f"{taken['per_second'] * self.seeds:,.1f}/s; {taken['flop'] / 1e9:.2f} GFLOP, "
            f"{taken['flop_rate'] / 1e9:,.0f} GFLOP/s, {share:.1f} % of the matmul rate"
        )
        return taken | {"matmul_share_percent": share}

    def _hostloop(self) -> dict[str, float]:
        taken = hostloop.online(self.config, self.sizes.chunk, self.sizes.repeats)
        share = 100 * taken["flop_rate"] / self.peak
        self.console.say(
            f"the same stepped from Python, with Gymnasium: {taken['milliseconds']:.3g} ms, {share:.1f} %"
        )
        return taken | {"matmul_share_percent": share}

    def _sweep(self) -> list[dict[str, float]]:
        results = []
        for seeds in self.sizes.members:
            taken = learning.online(self.config, seeds, self.sizes.chunk, self.sizes.repeats)
            results.append(taken | {"seed_steps_per_second": seeds * taken["per_second"]})
            cost = taken["milliseconds"] / results[0]["milliseconds"]
            self.console.say(
                f"{seeds} seeds side by side: {taken['milliseconds']:.3g} ms, {cost:.2f} times one seed, "
                f"{results[-1]['seed_steps_per_second']:,.1f} seed-steps/s"
            )
        return results

    def _env(self) -> dict[str, list[dict[str, float]]]:
        results: dict[str, list[dict[str, float]]] = {}
        for task in self.sizes.tasks:
            results[task] = []
            for num_envs in self.sizes.env_batches:
                taken = worlds.steps(task, num_envs, self.sizes.env_steps, self.sizes.repeats)
                results[task].append(taken)
                self.console.say(
                    f"physics of {task}, {num_envs} side by side: "
                    f"{taken['control_steps_per_second']:,.0f} control steps/s, "
                    f"{taken['physics_steps_per_second']:,.0f} simulation steps/s"
                )
        return results

    def _replay(self) -> list[dict[str, float]]:
        sizes, results = self.sizes, []
        for seeds in (1, sizes.insert_seeds):
            capacity = sizes.insert_capacity // seeds
            for full in (False, True):
                taken = ring.inserts(capacity, seeds, sizes.inserts, sizes.repeats, full)
                results.append(taken)
                self.console.say(
                    f"insert, {'full' if full else 'empty'} buffer of {capacity:,} rows, seeds {seeds}: "
                    f"{taken['microseconds']:.2f} us"
                )
        return results

    def _compile(self) -> dict[str, dict[str, float]]:
        taken = startup.first_online_step(self.config.preset, self.config.env, self.sizes.startups)
        for temperature, stages in taken.items():
            parts = ", ".join(
                f"{name} {seconds:.1f} s" for name, seconds in stages.items() if name != "total"
            )
            self.console.say(f"first online step, {temperature} cache: {stages['total']:.1f} s ({parts})")
        return taken


if __name__ == "__main__":
    main(sys.argv[1:])
