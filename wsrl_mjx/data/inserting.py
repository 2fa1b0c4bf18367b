"""Behaviours for peg insertion: a script that is wrong about the hole and searches, and one that roams.

A person who shows the task, or a script on a robot, knows roughly where the hole is. Here every episode
has an error of its own, which its script never learns of.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from envs.base import EnvState
from envs.insertion import DISPLACEMENT, HIGHEST, LOWEST, TURN, InsertionTask
from wsrl_mjx.types import Key

ABOVE = 0.02  # m, how high over the plate the tip goes sideways
MET = 0.004  # m, how far the tip is held back where it has met something


@dataclass(frozen=True)
class Script:
    """How well a behaviour does it.

    Attributes:
        error: standard deviation on each axis of what it believes of the hole's place, m; drawn by episode.
        search: how far from there it looks for the hole once it has met the plate, m; uniform, anew by step.
        noise: standard deviation of a normal draw on every action, as a share of the largest.
        roaming: share of the episodes in which it goes from place to place instead.
    """

    error: float
    search: float
    noise: float
    roaming: float = 0.0


KINDS = {
    "demonstration": Script(error=0.002, search=0.004, noise=0.2),
    "mixed": Script(error=0.011, search=0.004, noise=0.4),
    "play": Script(error=0.011, search=0.004, noise=0.4, roaming=0.95),
}


class Memory(struct.PyTreeNode):
    """What a script remembers of each environment, [N]."""

    hole: jax.Array  # [N, 2] m, where it believes the hole to be
    yaw: jax.Array  # [N] rad, the hole's
    roams: jax.Array  # [N] bool
    place: jax.Array  # [N, 3] m, where a roaming one is under way to
    lowers: jax.Array  # [N] bool: it has been over the believed hole


class Inserter(struct.PyTreeNode):
    """A script in a world."""

    task: InsertionTask = struct.field(pytree_node=False)
    script: Script = struct.field(pytree_node=False)

    def begin(self, key: Key, num_envs: int) -> Memory:
        """Returns the memory before the first episodes, which `recall` fills."""
        key_roams, key_place = jax.random.split(key)
        return Memory(
            hole=jnp.zeros((num_envs, 2)),
            yaw=jnp.zeros(num_envs),
            roams=jax.random.bernoulli(key_roams, self.script.roaming, (num_envs,)),
            place=_somewhere(key_place, num_envs),
            lowers=jnp.zeros(num_envs, bool),
        )

    def recall(self, memory: Memory, state: EnvState, key: Key) -> Memory:
        """Returns the memory: anew where an episode starts, with a new place where one is reached."""
        key_new, key_error, key_place = jax.random.split(key, 3)
        tip = self.task.seen(state.obs)["position"]
        over = jnp.linalg.norm(tip[:, :2] - memory.hole, axis=-1) < 0.3 * DISPLACEMENT
        reached = jnp.linalg.norm(tip[:, :3] - memory.place, axis=-1) < 2 * DISPLACEMENT
        going_on = memory.replace(
            lowers=memory.lowers | over,
            place=jnp.where(reached[:, None], _somewhere(key_place, len(reached)), memory.place),
        )
        error = self.script.error * jax.random.normal(key_error, memory.hole.shape)
        new = self.begin(key_new, len(reached))
        new = new.replace(hole=state.context.position + error, yaw=state.context.yaw)
        starts = state.steps == 0
        pick = lambda a, b: jnp.where(starts.reshape(-1, *[1] * (a.ndim - 1)), a, b)
        return jax.tree.map(pick, new, going_on)

    def act(self, memory: Memory, obs: jax.Array, key: Key) -> jax.Array:
        """Returns actions [N, D]: over the believed hole, down, and about it where it meets the plate."""
        key_search, key_noise = jax.random.split(key)
        seen = self.task.seen(obs)
        tip, told = seen["position"], seen["position"] + seen["error"]
        around = jax.random.uniform(key_search, memory.hole.shape, minval=-1.0, maxval=1.0)
        met = memory.lowers & (seen["error"][:, 2] < -MET)
        aim = memory.hole + jnp.where(met[:, None], self.script.search * around, 0.0)
        # Down by a step from where it is, so that it presses on whatever it meets.
        height = jnp.where(memory.lowers, tip[:, 2] - DISPLACEMENT, ABOVE)
        inserting = jnp.concatenate([aim, height[:, None]], axis=1)
        goal = jnp.where(memory.roams[:, None], memory.place, inserting)
        action = (goal - told[:, :3]) / DISPLACEMENT
        if self.task.turning:
            turn = (memory.yaw - told[:, 3]) / TURN
            action = jnp.concatenate([action, turn[:, None]], axis=1)
        return jnp.clip(action, -1.0, 1.0) + self.script.noise * jax.random.normal(key_noise, action.shape)


def _somewhere(key: Key, num_envs: int) -> jax.Array:
    """Returns places [N, 3] over the plate, m."""
    low, high = jnp.array([LOWEST[0], LOWEST[1], 0.0]), jnp.array(HIGHEST[:3])
    return jax.random.uniform(key, (num_envs, 3), minval=low, maxval=high)


def script(kind: str, error: float | None) -> Script:
    """Returns one of `KINDS`, with an error (m) other than its own unless that is None."""
    return KINDS[kind] if error is None else replace(KINDS[kind], error=error)


def card(script: Script) -> dict[str, Any]:
    """Returns what there is to know of a script."""
    how = "a script that knows where the hole is, with an error"
    return {"return_mean": None, "how": how, **asdict(script)}
