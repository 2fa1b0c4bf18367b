"""What the settings make: algorithms, phases, the switch between them. Nothing below knows settings."""

from typing import Any

import jax
import jax.numpy as jnp

from envs.base import Environment
from wsrl_mjx.algos import networks
from wsrl_mjx.algos.awac import AWAC
from wsrl_mjx.algos.base import hyper
from wsrl_mjx.algos.bc import BC
from wsrl_mjx.algos.calql import CalQL
from wsrl_mjx.algos.cql import CQL
from wsrl_mjx.algos.iql import IQL
from wsrl_mjx.algos.sac import SAC
from wsrl_mjx.algos.so2 import SO2
from wsrl_mjx.config import grid
from wsrl_mjx.config.settings import Config
from wsrl_mjx.data import rollout
from wsrl_mjx.data.replay_mixing import ReplayMixing
from wsrl_mjx.training.exploration import Explorer, WarmupPolicy
from wsrl_mjx.training.handover import HandOver
from wsrl_mjx.training.recipe import Recipe
from wsrl_mjx.training.steps import Online, OnlineShared, Pretrain


def side_by_side(config: Config, env: Environment) -> Recipe:
    """Returns the recipe of all members: constants in which grid points differ are [M], others scalars."""

    def together(*values: jax.Array) -> jax.Array:
        if len({float(value) for value in values}) == 1:
            return values[0]
        return jnp.repeat(jnp.stack(values), config.num_seeds)

    return jax.tree.map(together, *(make(single, env) for single in grid.at_points(config)))


def make(config: Config, env: Environment) -> Recipe:
    """Returns WSRL, or what the settings make of it: another method, or one of its ablations.

    Raises:
        ValueError: a replay buffer that cannot hold the longest episode, for Cal-QL online.
    """
    settings = config.online
    calibrated = settings.online_algo == "calql"
    if calibrated and settings.replay_capacity < env.time_limit * settings.num_envs:
        raise ValueError(
            f"replay_capacity must hold an episode of {env.time_limit} steps in each of {settings.num_envs} "
            f"environments for online_algo calql, got {settings.replay_capacity}"
        )
    online = Online(
        algorithm=make_online(config, env.action_size),
        env=env,
        num_envs=settings.num_envs,
        updates=config.updates_per_step,
        critics_per_actor=config.critics_per_actor,
        batch_size=settings.batch_size,
        explorer=make_explorer(config),
        mixing=ReplayMixing(config.offline_rows, append=settings.retain == "append"),
        discount=hyper(config.agent.discount) if calibrated else None,
    )
    shared = OnlineShared(
        warmup_steps=jnp.asarray(settings.warmup_steps, jnp.int32),
        reward_transform=reward_transform(config),
        prefilled=jnp.asarray(config.prefilled_rows, jnp.int32),
    )
    return Recipe(
        pretrain=Pretrain(make_offline(config, env.action_size), config.offline.offline_batch_size),
        online=online,
        shared=shared,
        hand_over=HandOver(
            actor=settings.init_actor == "pretrained",
            critics=settings.init_critics == "pretrained",
            optimizers=settings.keep_optimizers,
            temperature=settings.keep_temperature,
        ),
        judge=make_sac(config, env.action_size, settings.backup_actions),
        replay_capacity=settings.replay_capacity,
        prefilled=config.prefilled_rows,
    )


def make_explorer(config: Config) -> Explorer:
    """Returns who acts before the first update, and at the beginning of episodes."""
    online = config.online
    warmup: WarmupPolicy = "agent" if online.init_actor == "pretrained" else "pretrained"
    if online.warmup_source == "random":
        warmup = "random"
    return Explorer(hyper(online.guide_steps) if online.guide_steps else None, warmup)


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
        actor=networks.Actor(
            action_size,
            agent.actor_hidden,
            agent.layer_norm,
            agent.std_mode,
            precision=agent.precision,
            squash=agent.actor_squash,
        ),
        critic=networks.Critic(agent.critic_hidden, agent.layer_norm, agent.precision),
        ensemble_size=agent.ensemble_size,
        target_subset=agent.target_subset,
        backup_actions=backup_actions,
        entropy_backup=False,
        actor_q=agent.actor_q,
    )


def make_offline(config: Config, action_size: int) -> Any:
    """Returns the pretraining algorithm."""
    offline = config.offline
    sac = make_sac(config, action_size, config.backup_actions_of(offline.offline_algo))
    if offline.offline_actor_lr is not None:
        sac = sac.replace(actor_lr=hyper(offline.offline_actor_lr))
    if offline.cloning_weight > 0.0:
        sac = sac.replace(cloning_weight=hyper(offline.cloning_weight))
    return _algorithm(offline.offline_algo, config, sac, offline.cql_alpha)


def make_online(config: Config, action_size: int) -> Any:
    """Returns the algorithm that fine-tunes. One that pretrains too keeps its own targets."""
    online, offline = config.online, config.offline
    sac = make_sac(config, action_size, config.backup_actions_of(online.online_algo))
    alpha = offline.cql_alpha if online.online_cql_alpha is None else online.online_cql_alpha
    return _algorithm(online.online_algo, config, sac, alpha)


def _algorithm(name: str, config: Config, sac: SAC, alpha: float) -> Any:
    offline, online, agent = config.offline, config.online, config.agent
    if name in ("cql", "calql"):
        cql = CQL(
            sac=sac,
            alpha=hyper(alpha),
            alpha_lr=hyper(offline.cql_alpha_lr),
            target_gap=hyper(offline.cql_target_gap),
            sampled_actions=offline.cql_actions,
            importance_sampling=offline.cql_importance_sampling,
            learn_alpha=offline.cql_learn_alpha,
        )
        return cql if name == "cql" else CalQL(cql)
    if name == "iql":
        return IQL(
            sac=sac,
            expectile=hyper(offline.iql_expectile),
            beta=hyper(offline.iql_beta),
            cloning=hyper(offline.iql_cloning),
            value=networks.Value(agent.critic_hidden, agent.layer_norm, agent.precision),
            extraction=offline.iql_extraction,
        )
    if name == "awac":
        return AWAC(sac, beta=hyper(offline.awac_beta))
    if name == "so2":
        return SO2(sac, noise=hyper(online.so2_noise), noise_limit=hyper(online.so2_noise_limit))
    return {"sac": sac, "bc": BC(sac)}[name]


def reward_transform(config: Config) -> rollout.RewardTransform:
    """Returns what turns the task's reward into the learner's."""
    return rollout.RewardTransform(hyper(config.data.reward_scale), hyper(config.data.reward_bias))
