"""Playground's environments behind our contract, on a small one of its kind: the package may be missing."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct
from ml_collections import config_dict

import envs
from envs import testing
from envs.adapters import playground
from wsrl_mjx.config.domains import domain_of
from wsrl_mjx.config.presets import check_env

EDGE = 1.0
pytestmark = pytest.mark.usefixtures("quick_compilation", "package")


@struct.dataclass
class Slider:
    """Playground's State, of a body on a line."""

    data: Any
    obs: Any
    reward: jax.Array
    done: jax.Array
    metrics: dict[str, jax.Array]
    info: dict[str, Any]


class Slide:
    """A body that moves by a tenth of its action, with noise, until it is beyond the edge."""

    action_size = 1
    dt = 0.02

    def __init__(self, config: Any, kind: str = "flat") -> None:
        self.config, self.kind = config, kind
        assert config.impl == "jax", "Warp was not switched off"

    def reset(self, rng: jax.Array) -> Slider:
        rng, draw = jax.random.split(rng)
        x = jax.random.uniform(draw, (), minval=-0.5, maxval=0.5)
        if self.kind == "broken":
            x = jnp.where(x > 0.0, jnp.nan, x) if self.config.some else x * jnp.nan
        data = {"x": x, "mass": jnp.ones(3), "none": jnp.zeros((0, 2)), "steps": jnp.zeros((), jnp.int32)}
        # A reward without a type of its own, as in `reward, done = jp.zeros(2)`.
        return Slider(data, self.see(x), 0.0 * x, 0.0 * x, {"reward/right": 0.0 * x}, {"rng": rng})

    def step(self, state: Slider, action: jax.Array) -> Slider:
        state.info["rng"], draw = jax.random.split(state.info["rng"])  # in place, as Playground does
        x = state.data["x"] + 0.1 * action[0] + 0.001 * jax.random.normal(draw)
        state.metrics["reward/right"] = x > 0.0
        data = state.data | {"x": x, "steps": state.data["steps"] + 1}
        return state.replace(data=data, obs=self.see(x), reward=10.0 * x, done=(x > EDGE) | jnp.isnan(x))

    def see(self, x: jax.Array) -> Any:
        flat = jnp.stack([x, 2.0 * x])
        both = {"state": flat, "privileged_state": jnp.zeros(5)}
        kinds = {"both": both, "pixels": {"pixels/view_0": jnp.zeros((8, 8, 3))}, "square": flat[None]}
        return kinds.get(self.kind, flat)


KINDS = {"SlideFar": "flat", "SlideBoth": "both", "SlidePixels": "pixels", "SlideSquare": "square"}


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """A package `mujoco_playground` with a registry; what it loaded is in `loaded`."""
    config = config_dict.create(episode_length=31, action_repeat=1, impl="warp", some=True)
    names = (*KINDS, "SlideBroken", "RobotWalk")
    registry = SimpleNamespace(
        ALL_ENVS=names,
        dm_control_suite=SimpleNamespace(ALL_ENVS=names[:-1]),
        mjx_env=SimpleNamespace(MENAGERIE_PATH=tmp_path / "menagerie"),
        config=config,
        loaded=[],
    )

    def load(name: str, config: Any, config_overrides: dict[str, Any]) -> Slide:
        config.update_from_flattened_dict(config_overrides)
        registry.loaded.append(name)
        return Slide(config, KINDS.get(name, "broken" if name == "SlideBroken" else "flat"))

    registry.load, registry.get_default_config = (
        load,
        lambda name: registry.config.copy_and_resolve_references(),
    )
    module = ModuleType("mujoco_playground")
    module.registry = registry  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "mujoco_playground", module)
    return registry


def task(name: str = "SlideFar", **options: Any) -> Any:
    return envs.make(f"playground:{name}", **options).task


def put(made: Any, start: Any, x: float) -> Any:
    """Returns a state with the body at x."""
    inside = made.unpack(start.physics)
    return start.replace(physics=made.pack(inside.replace(data=inside.data | {"x": jnp.float32(x)})))


def test_arrays_without_numbers_are_left_out_and_come_back() -> None:
    made = task()
    start = made.reset(jax.random.key(0))
    assert all(leaf.size for leaf in start.physics)
    inside = made.unpack(start.physics)
    assert inside.data["none"].shape == (0, 2) and inside.data["mass"].shape == (3,)
    jax.tree.map(np.testing.assert_array_equal, made.pack(inside), start.physics)


SUBJECT = testing.Subject("playground:SlideFar", from_pool=True)


@pytest.mark.parametrize("check", testing.CHECKS, ids=lambda check: check.__name__)
def test_the_contract(check: Callable[[testing.Subject], None]) -> None:
    check(SUBJECT)


def test_sizes_times_and_names_are_the_configs(package: Any) -> None:
    env = envs.make("playground:SlideFar")
    assert (env.name, env.obs_size, env.action_size) == ("playground:SlideFar", 2, 1)
    assert env.time_limit == 31 and env.control_step == pytest.approx(0.02)
    assert envs.make("playground:SlideFar", time_limit=7).time_limit == 7
    assert envs.option_names("playground:SlideFar") == ("starts", "time_limit")
    package.config.action_repeat = 2
    twice = envs.make("playground:SlideFar")
    assert twice.time_limit == 16 and twice.control_step == pytest.approx(0.04)


def test_what_fixes_the_numbers_is_in_the_fingerprint(package: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = lambda **options: envs.make("playground:SlideFar", **options).fingerprint()
    first = digest()
    assert first == digest()
    others = {first, digest(starts=9), digest(time_limit=9), envs.make("playground:SlideBoth").fingerprint()}
    package.config.some = False
    others.add(digest())
    monkeypatch.setattr(playground, "_version", lambda: "0.3")
    assert len(others | {digest()}) == 6


def test_a_start_is_one_of_the_pool_with_random_numbers_of_its_own() -> None:
    made = task(starts=5)
    pool = made.pool
    assert pool.data["x"].shape == (5,) and pool.data["mass"].shape == (1, 3), "equal numbers are kept once"
    # The pool is what Playground's own reset gives for these keys.
    keys = jax.random.key_data(jax.random.split(jax.random.key(playground.POOL_KEY), 5))
    expected = [float(made.env.reset(key).data["x"]) for key in keys]
    np.testing.assert_allclose(pool.data["x"], expected, rtol=1e-6)

    drawn = jax.jit(jax.vmap(made.reset))(jax.random.split(jax.random.key(1), 200))
    inside = made.unpack(drawn.physics)
    found = np.asarray(inside.data["x"])
    assert set(found) == set(pool.data["x"])
    np.testing.assert_array_equal(drawn.obs[:, 0], found)
    np.testing.assert_allclose(inside.data["mass"], 1.0)
    counts = [(found == x).sum() for x in pool.data["x"]]
    assert min(counts) > 20, "each of the five is drawn about 40 times"
    assert len(np.unique(inside.info["rng"], axis=0)) == 200


def test_starts_that_are_not_finite_are_left_out(package: Any) -> None:
    pool = task("SlideBroken", starts=40).pool
    assert 5 < len(pool.data["x"]) < 35 and (pool.data["x"] <= 0.0).all()
    package.config.some = False
    with pytest.raises(ValueError, match="none of the 4 starts of playground:SlideBroken is finite"):
        task("SlideBroken", starts=4).reset(jax.random.key(0))


def test_the_pool_is_made_once_also_while_a_program_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    made, traces = task(starts=5), []
    own = made.env.reset
    monkeypatch.setattr(made.env, "reset", lambda rng: (traces.append(rng), own(rng))[1])
    program = jax.jit(lambda key: jax.lax.scan(lambda key, _: (key, made.reset(key).obs), key, length=3)[1])
    obs = program(jax.random.key(0))
    assert obs.shape == (3, 2) and len(traces) == 1
    jax.eval_shape(made.reset, jax.random.key(0))
    assert len(traces) == 1, "a reset simulates"


def test_a_step_is_playgrounds_step() -> None:
    made = task()
    state = made.reset(jax.random.key(3))
    theirs, ours_step, their_step = made.unpack(state.physics), jax.jit(made.step), jax.jit(made.env.step)
    ends = []
    for number in range(25):
        action = jnp.asarray([0.9 if number % 5 else -0.3])
        state, theirs = ours_step(state, action), their_step(theirs, action)
        np.testing.assert_array_equal(state.obs, theirs.obs)
        np.testing.assert_array_equal(state.final_obs, theirs.obs)
        assert float(state.reward) == float(theirs.reward)
        assert bool(state.terminated) == bool(theirs.done) and not state.truncated
        assert float(state.metrics["reward/right"]) == float(theirs.metrics["reward/right"])
        ends.append(bool(theirs.done))
    assert any(ends) and not all(ends)


def test_a_repeated_action_adds_up_the_rewards_until_the_end(package: Any) -> None:
    package.config.action_repeat = 3
    made = task()
    for x, count in ((0.2, 3), (0.85, 2)):  # the second is beyond the edge after two steps
        start = made.reset(jax.random.key(0))
        placed = put(made, start, x)
        after = made.step(placed, jnp.ones(1))
        theirs, total = made.unpack(placed.physics), 0.0
        for _ in range(count):
            theirs = made.env.step(jax.tree.map(lambda leaf: leaf, theirs), jnp.ones(1))
            total += float(theirs.reward)
        assert float(after.reward) == pytest.approx(total, rel=1e-5)
        assert bool(after.terminated) == (count == 2)
        ours = made.unpack(after.physics)
        assert float(ours.data["x"]) == pytest.approx(float(theirs.data["x"]), rel=1e-6)
        assert int(ours.data["steps"]) == count


def test_the_edge_terminates_and_the_limit_truncates_and_nan_does_neither() -> None:
    env = envs.make("playground:SlideFar", time_limit=4)
    step, start = jax.jit(env.step), env.reset(jax.random.key(0))
    place = lambda x: put(env.task, start, x)
    over = step(place(0.95), jnp.ones(1))
    assert over.terminated and not over.truncated and over.valid
    assert float(over.final_obs[0]) == pytest.approx(1.05, abs=0.01) and abs(float(over.obs[0])) <= 0.5

    state = place(0.0)
    for number in range(4):
        state = step(state, jnp.zeros(1))
        assert not state.terminated and bool(state.truncated) == (number == 3)
    assert abs(float(state.final_obs[0])) < 0.02 and float(state.obs[0]) in env.task.pool.data["x"]

    lost = step(place(np.nan), jnp.ones(1))  # Playground calls this done
    assert not lost.valid and not lost.terminated and not lost.truncated and float(lost.reward) == 0.0


def test_of_a_dictionary_the_state_is_observed() -> None:
    made = task("SlideBoth")
    state = made.reset(jax.random.key(0))
    assert made.obs_size == 2 and state.obs.shape == (2,)
    after = made.step(state, jnp.ones(1))
    np.testing.assert_array_equal(after.obs, made.unpack(after.physics).obs["state"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "SlidFar",
            r"'playground:SlidFar'; choose one of playground:RobotWalk, .*mean 'playground:SlideFar'",
        ),
        ("SlidePixels", r"playground:SlidePixels observes pixels \(pixels/view_0\); only numbers"),
        ("SlideSquare", r"playground:SlideSquare observes .*only flat observations \[O\]"),
        ("RobotWalk", r"robot models of MuJoCo Menagerie.*nothing is downloaded.*menagerie: python -c"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_runs(package: Any, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        task(name)
    assert package.loaded == ([name] if name in KINDS else [])


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="starts is 0; it must be a positive integer"):
        task(starts=0)
    with pytest.raises(ValueError, match="has no option 'backend'; its options are starts, time_limit"):
        task(backend="mjx")
    with pytest.raises(ValueError, match="time_limit is -3; it must be a positive integer"):
        task(time_limit=-3)


def test_a_robot_whose_models_are_there_is_made(package: Any) -> None:
    package.mjx_env.MENAGERIE_PATH.mkdir()
    assert task("RobotWalk").obs_size == 2


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mujoco_playground", None)
    with pytest.raises(
        ValueError, match=r"playground:CheetahRun needs .*pip install 'wsrl_mjx\[playground\]'"
    ):
        envs.make("playground:CheetahRun")


def test_its_names_are_known_to_the_settings() -> None:
    check_env("playground:SlideFar")
    assert domain_of("playground:SlideFar").datasets == ("random",)
