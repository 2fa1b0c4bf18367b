"""AWAC: off-policy critics, and an actor that clones actions by their advantage over its own.

Nair et al. 2020. It goes on online as it began, from a buffer that the data stays in.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax

from wsrl_mjx.algos import losses
from wsrl_mjx.algos.base import HasActions, PhaseName, descend, hyper
from wsrl_mjx.algos.checks import require_not_negative
from wsrl_mjx.algos.sac import SAC, SACState
from wsrl_mjx.algos.variant import Variant
from wsrl_mjx.types import Average, Key, Metrics, Params, Transition


@dataclass(frozen=True)
class AWACSettings:
    """Settings of AWAC."""

    awac_beta: float = 1.0
    """Inverse temperature of the advantages that weigh AWAC's cloning."""

    def check(self) -> None:
        """Raises ValueError for a value that cannot work."""
        require_not_negative("awac_beta", self.awac_beta)


class AWAC(Variant):
    """SAC with another actor update (contract: `algos.base.Algorithm`); the temperature is never moved."""

    name: ClassVar[str] = "awac"
    pretrains: ClassVar[bool] = True
    fine_tunes: ClassVar[bool] = True
    settings: ClassVar[type | None] = AWACSettings

    beta: jax.Array  # inverse temperature of the advantages, one over the paper's lambda

    @classmethod
    def create(cls, env: HasActions, *, beta: float = AWACSettings.awac_beta, **of_sac: Any) -> "AWAC":
        """Returns AWAC for the actions of `env`; `of_sac` is what `SAC.create` takes.

        Raises:
            ValueError: a value that cannot work.
        """
        settings = AWACSettings(awac_beta=beta)
        settings.check()
        return cls.from_settings(SAC.create(env, **of_sac), settings)

    @classmethod
    def from_settings(cls, sac: SAC, settings: AWACSettings, phase: PhaseName = "pretrain") -> "AWAC":
        """Returns AWAC over `sac`; both phases have it alike."""
        del phase
        return cls(sac, beta=hyper(settings.awac_beta))

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
