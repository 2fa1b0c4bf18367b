"""The parts of the benchmark: how large each is, what it measures, and how its numbers are said."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax

from benchmarks import hostloop, learning, peers, ring, saving, startup, through_gymnasium, worlds
from benchmarks.timing import matmul_rates
from wsrl_mjx.analysis.text import counted
from wsrl_mjx.config.presets import preset_config
from wsrl_mjx.config.settings import Config, replace_flat
from wsrl_mjx.runs.console import Console

# Two mazes, the smallest and the largest: their cost should be one.
TASKS = (
    "ant",
    "halfcheetah",
    "hopper",
    "walker2d",
    "antmaze-umaze",
    "antmaze-ultra",
    "pointmaze-umaze",
    "pointmaze-ultra",
)
FOR_GYMNASIUM = ("pointmaze-umaze", "peg-insertion")
NEED_PEAK = (
    "online",
    "learner",
    "hostloop",
    "laptop",
    "pretrain",
    "released",
    "sweep",
    "cores",
)  # a share of the matmul rate


@dataclass(frozen=True)
class Sizes:
    """How large and how often; the defaults are what the numbers in docs/performance.md are made with."""

    preset: str = "paper"
    small_preset: str = "laptop"
    matmul_sizes: tuple[int, ...] = (512, 1024, 2048, 4096)
    repeats: int = 5
    chunk: int = 20  # steps of one timed call of a training program
    env_steps: int = 100  # control steps of one timed call
    env_batches: tuple[int, ...] = (1, 32)
    insert_capacity: int = 1_000_000
    insert_seeds: int = 8
    inserts: int = 2000  # in one timed call
    startups: int = 3
    members: tuple[int, ...] = (1, 2, 4, 8)  # seeds in the sweep
    # A CPU copies a member's buffer once a chunk; in chunks as short as these a large one would count.
    sweep_capacity: int = 100_000
    small_chunk: int = 100  # steps of one timed call at the small preset
    gymnasium_envs: tuple[int, ...] = (1, 8, 64)


TINY = Sizes("smoke", "smoke", (32, 64), 1, 2, 4, (2,), 64, 2, 16, 1, (1, 2), 6000, 2, (1, 2))
# A call should last about a second: an accelerator needs more steps for that, and has room for more members.
ACCELERATOR = Sizes(chunk=500, env_batches=(1, 32, 1024), members=(1, 2, 4, 8, 16, 32))


class Suite:
    """The parts by name; each says its numbers as it goes and returns them."""

    def __init__(self, console: Console, env: str, sizes: Sizes, seeds: int) -> None:
        self.console, self.sizes, self.seeds = console, sizes, seeds
        self.config, self.small = (preset_config(p, env) for p in (sizes.preset, sizes.small_preset))
        self.peak = 0.0  # FLOP/s

    def measure(self, name: str) -> dict[str, Any]:
        """Returns the numbers of a part, and the matmul rates of the same minute where it needs them.

        The physics of one task is the part `env/<task>`.
        """
        kind, _, task = name.partition("/")
        parts: dict[str, Callable[[], Any]] = {
            "online": lambda: self._online(self.config),
            "learner": lambda: self._online(self.config, physics=False),
            "hostloop": lambda: self._hostloop(self.config),
            "laptop": lambda: {"online": self._online(self.small), "hostloop": self._hostloop(self.small)},
            "checkpoint": self._checkpoint,
            "sweep": self._sweep,
            "pretrain": lambda: self._training("CQL update", self._pretraining(self.config), self.config),
            "released": self._released,
            "cores": self._cores,
            "peers": self._peers,
            "env": lambda: self._env(task),
            "gymnasium": self._gymnasium,
            "replay": self._replay,
            "compile": self._compile,
        }
        rates = {"matmul": self._matmul()} if kind in NEED_PEAK else {}
        return rates | {"numbers": parts[kind]()}

    def _matmul(self) -> dict[str, float]:
        rates = matmul_rates(self.sizes.matmul_sizes, self.sizes.repeats)
        self.peak = max(rates.values())
        by_size = ", ".join(f"{size}: {rate / 1e9:,.0f}" for size, rate in rates.items())
        self.console.say(f"float32 matmul: best {self.peak / 1e9:,.0f} GFLOP/s ({by_size})")
        return {str(size): rate for size, rate in rates.items()}

    def _online(self, config: Config, physics: bool = True) -> dict[str, Any]:
        taken = learning.online(config, self.seeds, self.sizes.chunk, self.sizes.repeats, physics)
        return self._training("online step" if physics else "online step without physics", taken, config)

    def _pretraining(self, config: Config) -> dict[str, Any]:
        return learning.pretraining(config, self.seeds, self.sizes.chunk, self.sizes.repeats)

    def _released(self) -> dict[str, Any]:
        """Measures CQL with all critics on all actions, as the released WSRL code computes it."""
        every = replace_flat(self.config, {"target_subset": self.config.agent.ensemble_size})
        return self._training("CQL update, all critics on all actions", self._pretraining(every), every)

    def _training(self, name: str, taken: dict[str, Any], config: Config) -> dict[str, Any]:
        share = 100 * taken["flop_rate"] / self.peak
        seeds = f" for {self.seeds} seeds" if self.seeds > 1 else ""
        self.console.say(
            f"{name}{seeds}, {config.env}, preset {config.preset}: {taken['milliseconds']:.3g} ms, "
            f"{taken['per_second'] * self.seeds:,.1f}/s; {taken['flop'] / 1e9:.2f} GFLOP, "
            f"{taken['flop_rate'] / 1e9:,.0f} GFLOP/s, {share:.1f} % of the matmul rate"
        )
        return taken | {"matmul_share_percent": share}

    def _hostloop(self, config: Config) -> dict[str, Any]:
        taken = hostloop.online(config, self.sizes.chunk, self.sizes.repeats)
        share = 100 * taken["flop_rate"] / self.peak
        self.console.say(
            f"the same stepped from Python, with Gymnasium: {taken['milliseconds']:.3g} ms, {share:.1f} %"
        )
        return taken | {"matmul_share_percent": share}

    def _sweep(self) -> list[dict[str, Any]]:
        results = []
        config = replace_flat(self.config, {"replay_capacity": self.sizes.sweep_capacity})
        for seeds in self.sizes.members:
            taken = learning.online(config, seeds, self.sizes.chunk, self.sizes.repeats)
            results.append(taken | {"seed_steps_per_second": seeds * taken["per_second"]})
            cost = taken["milliseconds"] / results[0]["milliseconds"]
            self.console.say(
                f"{seeds} seeds in one program: {taken['milliseconds']:.3g} ms, {cost:.2f} times one seed, "
                f"{results[-1]['seed_steps_per_second']:,.1f} seed-steps/s"
            )
        return results

    def _cores(self) -> list[dict[str, Any]]:
        """Measures seeds of the small preset on one device, and spread over all."""
        results: list[dict[str, Any]] = []
        config = replace_flat(self.small, {"replay_capacity": self.sizes.sweep_capacity})
        for devices in dict.fromkeys((1, jax.local_device_count())):
            for seeds in self.sizes.members:
                taken = learning.online(
                    config, seeds, self.sizes.small_chunk, self.sizes.repeats, devices=devices
                )
                results.append(taken)
                cost = taken["milliseconds"] / results[0]["milliseconds"]
                self.console.say(
                    f"{counted(seeds, 'seed')} on {counted(taken['devices'], 'device')}, preset "
                    f"{config.preset}: {taken['milliseconds']:.3g} ms, {cost:.2f} times one seed on one"
                )
        return results

    def _peers(self) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = []
        sizes, members = self.sizes, (1, self.sizes.members[-1])
        for preset, steps in ((self.small, sizes.small_chunk), (self.config, sizes.chunk)):
            config = replace_flat(preset, {"replay_capacity": sizes.sweep_capacity})
            results += peers.compare(config, members, steps, sizes.repeats)
        for entry in results:
            ours, seeds = entry["ours"], entry["seeds"]
            self.console.say(
                f"{counted(seeds, 'seed')}, preset {entry['preset']}: ours {ours['milliseconds']:.3g} ms on "
                f"{counted(ours['devices'], 'device')}"
            )
            for name, ratio in entry["ratios"].items():
                taken = seeds * entry[name]["milliseconds"]
                self.console.say(f"  {peers.NAMES[name]}: {taken:.3g} ms, {ratio:.2f} times ours")
        return results

    def _env(self, task: str) -> list[dict[str, Any]]:
        results = []
        for num_envs in self.sizes.env_batches:
            taken = worlds.steps(task, num_envs, self.sizes.env_steps, self.sizes.repeats)
            results.append(taken)
            self.console.say(
                f"physics of {task}, {num_envs} side by side: "
                f"{taken['control_steps_per_second']:,.0f} control steps/s, "
                f"{taken['physics_steps_per_second']:,.0f} simulation steps/s"
            )
        return results

    def _gymnasium(self) -> list[dict[str, Any]]:
        results = []
        for task in FOR_GYMNASIUM:
            for num_envs in self.sizes.gymnasium_envs:
                taken = through_gymnasium.rates(task, num_envs, self.sizes.env_steps, self.sizes.repeats)
                results.append(taken | {"task": task})
                rates = taken["steps_per_second"]
                self.console.say(
                    f"{task} through Gymnasium, {num_envs} side by side: {rates['gymnasium']:,.0f} steps/s, "
                    f"{taken['ratio']:.2f} of the {rates['scan']:,.0f} of a scan"
                )
        return results

    def _replay(self) -> list[dict[str, Any]]:
        sizes, results = self.sizes, []
        for seeds in (1, sizes.insert_seeds):
            capacity = sizes.insert_capacity // seeds
            for full in (False, True):
                taken = ring.inserts(capacity, seeds, sizes.inserts, sizes.repeats, full)
                results.append(taken)
                self.console.say(
                    f"insert, {'full' if full else 'empty'} buffer of {capacity:,} rows, seeds {seeds}: "
                    f"{1e3 * taken['milliseconds']:.2f} us"
                )
        return results

    def _checkpoint(self) -> dict[str, Any]:
        """Measures a save against the training between two of them; evaluations would make the share less."""
        step = learning.online(self.small, self.seeds, self.sizes.chunk, self.sizes.repeats)
        save = saving.saves(self.small, self.seeds, self.sizes.repeats)
        between = self.small.evaluation.checkpoint_every * step["milliseconds"]
        share = 100 * save["milliseconds"] / (save["milliseconds"] + between)
        self.console.say(
            f"checkpoint, {self.small.env}, preset {self.small.preset}: {save['milliseconds']:.0f} ms and "
            f"{save['bytes'] / 1e6:.1f} MB after {between / 1e3:.1f} s of training, {share:.2f} %"
        )
        return {"save": save, "online": step, "share_percent": share}

    def _compile(self) -> dict[str, Any]:
        taken = startup.first_online_step(self.config.preset, self.config.env, self.sizes.startups)
        for temperature in ("cold", "warm"):
            stages = taken[temperature]
            parts = ", ".join(f"{name} {value:.1f} s" for name, value in stages.items() if name != "total")
            self.console.say(f"first online step, {temperature} cache: {stages['total']:.1f} s ({parts})")
        return taken
