"""What goes on at the switch, part by part."""

from functools import cache
from typing import Any

import jax
import numpy as np
import pytest
import tiny
from compiled import BATCH, compiled

from wsrl_mjx.algos.calql import CalQL
from wsrl_mjx.algos.sac import SACState
from wsrl_mjx.training.handover import HandOver
from wsrl_mjx.types import Learner


@cache
def trained(name: str, seed: int = 0) -> Any:
    """Returns a state after one update, so that its optimizers have moments."""
    subject = compiled(name)
    state, _ = subject.update_critic(subject.init(jax.random.key(seed)), BATCH, jax.random.key(1))
    return subject.update_actor(state, BATCH, jax.random.key(2))[0]


def equal(one: Any, other: Any) -> bool:
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def no_moments(learner: Learner) -> bool:
    return not any(np.any(leaf) for leaf in jax.tree.leaves(learner.opt_state))


def hand_over(parts: HandOver, offline: str, online: str) -> tuple[SACState, SACState, SACState, Any]:
    """Returns what was pretrained, what is fresh, what fine-tuning begins with, and its whole state."""
    before, after = tiny.ALGORITHMS[offline], tiny.ALGORITHMS[online]
    pretrained, fresh = trained(offline), trained(online, seed=5)
    state = parts.apply(before, after, pretrained, fresh)
    return before.hand_over(pretrained), after.hand_over(fresh), after.hand_over(state), state


def test_wsrl_hands_everything_over_and_needs_nothing_fresh() -> None:
    assert not HandOver().needs_fresh(tiny.cql(), tiny.sac())
    state = HandOver().apply(tiny.cql(), tiny.sac(), trained("cql"), None)
    assert equal(state, trained("cql").sac)


def test_a_fresh_actor_keeps_the_critics_and_the_other_way_round() -> None:
    old, new, state, _ = hand_over(HandOver(actor=False), "cql", "sac")
    assert equal(state.actor, new.actor) and equal(state.critic, old.critic)
    assert equal(state.target_critic, old.target_critic) and equal(state.temperature, old.temperature)
    old, new, state, _ = hand_over(HandOver(critics=False), "cql", "sac")
    assert equal(state.actor, old.actor) and equal(state.critic, new.critic)
    assert equal(state.target_critic, new.target_critic)
    assert HandOver(actor=False).needs_fresh(tiny.cql(), tiny.sac())


def test_optimizers_and_temperature_can_start_afresh_alone() -> None:
    old, _, state, _ = hand_over(HandOver(optimizers=False), "cql", "sac")
    assert equal(state.actor.params, old.actor.params) and equal(state.critic.params, old.critic.params)
    assert not no_moments(old.actor) and not no_moments(old.critic)
    assert all(no_moments(part) for part in (state.actor, state.critic, state.temperature))
    old, new, state, _ = hand_over(HandOver(temperature=False), "cql", "sac")
    assert equal(state.temperature, new.temperature) and equal(state.actor, old.actor)


@pytest.mark.parametrize("name", ["iql", "cql, learned alpha, no importance sampling"])
def test_what_is_the_algorithms_own_goes_on_where_it_goes_on_itself(name: str) -> None:
    own = "value" if name == "iql" else "multiplier"
    old, _, sac, state = hand_over(HandOver(), name, name)
    assert equal(getattr(state, own), getattr(trained(name), own)) and equal(sac, old)
    _, _, _, state = hand_over(HandOver(critics=False), name, name)
    assert equal(getattr(state, own), getattr(trained(name, seed=5), own))
    _, _, _, state = hand_over(HandOver(optimizers=False), name, name)
    assert equal(getattr(state, own).params, getattr(trained(name), own).params)
    assert no_moments(getattr(state, own)) and not no_moments(getattr(trained(name), own))


def test_another_algorithm_brings_its_own_part() -> None:
    old, _, sac, state = hand_over(HandOver(), "cql", "iql")
    assert equal(sac, old) and equal(state.value, trained("iql", seed=5).value)
    assert HandOver().needs_fresh(tiny.cql(), tiny.iql())
    assert not HandOver().needs_fresh(tiny.iql(), tiny.iql())
    assert HandOver().needs_fresh(CalQL(tiny.cql()), tiny.cql())
