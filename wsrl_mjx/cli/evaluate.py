"""Scores the policies of a run, or a shipped behaviour, over whole episodes.

    python scripts/evaluate.py runs/ant-medium-laptop-1
    python scripts/evaluate.py --behavior ant medium
    python scripts/evaluate.py --behavior peg-insertion demonstration --in-mujoco

Deterministic unless asked otherwise; a trained behaviour is scored both ways. Writes nothing without --out.
With --in-mujoco the same episodes are played in C MuJoCo too, with as many solver iterations as it needs.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from envs.in_mujoco import in_mujoco
from wsrl_mjx.cli import exits, flags
from wsrl_mjx.cli.exits import fail
from wsrl_mjx.data import cache
from wsrl_mjx.runs import sim_to_sim
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.policies import Policies, load
from wsrl_mjx.runs.policy_scores import score
from wsrl_mjx.training import runtime


@dataclass(frozen=True)
class Command:
    """Score a run's policies, or a behaviour."""

    run: Annotated[Path | None, tyro.conf.Positional] = None
    """Folder of a run."""
    behavior: tuple[str, str] | None = None
    """Environment and level of a behaviour to score instead of a run, such as: ant medium. In a maze and for
    a peg also one that is written, such as: peg-insertion mixed."""
    episodes: int = 100
    """Episodes per policy."""
    step: str = "latest"
    """Online step of the checkpoint, or latest."""
    pretrained: bool = False
    """Score the policy at the end of pretraining."""
    stochastic: bool = False
    """Sample actions as training does, instead of taking the mode."""
    in_mujoco: bool = False
    """Play the same episodes in C MuJoCo too, and show both, with 95 % intervals over episodes."""
    seed: int = 0
    """Seed of start states and actions."""
    out: Path | None = None
    """JSON file to write the scores to."""


@exits.command
def main(arguments: list[str] | None = None, program: str | None = None) -> None:
    """Parses, checks, evaluates, prints; bad input ends with one message and exit code 2."""
    command = flags.read(Command, arguments, program, __doc__)
    runtime.prepare()
    try:
        check(command)
        cache.enable_compilation_cache(cache.default_folder())
        policies = load(command.run, command.behavior, command.step, command.pretrained, scripts=True)
        if command.in_mujoco:
            in_mujoco(policies.env)  # refused before anything is compiled where there is no model
    except ValueError as error:
        fail(str(error))
    console = Console()
    console.say(f"{policies.title}: compiling, then playing {command.episodes} episodes each ...")
    asked = policies, modes(command, policies), command.episodes, command.seed
    if command.in_mujoco:
        rows = sim_to_sim.compare(*asked)
        show_both(console, policies, rows)
    else:
        rows = score(*asked)
        show(console, policies.title, rows)
    if command.out is not None:
        result = {"policy": policies.title, "env": policies.env.name, "seed": command.seed, "rows": rows}
        command.out.write_text(json.dumps(result, indent=2) + "\n")


def check(command: Command) -> None:
    """Raises ValueError for a value that cannot work."""
    if command.episodes < 1:
        raise ValueError(f"episodes must be a positive integer, got {command.episodes}")
    if not 0 <= command.seed < 2**31:
        raise ValueError(f"seed must be an integer, zero or more and below 2**31, got {command.seed}")
    if command.out is not None and command.out.is_dir():
        raise ValueError(f"out {command.out} is a folder, not a file to write")
    if command.out is not None and not command.out.absolute().parent.is_dir():
        raise ValueError(f"out {command.out}: its folder does not exist")


def modes(command: Command, policies: Policies) -> tuple[bool, ...]:
    """Returns whether to sample actions: one way for a run, both ways for a trained behaviour."""
    if command.behavior is None:
        return (command.stochastic,)
    return (True,) if command.behavior[1] == "random" or policies.script else (False, True)


def show(console: Console, title: str, rows: list[dict[str, Any]]) -> None:
    """Prints a line for each policy, and one for all of them where there are several."""
    header = ["policy", "actions", "return", "length", "m/s", "normalised score"]
    lines = [
        [
            row["policy"],
            row["actions"],
            _spread(row["return_mean"], row["return_std"]),
            f"{row['length_mean']:,.0f}",
            f"{row['x_velocity_mean']:.2f}",
            "no reference" if row["score_mean"] is None else _spread(row["score_mean"], row["score_std"]),
        ]
        for row in rows
    ]
    console.table(f"{title}: {rows[0]['episodes']} episodes each, mean ± std over episodes", header, lines)
    if len({row["policy"] for row in rows}) > 1:
        means = np.array([row["return_mean"] for row in rows])
        scores = [row["score_mean"] for row in rows if row["score_mean"] is not None]
        score = f", score {_spread(float(np.mean(scores)), float(np.std(scores)))}" if scores else ""
        console.say(f"over {len(rows)} seeds: return {_spread(means.mean(), means.std())}{score}")
    if lost := sum(row["invalid_episodes"] for row in rows):
        console.say(f"{lost} episodes ended because the simulation became non-finite")


def show_both(console: Console, policies: Policies, rows: list[dict[str, Any]]) -> None:
    """Prints three lines for each policy: its return in MJX, in C MuJoCo, and by how much they differ."""
    reference = policies.env.reference
    percent = reference is not None and reference.of_success
    header = ["policy", "actions", "in", "success, %" if percent else "return", "95 % interval", "length"]
    names = {"mjx": "MJX", "mujoco": "C MuJoCo", "difference": "difference"}
    lines = [
        [
            row["policy"],
            row["actions"],
            name,
            *_interval(row["return"][side], 100.0 if percent else 1.0),
            f"{row['length'][side]:,.0f}" if side in row["length"] else "",
        ]
        for row in rows
        for side, name in names.items()
    ]
    console.table(f"{policies.title}: {rows[0]['episodes']} episodes each", header, lines)
    apart = [f"{row['policy']}, {row['actions']}" for row in rows if sim_to_sim.differs(row)]
    console.say(f"the difference's interval leaves out 0: {'; '.join(apart) or 'nowhere'}")
    of_policies = [row for row in rows if row["policy"] in policies.labels]
    for side in sim_to_sim.SIDES:
        if lost := sum(row["invalid_episodes"][side] for row in of_policies):
            console.say(f"{names[side]}: {lost} episodes ended because the simulation became non-finite")


def _interval(numbers: dict[str, float], scale: float) -> tuple[str, str]:
    """Returns a mean and its interval for people."""
    digits = 1 if abs(scale * numbers["mean"]) < 1000 else 0
    mean, low, high = (f"{scale * numbers[name]:,.{digits}f}" for name in ("mean", "low", "high"))
    return mean, f"{low} to {high}"


def _spread(mean: float, std: float) -> str:
    digits = 1 if abs(mean) < 1000 else 0
    return f"{mean:,.{digits}f} ± {std:,.{digits}f}"
