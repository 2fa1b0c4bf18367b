"""What a task's solver budget costs and buys: random play, compared with C MuJoCo's converged solver."""

# MuJoCo's C bindings come without type stubs.
# pyright: reportAttributeAccessIssue=false

import copy
import time
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from envs.episode import Episodes
from envs.simulation import Simulation, has_steep_capsule_contact
from wsrl_mjx.training import runtime

COLUMNS = (
    *("falls", "mean reward", "fastest joint", "non-finite"),
    *("median error", "95 %", "99 %", "steps/s"),
)
CONVERGED = (100, 50)  # C MuJoCo stops by itself long before
ENVS = 32
STEPS = 320
COMPARED = 512  # states stepped in C MuJoCo


def row(env: Episodes) -> list[str]:
    """Returns the cells of one budget, one for each of `COLUMNS`.

    What random play does (falls, mean reward, fastest joint, states that are not finite), how far a control
    step lands from C MuJoCo's converged solver started in the same state, and the speed.
    """
    play = runtime.compiled(jax.jit(lambda key: random_play(env, key)).lower(jax.random.key(0)))
    start = time.perf_counter()
    seen = jax.block_until_ready(play(jax.random.key(0)))
    speed = ENVS * STEPS / (time.perf_counter() - start)
    error = errors_against_c(env.task.simulation, seen)
    return [
        f"{int(seen['fell'].sum()):,}",
        f"{float(seen['reward'].mean()):.3f}",
        f"{float(np.abs(seen['qvel'][..., -env.action_size :]).max()):.0f}",
        f"{int((~seen['valid']).sum())}",
        *(f"{np.quantile(error, level):.1e}" for level in (0.5, 0.95, 0.99)),
        f"{speed:,.0f}",
    ]


def random_play(env: Episodes, key: jax.Array) -> dict[str, Any]:
    """Plays uniform random actions; returns [STEPS, ENVS, ...] of what was seen, before any restart."""
    key_reset, key_play = jax.random.split(key)
    states = jax.vmap(env.reset)(jax.random.split(key_reset, ENVS))

    def step(states: Any, key: jax.Array) -> tuple[Any, dict[str, Any]]:
        actions = jax.random.uniform(key, (ENVS, env.action_size), minval=-1.0, maxval=1.0)
        after = jax.vmap(env.task.step)(states, actions)
        valid = jax.vmap(lambda physics: jnp.isfinite(physics.qvel).all())(after.physics)
        fresh = jax.vmap(env.task.reset)(after.key)
        ended = after.terminated | ~valid
        seen = {
            "fell": after.terminated & valid,
            "valid": valid,
            "reward": jnp.where(valid, after.reward, 0.0),
            "qvel": jnp.where(valid[:, None], after.physics.qvel, 0.0),
            "before": states.physics,
            "action": actions,
        }
        pick = jax.vmap(lambda done, a, b: jax.tree.map(lambda x, y: jnp.where(done, x, y), a, b))
        physics = pick(ended, fresh.physics, after.physics)
        return after.replace(physics=physics, key=fresh.key), seen

    return jax.lax.scan(step, states, jax.random.split(key_play, STEPS))[1]


def errors_against_c(simulation: Simulation, seen: dict[str, Any]) -> np.ndarray:
    """Returns, for COMPARED of the steps seen, the largest velocity error relative to the largest velocity.

    Steps in which a steep capsule touches the floor are left out: see `has_steep_capsule_contact`.
    """
    flat = jax.tree.map(lambda leaf: np.asarray(leaf).reshape((-1, *leaf.shape[2:])), seen)
    model = copy.copy(simulation.mj_model)
    model.opt.iterations, model.opt.ls_iterations = CONVERGED
    data = mujoco.MjData(model)
    errors = []
    for index in np.linspace(0, ENVS * STEPS - 1, COMPARED).astype(int):
        before = jax.tree.map(lambda leaf, index=index: leaf[index], flat["before"])
        mujoco.mj_resetData(model, data)
        data.qpos[:], data.qvel[:], data.qacc_warmstart[:] = before.qpos, before.qvel, before.warmstart
        data.ctrl[:] = simulation.control(flat["action"][index])
        steep = False
        for _ in range(simulation.substeps):
            mujoco.mj_step(model, data)
            steep |= has_steep_capsule_contact(model, data)
        if flat["valid"][index] and not steep:
            difference = np.abs(flat["qvel"][index] - data.qvel).max()
            errors.append(difference / max(1.0, np.abs(data.qvel).max()))
    return np.array(errors)
