"""Algorithms made by hand: the paper's constants unless told otherwise, and nothing that cannot work."""

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from wsrl_mjx.algos.awac import AWAC
from wsrl_mjx.algos.bc import BC
from wsrl_mjx.algos.calql import CalQL
from wsrl_mjx.algos.cql import CQL
from wsrl_mjx.algos.iql import IQL
from wsrl_mjx.algos.registry import ALGORITHMS, names
from wsrl_mjx.algos.sac import SAC
from wsrl_mjx.algos.so2 import SO2
from wsrl_mjx.config import build
from wsrl_mjx.config.presets import preset_config
from wsrl_mjx.config.settings import replace_flat

ENV: Any = SimpleNamespace(obs_size=tiny.OBS, action_size=tiny.ACTION)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_defaults_are_those_of_the_paper_preset(name: str) -> None:
    paper = preset_config("paper", "ant")
    if name in names("pretrain"):
        configured = build.make_offline(replace_flat(paper, {"offline_algo": name}), ENV)
    else:
        configured = build.make_online(replace_flat(paper, {"online_algo": name}), ENV)
    made = ALGORITHMS[name].create(ENV)
    assert type(made) is ALGORITHMS[name] and jax.tree.structure(made) == jax.tree.structure(configured)
    np.testing.assert_array_equal(jax.tree.leaves(made), jax.tree.leaves(configured))
    assert all(leaf.dtype == jnp.float32 and not leaf.weak_type for leaf in jax.tree.leaves(made))


def test_what_is_asked_for_arrives() -> None:
    sac = SAC.create(
        ENV, ensemble_size=4, hidden=(8,), actor_hidden=(16,), backup_actions=3, cloning_weight=0.5
    )
    assert (sac.ensemble_size, sac.backup_actions, float(sac.cloning_weight)) == (4, 3, 0.5)
    assert (sac.actor.hidden, sac.critic.hidden, sac.actor.action_size) == ((16,), (8,), tiny.ACTION)
    assert float(sac.target_entropy) == -tiny.ACTION
    cql = CQL.create(ENV, alpha=2.0, sampled_actions=3, backup_actions=4)
    assert (float(cql.alpha), cql.sampled_actions, cql.sac.backup_actions) == (2.0, 3, 4)
    iql = IQL.create(ENV, expectile=0.9, extraction="ddpg", critic_hidden=(8,), precision="bfloat16")
    assert (iql.extraction, iql.value.hidden, iql.value.precision) == ("ddpg", (8,), "bfloat16")
    assert float(iql.expectile) == np.float32(0.9) and float(AWAC.create(ENV, beta=2.0).beta) == 2.0
    assert float(SO2.create(ENV, noise=0.5).noise) == 0.5


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_shows_its_sac_and_its_discount(name: str) -> None:
    made = ALGORITHMS[name].create(ENV, discount=0.5, ensemble_size=3)
    assert isinstance(made.sac, SAC) and made.sac.ensemble_size == 3
    assert float(made.discount) == 0.5 and made.sac.sac is made.sac


def test_one_that_was_made_learns() -> None:
    calql = CalQL.create(ENV, alpha=5.0, discount=0.99, hidden=(8, 8))
    state = calql.init(jax.random.key(0), jnp.zeros(tiny.OBS), jnp.zeros(tiny.ACTION))
    after, metrics = jax.jit(calql.update_critic)(state, tiny.batch(), jax.random.key(1))
    assert np.isfinite(metrics["critic/loss"].total) and metrics["cql/alpha"].total == 5.0
    leaves = zip(
        jax.tree.leaves(state.sac.critic.params), jax.tree.leaves(after.sac.critic.params), strict=True
    )
    assert all((one != other).any() for one, other in leaves)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SAC.create(ENV, discount=1.5), r"^discount must be in \(0, 1\], got 1.5$"),
        (lambda: SAC.create(ENV, critic_lr=-1.0), r"^critic_lr must be in \[0, 1\), got -1.0$"),
        (lambda: SAC.create(ENV, hidden=()), "^actor_hidden must be one or more positive integers"),
        (lambda: SAC.create(ENV, ensemble_size=0), "^ensemble_size must be an integer, positive, got 0$"),
        (
            lambda: SAC.create(ENV, ensemble_size=1),
            r"^target_subset must not exceed ensemble_size \(1\), got 2$",
        ),
        (lambda: SAC.create(ENV, backup_actions=0), "^backup_actions must be an integer, positive, got 0$"),
        (lambda: SAC.create(ENV, cloning_weight=2.0), r"^cloning_weight must be in \[0, 1\], got 2.0$"),
        (lambda: SAC.create(ENV, actor_q="max"), "^actor_q must be one of min, mean, got 'max'"),
        (
            lambda: SAC.create(ENV, init_temperature=float("nan")),
            "^init_temperature must be positive, got nan$",
        ),
        (lambda: SAC.create(ENV, target_entropy=float("inf")), "^target_entropy must be finite, got inf$"),
        (lambda: CQL.create(ENV, alpha=0.0), "alpha must be positive, got 0.0$"),
        (lambda: CQL.create(ENV, target_gap=float("nan")), "target_gap must be finite, got nan$"),
        (lambda: CalQL.create(ENV, discount=1.0), "^discount must be less than 1: .* got 1.0$"),
        (lambda: IQL.create(ENV, expectile=0.2), r"expectile must be in \[0.5, 1\), got 0.2$"),
        (lambda: AWAC.create(ENV, beta=-1.0), "beta must not be negative, got -1.0$"),
        (lambda: SO2.create(ENV, noise_limit=-1.0), "noise_limit must not be negative, got -1.0$"),
        (lambda: BC.create(ENV, actor_lr=1.0), r"^actor_lr must be in \[0, 1\), got 1.0$"),
    ],
)
def test_what_cannot_work_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", ALGORITHMS)
def test_an_unknown_name_is_a_type_error(name: str) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'discont'"):
        ALGORITHMS[name].create(ENV, discont=0.9)
