"""Trains a grid of settings, times seeds, and shows where every grid point ends.

    python scripts/sweep.py --env ant --num-seeds 16 --sweep actor_lr=1e-4,3e-4 --sweep warmup_steps=0,5000

Settings that an update multiplies by are trained side by side in one program; others one after another. All
other flags are those of scripts/train.py. With --resume and --run-dir it goes on where it was cut off.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import tyro

import envs
from wsrl_mjx.analysis import comparison
from wsrl_mjx.analysis.text import counted
from wsrl_mjx.cli import command_line
from wsrl_mjx.cli.command_line import Command
from wsrl_mjx.config import grid, named_datasets
from wsrl_mjx.experiments import hosts, jobs, sweep, sweep_report
from wsrl_mjx.experiments.hosts import Host
from wsrl_mjx.experiments.sweep import Part
from wsrl_mjx.runs import layout, plan
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.run import open_folder, settings_of

GRID = layout.SWEEP  # beside the config that all members share


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


def main(arguments: list[str] | None = None) -> None:
    """Parses, checks, trains, draws; bad input ends with one message and exit code 2."""
    command_line.start(arguments, SweepCommand, carry_out)


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
        at_once = command.members_at_once or fitting(command, host.count)
        command = replace(command, members_at_once=at_once, share=f"{host.index + 1}/{host.count}")
    elif command.members_at_once is None:  # kept with the grid: another machine may have other memory
        command = replace(command, members_at_once=fitting(command, 1))
    parts = plan_parts(command)
    mine = parts[slice(*share(command.share, len(parts)))]
    folder = command.run_dir or command_line.free_run_dir(command.config, "-sweep")
    show(console, parts, folder)
    if host.index > 0:
        hosts.wait_for(folder / GRID)
    opened = open_folder(command.config, folder, command.resume or host.index > 0)
    if host.index == 0:
        opened.settle(settings_of(command.config))
        opened.write_json(GRID, {"sweep": command.sweep, "members_at_once": command.members_at_once})
    jobs.carry_out(sweep.jobs(mine), folder, command.cache_dir, console, command.devices)
    arms = sweep_report.read(folder, parts)
    if not arms:
        console.say(f"{folder} is ready; no run is finished yet")
        return
    config = command.config
    title = f"WSRL: {config.env}, {config.data.dataset} data, preset {config.preset}"
    written = sweep_report.write(folder, arms, title)
    console.say(comparison.markdown(written.table))
    console.say(f"written to {folder}: {', '.join(written.files)}, and a run folder for each program's run")


def plan_parts(command: SweepCommand) -> list[Part]:
    """Returns the runs, with as many members each as asked for, or as the memory holds.

    Raises:
        ValueError: see `sweep.parse`, `sweep.parts` and `plan.members_at_once`.
    """
    at_once = command.members_at_once
    if at_once is not None and at_once < 1:
        raise ValueError(f"members_at_once must be a positive integer, got {at_once}")
    if command.config.points:
        raise ValueError(f"points are made by --sweep here, got {command.config.points}")
    if command.pretrained is not None:
        raise ValueError("pretrained is for one run; a sweep's runs share pretrainings through the cache")
    axes = [sweep.parse(text) for text in command.sweep]
    return sweep.parts(command.config, axes, at_once)


def fitting(command: SweepCommand, host_count: int) -> int:
    """Returns how many members a program may have: what the memory holds, and one host's even share.

    Raises:
        ValueError: see `plan_parts`.
    """
    whole = sweep.parts(command.config, [sweep.parse(text) for text in command.sweep], None)
    env = envs.make_from_text(command.config.env, command.config.env_options)
    rows = [named_datasets.count_rows(part.config.data, env, command.cache_dir) for part in whole]
    held = min(plan.members_at_once(part.config, env, count) for part, count in zip(whole, rows, strict=True))
    return min(held, -(-sum(len(grid.of(part.config)) for part in whole) // host_count))


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


def share(text: str, count: int) -> tuple[int, int]:
    """Returns the first and the end of the runs, of `count`, that are this machine's; none for 0/8.

    Raises:
        ValueError: not such as 2/8.
    """
    number, _, machines = text.partition("/")
    if not (number.isdecimal() and machines.isdecimal() and int(number) <= int(machines) and int(machines)):
        raise ValueError(f"share must be such as 2/8, the second of eight, got {text!r}")
    mine, of = int(number), int(machines)
    return max(0, mine - 1) * count // of, mine * count // of


def remembered(command: SweepCommand) -> SweepCommand:
    """Returns the command with the grid that the sweep was begun with.

    Raises:
        ValueError: the folder holds no sweep, or another grid was asked for.
    """
    assert command.run_dir is not None
    try:
        grid = json.loads((command.run_dir / GRID).read_text())
        axes, at_once = tuple(grid["sweep"]), grid["members_at_once"]
    except (OSError, ValueError, KeyError, TypeError):  # no JSON, or not what a sweep writes
        raise ValueError(f"run-dir {command.run_dir} holds no sweep: {GRID} is missing or damaged") from None
    if command.sweep not in ((), axes):
        raise ValueError(f"sweep was {' and '.join(axes)} in {command.run_dir}, now {command.sweep}")
    return replace(command, sweep=axes, members_at_once=at_once)


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


if __name__ == "__main__":
    main()
