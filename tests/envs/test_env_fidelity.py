"""The tasks against C MuJoCo and against Gymnasium, from the same states with the same actions.

The states are those that Gymnasium itself visits under random actions, each compared one control step ahead,
so that no error adds up. The tolerances are what float32 and a solver budget leave.
"""

# MuJoCo's C bindings come without type stubs.
# pyright: reportAttributeAccessIssue=false

import copy
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
from envs.base import EnvState, first_state
from envs.simulation import Physics, has_steep_capsule_contact

COUNT = 100
GYMNASIUM: dict[str, tuple[str, dict[str, Any]]] = {
    "ant": ("Ant-v5", {"include_cfrc_ext_in_observation": False, "contact_cost_weight": 0.0}),
    "halfcheetah": ("HalfCheetah-v5", {}),
    "hopper": ("Hopper-v5", {}),
    "walker2d": ("Walker2d-v5", {}),
}


@cache
def recorded(name: str) -> SimpleNamespace:
    """Returns COUNT steps of Gymnasium's environment: the state before, the action, and what it returned."""
    gym_id, options = GYMNASIUM[name]
    env = gymnasium.make(gym_id, **options)
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    env.reset(seed=0)
    inner: Any = env.unwrapped
    for step in range(COUNT):
        data = inner.data
        before = {"qpos": data.qpos.copy(), "qvel": data.qvel.copy(), "warmstart": data.qacc_warmstart.copy()}
        action = rng.uniform(-1.0, 1.0, env.action_space.shape).astype(np.float32)
        obs, reward, terminated, _, info = env.step(action)
        # Ant's velocity comes from a body position that is one simulation step old: take the true one.
        true_velocity = (data.qpos[0] - before["qpos"][0]) / inner.dt
        reward = float(reward) + true_velocity - info["x_velocity"]
        rows.append(before | {"action": action, "obs": obs, "reward": reward, "terminated": terminated})
        if terminated or step == COUNT // 2:
            env.reset(seed=step + 1)
    return SimpleNamespace(**{key: np.stack([row[key] for row in rows]) for key in rows[0]})


def states_of(record: SimpleNamespace) -> EnvState:
    """Returns the batch of our states that stand where Gymnasium stood before each step."""
    as_float32 = [jnp.asarray(x, jnp.float32) for x in (record.qpos, record.qvel, record.warmstart)]
    keys = jax.random.split(jax.random.key(0), COUNT)

    def state(qpos: jax.Array, qvel: jax.Array, warmstart: jax.Array, key: jax.Array) -> EnvState:
        physics = Physics(qpos=qpos, qvel=qvel, warmstart=warmstart)
        return first_state(physics, jnp.zeros(0), key, ("x_velocity",))

    qpos, qvel, warmstart = as_float32
    return jax.vmap(state)(qpos, qvel, warmstart, keys)


@cache
def stepped(name: str, **options: Any) -> EnvState:
    task = envs.make(name, **options).task
    record = recorded(name)
    # One step of 100 states: compiling is all the cost, and without LLVM's optimisations it is half of that.
    step = jax.jit(jax.vmap(task.step), compiler_options={"xla_backend_optimization_level": 0})
    return step(states_of(record), jnp.asarray(record.action))


@cache
def stepped_in_c(
    name: str, iterations: int | None = None, ls_iterations: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Steps in C MuJoCo with the task's own options, or with another budget.

    Returns where it lands, [COUNT, nq + nv], and in which steps a steep capsule touched the floor, [COUNT].
    """
    simulation: Any = envs.make(name).task.simulation
    model = copy.copy(simulation.mj_model)
    model.opt.iterations = iterations or model.opt.iterations
    model.opt.ls_iterations = ls_iterations or model.opt.ls_iterations
    data, record = mujoco.MjData(model), recorded(name)
    result, steep = [], np.zeros(COUNT, bool)
    for row in range(COUNT):
        mujoco.mj_resetData(model, data)
        data.qpos[:], data.qvel[:] = record.qpos[row], record.qvel[row]
        data.qacc_warmstart[:], data.ctrl[:] = record.warmstart[row], record.action[row]
        for _ in range(simulation.substeps):
            mujoco.mj_step(model, data)
            steep[row] |= has_steep_capsule_contact(model, data)
        result.append(np.concatenate([data.qpos, data.qvel]))
    # In the plane of a planar task every orientation of the pyramid is the same.
    return np.stack(result), steep & (name == "ant")


@pytest.fixture(params=list(GYMNASIUM))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def relative_error(ours: Any, theirs: np.ndarray) -> np.ndarray:
    """Returns [COUNT]: the largest difference in each state, relative to its largest number (at least 1)."""
    difference = np.abs(np.asarray(ours) - theirs).max(axis=-1)
    return difference / np.maximum(1.0, np.abs(theirs).max(axis=-1))


def state_vector(state: EnvState) -> np.ndarray:
    return np.concatenate([state.physics.qpos, state.physics.qvel], axis=-1)


def test_a_step_is_c_mujocos(name: str) -> None:
    state = stepped(name)
    target, steep = stepped_in_c(name)
    error = relative_error(state_vector(state), target)[~steep]
    assert len(error) >= 0.4 * COUNT
    assert np.median(error) < 1e-5 and error.max() < 1e-3


def test_the_default_solver_budget_lands_where_the_converged_one_does(name: str) -> None:
    state = stepped(name)
    target, steep = stepped_in_c(name, iterations=100, ls_iterations=50)
    error = relative_error(state_vector(state), target)[~steep]
    assert np.median(error) < 1e-5 and np.quantile(error, 0.95) < 1e-3


def test_the_reward_is_what_the_true_step_earns(name: str) -> None:
    state, record = stepped(name), recorded(name)
    target, steep = stepped_in_c(name)
    simulation: Any = envs.make(name).task.simulation
    velocity = (target[:, 0] - record.qpos[:, 0]) / simulation.dt
    np.testing.assert_allclose(state.metrics["x_velocity"][~steep], velocity[~steep], atol=2e-3)


# RK4 takes 20 seconds to compile, so the hopper alone stands for it where not all tests are run.
RK4 = {"hopper": pytest.mark.slow, "ant": pytest.mark.thorough, "walker2d": pytest.mark.thorough}


@pytest.mark.parametrize("name", [pytest.param(n, marks=RK4.get(n, ())) for n in GYMNASIUM])
def test_gymnasiums_options_give_gymnasiums_observation_reward_and_termination(name: str) -> None:
    # Gymnasium's HalfCheetah takes Euler already: only the solver budget differs, and ours converges.
    theirs = {"integrator": "rk4", "iterations": 100, "ls_iterations": 50}
    state, record = stepped(name, **({} if name == "halfcheetah" else theirs)), recorded(name)
    same = ~stepped_in_c(name)[1]
    error = relative_error(state.obs, record.obs)[same]
    # RK4's inner stages can touch the floor where the steps that chose these states did not.
    assert np.median(error) < 1e-5 and np.quantile(error, 0.95) < 1e-3 and error.max() < 0.05
    reward_error = np.abs(np.asarray(state.reward) - record.reward)[same]
    assert np.median(reward_error) < 1e-5 and np.quantile(reward_error, 0.95) < 1e-3
    np.testing.assert_array_equal(np.asarray(state.terminated)[same], record.terminated[same])
    assert record.terminated.any() or name in {"ant", "halfcheetah"}  # else the line above says nothing


def test_start_states_are_spread_as_gymnasiums(name: str) -> None:
    """Means and deviations of 500 starts; a wrong distribution (uniform for normal) is off by a factor."""
    gym_id, options = GYMNASIUM[name]
    env = gymnasium.make(gym_id, **options)
    theirs = np.stack([env.reset(seed=seed)[0] for seed in range(500)])
    keys = jax.random.split(jax.random.key(0), 500)
    ours = np.asarray(jax.jit(jax.vmap(envs.make(name).reset))(keys).obs)
    deviation = theirs.std(axis=0)
    assert np.abs(ours.mean(axis=0) - theirs.mean(axis=0)).max() < 0.3 * deviation.max()
    np.testing.assert_allclose(ours.std(axis=0), deviation, rtol=0.2)
    # Among 500, uniform numbers stay within 1.8 deviations, and normal ones go beyond 2.5.
    reach = np.abs(ours - ours.mean(axis=0)).max(axis=0) / ours.std(axis=0)
    reach_theirs = np.abs(theirs - theirs.mean(axis=0)).max(axis=0) / deviation
    np.testing.assert_array_equal(reach > 2.2, reach_theirs > 2.2)
