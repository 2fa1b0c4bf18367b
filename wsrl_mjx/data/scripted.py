"""Behaviours that are written, not trained: which worlds have them, and what collects there."""

from typing import Any, NamedTuple

from envs.adroit_door import AdroitDoor
from envs.base import Environment
from envs.episode import Episodes
from envs.insertion import InsertionTask
from envs.maze_task import MazeTask
from wsrl_mjx.data import inserting, opening, waypoints
from wsrl_mjx.data.rollout import Controller

KINDS = tuple(dict.fromkeys((*waypoints.KINDS, *inserting.KINDS, *opening.KINDS)))


def kinds(env: Environment) -> tuple[str, ...]:
    """Returns the behaviours that are written for an environment."""
    task = env.task if isinstance(env, Episodes) else None
    if isinstance(task, InsertionTask):
        return tuple(inserting.KINDS)
    if isinstance(task, AdroitDoor):
        return tuple(opening.KINDS)
    return waypoints.KINDS if isinstance(task, MazeTask) else ()


class Source(NamedTuple):
    """A behaviour in its world.

    Attributes:
        env: where it acts; its episodes may start in places of their own.
        controller: how it acts, sampled.
        card: what is known of it.
    """

    env: Environment
    controller: Controller
    card: dict[str, Any]


def source(env: Environment, kind: str, error: float | None = None) -> Source:
    """Returns a written behaviour of an environment.

    Args:
        env: what `envs.make` returns.
        kind: one of `KINDS`.
        error: of what it believes, m, where it believes something; None for its own.

    Raises:
        ValueError: the environment has no such behaviour.
    """
    task = env.task if isinstance(env, Episodes) else None
    if isinstance(task, InsertionTask) and kind in inserting.KINDS:
        script, task = inserting.script(kind, error), task.starting("inside")
        return Source(Episodes(task), inserting.Inserter(task, script), inserting.card(script))
    if isinstance(task, AdroitDoor) and kind in opening.KINDS:
        script = opening.script(kind, error)
        return Source(env, opening.opener(task, script), opening.card(script))
    world = waypoints.world(env, kind)
    return Source(world, waypoints.controller(world), waypoints.card(env.name))
