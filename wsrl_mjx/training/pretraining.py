"""`pretrain`: offline reinforcement learning on a dataset, for people who write Python."""

import jax
import jax.numpy as jnp

from envs.base import Environment
from wsrl_mjx.algos.base import Algorithm, hyper
from wsrl_mjx.data import dataset
from wsrl_mjx.data.dataset import Dataset
from wsrl_mjx.data.rollout import RewardTransform
from wsrl_mjx.training import loop, recipe
from wsrl_mjx.training.reports import Callback, Report, Trained, check_positive, ignore
from wsrl_mjx.training.schedule import Schedule
from wsrl_mjx.training.sharding import Devices, Placement
from wsrl_mjx.training.steps import Pretrain
from wsrl_mjx.types import Clock, Key, Transition


def pretrain(
    algorithm: Algorithm,
    data: Dataset,
    keys: Key,
    *,
    steps: int,
    batch_size: int = 256,
    reward_scale: float = 1.0,
    reward_bias: float = 0.0,
    report_every: int = 1000,
    callback: Callback = ignore,
    devices: Devices = "auto",
) -> Trained:
    """Trains actors and critics on offline data alone, all seeds on the same rows.

    Args:
        algorithm: `CalQL`, `CQL`, `IQL`, `AWAC` or `BC`.
        data: what `collect` returned.
        keys: typed keys [S], from `jax.random.split`; or one key, for one seed.
        steps: gradient steps, each of the critics and then of the actor.
        batch_size: rows of a minibatch.
        reward_scale: the learner sees scale * reward + bias, here and in the fine-tuning that follows.
        reward_bias: see there.
        report_every: gradient steps between reports.
        callback: called with every `Report`.
        devices: the most devices of this machine to spread the seeds over; a CPU's are its cores.

    Raises:
        ValueError: a number or keys that cannot work.
    """
    check_positive(steps=steps, batch_size=batch_size, report_every=report_every)
    if not algorithm.pretrains:
        raise ValueError(f"algorithm must be one that learns from data alone, got {algorithm.name}")
    (obs_size,), (action_size,) = (data.rows[name].shape[1:] for name in ("obs", "action"))
    begun = _begin(algorithm, obs_size, action_size, keys, reward_scale, reward_bias)
    placement = Placement.over(devices, begun.num_seeds)
    phase = placement.fitted(Pretrain(algorithm, batch_size))
    state = placement.spread(placement.filled_up(begun.state))
    clock = placement.copied(Clock.zero())
    rows = placement.copied(dataset.to_device(data.rows, begun.reward, float(algorithm.discount)))
    schedule = Schedule.of(steps, report_every)
    length = schedule.stride()
    chunk = loop.compiled_chunk(length, phase, rows, state, clock, placement)
    reports: list[Report] = []
    for done in loop.advance(chunk, length, lambda _: phase, rows, state, clock, 0, schedule.ends):
        metrics = placement.of_members(done.metrics)
        reports.append(Report("pretraining", done.step, steps, metrics, None, done.seconds))
        callback(reports[-1])
        state = done.state
    gathered = placement.gathered(state)
    return Trained(algorithm, gathered, obs_size, action_size, begun.reward, tuple(reports))


def untrained(
    algorithm: Algorithm, env: Environment, keys: Key, *, reward_scale: float = 1.0, reward_bias: float = 0.0
) -> Trained:
    """Returns fresh agents, a seed for each key: where a training from scratch starts.

    Args:
        algorithm: what will fine-tune.
        env: gives the sizes of observations and actions.
        keys: typed keys [S], from `jax.random.split`; or one key, for one seed.
        reward_scale: the learner sees scale * reward + bias.
        reward_bias: see there.

    Raises:
        ValueError: keys that are not typed.
    """
    return _begin(algorithm, env.obs_size, env.action_size, keys, reward_scale, reward_bias)


def _begin(
    algorithm: Algorithm, obs_size: int, action_size: int, keys: Key, reward_scale: float, reward_bias: float
) -> Trained:
    kind = getattr(keys, "dtype", None)
    if kind is None or not jnp.issubdtype(kind, jax.dtypes.prng_key) or keys.ndim > 1 or keys.size == 0:
        shown = type(keys).__name__ if kind is None else f"{kind}{list(keys.shape)}"
        raise ValueError(f"keys must be typed keys [S], such as jax.random.split(key, 5), got {shown}")
    state = recipe.begin(algorithm, Transition.empty(obs_size, action_size), keys.reshape(-1))
    transform = RewardTransform(hyper(reward_scale), hyper(reward_bias))
    return Trained(algorithm, state, obs_size, action_size, transform)
