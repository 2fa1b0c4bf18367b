"""What a run computes with: made from its settings, and checked before anything is written or compiled."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from envs.base import Environment
from wsrl_mjx import keys
from wsrl_mjx.config import build, grid, named_datasets
from wsrl_mjx.config.grid import Member
from wsrl_mjx.config.named_datasets import NamedDataset
from wsrl_mjx.config.settings import ALGORITHM_FLAGS, Config, replace_flat, to_save
from wsrl_mjx.keys import Purpose
from wsrl_mjx.runs import layout, on_host, origins, plan, pretrained, resumed_data, shipped, trackers
from wsrl_mjx.runs.run_folder import RunFolder
from wsrl_mjx.runs.trackers import Track
from wsrl_mjx.training import runtime
from wsrl_mjx.training.recipe import Recipe
from wsrl_mjx.training.sharding import Devices, Placement
from wsrl_mjx.types import Key


@dataclass(frozen=True)
class RunOptions:
    """Where a run lives and what it starts from.

    Attributes:
        pretrained: folder of a run with a finished pretraining, or of a shipped one; None for its own.
        track: where the metrics are copied to; None for what the run had, or TensorBoard.
    """

    run_dir: Path
    cache_dir: Path
    resume: bool = False
    pretrained: Path | None = None
    devices: Devices = "auto"
    track: Track | None = None


@dataclass(frozen=True)
class Setup:
    """The settings of a run, and all that follows from them.

    Attributes:
        members: every learner of the run, [M].
        placement: where they are trained.
        recipe: of all members; a constant in which they differ is [M].
        data: the offline dataset that the settings name.
        identity: of the pretraining; see `pretrained.identity`.
    """

    config: Config
    options: RunOptions
    env: Environment
    members: tuple[Member, ...]
    placement: Placement
    recipe: Recipe
    data: NamedDataset
    identity: dict[str, Any]

    @classmethod
    def make(cls, config: Config, options: RunOptions, env: Environment) -> "Setup":
        """Returns the setup of a run in `env`.

        Raises:
            ValueError: a dataset, devices, a pretraining or memory that cannot be had, true values of a
                world that cannot be restarted, or several members in one on the host.
        """
        runtime.heed(env)
        states = config.evaluation.true_value_states
        if states and not getattr(env, "restartable", False):
            raise ValueError(
                f"true_value_states must be 0 for {env.name}, which cannot be restarted from what was "
                f"observed, got {states}"
            )
        members = grid.members_of(config)
        on_host.check(env, len(members))
        placement = Placement.over(1 if on_host.is_one(env) else options.devices, len(members))
        data = named_datasets.resolve(config.data, env, options.cache_dir)
        if options.resume:
            resumed_data.check(config, options.run_dir)
        else:
            data.check()
        recipe = build.side_by_side(config, env)
        plan.check_memory(config, env, recipe, data.count, placement)
        identity = pretrained.identity(config, env, data.identity)
        if not options.resume:
            _check_source(options.pretrained, identity)
        return cls(config, options, env, members, placement, recipe, data, identity)

    @property
    def keys(self) -> Key:
        """Every member's randomness in the training, [M]."""
        seeds = jnp.asarray([member.seed for member in self.members])
        return jax.vmap(lambda seed: keys.of(seed, Purpose.TRAINING))(seeds)

    @property
    def labels(self) -> list[str]:
        """The names of the members in their places, [P]."""
        names = [member.label for member in self.members]
        return names + names[-1:] * self.placement.spare

    def spread(self, of_members: Any) -> Any:
        """Returns what all members have, [M], in their places, [P]."""
        return self.placement.spread(self.placement.filled_up(of_members))


def _check_source(source: Path | None, identity: dict[str, Any]) -> None:
    """Raises ValueError unless the run or the shipped item to start from holds the pretraining `identity`."""
    if source is not None and origins.is_item(source):
        shipped.check(source, identity)
    else:
        pretrained.check(source, identity)


def open_folder(config: Config, run_dir: Path, resume: bool) -> RunFolder:
    """Makes the run's folder, or opens it to go on there; see `RunFolder` for what is refused."""
    settings = settings_of(config)
    if resume:
        algorithms = {name: settings[name] for name in ALGORITHM_FLAGS}
        return RunFolder.reopen(run_dir, settings, settings_of(replace_flat(Config(), algorithms)))
    return RunFolder.create(run_dir, settings)


def open_run(config: Config, options: RunOptions, say: Callable[[str], None]) -> RunFolder:
    """Returns a folder to train in, with its tracker; see `open_folder` and `trackers.chosen`."""
    track = trackers.chosen(options.track, options.run_dir)
    folder = open_folder(config, options.run_dir, options.resume)
    if not options.resume and track != "tensorboard":
        folder.write_json(layout.TRACKER, {"track": track})
    folder.tracker = trackers.make(track, options.run_dir, say)
    return folder


def settings_of(config: Config) -> dict[str, Any]:
    """Returns the settings as a run folder keeps them."""
    return pretrained.as_json(to_save(config))
