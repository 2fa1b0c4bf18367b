"""Rolls a named dataset out on the device and writes it to a folder that `--dataset` can name.

    python scripts/collect.py --env halfcheetah --dataset medium --size 1000000 --out data/halfcheetah-medium

Prints its card. Never overwrites.
"""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

import envs
from wsrl_mjx.cli import exits, flags
from wsrl_mjx.cli.exits import fail
from wsrl_mjx.config import named_datasets
from wsrl_mjx.config.domains import domain_of
from wsrl_mjx.config.presets import check_env, env_names
from wsrl_mjx.config.settings import DataConfig
from wsrl_mjx.config.validation import choose
from wsrl_mjx.data import cache, dataset, files
from wsrl_mjx.runs.console import Console
from wsrl_mjx.training import runtime

BAR = 40  # characters of the histogram's longest bar


@dataclass(frozen=True)
class Command:
    """Roll out an offline dataset onto disk."""

    env: Annotated[str, tyro.conf.arg(help=env_names())]
    out: Path
    """Folder to make; it must not exist yet."""
    dataset: str | None = None
    """random, medium, expert or medium-expert; in a maze diverse, play or random; unset: the first."""
    size: int = 1_000_000
    """Transitions."""
    num_envs: int = 100
    """Environments stepped side by side."""
    seed: int = 0
    env_options: tuple[str, ...] = ()
    """Options of the environment as name=value; the training on this data must have the same."""


@exits.command
def main(arguments: list[str] | None = None, program: str | None = None) -> None:
    """Parses, checks, collects, prints the card; bad input ends with one message and exit code 2."""
    command = flags.read(Command, arguments, program, __doc__)
    runtime.prepare()
    console = Console()
    try:
        config = check(command)
        env = envs.make_from_text(command.env, command.env_options)
        cache.enable_compilation_cache(cache.default_folder())
        with console.progress("data", command.size, 0, "transitions") as progress:
            made = named_datasets.roll_out(config, env, progress.advance_to)
        check_absent(command.out)  # minutes may have passed
        dataset.save(command.out, made)
    except ValueError as error:
        fail(str(error))
    show(console, made.card)
    folder = shlex.quote(str(command.out))
    console.say(f"written to {command.out}; train on it with --env {command.env} --dataset {folder}")


def check(command: Command) -> DataConfig:
    """Returns what to roll out.

    Raises:
        ValueError: a value that cannot work.
    """
    check_env(command.env)
    available = [name for name in domain_of(command.env).datasets if name in named_datasets.MIXTURES]
    name = choose("dataset", command.dataset or available[0], tuple(available))
    for count in ("size", "num_envs"):
        if getattr(command, count) < 1:
            raise ValueError(f"{count} must be a positive integer, got {getattr(command, count)}")
    least = command.num_envs * len(named_datasets.MIXTURES[name])
    if command.size < least:
        raise ValueError(
            f"size must be at least {least}, a row for each environment of each behavior, got {command.size}"
        )
    if not 0 <= command.seed < 2**31:
        raise ValueError(f"seed must be an integer, zero or more and below 2**31, got {command.seed}")
    check_absent(command.out)
    config = DataConfig(
        dataset=name,
        dataset_size=command.size,
        dataset_seed=command.seed,
        collect_envs=command.num_envs,
    )
    named_datasets.check_available(config, command.env)
    return config


def check_absent(folder: Path) -> None:
    """Raises ValueError if there is something at `folder`, or it cannot be made."""
    if folder.exists():
        raise ValueError(f"out {folder} exists; nothing is overwritten, choose another folder")
    files.check_links("out", folder)
    above = next(parent for parent in folder.absolute().parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise ValueError(f"out {folder} cannot be made: {above} is no folder that can be written")


def show(console: Console, card: dict[str, Any]) -> None:
    """Prints a dataset's card."""
    score = "" if card["score_mean"] is None else f", normalised score {card['score_mean']:.1f}"
    policies = ", ".join(f"{p['level']} {p['transitions']:,}" for p in card["policies"])
    rows = [
        ["environment", f"{card['env']}, fingerprint {card['env_fingerprint'][:12]}"],
        ["transitions", f"{card['transitions']:,} ({policies})"],
        ["rows without value", f"{card['invalid_rows']:,}"],
        ["whole episodes", f"{card['episodes']:,}, {card['length_mean']:,.0f} steps on average"],
        ["return", f"{card['return_mean']:,.1f} ± {card['return_std']:,.1f}{score}"],
        ["observation, action", f"{card['obs_size']}, {card['action_size']}"],
        ["seed", str(card["seed"])],
        ["digest", card["digest"]],
    ]
    console.table(f"Dataset {card['name']}", ["", ""], rows)
    counts, edges = card["return_histogram"]["counts"], card["return_histogram"]["edges"]
    console.say("episodes by return:")
    for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True):
        bar = "#" * round(BAR * count / max(*counts, 1))
        console.say(f"{low:>10,.1f} to {high:>9,.1f}  {count:>6,}  {bar}".rstrip())
