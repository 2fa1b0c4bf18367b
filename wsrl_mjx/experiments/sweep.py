"""A sweep: the grid of some settings, times seeds, as few programs as it can be.

What an update multiplies by (`grid.SIDE_BY_SIDE`) differs within one program. Everything else comes one
after another; where only numbers change, such as `warmup_steps`, through the same compiled program.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import envs
from wsrl_mjx.config import assignments, named_datasets
from wsrl_mjx.config.grid import SIDE_BY_SIDE
from wsrl_mjx.config.settings import Config, flat_fields, replace_flat
from wsrl_mjx.config.validation import choose, validate
from wsrl_mjx.experiments.jobs import Job
from wsrl_mjx.runs import plan
from wsrl_mjx.runs.programs import NUMBERS
from wsrl_mjx.training.sharding import Devices

# They decide the other settings' defaults, or are what a sweep makes itself.
NOT_SWEPT = ("env", "env_options", "preset", "method", "seed", "num_seeds", "points")


@dataclass(frozen=True)
class Axis:
    """One setting and its values, as they were written; a dataset's folder has its whole path."""

    name: str
    texts: tuple[str, ...]

    @property
    def text(self) -> str:
        """The axis as `parse` reads it."""
        return f"{self.name}={','.join(self.texts)}"

    @property
    def labels(self) -> tuple[str, ...]:
        """What stands for the values in names: of a dataset's folder its own name, where that says which."""
        short = tuple(Path(text).name if Path(text).is_absolute() else text for text in self.texts)
        return short if self.name == "dataset" and len(set(short)) == len(short) else self.texts

    @property
    def values(self) -> tuple[Any, ...]:
        """The values as a config has them."""
        return tuple(assignments.value_of(self.name, text, "sweep") for text in self.texts)

    @property
    def side_by_side(self) -> bool:
        """Whether the values can differ within one program."""
        # Without cloning the loss is another one.
        return self.name in SIDE_BY_SIDE and not (self.name == "cloning_weight" and 0.0 in self.values)


def parse(text: str) -> Axis:
    """Returns the axis written as name=value,value,...; a list of widths is written 64x64.

    Raises:
        ValueError: no such setting, one that cannot be swept, a value that is none of its kind, or one that
            comes twice.
    """
    name, rest = assignments.split(text, "sweep", "name=value,value,...")
    choose("sweep", name, tuple(n for n in flat_fields(Config()) if n not in NOT_SWEPT))
    texts = tuple(rest.split(","))
    axis = Axis(name, tuple(map(named_datasets.located, texts)) if name == "dataset" else texts)
    if len(set(axis.values)) < len(axis.values):
        raise ValueError(f"sweep {name} must have different values, got {rest}")
    return axis


@dataclass(frozen=True)
class Part:
    """One program's run: some settings held, the others side by side."""

    held: tuple[tuple[str, str], ...]  # name and value, as names of folders and curves have them
    config: Config

    @property
    def name(self) -> str:
        """Its folder inside the sweep's."""
        held, points = [f"{name}={text}" for name, text in self.held], self.config.points
        some = [f"{points[0]}-to-{points[-1]}"] if len(points) > 1 else points
        return ",".join([*held, *some, f"seeds={self.seeds}"])

    @property
    def seeds(self) -> str:
        """Its seeds, such as 0-7."""
        first, last = self.config.seeds[0], self.config.seeds[-1]
        return str(first) if first == last else f"{first}-{last}"

    def label(self, point: str) -> str:
        """Returns the whole name of a grid point of this part."""
        return ",".join([*(f"{name}={text}" for name, text in self.held), *([point] if point else [])])

    @property
    def program(self) -> tuple[Config, int]:
        """What decides the compiled program: parts that agree in it share one."""
        return replace_flat(self.config, {**NUMBERS, "num_seeds": 1}), _members(self.config)


def parts(config: Config, axes: list[Axis], at_once: int | None, begun: bool = False) -> list[Part]:
    """Returns the runs of a sweep, in order.

    Args:
        config: settings of everything that is not swept.
        axes: of the grid.
        at_once: members that a run may have; None for all.
        begun: whether the sweep is gone on with; a run that is past its data does without it then.

    Raises:
        ValueError: a setting swept twice, a grid point that cannot work, or a dataset that cannot be had.
    """
    names = [axis.name for axis in axes]
    if len(set(names)) < len(names):
        raise ValueError(f"sweep must name every setting once, got {', '.join(names)}")
    within = [axis for axis in axes if axis.side_by_side]
    around = [axis for axis in axes if not axis.side_by_side]
    points = [
        ",".join(f"{axis.name}={text}" for axis, text in zip(within, texts, strict=True))
        for texts in itertools.product(*(axis.texts for axis in within))
        if within
    ]
    found = []
    for choice in itertools.product(*(zip(axis.labels, axis.values, strict=True) for axis in around)):
        changes = {axis.name: value for axis, (_, value) in zip(around, choice, strict=True)}
        held = tuple((axis.name, text) for axis, (text, _) in zip(around, choice, strict=True))
        for some_points, seeds in groups(points, config.seeds, at_once):
            chosen = {"points": some_points, "seed": seeds[0], "num_seeds": len(seeds)}
            part = Part(held, replace_flat(config, changes | chosen))
            validate(part.config)
            if not begun:
                named_datasets.check_available(part.config.data, part.config.env)
            found.append(part)
    return found


def members_at_once(
    config: Config, axes: list[Axis], cache_dir: Path, host_count: int, devices: Devices = "auto"
) -> int:
    """Returns how many members a program may have: what the memory holds, and one host's even share.

    Raises:
        ValueError: see `parts` and `plan.members_at_once`.
    """
    whole = parts(config, axes, None)
    env = envs.make_from_text(config.env, config.env_options)
    rows = [named_datasets.resolve(part.config.data, env, cache_dir).count for part in whole]
    held = min(
        plan.members_at_once(part.config, env, count, devices)
        for part, count in zip(whole, rows, strict=True)
    )
    return min(held, -(-sum(_members(part.config) for part in whole) // host_count))


def groups(points: list[str], seeds: range, at_once: int | None) -> list[tuple[tuple[str, ...], range]]:
    """Returns grid points and seeds of each run, so that none has more than `at_once` members."""
    count = max(1, len(points))
    if at_once is None or count * len(seeds) <= at_once:
        return [(tuple(points), seeds)]
    if count <= at_once:
        return [(tuple(points), some) for some in _evenly(seeds, at_once // count)]
    return [
        (tuple(points[i] for i in some), one)
        for one in _evenly(seeds, 1)
        for some in _evenly(range(count), at_once)
    ]


def _evenly(items: range, most: int) -> list[range]:
    """Returns as few ranges of at most `most` as it takes, as even as can be: few programs."""
    count = -(-len(items) // most)
    size = -(-len(items) // count)
    return [items[start : start + size] for start in range(0, len(items), size)]


def jobs(found: list[Part]) -> list[Job]:
    """Returns the parts as runs of an experiment. Those that pretrain alike share it through the cache."""
    return [Job(part.name, part.config) for part in found]


def programs(found: list[Part]) -> int:
    """Returns how many different programs the parts need."""
    return len({part.program for part in found})


def _members(config: Config) -> int:
    return max(1, len(config.points)) * config.num_seeds
