"""The NumPy policy against the network that was trained."""

import ast
import json
from itertools import product
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from wsrl_mjx.algos.networks import MAX_STD, MIN_STD, Actor
from wsrl_mjx.runs.export import arrays, numpy_policy, onnx_graph
from wsrl_mjx.runs.export.numpy_policy import Policy

OBS = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
KINDS = list(product((True, False), ("state", "global"), (True, False)))


def actor(norm: bool, mode: Any, squash: bool) -> tuple[Actor, Any]:
    """Returns an actor with parameters whose biases and scales are not their first values."""
    made = Actor(2, (5, 4), norm, mode, squash=squash)
    first = made.init(jax.random.key(0), OBS)
    leaves, tree = jax.tree.flatten(first)
    rng = np.random.default_rng(1)
    return made, jax.tree.unflatten(tree, [x + rng.normal(size=x.shape).astype(np.float32) for x in leaves])


def card(params: Any, norm: bool, squash: bool) -> dict[str, Any]:
    return {
        "observation": ["a", "b", "c"],
        "action": ["x", "y"],
        "hidden_layers": arrays.hidden_layers(params),
        "layer_norm": norm,
        "squash": "tanh" if squash else "clip",
        "std_range": [MIN_STD, MAX_STD],
    }


def saved(path: Path, params: Any, norm: bool, squash: bool) -> Policy:
    text: Any = np.array(json.dumps(card(params, norm, squash)))
    np.savez(path, card=text, **arrays.of_actor(params))
    return Policy(path)


@pytest.mark.parametrize(("norm", "mode", "squash"), KINDS)
def test_it_acts_as_the_actor_of_every_kind(tmp_path: Path, norm: bool, mode: str, squash: bool) -> None:
    network, params = actor(norm, mode, squash)
    policy = saved(tmp_path / "policy.npz", params, norm, squash)
    expected: Any = network.apply(params, OBS)
    mean, std = policy.gaussian(OBS)
    np.testing.assert_allclose(mean, expected.mean, atol=1e-5)
    np.testing.assert_allclose(std, expected.std, rtol=1e-5)
    np.testing.assert_allclose(policy(OBS), expected.mode(), atol=1e-5)
    np.testing.assert_allclose(policy(OBS[0]), policy(OBS)[0], atol=1e-6)
    drawn = np.stack([policy.sample(OBS, np.random.default_rng(seed)) for seed in range(300)])
    assert np.abs(drawn).max() <= 1.0
    inner = np.arctanh(np.clip(drawn, -1 + 1e-6, 1 - 1e-6)) if squash else drawn
    inside = np.abs(drawn).max(axis=0) < 0.999  # where neither the squash nor the clip hides the Gaussian
    np.testing.assert_allclose(inner.mean(axis=0)[inside], mean[inside], atol=5 * float(std.max()) / 300**0.5)


@pytest.mark.parametrize(("norm", "mode", "squash"), KINDS)
def test_so_does_the_onnx_graph(tmp_path: Path, norm: bool, mode: str, squash: bool) -> None:
    network, params = actor(norm, mode, squash)
    onnx_graph.write(tmp_path / "policy.onnx", arrays.of_actor(params), card(params, norm, squash))
    expected: Any = network.apply(params, OBS)
    for obs, actions in ((OBS, expected.mode()), (OBS[:1], expected.mode()[:1])):
        np.testing.assert_allclose(onnx_graph.run(tmp_path / "policy.onnx", obs), actions, atol=1e-5)


def test_an_observation_of_another_size_is_refused(tmp_path: Path) -> None:
    policy = saved(tmp_path / "policy.npz", actor(True, "global", True)[1], True, True)
    with pytest.raises(ValueError, match=r"obs has the shape \(2, 4\); its last axis must be 3"):
        policy(np.zeros((2, 4)))


def test_it_needs_numpy_alone() -> None:
    found = set()
    for node in ast.walk(ast.parse(Path(numpy_policy.__file__).read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
    assert found == {"json", "os", "typing", "numpy"}
