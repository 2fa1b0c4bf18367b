"""Times physics alone: control steps of each task under random actions."""

from typing import Any

import jax

import envs
from benchmarks.timing import per_step, timed_calls
from envs.base import EnvState
from wsrl_mjx.data import rollout
from wsrl_mjx.rendering.recording import simulation_of
from wsrl_mjx.training import runtime


def steps(name: str, num_envs: int, length: int, repeats: int) -> dict[str, Any]:
    """Returns the rate of `num_envs` environments of a task side by side, resets included."""
    env = envs.make(name)

    def advance(state: EnvState) -> EnvState:
        def body(state: EnvState, _: None) -> tuple[EnvState, None]:
            keys = jax.vmap(jax.random.fold_in)(state.key, state.steps)
            draw = lambda key: jax.random.uniform(key, (env.action_size,), minval=-1.0, maxval=1.0)
            return jax.vmap(env.step)(state, jax.vmap(draw)(keys)), None

        return jax.lax.scan(body, state, length=length)[0]

    state = jax.jit(rollout.reset, static_argnums=(0, 2))(env, jax.random.key(0), num_envs)
    runtime.heed(env)
    program = runtime.compiled(jax.jit(advance, donate_argnums=0).lower(state))
    taken = per_step(timed_calls(program, state, repeats), length)
    per_second = num_envs * taken["per_second"]
    return taken | {
        "num_envs": num_envs,
        "control_steps_per_second": per_second,
        "physics_steps_per_second": per_second * simulation_of(env).substeps,
    }
