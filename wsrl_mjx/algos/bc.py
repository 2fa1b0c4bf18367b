"""Behaviour cloning: the actor imitates the data, the critics stay as they were made.

What it hands over is the actor alone: fine-tuning begins with fresh critics.
"""

import jax
from flax import struct

from wsrl_mjx import losses
from wsrl_mjx.algos.base import descend
from wsrl_mjx.algos.sac import SAC, SACState
from wsrl_mjx.distributions import ActionDistribution
from wsrl_mjx.types import Average, Key, Metrics, Params, Transition


class BC(struct.PyTreeNode):
    """Maximum likelihood of the data's actions (contract: `algos.base.Algorithm`)."""

    sac: SAC

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Keys of the metrics of both updates."""
        return ("actor/loss",)

    def init(self, key: Key, obs: jax.Array, action: jax.Array) -> SACState:
        """Returns fresh networks."""
        return self.sac.init(key, obs, action)

    def act(self, state: SACState, obs: jax.Array, key: Key, explore: bool) -> jax.Array:
        """Acts as SAC does."""
        return self.sac.act(state, obs, key, explore)

    def policy(self, actor_params: Params, obs: jax.Array) -> ActionDistribution:
        """Returns the distribution of actions at `obs` [*, O]."""
        return self.sac.policy(actor_params, obs)

    def update_critic(self, state: SACState, batch: Transition, key: Key) -> tuple[SACState, Metrics]:
        """Does nothing: there is no critic to learn."""
        del batch, key
        return state, {}

    def update_actor(self, state: SACState, batch: Transition, key: Key) -> tuple[SACState, Metrics]:
        """Descends mean[-log pi(a|s)] over the data's actions."""
        del key

        def loss(params: Params):
            log_prob = self.sac.policy(params, batch.obs).log_prob(batch.action)
            return -losses.masked_mean(log_prob, batch.valid), None

        actor, value, _ = descend(state.actor, loss, self.sac.actor_lr)
        return state.replace(actor=actor), {"actor/loss": Average.of(value)}

    def hand_over(self, state: SACState) -> SACState:
        """Returns the trained actor, and critics as fresh as they were."""
        return state

    def take_over(self, state: SACState, sac: SACState) -> SACState:
        """Returns `sac`, which is all there is."""
        del state
        return sac
