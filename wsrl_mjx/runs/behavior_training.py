"""Trains a behaviour policy with our own SAC: many environments, one compiled loop.

The run folder keeps a snapshot of the actor with its score at every evaluation, and a checkpoint to go on
from.
"""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import envs
from wsrl_mjx.algos import networks
from wsrl_mjx.algos.base import hyper
from wsrl_mjx.algos.sac import SAC
from wsrl_mjx.config import named_datasets
from wsrl_mjx.data import behaviors, cache, dataset, replay, rollout
from wsrl_mjx.runs.checkpoint import Checkpoints
from wsrl_mjx.training import loop, steps
from wsrl_mjx.types import Clock, Metrics, TrainState, Transition


@dataclass(frozen=True)
class BehaviorConfig:
    """How a behaviour is trained. `task_options` may shape the reward; scores are always the task's own."""

    env: str
    """Task to train on."""
    run_dir: Path
    """Where snapshots and checkpoints go; an interrupted run there is continued."""
    steps: int = 500_000
    """Environment steps in all."""
    stop_at: int | None = None
    """Stop after so many of them; the rate falls as if it went on."""
    seed: int = 0
    num_envs: int = 32
    """Environments stepped side by side."""
    utd: float = 0.25
    """Critic updates per environment step."""
    batch_size: int = 256
    hidden: int = 128
    """Width of both hidden layers of actor and critics."""
    learning_rate: float = 1e-3
    final_learning_rate: float = 1e-4
    """Reached in a straight line over all steps."""
    discount: float = 0.99
    reward_scale: float = 1.0
    target_entropy_per_action: float = -1.0
    capacity: int = 1_000_000
    """Rows of replay."""
    eval_every: int = 50_000
    """Environment steps between snapshots."""
    eval_episodes: int = 16
    task_options: dict[str, float] = field(default_factory=dict)
    """Fields of the task to change while training, such as healthy_reward 0."""
    start_from: Path | None = None
    """Run whose newest agent to go on with, from an empty replay buffer: for another reward or rate."""
    warmup_steps: int = 0
    """Steps without updates at the start; with start_from they fill the buffer with the agent's own data."""
    save_replay: bool = False
    """At the end, keep the replay buffer as the task's medium-replay dataset."""
    cache_dir: Path = field(default_factory=cache.default_folder)
    """Where the medium-replay dataset goes."""


def make_sac(config: BehaviorConfig, action_size: int, steps_done: int) -> SAC:
    """Returns the learner: two layer-normed critics, entropy in the backup.

    The learning rate is a traced leaf, so a new one for each chunk compiles nothing.
    """
    width = (config.hidden, config.hidden)
    decay = (config.final_learning_rate - config.learning_rate) * steps_done / config.steps
    rate = hyper(config.learning_rate + decay)
    return SAC(
        actor_lr=rate,
        critic_lr=rate,
        temperature_lr=rate,
        discount=hyper(config.discount),
        target_rate=hyper(0.005),
        target_entropy=hyper(config.target_entropy_per_action * action_size),
        init_temperature=hyper(1.0),
        actor=networks.Actor(action_size, width, layer_norm=False),
        critic=networks.Critic(width),
        ensemble_size=2,
        target_subset=2,
        backup_actions=1,
        entropy_backup=True,
        actor_q="min",
    )


def initial_state(config: BehaviorConfig, env: envs.Environment, sac: SAC) -> TrainState:
    """Returns a fresh learner, running environments and an empty buffer, with a seed axis of one."""
    key_agent, key_env, key_run = jax.random.split(jax.random.key(config.seed), 3)
    row = Transition.empty(env.obs_size, env.action_size)
    state = TrainState(
        agent=sac.init(key_agent, row.obs, row.action),
        env=rollout.reset(env, key_env, config.num_envs),
        buffer=replay.create(row, config.capacity // config.num_envs * config.num_envs, config.num_envs),
        key=key_run,
    )
    return jax.tree.map(lambda x: x[None], state)


def train(config: BehaviorConfig) -> None:
    """Runs the training loop: chunk, evaluate, snapshot, checkpoint.

    Raises:
        ValueError: no such task or option, or a replay buffer that is not the dataset asked for.
    """
    env = envs.make(config.env, **config.task_options)
    judge = envs.make(config.env)
    sac = make_sac(config, env.action_size, 0)
    updates = max(1, round(config.utd * config.num_envs))
    transform = rollout.RewardTransform(hyper(config.reward_scale), hyper(0.0))
    shared = steps.OnlineShared(jnp.asarray(config.warmup_steps, jnp.int32), transform)
    chunk = loop.make_chunk(config.eval_every // config.num_envs)

    @jax.jit
    def score(actor_params: Any, key: jax.Array) -> rollout.EpisodeScores:
        act = lambda obs, k: sac.policy(actor_params, obs).mode()
        return rollout.evaluate(judge, act, key, config.eval_episodes)

    config.run_dir.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(config), indent=2, default=str)
    (config.run_dir / "config.json").write_text(text + "\n")
    checkpoints = Checkpoints(config.run_dir / "checkpoints", keep=1)
    state, clock = first_state(config, checkpoints, initial_state(config, env, sac))
    last = config.steps if config.stop_at is None else min(config.steps, config.stop_at)
    while int(clock.env_steps) < last:
        began = time.perf_counter()
        sac = make_sac(config, env.action_size, int(clock.env_steps))
        online = steps.Online(sac, env, config.num_envs, updates, 1, config.batch_size)
        state, clock, metrics = chunk(online, shared, state, clock)
        done = int(clock.env_steps)
        params = jax.tree.map(lambda x: x[0], state.agent.actor.params)
        row = row_of(done, score(params, jax.random.key(done)), metrics, began)
        print(json.dumps(row), flush=True)
        behaviors.save(config.run_dir / "snapshots", f"{done:08d}", sac.actor, params, row)
        checkpoints.save(done, (state, clock), row)
    if config.save_replay:
        save_replay(config, judge, state, int(clock.env_steps))


def first_state(
    config: BehaviorConfig, checkpoints: Checkpoints, fresh: TrainState
) -> tuple[TrainState, Clock]:
    """Returns where to begin: at the newest checkpoint, with another run's agent, or afresh."""
    clock = Clock.zero()
    if (step := checkpoints.latest()) is not None:
        state, clock = checkpoints.restore(step, (fresh, clock))
        print(f"continuing at {int(clock.env_steps)} steps")
        return state, clock
    if config.start_from is None:
        return fresh, clock
    earlier = Checkpoints(config.start_from / "checkpoints")
    other, _ = earlier.restore(earlier.latest() or 0, (fresh, clock))
    print(f"starting from the agent of {config.start_from}")
    return fresh.replace(agent=other.agent), clock


def row_of(
    done: int, episodes: rollout.EpisodeScores, metrics: Metrics, began: float
) -> dict[str, int | float]:
    """Returns the numbers of an interval: of the policy's episodes, of the updates, and the seconds."""
    row: dict[str, int | float] = {
        "steps": done,
        "return": float(jnp.mean(episodes.returns)),
        "return_std": float(jnp.std(episodes.returns)),
        "length": float(jnp.mean(episodes.lengths)),
        "x_velocity": float(jnp.mean(episodes.x_velocity)),
        "seconds": round(time.perf_counter() - began, 1),
    }
    return row | {name: round(float(m.total[0] / m.weight[0]), 4) for name, m in metrics.items()}


def save_replay(config: BehaviorConfig, env: envs.Environment, state: TrainState, filled: int) -> None:
    """Writes the replay buffer as a dataset: the rows in trajectory order, with the task's own reward.

    Raises:
        ValueError: the rewards were shaped, or the ring has wrapped, so that the buffer is not that dataset.
    """
    if config.task_options or config.reward_scale != 1.0:
        raise ValueError("save_replay needs the task's own reward: no task_options, reward_scale 1")
    buffer: replay.ReplayBuffer = jax.tree.map(lambda x: x[0], state.buffer)  # of the one seed
    if filled > buffer.capacity:
        raise ValueError(f"save_replay needs capacity of at least {filled}, got {buffer.capacity}")
    rows = jax.tree.map(lambda x: np.asarray(x[:filled]), buffer.data)
    by_time = jax.tree.map(lambda x: x.reshape((-1, config.num_envs, *x.shape[1:])), rows)
    ordered = dataset.in_trajectory_order([by_time], filled // config.num_envs, filled)
    policies = [{"level": "every policy of the run that made medium", "transitions": filled}]
    card = dataset.make_card(env, ordered, "medium-replay", policies, config.seed)
    folder = named_datasets.replay_folder(config.cache_dir, config.env)
    dataset.save(folder, dataset.Dataset(ordered, card))
    print(f"medium-replay: {filled} rows in {folder}")
