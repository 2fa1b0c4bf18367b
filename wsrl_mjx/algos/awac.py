"""AWAC: off-policy critics, and an actor that clones actions by their advantage over its own.

Nair et al. 2020. It goes on online as it began, from a buffer that the data stays in.
"""

import jax

from wsrl_mjx.algos import losses
from wsrl_mjx.algos.base import descend
from wsrl_mjx.algos.sac import SACState
from wsrl_mjx.algos.variant import Variant
from wsrl_mjx.types import Average, Key, Metrics, Params, Transition


class AWAC(Variant):
    """SAC with another actor update (contract: `algos.base.Algorithm`); the temperature is never moved."""

    beta: jax.Array  # inverse temperature of the advantages, one over the paper's lambda

    def update_actor(self, state: SACState, batch: Transition, key: Key) -> tuple[SACState, Metrics]:
        """Descends mean[-exp(beta * (Q(s, a) - Q(s, a_pi))) log pi(a|s)], a_pi one sample of the policy."""
        own, _ = self.policy(state.actor.params, batch.obs).sample(key)
        advantage = self.sac.value_of(state, batch.obs, batch.action) - self.sac.value_of(
            state, batch.obs, own
        )
        weight = losses.advantage_weight(advantage, self.beta)

        def loss(params: Params):
            log_prob = self.policy(params, batch.obs).log_prob(batch.action)
            return -losses.masked_mean(weight * log_prob, batch.valid), None

        actor, value, _ = descend(state.actor, loss, self.sac.actor_lr)
        metrics = {
            "actor/loss": Average.of(value),
            "awac/weight": Average.of(losses.masked_mean(weight, batch.valid)),
        }
        return state.replace(actor=actor), metrics
