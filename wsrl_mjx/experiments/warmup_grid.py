"""The grid of `when_warmup_matters`: what differs over it, and the two runs of each of its cells."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import envs
from wsrl_mjx.config import assignments, named_datasets
from wsrl_mjx.config.settings import Config, flat_fields
from wsrl_mjx.experiments.jobs import PlannedRun
from wsrl_mjx.experiments.sweep import NOT_SWEPT

ENV, WARMUP = "env", "warmup_steps"
WARMUP_STEPS = 5000  # where neither an axis nor a setting says it
FORM = "name=value,value,..."
MOST_AXES = 3  # rows, columns, and pictures of their own


@dataclass(frozen=True)
class Axis:
    """What differs along one direction of the map.

    Attributes:
        name: `env`, a setting, or an option of the world.
        texts: its values as they were written; a dataset's folder has its whole path.
    """

    name: str
    texts: tuple[str, ...]

    @property
    def text(self) -> str:
        """The axis as `parse` reads it."""
        return f"{self.name}={','.join(self.texts)}"


class Cell(NamedTuple):
    """One place of the map: the value on each axis, by the axis's name."""

    env: str
    values: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """Its name in folders."""
        return _folder(self.env, self.values)

    @property
    def runs(self) -> tuple[str, str]:
        """The names of its runs, with and without the warmup; cells may share the one without."""
        others = tuple((name, text) for name, text in self.values if name != WARMUP)
        return f"{self.name}-with", f"{_folder(self.env, others)}-without"

    def changes(self, base: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the settings of its runs: those of all runs, `base`, and what its place decides."""
        settings, options = dict(base), list(base.get("env_options", ()))
        for name, text in self.values:
            if name in flat_fields(Config()):
                settings[name] = assignments.value_of(name, text, "axes")
            else:
                options.append(f"{name}={text}")
        return settings | ({"env_options": tuple(options)} if options else {})


@dataclass(frozen=True)
class Grid:
    """The worlds and the axes that are asked for.

    Attributes:
        envs: names of worlds; several are an axis of their own, the first.
        axes: of settings and options.
    """

    envs: Sequence[str]
    axes: tuple[Axis, ...]

    @property
    def directions(self) -> tuple[Axis, ...]:
        """The axes as they are drawn: rows, columns, and a third whose values have maps of their own."""
        own = Axis(ENV, tuple(self.envs))
        return (own, *self.axes) if len(self.envs) > 1 or len(self.axes) < 2 else self.axes

    @property
    def cells(self) -> list[Cell]:
        """Every cell, world by world, the last axis fastest."""
        values = list(product(*(axis.texts for axis in self.axes)))
        names = [axis.name for axis in self.axes]
        return [Cell(env, tuple(zip(names, texts, strict=True))) for env, texts in product(self.envs, values)]


def parse(text: str, worlds: Sequence[str]) -> Axis:
    """Returns the axis written as name=value,value,...

    `none` is no value, for settings that have no default.

    Args:
        text: such as "clearance=0.002,0.001".
        worlds: their names; an option must be one of each.

    Raises:
        ValueError: neither a setting nor an option of all worlds, or a value of a setting that is none of its
            kind.
    """
    name, rest = assignments.split(text, "axes", FORM)
    settings = tuple(setting for setting in flat_fields(Config()) if setting not in NOT_SWEPT)
    for world in worlds:
        options = [option for option in envs.option_names(world) if option not in settings]
        if name not in (*settings, *options):
            near = difflib.get_close_matches(name, [*settings, *options], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"axes has {name!r}, which is neither a setting nor an option of {world}, whose options are "
                f"{', '.join(options)}{hint}"
            )
    texts = tuple(rest.split(","))
    if name == "dataset":
        texts = tuple(map(named_datasets.located, texts))
    if name in settings:
        for one in texts:
            assignments.value_of(name, one, "axes")
    return Axis(name, texts)


def check(grid: Grid, base: Mapping[str, Any]) -> None:
    """Checks that a grid can be drawn with the settings `base` of all its runs.

    Raises:
        ValueError: an axis or a value twice, more axes than a picture has, one that `base` holds fixed, an
            option that a world does not take, or a cell without a warmup to compare.
    """
    names = [axis.name for axis in grid.axes]
    if len(set(names)) < len(names):
        raise ValueError(f"axes must name everything once, got {', '.join(names)}")
    if len(grid.directions) > MOST_AXES:
        listed = ", ".join(axis.name for axis in grid.directions)
        raise ValueError(f"axes must be at most {MOST_AXES}, worlds counted, got {listed}")
    fixed = {*base, *(option.partition("=")[0] for option in base.get("env_options", ()))}
    for name in names:
        if name in fixed:
            raise ValueError(f"axes cannot have {name}: it is set for all runs")
    cells = [(cell, cell.changes(base)) for cell in grid.cells]
    for env, options in dict.fromkeys((cell.env, own.get("env_options", ())) for cell, own in cells):
        envs.make_from_text(env, options)
    if any(own.get(WARMUP, WARMUP_STEPS) == 0 for _, own in cells):
        raise ValueError(f"{WARMUP} must be positive: each cell has a run without a warmup beside it")
    for axis in grid.axes:
        if len(set(map(_as_number, axis.texts))) < len(axis.texts):
            raise ValueError(f"axes {axis.name} must have different values, got {','.join(axis.texts)}")


def runs(grid: Grid, base: Mapping[str, Any]) -> list[PlannedRun]:
    """Returns two runs a cell, with the settings `base`: with the warmup, and without from its pretraining.

    Cells that differ in the warmup alone share the run without one.
    """
    found: dict[str, PlannedRun] = {}
    for cell in grid.cells:
        own = {WARMUP: WARMUP_STEPS} | cell.changes(base)
        with_warmup, without = cell.runs
        found[with_warmup] = PlannedRun(with_warmup, cell.env, own)
        run = PlannedRun(without, cell.env, own | {WARMUP: 0}, pretrained=with_warmup)
        found.setdefault(without, run)
    return list(found.values())


def _as_number(text: str) -> float | str:
    """Returns what a text stands for where two can stand for the same."""
    try:
        return float(text)
    except ValueError:
        return text


def _folder(env: str, values: Sequence[tuple[str, str]]) -> str:
    parts = [env, *(f"{name}={text.strip('/').replace('/', '-')}" for name, text in values)]
    return ",".join(part.replace(":", "-") for part in parts)
