"""Ant mazes: walls that hold, the edited model against C MuJoCo, and what is observed and rewarded."""

# MuJoCo's C bindings come without type stubs.
# pyright: reportAttributeAccessIssue=false

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

import envs
from envs.ant_maze import AntMaze
from envs.simulation import Physics, Placed, has_steep_capsule_contact

GRAVITY = 9.81  # m/s^2
# For programs of a few steps: compiling is all the cost, and without LLVM's optimisations it is half of that.
FEW_STEPS = {"xla_backend_optimization_level": 0}


@cache
def task_of(name: str = "antmaze-umaze", **options: Any) -> AntMaze:
    task: Any = envs.make(name, **options).task
    return task


def test_the_model_is_gymnasiums_ant_and_three_walls() -> None:
    plain: Any = envs.make("ant").task
    ours, theirs = task_of().simulation.mj_model, plain.simulation.mj_model
    assert (ours.nq, ours.nv, ours.nu, ours.nmocap) == (theirs.nq, theirs.nv, theirs.nu, 3)
    np.testing.assert_allclose(ours.body_mass[: theirs.nbody], theirs.body_mass)
    np.testing.assert_allclose(ours.body_inertia[: theirs.nbody], theirs.body_inertia)
    assert task_of().simulation.dt == pytest.approx(0.1)


def test_a_full_action_is_d4rls_torque() -> None:
    direction: Any = envs.make("ant-direction").task
    for task in (task_of(), direction):
        np.testing.assert_array_equal(task.simulation.mj_model.actuator_gear[:, 0], np.full(8, 30.0))
        np.testing.assert_array_equal(task.simulation.control(jnp.full(8, 2.0)), np.ones(8))
    assert task_of(torque=150.0).fingerprint() != task_of().fingerprint()
    for name in ("antmaze-umaze", "ant-direction"):
        with pytest.raises(ValueError, match=r"torque is 0\.0; it must be a positive number"):
            envs.make(name, torque=0.0)


def test_the_observation_is_place_then_plain_ants_then_goal() -> None:
    task = task_of()
    state = task.reset(jax.random.key(0))
    assert state.obs.shape == (31,)
    np.testing.assert_array_equal(state.obs[:2], state.physics.qpos[:2])
    np.testing.assert_array_equal(state.obs[2:15], state.physics.qpos[2:])
    np.testing.assert_array_equal(state.obs[15:29], state.physics.qvel)
    np.testing.assert_array_equal(state.obs[29:], task.layout.goal)
    here, there = task.observe_at(jnp.zeros(2)), task.observe_at(jnp.array([4.0, 0.0]))
    np.testing.assert_allclose(there - here, np.eye(31)[0] * 4.0)


@pytest.mark.thorough
def test_away_from_the_walls_it_walks_as_plain_ant_does() -> None:
    task = task_of("antmaze-large", substeps=5, torque=150.0)  # Gymnasium's control step and motors
    plain = envs.make("ant", healthy_z_range=(-9.0, 9.0)).task
    keys = jax.random.split(jax.random.key(0), 8)
    states, free = jax.jit(jax.vmap(task.reset))(keys), jax.jit(jax.vmap(plain.reset))(keys)
    actions = jax.random.uniform(jax.random.key(1), (5, 8, 8), minval=-1.0, maxval=1.0)
    free = free.replace(physics=free.physics.replace(qpos=states.physics.qpos, qvel=states.physics.qvel))
    step, plain_step = (jax.jit(jax.vmap(t.step), compiler_options=FEW_STEPS) for t in (task, plain))
    for action in actions:
        states, free = step(states, action), plain_step(free, action)
    np.testing.assert_allclose(states.physics.qpos, free.physics.qpos, atol=1e-3)


@pytest.mark.slow
def test_walls_hold_against_random_actions_and_a_steady_push_of_its_weight() -> None:
    """32 ants, 300 steps of 0.1 s, pushed by 0 to 1 times their weight along axes and diagonals."""
    count, steps = 32, 300
    task = task_of("antmaze-medium", starts="diverse")
    simulation, maze = task.simulation, task.layout
    angles = jnp.arange(count) * (jnp.pi / 4)
    share = (jnp.arange(count) // 8) / 3.0
    pushes = (share * GRAVITY * simulation.dt / task.substeps)[:, None] * jnp.stack(
        [jnp.cos(angles), jnp.sin(angles)], axis=-1
    )

    def advance(physics: Physics, action: jax.Array, push: jax.Array) -> Physics:
        def before_substep(now: Physics) -> tuple[Physics, jax.Array]:
            # Velocity of the free joint moves the whole ant: a force on all its mass.
            now = now.replace(qvel=now.qvel.at[:2].add(push))
            return now, Placed(maze.boxes_near(now.qpos[:2]))

        return simulation.advance(physics, simulation.control(action), before_substep)

    def step(physics: Physics, key: jax.Array) -> tuple[Physics, jax.Array]:
        actions = jax.random.uniform(key, (count, 8), minval=-1.0, maxval=1.0)
        physics = jax.vmap(advance)(physics, actions, pushes)
        return physics, physics.qpos[:, :3]

    start = jax.jit(jax.vmap(task.reset))(jax.random.split(jax.random.key(0), count)).physics
    run = jax.jit(lambda physics, key: jax.lax.scan(step, physics, jax.random.split(key, steps)))
    places = np.asarray(run(start, jax.random.key(1))[1])
    assert np.isfinite(places).all()
    inside = np.asarray(maze.is_wall(maze.cell_of(jnp.asarray(places[..., :2]))))
    assert not inside.any()
    corner = np.abs(places[..., :2]).max(axis=(0, 1))
    assert (corner < maze.cell_size * (np.array(maze.walls.shape[::-1]) / 2 - 1)).all()
    # The walls were tried: the strongest pushes end beside one, the torso's radius away.
    ends = places[-1, -8:, :2]
    cells = np.asarray(maze.centre(maze.cell_of(jnp.asarray(ends))))
    assert np.median(np.abs(ends - cells).max(axis=-1)) > 0.9


def test_a_step_is_c_mujocos() -> None:
    """From states along random walks that are pushed against the walls, each one simulation step ahead."""
    task = task_of("antmaze-umaze", substeps=1)
    simulation, maze = task.simulation, task.layout
    model, count = simulation.mj_model, 100
    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    rows, touching = [], 0
    physics = task.reset(jax.random.key(0)).physics
    data.qpos[:], data.qvel[:] = physics.qpos, physics.qvel
    boxes = jax.jit(maze.boxes_near)
    for step in range(1000):
        data.ctrl[:] = rng.uniform(-1.0, 1.0, 8)
        data.mocap_pos[:] = boxes(jnp.asarray(data.qpos[:2], jnp.float32))
        data.qvel[:2] += 0.05 * np.array([np.cos(step / 300), np.sin(step / 300)])
        before = [np.array(x) for x in (data.qpos, data.qvel, data.qacc_warmstart, data.ctrl)]
        mujoco.mj_step(model, data)
        walls = (model.geom_bodyid[data.contact.geom] > model.nbody - 4).any()
        if step % 10 == 0 and not has_steep_capsule_contact(model, data):
            rows.append((*before, np.concatenate([data.qpos, data.qvel])))
            touching += bool(walls)
    qpos, qvel, warmstart, control, after = (np.stack(x).astype(np.float32) for x in zip(*rows, strict=True))
    start = jax.jit(jax.vmap(task.reset))(jax.random.split(jax.random.key(0), len(rows)))
    states = start.replace(physics=start.physics.replace(qpos=qpos, qvel=qvel, warmstart=warmstart))
    ours = jax.jit(jax.vmap(task.step), compiler_options=FEW_STEPS)(states, control).physics
    error = np.abs(np.concatenate([ours.qpos, ours.qvel], axis=-1) - after).max(axis=-1)
    error /= np.maximum(1.0, np.abs(after).max(axis=-1))
    assert len(rows) > count / 3 and touching >= 5
    assert np.median(error) < 1e-5 and error.max() < 1e-3
