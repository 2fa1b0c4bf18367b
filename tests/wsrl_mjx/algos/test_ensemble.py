"""The ensemble: critics are independent, and what flax computes for one of them is what all of them give."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy_reference as reference
import pytest
import tiny

from wsrl_mjx.algos import ensemble
from wsrl_mjx.algos.networks import Critic
from wsrl_mjx.types import Key, Params

pytestmark = pytest.mark.usefixtures("strict_ranks")
CRITIC = Critic((8, 8))
OBS, ACTION = jnp.zeros(tiny.OBS), jnp.zeros(tiny.ACTION)
ROWS = tiny.batch(6)


@pytest.fixture(scope="module")
def params() -> Params:
    return jax.jit(lambda key: ensemble.init(CRITIC, 5, key, OBS, ACTION))(jax.random.key(0))


@jax.jit
def evaluate(params: Params) -> jax.Array:
    return ensemble.evaluate(CRITIC, params, ROWS.obs, ROWS.action)


def test_an_ensemble_is_its_members_one_by_one(params: Params) -> None:
    together, alone = evaluate(params), jax.jit(CRITIC.apply)
    assert together.shape == (5, 6)
    for index in range(5):
        member = jax.tree.map(lambda leaf, i=index: np.asarray(leaf)[i], params)
        np.testing.assert_allclose(
            together[index], alone(member, ROWS.obs, ROWS.action), rtol=1e-5, atol=1e-6
        )


def test_it_agrees_with_numpy(params: Params) -> None:
    plain = reference.as_float64(params)
    obs, action = reference.as_float64(ROWS.obs), reference.as_float64(ROWS.action)
    np.testing.assert_allclose(evaluate(params), reference.ensemble(plain, obs, action), rtol=1e-4, atol=1e-5)


def test_members_start_apart(params: Params) -> None:
    values = np.asarray(evaluate(params))
    assert all(np.abs(values[i] - values[j]).max() > 0.01 for i in range(5) for j in range(i))
    heads = np.asarray(params["params"]["Dense_0"]["kernel"])
    assert len(np.unique(heads[:, 0, 0])) == 5


def test_a_member_learns_from_its_own_loss_alone(params: Params) -> None:
    slope = jax.jit(jax.grad(lambda params: evaluate(params)[1].sum()))(params)
    for leaf in jax.tree.leaves(slope):
        assert not np.asarray(leaf)[[0, 2, 3, 4]].any()


@pytest.mark.parametrize("size", [1, 2, 4])
def test_critics_are_chosen_without_replacement_and_each_as_often(size: int) -> None:
    members = {"id": jnp.arange(5)}

    def choose(key: Key) -> jax.Array:
        return ensemble.choose(members, 5, size, key)["id"]

    chosen = np.asarray(jax.jit(jax.vmap(choose))(jax.random.split(jax.random.key(2), 2000)))
    assert chosen.shape == (2000, size)
    assert all(len(set(row)) == size for row in chosen.tolist())
    np.testing.assert_allclose(np.bincount(chosen.ravel()) / 2000, size / 5, atol=0.05)


def test_all_critics_are_all_critics() -> None:
    members = {"id": jnp.arange(5)}
    assert ensemble.choose(members, 5, 5, jax.random.key(0)) is members


@pytest.mark.parametrize(
    ("critic", "closeness"),
    [
        (Critic((8, 8)), 1e-4),
        (Critic((8, 6, 4)), 1e-4),
        (Critic((8,), layer_norm=False), 1e-4),
        (Critic((8, 8), precision="bfloat16"), 0.1),
    ],
    ids=["two", "three", "without layer norm", "bfloat16"],
)
def test_values_and_all_gradients_are_those_of_flax(critic: Critic, closeness: float) -> None:
    """On three actions a row, as CQL has them; gradients of parameters, observations and actions."""
    action = jnp.stack([ROWS.action, -ROWS.action, 0.5 * ROWS.action])
    obs = jnp.stack([ROWS.obs] * 3)
    plain = dataclasses.replace(critic, precision="float32")
    params = jax.jit(lambda key: ensemble.init(plain, 4, key, OBS, ACTION))(jax.random.key(3))

    def slope(of: Any) -> Any:
        loss = lambda params, obs, action: (jnp.sum(jnp.sin(q := of(params, obs, action))), q)
        return jax.jit(jax.grad(loss, argnums=(0, 1, 2), has_aux=True))(params, obs, action)

    ours = slope(lambda *given: ensemble.evaluate(critic, *given))
    theirs = slope(jax.vmap(critic.apply, in_axes=(0, None, None)))
    assert ours[1].shape == (4, 3, 6)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=closeness, atol=closeness * np.abs(b).max()),
        ours,
        theirs,
    )
