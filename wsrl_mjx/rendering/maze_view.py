"""What a maze shows besides numbers: the ways that policies take, and the value of every place.

Looked at with every evaluation, and kept as `<phase>-<step>.npz` until the picture is drawn
(`wsrl_mjx.rendering.maze_picture`).
"""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from envs.base import Environment
from envs.episode import Episodes
from envs.maze_task import MazeTask
from wsrl_mjx.algos import ensemble
from wsrl_mjx.algos.sac import SAC, SACState
from wsrl_mjx.data import rollout
from wsrl_mjx.training.sharding import Placement
from wsrl_mjx.types import Compiler, Key

POINTS_PER_CELL = 4  # along each axis, where values are taken
EPISODES = 4  # of each seed's policy, for the picture


class Look(struct.PyTreeNode):
    """One look at one seed."""

    paths: jax.Array  # [T, N, 2] m, x and y; after an episode's end its last place
    success: jax.Array  # [N] bool
    values: jax.Array  # [G] mean of the critics at rest with the policy's action, on `grid`


class MazeView:
    """Looks at the policies and critics of all seeds in a maze, and keeps what it saw."""

    def __init__(self, env: Episodes, sac: SAC, folder: Path, placement: Placement) -> None:
        assert isinstance(env.task, MazeTask)
        self._env, self._task, self._sac = env, env.task, sac
        self._folder, self._placement = folder, placement
        self._points = grid(self._task)
        self._look = jax.jit(placement.over_members(self._look_one, (0, 0)))

    def keep(self, phase: str, step: int, agent: SACState, keys: Key, compiler: Compiler) -> None:
        """Looks with the agents in all places [P] and writes `<phase>-<step>.npz`, of all seeds."""
        program = compiler.compiled("a look at the maze", self._look, agent, keys)
        look: Look = self._placement.of_members(jax.device_get(program(agent, keys)))
        self._folder.mkdir(exist_ok=True)
        maze = self._task.layout
        arrays: dict[str, Any] = {
            "paths": look.paths, "success": look.success, "values": look.values,
            "points": self._points, "walls": maze.walls, "cell_size": maze.cell_size,
            "start": maze.start, "goal": maze.goal,
        }  # fmt: skip
        np.savez_compressed(self._folder / f"{phase}-{step}.npz", **arrays)

    def _look_one(self, agent: SACState, key: Key) -> Look:
        paths, success = self._walk(agent.actor.params, key)
        obs = jax.vmap(self._task.observe_at)(jnp.asarray(self._points))
        action = self._sac.policy(agent.actor.params, obs).mode()
        q = ensemble.evaluate(self._sac.critic, agent.critic.params, obs, action)
        return Look(paths, success, jnp.mean(q, axis=0))

    def _walk(self, actor_params: Any, key: Key) -> tuple[jax.Array, jax.Array]:
        """Plays one deterministic episode in each of N environments: places [T, N, 2], successes [N]."""

        def step(carry: Any, _: None) -> tuple[Any, jax.Array]:
            state, place, running, success = carry
            stepped = jax.vmap(self._env.step)(state, self._sac.policy(actor_params, state.obs).mode())
            place = jnp.where(running[:, None], stepped.final_obs[:, :2], place)
            success |= running & stepped.terminated
            running &= ~(stepped.terminated | stepped.truncated)
            return (stepped, place, running, success), place

        state = rollout.reset(self._env, key, EPISODES)
        carry = (state, state.obs[:, :2], jnp.ones(EPISODES, bool), jnp.zeros(EPISODES, bool))
        (_, _, _, success), places = jax.lax.scan(step, carry, length=self._env.time_limit)
        return jnp.concatenate([state.obs[None, :, :2], places]), success


def of(env: Environment, sac: SAC, folder: Path, placement: Placement) -> MazeView | None:
    """Returns the view of a maze; None for any other world."""
    if isinstance(env, Episodes) and isinstance(env.task, MazeTask):
        return MazeView(env, sac, folder, placement)
    return None


def grid(task: MazeTask) -> np.ndarray:
    """Returns places [G, 2] in metres, evenly over the free cells."""
    maze = task.layout
    cells = np.argwhere(~np.asarray(maze.walls))
    steps = (np.arange(POINTS_PER_CELL) + 0.5) / POINTS_PER_CELL - 0.5
    within = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2) * maze.cell_size
    centres = np.asarray(maze.centre(jnp.asarray(cells)))
    return (centres[:, None] + within).reshape(-1, 2).astype(np.float32)
