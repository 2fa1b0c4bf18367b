"""Calibrated Q-learning: CQL whose pushed-down values stop at the data's return-to-go.

Nakamoto et al. 2023. Uniform actions are not floored (as in its code; docs/algorithms.md).
"""

import jax
from flax import struct

from wsrl_mjx.algos.cql import CQL, CQLState
from wsrl_mjx.algos.distributions import ActionDistribution
from wsrl_mjx.algos.sac import SACState
from wsrl_mjx.types import Key, Metrics, Params, Transition


class CalQL(struct.PyTreeNode):
    """CQL with a floor (contract: `algos.base.Algorithm`). Batches must carry `mc_return`."""

    cql: CQL

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Keys of the metrics of both updates."""
        return self.cql.metric_names

    def init(self, key: Key, obs: jax.Array, action: jax.Array) -> CQLState:
        """Returns fresh networks."""
        return self.cql.init(key, obs, action)

    def act(self, state: CQLState, obs: jax.Array, key: Key, explore: bool) -> jax.Array:
        """Acts as SAC does."""
        return self.cql.act(state, obs, key, explore)

    def policy(self, actor_params: Params, obs: jax.Array) -> ActionDistribution:
        """Returns the distribution of actions at `obs` [*, O]."""
        return self.cql.policy(actor_params, obs)

    def update_critic(self, state: CQLState, batch: Transition, key: Key) -> tuple[CQLState, Metrics]:
        """Takes CQL's critic step with policy actions floored at the return-to-go.

        Raises:
            ValueError: while tracing, if the batch carries no `mc_return`.
        """
        if batch.mc_return is None:
            raise ValueError("Cal-QL needs transitions with mc_return; this batch has none")
        return self.cql.update_critic_above(state, batch, key, floor=batch.mc_return)

    def update_actor(self, state: CQLState, batch: Transition, key: Key) -> tuple[CQLState, Metrics]:
        """Moves actor and temperature as SAC does."""
        return self.cql.update_actor(state, batch, key)

    def hand_over(self, state: CQLState) -> SACState:
        """Returns what SAC goes on with."""
        return self.cql.hand_over(state)

    def take_over(self, state: CQLState, sac: SACState) -> CQLState:
        """Returns `state` with the actor, critics and temperature of `sac`."""
        return self.cql.take_over(state, sac)
