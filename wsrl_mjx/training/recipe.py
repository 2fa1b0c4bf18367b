"""Fine-tuning methods as compositions: which algorithms, what is handed over, what is dropped.

Read `switch` to see what WSRL is. A baseline or an ablation is another setting of these few lines
(`wsrl_mjx/config/methods.py`).
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from wsrl_mjx.algos.sac import SAC
from wsrl_mjx.data import replay, rollout
from wsrl_mjx.training import runtime
from wsrl_mjx.training.handover import HandOver
from wsrl_mjx.training.loop import member_axes
from wsrl_mjx.training.steps import Online, OnlineShared, Pretrain
from wsrl_mjx.types import Key, TrainState, Transition


class Recipe(struct.PyTreeNode):
    """The two phases of one experiment, what the online one reads, and what passes between them.

    `switch` is one member's; a recipe whose members differ in a hyper-parameter has `switch_all` alone.
    """

    pretrain: Pretrain
    online: Online
    shared: OnlineShared
    hand_over: HandOver
    judge: SAC  # its targets are what critics are measured against, whatever trains them
    replay_capacity: int = struct.field(pytree_node=False)
    prefilled: int = struct.field(pytree_node=False)  # offline rows that the buffer starts with

    def begin_all(self, keys: Key) -> TrainState:
        """Returns all members [M] before pretraining; see `begin`."""
        return begin(self.pretrain.algorithm, self._row(), keys)

    def switch(self, pretrained: TrainState, fresh: Any = None, data: Transition | None = None) -> TrainState:
        """Returns one member at the start of fine-tuning (WSRL, Zhou et al. 2024, section 5).

        Actor, critics, targets, temperature and their optimizers' states go on; of the data nothing does. The
        buffer starts empty, and because no update comes before `warmup_steps`, the policy that fills it first
        is the pretrained one, frozen.

        Args:
            pretrained: the end of pretraining.
            fresh: an agent for the parts that are not handed over, see `fresh_all`.
            data: offline rows [D], to begin with `prefilled` of them in the buffer.
        """
        key, key_env = jax.random.split(pretrained.key)
        offline, online = self.pretrain.algorithm, self.online.algorithm
        buffer = replay.create(self._replay_row(), self.replay_capacity, self.online.num_envs)
        if data is not None:
            buffer = self._prefill(buffer, data, jax.random.fold_in(key_env, 1))
        return TrainState(
            agent=self.hand_over.apply(offline, online, pretrained.agent, fresh),
            env=rollout.reset(self.online.env, key_env, self.online.num_envs),
            buffer=buffer,
            key=key,
            # A copy: the state is donated, and a buffer can be given away once.
            reference=jax.tree.map(jnp.copy, offline.hand_over(pretrained.agent).actor.params),
            guide=self.online.explorer.begin(jax.random.fold_in(key_env, 2), self.online.num_envs),
        )

    def switch_all(
        self, pretrained: TrainState, fresh: Any = None, data: Transition | None = None
    ) -> TrainState:
        """Returns all members [M] at the start of fine-tuning."""
        axes = (member_axes(self), 0, 0, None)
        return jax.vmap(Recipe.switch, in_axes=axes)(self, pretrained, fresh, data)

    def reopened_all(self, state: TrainState, env_steps: jax.Array) -> TrainState:
        """Returns all members [M] with environments on the host begun anew, which no checkpoint holds.

        Their last rows, whose episodes will not go on, become rows that a limit cut.

        Args:
            state: from a checkpoint.
            env_steps: [] int32, steps since the switch.
        """
        online, count = self.online, self.online.num_envs
        last = (env_steps + self.shared.prefilled - count) % self.replay_capacity

        def one(state: TrainState) -> TrainState:
            key, key_env = jax.random.split(state.key)
            rows = state.buffer.data
            row = lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, last, count)
            cut = jnp.where(env_steps > 0, 1.0 - row(rows.terminated), row(rows.truncated))
            truncated = jax.lax.dynamic_update_slice_in_dim(rows.truncated, cut, last, axis=0)
            buffer = replay.ReplayBuffer(rows.replace(truncated=truncated))
            return state.replace(env=rollout.reset(online.env, key_env, count), buffer=buffer, key=key)

        return jax.vmap(one)(state)

    def fresh_all(self, pretrained: TrainState) -> Any:
        """Returns untrained agents [M] for the switch; None where everything is handed over.

        Not to be compiled, like `begin_all`.
        """
        if not self.hand_over.needs_fresh(self.pretrain.algorithm, self.online.algorithm):
            return None
        row = self._row()

        def one(algorithm: Any, key: Key) -> Any:
            return algorithm.init(jax.random.fold_in(key, 1), row.obs, row.action)

        algorithm = self.online.algorithm
        return jax.vmap(one, in_axes=(member_axes(algorithm), 0))(algorithm, pretrained.key)

    def shapes(self, phase: str, count: int) -> TrainState:
        """Returns the shapes of the state of `count` members in a phase, "pretrain" or "online"."""
        keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), count))
        begun = _begun.eval_shape(self, keys)
        return begun if phase == "pretrain" else _after_switch.eval_shape(self, begun)

    def _row(self) -> Transition:
        return Transition.empty(self.online.env.obs_size, self.online.env.action_size)

    def _replay_row(self) -> Transition:
        row = self._row()
        return row if self.online.discount is None else row.replace(mc_return=jnp.zeros(()))

    def _prefill(self, buffer: replay.ReplayBuffer, data: Transition, key: Key) -> replay.ReplayBuffer:
        """Returns the buffer with random rows of the data at its beginning."""
        if buffer.data.mc_return is None:
            data = data.replace(mc_return=None)
        rows = replay.gather(data, jax.random.randint(key, (self.prefilled,), 0, len(data.reward)))
        put = lambda store, new: store.at[: self.prefilled].set(new)
        return replay.ReplayBuffer(jax.tree.map(put, buffer.data, rows))


# Traced for their shapes and never compiled; as jitted functions they are traced once for recipes alike.
_begun = jax.jit(Recipe.begin_all)
_after_switch = jax.jit(lambda recipe, state: recipe.switch_all(state, recipe.fresh_all(state)))


def begin(algorithm: Any, row: Transition, keys: Key) -> TrainState:
    """Returns members [M] before pretraining: fresh networks, no environment, no buffer.

    Not to be compiled: as one program the many independent QR decompositions of the orthogonal initialisation
    can leave XLA's CPU threads waiting for each other forever; operation by operation they do not.

    Args:
        algorithm: whose state it is; a hyper-parameter in which members differ is [M].
        row: one row of zeros, for the sizes.
        keys: [M], a member's randomness from here on.
    """

    def one(algorithm: Any, key: Key) -> TrainState:
        key_agent, key_run = _parted(key)
        agent = algorithm.init(key_agent, row.obs, row.action)
        return TrainState(agent=agent, env=None, buffer=None, key=key_run)

    return jax.vmap(one, in_axes=(member_axes(algorithm), 0))(algorithm, keys)


def after_networks(keys: Key) -> Key:
    """Returns the randomness [M] that members go on with once `begin` has drawn networks from `keys`."""
    return jax.vmap(lambda key: _parted(key)[1])(keys)


def _parted(key: Key) -> tuple[Key, Key]:
    """Returns the randomness of a member's networks, and of all that comes after."""
    key_agent, key_run = jax.random.split(key)
    return key_agent, key_run


def switched(recipe: Recipe, pretrained: TrainState) -> TrainState:
    """Returns all members [M] at the start of fine-tuning; the pretrained ones stay as they are.

    Compiled, because the arrays of what it returns are then all different ones, and can be donated.
    """
    copied = jax.tree.map(jnp.copy, pretrained)
    given = recipe, copied, recipe.fresh_all(copied), None
    return runtime.compiled(jax.jit(Recipe.switch_all).lower(*given))(*given)
