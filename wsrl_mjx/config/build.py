"""What the settings make: algorithms, phases, the switch between them. Nothing below knows settings."""

from dataclasses import asdict

import jax
import jax.numpy as jnp

from envs.base import Environment
from wsrl_mjx.algos.base import Algorithm, PhaseName, hyper
from wsrl_mjx.algos.registry import ALGORITHMS
from wsrl_mjx.algos.sac import SAC
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
        ValueError: a replay buffer that cannot hold the longest episode, where returns-to-go are asked for.
    """
    settings = config.online
    needs_returns = ALGORITHMS[settings.online_algo].needs_returns
    if needs_returns and config.replay_rows < env.time_limit * settings.num_envs:
        raise ValueError(
            f"replay_capacity must hold an episode of {env.time_limit} steps in each of {settings.num_envs} "
            f"environments for online_algo {settings.online_algo}, got {settings.replay_capacity}"
        )
    online = Online(
        algorithm=make_online(config, env),
        env=env,
        num_envs=settings.num_envs,
        updates=config.updates_per_step,
        critics_per_actor=config.critics_per_actor,
        batch_size=settings.batch_size,
        explorer=make_explorer(config),
        mixing=ReplayMixing(config.offline_rows, append=settings.retain == "append"),
        discount=hyper(config.agent.discount) if needs_returns else None,
    )
    shared = OnlineShared(
        warmup_steps=jnp.asarray(settings.warmup_steps, jnp.int32),
        reward_transform=reward_transform(config),
        prefilled=jnp.asarray(config.prefilled_rows, jnp.int32),
    )
    return Recipe(
        pretrain=Pretrain(make_offline(config, env), config.offline.offline_batch_size),
        online=online,
        shared=shared,
        hand_over=HandOver(
            actor=settings.init_actor == "pretrained",
            critics=settings.init_critics == "pretrained",
            optimizers=settings.keep_optimizers,
            temperature=settings.keep_temperature,
        ),
        judge=make_sac(config, env, settings.backup_actions),
        replay_capacity=config.replay_rows,
        prefilled=config.prefilled_rows,
    )


def make_explorer(config: Config) -> Explorer:
    """Returns who acts before the first update, and at the beginning of episodes."""
    online = config.online
    warmup: WarmupPolicy = "agent" if online.init_actor == "pretrained" else "pretrained"
    if online.warmup_source == "random":
        warmup = "random"
    return Explorer(hyper(online.guide_steps) if online.guide_steps else None, warmup)


def make_sac(config: Config, env: Environment, backup_actions: int) -> SAC:
    """Returns SAC with the configured networks and constants."""
    return SAC.create(env, backup_actions=backup_actions, **asdict(config.agent))


def make_offline(config: Config, env: Environment) -> Algorithm:
    """Returns the pretraining algorithm."""
    offline = config.offline
    sac = make_sac(config, env, config.backup_actions_of(offline.offline_algo))
    if offline.offline_actor_lr is not None:
        sac = sac.replace(actor_lr=hyper(offline.offline_actor_lr))
    if offline.cloning_weight > 0.0:
        sac = sac.replace(cloning_weight=hyper(offline.cloning_weight))
    return _over(sac, offline.offline_algo, config, "pretrain")


def make_online(config: Config, env: Environment) -> Algorithm:
    """Returns the algorithm that fine-tunes. One that pretrains too keeps its own targets."""
    name, cloning = config.online.online_algo, config.online.online_cloning_weight
    sac = make_sac(config, env, config.backup_actions_of(name))
    sac = sac.replace(cloning_weight=hyper(cloning)) if cloning > 0.0 else sac
    return _over(sac, name, config, "online")


def _over(sac: SAC, name: str, config: Config, phase: PhaseName) -> Algorithm:
    return ALGORITHMS[name].from_settings(sac, config.algorithms.of(name), phase)


def reward_transform(config: Config) -> rollout.RewardTransform:
    """Returns what turns the task's reward into the learner's."""
    return rollout.RewardTransform(hyper(config.data.reward_scale), hyper(config.data.reward_bias))
