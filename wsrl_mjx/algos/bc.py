"""Behaviour cloning: the actor imitates the data, the critics stay as they were made.

What it hands over is the actor alone: fine-tuning begins with fresh critics.
"""

from typing import Any, ClassVar

from wsrl_mjx.algos import losses
from wsrl_mjx.algos.base import descend
from wsrl_mjx.algos.sac import SACState
from wsrl_mjx.algos.variant import Variant
from wsrl_mjx.types import Average, Key, Metrics, Params, Transition


class BC(Variant):
    """Maximum likelihood of the data's actions (contract: `algos.base.Algorithm`)."""

    name: ClassVar[str] = "bc"
    pretrains: ClassVar[bool] = True
    fine_tunes: ClassVar[bool] = False

    @classmethod
    def backups(cls, settings: Any, of_sac: int) -> int:
        """Returns 1: there are no targets."""
        del settings, of_sac
        return 1

    def update_critic(self, state: SACState, batch: Transition, key: Key) -> tuple[SACState, Metrics]:
        """Does nothing: there is no critic to learn."""
        del batch, key
        return state, {}

    def update_actor(self, state: SACState, batch: Transition, key: Key) -> tuple[SACState, Metrics]:
        """Descends mean[-log pi(a|s)] over the data's actions."""
        del key

        def loss(params: Params):
            log_prob = self.sac.policy(params, batch.obs).log_prob(batch.action)
            return -losses.masked_mean(log_prob, batch.valid), None

        actor, value, _ = descend(state.actor, loss, self.sac.actor_lr)
        return state.replace(actor=actor), {"actor/loss": Average.of(value)}
