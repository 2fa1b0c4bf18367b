"""SO2: fine-tuning in which every critic follows its own target, at next actions moved by noise.

Zhang et al. 2024 ("A Perspective of Q-value Estimation on Offline-to-Online Reinforcement Learning"); its
many updates per step and the data that it keeps are settings of the loop (`wsrl_mjx/config/methods.py`).
"""

import jax
import jax.numpy as jnp

from wsrl_mjx.algos import ensemble, losses
from wsrl_mjx.algos.sac import SACState
from wsrl_mjx.algos.variant import Variant
from wsrl_mjx.types import Key, Metrics, Transition


class SO2(Variant):
    """SAC with another critic update (contract: `algos.base.Algorithm`)."""

    noise: jax.Array  # standard deviation of what is added to the next actions
    noise_limit: jax.Array  # where it is clipped

    def update_critic(self, state: SACState, batch: Transition, key: Key) -> tuple[SACState, Metrics]:
        """Regresses critic i on r + discount * (Q'_i(s', a' + noise) - temperature * log pi(a'|s'))."""
        return self.sac.regress(state, batch, self._targets(state, batch, key))

    def _targets(self, state: SACState, batch: Transition, key: Key) -> jax.Array:
        """Returns every critic's own target, [E, B]."""
        key_action, key_noise = jax.random.split(key)
        action, log_prob = self.sac.policy(state.actor.params, batch.next_obs).sample(key_action)
        noise = self.noise * jax.random.normal(key_noise, action.shape)
        action = jnp.clip(action + jnp.clip(noise, -self.noise_limit, self.noise_limit), -1.0, 1.0)
        q = ensemble.evaluate(self.sac.critic, state.target_critic, batch.next_obs, action)
        entropy = jax.nn.softplus(state.temperature.params) * log_prob
        own = lambda value: losses.td_target(
            batch.reward, batch.terminated, value - entropy, self.sac.discount
        )
        return jax.vmap(own)(q)
