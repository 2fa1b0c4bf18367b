"""The list of algorithms: it is the one place, and a new algorithm needs no other."""

import typing
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from probe_envs import Line, probe

from wsrl_mjx.algos import registry
from wsrl_mjx.algos.base import descend
from wsrl_mjx.algos.calql import CalQL
from wsrl_mjx.algos.cql import CQLSettings
from wsrl_mjx.algos.registry import ALGORITHMS, AlgorithmSettings
from wsrl_mjx.algos.sac import SACState
from wsrl_mjx.algos.variant import Variant
from wsrl_mjx.config import build
from wsrl_mjx.config.presets import preset_config
from wsrl_mjx.config.settings import replace_flat
from wsrl_mjx.config.validation import validate
from wsrl_mjx.training.loop import make_chunk
from wsrl_mjx.types import Average, Clock, Key, Metrics, Params, Transition


def test_the_types_name_what_the_table_has() -> None:
    assert set(typing.get_args(registry.OfflineAlgo)) == set(registry.names("pretrain"))
    assert set(typing.get_args(registry.OnlineAlgo)) == set(registry.names("online"))


def test_every_algorithm_finds_its_settings_and_none_is_left_over() -> None:
    settings = AlgorithmSettings(cql=CQLSettings(cql_alpha=2.0))
    assert settings.of("cql") is settings.of("calql") is settings.cql
    assert settings.of("sac") is settings.of("bc") is None
    assert {type(own) for own in settings.each()} == {kind.settings for kind in ALGORITHMS.values()} - {None}
    assert CalQL.from_settings(build_sac(), settings.of("calql"), "online").base.alpha == 2.0


def build_sac() -> Any:
    return build.make_sac(preset_config("smoke", "hopper"), probe(Line), 1)


class Cautious(Variant):
    """SAC whose actor pays for the size of its actions too."""

    name: ClassVar[str] = "cautious"
    pretrains: ClassVar[bool] = True
    fine_tunes: ClassVar[bool] = True

    def update_actor(self, state: SACState, batch: Transition, key: Key) -> tuple[SACState, Metrics]:
        def loss(params: Params) -> tuple[jax.Array, None]:
            action, _ = self.policy(params, batch.obs).sample(key)
            return jnp.mean(jnp.sum(action**2, axis=-1) - self.sac.value_of(state, batch.obs, action)), None

        actor, value, _ = descend(state.actor, loss, self.sac.actor_lr)
        return state.replace(actor=actor), {
            "actor/loss": Average.of(value),
            "cautious/calls": Average.of(jnp.ones(())),
        }


SMALL = {
    "offline_algo": "cautious", "online_algo": "cautious", "actor_hidden": (8,), "critic_hidden": (8,),
    "ensemble_size": 2, "batch_size": 4, "offline_batch_size": 4, "warmup_steps": 10, "replay_capacity": 6000,
}  # fmt: skip


def test_an_algorithm_in_the_list_pretrains_and_goes_on_online(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"offline_algo must be one of .*, got 'cautious'"):
        validate(replace_flat(preset_config("smoke", "hopper"), SMALL))
    monkeypatch.setitem(ALGORITHMS, "cautious", Cautious)
    config = replace_flat(preset_config("smoke", "hopper"), SMALL)
    validate(config)
    recipe = build.make(config, probe(Line))
    assert isinstance(recipe.pretrain.algorithm, Cautious) and config.backup_actions_of("cautious") == 1
    assert not recipe.hand_over.needs_fresh(recipe.pretrain.algorithm, recipe.online.algorithm)

    state = recipe.begin_all(jax.random.split(jax.random.key(0), 2))
    data = jax.tree.map(lambda leaf: jnp.ones((20, *leaf.shape)), Transition.empty(1, 1))
    state, _, metrics = make_chunk(5)(recipe.pretrain, data, state, Clock.zero())
    np.testing.assert_array_equal(metrics["cautious/calls"].weight, [5.0, 5.0])
    pretrained = jax.device_get(state.agent.actor.params)

    state = jax.jit(recipe.switch_all)(state)
    state, clock, metrics = make_chunk(20)(recipe.online, recipe.shared, state, Clock.zero())
    # The first update waits for four batches of four rows; one actor update goes with four of the critics'.
    assert int(clock.updates) == 4 * 4
    np.testing.assert_array_equal(metrics["cautious/calls"].weight, [4.0, 4.0])
    np.testing.assert_array_equal(metrics["critic/loss"].weight, [16.0, 16.0])
    moved = zip(jax.tree.leaves(pretrained), jax.tree.leaves(state.agent.actor.params), strict=True)
    assert all((one != other).any() for one, other in moved)
