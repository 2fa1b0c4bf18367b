"""The checks that other packages run find what is wrong with a world."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import envs
from envs import testing
from envs.testing import Subject


@dataclass(frozen=True)
class Drift:
    """A point that actions push, from a start of its own; right in everything."""

    time_limit: int = 50
    name = "drift"
    obs_size = 2
    action_size = 3

    def reset(self, key: jax.Array) -> envs.EnvState:
        start, following = jax.random.split(key)
        place = jax.random.normal(start, (2,))
        return envs.first_state(place, place, following)

    def step(self, state: Any, action: jax.Array) -> Any:
        place = state.physics + 0.1 * jnp.clip(action, -1.0, 1.0)[:2] + 0.0 * action[2]
        return state.replace(physics=place, obs=place, reward=-jnp.sum(jnp.abs(place)))


class Unbounded(Drift):
    """Actions are not clipped."""

    def step(self, state: Any, action: jax.Array) -> Any:
        place = state.physics + 0.1 * action[:2] + 0.0 * action[2]
        return state.replace(physics=place, obs=place, reward=place[0])


class SameStart(Drift):
    """Every episode begins in one place."""

    def reset(self, key: jax.Array) -> envs.EnvState:
        return envs.first_state(jnp.ones(2), jnp.ones(2), key)


class Unlike(Drift):
    """A metric is an integer at first."""

    def reset(self, key: jax.Array) -> envs.EnvState:
        return super().reset(key).replace(metrics={"speed": jnp.zeros((), int)})

    def step(self, state: Any, action: jax.Array) -> Any:
        return super().step(state, action).replace(metrics={"speed": jnp.zeros(())})


class Still(Drift):
    """Actions change nothing."""

    def step(self, state: Any, action: jax.Array) -> Any:
        return super().step(state, 0.0 * action)


class Ends(Drift):
    """It is over at the third step."""

    def step(self, state: Any, action: jax.Array) -> Any:
        return super().step(state, action).replace(terminated=state.steps >= 2)


DEFECTS: list[tuple[type, Callable[[Subject], None], str]] = [
    (Unbounded, testing.actions_act_and_are_clipped_to_their_bounds, "actions are not clipped"),
    (Still, testing.actions_act_and_are_clipped_to_their_bounds, "actions change nothing"),
    (SameStart, testing.start_states_differ_between_environments_and_between_episodes, "two starts are"),
    (Unlike, testing.reset_and_step_return_the_same_types, r"\.metrics\['speed'\]: reset returns"),
    (Ends, testing.time_limit_and_termination_are_apart, "the longest episode has 3 steps"),
]


@pytest.fixture
def subject(monkeypatch: pytest.MonkeyPatch) -> Callable[[type], Subject]:
    def make(kind: type) -> Subject:
        monkeypatch.setitem(envs.REGISTRY, "drift", kind)
        return Subject("drift", compiler_options={"xla_backend_optimization_level": 0})

    return make


def test_a_sound_world_passes(subject: Callable[[type], Subject]) -> None:
    drift = subject(Drift)
    for check in testing.CHECKS:
        check(drift)
    with pytest.raises(ValueError, match="drift cannot be restarted from an observation"):
        drift.env.at(jnp.zeros(2), jax.random.key(0))


@pytest.mark.parametrize(("kind", "check", "message"), DEFECTS)
def test_a_defect_is_found(
    subject: Callable[[type], Subject], kind: type, check: Callable[[Subject], None], message: str
) -> None:
    with pytest.raises(AssertionError, match=message):
        check(subject(kind))
