"""Worlds to act in: `envs.make("ant")` returns one behind the contract of `envs.base`.

Nothing here knows of learning.
"""

import dataclasses
import difflib
import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from envs.adapters.gymnasium import ids as gymnasium_ids
from envs.adroit_door import AdroitDoor
from envs.ant import Ant
from envs.ant_direction import AntDirection
from envs.ant_maze import AntMaze
from envs.base import Environment, EnvState, ReferenceScores, first_state
from envs.episode import Episodes
from envs.franka_insertion import FrankaInsertion
from envs.halfcheetah import HalfCheetah
from envs.hopper import Hopper
from envs.maze_maps import MAPS
from envs.options import parse
from envs.peg_insertion import PegInsertion
from envs.plugins import Plugins
from envs.point_maze import PointMaze
from envs.walker2d import Walker2d

__all__ = [
    "PLUGINS",
    "REGISTRY",
    "EnvState",
    "Environment",
    "Episodes",
    "ReferenceScores",
    "first_state",
    "is_added",
    "make",
    "make_from_text",
    "names",
    "option_names",
    "register",
]

REGISTRY: dict[str, Callable[..., Environment]] = {
    "adroit-door": AdroitDoor,
    "ant": Ant,
    "ant-direction": AntDirection,
    "franka-peg-insertion": FrankaInsertion,
    "halfcheetah": HalfCheetah,
    "hopper": Hopper,
    "walker2d": Walker2d,
    "peg-insertion": PegInsertion,
    **{f"antmaze-{maze}": partial(AntMaze, maze=maze) for maze in MAPS},
    **{f"pointmaze-{maze}": partial(PointMaze, maze=maze) for maze in MAPS},
}


_SHIPPED = frozenset(REGISTRY)
_ADDED: set[str] = set()
ON_HOST = "gym:"  # what the names of Gymnasium's environments begin with
ADAPTED = ("brax:", "playground:")  # the same of packages whose environments are pure functions, too

for _name in REGISTRY:
    gymnasium_ids.offer(_name)


def register(name: str, task: type[Any]) -> None:
    """Makes a task of one's own known as `name`, to `make`, to Gymnasium and to this process's commands.

    Another task under the same name replaces it, as when a notebook's cell runs again.

    Args:
        name: of no world that is shipped, without a colon.
        task: its class, a dataclass whose fields are its options; see `envs.base.Environment`.

    Raises:
        ValueError: the name is taken or cannot be used, or the task is no dataclass.
    """
    if not name or ":" in name or any(c.isspace() for c in name):
        raise ValueError(f"a world's name must be one word without a colon, got {name!r}")
    if name in _SHIPPED:
        raise ValueError(f"the name {name!r} is taken by a world of this package; choose another")
    if not (inspect.isclass(task) and dataclasses.is_dataclass(task)):
        raise ValueError(f"a task must be a dataclass, whose fields are its options, got {task!r}")
    made: Any = task  # the checks above leave a type checker with less than it had
    REGISTRY[name] = made
    _ADDED.add(name)
    gymnasium_ids.offer(name)


PLUGINS = Plugins("wsrl_mjx.environments", "environment", _SHIPPED, register)


def names() -> tuple[str, ...]:
    """Returns every environment by name: the shipped ones, those registered, those of installed packages."""
    return (*REGISTRY, *(name for name in PLUGINS.names() if name not in REGISTRY))


def is_added(name: str) -> bool:
    """Returns whether an environment comes from `register` or an installed package."""
    return name in _ADDED or (name not in REGISTRY and name in PLUGINS.names())


def make(name: str, **options: Any) -> Episodes:
    """Returns the environment `name` with its episode handling: time limit, restarts, NaN guard.

    Args:
        name: one of `names()`, `brax:<name>` for an environment registered with Brax, `playground:<name>` for
            one of MuJoCo Playground, or `gym:<id>` for one of Gymnasium, which is stepped on the host.
        options: fields of the task's class, such as `integrator` or `time_limit`; of `gym:<id>`, see
            `envs.adapters.on_host.make`.

    Raises:
        ValueError: no such environment, no such option, or an option's value is not one of its choices; or
            the package that the name belongs to is not installed or cannot be used.
    """
    if name.startswith(ON_HOST):
        from envs.adapters import on_host  # Gymnasium takes a moment to import

        return on_host.make(name.removeprefix(ON_HOST), **options)
    if name.startswith(ADAPTED):
        _check_options(name, options)
        task_class, _ = _task_class(name)
        return Episodes(task_class(name.partition(":")[2], **options))
    factory = _factory(name)
    if factory is None:
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"env is {name!r}; choose one of {', '.join(names())}, brax:<name>, playground:<name> or "
            f"gym:<id>.{hint}"
        )
    _check_options(name, options)
    return Episodes(factory(**options))


def make_from_text(name: str, options: Sequence[str]) -> Episodes:
    """Returns the environment `name` with options written as `name=value`: "goal=3,4", "integrator=rk4".

    Raises:
        ValueError: see `make` and `envs.options.parse`.
    """
    if name.startswith(ON_HOST):
        from envs.adapters import on_host

        return make(name, **on_host.options_of(options))
    task_class, _ = _task_class(name)
    return make(name, **(parse(name, task_class, options) if isinstance(task_class, type) else {}))


def option_names(name: str) -> tuple[str, ...]:
    """Returns the options that the environment `name` takes; empty where there is none of that name."""
    task_class, fixed = _task_class(name)
    if task_class is None:
        return ()
    return tuple(f.name for f in dataclasses.fields(task_class) if f.init and f.name not in fixed)


def _task_class(name: str) -> tuple[Any, Sequence[str]]:
    """Returns the class of an environment's task, and the fields that its name decides."""
    if name.startswith("brax:"):
        from envs.adapters.brax import BraxTask  # Brax takes seconds to import

        return BraxTask, ("env_name",)
    if name.startswith("playground:"):
        from envs.adapters.playground import PlaygroundTask

        return PlaygroundTask, ("env_name",)
    factory = _factory(name)
    if isinstance(factory, partial):
        return factory.func, tuple(factory.keywords)
    return factory, ()


def _factory(name: str) -> Callable[..., Environment] | None:
    """Returns what makes the task of an environment; None where there is none of that name."""
    if name not in REGISTRY:
        PLUGINS.load(name)
    return REGISTRY.get(name)


def _check_options(name: str, options: dict[str, Any]) -> None:
    known = option_names(name)
    for option in options:
        if option not in known:
            raise ValueError(f"{name} has no option {option!r}; its options are {', '.join(known)}")
