"""The shipped behaviours are what their names promise: by their cards, and for the task as it is now."""

import json
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import envs
from wsrl_mjx.data import behaviors

EXPERT_FLOORS = {"ant": 3000.0, "halfcheetah": 6000.0, "hopper": 2500.0, "walker2d": 3000.0}
TASKS = pytest.mark.parametrize("name", EXPERT_FLOORS)


def card_of(name: str, level: str) -> dict[str, Any]:
    return json.loads((behaviors.shipped_folder(name) / f"{level}.json").read_text())


@TASKS
@pytest.mark.parametrize("level", ["medium", "expert"])
def test_the_weights_act_in_the_task_that_the_card_names(name: str, level: str) -> None:
    env, card = envs.make(name), card_of(name, level)
    assert (card["env"], card["level"], card["episodes"]) == (name, level, 100)
    assert card["env_fingerprint"] == env.fingerprint()
    action = behaviors.load(behaviors.shipped_folder(name), level).act(explore=True)(
        jnp.zeros((2, env.obs_size)), jax.random.key(0)
    )
    assert action.shape == (2, env.action_size)
    assert jnp.isfinite(action).all() and (jnp.abs(action) <= 1.0).all()


@TASKS
def test_an_expert_is_one_and_sets_the_score(name: str) -> None:
    card = card_of(name, "expert")["deterministic"]
    assert card["return_mean"] >= EXPERT_FLOORS[name]
    assert envs.make(name).reference.expert == card["return_mean"]
    if name == "ant":
        assert card["x_velocity"] >= 2.0


@TASKS
def test_a_medium_behaviour_is_between_random_and_expert(name: str) -> None:
    card = card_of(name, "medium")
    assert 25.0 <= envs.make(name).reference.normalize(card["return_mean"]) <= 45.0
    if name == "ant":
        assert card["x_velocity"] >= 0.5  # an ant that stands still earns 1 a step, too
