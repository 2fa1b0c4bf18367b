"""Trains a grid of settings, times seeds, and shows where every grid point ends.

    python scripts/sweep.py --env ant --num-seeds 16 --sweep actor_lr=1e-4,3e-4 --sweep warmup_steps=0,5000

Settings that an update multiplies by are trained side by side in one program; others one after another. All
other flags are those of scripts/train.py. With --resume and --run-dir it goes on where it was cut off.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import tyro

from wsrl_mjx.analysis import comparison
from wsrl_mjx.analysis.text import counted
from wsrl_mjx.cli import exits, start
from wsrl_mjx.cli.start import Command
from wsrl_mjx.config.settings import Config
from wsrl_mjx.experiments import folder_pages, hosts, jobs, sweep, sweep_folder, sweep_report
from wsrl_mjx.experiments.hosts import Host
from wsrl_mjx.experiments.sweep import Axis, Part
from wsrl_mjx.experiments.sweep_folder import Grid
from wsrl_mjx.runs import run_page
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.setup import open_folder


@dataclass(frozen=True)
class SweepCommand(Command):
    """Warm-start RL over a grid of settings, times seeds."""

    sweep: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A setting and its values, such as actor_lr=1e-4,3e-4; may be given several times."""
    members_at_once: int | None = None
    """Members (grid points times seeds) in one program; unset: as many as the memory holds."""
    share: str = "1/1"
    """Which share of the runs to carry out here, such as 2/8 for the second of eight machines. 0/8 carries
    none out: it makes the folder that the eight then go on in, or draws what they have finished."""
    distributed: bool = False
    """Share the members out evenly over the hosts of this job, which jax.distributed finds (SLURM's srun)."""


@exits.command
def main(arguments: list[str] | None = None, program: str | None = None) -> None:
    """Parses, checks, trains, draws; bad input ends with one message and exit code 2."""
    start.start(arguments, program, SweepCommand, carry_out)


def carry_out(command: SweepCommand, console: Console) -> None:
    """Carries the sweep out, or goes on with it.

    Raises:
        ValueError: a grid, a number of members or a share that cannot work, before anything is written.
    """
    if command.resume:
        command = remembered(command)
    host = Host(0, 1)
    if command.distributed:
        host = together(command)
        command = replace(command, share=f"{host.index + 1}/{host.count}")
    command = fitted(command, host.count)
    parts = plan_parts(command)
    mine = parts[hosts.share(command.share, len(parts))]
    folder = command.run_dir or start.free_run_dir(command.config, "-sweep")
    show(console, parts, folder)
    if host.index == 0:
        grid = Grid(tuple(axis.text for axis in axes(command)), command.members_at_once)
        sweep_folder.create(folder, command.config, grid, command.resume)
    else:
        hosts.wait_for(folder / sweep_folder.GRID)
        open_folder(command.config, folder, resume=True)
    jobs.carry_out(sweep.jobs(mine), folder, command.cache_dir, console, command.devices, command.track)
    report(console, command.config, parts, folder)


def report(console: Console, config: Config, parts: list[Part], folder: Path) -> None:
    """Draws what is finished, and prints the table."""
    arms = sweep_report.read(folder, parts)
    if not arms:
        console.say(f"{folder} is ready; no run is finished yet")
        return
    written = sweep_report.write(folder, arms, sweep_report.title(config))
    console.say(comparison.markdown(written.table))
    console.say(f"written to {folder}: {', '.join(written.files)}, and a run folder for each program's run")
    run_page.attempt(lambda: folder_pages.write_sweep(folder), console)


def plan_parts(command: SweepCommand) -> list[Part]:
    """Returns the runs, with as many members each as asked for.

    Raises:
        ValueError: see `sweep.parse` and `sweep.parts`.
    """
    at_once = command.members_at_once
    if at_once is not None and at_once < 1:
        raise ValueError(f"members_at_once must be a positive integer, got {at_once}")
    if command.config.points:
        raise ValueError(f"points are made by --sweep here, got {command.config.points}")
    if command.pretrained is not None:
        raise ValueError("pretrained is for one run; a sweep's runs share pretrainings through the cache")
    return sweep.parts(command.config, axes(command), at_once, begun=command.resume)


def axes(command: SweepCommand) -> list[Axis]:
    """Returns the axes of the grid."""
    return [sweep.parse(text) for text in command.sweep]


def fitted(command: SweepCommand, host_count: int) -> SweepCommand:
    """Returns the command with a number of members in one program: unless it was given, what fits.

    It is kept with the grid, because another machine may have other memory.

    Raises:
        ValueError: see `sweep.members_at_once`.
    """
    if command.members_at_once is not None:
        return command
    at_once = sweep.members_at_once(
        command.config, axes(command), command.cache_dir, host_count, command.devices
    )
    return replace(command, members_at_once=at_once)


def together(command: SweepCommand) -> Host:
    """Returns which of the job's hosts this is.

    Raises:
        ValueError: a flag that does not go with several hosts; see `hosts.meet`.
    """
    if command.share != SweepCommand.share:
        raise ValueError(f"share is chosen by --distributed, got {command.share!r}")
    if command.run_dir is None:
        raise ValueError("distributed needs --run-dir: a folder that all hosts see")
    return hosts.meet()


def remembered(command: SweepCommand) -> SweepCommand:
    """Returns the command with the grid that the sweep was begun with.

    Raises:
        ValueError: the folder holds no sweep, or another grid was asked for.
    """
    assert command.run_dir is not None
    return replace(command, **sweep_folder.remembered(command.run_dir, command.sweep)._asdict())


def show(console: Console, parts: list[Part], folder: Path) -> None:
    """Prints which members are trained together, and how many programs that takes."""
    rows = [
        [str(number), part.label("") or "-", ", ".join(part.config.points) or "-", part.seeds]
        for number, part in enumerate(parts, start=1)
    ]
    console.table("Sweep", ["run", "held", "side by side", "seeds"], rows)
    count = sweep.programs(parts)
    console.say(
        f"{counted(len(parts), 'run')} one after another, through {counted(count, 'compiled program')} "
        f"a phase; folder {folder}"
    )
