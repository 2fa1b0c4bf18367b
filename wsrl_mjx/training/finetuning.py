"""`finetune`: WSRL's second half for people who write Python: a warmup, and no offline data."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from envs.base import Environment
from envs.programs import jitted
from wsrl_mjx.algos.base import Algorithm
from wsrl_mjx.data import dataset, rollout
from wsrl_mjx.data.collection import check_world
from wsrl_mjx.data.dataset import Dataset
from wsrl_mjx.data.replay_mixing import ReplayMixing
from wsrl_mjx.training import loop, recipe, runtime
from wsrl_mjx.training.exploration import Explorer
from wsrl_mjx.training.handover import HandOver
from wsrl_mjx.training.loop import Advanced
from wsrl_mjx.training.recipe import Recipe
from wsrl_mjx.training.reports import Callback, Report, Trained, check_positive, ignore
from wsrl_mjx.training.schedule import EARLY_EVALUATIONS, Schedule
from wsrl_mjx.training.sharding import Devices, Placement
from wsrl_mjx.training.steps import Online, OnlineShared, Pretrain
from wsrl_mjx.types import Clock, Key, Params, TrainState, Transition

EVALUATION = 2**31 - 1  # sets evaluations' draws apart from training's
HAND_EVERYTHING_OVER = HandOver()
THE_AGENT_ACTS = Explorer()


def finetune(
    algorithm: Algorithm,
    env: Environment,
    start: Trained,
    *,
    steps: int,
    warmup_steps: int = 5000,
    utd: float = 4.0,
    num_envs: int = 1,
    batch_size: int = 256,
    replay_capacity: int = 1_000_000,
    retain: tuple[Dataset, float] | None = None,
    hand_over: HandOver = HAND_EVERYTHING_OVER,
    explorer: Explorer = THE_AGENT_ACTS,
    eval_every: int = 5000,
    eval_episodes: int = 20,
    report_every: int = 1000,
    callback: Callback = ignore,
    devices: Devices = "auto",
) -> Trained:
    """Fine-tunes pretrained agents online without the offline data (WSRL, Zhou et al. 2024, section 5).

    The pretrained policy, frozen, fills an empty replay for `warmup_steps`; then updates begin.

    Args:
        algorithm: `SAC` is WSRL; an offline algorithm goes on with its own losses.
        env: what `make` or `Episodes` returns.
        start: what `pretrain` or `untrained` returned; it stays as it is and can be started from again.
        steps: environment steps of each seed, the warmup included; they end with a step of all environments.
        warmup_steps: steps before the first update; 0 for no more than one round of minibatches needs.
        utd: critic updates per environment step.
        num_envs: environments of each seed, stepped side by side.
        batch_size: rows of one critic update.
        replay_capacity: rows of each seed's replay; there is never room for more than `steps`.
        retain: offline data to go on with, and its share of every minibatch; None, as WSRL has it, drops it.
        hand_over: what goes on at the switch.
        explorer: who acts.
        eval_every: steps between evaluations, beside 0, 1000, 2000 and 5000; 0: never.
        eval_episodes: deterministic episodes of an evaluation.
        report_every: environment steps between reports.
        callback: called with every `Report`.
        devices: the most devices of this machine to spread the seeds over; a CPU's are its cores.

    Raises:
        ValueError: a number that cannot work, or an environment of other sizes than the agents'.
    """
    check_positive(steps=steps, num_envs=num_envs, batch_size=batch_size, report_every=report_every)
    runtime.heed(env)
    _check_agents(algorithm, env, start, hand_over)
    online = _phase(algorithm, env, utd, num_envs, batch_size, explorer, retain)
    first, capacity = _first_update(online, steps, warmup_steps), _capacity(online, steps, replay_capacity)
    schedule = _schedule(steps, eval_every, report_every).in_whole(num_envs)
    placement = Placement.over(devices, start.num_seeds)
    played = _Evaluation(env, algorithm, eval_episodes, start.state.key, placement)
    report = _Reporter(played, schedule, first, callback)
    shared = OnlineShared(jnp.asarray(warmup_steps, jnp.int32), start.reward)
    state = placement.spread(placement.filled_up(_switched(start, online, shared, hand_over, capacity)))
    shared, online = _with_data(shared, retain, algorithm, placement), placement.fitted(online)
    state = _advanced(online, shared, state, schedule, report)
    return Trained(algorithm, state, env.obs_size, env.action_size, start.reward, tuple(report.reports))


def _advanced(
    online: Online, shared: OnlineShared, state: TrainState, schedule: Schedule, report: "_Reporter"
) -> TrainState:
    """Returns all seeds [S] at the end, from their places [P] at the start; reports in between."""
    placement, length = report.placement, schedule.stride()
    clock = placement.copied(Clock.zero())
    report(Advanced(0, state, clock, {}, 0.0))
    chunk = loop.compiled_chunk(length // online.num_envs, online, shared, state, clock, placement)
    for done in loop.advance(chunk, length, lambda _: online, shared, state, clock, 0, schedule.ends):
        report(done)
        state = done.state
    return placement.gathered(state)


class _Reporter:
    """Evaluates where that is due, and keeps and passes on every report."""

    def __init__(self, evaluation: "_Evaluation", schedule: Schedule, first: int, tell: Callback) -> None:
        self._evaluation, self._schedule, self._first, self._tell = evaluation, schedule, first, tell
        self.placement = evaluation.placement
        self.reports: list[Report] = []

    def __call__(self, done: Advanced) -> None:
        due = done.step in self._schedule.evaluations
        if done.step == 0 and not due:
            return
        returns = self._evaluation.returns(done.state.agent, done.step) if due else None
        phase = "warmup" if done.step <= self._first else "fine-tuning"
        metrics, last = self.placement.of_members(done.metrics), self._schedule.last
        self.reports.append(Report(phase, done.step, last, metrics, returns, done.seconds))
        self._tell(self.reports[-1])


def _schedule(steps: int, eval_every: int, report_every: int) -> Schedule:
    """Returns when to report and to evaluate: densely around the switch, where the dip is."""
    if eval_every < 0:
        raise ValueError(f"eval_every must be positive, or 0 for no evaluation, got {eval_every}")
    points = {*EARLY_EVALUATIONS, *range(0, steps, eval_every), steps} if eval_every else set[int]()
    return Schedule.of(steps, report_every, points)


class _Evaluation:
    """Plays deterministic episodes of all agents, with keys that the training does not draw from."""

    def __init__(
        self, env: Environment, algorithm: Algorithm, episodes: int, keys: Key, placement: Placement
    ) -> None:
        check_positive(eval_episodes=episodes)

        def one(agent: Any, key: Key, step: int) -> jax.Array:
            params = algorithm.hand_over(agent).actor.params
            act = lambda obs, _: algorithm.policy(params, obs).mode()
            own = jax.random.fold_in(jax.random.fold_in(key, EVALUATION), step)
            return jnp.mean(rollout.evaluate(env, act, own, episodes).returns)

        self._play = jitted(env, placement.over_members(one, (0, 0, None)))
        self._keys = placement.spread(placement.filled_up(jnp.copy(keys)))
        self.placement = placement

    def returns(self, agents: Any, step: int) -> np.ndarray:
        """Returns the mean return of every agent, [S]."""
        return self.placement.of_members(np.asarray(self._play(agents, self._keys, step)))


def _switched(
    start: Trained, online: Online, shared: OnlineShared, hand_over: HandOver, capacity: int
) -> TrainState:
    """Returns all seeds [S] at the start of fine-tuning; see `recipe.switched`."""
    before, judge = Pretrain(start.algorithm, 1), online.algorithm.sac
    return recipe.switched(Recipe(before, online, shared, hand_over, judge, capacity, 0), start.state)


def _with_data(
    shared: OnlineShared,
    retain: tuple[Dataset, float] | None,
    algorithm: Algorithm,
    placement: Placement,
) -> OnlineShared:
    """Returns what the online phase reads, with the offline rows where some are retained."""
    if retain is None:
        return shared
    rows = dataset.to_device(retain[0].rows, shared.reward_transform, float(algorithm.discount))
    return shared.replace(data=placement.copied(rows))


def _phase(
    algorithm: Algorithm,
    env: Environment,
    utd: float,
    num_envs: int,
    batch_size: int,
    explorer: Explorer,
    retain: tuple[Dataset, float] | None,
) -> Online:
    """Returns the online phase.

    Raises:
        ValueError: no whole number of updates, or a share that leaves one side without a row.
    """
    updates = round(utd * num_envs) if math.isfinite(utd) else 0
    critics_per_actor = max(1, round(utd)) if math.isfinite(utd) else 1
    if updates < 1 or abs(utd * num_envs - updates) > 1e-6 or updates % critics_per_actor:
        raise ValueError(
            f"utd * num_envs must be a positive integer, and a multiple of the {critics_per_actor} critic "
            f"updates that share one of the actor, got {utd} * {num_envs}"
        )
    rows = _retained_rows(env, batch_size, retain)
    return Online(
        algorithm=algorithm,
        env=env,
        num_envs=num_envs,
        updates=updates,
        critics_per_actor=critics_per_actor,
        batch_size=batch_size,
        explorer=explorer,
        mixing=ReplayMixing(rows),
        discount=algorithm.discount if algorithm.needs_returns else None,
    )


def _first_update(online: Online, steps: int, warmup_steps: int) -> int:
    """Returns the environment steps before the first update.

    Raises:
        ValueError: no step behind the first update.
    """
    first = max(warmup_steps, online.updates * online.batch_size)
    if warmup_steps < 0 or first >= steps:
        raise ValueError(
            f"steps must be more than the {first} before the first update, got {steps}: warmup_steps is "
            f"{warmup_steps}, and {online.updates * online.batch_size} rows are waited for in any case"
        )
    return first


def _capacity(online: Online, steps: int, wanted: int) -> int:
    """Returns the rows of each seed's replay, whole inserts of a row from each environment.

    Raises:
        ValueError: not so many as must be in it together.
    """
    check_positive(replay_capacity=wanted)
    capacity = math.ceil(min(wanted, steps) / online.num_envs) * online.num_envs
    least = online.updates * online.batch_size
    if online.discount is not None:  # returns-to-go are written when an episode ends
        least = max(least, online.env.time_limit * online.num_envs)
    if capacity < least:
        raise ValueError(
            f"replay_capacity and steps must be at least {least} here: one round of minibatches, and for "
            f"returns-to-go the longest episode in each environment; got {wanted} and {steps}"
        )
    return capacity


def _retained_rows(env: Environment, batch_size: int, retain: tuple[Dataset, float] | None) -> int:
    """Returns the offline rows of every minibatch."""
    if retain is None:
        return 0
    if not isinstance(retain, tuple) or len(retain) != 2:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"retain must be a dataset and its share, (data, 0.5), got {type(retain).__name__}")
    data, share = retain
    rows = round(share * batch_size) if math.isfinite(share) else 0
    if not 0 < rows < batch_size:
        raise ValueError(
            f"retain's share of batch_size {batch_size} must leave a row on either side, got {share}"
        )
    if data.rows["obs"].shape[1:] != (env.obs_size,):
        raise ValueError(
            f"retain's observations must have obs_size {env.obs_size} of env {env.name!r}, got "
            f"{data.rows['obs'].shape[1]}"
        )
    return rows


def _check_agents(algorithm: Algorithm, env: Environment, start: Trained, hand_over: HandOver) -> None:
    """Checks that the agents fit the world, and the algorithm the agents."""
    if not algorithm.fine_tunes:
        raise ValueError(f"algorithm must be one that goes on online, got {algorithm.name}")
    check_world(env)
    for name in ("obs_size", "action_size"):
        ours, theirs = getattr(env, name), getattr(start, name)
        if ours != theirs:
            raise ValueError(f"{name} of env {env.name!r} is {ours}, the agents were trained with {theirs}")
    row = Transition.empty(env.obs_size, env.action_size)
    new = jax.eval_shape(algorithm.sac.init, jax.random.key(0), row.obs, row.action)
    old = jax.eval_shape(jax.vmap(start.algorithm.hand_over), start.state.agent)
    pairs = [("actor", new.actor.params, old.actor.params)] if hand_over.actor else []
    pairs += [("critics", new.critic.params, old.critic.params)] if hand_over.critics else []
    for name, ours, theirs in pairs:
        if _shapes(ours) != [(path, shape[1:]) for path, shape in _shapes(theirs)]:
            raise ValueError(
                f"algorithm must have the networks that were trained; its {name} are of other sizes"
            )


def _shapes(params: Params) -> list[tuple[str, tuple[int, ...]]]:
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return [(jax.tree_util.keystr(path), leaf.shape) for path, leaf in leaves]
