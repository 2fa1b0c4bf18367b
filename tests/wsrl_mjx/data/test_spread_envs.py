"""Environments over devices: the rows are the same, to the bit, on however many there are."""

from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest
from probe_envs import Line, probe

from wsrl_mjx.data import behaviors, dataset, rollout
from wsrl_mjx.data.spread_envs import SpreadEnvs

LINE = probe(Line)
POLICY = rollout.Memoryless(behaviors.random_act(1))


@pytest.mark.parametrize(
    ("num_envs", "there", "groups", "devices"),
    [(40, 1, 4, 1), (40, 2, 4, 2), (40, 3, 4, 1), (40, 8, 4, 4), (6, 8, 2, 2), (5, 8, 1, 1)],
)
def test_groups_share_out_evenly(
    num_envs: int, there: int, groups: int, devices: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jax, "local_device_count", lambda: there)
    monkeypatch.setattr(jax, "local_devices", lambda: list(range(there)))
    monkeypatch.setattr("wsrl_mjx.data.spread_envs.Mesh", lambda found, axes: np.asarray(found))
    envs = SpreadEnvs(LINE, num_envs)
    assert envs._groups == groups
    assert (1 if envs._mesh is None else envs._mesh.size) == devices


def test_an_accelerator_steps_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    envs = SpreadEnvs(LINE, 40)
    assert envs._groups == 1 and envs._mesh is None


def test_a_world_may_have_arrays_without_numbers() -> None:
    world: Any = SimpleNamespace(step=lambda state, action: {**state, "x": state["x"] + action})
    state: Any = {"none": np.zeros((8, 0, 2)), "x": np.arange(8.0)}
    stepped: Any = SpreadEnvs(world, 8).step(state, jax.numpy.ones(8))
    np.testing.assert_array_equal(stepped["x"], np.arange(1.0, 9.0))
    assert stepped["none"].shape == (8, 0, 2)


def test_the_rows_do_not_depend_on_the_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert jax.local_device_count() == 2
    seen: list[Any] = []
    placed = SpreadEnvs.placed

    def watched(self: SpreadEnvs, tree: Any) -> Any:
        result = placed(self, tree)
        seen.append(len(jax.tree.leaves(result)[0].sharding.device_set))
        return result

    monkeypatch.setattr(SpreadEnvs, "placed", watched)
    both = dataset.collect(LINE, POLICY, size=400, num_envs=8, seed=0)
    monkeypatch.setattr(jax, "local_device_count", lambda: 1)
    alone = dataset.collect(LINE, POLICY, size=400, num_envs=8, seed=0)
    assert seen == [2, 1]
    for name in dataset.FIELDS:
        np.testing.assert_array_equal(both[name], alone[name])
