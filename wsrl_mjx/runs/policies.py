"""Policies to judge and to show: the actors of a run, read from its checkpoints, or a behaviour.

Nothing here trains, and nothing here writes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

import envs
from envs.base import Environment
from wsrl_mjx.algos.sac import SAC
from wsrl_mjx.config import build, grid
from wsrl_mjx.config.presets import check_env
from wsrl_mjx.config.settings import Config, from_saved
from wsrl_mjx.config.validation import validate
from wsrl_mjx.data import behaviors, scripted
from wsrl_mjx.data.rollout import Act, Controller, Memoryless
from wsrl_mjx.runs import layout
from wsrl_mjx.runs.checkpoint import Checkpoints
from wsrl_mjx.runs.run_folder import kept_steps, read_config
from wsrl_mjx.types import Clock, Key

Decide = Callable[[Any, jax.Array, Key, bool], jax.Array]  # params, obs [N, O], key, explore -> [N, A]


@dataclass(frozen=True)
class Policies:
    """One policy a training seed, all of one network.

    Attributes:
        title: where they come from, for people.
        short: the same as the beginning of a file's name.
        env: the environment that they act in.
        labels: one name a policy, such as "seed 3".
        params: their parameters, every leaf [S, ...].
        script: what acts instead of them, where it is written and remembers something.
    """

    title: str
    short: str
    env: Environment
    labels: tuple[str, ...]
    params: Any
    decide: Decide
    script: Controller | None = None

    def player(self, params: Any, explore: bool) -> Controller:
        """Returns what acts: the policy with `params`, or the script."""
        return self.script or Memoryless(self.act(params, explore))

    def act(self, params: Any, explore: bool) -> Act:
        """Returns the policy with `params` (one row of them): sampled actions, or the mode."""
        return lambda obs, key: self.decide(params, obs, key, explore)

    def index_of(self, train_seed: int | None) -> int:
        """Returns the place of the policy of a training seed; the first one for None.

        Raises:
            ValueError: the run has no such seed.
        """
        if train_seed is None:
            return 0
        if f"seed {train_seed}" not in self.labels:
            raise ValueError(f"train_seed {train_seed} is not among the policies: {', '.join(self.labels)}")
        return self.labels.index(f"seed {train_seed}")

    def of(self, index: int) -> Any:
        """Returns the parameters of the policy `index`."""
        return jax.tree.map(lambda leaf: leaf[index], self.params)


def load(
    run: Path | None, behavior: tuple[str, str] | None, step: str, pretrained: bool, scripts: bool = False
) -> Policies:
    """Returns the policies that a command line names: a run's, or a behaviour.

    Args:
        run: folder of a run.
        behavior: environment and level.
        step: online step of the run's checkpoint, or "latest".
        pretrained: take the run's finished pretraining instead.
        scripts: whether a behaviour may be one that is written, which has a `script` and no `act`.

    Raises:
        ValueError: neither or both are given, or there is no such thing.
    """
    if step != "latest" and not step.isdecimal():
        raise ValueError(f"step must be an online step or latest, got {step!r}")
    if step != "latest" and pretrained:
        raise ValueError("give step or pretrained, not both")
    if behavior is not None and run is None:
        if step != "latest" or pretrained:
            raise ValueError("step and pretrained belong to a run; a behavior has neither")
        return from_behavior(*behavior, scripts)
    if run is None or behavior is not None:
        raise ValueError("give either the folder of a run or --behavior ENV LEVEL")
    return from_run(run, None if step == "latest" else int(step), pretrained)


def run_config(run_dir: Path) -> Config:
    """Returns the config of the run at `run_dir`.

    Raises:
        ValueError: there is no run of `scripts/train.py`.
    """
    try:
        config = from_saved(read_config(run_dir))
        validate(config)
    except ValueError as error:
        if layout.CONFIG in str(error):
            raise
        raise ValueError(f"{run_dir} is not a run of scripts/train.py: its config has {error}") from None
    return config


def from_run(run_dir: Path, step: int | None = None, pretrained: bool = False) -> Policies:
    """Returns the actors of a run, one a seed.

    Args:
        run_dir: folder of a run.
        step: online step of the checkpoint; None for the newest, of whichever phase.
        pretrained: take the finished pretraining instead.

    Raises:
        ValueError: no run there, or no such checkpoint.
    """
    config = run_config(run_dir)
    folder, index = _checkpoint(run_dir, config, step, pretrained)
    env = envs.make_from_text(config.env, config.env_options)
    recipe = build.make(config, env)
    kept = Checkpoints(folder)
    meta = kept.meta(index)
    phase, done = meta.get("phase", "pretrain"), meta.get("step", config.offline.offline_steps)
    all_members = grid.members_of(config)
    like = recipe.shapes(phase, len(all_members))
    part = recipe.pretrain if phase == "pretrain" else recipe.online
    actor_of = lambda tree: part.algorithm.hand_over(tree[0].agent).actor.params
    params = kept.restore_part(index, (like, Clock.zero()), actor_of)  # the buffer may be gigabytes
    kept.close()
    steps = "online" if phase == "online" else "gradient"
    return Policies(
        title=f"{run_dir}, after {done:,} {steps} steps",
        short=f"{steps}-{done}",
        env=env,
        labels=tuple(member.label for member in all_members),
        params=params,
        decide=_decide_with(recipe.online.algorithm),
    )


def from_behavior(env_name: str, level: str, scripts: bool = False) -> Policies:
    """Returns a behaviour of an environment: "random", or one that is shipped.

    With `scripts` it may also be one that is written, in a maze, for a peg or for a door.

    Raises:
        ValueError: no such environment or behaviour.
    """
    check_env(env_name)
    title, short = f"{env_name}, behavior {level}", f"{env_name.replace(':', '-')}-{level}"
    env = envs.make(env_name)
    kinds = scripted.kinds(env) if scripts else ()
    if level in kinds:
        source = scripted.source(env, level)
        return Policies(title, short, source.env, (level,), jnp.zeros(1), _nothing_decides, source.controller)
    if level == "random":
        uniform = behaviors.random_act(env.action_size)
        draw = lambda _, obs, key, explore: uniform(obs, key)
        return Policies(title, short, env, (level,), jnp.zeros(1), draw)
    folder = behaviors.shipped_folder(env_name)
    if not (folder / f"{level}.json").is_file():
        choices = ", ".join(["random", *kinds, *sorted(path.stem for path in folder.glob("*.json"))])
        raise ValueError(f"behavior must be one of {choices} for {env_name}, got {level!r}")
    behavior = behaviors.load(folder, level)

    def decide(params: Any, obs: jax.Array, key: Key, explore: bool) -> jax.Array:
        actions: Any = behavior.actor.apply(params, obs)
        return actions.sample(key)[0] if explore else actions.mode()

    params = jax.tree.map(lambda leaf: leaf[None], behavior.params)
    return Policies(title, short, env, (level,), params, decide)


def _nothing_decides(params: Any, obs: jax.Array, key: Key, explore: bool) -> jax.Array:
    raise AssertionError("a script remembers: ask for its player")


def _decide_with(sac: SAC) -> Decide:
    def decide(params: Any, obs: jax.Array, key: Key, explore: bool) -> jax.Array:
        policy = sac.policy(params, obs)
        return policy.sample(key)[0] if explore else policy.mode()

    return decide


def _checkpoint(run_dir: Path, config: Config, step: int | None, pretrained: bool) -> tuple[Path, int]:
    """Returns folder and index of the wanted checkpoint, found without opening it."""
    if pretrained:
        if not (run_dir / layout.PRETRAINED).is_dir():
            raise ValueError(f"run {run_dir} keeps no finished pretraining of its own")
        return run_dir / layout.PRETRAINED, 0
    kept = kept_steps(run_dir)
    if not kept:
        raise ValueError(f"run {run_dir} has no checkpoint yet")
    if step is None:
        return run_dir / layout.CHECKPOINTS, kept[-1]
    offline = config.offline.offline_steps
    if offline + step not in kept:
        online = [f"{index - offline:,}" for index in kept if index > offline] or ["none yet"]
        raise ValueError(
            f"step {step:,} has no checkpoint in {run_dir}; online steps kept: {', '.join(online)}"
        )
    return run_dir / layout.CHECKPOINTS, offline + step
