"""What of a pretrained agent goes on at the switch, and what starts afresh."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from wsrl_mjx.algos.base import learner
from wsrl_mjx.algos.sac import SACState
from wsrl_mjx.types import Learner


class HandOver(struct.PyTreeNode):
    """WSRL hands everything over (Zhou et al. 2024, section 5); its ablations leave something out.

    What belongs to one algorithm alone (CQL's multiplier, IQL's V) goes on where the same kind of state does,
    unless the critics start afresh.
    """

    actor: bool = struct.field(pytree_node=False, default=True)
    critics: bool = struct.field(pytree_node=False, default=True)
    optimizers: bool = struct.field(pytree_node=False, default=True)
    temperature: bool = struct.field(pytree_node=False, default=True)

    def needs_fresh(self, offline: Any, online: Any) -> bool:
        """Returns whether `apply` asks for a fresh agent of `online`.

        It does where something starts afresh, or where `online` keeps more than SAC does and it is not what
        pretrained.
        """
        everything = self.actor and self.critics and self.temperature
        return not everything or not (isinstance(online, type(offline)) or _has_state_of_sac(online))

    def apply(self, offline: Any, online: Any, pretrained: Any, fresh: Any) -> Any:
        """Returns the agent that fine-tuning begins with.

        Args:
            offline: the algorithm that pretrained.
            online: the algorithm that goes on.
            pretrained: its state.
            fresh: a state of `online`; None where `needs_fresh` says that it is not needed.
        """
        kept = offline.hand_over(pretrained)
        new = kept if fresh is None else online.hand_over(fresh)
        critics = kept if self.critics else new
        sac = SACState(
            actor=(kept if self.actor else new).actor,
            critic=critics.critic,
            target_critic=critics.target_critic,
            temperature=(kept if self.temperature else new).temperature,
        )
        same_kind = fresh is None or jax.tree.structure(fresh) == jax.tree.structure(pretrained)
        agent = online.take_over(pretrained if same_kind and self.critics else fresh, sac)
        return agent if self.optimizers else _with_fresh_optimizers(agent)


def _has_state_of_sac(algorithm: Any) -> bool:
    """Returns whether an algorithm keeps what SAC keeps and nothing else; no network is made to find out."""
    one = jnp.zeros(1)
    state = jax.eval_shape(algorithm.init, jax.random.key(0), one, one)
    return isinstance(state, SACState)


def _with_fresh_optimizers(agent: Any) -> Any:
    """Returns the agent with the first optimizer state for each of its networks and multipliers."""
    is_learner = lambda node: isinstance(node, Learner)
    begin = lambda node: learner(node.params) if is_learner(node) else node
    return jax.tree.map(begin, agent, is_leaf=is_learner)
