"""Members computed group by group are the members computed at once."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from flax import struct
from probe_envs import Line, probe

from wsrl_mjx.training import groups
from wsrl_mjx.training.loop import make_chunk
from wsrl_mjx.types import Clock, TrainState

SEEDS = (3, 4, 5, 6)
WARMUP = 20
# Members differ in a hyper-parameter too, as grid points do.
RATES = jnp.asarray([1e-3, 1e-3, 3e-3, 3e-3])
PHASE = tiny.online_phase(probe(Line), tiny.sac(action_size=1, actor_lr=RATES))


class Agent(struct.PyTreeNode):
    """Parameters of some size."""

    params: jax.Array  # [M, P]


def state_of(members: int, bytes_each: int) -> TrainState:
    """Returns the shape of a state whose learners have so many bytes."""
    params = jax.ShapeDtypeStruct((members, bytes_each // 4), jnp.float32)
    buffer = jax.ShapeDtypeStruct((members, 10**9), jnp.float32)  # which no cache must hold
    return TrainState(agent=Agent(params), env=None, buffer=buffer, key=None)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("members", "caches", "size"),
    [(8, 1 / 8, 8), (8, 1 / 7, 4), (8, 1 / 2, 2), (8, 2 / 3, 1), (8, 3.0, 1), (7, 1 / 3, 1), (9, 1 / 4, 3)],
)  # fmt: skip
def test_a_group_is_the_largest_share_whose_learners_fit_the_cache(
    members: int, caches: float, size: int
) -> None:
    assert groups.size(state_of(members, int(caches * groups.CACHE))) == size


def test_an_accelerator_computes_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert groups.size(state_of(8, groups.CACHE)) == 8


def trained(chunk: Any) -> tuple[TrainState, Clock, Any]:
    """Returns what forty steps leave, and the last chunk's metrics."""
    state, clock, metrics = tiny.online_state(PHASE, SEEDS), Clock.zero(), None
    for _ in range(4):
        state, clock, metrics = chunk(PHASE, tiny.online_shared(WARMUP), state, clock)
    return state, clock, metrics


@pytest.fixture
def grouped(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives a chunk that takes two members at a time."""
    one = jax.eval_shape(lambda: tiny.online_state(PHASE, SEEDS[:1])).agent
    each = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(one))
    monkeypatch.setattr(groups, "CACHE", 2 * each)
    return make_chunk(10)


def test_groups_give_the_numbers_of_all_at_once(grouped: Any) -> None:
    state, clock, metrics = trained(grouped)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "CACHE", 2**40)
        at_once, same_clock, same_metrics = trained(make_chunk(10))
    assert int(clock.updates) == int(same_clock.updates) == 80
    # Rounding differs between the two programs, and Adam's first steps amplify it.
    for name in metrics:
        np.testing.assert_allclose(
            tiny.mean(metrics[name]), tiny.mean(same_metrics[name]), rtol=2e-3, atol=2e-3
        )
    for a, b in zip(jax.tree.leaves(state.agent), jax.tree.leaves(at_once.agent), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4)
    np.testing.assert_array_equal(jax.random.key_data(state.key), jax.random.key_data(at_once.key))


@pytest.mark.slow
@pytest.mark.usefixtures("full_compilation")
def test_in_groups_the_warmup_stays_a_branch_and_the_state_is_donated(grouped: Any) -> None:
    state = tiny.online_state(PHASE, SEEDS)
    program = grouped.lower(PHASE, tiny.online_shared(WARMUP), state, Clock.zero()).compile()
    text = program.as_text()
    assert re.search(r" conditional\(", text)
    assert f"f32[2,{tiny.ENSEMBLE},{tiny.WIDTH}" in text  # two members' parameters
    program(PHASE, tiny.online_shared(WARMUP), state, Clock.zero())
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves((state.agent, state.buffer)))
