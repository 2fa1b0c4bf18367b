"""The Adroit door: what moves is Gymnasium-Robotics' own, physics as C MuJoCo, a script that opens it."""

# MuJoCo's C bindings come without type stubs.
# pyright: reportAttributeAccessIssue=false

import importlib.util
from functools import cache
from types import SimpleNamespace
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

import envs
from envs import adroit_door
from envs.adroit_door import OPEN, AdroitDoor
from envs.adroit_models import door_model
from envs.in_mujoco import in_mujoco
from wsrl_mjx.data import dataset, opening, scripted, trajectories

pytestmark = pytest.mark.usefixtures("quick_compilation")

COUNT = 40
FRAME = (-0.27, 0.31, 0.28)  # m


@cache
def task() -> AdroitDoor:
    return envs.make("adroit-door").task


@cache
def original() -> Any:
    import gymnasium_robotics

    gymnasium.register_envs(gymnasium_robotics)
    env = gymnasium.make("AdroitHandDoor-v1", reward_type="dense").unwrapped
    env.reset(seed=0)
    return env


def test_what_moves_is_the_originals() -> None:
    ours, theirs = door_model(), original().model
    for joint in range(ours.njnt):
        assert ours.joint(joint).name == theirs.joint(joint).name
    for name in ("jnt_range", "dof_damping", "dof_frictionloss", "dof_armature", "jnt_stiffness"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    for name in ("actuator_gainprm", "actuator_biasprm", "actuator_ctrlrange", "actuator_trnid"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    for body in range(1, ours.nbody):
        name = ours.body(body).name
        same, other = ours.body(body), theirs.body(name)
        if name != "frame":  # its place is data here
            np.testing.assert_allclose(same.pos, other.pos)
        if name not in ("table", "frame"):  # these two stand still
            np.testing.assert_allclose(same.mass, other.mass, rtol=1e-9, err_msg=name)
            np.testing.assert_allclose(same.inertia, other.inertia, rtol=1e-9, err_msg=name)
    assert ours.ntendon == 4 and ours.opt.timestep == theirs.opt.timestep


def test_observation_reward_and_success_are_the_originals() -> None:
    rng, ours, theirs = np.random.default_rng(0), task(), original()
    low, high = theirs.model.jnt_range.T
    places = jax.jit(lambda qpos: ours.simulation.site_positions(qpos, ours.placed(jnp.array(FRAME))))
    for openness in (0.0, 0.5, 1.2, 1.4):
        qpos = rng.uniform(low, high)
        qpos[adroit_door.HINGE] = openness
        theirs.set_env_state({"qpos": qpos, "qvel": np.zeros(30), "door_body_pos": np.array(FRAME)})
        physics = ours.simulation.start(jnp.asarray(qpos, jnp.float32), jnp.zeros(30))
        sites = places(physics.qpos)
        np.testing.assert_allclose(adroit_door.observe(physics.qpos, sites), theirs._get_obs(), atol=2e-6)
        # Theirs rewards the distance to the handle, ours what the authors meant.
        distance = np.linalg.norm(sites[0] - sites[1])
        bonus = 2.0 * (openness > 0.2) + 8.0 * (openness > 1.0) + 10.0 * (openness > OPEN)
        expected = -0.1 * distance - 0.1 * (openness - 1.57) ** 2 + bonus
        np.testing.assert_allclose(adroit_door.dense_reward(physics, sites), expected, atol=1e-5)


def test_the_frame_stands_elsewhere_in_every_episode_and_is_seen() -> None:
    ours = task()
    states = jax.jit(jax.vmap(ours.reset))(jax.random.split(jax.random.key(0), 200))
    frames = np.asarray(states.context)
    for axis, bounds in enumerate((ours.frame_x, ours.frame_y, ours.frame_z)):
        assert bounds[0] <= frames[:, axis].min() < frames[:, axis].max() <= bounds[1]
    handles = states.obs[:, adroit_door.HANDLE]
    np.testing.assert_allclose(np.std(handles - frames, axis=0), 0.0, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reward": "shaped"}, "reward is .shaped.; choose one of dense, sparse"),
        ({"frame_x": (-0.2, -0.3)}, "frame_x"),
        ({"frame_z": (0.0, 0.3)}, r"frame_z is \(0.0, 0.3\); it must be within 0.152 and 0.45 m"),
        ({"contacts": 0}, "contacts"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        envs.make("adroit-door", **options)


def test_without_the_package_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'wsrl_mjx\[hand\]'"):
        door_model()


def test_a_script_brings_the_palm_where_it_is_told() -> None:
    ours = task()
    opener = opening.opener(ours, opening.Script(error=0.0, noise=0.0))
    model = ours.simulation.mj_model
    data, handle, reached = mujoco.MjData(model), jnp.array([0.02, 0.16, 0.26]), 0
    for pose in range(len(opener.palm)):
        data.qpos[:4] = opener._arm(handle + opener.palm[pose], opener.reach[pose], opener.roll[pose])
        data.qpos[opening.WRIST] = opener.hand[pose, opening.WRIST]
        mujoco.mj_kinematics(model, data)
        off = np.abs(data.site("S_grasp").xpos - (handle + opener.palm[pose])).max()
        reached += off < 2e-3  # m; the pitch's axis is off the horizontal by 1.6 mrad
    assert reached >= 3, "poses that only press lie beyond the arm's limits, the others do not"


@cache
def visited() -> SimpleNamespace:
    """Returns states [COUNT] on a script's way in C MuJoCo, and where a control step lands there."""
    world = in_mujoco(envs.make("adroit-door")).task
    opener = opening.opener(world, opening.Script(error=0.0, noise=0.1))
    begun = jax.jit(jax.vmap(world.reset))(jax.random.split(jax.random.key(0), COUNT))
    memory = opener.recall(opener.begin(jax.random.key(0), COUNT), begun, jax.random.key(1))

    def on(state: Any, step: jax.Array) -> tuple[Any, Any]:
        told = opener.act(memory.replace(steps=jnp.full(COUNT, step)), state.obs, jax.random.key(step))
        after = jax.vmap(world.step)(state, told)
        return after, (state.physics, told, after.physics)

    # Each at a time of its own, from the first touch to the pull.
    times = jnp.linspace(50, 179, COUNT).astype(jnp.int32)
    path = jax.jit(lambda state: jax.lax.scan(on, state, jnp.arange(180))[1])(begun)
    physics, actions, landed = jax.tree.map(lambda leaf: leaf[times, jnp.arange(COUNT)], path)
    return SimpleNamespace(states=begun.replace(physics=physics), actions=actions, landed=landed)


@pytest.mark.slow
def test_a_step_in_contact_is_c_mujocos() -> None:
    seen = visited()
    after = jax.jit(jax.vmap(task().step))(seen.states, seen.actions).physics
    error = np.abs(after.qpos - seen.landed.qpos).max(axis=1)  # m or rad
    # Where a finger's capsule lies on the handle's, MJX and C MuJoCo turn the friction pyramid otherwise.
    assert np.median(error) < 1e-5 and np.quantile(error, 0.9) < 3e-2
    moved = np.abs(after.qpos - seen.states.physics.qpos).max(axis=1)
    assert np.median(moved) > 1e-2, "the hand moves meanwhile"


@pytest.mark.thorough
@pytest.mark.parametrize(("kind", "least", "most"), [("demonstration", 0.6, 1.0), ("human-like", 0.1, 0.4)])
def test_scripts_open_the_door_as_often_as_they_say(kind: str, least: float, most: float) -> None:
    source = scripted.source(envs.make("adroit-door"), kind)
    limit = source.env.time_limit
    rows = dataset.collect(source.env, source.controller, 64 * limit, 64, 0)
    returns, _ = trajectories.whole_episodes(rows, limit)
    assert len(returns) >= 60 and least <= returns.mean() <= most
