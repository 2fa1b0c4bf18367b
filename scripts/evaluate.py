"""Scores the policies of a run, or a shipped behaviour, over whole episodes.

    python scripts/evaluate.py runs/ant-medium-laptop-1
    python scripts/evaluate.py --behavior ant medium

Deterministic unless asked otherwise; a behaviour is scored both ways. Writes nothing without --out.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import tyro

from wsrl_mjx import cache, rollout
from wsrl_mjx.cli import fail
from wsrl_mjx.console import Console
from wsrl_mjx.policies import Policies, from_behavior, from_run


@dataclass(frozen=True)
class Command:
    """Score a run's policies, or a behaviour."""

    run: Annotated[Path | None, tyro.conf.Positional] = None
    """Folder of a run."""
    behavior: tuple[str, str] | None = None
    """Environment and level of a behaviour to score instead of a run, such as: ant medium."""
    episodes: int = 100
    """Episodes per policy."""
    step: str = "latest"
    """Online step of the checkpoint, or latest."""
    pretrained: bool = False
    """Score the policy at the end of pretraining."""
    stochastic: bool = False
    """Sample actions as training does, instead of taking the mode."""
    seed: int = 0
    """Seed of start states and actions."""
    out: Path | None = None
    """JSON file to write the scores to."""


def main(arguments: list[str] | None = None) -> None:
    """Parses, checks, evaluates, prints; bad input ends with one message and exit code 2."""
    command = tyro.cli(Command, args=arguments, description=__doc__)
    try:
        step = check(command)
        cache.enable_compilation_cache(cache.default_folder())
        policies = load(command.run, command.behavior, step, command.pretrained)
        modes = (False, True) if command.behavior else (command.stochastic,)
        rows = [row for explore in modes for row in evaluate(policies, explore, command.episodes, command.seed)]
    except ValueError as error:
        fail(str(error))
    show(Console(), policies.title, rows)
    if command.out is not None:
        result = {"policy": policies.title, "env": policies.env.name, "seed": command.seed, "rows": rows}
        command.out.write_text(json.dumps(result, indent=2) + "\n")


def check(command: Command) -> int | None:
    """Returns the online step asked for, None for the newest.

    Raises:
        ValueError: a value that cannot work.
    """
    if command.episodes < 1:
        raise ValueError(f"episodes must be a positive integer, got {command.episodes}")
    if command.out is not None and not command.out.absolute().parent.is_dir():
        raise ValueError(f"out {command.out}: its folder does not exist")
    return parse_step(command.step, command.pretrained)


def parse_step(step: str, pretrained: bool) -> int | None:
    """Returns `step` as a number, None for "latest".

    Raises:
        ValueError: neither, or a number together with `pretrained`.
    """
    if step == "latest":
        return None
    if not step.isdecimal():
        raise ValueError(f"step must be an online step or latest, got {step!r}")
    if pretrained:
        raise ValueError("give step or pretrained, not both")
    return int(step)


def load(
    run: Path | None, behavior: tuple[str, str] | None, step: int | None, pretrained: bool
) -> Policies:
    """Returns the policies of a run or a behaviour.

    Raises:
        ValueError: neither or both are given, or there is no such thing.
    """
    if (run is None) == (behavior is None):
        raise ValueError("give either the folder of a run or --behavior ENV LEVEL")
    if behavior is not None:
        if step is not None or pretrained:
            raise ValueError("step and pretrained belong to a run; a behavior has neither")
        return from_behavior(*behavior)
    assert run is not None
    return from_run(run, step, pretrained)


def evaluate(policies: Policies, explore: bool, episodes: int, seed: int) -> list[dict[str, Any]]:
    """Plays `episodes` episodes with each policy, all side by side, and returns a row of scores for each."""

    @jax.jit
    @jax.vmap
    def play(params: Any, key: jax.Array) -> rollout.Episodes:
        return rollout.evaluate(policies.env, policies.act(params, explore), key, episodes)

    keys = jax.random.split(jax.random.key(seed), len(policies.labels))
    played = jax.device_get(play(policies.params, keys))
    reference = policies.env.reference
    rows = []
    for index, label in enumerate(policies.labels):
        returns = np.asarray(played.returns[index], np.float64)
        row = {
            "policy": label,
            "actions": "stochastic" if explore else "deterministic",
            "episodes": episodes,
            "return_mean": float(returns.mean()),
            "return_std": float(returns.std()),
            "length_mean": float(played.lengths[index].mean()),
            "x_velocity_mean": float(played.x_velocity[index].mean()),
            "invalid_episodes": int(np.sum(~played.valid[index])),
            "score_mean": float(reference.normalize(returns.mean())) if reference else None,
            "score_std": float(reference.normalize(returns).std()) if reference else None,
        }
        rows.append(row)
    return rows


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


def _spread(mean: float, std: float) -> str:
    digits = 1 if abs(mean) < 1000 else 0
    return f"{mean:,.{digits}f} ± {std:,.{digits}f}"


if __name__ == "__main__":
    main(sys.argv[1:])
