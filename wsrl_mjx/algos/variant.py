"""What algorithms share that keep SAC's state and replace some of its updates."""

import jax
from flax import struct

from wsrl_mjx.algos.distributions import ActionDistribution
from wsrl_mjx.algos.sac import SAC, SACState
from wsrl_mjx.types import Key, Metrics, Params, Transition


class SACVariant(struct.PyTreeNode):
    """SAC as it is (contract: `algos.base.Algorithm`); a variant overrides what it does differently."""

    sac: SAC

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Keys of the metrics of both updates."""
        return self.sac.metric_names

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
        """Moves the critics as SAC does."""
        return self.sac.update_critic(state, batch, key)

    def update_actor(self, state: SACState, batch: Transition, key: Key) -> tuple[SACState, Metrics]:
        """Moves actor and temperature as SAC does."""
        return self.sac.update_actor(state, batch, key)

    def hand_over(self, state: SACState) -> SACState:
        """Returns what SAC goes on with: here, all of it."""
        return state

    def take_over(self, state: SACState, sac: SACState) -> SACState:
        """Returns `sac`, which is all there is."""
        del state
        return sac
