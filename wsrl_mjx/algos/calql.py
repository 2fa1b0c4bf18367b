"""Calibrated Q-learning: CQL whose pushed-down values stop at the data's return-to-go.

Nakamoto et al. 2023. Uniform actions are not floored (as in its code; docs/algorithms.md).
"""

from wsrl_mjx.algos.cql import CQL, CQLState
from wsrl_mjx.algos.variant import Variant
from wsrl_mjx.types import Key, Metrics, Transition


class CalQL(Variant):
    """CQL with a floor (contract: `algos.base.Algorithm`). Batches must carry `mc_return`."""

    base: CQL

    def update_critic(self, state: CQLState, batch: Transition, key: Key) -> tuple[CQLState, Metrics]:
        """Takes CQL's critic step with policy actions floored at the return-to-go.

        Raises:
            ValueError: while tracing, if the batch carries no `mc_return`.
        """
        if batch.mc_return is None:
            raise ValueError("Cal-QL needs transitions with mc_return; this batch has none")
        return self.base.update_critic_above(state, batch, key, floor=batch.mc_return)
