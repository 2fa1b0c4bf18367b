"""What algorithms share that are another algorithm with some of its methods replaced."""

from typing import Any, ClassVar, Self

import jax
from flax import struct

from wsrl_mjx.algos.base import HasActions, PhaseName
from wsrl_mjx.algos.distributions import ActionDistribution
from wsrl_mjx.algos.sac import SAC, SACState
from wsrl_mjx.types import Key, Metrics, Params, Transition


class Variant(struct.PyTreeNode):
    """`base` as it is (contract: `algos.base.Algorithm`); a variant replaces what it does differently."""

    name: ClassVar[str]
    pretrains: ClassVar[bool]
    fine_tunes: ClassVar[bool]
    needs_returns: ClassVar[bool] = False
    settings: ClassVar[type | None] = None

    base: Any  # Algorithm, whose state this one has too

    @classmethod
    def create(cls, env: HasActions, **of_sac: Any) -> Self:
        """Returns the algorithm for the actions of `env`; `of_sac` is what `SAC.create` takes."""
        return cls(SAC.create(env, **of_sac))

    @classmethod
    def from_settings(cls, sac: SAC, settings: Any, phase: PhaseName) -> Self:
        """Returns the algorithm over `sac`; one with settings of its own replaces this."""
        del settings, phase
        return cls(sac)

    @classmethod
    def backups(cls, settings: Any, of_sac: int) -> int:
        """Returns over how many sampled actions targets take the best: as SAC's do."""
        del settings
        return of_sac

    @property
    def sac(self) -> SAC:
        """The SAC at the bottom."""
        return self.base.sac

    @property
    def discount(self) -> jax.Array:
        """[] float32, of the rewards to come."""
        return self.base.discount

    def init(self, key: Key, obs: jax.Array, action: jax.Array) -> Any:
        """Returns fresh networks."""
        return self.base.init(key, obs, action)

    def act(self, state: Any, obs: jax.Array, key: Key, explore: bool) -> jax.Array:
        """Returns actions [*, A] for observations [*, O]: sampled, or the mode."""
        return self.base.act(state, obs, key, explore)

    def policy(self, actor_params: Params, obs: jax.Array) -> ActionDistribution:
        """Returns the distribution of actions at `obs` [*, O]."""
        return self.base.policy(actor_params, obs)

    def update_critic(self, state: Any, batch: Transition, key: Key) -> tuple[Any, Metrics]:
        """Moves the critics and their targets by one gradient step."""
        return self.base.update_critic(state, batch, key)

    def update_actor(self, state: Any, batch: Transition, key: Key) -> tuple[Any, Metrics]:
        """Moves actor and temperature by one gradient step."""
        return self.base.update_actor(state, batch, key)

    def hand_over(self, state: Any) -> SACState:
        """Returns what SAC goes on with."""
        return self.base.hand_over(state)

    def take_over(self, state: Any, sac: SACState) -> Any:
        """Returns `state` with the actor, critics and temperature of `sac`."""
        return self.base.take_over(state, sac)
