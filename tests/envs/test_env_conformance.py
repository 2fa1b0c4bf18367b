"""Every registered environment keeps the contract of `envs.base`; a new registry line is tested by this file.

Each is compiled once for all checks (`envs.testing`). One of a kind is in the default suite and the others in
the slow one. A maze's body goes through all tests on its smallest map; on the larger ones CI sees where it
starts and what types it returns, and the rest is thorough.
"""

import importlib.util
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import jax
import numpy as np
import pytest

import envs
from envs import testing
from envs.testing import COUNT, Subject

PLAYGROUND = ("playground:CheetahRun", "playground:CartpoleBalance")
NAMES = [*envs.REGISTRY, "brax:inverted_pendulum", *PLAYGROUND]
LARGER_MAPS = [name for name in NAMES if "maze-" in name and not name.endswith("-umaze")]
QUICK = {"ant", "hopper", "peg-insertion", "pointmaze-umaze"}
FALLS_AT_RANDOM = {"ant", "hopper", "walker2d", "brax:inverted_pendulum"}


@cache
def subject(name: str) -> Subject:
    # Without LLVM's optimisations compiling takes half as long; a step that simulates ten would lose more.
    options: Any = None if name.startswith(("ant-", "antmaze-")) else {"xla_backend_optimization_level": 0}
    return Subject(name, name in FALLS_AT_RANDOM, options, from_pool=name in PLAYGROUND)


def params() -> Iterator[Any]:
    """Gives every name with the suite that it belongs to."""
    for name in NAMES:
        suite = pytest.mark.thorough if name in LARGER_MAPS else pytest.mark.slow
        marks = [] if name in QUICK else [suite]
        if name in PLAYGROUND:
            missing = importlib.util.find_spec("mujoco_playground") is None
            marks.append(pytest.mark.skipif(missing, reason="needs the extra playground"))
        yield pytest.param(name, marks=marks)


@pytest.fixture(scope="module", params=params())
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGER_MAPS)
def test_every_map_of_a_maze_begins_in_places_of_its_own(name: str) -> None:
    env = envs.make(name)
    testing.check_types(env)
    state = jax.jit(jax.vmap(env.reset))(jax.random.split(jax.random.key(0), COUNT))
    assert env.name == name and state.obs.shape == (COUNT, env.obs_size)
    assert len(np.unique(state.obs, axis=0)) == COUNT
    layout: Any = env.task.layout
    places, goal = np.asarray(state.obs[:, :2]), np.asarray(layout.goal)
    np.testing.assert_array_equal(layout.cell_of(places), np.tile(layout.cell_of(layout.start), (COUNT, 1)))
    np.testing.assert_allclose(state.obs[:, -2:], np.tile(goal, (COUNT, 1)))


@pytest.mark.parametrize("check", testing.CHECKS, ids=lambda check: check.__name__)
def test_the_contract(name: str, check: Callable[[Subject], None]) -> None:
    check(subject(name))
