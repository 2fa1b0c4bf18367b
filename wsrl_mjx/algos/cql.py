"""Conservative Q-learning, CQL(H): SAC whose critics are pushed down on sampled actions.

Kumar et al. 2020; with ten critics the conservative term acts on two of them, drawn per update, and the TD
term on all (released WSRL code; docs/algorithms.md). Evaluating only those two on the sampled actions is also
what makes the update affordable.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import struct

from wsrl_mjx.algos import ensemble, losses
from wsrl_mjx.algos.base import HasActions, PhaseName, descend, hyper, learner
from wsrl_mjx.algos.checks import require_count, require_finite, require_positive, require_rate
from wsrl_mjx.algos.distributions import ActionDistribution
from wsrl_mjx.algos.sac import SAC, SACState
from wsrl_mjx.types import Average, Key, Learner, Metrics, Params, Transition


@dataclass(frozen=True)
class CQLSettings:
    """Settings of CQL and Cal-QL."""

    cql_alpha: float = 5.0
    """Weight of the conservative term, or its start where it is learned."""
    cql_learn_alpha: bool = False
    """Learn alpha by keeping the gap at cql_target_gap."""
    cql_alpha_lr: float = 3e-4
    cql_target_gap: float = 0.8
    cql_actions: int = 10
    """Actions from each of three sources: uniform, the policy here, the policy at the next state."""
    cql_importance_sampling: bool = True
    offline_backup_actions: int = 10
    """Next actions whose best value backs up CQL's and Cal-QL's targets, also online; 1: no maximum."""
    online_cql_alpha: float | None = None
    """Weight of the conservative term online, for cql and calql; unset: cql_alpha."""

    def check(self) -> None:
        """Raises ValueError for the first value that cannot work."""
        require_positive("cql_alpha", self.cql_alpha)
        require_rate("cql_alpha_lr", self.cql_alpha_lr)
        require_finite("cql_target_gap", self.cql_target_gap)
        require_count("cql_actions", self.cql_actions)
        require_count("offline_backup_actions", self.offline_backup_actions)
        if self.online_cql_alpha is None:
            return
        require_positive("online_cql_alpha", self.online_cql_alpha)
        if self.cql_learn_alpha:
            raise ValueError(
                f"online_cql_alpha is a fixed weight, got {self.online_cql_alpha} with a learned one; "
                "choose --no-cql-learn-alpha"
            )


class CQLState(struct.PyTreeNode):
    """SAC's state, and the multiplier of the conservative term where that is learned."""

    sac: SACState
    multiplier: Learner | None  # params: [] float32, softplus of it is alpha


class CQL(struct.PyTreeNode):
    """Hyper-parameters of CQL, and its methods (contract: `algos.base.Algorithm`)."""

    name: ClassVar[str] = "cql"
    pretrains: ClassVar[bool] = True
    fine_tunes: ClassVar[bool] = True
    needs_returns: ClassVar[bool] = False
    settings: ClassVar[type | None] = CQLSettings

    sac: SAC
    alpha: jax.Array  # weight of the conservative term, or its start where it is learned
    alpha_lr: jax.Array
    target_gap: jax.Array  # what the learned alpha keeps the gap at
    sampled_actions: int = struct.field(pytree_node=False)  # from each of three sources
    importance_sampling: bool = struct.field(pytree_node=False)
    learn_alpha: bool = struct.field(pytree_node=False)

    @classmethod
    def create(
        cls,
        env: HasActions,
        *,
        alpha: float = CQLSettings.cql_alpha,
        learn_alpha: bool = CQLSettings.cql_learn_alpha,
        alpha_lr: float = CQLSettings.cql_alpha_lr,
        target_gap: float = CQLSettings.cql_target_gap,
        sampled_actions: int = CQLSettings.cql_actions,
        importance_sampling: bool = CQLSettings.cql_importance_sampling,
        backup_actions: int = CQLSettings.offline_backup_actions,
        **of_sac: Any,
    ) -> "CQL":
        """Returns CQL for the actions of `env`; `of_sac` is what `SAC.create` takes.

        Raises:
            ValueError: a value that cannot work.
        """
        settings = CQLSettings(
            cql_alpha=alpha,
            cql_learn_alpha=learn_alpha,
            cql_alpha_lr=alpha_lr,
            cql_target_gap=target_gap,
            cql_actions=sampled_actions,
            cql_importance_sampling=importance_sampling,
            offline_backup_actions=backup_actions,
        )
        settings.check()
        return cls.from_settings(SAC.create(env, backup_actions=backup_actions, **of_sac), settings)

    @classmethod
    def from_settings(cls, sac: SAC, settings: CQLSettings, phase: PhaseName = "pretrain") -> "CQL":
        """Returns CQL over `sac`; online it may have a weight of its own."""
        alpha = settings.cql_alpha
        if phase == "online" and settings.online_cql_alpha is not None:
            alpha = settings.online_cql_alpha
        return cls(
            sac=sac,
            alpha=hyper(alpha),
            alpha_lr=hyper(settings.cql_alpha_lr),
            target_gap=hyper(settings.cql_target_gap),
            sampled_actions=settings.cql_actions,
            importance_sampling=settings.cql_importance_sampling,
            learn_alpha=settings.cql_learn_alpha,
        )

    @classmethod
    def backups(cls, settings: CQLSettings, of_sac: int) -> int:
        """Returns a number of its own."""
        del of_sac
        return settings.offline_backup_actions

    @property
    def discount(self) -> jax.Array:
        """[] float32, of the rewards to come."""
        return self.sac.discount

    def init(self, key: Key, obs: jax.Array, action: jax.Array) -> CQLState:
        """Returns fresh networks."""
        multiplier = learner(jnp.log(jnp.expm1(self.alpha))) if self.learn_alpha else None
        return CQLState(sac=self.sac.init(key, obs, action), multiplier=multiplier)

    def act(self, state: CQLState, obs: jax.Array, key: Key, explore: bool) -> jax.Array:
        """Acts as SAC does."""
        return self.sac.act(state.sac, obs, key, explore)

    def policy(self, actor_params: Params, obs: jax.Array) -> ActionDistribution:
        """Returns the distribution of actions at `obs` [*, O]."""
        return self.sac.policy(actor_params, obs)

    def update_critic(self, state: CQLState, batch: Transition, key: Key) -> tuple[CQLState, Metrics]:
        """Takes one step on TD error plus alpha times the conservative gap."""
        return self.update_critic_above(state, batch, key, floor=None)

    def update_actor(self, state: CQLState, batch: Transition, key: Key) -> tuple[CQLState, Metrics]:
        """Moves actor and temperature as SAC does."""
        sac, metrics = self.sac.update_actor(state.sac, batch, key)
        return state.replace(sac=sac), metrics

    def hand_over(self, state: CQLState) -> SACState:
        """Returns what SAC goes on with; the multiplier stays behind."""
        return state.sac

    def take_over(self, state: CQLState, sac: SACState) -> CQLState:
        """Returns `state` with the actor, critics and temperature of `sac`."""
        return state.replace(sac=sac)

    def update_critic_above(
        self, state: CQLState, batch: Transition, key: Key, floor: jax.Array | None
    ) -> tuple[CQLState, Metrics]:
        """Takes one critic step; policy actions' values are floored at `floor` [B] where given (Cal-QL)."""
        key_target, key_action, key_subset = jax.random.split(key, 3)
        target = self.sac.target(state.sac, batch, key_target)
        action, log_density = self._sample_actions(state.sac, batch, key_action)
        subset = jax.random.choice(
            key_subset, self.sac.ensemble_size, (self.sac.target_subset,), replace=False
        )
        alpha = self._alpha(state)

        def loss(params: Params):
            q = ensemble.evaluate(self.sac.critic, params, batch.obs, batch.action)  # [E, B]
            chosen = jax.tree.map(lambda leaf: leaf[subset], params)
            obs = jnp.broadcast_to(batch.obs, (*action.shape[:-1], batch.obs.shape[-1]))
            q_sampled = ensemble.evaluate(self.sac.critic, chosen, obs, action)  # [target_subset, K, B]
            q_sampled = jnp.moveaxis(q_sampled, 1, -1)  # [target_subset, B, K]
            below = self._below(q_sampled, batch)
            q_sampled = self._floored(q_sampled, floor)
            if not self.importance_sampling:  # the data's own action is then one of the samples
                q_sampled = jnp.concatenate([q_sampled, q[subset][..., None]], axis=-1)
            soft_max = losses.cql_log_sum_exp(q_sampled, log_density, self.importance_sampling)
            gap = losses.masked_mean(soft_max - q[subset], batch.valid)
            conservative = alpha * (gap - self.target_gap) if self.learn_alpha else alpha * gap
            td = losses.critic_loss(q, target, batch.valid)
            return td + conservative, (td, losses.masked_mean(q, batch.valid), gap, below)

        critic, _, (td, q, gap, below) = descend(state.sac.critic, loss, self.sac.critic_lr)
        metrics = self.sac.critic_metrics(td, q, target, batch)
        metrics |= {
            "cql/gap": Average.of(gap),
            "cql/alpha": Average.of(alpha),
            "cql/below_floor": below,
        }
        state = state.replace(sac=self.sac.move_critic(state.sac, critic))
        return self._update_alpha(state, gap), metrics

    def _sample_actions(self, state: SACState, batch: Transition, key: Key) -> tuple[jax.Array, jax.Array]:
        """Draws actions [3n, B, A] (uniform, then pi at s, then pi at s'), log-densities [B, 3n]."""
        key_uniform, key_here, key_next = jax.random.split(key, 3)
        shape = (self.sampled_actions,)
        uniform = jax.random.uniform(key_uniform, shape + batch.action.shape, minval=-1.0, maxval=1.0)
        log_uniform = jnp.full(uniform.shape[:-1], -batch.action.shape[-1] * jnp.log(2.0))
        here, log_here = self.sac.policy(state.actor.params, batch.obs).sample(key_here, shape)
        after, log_after = self.sac.policy(state.actor.params, batch.next_obs).sample(key_next, shape)
        action = jnp.concatenate([uniform, here, after])
        log_density = jnp.concatenate([log_uniform, log_here, log_after])
        return jax.lax.stop_gradient((action, log_density.T))

    def _floored(self, q: jax.Array, floor: jax.Array | None) -> jax.Array:
        """Returns `q` [E, B, 3n] with the policy actions' values raised to `floor` [B]."""
        if floor is None:
            return q
        n = self.sampled_actions
        return jnp.concatenate([q[..., :n], losses.calibrate(q[..., n:], floor)], axis=-1)

    def _below(self, q: jax.Array, batch: Transition) -> Average:
        """Returns the share of the policy actions' values of `q` [E, B, 3n] below the return from there on.

        Where that return is known: not in an episode that has not ended, nor in data without it.
        """
        if batch.mc_return is None:
            return Average.zero()
        below = jnp.mean(q[..., self.sampled_actions :] < batch.mc_return[None, :, None], axis=(0, 2))
        known = batch.valid * jnp.isfinite(batch.mc_return)
        return Average.of(losses.masked_mean(below, known), jnp.sum(known))

    def _alpha(self, state: CQLState) -> jax.Array:
        if state.multiplier is None:
            return self.alpha
        return jax.nn.softplus(state.multiplier.params)

    def _update_alpha(self, state: CQLState, gap: jax.Array) -> CQLState:
        """Raises a learned alpha while the gap is above its target (dual ascent)."""
        if state.multiplier is None:
            return state
        loss = lambda raw: (-jax.nn.softplus(raw) * (gap - self.target_gap), None)
        return state.replace(multiplier=descend(state.multiplier, loss, self.alpha_lr)[0])
