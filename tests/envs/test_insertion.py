"""Peg insertion: kinematics as MuJoCo has them, physics as C MuJoCo, walls that hold, starts and holes."""

# MuJoCo's C bindings come without type stubs.
# pyright: reportAttributeAccessIssue=false

import copy
from functools import cache
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

import envs
from envs import franka
from envs.franka_insertion import BASE, TOOL, FrankaInsertion
from envs.insertion import INSERTED, INSIDE, RING, InsertionTask
from wsrl_mjx.data import dataset, scripted, trajectories

pytestmark = pytest.mark.usefixtures("quick_compilation")

# The arm takes a minute to compile, and has the same tests.
ARM = "franka-peg-insertion"
BODIES = ("peg-insertion", pytest.param(ARM, marks=pytest.mark.slow))
COUNT = 40


def task_of(name: str, **options: Any) -> InsertionTask:
    task = envs.make(name, **options).task
    assert isinstance(task, InsertionTask)
    return task


def test_the_arm_is_where_mujoco_says_and_moves_as_it_says() -> None:
    task = task_of("franka-peg-insertion")
    model = task.simulation.mj_model
    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    for _ in range(5):
        data.qpos[:] = rng.uniform(franka.LOW, franka.HIGH)
        data.qvel[:] = rng.normal(size=7)
        mujoco.mj_forward(model, data)
        physics = task.simulation.start(jnp.asarray(data.qpos), jnp.asarray(data.qvel))
        np.testing.assert_allclose(task.motion(physics).tip, data.site_xpos[0], atol=2e-6)
        moves = np.zeros((6, 7))
        mujoco.mj_jacSite(model, data, moves[:3], moves[3:], 0)
        of = franka.poses(physics.qpos)
        np.testing.assert_allclose(franka.jacobian(of, franka.ahead(of, TOOL)), moves, atol=2e-6)
        np.testing.assert_allclose(task.motion(physics).velocity, moves[:3] @ data.qvel, atol=1e-5)


def test_the_flange_is_where_the_published_parameters_put_it() -> None:
    # Straight up: all lengths along the column, and both elbows' offsets of 0.0825 m and 0.088 m.
    straight = franka.poses(jnp.zeros(7)).position[-1]
    height = 0.333 + 0.316 + 0.384 - 0.107 - franka.HAND
    np.testing.assert_allclose(straight, [0.088, 0.0, height], atol=1e-6)


@pytest.mark.parametrize("turning", [False, True])
def test_an_arm_is_put_where_it_is_asked_to_be_and_points_down(turning: bool) -> None:
    task = task_of("franka-peg-insertion", starts="outside", turning=turning)
    states = jax.jit(jax.vmap(task.reset))(jax.random.split(jax.random.key(0), COUNT))
    tips = jax.vmap(task.motion)(states.physics).tip
    np.testing.assert_allclose(tips, states.physics.target, atol=5e-5)
    assert np.all((states.physics.qpos > franka.LOW) & (states.physics.qpos < franka.HIGH))
    down = jax.vmap(lambda angles: franka.poses(angles).rotation[-1, :, 2])(states.physics.qpos)
    np.testing.assert_allclose(down, np.tile([0.0, 0.0, -1.0], (COUNT, 1)), atol=1e-3)


@pytest.mark.parametrize("name", BODIES)
def test_starts_are_inside_or_outside_of_the_datas_region(name: str) -> None:
    keys = jax.random.split(jax.random.key(1), 200)
    furthest = {}
    for starts in ("inside", "outside", "everywhere"):
        task = task_of(name, starts=starts)
        states = jax.jit(jax.vmap(task.reset))(keys)
        furthest[starts] = np.abs(states.physics.target[:, :2]).max(axis=1)
        assert np.all(states.physics.target[:, 2] >= 0.05 - 1e-6)
    assert furthest["inside"].max() <= INSIDE + 1e-6
    assert furthest["outside"].min() >= INSIDE - 1e-6 and furthest["outside"].max() <= RING + 1e-6
    share = np.mean(furthest["everywhere"] > INSIDE)
    assert 0.35 < share < 0.65


def test_a_task_is_judged_from_the_starts_that_are_not_its_own() -> None:
    assert list(envs.make("peg-insertion").other_starts) == ["outside"]
    assert list(envs.make("peg-insertion", starts="everywhere").other_starts) == ["inside", "outside"]
    assert envs.make("hopper").other_starts == {}


@cache
def visited(name: str) -> SimpleNamespace:
    """Returns states in contact and actions [COUNT], and where our control step lands from each."""
    task = task_of(name)

    def low(key: jax.Array) -> Any:
        # Over the plate or in the hole, a hair above what it will touch.
        key_place, key_deep = jax.random.split(key)
        aside = jax.random.uniform(key_place, (2,), minval=-0.01, maxval=0.01)
        deep = jax.random.bernoulli(key_deep)
        tip = jnp.where(deep, jnp.array([0.0005, -0.0005, -0.02]), jnp.append(aside, 0.0002))
        return task.reset(key).replace(physics=task.place(tip).replace(target=tip))

    states = jax.jit(jax.vmap(low))(jax.random.split(jax.random.key(0), COUNT))
    push = jax.random.uniform(jax.random.key(1), (4, COUNT, 3), minval=-1.0, maxval=1.0)
    push = push.at[..., 2].set(-jnp.abs(push[..., 2]))  # down, into contact
    step = jax.jit(jax.vmap(task.step))
    for actions in push[:3]:
        states = step(states, actions)
    after = step(states, push[3])
    return SimpleNamespace(task=task, before=states, actions=push[3], after=after)


@cache
def stepped_in_c(name: str, **budget: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns where C MuJoCo lands from the same states, [COUNT, 2 nv], and how many contacts each had."""
    seen = visited(name)
    task, model = seen.task, copy.copy(seen.task.simulation.mj_model)
    for option, value in budget.items():
        setattr(model.opt, option, value)
    data, landed, contacts = mujoco.MjData(model), [], []
    pulled = jax.jit(task.pulled) if isinstance(task, FrankaInsertion) else None
    for row in range(COUNT):
        before = jax.tree.map(lambda leaf, row=row: np.asarray(leaf[row], np.float64), seen.before.physics)
        mujoco.mj_resetData(model, data)
        data.qpos[:], data.qvel[:], data.qacc_warmstart[:] = before.qpos, before.qvel, before.warmstart
        target = seen.after.physics.target[row]
        for _ in range(task.simulation.substeps):
            mujoco.mj_step1(model, data)
            if pulled is None:
                data.ctrl[:] = target
            else:
                of = franka.poses_from(data.xpos, data.xmat.reshape(-1, 3, 3), task.first_link)
                data.ctrl[:] = pulled(of, data.qpos, data.qvel, target) + data.qfrc_bias
            mujoco.mj_step2(model, data)
        contacts.append(data.ncon)
        landed.append(np.concatenate([data.qpos, data.qvel]))
    return np.stack(landed), np.array(contacts)


@pytest.mark.parametrize("name", BODIES)
def test_a_step_in_contact_is_c_mujocos(name: str) -> None:
    after = visited(name).after.physics
    landed, contacts = stepped_in_c(name)
    assert np.mean(contacts > 0) > 0.5, "most of the states compared must be in contact"
    places = after.qpos.shape[1]
    # m or rad. The two find other points of contact where the tip's round end meets an edge of the hole.
    place = np.abs(after.qpos - landed[:, :places]).max(axis=1)
    speed = np.abs(after.qvel - landed[:, places:]).max(axis=1)
    assert np.median(place) < 1e-6 and place.max() < 2e-3
    assert np.median(speed) < 1e-5 and np.quantile(speed, 0.8) < 5e-3


@pytest.mark.parametrize("name", BODIES)
def test_the_solver_budget_lands_where_the_converged_one_does(name: str) -> None:
    budget, converged = stepped_in_c(name)[0], stepped_in_c(name, iterations=100, ls_iterations=50)[0]
    error = np.abs(budget - converged).max(axis=1)  # m, rad, m/s, rad/s
    assert np.quantile(error, 0.8) < 1e-6 and error.max() < 0.05


@pytest.mark.parametrize("name", ["peg-insertion", pytest.param(ARM, marks=pytest.mark.thorough)])
def test_nothing_goes_through_the_plate_or_the_holes_walls(name: str) -> None:
    task = task_of(name)
    direction = jnp.sign(jax.random.normal(jax.random.key(0), (8, 2)))
    aside = jnp.pad(direction, ((0, 0), (0, 1)))
    starts = jnp.concatenate(
        [0.03 * aside + jnp.array([0.0, 0.0, 0.01]), jnp.full((8, 3), 0.0).at[:, 2].set(-0.02)]
    )
    actions = jnp.concatenate([0.5 * aside - jnp.array([0.0, 0.0, 1.0]), aside])

    def push(start: jax.Array, action: jax.Array) -> jax.Array:
        """Presses down beside the hole, or from within against its wall, with the full force, 40 steps."""
        state = task.reset(jax.random.key(0))
        state = state.replace(physics=task.place(start).replace(target=start))

        def on(state: Any, _: None) -> tuple[Any, jax.Array]:
            state = task.step(state, action)
            return state, task.motion(state.physics).tip

        return jax.lax.scan(on, state, length=40)[1]

    on_plate, in_hole = jnp.split(jax.jit(jax.vmap(push))(starts, actions), 2)
    assert np.isfinite(on_plate).all() and np.isfinite(in_hole).all()
    assert on_plate[..., 2].min() > -0.001
    assert np.abs(in_hole[..., :2]).max() < task.clearance + 0.001
    assert np.abs(in_hole[:, -1, :2]).max() > 0.5 * task.clearance, "it is pushed against the wall"


@pytest.mark.parametrize(
    ("name", "kind", "count", "least", "most"),
    [
        ("peg-insertion", "mixed", 64, 0.2, 0.45),
        # Nearly all of one kind succeed and nearly none of another: two dozen episodes show that.
        pytest.param("peg-insertion", "demonstration", 16, 0.9, 1.0, marks=pytest.mark.thorough),
        pytest.param("peg-insertion", "play", 16, 0.0, 0.1, marks=pytest.mark.thorough),
        # The script is one for both bodies: that the arm follows it is seen in one kind of data.
        pytest.param(ARM, "mixed", 64, 0.2, 0.45, marks=pytest.mark.thorough),
    ],
)
def test_a_script_inserts_and_data_has_the_share_of_successes_it_says(
    name: str, kind: str, count: int, least: float, most: float
) -> None:
    env = envs.make(name)
    source = scripted.source(env, kind)
    # Short episodes are successes, so more of these fit in.
    rows = dataset.collect(source.env, source.controller, count * 120, count, 0)
    assert rows["valid"].all()
    returns, _ = trajectories.whole_episodes(rows, env.time_limit)
    assert len(returns) >= 24 and least <= returns.mean() <= most


def test_the_hole_is_where_its_episode_has_it() -> None:
    blind = task_of("peg-insertion", hole_noise=0.02, hole_seen=False)
    seeing = task_of("peg-insertion", hole_noise=0.02)
    assert (blind.obs_size, seeing.obs_size) == (9, 11)
    states = jax.jit(jax.vmap(seeing.reset))(jax.random.split(jax.random.key(0), 16))
    holes = np.asarray(states.context.position)
    assert np.abs(holes).max() <= 0.02 and np.ptp(holes, axis=0).min() > 0.01
    np.testing.assert_allclose(states.obs[:, -2:] * 0.05, holes, atol=1e-7)

    def lower(state: Any, place: jax.Array) -> jax.Array:
        """Lowers the peg at a place; returns how deep it came."""
        tip = jnp.append(place, 0.01)
        state = state.replace(physics=seeing.place(tip).replace(target=tip))
        down = jnp.array([0.0, 0.0, -1.0])
        state, _ = jax.lax.scan(lambda s, _: (seeing.step(s, down), None), state, length=15)
        return seeing.motion(state.physics).tip[2]

    lowered = jax.jit(jax.vmap(lower))
    at_hole = lowered(states, states.context.position)
    beside = lowered(states, states.context.position + 0.02)
    assert at_hole.max() < INSERTED and beside.min() > -0.001


def test_a_square_peg_goes_in_only_when_it_is_turned_as_the_hole() -> None:
    task = task_of("peg-insertion", peg="square", radius=0.012, turning=True, hole_yaw=0.3)

    def lower(yaw: jax.Array) -> jax.Array:
        place = jnp.append(jnp.array([0.0, 0.0, 0.01]), yaw)
        state = task.reset(jax.random.key(0))
        state = state.replace(physics=task.place(place).replace(target=place))
        down = jnp.array([0.0, 0.0, -1.0, 0.0])
        state, _ = jax.lax.scan(lambda s, _: (task.step(s, down), None), state, length=15)
        return task.motion(state.physics).tip[2]

    depth = jax.jit(jax.vmap(lower))(jnp.array([0.3, -0.4]))
    assert depth[0] < INSERTED and depth[1] > -0.002


def test_a_peg_is_not_in_beside_the_plate() -> None:
    task = task_of("peg-insertion")
    hole = task.reset(jax.random.key(0)).context
    assert task.inserted(jnp.array([0.0, 0.0, -0.041]), hole)
    assert not task.inserted(jnp.array([0.3, 0.0, -0.041]), hole)
    assert not task.inserted(jnp.array([0.0, 0.0, -0.039]), hole)


@pytest.mark.parametrize("turning", [pytest.param(False, marks=pytest.mark.thorough), True])
def test_a_gripper_can_be_put_where_it_was_seen(turning: bool) -> None:
    env = envs.make("peg-insertion", turning=turning, hole_noise=0.01)
    state = env.reset(jax.random.key(0))
    step = jax.jit(env.step)
    for index in range(3):
        state = step(state, jnp.full((env.action_size,), 0.3 * (-1) ** index))
    again = env.at(state.obs, jax.random.key(1))
    for name in ("qpos", "qvel", "target"):
        np.testing.assert_allclose(getattr(again.physics, name), getattr(state.physics, name), atol=1e-6)
    np.testing.assert_allclose(again.context.position, state.context.position, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clearance": -0.001}, "the peg of 16 mm would not fit into its hole of 14 mm"),
        ({"clearance": 0.0}, "clearance is 0.0"),
        ({"start_height": -0.01}, "start_height is -0.01; it must be above the plate"),
        ({"radius": 0.05}, "radius is 0.05; it must be"),
        ({"peg": "hexagonal"}, "peg is 'hexagonal'; choose one of round, square"),
        ({"starts": "above"}, "starts is 'above'; choose one of everywhere, inside, outside"),
        ({"hole": (0.2, 0.0)}, "it must be within 0.05 m of the middle"),
        ({"hole_noise": -0.1}, "hole_noise is -0.1"),
        ({"peg": "square", "hole_yaw": 0.1}, "needs turning=true"),
        ({"hole_yaw": 2.0}, "within 0.6 rad"),
        ({"friction": 0.0}, "friction is 0.0"),
    ],
)
@pytest.mark.parametrize("name", BODIES)
def test_options_that_cannot_work_are_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        envs.make(name, **options)


def test_the_arm_stands_where_it_says() -> None:
    model = task_of("franka-peg-insertion").simulation.mj_model
    link = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, "link_1")
    np.testing.assert_allclose(model.body_pos[link], np.add(BASE, [0.0, 0.0, 0.333]))
    assert sum(model.body_mass[link : link + 7]) == pytest.approx(
        sum(link.mass for link in franka.LINKS) + 0.73 + 0.1, abs=0.01
    )
