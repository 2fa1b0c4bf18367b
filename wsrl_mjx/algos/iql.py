"""Implicit Q-learning: values of the data's own actions alone, and an actor that clones the better of them.

Kostrikov et al. 2022. The actor is SAC's tanh-Gaussian instead of an unsquashed one, so that fine-tuning can
take it over; V stays behind where SAC goes on. V and the critics move together, from what they were before
the update, and the actor after them (docs/algorithms.md).
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import jax
from flax import struct

from wsrl_mjx.algos import ensemble, losses, networks
from wsrl_mjx.algos.base import HasActions, PhaseName, descend, hyper, learner
from wsrl_mjx.algos.checks import choose, require, require_not_negative
from wsrl_mjx.algos.distributions import ActionDistribution
from wsrl_mjx.algos.sac import SAC, SACState
from wsrl_mjx.types import Average, Key, Learner, Metrics, Params, Transition


@dataclass(frozen=True)
class IQLSettings:
    """Settings of IQL."""

    iql_expectile: float = 0.7
    """Expectile of the target critics' values that IQL's state value regresses on; 0.5 is the mean."""
    iql_beta: float = 3.0
    """Inverse temperature of the advantages that weigh IQL's cloning."""
    iql_extraction: Literal["awr", "ddpg"] = "awr"
    """How IQL's actor follows its critics: advantage-weighted cloning, or their gradient (DDPG+BC)."""
    iql_cloning: float = 1.0
    """Weight of cloning beside the critics' gradient, for ddpg."""

    def check(self) -> None:
        """Raises ValueError for the first value that cannot work."""
        require(0.5 <= self.iql_expectile < 1.0, "iql_expectile", "be in [0.5, 1)", self.iql_expectile)
        require_not_negative("iql_beta", self.iql_beta)
        require_not_negative("iql_cloning", self.iql_cloning)
        choose("iql_extraction", self.iql_extraction, ("awr", "ddpg"))


class IQLState(struct.PyTreeNode):
    """SAC's state, of which the temperature is never moved, and the state value."""

    sac: SACState
    value: Learner  # V(s)


class IQL(struct.PyTreeNode):
    """Hyper-parameters of IQL, and its methods (contract: `algos.base.Algorithm`)."""

    name: ClassVar[str] = "iql"
    pretrains: ClassVar[bool] = True
    fine_tunes: ClassVar[bool] = True
    needs_returns: ClassVar[bool] = False
    settings: ClassVar[type | None] = IQLSettings

    sac: SAC
    expectile: jax.Array  # of the target critics' values, that V regresses on
    beta: jax.Array  # inverse temperature of the advantages
    cloning: jax.Array  # weight of cloning beside the critics' gradient, for DDPG+BC
    value: networks.Value = struct.field(pytree_node=False)
    extraction: Literal["awr", "ddpg"] = struct.field(pytree_node=False)

    @classmethod
    def create(
        cls,
        env: HasActions,
        *,
        expectile: float = IQLSettings.iql_expectile,
        beta: float = IQLSettings.iql_beta,
        extraction: Literal["awr", "ddpg"] = IQLSettings.iql_extraction,
        cloning: float = IQLSettings.iql_cloning,
        **of_sac: Any,
    ) -> "IQL":
        """Returns IQL for the actions of `env`; `of_sac` is what `SAC.create` takes.

        Raises:
            ValueError: a value that cannot work.
        """
        settings = IQLSettings(
            iql_expectile=expectile, iql_beta=beta, iql_extraction=extraction, iql_cloning=cloning
        )
        settings.check()
        return cls.from_settings(SAC.create(env, **of_sac), settings)

    @classmethod
    def from_settings(cls, sac: SAC, settings: IQLSettings, phase: PhaseName = "pretrain") -> "IQL":
        """Returns IQL over `sac`, with V as wide as a critic; both phases have it alike."""
        del phase
        return cls(
            sac=sac,
            expectile=hyper(settings.iql_expectile),
            beta=hyper(settings.iql_beta),
            cloning=hyper(settings.iql_cloning),
            value=networks.Value(sac.critic.hidden, sac.critic.layer_norm, sac.critic.precision),
            extraction=settings.iql_extraction,
        )

    @classmethod
    def backups(cls, settings: IQLSettings, of_sac: int) -> int:
        """Returns 1: targets are of V, which sees no action."""
        del settings, of_sac
        return 1

    @property
    def discount(self) -> jax.Array:
        """[] float32, of the rewards to come."""
        return self.sac.discount

    def init(self, key: Key, obs: jax.Array, action: jax.Array) -> IQLState:
        """Returns fresh networks."""
        key_sac, key_value = jax.random.split(key)
        return IQLState(
            sac=self.sac.init(key_sac, obs, action), value=learner(self.value.init(key_value, obs))
        )

    def act(self, state: IQLState, obs: jax.Array, key: Key, explore: bool) -> jax.Array:
        """Acts as SAC does."""
        return self.sac.act(state.sac, obs, key, explore)

    def policy(self, actor_params: Params, obs: jax.Array) -> ActionDistribution:
        """Returns the distribution of actions at `obs` [*, O]."""
        return self.sac.policy(actor_params, obs)

    def update_critic(self, state: IQLState, batch: Transition, key: Key) -> tuple[IQLState, Metrics]:
        """Regresses V on an expectile of the target critics, and all critics on r + discount * V(s')."""
        q_data = self._q_of_data(state, batch, key)
        after: jax.Array = self.value.apply(state.value.params, batch.next_obs)  # pyright: ignore[reportAssignmentType]
        target = losses.td_target(batch.reward, batch.terminated, after, self.sac.discount)

        def value_loss(params: Params):
            v: jax.Array = self.value.apply(params, batch.obs)  # pyright: ignore[reportAssignmentType]
            loss = losses.expectile_loss(q_data - v, self.expectile, batch.valid)
            return loss, losses.masked_mean(v, batch.valid)

        def critic_loss(params: Params):
            q = ensemble.evaluate(self.sac.critic, params, batch.obs, batch.action)
            return losses.critic_loss(q, target, batch.valid), losses.masked_mean(q, batch.valid)

        value, loss_v, v = descend(state.value, value_loss, self.sac.critic_lr)
        critic, loss_q, q = descend(state.sac.critic, critic_loss, self.sac.critic_lr)
        metrics = self.sac.critic_metrics(loss_q, q, target, batch)
        metrics |= {"iql/value": Average.of(v), "iql/value_loss": Average.of(loss_v)}
        return IQLState(self.sac.move_critic(state.sac, critic), value), metrics

    def update_actor(self, state: IQLState, batch: Transition, key: Key) -> tuple[IQLState, Metrics]:
        """Clones the data's actions by their advantage, or climbs the critics beside plain cloning."""
        key_subset, key_action = jax.random.split(key)
        here: jax.Array = self.value.apply(state.value.params, batch.obs)  # pyright: ignore[reportAssignmentType]
        weight = losses.advantage_weight(self._q_of_data(state, batch, key_subset) - here, self.beta)

        def loss(params: Params):
            policy = self.sac.policy(params, batch.obs)
            imitation = -policy.log_prob(batch.action)
            if self.extraction == "awr":
                return losses.masked_mean(weight * imitation, batch.valid), None
            action, _ = policy.sample(key_action)
            q = self.sac.value_of(state.sac, batch.obs, action)
            return losses.masked_mean(self.cloning * imitation - q, batch.valid), None

        actor, value, _ = descend(state.sac.actor, loss, self.sac.actor_lr)
        metrics = {
            "actor/loss": Average.of(value),
            "iql/weight": Average.of(losses.masked_mean(weight, batch.valid)),
        }
        return state.replace(sac=state.sac.replace(actor=actor)), metrics

    def hand_over(self, state: IQLState) -> SACState:
        """Returns what SAC goes on with; V stays behind."""
        return state.sac

    def take_over(self, state: IQLState, sac: SACState) -> IQLState:
        """Returns `state` with the actor, critics and temperature of `sac`."""
        return state.replace(sac=sac)

    def _q_of_data(self, state: IQLState, batch: Transition, key: Key) -> jax.Array:
        """Returns the least of a random subset of the target critics at the data's actions, [B]."""
        critics = ensemble.choose(
            state.sac.target_critic, self.sac.ensemble_size, self.sac.target_subset, key
        )
        return ensemble.evaluate(self.sac.critic, critics, batch.obs, batch.action).min(axis=0)
