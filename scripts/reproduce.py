"""Runs a whole experiment and draws its figure; a second call goes on where the first one was cut off.

    python scripts/reproduce.py when_warmup_matters --preset laptop --num-seeds 8

With --draw it draws what is finished and runs nothing.
"""

import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import tyro

import envs
from wsrl_mjx import cache, experiments, runtime, warmup_map
from wsrl_mjx.cli import fail
from wsrl_mjx.console import Console
from wsrl_mjx.presets import check_env, resolve_preset


@dataclass(frozen=True)
class Command:
    """Reproduce a figure."""

    figure: tyro.conf.Positional[Literal["when_warmup_matters"]]
    """when_warmup_matters: final success with the warmup minus without, over mazes and pretraining."""
    preset: str = "auto"
    """Where the other settings come from: smoke, laptop, paper, or auto."""
    num_seeds: int = 8
    """Seeds of every run."""
    envs: tuple[str, ...] = ("pointmaze-medium", "pointmaze-large", "pointmaze-ultra")
    """The mazes."""
    offline_steps: tuple[int, ...] = (3000, 6000, 12_000)
    """The lengths of pretraining, in gradient steps."""
    online_steps: int = 10_000
    """Online steps of every run, the warmup included."""
    out: Path | None = None
    """Folder of the runs; unset: runs/<figure>-<preset>."""
    draw: bool = False
    """Draw what is finished, and run nothing."""
    cache_dir: Path = field(default_factory=cache.default_folder)
    """Where datasets, pretrainings and compiled programs are kept ($WSRL_MJX_CACHE)."""


def main(arguments: list[str] | None = None) -> None:
    """Parses, checks, runs, draws; bad input ends with one message and exit code 2."""
    command = tyro.cli(Command, args=arguments, description=__doc__)
    logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax reports every slow save
    runtime.prepare()
    console = Console()
    try:
        check(command)
        folder = command.out or Path("runs") / f"{command.figure}-{resolve_preset(command.preset)}"
        if not command.draw:
            cache.enable_compilation_cache(command.cache_dir)
            arms = warmup_map.arms(command.envs, command.offline_steps, command.online_steps)
            jobs = [arm.job(command.preset, command.num_seeds) for arm in arms]
            experiments.carry_out(jobs, folder, command.cache_dir, console)
        draw(command, folder, console)
    except ValueError as error:
        fail(str(error))


def check(command: Command) -> None:
    """Checks what the runs themselves do not.

    Raises:
        ValueError: a world without success, a value given twice, or a cache that is no folder.
    """
    for name in ("envs", "offline_steps"):
        values = getattr(command, name)
        if not values or len(set(values)) < len(values):
            raise ValueError(f"{name} must be different values, got {values}")
    for name in command.envs:
        check_env(name)
        reference = envs.make(name).reference
        if reference is None or not reference.of_success:
            raise ValueError(f"envs must be worlds that are scored by success, the mazes, got {name!r}")
    if command.cache_dir.exists() and not command.cache_dir.is_dir():
        raise ValueError(f"cache_dir {command.cache_dir} is no folder")


def draw(command: Command, folder: Path, console: Console) -> None:
    """Writes the figure and its table into the experiment's folder.

    Raises:
        ValueError: no cell is finished.
    """
    cells = warmup_map.read(folder, command.envs, command.offline_steps)
    if not cells:
        raise ValueError(f"out {folder}: no cell of the figure is finished there")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"out {folder}: nothing can be written there")
    picture, table = folder / f"{command.figure}.png", folder / f"{command.figure}.csv"
    warmup_map.figure(cells, command.envs, command.offline_steps).savefig(picture, dpi=130)
    warmup_map.write_csv(cells, table)
    console.say(f"{len(cells)} cells: {picture}, {table}")


if __name__ == "__main__":
    main()
