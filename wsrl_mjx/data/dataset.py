"""Offline datasets: rolled out on the device, kept on disk with a card, checked when they come back.

On disk a dataset is a folder with `transitions.npz`, rows in trajectory order with the task's own rewards,
and `card.json`. Reward scale and bias are applied once, in `to_device`, together with the returns-to-go.
"""

import json
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from envs.base import Environment, EnvState, ReferenceScores
from envs.programs import jitted
from wsrl_mjx import keys
from wsrl_mjx.algos.base import hyper
from wsrl_mjx.data import digests, files, rollout, trajectories
from wsrl_mjx.data.returns_to_go import monte_carlo_returns
from wsrl_mjx.data.rollout import Controller, RewardTransform
from wsrl_mjx.data.spread_envs import SpreadEnvs
from wsrl_mjx.keys import Purpose
from wsrl_mjx.types import JUST_IN_TIME, Compiler, Key, Transition

CARD_FIELDS = ("name", "env", "env_fingerprint", "episodes", "return_mean", "digest")
FIELDS = ("obs", "action", "reward", "next_obs", "terminated", "truncated", "valid")


@dataclass(frozen=True)
class Dataset:
    """Rows on the host, each field [D, ...] in trajectory order, and the card that describes them."""

    rows: dict[str, np.ndarray]
    card: dict[str, Any]

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.rows["reward"])


def collect(
    env: Environment,
    controller: Controller,
    size: int,
    num_envs: int,
    seed: int,
    on_chunk: Callable[[int], None] = lambda rows: None,
    compiler: Compiler = JUST_IN_TIME,
    name: str = "rollouts",
) -> dict[str, np.ndarray]:
    """Rolls out `controller` on the device and returns `size` rows, environment after environment.

    Where an environment's stream of rows is cut, its last row is marked truncated.

    Args:
        on_chunk: called with the number of rows collected so far, between compiled calls.
        compiler: of the rollout.
        name: of the rollout, for people.
    """
    steps = -(-size // num_envs)
    chunk_steps = min(steps, 500)
    identity = RewardTransform(hyper(1.0), hyper(0.0))
    envs = SpreadEnvs(env, num_envs)

    def chunk(carry: tuple[EnvState, Any], key: jax.Array):
        def body(carry: tuple[EnvState, Any], key: Key):
            state, memory = carry
            key_memory, key_act = jax.random.split(key)
            memory = controller.recall(memory, state, key_memory)
            act = lambda obs, k: controller.act(memory, obs, k)
            state, rows, _ = rollout.act_and_step(env, act, state, key_act, identity, envs.step)
            return (state, memory), rows

        return jax.lax.scan(body, carry, jax.random.split(key, chunk_steps))

    key_reset, key_memory, key_run = jax.random.split(keys.of(seed, Purpose.DATA), 3)
    state = jax.jit(rollout.reset, static_argnums=(0, 2))(env, key_reset, num_envs)
    carry = envs.placed((state, controller.begin(key_memory, num_envs)))
    program = compiler.compiled(name, jitted(env, chunk), carry, key_run)
    parts = []
    for index in range(-(-steps // chunk_steps)):
        carry, rows = program(carry, jax.random.fold_in(key_run, index))
        parts.append(jax.device_get(rows))
        on_chunk(min(size, (index + 1) * chunk_steps * num_envs))
    envs.close(carry[0])
    return in_trajectory_order(parts, steps, size)


def in_trajectory_order(parts: list[Transition], steps: int, size: int) -> dict[str, np.ndarray]:
    """Returns rows [D] of one environment after another, from parts [T, N, ...] behind one another in time.

    Rows are marked truncated where the one behind them does not follow from them: each environment's last
    row, rows without value, and the rows before these.
    """
    rows = {}
    for name in FIELDS:
        by_time = np.concatenate([getattr(part, name) for part in parts])[:steps]  # [T, N, ...]
        if name == "truncated":
            by_time[-1] = np.maximum(by_time[-1], 1.0)
        by_env = np.swapaxes(by_time, 0, 1)
        rows[name] = np.ascontiguousarray(by_env.reshape((-1, *by_env.shape[2:]))[:size])
    lost = rows["valid"] == 0
    cut = lost | np.append(lost[1:], True)  # the last row of all may be in the middle of a stream
    rows["truncated"] = np.where(cut, 1.0, rows["truncated"]) * (1.0 - rows["terminated"])
    return {name: rows[name].astype(np.float32) for name in FIELDS}


def concatenate(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Returns the rows of several collections behind one another."""
    return {name: np.concatenate([part[name] for part in parts]) for name in FIELDS}


def digest(rows: dict[str, np.ndarray]) -> str:
    """Returns the SHA-256 of all arrays: names, shapes and bytes."""
    parts: list[bytes | memoryview] = []
    for name in FIELDS:
        array = np.ascontiguousarray(rows[name])
        parts += [f"{name}{array.shape}{array.dtype}".encode(), array.data]
    return digests.of_bytes(*parts)


def make_card(
    env: Environment, rows: dict[str, np.ndarray], name: str, policies: list[dict[str, Any]], seed: int
) -> dict[str, Any]:
    """Returns what there is to know about the rows."""
    returns, lengths = trajectories.whole_episodes(rows, env.time_limit)
    counts, edges = np.histogram(returns, bins=20)
    reference: ReferenceScores | None = env.reference
    return {
        "name": name,
        "env": env.name,
        "env_fingerprint": env.fingerprint(),
        "obs_size": env.obs_size,
        "action_size": env.action_size,
        "transitions": len(rows["reward"]),
        "invalid_rows": int(np.sum(rows["valid"] == 0)),
        "episodes": len(returns),
        "return_mean": float(returns.mean()),
        "return_std": float(returns.std()),
        "length_mean": float(lengths.mean()),
        "score_mean": float(reference.normalize(returns.mean())) if reference else None,
        "return_histogram": {"counts": counts.tolist(), "edges": edges.tolist()},
        "policies": policies,
        "seed": seed,
        "digest": digest(rows),
    }


def save(folder: Path, dataset: Dataset) -> None:
    """Writes the dataset beside its place and moves it there in one step: a folder that exists is whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as place:
        made = Path(place) / folder.name
        made.mkdir()
        arrays: dict[str, Any] = dataset.rows
        np.savez(made / "transitions.npz", **arrays)
        files.write_json(made / "card.json", dataset.card)
        try:
            made.replace(folder)
        except OSError:
            # Another process was faster; what it wrote under the same name is the same.
            if not (folder / "card.json").is_file():
                raise


def read(folder: Path) -> Dataset:
    """Reads a dataset of any world.

    Raises:
        ValueError: no dataset there, or damaged files.
    """
    found = _opened(folder)
    _check_digest(folder, found)
    return found


def load(folder: Path, env: Environment, allow_other_env: bool = False) -> Dataset:
    """Reads a dataset and checks it against `env`.

    Raises:
        ValueError: no dataset there, damaged files, another environment, wrong shapes, numbers that are not
            finite, or actions outside [-1, 1].
    """
    found = _opened(folder)
    _check_rows(folder, found.rows, env)
    _check_digest(folder, found)
    card = found.card
    if card.get("env_fingerprint") != env.fingerprint() and not allow_other_env:
        raise ValueError(
            f"dataset {folder} comes from another environment: {card.get('env')!r}, fingerprint "
            f"{str(card.get('env_fingerprint'))[:12]}; this is {env.name!r}, {env.fingerprint()[:12]}. "
            "Pass --allow-other-env to use it all the same"
        )
    return found


def _opened(folder: Path) -> Dataset:
    try:
        card = json.loads((folder / "card.json").read_text())
        with (folder / "transitions.npz").open("rb") as file, np.load(file) as arrays:
            rows = {name: arrays[name] for name in FIELDS}
    except FileNotFoundError as error:
        missing = f"{Path(error.filename).name} is missing" if folder.is_dir() else "there is no such folder"
        raise ValueError(f"dataset {folder}: {missing}") from None
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError) as error:
        raise ValueError(f"dataset {folder}: the files are damaged or cut short ({error})") from None
    missing = [name for name in CARD_FIELDS if not isinstance(card, dict) or name not in card]
    if missing:
        raise ValueError(f"dataset {folder}: card.json lacks {', '.join(missing)}")
    return Dataset(rows, card)


def _check_digest(folder: Path, found: Dataset) -> None:
    if digest(found.rows) != found.card.get("digest"):
        raise ValueError(
            f"dataset {folder}: the arrays do not have the digest on the card; they were changed"
        )


def _check_rows(folder: Path, rows: dict[str, np.ndarray], env: Environment) -> None:
    for name, array in rows.items():
        if array.dtype.kind not in "fiub":
            raise ValueError(f"dataset {folder}: {name} must be real numbers, got {array.dtype}")
    size = rows["reward"].size
    shapes = {"obs": (env.obs_size,), "next_obs": (env.obs_size,), "action": (env.action_size,)}
    if size == 0:
        raise ValueError(f"dataset {folder}: there are no rows")
    for name, array in rows.items():
        expected = (size, *shapes.get(name, ()))
        if array.shape != expected:
            raise ValueError(
                f"dataset {folder}: {name} must have shape {expected} for {env.name!r}, got {array.shape}"
            )
        if not np.all(np.isfinite(array)):
            raise ValueError(f"dataset {folder}: {name} has numbers that are not finite")
    for name in ("terminated", "truncated", "valid"):
        if not np.all((rows[name] == 0) | (rows[name] == 1)):
            raise ValueError(f"dataset {folder}: {name} must be 0 or 1 in every row")
    if not rows["valid"].any():
        raise ValueError(f"dataset {folder}: no row is valid")
    if np.max(np.abs(rows["action"])) > 1.0:
        largest = float(np.max(np.abs(rows["action"])))
        raise ValueError(f"dataset {folder}: action must be in [-1, 1], the largest is {largest}")


def to_device(rows: dict[str, np.ndarray], transform: RewardTransform, discount: float) -> Transition:
    """Returns rows on the device with the learner's rewards and their returns-to-go, [D]."""
    arrays = {name: jnp.asarray(array) for name, array in rows.items()}
    arrays["action"] = jnp.clip(arrays["action"], -rollout.ACTION_LIMIT, rollout.ACTION_LIMIT)
    arrays["reward"] = jnp.where(arrays["valid"] > 0, transform(arrays["reward"]), 0.0)
    returns = jax.jit(monte_carlo_returns)(
        arrays["reward"], arrays["terminated"], arrays["truncated"], discount
    )
    return Transition(**arrays, mc_return=returns)
