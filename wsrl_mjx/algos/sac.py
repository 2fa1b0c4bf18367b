"""Soft actor-critic with a REDQ ensemble: what fine-tunes in WSRL, and the base of CQL and Cal-QL.

Haarnoja et al. 2018 (SAC), Chen et al. 2021 (REDQ), constants and choices: Zhou et al. 2024 (WSRL).
"""

from typing import Literal

import jax
import jax.numpy as jnp
from flax import struct

from wsrl_mjx.algos import ensemble, losses, networks
from wsrl_mjx.algos.base import descend, learner
from wsrl_mjx.algos.distributions import ActionDistribution
from wsrl_mjx.types import Average, Key, Learner, Metrics, Params, Transition


class SACState(struct.PyTreeNode):
    """Actor, critics, their targets, and the temperature."""

    actor: Learner
    critic: Learner  # every leaf [E, ...]
    target_critic: Params  # every leaf [E, ...]
    temperature: Learner  # params: [] float32, softplus of it is the temperature


class SAC(struct.PyTreeNode):
    """Hyper-parameters of SAC, and its methods (contract: `algos.base.Algorithm`)."""

    actor_lr: jax.Array
    critic_lr: jax.Array
    temperature_lr: jax.Array
    discount: jax.Array
    target_rate: jax.Array  # Polyak rate of the target critics
    target_entropy: jax.Array  # nats
    init_temperature: jax.Array
    actor: networks.Actor = struct.field(pytree_node=False)
    critic: networks.Critic = struct.field(pytree_node=False)
    ensemble_size: int = struct.field(pytree_node=False)
    target_subset: int = struct.field(pytree_node=False)  # critics in the minimum of a target
    backup_actions: int = struct.field(pytree_node=False)  # > 1: max target backup over that many
    entropy_backup: bool = struct.field(pytree_node=False)
    actor_q: Literal["min", "mean"] = struct.field(pytree_node=False)  # over all critics
    # Share of behaviour cloning in the actor's loss; None: no such term.
    cloning_weight: jax.Array | None = None

    @property
    def sac(self) -> "SAC":
        """Itself."""
        return self

    def init(self, key: Key, obs: jax.Array, action: jax.Array) -> SACState:
        """Returns fresh networks; the targets start as a copy of the critics."""
        key_actor, key_critic = jax.random.split(key)
        critic = ensemble.init(self.critic, self.ensemble_size, key_critic, obs, action)
        return SACState(
            actor=learner(self.actor.init(key_actor, obs)),
            critic=learner(critic),
            target_critic=jax.tree.map(jnp.copy, critic),
            temperature=learner(jnp.log(jnp.expm1(self.init_temperature))),
        )

    def act(self, state: SACState, obs: jax.Array, key: Key, explore: bool) -> jax.Array:
        """Returns sampled actions, or the tanh of the mean."""
        policy = self.policy(state.actor.params, obs)
        return policy.sample(key)[0] if explore else policy.mode()

    def update_critic(self, state: SACState, batch: Transition, key: Key) -> tuple[SACState, Metrics]:
        """Regresses all critics on one common target, then moves the targets."""
        return self.regress(state, batch, self.target(state, batch, key))

    def update_actor(self, state: SACState, batch: Transition, key: Key) -> tuple[SACState, Metrics]:
        """Moves the actor up the critics' minimum (or mean), and the temperature towards its entropy."""
        temperature = jax.nn.softplus(state.temperature.params)

        def loss(params: Params):
            policy = self.policy(params, batch.obs)
            action, log_prob = policy.sample(key)
            q = self.value_of(state, batch.obs, action)
            entropy = -losses.masked_mean(log_prob, batch.valid)
            value = losses.actor_loss(log_prob, q, temperature, batch.valid)
            if self.cloning_weight is not None:
                of_data = policy.log_prob(batch.action)
                value = losses.with_cloning(value, of_data, self.cloning_weight, batch.valid)
            return value, entropy

        actor, value, entropy = descend(state.actor, loss, self.actor_lr)

        def temperature_loss(raw: jax.Array):
            return losses.temperature_loss(jax.nn.softplus(raw), entropy, self.target_entropy), None

        learned, _, _ = descend(state.temperature, temperature_loss, self.temperature_lr)
        metrics = {
            "actor/loss": Average.of(value),
            "actor/entropy": Average.of(entropy),
            "actor/temperature": Average.of(temperature),
        }
        return state.replace(actor=actor, temperature=learned), metrics

    def hand_over(self, state: SACState) -> SACState:
        """Returns what SAC goes on with: here, all of it."""
        return state

    def take_over(self, state: SACState, sac: SACState) -> SACState:
        """Returns `sac`, which is all there is."""
        del state
        return sac

    def policy(self, actor_params: Params, obs: jax.Array) -> ActionDistribution:
        """Returns the distribution of actions at `obs` [*, O]."""
        return self.actor.apply(actor_params, obs)  # pyright: ignore[reportReturnType]

    def value_of(self, state: SACState, obs: jax.Array, action: jax.Array) -> jax.Array:
        """Returns what the actor climbs: the critics' minimum (or mean) at `obs` [*, O], `action` [*, A]."""
        q = ensemble.evaluate(self.critic, state.critic.params, obs, action)
        return jnp.min(q, axis=0) if self.actor_q == "min" else jnp.mean(q, axis=0)

    def target(self, state: SACState, batch: Transition, key: Key) -> jax.Array:
        """Returns r + discount * (1 - terminated) * max_j min_i Q_i(s', a_j), [B].

        i runs over a random subset of the target critics, j over `backup_actions` samples of the policy.
        """
        _, value = self._candidates(state, batch.next_obs, key)
        return losses.td_target(batch.reward, batch.terminated, jnp.max(value, axis=0), self.discount)

    def best_action(self, state: SACState, obs: jax.Array, key: Key) -> jax.Array:
        """Returns the actions [B, A] whose values a target takes: the best of `backup_actions` samples."""
        action, value = self._candidates(state, obs, key)
        best = jnp.argmax(value, axis=0)[None, :, None]
        return jnp.take_along_axis(action, best, axis=0)[0]

    def _candidates(self, state: SACState, obs: jax.Array, key: Key) -> tuple[jax.Array, jax.Array]:
        """Returns samples [K, B, A] of the policy at `obs` [B, O], and what a target says of each, [K, B]."""
        key_action, key_subset = jax.random.split(key)
        policy = self.policy(state.actor.params, obs)
        action, log_prob = policy.sample(key_action, (self.backup_actions,))
        critics = ensemble.choose(state.target_critic, self.ensemble_size, self.target_subset, key_subset)
        obs = jnp.broadcast_to(obs, (*action.shape[:-1], obs.shape[-1]))
        value = jnp.min(ensemble.evaluate(self.critic, critics, obs, action), axis=0)
        if self.entropy_backup:
            value = value - jax.nn.softplus(state.temperature.params) * log_prob
        return action, value

    def regress(self, state: SACState, batch: Transition, target: jax.Array) -> tuple[SACState, Metrics]:
        """Takes one step of all critics towards `target` [B], or each its own [E, B]; the targets follow."""

        def loss(params: Params):
            q = ensemble.evaluate(self.critic, params, batch.obs, batch.action)
            return losses.critic_loss(q, target, batch.valid), losses.masked_mean(q, batch.valid)

        critic, value, q = descend(state.critic, loss, self.critic_lr)
        metrics = self.critic_metrics(value, q, target, batch)
        return self.move_critic(state, critic), metrics

    def move_critic(self, state: SACState, critic: Learner) -> SACState:
        """Returns the state with new critics, and targets one Polyak step closer to them."""
        target = losses.polyak(state.target_critic, critic.params, self.target_rate)
        return state.replace(critic=critic, target_critic=target)

    def critic_metrics(self, value: jax.Array, q: jax.Array, target: jax.Array, batch: Transition) -> Metrics:
        """Returns the metrics of one critic update."""
        return {
            "critic/loss": Average.of(value),
            "critic/q": Average.of(q),
            "critic/target": Average.of(losses.masked_mean(target, batch.valid)),
        }
