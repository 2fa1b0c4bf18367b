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
import jax.numpy as jnp
import numpy as np
import tyro

from wsrl_mjx.cli.command_line import fail
from wsrl_mjx.data import cache, rollout
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.policies import Policies, load
from wsrl_mjx.training import runtime


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
    runtime.prepare()
    try:
        check(command)
        cache.enable_compilation_cache(cache.default_folder())
        policies = load(command.run, command.behavior, command.step, command.pretrained)
    except ValueError as error:
        fail(str(error))
    rows = evaluate(policies, modes(command), command.episodes, command.seed)
    show(Console(), policies.title, rows)
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


def modes(command: Command) -> tuple[bool, ...]:
    """Returns whether to sample actions: one way for a run, both ways for a trained behaviour."""
    if command.behavior is None:
        return (command.stochastic,)
    return (True,) if command.behavior[1] == "random" else (False, True)


def evaluate(policies: Policies, modes: tuple[bool, ...], episodes: int, seed: int) -> list[dict[str, Any]]:
    """Plays `episodes` episodes with each policy, all side by side, once a mode; returns rows of scores."""

    @jax.jit  # `explore` is traced: one compilation for both modes
    def play(all_params: Any, keys: jax.Array, explore: jax.Array) -> rollout.EpisodeScores:
        def one(params: Any, key: jax.Array) -> rollout.EpisodeScores:
            sampled, mode = policies.act(params, explore=True), policies.act(params, explore=False)
            act = lambda obs, k: jnp.where(explore, sampled(obs, k), mode(obs, k))
            return rollout.evaluate(policies.env, act, key, episodes)

        return jax.vmap(one)(all_params, keys)

    keys = jax.random.split(jax.random.key(seed), len(policies.labels))
    rows = []
    for explore in modes:
        played = jax.device_get(play(policies.params, keys, jnp.asarray(explore)))
        rows += score(policies, played, explore)
    return rows


def score(policies: Policies, played: rollout.EpisodeScores, explore: bool) -> list[dict[str, Any]]:
    """Returns a row of numbers for each policy; `played` has its episodes in [S, N]."""
    reference = policies.env.reference
    rows = []
    for index, label in enumerate(policies.labels):
        returns = np.asarray(played.returns[index], np.float64)
        row = {
            "policy": label,
            "actions": "stochastic" if explore else "deterministic",
            "episodes": len(returns),
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
