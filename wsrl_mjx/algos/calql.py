"""Calibrated Q-learning: CQL whose pushed-down values stop at the data's return-to-go.

Nakamoto et al. 2023. Uniform actions are not floored (as in its code; docs/algorithms.md).
"""

from typing import Any, ClassVar

from wsrl_mjx.algos.base import HasActions, PhaseName
from wsrl_mjx.algos.checks import require
from wsrl_mjx.algos.cql import CQL, CQLSettings, CQLState
from wsrl_mjx.algos.sac import SAC
from wsrl_mjx.algos.variant import Variant
from wsrl_mjx.types import Key, Metrics, Transition


class CalQL(Variant):
    """CQL with a floor (contract: `algos.base.Algorithm`). Batches must carry `mc_return`."""

    name: ClassVar[str] = "calql"
    pretrains: ClassVar[bool] = True
    fine_tunes: ClassVar[bool] = True
    needs_returns: ClassVar[bool] = True
    settings: ClassVar[type | None] = CQLSettings

    base: CQL

    @classmethod
    def create(cls, env: HasActions, **of_cql: Any) -> "CalQL":
        """Returns Cal-QL for the actions of `env`; `of_cql` is what `CQL.create` takes.

        Raises:
            ValueError: a value that cannot work.
        """
        cql = CQL.create(env, **of_cql)
        discount = float(cql.discount)
        require(discount < 1.0, "discount", "be less than 1: returns-to-go bootstrap", discount)
        return cls(cql)

    @classmethod
    def from_settings(cls, sac: SAC, settings: CQLSettings, phase: PhaseName = "pretrain") -> "CalQL":
        """Returns Cal-QL over `sac`: CQL with the same settings."""
        return cls(CQL.from_settings(sac, settings, phase))

    @classmethod
    def backups(cls, settings: CQLSettings, of_sac: int) -> int:
        """Returns CQL's own number."""
        return CQL.backups(settings, of_sac)

    def update_critic(self, state: CQLState, batch: Transition, key: Key) -> tuple[CQLState, Metrics]:
        """Takes CQL's critic step with policy actions floored at the return-to-go.

        Raises:
            ValueError: while tracing, if the batch carries no `mc_return`.
        """
        if batch.mc_return is None:
            raise ValueError("Cal-QL needs transitions with mc_return; this batch has none")
        return self.base.update_critic_above(state, batch, key, floor=batch.mc_return)
