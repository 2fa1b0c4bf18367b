"""Trains a behaviour policy with our own SAC: many environments, one compiled loop.

The run folder keeps a snapshot of the actor with its score at every evaluation, and a checkpoint to go on
from.
"""

import json
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
from wsrl_mjx.data import behaviors, cache, dataset, files, rollout
from wsrl_mjx.runs import layout
from wsrl_mjx.runs.checkpoint import Checkpoints
from wsrl_mjx.training import loop, recipe
from wsrl_mjx.training.handover import HandOver
from wsrl_mjx.training.loop import Advanced
from wsrl_mjx.training.recipe import Recipe
from wsrl_mjx.training.steps import Online, OnlineShared, Pretrain
from wsrl_mjx.types import Clock, TrainState


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


def make_sac(config: BehaviorConfig, env: envs.Environment, steps_done: int) -> SAC:
    """Returns the learner: two layer-normed critics, entropy in the backup.

    The learning rate is a traced leaf, so a new one for each chunk compiles nothing.
    """
    decay = (config.final_learning_rate - config.learning_rate) * steps_done / config.steps
    rate = config.learning_rate + decay
    width = (config.hidden, config.hidden)
    sac = SAC.create(
        env,
        hidden=width,
        ensemble_size=2,
        actor_lr=rate,
        critic_lr=rate,
        temperature_lr=rate,
        discount=config.discount,
        target_entropy=config.target_entropy_per_action * env.action_size,
        entropy_backup=True,
    )
    return sac.replace(actor=networks.Actor(env.action_size, width, layer_norm=False))


def make_phase(config: BehaviorConfig, env: envs.Environment, steps_done: int) -> Online:
    """Returns the phase of the chunk that begins after so many environment steps."""
    sac = make_sac(config, env, steps_done)
    updates = max(1, round(config.utd * config.num_envs))
    return Online(sac, env, config.num_envs, updates, 1, config.batch_size)


def initial_state(config: BehaviorConfig, online: Online, shared: OnlineShared) -> TrainState:
    """Returns a fresh learner, running environments and an empty buffer, with a seed axis of one."""
    capacity = config.capacity // config.num_envs * config.num_envs
    sac = online.algorithm
    whole = Recipe(Pretrain(sac, 1), online, shared, HandOver(), sac, capacity, prefilled=0)
    begun = whole.begin_all(jax.random.key(config.seed)[None])
    return recipe.switched(whole, begun).replace(reference=None)  # nothing was pretrained


def train(config: BehaviorConfig) -> None:
    """Runs the training loop: chunk, evaluate, snapshot, checkpoint.

    Raises:
        ValueError: no such task or option, or a replay buffer that is not the dataset asked for.
    """
    if config.save_replay:
        check_replay_can_be_saved(config)
    env = envs.make(config.env, **config.task_options)
    judge = envs.make(config.env)
    online = make_phase(config, env, 0)
    transform = rollout.RewardTransform(hyper(config.reward_scale), hyper(0.0))
    shared = OnlineShared(jnp.asarray(config.warmup_steps, jnp.int32), transform)
    actor, decide = online.algorithm.actor, online.algorithm.policy

    @jax.jit
    def score(actor_params: Any, key: jax.Array) -> rollout.EpisodeScores:
        act = lambda obs, k: decide(actor_params, obs).mode()
        return rollout.evaluate(judge, act, key, config.eval_episodes)

    files.check_links("run-dir", config.run_dir)
    config.run_dir.mkdir(parents=True, exist_ok=True)
    # Absolute, because whoever reads them may stand in another folder.
    settings = {n: str(v.absolute()) if isinstance(v, Path) else v for n, v in asdict(config).items()}
    files.write_json(config.run_dir / layout.CONFIG, settings)
    checkpoints = Checkpoints(config.run_dir / layout.CHECKPOINTS, keep=1)
    state, clock = first_state(config, checkpoints, initial_state(config, online, shared))
    first = int(clock.env_steps)
    last = config.steps if config.stop_at is None else min(config.steps, config.stop_at)
    each = ends_of_intervals(config, 0).step
    ends = [end for end in ends_of_intervals(config, first) if end - each < last]
    chunk = loop.compiled_chunk(each // config.num_envs, online, shared, state, clock)
    phase_at = lambda done: make_phase(config, env, done)
    for done in loop.advance(chunk, each, phase_at, shared, state, clock, first, ends):
        state = done.state
        params = jax.tree.map(lambda x: x[0], state.agent.actor.params)
        row = row_of(done, score(params, jax.random.key(done.step)))
        print(json.dumps(row), flush=True)
        behaviors.save(config.run_dir / "snapshots", f"{done.step:08d}", actor, params, row)
        checkpoints.save(done.step, (state, done.clock), row)
    if config.save_replay:
        save_replay(config, judge, state, max([first, *ends]))


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
    earlier = Checkpoints(config.start_from / layout.CHECKPOINTS)
    other, _ = earlier.restore(earlier.latest() or 0, (fresh, clock))
    print(f"starting from the agent of {config.start_from}")
    return fresh.replace(agent=other.agent), clock


def row_of(done: Advanced, episodes: rollout.EpisodeScores) -> dict[str, int | float]:
    """Returns the numbers of an interval: of the policy's episodes, of the updates, and the seconds."""
    row: dict[str, int | float] = {
        "steps": done.step,
        "return": float(jnp.mean(episodes.returns)),
        "return_std": float(jnp.std(episodes.returns)),
        "length": float(jnp.mean(episodes.lengths)),
        "x_velocity": float(jnp.mean(episodes.x_velocity)),
        "seconds": round(done.seconds, 1),
    }
    return row | {name: round(float(value[0]), 4) for name, value in done.metrics.items()}


def ends_of_intervals(config: BehaviorConfig, first: int) -> range:
    """Returns the environment steps at which the policy is evaluated, from step `first` to the end."""
    each = config.eval_every // config.num_envs * config.num_envs
    return range(first + each, -(-config.steps // each) * each + 1, each)


def check_replay_can_be_saved(config: BehaviorConfig) -> None:
    """Checks, before hours are spent, that the replay buffer will be the dataset asked for.

    Raises:
        ValueError: the rewards are shaped, or the ring will wrap.
    """
    if config.task_options or config.reward_scale != 1.0:
        raise ValueError("save_replay needs the task's own reward: no task_options, reward_scale 1")
    rows = list(ends_of_intervals(config, 0))[-1]
    if rows > config.capacity // config.num_envs * config.num_envs:
        raise ValueError(f"save_replay needs capacity of at least {rows}, got {config.capacity}")


def save_replay(config: BehaviorConfig, env: envs.Environment, state: TrainState, filled: int) -> None:
    """Writes the replay buffer as a dataset: the rows in trajectory order, with the task's own reward."""
    rows = jax.tree.map(lambda x: np.asarray(x[0, :filled]), state.buffer.data)
    by_time = jax.tree.map(lambda x: x.reshape((-1, config.num_envs, *x.shape[1:])), rows)
    ordered = dataset.in_trajectory_order([by_time], filled // config.num_envs, filled)
    policies = [{"level": "every policy of the run that made medium", "transitions": filled}]
    card = dataset.make_card(env, ordered, "medium-replay", policies, config.seed)
    folder = named_datasets.replay_folder(config.cache_dir, config.env)
    dataset.save(folder, dataset.Dataset(ordered, card))
    print(f"medium-replay: {filled} rows in {folder}")
