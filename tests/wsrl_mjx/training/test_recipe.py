"""The switch of WSRL: everything that was learned goes on, nothing of the data does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from probe_envs import Line, probe

from wsrl_mjx.algos.calql import CalQL
from wsrl_mjx.algos.cql import CQL
from wsrl_mjx.algos.sac import SACState
from wsrl_mjx.config import build
from wsrl_mjx.config.settings import Config, replace_flat
from wsrl_mjx.training.recipe import Recipe

SIZES = {"actor_hidden": (8,), "critic_hidden": (8,), "ensemble_size": 3, "replay_capacity": 50}
ENV = probe(Line)


def recipe(**changes: object) -> Recipe:
    return build.make(replace_flat(Config(), SIZES | changes), ENV)


def test_the_switch_hands_over_all_of_sac_and_starts_with_an_empty_buffer() -> None:
    wsrl = recipe(num_envs=2)
    begun = jax.jit(wsrl.begin_all)(jax.random.split(jax.random.key(0), 1))
    pretrained = jax.tree.map(lambda leaf: leaf[0], begun)
    switched = jax.jit(wsrl.switch)(pretrained)
    assert isinstance(switched.agent, SACState)
    for one, other in zip(
        jax.tree.leaves(pretrained.agent.sac), jax.tree.leaves(switched.agent), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert switched.buffer.capacity == 50 and switched.buffer.data.mc_return is None
    assert all(not leaf.any() for leaf in jax.tree.leaves(switched.buffer))
    assert switched.env.obs.shape == (2, 1)
    assert (jax.random.key_data(switched.key) != jax.random.key_data(pretrained.key)).any()


def test_seeds_begin_apart() -> None:
    keys = jax.vmap(jax.random.key)(jnp.arange(3))
    begun = jax.jit(recipe().begin_all)(keys)
    kernel = np.asarray(begun.agent.sac.actor.params["params"]["MLP_0"]["Dense_0"]["kernel"])
    assert all((kernel[i] != kernel[j]).all() for i in range(3) for j in range(i))


@pytest.mark.parametrize(("name", "kind"), [("cql", CQL), ("calql", CalQL)])
def test_the_offline_algorithm_is_the_configured_one(name: str, kind: type) -> None:
    assert isinstance(recipe(offline_algo=name).pretrain.algorithm, kind)


def test_constants_reach_the_algorithms() -> None:
    wsrl = recipe(
        cql_alpha=3.0, actor_lr=2e-4, utd=2.0, warmup_steps=123, reward_scale=10.0, reward_bias=-5.0
    )
    cql, sac = wsrl.pretrain.algorithm, wsrl.online.algorithm
    assert float(cql.alpha) == 3.0 and float(sac.actor_lr) == pytest.approx(2e-4)
    assert (cql.sac.backup_actions, sac.backup_actions) == (10, 1)
    assert (wsrl.online.updates, wsrl.online.critics_per_actor, wsrl.online.batch_size) == (2, 2, 256)
    assert int(wsrl.shared.warmup_steps) == 123 and wsrl.shared.warmup_steps.dtype == jnp.int32
    assert float(wsrl.shared.reward_transform(jnp.asarray(1.0))) == 5.0
    assert not sac.entropy_backup and float(sac.target_entropy) == -1.0
    assert float(recipe(target_entropy=-0.5).online.algorithm.target_entropy) == -0.5


def test_the_actor_may_learn_at_another_rate_offline() -> None:
    wsrl = recipe(actor_lr=1e-4, offline_actor_lr=1e-3)
    rates = float(wsrl.pretrain.algorithm.sac.actor_lr), float(wsrl.online.algorithm.actor_lr)
    assert rates == pytest.approx((1e-3, 1e-4))
    plain = recipe(actor_lr=2e-4)
    assert float(plain.pretrain.algorithm.sac.actor_lr) == pytest.approx(2e-4)
