"""Writes a run's policy in formats that need no training code, and checks each against the checkpoint."""

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from envs.base import Environment
from wsrl_mjx.algos.networks import MAX_STD, MIN_STD
from wsrl_mjx.config.settings import Config
from wsrl_mjx.data import files, held_out
from wsrl_mjx.runs import new_folder
from wsrl_mjx.runs.export import numpy_policy, onnx_graph, stablehlo
from wsrl_mjx.runs.export.arrays import Arrays, hidden_layers, of_actor
from wsrl_mjx.runs.policies import Policies, from_run, run_config

Format = Literal["npz", "stablehlo", "onnx"]
NAMES: dict[Format, str] = {"npz": "policy.npz", "stablehlo": "policy.stablehlo", "onnx": "policy.onnx"}
CARD = "policy.json"
CHECKED_ON = 1000  # observations
CLOSE = {"float32": 1e-5, "bfloat16": 5e-2}  # largest difference of an action, by the training's precision
Mode = Callable[[jax.Array], jax.Array]  # observations [N, O] to deterministic actions [N, A]


@dataclass(frozen=True)
class Export:
    """What is exported, and where to.

    Attributes:
        run: folder of a run.
        out: the new folder.
        formats: which files it gets.
        step: online step of the checkpoint; None for the newest.
        pretrained: take the policy at the end of pretraining.
        seed: which of the run's seeds; None where it has one.
    """

    run: Path
    out: Path
    formats: tuple[Format, ...]
    step: int | None = None
    pretrained: bool = False
    seed: int | None = None


def export(order: Export) -> dict[str, Any]:
    """Writes the files and a card, and returns the card.

    Raises:
        ValueError: no such run, checkpoint or seed; a folder that exists; a format whose package is missing;
            or a file that does not act as the checkpoint does.
    """
    if "onnx" in order.formats:
        for package in ("onnx", "onnxruntime"):
            onnx_graph.needed(package)
    if order.out.exists():
        raise ValueError(f"out {order.out} exists; delete it first, or choose another")
    config = run_config(order.run)
    policies = from_run(order.run, order.step, order.pretrained)
    index = _index(policies, config, order.seed)
    params = policies.of(index)
    mode: Mode = lambda obs: policies.decide(params, obs, jax.random.key(0), False)
    arrays = of_actor(params)
    card = _card(policies, config, params, policies.labels[index])
    obs = _observations(order.run, policies.env)
    expected = np.asarray(jax.jit(mode)(jnp.asarray(obs)))
    with new_folder.filled(order.out) as place:
        card["largest_difference"] = {
            name: _write(place, name, arrays, card, mode, obs, expected) for name in order.formats
        }
        files.write_json(place / CARD, card)
    return card


def _write(
    place: Path, name: Format, arrays: Arrays, card: dict[str, Any], mode: Mode, obs: Any, expected: Any
) -> float:
    """Writes one format, and returns how far its actions are from the checkpoint's at the most."""
    path = place / NAMES[name]
    if name == "npz":
        np.savez(path, allow_pickle=False, card=np.array(json.dumps(card)), **arrays)
        (place / "numpy_policy.py").write_text(inspect.getsource(numpy_policy))
        actions = numpy_policy.Policy(path)(obs)
    elif name == "onnx":
        onnx_graph.write(path, arrays, card)
        actions = onnx_graph.run(path, obs)
    else:
        stablehlo.write(path, mode, obs.shape[-1])
        actions = stablehlo.run(path, obs)
    difference = float(np.abs(actions - expected).max())
    if not difference <= CLOSE[card["precision"]]:
        raise ValueError(
            f"format {name} acts otherwise than the checkpoint: {difference:.2g} at the most on "
            f"{CHECKED_ON:,} observations, {CLOSE[card['precision']]:g} is allowed"
        )
    return difference


def _index(policies: Policies, config: Config, seed: int | None) -> int:
    if len(policies.labels) == 1 and seed in (None, config.seed):
        return 0
    if config.points:
        raise ValueError("a run of grid points cannot be exported; train the point that you want alone")
    if seed is None or seed not in config.seeds:
        choices = ", ".join(map(str, config.seeds))
        raise ValueError(f"seed must be one of {choices}, got {'none' if seed is None else seed}")
    return config.seeds.index(seed)


def _card(policies: Policies, config: Config, params: Any, label: str) -> dict[str, Any]:
    env: Any = policies.env
    return {
        "policy": f"{policies.title}, {label}",
        "env": config.env,
        "env_options": list(config.env_options),
        "observation": list(env.obs_labels),
        "action": list(env.action_labels),
        "control_step": env.control_step,
        "hidden_layers": hidden_layers(params),
        "layer_norm": config.agent.layer_norm,
        "squash": "tanh" if config.agent.actor_squash else "clip",
        "std_range": [MIN_STD, MAX_STD],
        "precision": config.agent.precision,
        "versions": {"wsrl_mjx": metadata.version("wsrl_mjx"), "jax": jax.__version__},
    }


def _observations(run: Path, env: Environment) -> Any:
    """Returns observations [1000, O]: rows that the run held out, or without any normal draws."""
    draws = np.random.default_rng(0).normal(size=(CHECKED_ON, env.obs_size)).astype(np.float32)
    if not (run / held_out.FILE).is_file():  # it never had data
        return draws
    return np.concatenate([np.asarray(held_out.load(run).obs), draws])[:CHECKED_ON]
