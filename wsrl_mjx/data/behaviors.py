"""Behaviour policies: uniformly random actions, and the trained networks shipped in `envs/behaviors`.

A behaviour is two files: `<level>.npz` with the actor's parameters and `<level>.json`, its card, which says
what it scores and how it was made.
"""

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from wsrl_mjx.algos import networks
from wsrl_mjx.data import digests, files
from wsrl_mjx.data.rollout import Act
from wsrl_mjx.types import Key, Params


@dataclass(frozen=True)
class Behavior:
    """An actor network with its parameters, and its card."""

    actor: networks.Actor
    params: Params
    card: dict[str, Any]

    def act(self, explore: bool) -> Act:
        """Returns the policy: sampled actions, or the mode."""

        def policy(obs: jax.Array, key: Key) -> jax.Array:
            actions: Any = self.actor.apply(self.params, obs)
            return actions.sample(key)[0] if explore else actions.mode()

        return policy


def random_act(action_size: int) -> Act:
    """Returns the policy that draws every action uniformly from [-1, 1]."""

    def policy(obs: jax.Array, key: Key) -> jax.Array:
        shape = (*obs.shape[:-1], action_size)
        return jax.random.uniform(key, shape, minval=-1.0, maxval=1.0)

    return policy


def save(folder: Path, level: str, actor: networks.Actor, params: Params, card: dict[str, Any]) -> None:
    """Writes `<level>.npz` and `<level>.json` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    flat: dict[str, Any] = traverse_util.flatten_dict(params, sep="/")
    with files.written_whole(folder / f"{level}.npz") as beside:
        np.savez_compressed(beside, **flat)
    network = {
        "action_size": actor.action_size,
        "hidden": list(actor.hidden),
        "layer_norm": actor.layer_norm,
        "std_mode": actor.std_mode,
    }
    files.write_json(folder / f"{level}.json", {**card, "network": network})


def load(folder: Path, level: str) -> Behavior:
    """Reads a behaviour that `save` wrote.

    Raises:
        ValueError: no such level in the folder; the message lists those that are there.
    """
    if not (folder / f"{level}.json").is_file():
        there = sorted(path.stem for path in folder.glob("*.json"))
        raise ValueError(f"behavior {level!r} is not in {folder.name}; choose one of {there}")
    card = json.loads((folder / f"{level}.json").read_text())
    network = card["network"]
    actor = networks.Actor(
        action_size=network["action_size"],
        hidden=tuple(network["hidden"]),
        layer_norm=network["layer_norm"],
        std_mode=network["std_mode"],
    )
    with np.load(folder / f"{level}.npz") as arrays:
        flat = {name: jnp.asarray(arrays[name], jnp.float32) for name in arrays.files}
    return Behavior(actor, traverse_util.unflatten_dict(flat, sep="/"), card)


def digest(folder: Path, level: str) -> str:
    """Returns the SHA-256 of a behaviour's weights file."""
    return digests.of_file(folder / f"{level}.npz")


def shipped_folder(env_name: str) -> Path:
    """Returns where the behaviours shipped for an environment lie."""
    return Path(str(resources.files("envs"))) / "behaviors" / env_name
