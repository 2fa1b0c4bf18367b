"""SO2: fine-tuning in which every critic follows its own target, at next actions moved by noise.

Zhang et al. 2024 ("A Perspective of Q-value Estimation on Offline-to-Online Reinforcement Learning"); its
many updates per step and the data that it keeps are settings of the loop (`wsrl_mjx/config/methods.py`).
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from wsrl_mjx.algos import ensemble, losses
from wsrl_mjx.algos.base import HasActions, PhaseName, hyper
from wsrl_mjx.algos.checks import require_not_negative
from wsrl_mjx.algos.sac import SAC, SACState
from wsrl_mjx.algos.variant import Variant
from wsrl_mjx.types import Key, Metrics, Transition


@dataclass(frozen=True)
class SO2Settings:
    """Settings of SO2."""

    so2_noise: float = 0.3
    """Standard deviation of the noise on SO2's next actions."""
    so2_noise_limit: float = 0.6
    """Where that noise is clipped."""

    def check(self) -> None:
        """Raises ValueError for the first value that cannot work."""
        require_not_negative("so2_noise", self.so2_noise)
        require_not_negative("so2_noise_limit", self.so2_noise_limit)


class SO2(Variant):
    """SAC with another critic update (contract: `algos.base.Algorithm`)."""

    name: ClassVar[str] = "so2"
    pretrains: ClassVar[bool] = False
    fine_tunes: ClassVar[bool] = True
    settings: ClassVar[type | None] = SO2Settings

    noise: jax.Array  # standard deviation of what is added to the next actions
    noise_limit: jax.Array  # where it is clipped

    @classmethod
    def create(
        cls,
        env: HasActions,
        *,
        noise: float = SO2Settings.so2_noise,
        noise_limit: float = SO2Settings.so2_noise_limit,
        **of_sac: Any,
    ) -> "SO2":
        """Returns SO2 for the actions of `env`; `of_sac` is what `SAC.create` takes.

        Raises:
            ValueError: a value that cannot work.
        """
        settings = SO2Settings(so2_noise=noise, so2_noise_limit=noise_limit)
        settings.check()
        return cls.from_settings(SAC.create(env, **of_sac), settings)

    @classmethod
    def from_settings(cls, sac: SAC, settings: SO2Settings, phase: PhaseName = "online") -> "SO2":
        """Returns SO2 over `sac`."""
        del phase
        return cls(sac, noise=hyper(settings.so2_noise), noise_limit=hyper(settings.so2_noise_limit))

    @classmethod
    def backups(cls, settings: Any, of_sac: int) -> int:
        """Returns 1: a target is of one action, with noise."""
        del settings, of_sac
        return 1

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
