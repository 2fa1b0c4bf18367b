"""Ships one snapshot of a behaviour's training with a card: what it scores, and the commands that made it.

Writes `envs/behaviors/<env>/<level>.{npz,json}`. The level expert also makes the mean return of its
deterministic policy the task's expert reference (`envs/references.json`).
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jax

import envs
from wsrl_mjx.data import behaviors, files, rollout
from wsrl_mjx.runs import layout

REFERENCES = Path(envs.__file__).parent / "references.json"
OPTIONS = (
    "num_envs",
    "utd",
    "hidden",
    "eval_every",
    "seed",
    "learning_rate",
    "final_learning_rate",
    "target_entropy_per_action",
)  # as flags


@dataclass(frozen=True)
class Shipment:
    """Which snapshot becomes which behaviour."""

    run_dir: Path
    level: Literal["medium", "best", "expert", "walk"]
    """best is for a policy that does not reach the task's floor for an expert, walk for what others steer."""
    step: int
    """Environment steps of the snapshot."""
    episodes: int = 100
    seed: int = 12345


def score(
    env: envs.Environment, behavior: behaviors.Behavior, explore: bool, order: Shipment
) -> dict[str, Any]:
    """Returns mean and spread over whole episodes, on the task's own reward."""
    play = jax.jit(lambda key: rollout.evaluate(env, behavior.act(explore), key, order.episodes))
    episodes = jax.device_get(play(jax.random.key(order.seed)))
    return {
        "return_mean": round(float(episodes.returns.mean()), 1),
        "return_std": round(float(episodes.returns.std()), 1),
        "episode_length": round(float(episodes.lengths.mean()), 1),
        "reached_the_limit": round(float((episodes.lengths == env.time_limit).mean()), 3),
        "x_velocity": round(float(episodes.x_velocity.mean()), 3),
    }


def commands(run_dir: Path, steps: int) -> list[str]:
    """Returns the training commands, in order, that made the snapshot of `run_dir` after `steps`.

    The learning rate falls over all steps of a run, so the command names those, and where to stop; a run that
    started from another's agent comes after that one.
    """
    config = _read_config(run_dir)
    flags = " ".join(f"--{name.replace('_', '-')} {config[name]}" for name in OPTIONS)
    shaping = " ".join(f"{name} {value}" for name, value in config["task_options"].items())
    shaping = f" --task-options {shaping}" if shaping else ""
    earlier: list[str] = []
    start = ""
    if config["start_from"] is not None:
        source = Path(config["start_from"])
        earlier = commands(source, _newest(source))
        start = f" --start-from runs/behavior-{source.name} --warmup-steps {config['warmup_steps']}"
    stop = f" --stop-at {steps}" if steps < config["steps"] else ""
    head = f"python scripts/train_behavior.py --env {config['env']} --steps {config['steps']}{stop} {flags}"
    return [*earlier, f"{head}{shaping}{start} --run-dir runs/behavior-{run_dir.name}"]


def _newest(run_dir: Path) -> int:
    return max(int(path.stem) for path in (run_dir / "snapshots").glob("*.json"))


def ship(order: Shipment) -> dict[str, Any]:
    """Scores, writes weights and card, and returns the card.

    Raises:
        ValueError: no such training or snapshot, or a package that cannot be written.
    """
    config = _read_config(order.run_dir)
    folder = behaviors.shipped_folder(config["env"])
    _check_writable(folder)
    env = envs.make(config["env"])
    behavior = behaviors.load(order.run_dir / "snapshots", f"{order.step:08d}")
    stochastic = score(env, behavior, True, order)
    deterministic = score(env, behavior, False, order)
    made = commands(order.run_dir, order.step)
    card = {
        "env": config["env"],
        "level": order.level,
        "episodes": order.episodes,
        **stochastic,
        "actions": "sampled, as the datasets are collected",
        "deterministic": deterministic,
        "env_fingerprint": env.fingerprint(),
        "steps": order.step,
        "seed": config["seed"],
        "task_options_while_training": config["task_options"],
        "made_by": made,
    }
    if order.level == "medium" and not config["task_options"] and config["start_from"] is None:
        card["replay_command"] = f"{made[-1]} --save-replay"
    if order.level == "expert":
        _set_expert_reference(config["env"], deterministic["return_mean"], order)
    behaviors.save(folder, order.level, behavior.actor, behavior.params, card)
    return card


def _read_config(run_dir: Path) -> dict[str, Any]:
    try:
        return json.loads((run_dir / layout.CONFIG).read_text())
    except OSError as error:
        raise ValueError(
            f"run-dir {run_dir} holds no behaviour's training: {files.in_words(error)}"
        ) from None


def _check_writable(folder: Path) -> None:
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    for path in (there, REFERENCES):
        if not os.access(path, os.W_OK):
            raise ValueError(
                f"{path} cannot be written: behaviours are shipped from a checkout of the repository, "
                "installed with pip install -e ."
            )


def _set_expert_reference(env_name: str, value: float, order: Shipment) -> None:
    references = json.loads(REFERENCES.read_text())
    entry = references.setdefault(env_name, {})
    entry["expert"] = value
    entry["expert_provenance"] = f"shipped expert, deterministic actions, {order.episodes} episodes"
    files.write_json(REFERENCES, references)
