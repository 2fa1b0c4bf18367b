"""Answers one of the paper's questions: runs what its figure needs, and draws it (docs/reproducing.md).

    python scripts/reproduce.py no_retention --preset laptop --num-seeds 8 --envs pointmaze-large

A second call goes on where the first one was cut off, and skips what is done, also for another figure. With
--draw it draws what is finished and runs nothing.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

import envs
from wsrl_mjx.cli import exits, flags
from wsrl_mjx.cli.exits import until_the_end
from wsrl_mjx.config import assignments
from wsrl_mjx.config.presets import check_env, resolve_preset
from wsrl_mjx.config.settings import Config, flat_fields
from wsrl_mjx.config.validation import choose
from wsrl_mjx.data import cache, files
from wsrl_mjx.experiments import figure_pages, figure_runs, folder_pages, jobs, sweep, warmup_grid
from wsrl_mjx.experiments.figure_pages import RUNS
from wsrl_mjx.experiments.figure_runs import Request
from wsrl_mjx.experiments.figures import FIGURES, HEAT_MAP, INSERTION
from wsrl_mjx.experiments.warmup_grid import Axis, Grid
from wsrl_mjx.runs import run_page
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.trackers import Track
from wsrl_mjx.training import runtime

PEGS = ("peg-insertion",)
MAZES = ("pointmaze-medium", "pointmaze-large", "pointmaze-ultra")
# The figure decides them, or they have flags of their own.
NOT_SET = tuple(name for name in sweep.NOT_SWEPT if name != "seed")


@dataclass(frozen=True)
class Command:
    """Reproduce a figure."""

    figure: tyro.conf.Positional[Literal[*FIGURES]]  # pyright: ignore[reportInvalidTypeForm]
    """What is asked; docs/reproducing.md has the questions."""
    preset: str = "auto"
    """Where the other settings come from: smoke, laptop, paper, or auto."""
    num_seeds: int = 8
    """Seeds of every run."""
    envs: Annotated[tuple[str, ...], tyro.conf.arg(aliases=("--env",))] = ()
    """Environments, each with a row in the figure; unset: pointmaze-large, three mazes in the heat map, the
    gripper in insertion."""
    set: tuple[str, ...] = ()
    """Settings of all runs, such as offline_steps=12000 dataset=play; an arm's own come after them. With
    seed=8 the seeds begin at 8: more of them for a figure that is done, in another --out."""
    env_options: tuple[str, ...] = ()
    """Options of all environments, such as clearance=0.001."""
    axes: tuple[str, ...] = ()
    """What differs over the map of when_warmup_matters: settings, or options of the environment, such as
    clearance=0.002,0.001 offline_steps=2000,4000. Unset: a half, one and two times the preset's
    offline_steps, and success_share=none,0.02,0.1, where none is the data as it is rolled out."""
    arms: tuple[str, ...] = ()
    """Only these arms of the figure, by their names in wsrl_mjx/experiments/figure_arms.py; unset: all."""
    shipped: bool = False
    """Start from the pretraining that comes with the package where one fits an arm, instead of training one
    for every seed."""
    out: Path | None = None
    """Folder of all figures and of the runs that they share; unset: runs/reproduce-<preset>."""
    track: Track | None = None
    """Where the metrics of new runs are copied to: tensorboard, wandb or none; unset: what a run had, or
    tensorboard."""
    draw: bool = False
    """Draw what is finished, and run nothing."""
    cache_dir: Path = field(default_factory=cache.default_folder)
    """Where datasets, pretrainings and compiled programs are kept ($WSRL_MJX_CACHE)."""

    @property
    def worlds(self) -> tuple[str, ...]:
        """The environments, given or not."""
        return self.envs or {HEAT_MAP: MAZES, INSERTION: PEGS}.get(self.figure, ("pointmaze-large",))


@exits.command
def main(arguments: list[str] | None = None, program: str | None = None) -> None:
    """Parses, checks, runs, draws; bad input ends with one message and exit code 2."""
    command = flags.read(Command, arguments, program, __doc__)
    runtime.prepare()
    console = Console()

    def carry_out() -> None:
        check(command)
        wanted = request(command)
        folder = command.out or Path("runs") / f"reproduce-{wanted.preset}"
        plan = figure_runs.plan(wanted)
        all_runs = list(dict.fromkeys(job for _, job in plan.runs))
        chosen = figure_runs.of_arms(plan, command.arms, folder / RUNS)
        if not command.draw:
            cache.enable_compilation_cache(command.cache_dir)
            for name, reason in plan.left_out.items():
                console.say(f"{name} is left out: {reason}")
            jobs.carry_out(chosen, folder / RUNS, command.cache_dir, console, track=command.track)
        written = figure_pages.write(wanted, plan, folder)
        done = sum(jobs.is_done(job, folder / RUNS) for job in all_runs)
        console.say(f"{done} of {len(all_runs)} runs drawn: {', '.join(map(str, written))}")
        run_page.attempt(lambda: folder_pages.write_figure(folder / wanted.figure), console)

    until_the_end(carry_out, console, "call it again to go on")


def check(command: Command) -> None:
    """Checks what the runs themselves do not.

    Raises:
        ValueError: an unknown world, one without success in the heat map, a value given twice, a cache that
            is no folder, or an out where nothing can be written.
    """
    if len(set(command.worlds)) < len(command.worlds):
        raise ValueError(f"envs must be different values, got {command.worlds}")
    for name in command.worlds:
        check_env(name)
        reference = envs.make_from_text(name, command.env_options).reference
        if command.figure == HEAT_MAP and (reference is None or not reference.of_success):
            raise ValueError(f"envs must be worlds that are scored by success, as mazes are, got {name!r}")
    if command.axes and command.figure != HEAT_MAP:
        raise ValueError(f"axes is for {HEAT_MAP}, got {' '.join(command.axes)} for {command.figure}")
    files.check_links("cache-dir", command.cache_dir)
    if command.cache_dir.exists() and not command.cache_dir.is_dir():
        raise ValueError(f"cache_dir {command.cache_dir} is no folder")
    if command.out is not None:
        files.check_links("out", command.out)
        if command.out.exists() and not (command.out.is_dir() and os.access(command.out, os.W_OK)):
            raise ValueError(f"out {command.out}: nothing can be written there")


def settings(command: Command) -> dict[str, Any]:
    """Returns the settings of all runs, by name.

    Raises:
        ValueError: not name=value, or a setting that is none, comes twice, or is not to be set here.
    """
    form = "name=value, each name once"
    found: dict[str, Any] = {}
    for text in command.set:
        name, value = assignments.split(text, "set", form)
        if name in found:
            raise ValueError(f"set must be {form}, got {text!r}")
        choose("set", name, tuple(name for name in flat_fields(Config()) if name not in NOT_SET))
        found[name] = assignments.value_of(name, value, "set")
    return found | ({"env_options": command.env_options} if command.env_options else {})


def axes(command: Command, preset: str, base: dict[str, Any]) -> tuple[Axis, ...]:
    """Returns the axes of the heat map, given or not; of other figures none.

    Raises:
        ValueError: see `warmup_grid.parse` and `warmup_grid.check`.
    """
    if command.figure != HEAT_MAP:
        return ()
    given = tuple(warmup_grid.parse(text, command.worlds) for text in command.axes)
    default = figure_runs.default_axes(command.worlds[0], preset)
    found = given or tuple(axis for axis in default if axis.name not in base)
    warmup_grid.check(Grid(command.worlds, found), base)
    return found


def request(command: Command) -> Request:
    """Returns the figure that is asked for, once everything about it is checked."""
    preset, base = resolve_preset(command.preset), settings(command)
    return Request(
        command.figure,
        preset,
        command.worlds,
        command.num_seeds,
        base,
        axes(command, preset, base),
        command.shipped,
    )
