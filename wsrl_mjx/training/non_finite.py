"""Updates that were left out because loss or gradient was not finite: counted, and the end at a limit."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from wsrl_mjx.types import Learner


class NotFiniteError(Exception):
    """A learner that cannot go on; the text says which, and where."""


def by_network(agent: Any) -> dict[str, np.ndarray]:
    """Returns how many updates of each network were left out so far, [M], by its place in the agent [M]."""
    found = jax.tree_util.tree_leaves_with_path(agent, is_leaf=lambda node: isinstance(node, Learner))
    counts = {
        ".".join(str(key).strip(".[]'") for key in path): node.skipped
        for path, node in found
        if isinstance(node, Learner)
    }
    return jax.device_get(counts)


def check(agent: Any, limit: int, labels: Sequence[str], where: str) -> None:
    """Checks that no network left out more than `limit` updates.

    Args:
        agent: of all members, [M].
        limit: `max_skipped_updates`.
        labels: the members' names, [M].
        where: phase and step, for the message.

    Raises:
        NotFiniteError: one did; its state is what it was before the first of them.
    """
    for network, counts in by_network(agent).items():
        worst = int(np.argmax(counts))
        if counts[worst] > limit:
            raise NotFiniteError(
                f"{network} of {labels[worst]}: loss or gradient not finite in {counts[worst]:,} "
                f"updates up to {where}, more than max_skipped_updates ({limit:,}); none of them was made, "
                "and the checkpoints are sound"
            )
