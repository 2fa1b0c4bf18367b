"""SAC whose actor pays for the size of its actions too."""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from wsrl_mjx.algos import losses
from wsrl_mjx.algos.base import HasActions, PhaseName, descend, hyper
from wsrl_mjx.algos.checks import require_not_negative
from wsrl_mjx.algos.sac import SAC, SACState
from wsrl_mjx.algos.variant import Variant
from wsrl_mjx.types import Average, Key, Metrics, Params, Transition


@dataclass(frozen=True)
class GentleSettings:
    """Settings of gentle."""

    gentle_weight: float = 0.1
    """What a squared action costs gentle's actor."""

    def check(self) -> None:
        """Raises ValueError for a value that cannot work."""
        require_not_negative("gentle_weight", self.gentle_weight)


class Gentle(Variant):
    """SAC with another actor update (contract: `algos.base.Algorithm`); the temperature is never moved."""

    name: ClassVar[str] = "gentle"
    pretrains: ClassVar[bool] = True
    fine_tunes: ClassVar[bool] = True
    settings: ClassVar[type | None] = GentleSettings

    weight: jax.Array  # of the squared actions

    @classmethod
    def create(
        cls, env: HasActions, *, weight: float = GentleSettings.gentle_weight, **of_sac: Any
    ) -> "Gentle":
        """Returns gentle for the actions of `env`; `of_sac` is what `SAC.create` takes."""
        settings = GentleSettings(gentle_weight=weight)
        settings.check()
        return cls.from_settings(SAC.create(env, **of_sac), settings)

    @classmethod
    def from_settings(cls, sac: SAC, settings: GentleSettings, phase: PhaseName = "pretrain") -> "Gentle":
        """Returns gentle over `sac`; both phases have it alike."""
        del phase
        return cls(sac, weight=hyper(settings.gentle_weight))

    def update_actor(self, state: SACState, batch: Transition, key: Key) -> tuple[SACState, Metrics]:
        """Descends mean[weight * |a|^2 - Q(s, a)], a one sample of the policy."""

        def loss(params: Params) -> tuple[jax.Array, jax.Array]:
            action, _ = self.policy(params, batch.obs).sample(key)
            size = jnp.sum(jnp.square(action), axis=-1)
            cost = self.weight * size - self.sac.value_of(state, batch.obs, action)
            return losses.masked_mean(cost, batch.valid), losses.masked_mean(size, batch.valid)

        actor, value, size = descend(state.actor, loss, self.sac.actor_lr)
        metrics = {"actor/loss": Average.of(value), "gentle/size": Average.of(size)}
        return state.replace(actor=actor), metrics
