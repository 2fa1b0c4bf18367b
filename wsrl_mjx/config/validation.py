"""Checks of the settings: every value that cannot work is refused before anything compiles.

Each message names the field, the value given, and the choices or the limit.
"""

import math
import typing

from wsrl_mjx.algos import registry
from wsrl_mjx.algos.checks import choose, is_count
from wsrl_mjx.algos.registry import ALGORITHMS
from wsrl_mjx.config import grid
from wsrl_mjx.config.settings import (
    ALGORITHM_FLAGS,
    SHIPPED,
    Config,
    Method,
    Origin,
    WarmupSource,
    flat_fields,
)

FLOAT32_MAX = 3.4028234663852886e38  # what is computed with has 32 bits


def validate(config: Config) -> None:
    """Raises ValueError for the first field that cannot work, naming it, its value and the choices."""
    _check_points(config)
    _check_counts(config)
    _check_rates(config)
    _check_choices(config)
    _check_algorithms(config)
    _check_online_data(config)
    _check_guide(config)
    _check_updates(config)
    _check_lengths(config)


def _check_points(config: Config) -> None:
    if len(set(config.points)) < len(config.points):
        raise ValueError(f"points must be different from each other, got {config.points}")
    if len({tuple(grid.parse(point)) for point in config.points}) > 1:
        raise ValueError(f"points must all name the same settings, got {config.points}")
    if not config.points:
        return
    settings = grid.at_points(config)
    for single in settings:
        validate(single)
    if len({single.offline.cloning_weight == 0.0 for single in settings}) > 1:
        raise ValueError(
            "points cannot mix a cloning_weight of 0 with others: without it the loss is another"
        )


def _check_counts(config: Config) -> None:
    may_be_zero = {"warmup_steps", "seed", "dataset_seed", "offline_steps", "true_value_states"}
    may_be_zero |= {"max_skipped_updates"}
    for name, value in flat_fields(config).items():
        least = 0 if name in may_be_zero else 1
        if name in _COUNT_FIELDS and (not is_count(value) or value < least):
            kind = "positive" if least else "zero or more"
            raise ValueError(f"{name} must be an integer, {kind}, got {value!r}")
        if name in _COUNT_FIELDS and name != "seed" and value >= 2**31:  # counters have 32 bits
            raise ValueError(f"{name} must be below 2**31, got {value}")
    if config.seed + config.num_seeds > 2**31:
        raise ValueError(f"seed must be below 2**31 for every one of num_seeds, got {config.seed}")


def _check_rates(config: Config) -> None:
    for name, value in flat_fields(config).items():
        if name.endswith("_lr") and value is not None and not 0.0 <= value < 1.0:
            raise ValueError(f"{name} must be in [0, 1), got {value}")
        if isinstance(value, float) and name != "utd" and not abs(value) <= FLOAT32_MAX:
            raise ValueError(f"{name} must be finite, and below 3.4e38, got {value}")
    shares = {
        "cloning_weight": config.offline.cloning_weight,
        "online_cloning_weight": config.online.online_cloning_weight,
    }
    for name, value in shares.items():
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{name} must be in [0, 1], got {value}")
    if config.evaluation.true_value_states and config.agent.discount >= 1.0:
        raise ValueError("true_value_states needs a discount below 1, got 1.0: its sums would not end")
    share = config.data.success_share
    if share is not None and not 0.0 <= share <= 1.0:
        raise ValueError(f"success_share must be in [0, 1], got {share}")
    if config.data.reward_scale == 0.0:
        raise ValueError("reward_scale must not be 0: every reward would be the same")


def _check_choices(config: Config) -> None:
    online, settings = config.online, flat_fields(config)
    choose("method", config.method, typing.get_args(Method))
    for flag, phase in ALGORITHM_FLAGS.items():
        registry.choose(flag, settings[flag], phase)
    choose("warmup_source", online.warmup_source, typing.get_args(WarmupSource))
    choose("retain", online.retain, ("none", "append"))
    choose("init_actor", online.init_actor, typing.get_args(Origin))
    choose("init_critics", online.init_critics, typing.get_args(Origin))


def _check_algorithms(config: Config) -> None:
    """Checks the settings of every algorithm, chosen or not, where they stand."""
    config.agent.check()
    for own in config.algorithms.each():
        own.check()
    for name in (config.offline.offline_algo, config.online.online_algo):
        if ALGORITHMS[name].needs_returns and config.agent.discount >= 1.0:
            raise ValueError(f"discount must be less than 1 for {name}: its returns-to-go bootstrap, got 1.0")


def _check_online_data(config: Config) -> None:
    """Checks what fills the buffer and the minibatches besides the policy's own experience."""
    online = config.online
    if not 0.0 <= online.offline_share < 1.0:
        raise ValueError(f"offline_share must be in [0, 1), got {online.offline_share}")
    if online.offline_share > 0.0 and not 0 < config.offline_rows < online.batch_size:
        raise ValueError(
            f"offline_share {online.offline_share} of batch_size {online.batch_size} is "
            f"{config.offline_rows} rows; it must leave one row at least on either side"
        )
    if online.offline_share > 0.0 and online.retain == "append":
        raise ValueError("offline_share and retain append are two ways to keep the data; choose one")


def _check_guide(config: Config) -> None:
    online = config.online
    if online.guide_steps < 0.0 or 0.0 < online.guide_steps < 1.0:
        raise ValueError(f"guide_steps must be 0 or at least 1, got {online.guide_steps}")
    if online.guide_steps and not config.offline.offline_steps:
        raise ValueError("guide_steps needs a pretrained policy: offline_steps must not be 0")


def _check_updates(config: Config) -> None:
    online = config.online
    updates = online.utd * online.num_envs
    whole = round(updates) if math.isfinite(updates) else 0
    if whole < 1 or abs(updates - whole) > 1e-6:
        raise ValueError(
            f"utd * num_envs must be a positive integer, got {online.utd} * {online.num_envs} = {updates}"
        )
    if whole % config.critics_per_actor != 0:
        raise ValueError(
            f"utd * num_envs = {whole} must be a multiple of the {config.critics_per_actor} critic "
            f"updates that share an actor update; choose another utd (got {online.utd})"
        )


def _check_lengths(config: Config) -> None:
    online = config.online
    if online.warmup_source != "data" and online.warmup_steps >= online.online_steps:
        raise ValueError(
            f"warmup_steps must be less than online_steps ({online.online_steps}), which count it, got "
            f"{online.warmup_steps}: there would be no fine-tuning"
        )
    if config.first_update >= online.online_steps:
        product = f"{online.utd:g} * {online.num_envs} * {online.batch_size}"
        raise ValueError(
            f"online_steps must be more than {config.first_update}, got {online.online_steps}: the first "
            f"update waits for utd * num_envs * batch_size = {product} rows; choose fewer num_envs or a "
            "smaller batch_size"
        )
    before = config.first_update + config.prefilled_rows
    if config.replay_rows < before:
        raise ValueError(
            f"replay_capacity must hold the {before} rows before the first update, "
            f"got {online.replay_capacity}"
        )
    if config.data.dataset_size < config.data.collect_envs:
        raise ValueError(
            f"dataset_size must be at least collect_envs ({config.data.collect_envs}), "
            f"got {config.data.dataset_size}"
        )


_COUNT_FIELDS = frozenset(name for name, value in SHIPPED.items() if is_count(value))
