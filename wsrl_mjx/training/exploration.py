"""Who chooses the actions while experience is collected: the agent, or something else first."""

from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import struct

from wsrl_mjx.types import Key, TrainState

WarmupPolicy = Literal["agent", "pretrained", "random"]


class Explorer(struct.PyTreeNode):
    """The agent, unless it is told otherwise for the warmup or for the beginning of every episode.

    With a guide (JSRL, Uchendu et al. 2023, algorithm 1 with a random horizon) the pretrained policy acts for
    the first h steps of an episode, h drawn from a geometric distribution over 1, 2, ...
    """

    guide_steps: jax.Array | None = None  # [] float32, the mean of h; None without a guide
    warmup: WarmupPolicy = struct.field(pytree_node=False, default="agent")

    def begin(self, key: Key, num_envs: int) -> jax.Array | None:
        """Returns the steps [N] int32 that the guide has left in each environment; None without a guide."""
        return None if self.guide_steps is None else self._horizons(key, num_envs)

    def act(self, algorithm: Any, state: TrainState, warming_up: jax.Array, key: Key) -> jax.Array:
        """Returns actions [N, A] for the observations that `state` is at.

        Args:
            algorithm: of the agent.
            state: its `reference` is the pretrained actor, where it has to act.
            warming_up: [] bool, whether no update has been made yet.
            key: for sampling.
        """
        obs = state.env.obs
        action = algorithm.act(state.agent, obs, key, explore=True)
        if self.warmup == "random":
            uniform = jax.random.uniform(key, action.shape, minval=-1.0, maxval=1.0)
            action = jnp.where(warming_up, uniform, action)
        if self.warmup == "agent" and self.guide_steps is None:
            return action
        pretrained, _ = algorithm.policy(state.reference, obs).sample(key)
        if self.warmup == "pretrained":
            action = jnp.where(warming_up, pretrained, action)
        if state.guide is not None:
            action = jnp.where(state.guide[:, None] > 0, pretrained, action)
        return action

    def after(self, guide: jax.Array | None, ended: jax.Array, key: Key) -> jax.Array | None:
        """Returns the guide's steps left behind one step; where an episode `ended` [N], of the next one."""
        if guide is None:
            return None
        return jnp.where(ended, self._horizons(key, len(guide)), jnp.maximum(guide - 1, 0))

    def _horizons(self, key: Key, num_envs: int) -> jax.Array:
        assert self.guide_steps is not None
        return jax.random.geometric(key, 1.0 / self.guide_steps, (num_envs,), jnp.int32)
