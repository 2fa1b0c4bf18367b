"""Looks into a dataset of D4RL, OGBench or Minari, or converts it to a folder that `--dataset` takes.

    python scripts/data.py inspect ant-medium.hdf5
    python scripts/data.py convert ant-medium.hdf5 --out data/ant-medium
    python scripts/train.py --env ant --dataset data/ant-medium --allow-other-env
    python scripts/data.py export data/umaze --out ~/.minari/datasets/wsrl/antmaze-umaze/play-v0

A .hdf5 file is D4RL's, an .npz file OGBench's, a folder Minari's; `export` writes Minari's. The extra `data`
has what they need.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro

import envs
from envs.adapters.gymnasium.ids import gymnasium_id
from wsrl_mjx.cli import exits, flags
from wsrl_mjx.cli.collect import check_absent, show
from wsrl_mjx.cli.exits import fail
from wsrl_mjx.data import dataset
from wsrl_mjx.data.foreign import minari_export
from wsrl_mjx.data.foreign.episodes import Foreign, to_dataset
from wsrl_mjx.data.foreign.reading import read
from wsrl_mjx.data.trajectories import SUCCESS
from wsrl_mjx.runs.console import Console


@dataclass(frozen=True)
class Command:
    """Look into another project's dataset, convert it, or export ours to Minari."""

    action: Annotated[Literal["inspect", "convert", "export"], tyro.conf.Positional]
    source: Annotated[Path, tyro.conf.Positional]
    """A file or folder."""
    out: Path | None = None
    """convert, export: the folder to make; it must not exist yet."""
    episode_steps: int | None = None
    """Steps after which an episode's time is up, for a D4RL file without timeouts."""
    clip: bool = False
    """convert: move actions outside [-1, 1] to the border."""


@exits.command
def main(arguments: list[str] | None = None, program: str | None = None) -> None:
    """Parses, reads, shows or writes; bad input ends with one message and exit code 2."""
    command = flags.read(Command, arguments, program, __doc__)
    console = Console()
    try:
        if command.episode_steps is not None and command.episode_steps < 1:
            raise ValueError(f"episode_steps must be a positive integer, got {command.episode_steps}")
        if command.action == "inspect":
            inspect(console, read(command.source, command.episode_steps))
        elif command.action == "convert":
            convert(console, command)
        else:
            export(console, command)
    except ValueError as error:
        fail(str(error))


def inspect(console: Console, found: Foreign) -> None:
    """Prints what is in a dataset, and what is odd in it."""
    filled = [episode for episode in found.episodes if len(episode)]
    rows = [["format", found.format], ["environment", found.env], ["transitions", f"{found.steps:,}"]]
    if filled:
        lengths = np.array([len(episode) for episode in filled])
        returns = np.array([episode.reward.sum(dtype=np.float64) for episode in filled])
        over = np.array([episode.terminated for episode in filled])
        rows += [
            ["episodes", f"{len(filled):,}, {lengths.min():,} to {lengths.max():,} steps"],
            ["end as terminated", f"{over.mean():.1%}"],
            [
                "return",
                f"{returns.mean():,.2f} ± {returns.std():,.2f}, {returns.min():,.2f} to {returns.max():,.2f}",
            ],
            ["observation, action", f"{filled[0].obs.shape[1]}, {filled[0].action.shape[1]}"],
        ]
        if all(np.isin(episode.reward, (0.0, 1.0)).all() for episode in filled):
            rows.append(["success", f"{(returns > SUCCESS).mean():.1%} of the episodes have a reward of 1"])
    console.table(f"Dataset {found.env}", ["", ""], rows)
    console.say("odd: " + "; ".join(found.oddities) if found.oddities else "nothing odd was found")


def convert(console: Console, command: Command) -> None:
    """Writes the folder and prints its card.

    Raises:
        ValueError: no place to write to, or a dataset that cannot be used.
    """
    out = _place(command)
    found = read(command.source, command.episode_steps)
    try:
        made = to_dataset(found, command.clip)
    except ValueError as error:
        raise ValueError(f"{command.source}: {error}") from None
    dataset.save(out, made)
    show(console, made.card)
    for oddity in found.oddities:
        console.say(f"odd: {oddity}")
    console.say(f"written to {out}; train on it with --dataset {out} --allow-other-env")


def export(console: Console, command: Command) -> None:
    """Writes a folder of ours as a Minari dataset.

    Raises:
        ValueError: no place to write to, no dataset of ours, or Minari is not installed.
    """
    out = _place(command)
    ours = dataset.read(command.source)
    world = _gymnasium_world(ours.card)
    minari_export.export(ours, out, world)
    if world is None:
        console.say(
            f"{ours.card['env']}, with these options, has no name in Gymnasium; the dataset names none"
        )
    console.say(f"written to {out}: {minari_export.name_of(ours)}")


def _place(command: Command) -> Path:
    if command.out is None:
        raise ValueError(f"{command.action} needs --out, the folder to make")
    check_absent(command.out)
    return command.out


def _gymnasium_world(card: dict[str, Any]) -> str | None:
    """Returns Gymnasium's name of a dataset's world, if that is one of ours with no option set."""
    name = card["env"]
    if name not in envs.REGISTRY or envs.make(name).fingerprint() != card["env_fingerprint"]:
        return None
    return gymnasium_id(name)
