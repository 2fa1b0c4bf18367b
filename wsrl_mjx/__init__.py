"""Warm-start RL on MuJoCo MJX: pretrain offline, drop the data, warm up, fine-tune; all in compiled loops.

    import jax, wsrl_mjx as wsrl

    env = wsrl.make("pointmaze-medium")
    data = wsrl.collect(env, wsrl.behavior(env, "diverse"), size=100_000)
    keys = jax.random.split(jax.random.key(0), 5)
    start = wsrl.pretrain(wsrl.CalQL.create(env), data, keys, steps=10_000)
    result = wsrl.finetune(wsrl.SAC.create(env), env, start, warmup_steps=5_000, steps=20_000, callback=print)

docs/library.md leads through it. The command line is in `wsrl_mjx.cli`.

Names are imported when they are first used, so that `import wsrl_mjx` costs nothing. The first of them sets
two options of JAX that its CPU backend needs (`training.runtime`): use one before you make arrays. Where
`jax_enable_x64` is on they raise ValueError: all is computed in float32.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from envs import Environment, EnvState, Episodes, first_state, make
    from wsrl_mjx.algos.awac import AWAC
    from wsrl_mjx.algos.base import Algorithm
    from wsrl_mjx.algos.bc import BC
    from wsrl_mjx.algos.calql import CalQL
    from wsrl_mjx.algos.cql import CQL
    from wsrl_mjx.algos.iql import IQL
    from wsrl_mjx.algos.sac import SAC
    from wsrl_mjx.algos.so2 import SO2
    from wsrl_mjx.config.plugins import register
    from wsrl_mjx.data import replay
    from wsrl_mjx.data.collection import behavior, collect
    from wsrl_mjx.data.dataset import Dataset
    from wsrl_mjx.training.exploration import Explorer
    from wsrl_mjx.training.finetuning import finetune
    from wsrl_mjx.training.handover import HandOver
    from wsrl_mjx.training.loop import advance, make_chunk
    from wsrl_mjx.training.pretraining import pretrain, untrained
    from wsrl_mjx.training.reports import Report, Trained
    from wsrl_mjx.types import Transition

_HOMES = {
    "envs": ("Environment", "Episodes", "EnvState", "first_state", "make"),
    "wsrl_mjx.algos.awac": ("AWAC",),
    "wsrl_mjx.algos.base": ("Algorithm",),
    "wsrl_mjx.algos.bc": ("BC",),
    "wsrl_mjx.algos.calql": ("CalQL",),
    "wsrl_mjx.algos.cql": ("CQL",),
    "wsrl_mjx.algos.iql": ("IQL",),
    "wsrl_mjx.algos.sac": ("SAC",),
    "wsrl_mjx.algos.so2": ("SO2",),
    "wsrl_mjx.config.plugins": ("register",),
    "wsrl_mjx.data": ("replay",),
    "wsrl_mjx.data.collection": ("behavior", "collect"),
    "wsrl_mjx.data.dataset": ("Dataset",),
    "wsrl_mjx.training.exploration": ("Explorer",),
    "wsrl_mjx.training.handover": ("HandOver",),
    "wsrl_mjx.training.loop": ("advance", "make_chunk"),
    "wsrl_mjx.training.reports": ("Report", "Trained"),
    "wsrl_mjx.training.finetuning": ("finetune",),
    "wsrl_mjx.training.pretraining": ("pretrain", "untrained"),
    "wsrl_mjx.types": ("Transition",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AWAC",
    "BC",
    "CQL",
    "IQL",
    "SAC",
    "SO2",
    "Algorithm",
    "CalQL",
    "Dataset",
    "EnvState",
    "Environment",
    "Episodes",
    "Explorer",
    "HandOver",
    "Report",
    "Trained",
    "Transition",
    "advance",
    "behavior",
    "collect",
    "finetune",
    "first_state",
    "make",
    "make_chunk",
    "pretrain",
    "register",
    "replay",
    "untrained",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'wsrl_mjx' has no attribute {name!r}")
    runtime = import_module("wsrl_mjx.training.runtime")
    runtime.check_float32()
    runtime.prepare_cpu()
    home = import_module(_HOME_OF[name])
    # A submodule is imported by its own name, anything else is an attribute of its module.
    return import_module(f"{home.__name__}.{name}") if name == "replay" else getattr(home, name)


def __dir__() -> list[str]:
    return sorted(__all__)
