"""Gymnasium's environments, stepped on the host: no step is lost, and the rate is kept."""

from typing import Any, ClassVar

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnasium import spaces

import envs
from envs.adapters.host_slot import HostSlot, Pace
from wsrl_mjx.data import rollout


class Counter(gymnasium.Env[Any, Any]):
    """Counts its steps; an action in [0, 4] is the reward, and the fourth step of an episode is the last."""

    log: ClassVar[list[Any]] = []  # of all instances: "reset", or the action of a step
    observation_space = spaces.Dict({"count": spaces.Box(-9, 9, (1,)), "again": spaces.Box(-9, 9, (2,))})
    action_space = spaces.Box(0.0, 4.0, (1,))

    def __init__(self, broken_at: int = -1, length: int = 4) -> None:
        self.broken_at, self.length = broken_at, length

    def _seen(self) -> Any:
        value = np.nan if self.count == self.broken_at else self.count
        return {"count": np.array([value], np.float32), "again": np.array([value, -value], np.float32)}

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.count = 0
        self.log.append("reset")
        return self._seen(), {}

    def step(self, action: Any) -> Any:
        self.count += 1
        self.log.append(float(action[0]))
        return self._seen(), float(action[0]), self.count == self.length, False, {}


class Button(Counter):
    action_space: Any = spaces.Discrete(2)


class Camera(Counter):
    observation_space: Any = spaces.Box(0, 255, (128, 128, 3), np.uint8)


gymnasium.register("Counter-v0", Counter)
gymnasium.register("Timed-v0", Counter, max_episode_steps=3)
gymnasium.register("Button-v0", Button, max_episode_steps=3)
gymnasium.register("Camera-v0", Camera, max_episode_steps=3)


@pytest.fixture(autouse=True)
def log() -> list[Any]:
    Counter.log.clear()
    return Counter.log


def played(env: Any, steps: int) -> Any:
    """Returns first state and all states [T] after actions -1, -0.9, ..., of a compiled scan."""
    start = env.reset(jax.random.key(0))
    actions = jnp.linspace(-1.0, 1.0, steps)[:, None]
    step = lambda state, action: (env.step(state, action),) * 2
    _, states = jax.jit(lambda s, a: jax.lax.scan(step, s, a))(start, actions)
    env.close()
    return start, states


def test_no_step_is_lost_and_the_last_observation_is_right(log: list[Any]) -> None:
    start, states = played(envs.make("gym:Counter-v0", time_limit=10), 9)
    assert start.obs.tolist() == [0.0, -0.0, 0.0]  # "again" before "count"
    assert states.final_obs[:, 2].tolist() == [1, 2, 3, 4, 1, 2, 3, 4, 1]
    assert states.obs[:, 2].tolist() == [1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert states.terminated.tolist() == [False, False, False, True] * 2 + [False]
    assert not states.truncated.any() and states.valid.all()
    assert states.steps.tolist() == [1, 2, 3, 0, 1, 2, 3, 0, 1]
    np.testing.assert_allclose(states.reward, np.linspace(0.0, 4.0, 9))  # [-1, 1] is [0, 4]
    np.testing.assert_allclose(states.metrics["episode_return"][3], 0.0 + 0.5 + 1.0 + 1.5)
    steps = [each for each in log if each != "reset"]
    np.testing.assert_allclose(steps, np.linspace(0.0, 4.0, 9), atol=1e-6)  # each once, in order
    assert log.count("reset") == 3


def test_time_is_up_where_the_environment_or_the_option_says() -> None:
    _, own = played(envs.make("gym:Timed-v0"), 4)
    assert own.truncated.tolist() == [False, False, True, False] and not own.terminated.any()
    _, option = played(envs.make("gym:Timed-v0", time_limit=2), 4)
    assert option.truncated.tolist() == [False, True, False, True]


def test_a_step_that_is_not_finite_has_no_value_and_a_fresh_start() -> None:
    _, states = played(envs.make("gym:Counter-v0", time_limit=10, broken_at=2), 4)
    assert states.valid.tolist() == [True, False, True, False]
    assert states.final_obs[1].tolist() == [0, 0, 0] and states.obs[1, 2] == 0
    assert states.reward[1] == 0 and not states.terminated.any()


def test_mapped_environments_are_instances_of_their_own() -> None:
    env: Any = envs.make("gym:Counter-v0", time_limit=10)
    states = jax.vmap(env.reset)(jax.random.split(jax.random.key(0), 3))
    step = jax.jit(jax.vmap(env.step))
    after = step(states, jnp.array([[-1.0], [0.0], [1.0]]))
    assert after.reward.tolist() == [0, 2, 4] and len(set(after.physics.tolist())) == 3
    env.close()


def test_episodes_are_played_one_after_another_in_instances_that_are_closed(log: list[Any]) -> None:
    env: Any = envs.make("gym:Counter-v0", time_limit=10)
    act = lambda obs, key: jnp.full((len(obs), 1), 0.5)
    scores = jax.jit(lambda key: rollout.evaluate(env, act, key, 3))(jax.random.key(0))
    assert scores.returns.tolist() == [12.0] * 3 and scores.lengths.tolist() == [4.0] * 3
    assert log == (["reset"] + [3.0] * 4 + ["reset"]) * 3 and env.paces == []


def test_a_seed_decides_the_start() -> None:
    env: Any = envs.make("gym:Pendulum-v1")
    first, again, other = (env.reset(jax.random.key(seed)).obs.tolist() for seed in (0, 0, 1))
    assert first == again != other
    env.close()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("gym:Nothing-v0", {}, "env gym:Nothing-v0 cannot be made: Environment `Nothing` doesn't exist"),
        ("gym:no_module:Counter-v0", {}, "env gym:no_module:Counter-v0 cannot be made"),
        ("gym:Counter-v0", {}, "gym:Counter-v0 has no time limit; give one: --env-options time_limit=1000"),
        ("gym:Counter-v0", {"time_limit": 9, "colour": 1}, "unexpected keyword argument 'colour'"),
        ("gym:Timed-v0", {"control_rate": 0}, "control_rate must be a positive number of Hz, got 0"),
        ("gym:Button-v0", {}, "must have a Box of actions with finite bounds, it has Discrete"),
        ("gym:Camera-v0", {}, "must have observations of at most 10,000 numbers, no images"),
    ],
)
def test_what_cannot_be_trained_in_is_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        envs.make(name, **options)


def test_an_environment_that_restarts_itself_is_refused() -> None:
    gymnasium.register("Again-v0", lambda: gymnasium.wrappers.Autoreset(Counter()), max_episode_steps=3)
    with pytest.raises(ValueError, match="restarts itself, which loses the last observation"):
        envs.make("gym:Again-v0")


def test_options_come_as_text() -> None:
    env: Any = envs.make_from_text("gym:Counter-v0", ("time_limit=7", "length=2", "control_rate=50"))
    assert env.time_limit == 7 and env.task.arguments == (("length", 2),) and env.control_step == 0.02
    assert env.fingerprint() != envs.make("gym:Counter-v0", time_limit=7).fingerprint()


# -- the control rate, on a clock of the test's --------------------------------------------------------------


class Watch:
    """A clock that goes on only while somebody sleeps or works."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def step_ends(watch: Watch, pace: Pace, works: list[float], pauses: dict[int, float]) -> list[float]:
    ends = []
    for index, work in enumerate(works):
        watch.now += pauses.get(index, 0.0)
        pace.begin()
        watch.now += work
        pace.end()
        ends.append(round(watch.now - 100.0, 6))
    return ends


def test_every_step_takes_its_period_however_long_its_work_and_what_comes_between() -> None:
    watch = Watch()
    pace = Pace(0.1, watch, watch.sleep)
    ends = step_ends(watch, pace, [0.01, 0.05, 0.02, 0.0], {1: 0.03, 2: 0.05})
    # The pause between two steps is not made up for, but it does not shift the ticks either way.
    assert ends == [0.1, 0.2, 0.3, 0.4] and pace.steps == 4


def test_a_step_that_is_too_slow_is_counted_and_not_caught_up_with() -> None:
    watch = Watch()
    pace = Pace(0.1, watch, watch.sleep)
    ends = step_ends(watch, pace, [0.05, 0.25, 0.05], {})
    assert ends == [0.1, 0.35, 0.45] and pace.late == 1
    watch.now += 60.0  # an evaluation
    assert step_ends(watch, pace, [0.05], {}) == [60.55]


def test_an_error_of_the_environment_is_the_steps() -> None:
    class Failing(Counter):
        def step(self, action: Any) -> Any:
            raise RuntimeError("the cable is loose")

    slot = HostSlot(lambda: gymnasium.wrappers.FlattenObservation(Failing()), 10, Pace(None))
    slot.reset(0)
    slot.begin(np.zeros(1, np.float32))
    with pytest.raises(RuntimeError, match="the cable is loose"):
        slot.finish()
    slot.close()
