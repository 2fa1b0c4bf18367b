"""Worlds in C MuJoCo: each control step is what a plain loop of C MuJoCo makes of the model's own text."""

# MuJoCo's C bindings come without type stubs.
# pyright: reportAttributeAccessIssue=false

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from mjx_cart import Cart
from probe_envs import Line, probe

import envs
from envs import franka
from envs.base import EnvState
from envs.episode import Episodes
from envs.in_mujoco import in_mujoco
from wsrl_mjx.data import rollout

pytestmark = pytest.mark.usefixtures("quick_compilation")

WORLDS: dict[str, dict[str, Any]] = {
    "halfcheetah": {},  # nothing between two simulation steps
    "pointmaze-umaze": {"starts": "diverse"},  # walls that follow, a limit of speed
    "peg-insertion": {"hole_noise": 0.02, "hole_yaw": 0.3},  # a plate that stands elsewhere in every episode
}


def in_c(task: Any, before: Any, after: Any, action: np.ndarray) -> np.ndarray:
    """Returns where C MuJoCo comes to from a state, positions and velocities, with the model's own solver."""
    model = mujoco.MjModel.from_xml_string(task.model_text())
    assert (model.opt.iterations, model.opt.ls_iterations) == (100, 50)
    data, physics = mujoco.MjData(model), before.physics
    data.qpos[:], data.qvel[:], data.qacc_warmstart[:] = physics.qpos, physics.qvel, physics.warmstart
    if task.name.endswith("peg-insertion"):
        half = before.context.yaw / 2
        data.mocap_pos[0] = [*before.context.position, 0.0]
        data.mocap_quat[0] = [np.cos(half), 0.0, 0.0, np.sin(half)]
    for _ in range(task.simulation.substeps):
        if task.name.startswith("pointmaze"):
            data.qvel[:] = np.clip(data.qvel, -5.0, 5.0)
            data.mocap_pos[:] = before.context.boxes_near(jnp.asarray(data.qpos, jnp.float32))
        mujoco.mj_step1(model, data)
        if task.name == "peg-insertion":
            data.ctrl[:] = after.physics.target
        elif task.name == "franka-peg-insertion":
            of = franka.poses_from(data.xpos, data.xmat.reshape(-1, 3, 3), task.first_link)
            data.ctrl[:] = task.pulled(of, data.qpos, data.qvel, after.physics.target) + data.qfrc_bias
        else:
            data.ctrl[:] = action
        mujoco.mj_step2(model, data)
    return np.concatenate([data.qpos, data.qvel])


# The arm takes as long as all the others.
@pytest.mark.parametrize("name", [*WORLDS, pytest.param("franka-peg-insertion", marks=pytest.mark.slow)])
def test_a_step_is_c_mujocos_own(name: str) -> None:
    """Two by three worlds under two `vmap`s; after some steps, by when they touch what there is."""
    env = in_mujoco(envs.make(name, **WORLDS.get(name, {})))
    # The task's step alone: an episode that ends in it would start again.
    both = jax.vmap(jax.vmap(env.task.step))
    keys = jax.random.split(jax.random.key(0), (2, 3))
    actions = jax.random.uniform(jax.random.key(1), (12, 2, 3, env.action_size), minval=-1.0, maxval=1.0)
    if name.endswith("peg-insertion"):
        actions = actions.at[..., 2].set(-1.0)  # down to the plate

    @jax.jit
    def steps(keys: jax.Array) -> tuple[EnvState, EnvState]:
        begun = jax.vmap(jax.vmap(env.reset))(keys)
        before, _ = jax.lax.scan(lambda state, action: (both(state, action), None), begun, actions[:-1])
        return before, both(before, actions[-1])

    before, after = jax.device_get(steps(keys))
    for row in np.ndindex(2, 3):
        start, end = (jax.tree.map(lambda leaf, row=row: leaf[row], side) for side in (before, after))
        landed = in_c(env.task, start, end, np.asarray(actions[-1][row]))
        found = np.concatenate([end.physics.qpos, end.physics.qvel])
        np.testing.assert_allclose(found, landed, rtol=2e-5, atol=2e-5)
        assert np.abs(found - np.concatenate([start.physics.qpos, start.physics.qvel])).max() > 1e-3


def test_all_but_the_physics_is_the_worlds_own() -> None:
    env = envs.make("peg-insertion", hole_noise=0.02, clearance=0.003)
    moved = in_mujoco(env)
    key = jax.random.key(3)
    ours, theirs = jax.jit(lambda key: (moved.reset(key), env.reset(key)))(key)
    for name in ("physics", "context", "obs"):
        jax.tree.map(np.testing.assert_array_equal, getattr(ours, name), getattr(theirs, name))
    assert (moved.name, moved.time_limit, moved.fingerprint()) == ("peg-insertion", 60, env.fingerprint())
    solver = env.task.simulation.mj_model.opt
    assert (solver.iterations, solver.ls_iterations) == (6, 8), "the world itself is as it was"


def test_episodes_go_on_from_fresh_starts() -> None:
    env = in_mujoco(Episodes(Cart(time_limit=3)))
    push = lambda obs, key: jnp.ones((len(obs), 1))
    scores = jax.jit(lambda key: rollout.evaluate(env, push, key, 2))(jax.random.key(0))
    np.testing.assert_array_equal(scores.lengths, [3.0, 3.0])
    # From 0 with 1 m/s; what one newton adds in 0.06 s is in the last digits.
    np.testing.assert_allclose(scores.returns, [0.02 + 0.04 + 0.06] * 2, rtol=0.02)


def test_what_becomes_non_finite_is_an_event_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    env = in_mujoco(envs.make("halfcheetah"))
    state = env.reset(jax.random.key(0))
    wild = state.replace(physics=state.physics.replace(qvel=state.physics.qvel.at[3].set(1e30)))
    stepped = env.step(wild, jnp.zeros(6))
    assert not stepped.valid and not stepped.terminated and float(stepped.reward) == 0.0
    again = env.step(stepped, jnp.zeros(6))
    assert again.valid and np.isfinite(again.obs).all()
    assert not list(tmp_path.iterdir())


def test_a_feedback_can_take_no_number_that_it_is_not_given() -> None:
    simulation = in_mujoco(envs.make("peg-insertion")).task.simulation
    start = simulation.start(jnp.array([0.0, 0.0, 0.1]), jnp.zeros(3))
    seen = simulation.advance(start, lambda data, physics: data.xpos[1] - physics.qpos)
    assert np.isfinite(seen.qpos).all()
    unseen = simulation.advance(start, lambda data, physics: data.cvel[1, :3])
    assert np.isnan(unseen.qpos).any()


def test_worlds_without_a_model_are_refused() -> None:
    with pytest.raises(ValueError, match="env 'line' has no MuJoCo model here"):
        in_mujoco(probe(Line))
