"""SO2: fine-tuning in which every critic follows its own target, at next actions moved by noise.

Zhang et al. 2024 ("A Perspective of Q-value Estimation on Offline-to-Online Reinforcement Learning"); its
many updates per step and the data that it keeps are settings of the loop (`wsrl_mjx/methods.py`).
"""

import jax
import jax.numpy as jnp
from flax import struct

from wsrl_mjx import losses, networks
from wsrl_mjx.algos.base import descend
from wsrl_mjx.algos.sac import SAC, SACState
from wsrl_mjx.distributions import ActionDistribution
from wsrl_mjx.types import Key, Metrics, Params, Transition


class SO2(struct.PyTreeNode):
    """SAC with another critic update (contract: `algos.base.Algorithm`)."""

    sac: SAC
    noise: jax.Array  # standard deviation of what is added to the next actions
    noise_limit: jax.Array  # where it is clipped

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
        """Regresses critic i on r + discount * (Q'_i(s', a' + noise) - temperature * log pi(a'|s'))."""
        target = self._targets(state, batch, key)

        def loss(params: Params):
            q = networks.apply_ensemble(self.sac.critic, params, batch.obs, batch.action)
            return losses.critic_loss(q, target, batch.valid), losses.masked_mean(q, batch.valid)

        critic, value, q = descend(state.critic, loss, self.sac.critic_lr)
        metrics = self.sac.critic_metrics(value, q, target, batch)
        return self.sac.move_critic(state, critic), metrics

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

    def _targets(self, state: SACState, batch: Transition, key: Key) -> jax.Array:
        """Returns every critic's own target, [E, B]."""
        key_action, key_noise = jax.random.split(key)
        action, log_prob = self.sac.policy(state.actor.params, batch.next_obs).sample(key_action)
        noise = self.noise * jax.random.normal(key_noise, action.shape)
        action = jnp.clip(action + jnp.clip(noise, -self.noise_limit, self.noise_limit), -1.0, 1.0)
        q = networks.apply_ensemble(self.sac.critic, state.target_critic, batch.next_obs, action)
        entropy = jax.nn.softplus(state.temperature.params) * log_prob
        own = lambda value: losses.td_target(
            batch.reward, batch.terminated, value - entropy, self.sac.discount
        )
        return jax.vmap(own)(q)
