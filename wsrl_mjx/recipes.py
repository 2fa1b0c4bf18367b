"""Fine-tuning methods as compositions: which algorithms, what is handed over, what is dropped.

Read `switch` to see what WSRL is. A baseline or an ablation is another few lines here.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from envs.base import Environment
from wsrl_mjx import members, networks, replay, rollout
from wsrl_mjx.algos.base import hyper
from wsrl_mjx.algos.calql import CalQL
from wsrl_mjx.algos.cql import CQL
from wsrl_mjx.algos.sac import SAC
from wsrl_mjx.config import Config
from wsrl_mjx.phases import Online, OnlineShared, Pretrain, member_axes
from wsrl_mjx.types import Key, TrainState, Transition


class Recipe(struct.PyTreeNode):
    """The two phases of one experiment and what the online one reads.

    `begin` and `switch` are one member's; a recipe whose members differ in a hyper-parameter (`side_by_side`)
    has `begin_all` and `switch_all` alone.
    """

    pretrain: Pretrain
    online: Online
    shared: OnlineShared
    replay_capacity: int = struct.field(pytree_node=False)

    def begin(self, key: Key) -> TrainState:
        """Returns one member before pretraining: fresh networks, no environment, no buffer."""
        key_agent, key_run = jax.random.split(key)
        row = self._row()
        agent = self.pretrain.algorithm.init(key_agent, row.obs, row.action)
        return TrainState(agent=agent, env=None, buffer=None, key=key_run)

    def begin_all(self, keys: Key) -> TrainState:
        """Returns all members [M] before pretraining. Not to be compiled: see docs/results.md.

        As one program the many independent QR decompositions of the orthogonal initialisation can leave XLA's
        CPU threads waiting for each other forever; operation by operation they do not.
        """
        return jax.vmap(Recipe.begin, in_axes=(member_axes(self), 0))(self, keys)

    def switch(self, pretrained: TrainState) -> TrainState:
        """Returns one member at the start of fine-tuning (WSRL, Zhou et al. 2024, section 5).

        Actor, critics, targets, temperature and their optimizers' states go on; of the data nothing does. The
        buffer starts empty, and because no update comes before `warmup_steps`, the policy that fills it first
        is the pretrained one, frozen.
        """
        key, key_env = jax.random.split(pretrained.key)
        return TrainState(
            agent=self.pretrain.algorithm.hand_over(pretrained.agent),
            env=rollout.reset(self.online.env, key_env, self.online.num_envs),
            buffer=replay.create(self._row(), self.replay_capacity, self.online.num_envs),
            key=key,
        )

    def switch_all(self, pretrained: TrainState) -> TrainState:
        """Returns all members [M] at the start of fine-tuning."""
        return jax.vmap(Recipe.switch, in_axes=(member_axes(self), 0))(self, pretrained)

    def _row(self) -> Transition:
        return Transition.empty(self.online.env.obs_size, self.online.env.action_size)


def side_by_side(config: Config, env: Environment) -> Recipe:
    """Returns the recipe of all members: constants in which grid points differ are [M], others scalars."""

    def together(*values: jax.Array) -> jax.Array:
        if len({float(value) for value in values}) == 1:
            return values[0]
        return jnp.repeat(jnp.stack(values), config.num_seeds)

    return jax.tree.map(together, *(wsrl(single, env) for single in members.at_points(config)))


def wsrl(config: Config, env: Environment) -> Recipe:
    """Returns WSRL: a conservative pretraining, then SAC on nothing but what it collects itself."""
    online = Online(
        algorithm=make_sac(config, env.action_size, config.online.backup_actions),
        env=env,
        num_envs=config.online.num_envs,
        updates=config.updates_per_step,
        critics_per_actor=config.critics_per_actor,
        batch_size=config.online.batch_size,
    )
    shared = OnlineShared(
        warmup_steps=jnp.asarray(config.online.warmup_steps, jnp.int32),
        reward_transform=reward_transform(config),
    )
    offline = make_offline(config, env.action_size)
    return Recipe(
        pretrain=Pretrain(offline, config.offline.offline_batch_size),
        online=online,
        shared=shared,
        replay_capacity=config.online.replay_capacity,
    )


def make_sac(config: Config, action_size: int, backup_actions: int) -> SAC:
    """Returns SAC with the configured networks and constants."""
    agent = config.agent
    entropy = -action_size if agent.target_entropy is None else agent.target_entropy
    return SAC(
        actor_lr=hyper(agent.actor_lr),
        critic_lr=hyper(agent.critic_lr),
        temperature_lr=hyper(agent.temperature_lr),
        discount=hyper(agent.discount),
        target_rate=hyper(agent.target_rate),
        target_entropy=hyper(entropy),
        init_temperature=hyper(agent.init_temperature),
        actor=networks.Actor(action_size, agent.actor_hidden, agent.layer_norm, agent.std_mode),
        critic=networks.Critic(agent.critic_hidden, agent.layer_norm),
        ensemble_size=agent.ensemble_size,
        target_subset=agent.target_subset,
        backup_actions=backup_actions,
        entropy_backup=False,
        actor_q=agent.actor_q,
    )


def make_offline(config: Config, action_size: int) -> Any:
    """Returns the pretraining algorithm."""
    offline = config.offline
    sac = make_sac(config, action_size, offline.offline_backup_actions)
    if offline.offline_actor_lr is not None:
        sac = sac.replace(actor_lr=hyper(offline.offline_actor_lr))
    if offline.cloning_weight > 0.0:
        sac = sac.replace(cloning_weight=hyper(offline.cloning_weight))
    cql = CQL(
        sac=sac,
        alpha=hyper(offline.cql_alpha),
        alpha_lr=hyper(offline.cql_alpha_lr),
        target_gap=hyper(offline.cql_target_gap),
        sampled_actions=offline.cql_actions,
        importance_sampling=offline.cql_importance_sampling,
        learn_alpha=offline.cql_learn_alpha,
    )
    return {"cql": cql, "calql": CalQL(cql)}[offline.offline_algo]


def reward_transform(config: Config) -> rollout.RewardTransform:
    """Returns what turns the task's reward into the learner's."""
    return rollout.RewardTransform(hyper(config.data.reward_scale), hyper(config.data.reward_bias))
