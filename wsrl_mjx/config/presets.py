"""Named starting points for the settings: how large an experiment is, and what each environment prefers."""

import difflib
from typing import Any

import jax

import envs
from wsrl_mjx.config.domains import domain_of
from wsrl_mjx.config.methods import METHODS
from wsrl_mjx.config.settings import Config, replace_flat
from wsrl_mjx.config.validation import choose

PRESETS: dict[str, dict[str, Any]] = {
    # The paper's locomotion setting (docs/algorithms.md) and its evaluation; the defaults of the dataclasses.
    "paper": {},
    # Found by experiment for two CPU cores: see docs/results/README.md for what it reaches and in what time.
    "laptop": {
        "dataset_size": 100_000,
        "collect_envs": 40,
        "offline_steps": 10_000,
        "offline_batch_size": 64,
        "cql_actions": 4,
        "offline_backup_actions": 4,
        # Ten thousand updates are too few for CQL alone to find the ant's gait in its data.
        "cloning_weight": 0.9,
        # And too few for values to spread over a horizon of 100 steps at the paper's target rate.
        "discount": 0.97,
        "target_rate": 0.02,
        "init_temperature": 0.1,
        "online_steps": 15_000,
        "batch_size": 64,
        "replay_capacity": 100_000,
        "actor_hidden": (128, 128),
        "critic_hidden": (128, 128),
        "actor_lr": 3e-4,
        "temperature_lr": 3e-4,
        "eval_every": 2500,
        "pretrain_eval_every": 5000,
        "log_every": 500,
        "checkpoint_every": 5000,
    },
    # Everything once, as small as it goes: for tests, and for a first look at a new machine.
    "smoke": {
        "dataset_size": 4000,
        "collect_envs": 8,
        "offline_steps": 400,
        "offline_batch_size": 32,
        "cql_actions": 2,
        "offline_backup_actions": 2,
        "online_steps": 6000,
        "batch_size": 32,
        "replay_capacity": 6000,
        "actor_hidden": (32, 32),
        "critic_hidden": (32, 32),
        "eval_every": 6000,
        "eval_episodes": 2,
        "pretrain_eval_every": 400,
        "log_every": 200,
        "checkpoint_every": 2000,
    },
}

PRESET_NAMES = (*PRESETS, "auto")


def resolve_preset(name: str) -> str:
    """Returns the preset's own name: "auto" is paper where there is an accelerator, laptop on a CPU.

    Raises:
        ValueError: an unknown name; the message lists the choices.
    """
    choose("preset", name, PRESET_NAMES)
    if name != "auto":
        return name
    return "laptop" if jax.default_backend() == "cpu" else "paper"


def preset_config(preset: str, env: str, method: str = "wsrl") -> Config:
    """Returns the settings of `preset` (already resolved) for an environment and a fine-tuning method.

    Raises:
        ValueError: an unknown environment or method; the message lists the choices.
    """
    check_env(env)
    choose("method", method, tuple(METHODS))
    return defaults(preset, env, method)


def defaults(preset: str, env: str, method: str) -> Config:
    """Returns the same for names that are known to be right."""
    own = domain_of(env).overrides(preset) | METHODS[method].settings
    return replace_flat(Config(), {**PRESETS[preset], **own, "env": env, "preset": preset, "method": method})


def check_env(name: str) -> None:
    """Raises ValueError for an environment that `envs.make` would not know, before one is built."""
    if name in envs.REGISTRY or name.startswith((*envs.ADAPTED, envs.ON_HOST)):
        return
    if name in envs.names():
        envs.PLUGINS.load(name)
        return
    near = difflib.get_close_matches(name, envs.names(), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"env must be one of {env_names()}, got {name!r}{hint}")


def env_names() -> str:
    """Returns every name that `check_env` takes, as a list for people."""
    return f"{', '.join(envs.names())}, brax:<name>, playground:<name> or gym:<id>"
