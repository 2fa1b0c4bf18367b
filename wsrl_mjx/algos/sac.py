"""Soft actor-critic with a REDQ ensemble: what fine-tunes in WSRL, and the base of CQL and Cal-QL.

Haarnoja et al. 2018 (SAC), Chen et al. 2021 (REDQ), constants and choices: Zhou et al. 2024 (WSRL).
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
from flax import struct

from wsrl_mjx.algos import checks, ensemble, losses, networks
from wsrl_mjx.algos.base import HasActions, PhaseName, descend, hyper, learner
from wsrl_mjx.algos.distributions import ActionDistribution
from wsrl_mjx.types import Average, Key, Learner, Metrics, Params, Transition


@dataclass(frozen=True)
class SACSettings:
    """Networks and constants that pretraining and fine-tuning share."""

    actor_hidden: tuple[int, ...] = (256, 256)
    critic_hidden: tuple[int, ...] = (256, 256)
    layer_norm: bool = True
    actor_squash: bool = True
    """Squash actions by tanh; without, a Gaussian's samples are clipped, as in the released IQL and BC."""
    std_mode: networks.StdMode = "state"
    """Whether the policy's std depends on the state or is one free vector."""
    precision: networks.Precision = "float32"
    """Of activations and products between hidden layers; parameters, optimizers, values, densities, targets
    and losses are float32 either way."""
    ensemble_size: int = 10
    target_subset: int = 2
    """Critics in the minimum of a target, drawn anew for every update."""
    actor_q: Literal["min", "mean"] = "min"
    """How the actor's loss reduces the ensemble."""
    actor_lr: float = 1e-4
    """The released code moves its actor by zero-gradient Adam steps too, 2.24 times as far: 2.24e-4."""
    critic_lr: float = 3e-4
    temperature_lr: float = 1e-4
    discount: float = 0.99
    target_rate: float = 0.005
    """Polyak rate of the target critics, per critic update."""
    target_entropy: float | None = None
    """Nats; unset: minus the number of actions."""
    init_temperature: float = 1.0

    def check(self) -> None:
        """Raises ValueError for the first value that cannot work."""
        for name in ("actor_hidden", "critic_hidden"):
            checks.require_widths(name, getattr(self, name))
        for name in ("ensemble_size", "target_subset"):
            checks.require_count(name, getattr(self, name))
        at_most = f"not exceed ensemble_size ({self.ensemble_size})"
        checks.require(self.target_subset <= self.ensemble_size, "target_subset", at_most, self.target_subset)
        for name in ("actor_lr", "critic_lr", "temperature_lr"):
            checks.require_rate(name, getattr(self, name))
        for name in ("discount", "target_rate"):
            value = getattr(self, name)
            checks.require(0.0 < value <= 1.0, name, "be in (0, 1]", value)
        checks.require_positive("init_temperature", self.init_temperature)
        if self.target_entropy is not None:
            checks.require_finite("target_entropy", self.target_entropy)
        checks.choose("std_mode", self.std_mode, ("state", "global"))
        checks.choose("precision", self.precision, ("float32", "bfloat16"))
        checks.choose("actor_q", self.actor_q, ("min", "mean"))


class SACState(struct.PyTreeNode):
    """Actor, critics, their targets, and the temperature."""

    actor: Learner
    critic: Learner  # every leaf [E, ...]
    target_critic: Params  # every leaf [E, ...]
    temperature: Learner  # params: [] float32, softplus of it is the temperature


class SAC(struct.PyTreeNode):
    """Hyper-parameters of SAC, and its methods (contract: `algos.base.Algorithm`)."""

    name: ClassVar[str] = "sac"
    pretrains: ClassVar[bool] = False
    fine_tunes: ClassVar[bool] = True
    needs_returns: ClassVar[bool] = False
    settings: ClassVar[type | None] = None  # SACSettings are every algorithm's

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

    @classmethod
    def create(
        cls,
        env: HasActions,
        *,
        hidden: tuple[int, ...] | None = None,
        backup_actions: int = 1,
        entropy_backup: bool = False,
        cloning_weight: float | None = None,
        **settings: Any,
    ) -> "SAC":
        """Returns SAC for the actions of `env`, by default with the constants of WSRL's paper.

        Args:
            env: whose `action_size` is read.
            hidden: widths of the hidden layers of actor and critics alike; short for `actor_hidden` and
                `critic_hidden`.
            backup_actions: next actions whose best value backs up a target; 1: no maximum.
            entropy_backup: whether targets count the entropy too.
            cloning_weight: share of behaviour cloning in the actor's loss; None: no such term.
            settings: fields of `SACSettings` by name, such as `ensemble_size` and `discount`.

        Raises:
            ValueError: a value that cannot work.
            TypeError: a name that `SACSettings` does not have.
        """
        if hidden is not None:
            settings = {"actor_hidden": hidden, "critic_hidden": hidden} | settings
        checks.require_known("create", settings, [item.name for item in fields(SACSettings)])
        chosen = SACSettings(**settings)
        chosen.check()
        checks.require_count("backup_actions", backup_actions)
        if cloning_weight is not None:
            checks.require(0.0 <= cloning_weight <= 1.0, "cloning_weight", "be in [0, 1]", cloning_weight)
        entropy = -env.action_size if chosen.target_entropy is None else chosen.target_entropy
        return cls(
            actor_lr=hyper(chosen.actor_lr),
            critic_lr=hyper(chosen.critic_lr),
            temperature_lr=hyper(chosen.temperature_lr),
            discount=hyper(chosen.discount),
            target_rate=hyper(chosen.target_rate),
            target_entropy=hyper(entropy),
            init_temperature=hyper(chosen.init_temperature),
            actor=networks.Actor(
                env.action_size,
                chosen.actor_hidden,
                chosen.layer_norm,
                chosen.std_mode,
                precision=chosen.precision,
                squash=chosen.actor_squash,
            ),
            critic=networks.Critic(chosen.critic_hidden, chosen.layer_norm, chosen.precision),
            ensemble_size=chosen.ensemble_size,
            target_subset=chosen.target_subset,
            backup_actions=backup_actions,
            entropy_backup=entropy_backup,
            actor_q=chosen.actor_q,
            cloning_weight=None if cloning_weight is None else hyper(cloning_weight),
        )

    @classmethod
    def from_settings(cls, sac: "SAC", settings: None, phase: PhaseName) -> "SAC":
        """Returns `sac`."""
        del settings, phase
        return sac

    @classmethod
    def backups(cls, settings: None, of_sac: int) -> int:
        """Returns `of_sac`."""
        del settings
        return of_sac

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
