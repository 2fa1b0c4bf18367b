"""The compiled loop: when updates begin and how many they are, and what compiling and mapping change."""

import re
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from flax import struct
from probe_envs import CountsTraces, Line, probe

from envs.episode import Episodes
from wsrl_mjx.data import rollout
from wsrl_mjx.training.loop import make_chunk
from wsrl_mjx.training.steps import Online, Pretrain
from wsrl_mjx.types import Average, Clock, Key, Metrics, TrainState, Transition

LINE = probe(Line)
SAC = tiny.sac(action_size=1)
SEEDS = (3, 4)
WARMUP = 20


# -- counting: an algorithm that only notes what it was given ---------------------------------------------


class Count(struct.PyTreeNode):
    """How often each update was called, with how many rows, and the sum of what was in them."""

    critic_calls: jax.Array  # [] float32
    actor_calls: jax.Array  # [] float32
    critic_rows: jax.Array  # [] float32
    actor_rows: jax.Array  # [] float32
    critic_sum: jax.Array  # [] float32
    actor_sum: jax.Array  # [] float32


class Counting(struct.PyTreeNode):
    """Keeps the contract of an algorithm and learns nothing."""

    def init(self, key: Key, obs: jax.Array, action: jax.Array) -> Count:
        return Count(*(jnp.zeros(()) for _ in range(6)))

    def act(self, state: Count, obs: jax.Array, key: Key, explore: bool) -> jax.Array:
        return jax.random.uniform(key, obs.shape, minval=-1.0)

    def update_critic(self, state: Count, batch: Transition, key: Key) -> tuple[Count, Metrics]:
        state = state.replace(
            critic_calls=state.critic_calls + 1.0,
            critic_rows=state.critic_rows + batch.reward.size,
            critic_sum=state.critic_sum + batch.next_obs.sum() * (batch.valid.sum() == batch.reward.size),
        )
        return state, {"critic/calls": Average.of(1.0)}

    def update_actor(self, state: Count, batch: Transition, key: Key) -> tuple[Count, Metrics]:
        state = state.replace(
            actor_calls=state.actor_calls + 1.0,
            actor_rows=state.actor_rows + batch.reward.size,
            actor_sum=state.actor_sum + batch.next_obs.sum(),
        )
        return state, {"actor/calls": Average.of(1.0)}


@pytest.mark.parametrize(
    ("num_envs", "updates", "critics_per_actor", "batch_size", "warmup_steps"),
    [(1, 4, 4, 2, 0), (1, 4, 4, 2, 13), (4, 1, 1, 6, 10), (2, 4, 2, 3, 0)],
)
def test_updates_start_on_time_and_are_as_many_as_asked_for(
    num_envs: int, updates: int, critics_per_actor: int, batch_size: int, warmup_steps: int
) -> None:
    sizes = {"updates": updates, "critics_per_actor": critics_per_actor, "batch_size": batch_size}
    phase = tiny.online_phase(LINE, Counting(), num_envs=num_envs, **sizes)
    state, clock, shared = tiny.online_state(phase, (0,)), Clock.zero(), tiny.online_shared(warmup_steps)
    one_step, expected = make_chunk(1), 0
    for step in range(1, 21):
        state, clock, metrics = one_step(phase, shared, state, clock)
        learns = step * num_envs > max(warmup_steps, updates * batch_size)
        expected += updates * learns
        assert int(clock.env_steps) == step * num_envs
        assert int(clock.updates) == expected
        assert float(metrics["critic/calls"].weight[0]) == updates * learns
    agent = jax.tree.map(lambda leaf: float(leaf[0]), state.agent)
    assert expected > 0 and agent.critic_calls == expected
    assert agent.actor_calls == expected / critics_per_actor
    assert agent.critic_rows == agent.actor_rows == expected * batch_size
    # The actor's rows are the critics': each row is worth its own number.
    assert agent.actor_sum == pytest.approx(agent.critic_sum, rel=1e-5) and agent.actor_sum != 0.0


def test_pretraining_updates_critics_and_actor_once_a_step() -> None:
    key = jax.random.key(0)[None]
    agent = jax.vmap(lambda k: Counting().init(k, jnp.zeros(1), jnp.zeros(1)))(key)
    state = TrainState(agent=agent, env=None, buffer=None, key=key)
    data = tiny.batch(30)
    state, clock, metrics = make_chunk(7)(Pretrain(Counting(), 5), data, state, Clock.zero())
    assert int(clock.updates) == 7 and int(clock.env_steps) == 0
    assert float(state.agent.critic_calls[0]) == float(state.agent.actor_calls[0]) == 7
    assert float(state.agent.critic_rows[0]) == 35
    assert float(metrics["actor/calls"].weight[0]) == 7


# -- with SAC ---------------------------------------------------------------------------------------------

PHASE = tiny.online_phase(LINE, SAC)
CHUNK = make_chunk(10)


def fresh(phase: Online = PHASE, seeds: tuple[int, ...] = SEEDS) -> TrainState:
    return tiny.online_state(phase, seeds)


def run(chunk: Any, times: int, state: TrainState, warmup_steps: int = WARMUP) -> tuple[TrainState, Clock]:
    clock = Clock.zero()
    for _ in range(times):
        state, clock, _ = chunk(PHASE, tiny.online_shared(warmup_steps), state, clock)
    return state, clock


def data(tree: Any) -> list[np.ndarray]:
    """Returns all leaves on the host, keys as numbers."""
    typed = jax.tree.leaves(tree)
    return [
        np.asarray(jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x)
        for x in typed
    ]


def assert_same_bits(one: Any, other: Any) -> None:
    for a, b in zip(data(one), data(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_warmup_leaves_the_agent_bit_for_bit_and_then_every_network_moves() -> None:
    start = data(fresh().agent)
    state, clock = run(CHUNK, 1, fresh())
    assert_same_bits(state.agent, fresh().agent)
    assert int(clock.updates) == 0 and state.buffer.data.valid.sum() == 10 * len(SEEDS)
    state, clock = run(CHUNK, 2, fresh())
    assert_same_bits(state.agent, fresh().agent)  # the warmup's last step learns nothing
    state, clock = run(CHUNK, 3, fresh())
    assert int(clock.updates) == 40
    counts = {0}  # of skipped updates: there was none
    moved = [(a, b) for a, b in zip(start, data(state.agent), strict=True) if set(b.flat) != counts]
    assert all((a != b).any() for a, b in moved) and len(start) - len(moved) == 3


def test_another_warmup_compiles_nothing() -> None:
    chunk = make_chunk(10)
    results = {steps: run(chunk, 3, fresh(), steps)[1] for steps in (0, 20, 25, 1000)}
    assert {steps: int(clock.updates) for steps, clock in results.items()} == {0: 56, 20: 40, 25: 20, 1000: 0}
    assert chunk._cache_size() == 1


def test_a_phase_is_traced_once() -> None:
    phase = tiny.online_phase(Episodes(CountsTraces()), Counting())
    chunk, state, clock = make_chunk(10), tiny.online_state(phase, SEEDS), Clock.zero()
    CountsTraces.traces = 0
    state, clock, _ = chunk(phase, tiny.online_shared(), state, clock)
    traces = CountsTraces.traces
    for warmup in (0, 5, 9):
        state, clock, _ = chunk(phase, tiny.online_shared(warmup), state, clock)
    assert traces == CountsTraces.traces == 1
    assert chunk._cache_size() == 1


class CountsUpdates(Counting):
    """Notes how often its updates are traced."""

    traces: ClassVar[int] = 0

    def update_critic(self, state: Count, batch: Transition, key: Key) -> tuple[Count, Metrics]:
        CountsUpdates.traces += 1
        return super().update_critic(state, batch, key)


def test_updates_are_traced_once_for_the_program_and_once_for_the_names_of_their_metrics() -> None:
    CountsUpdates.traces = 0
    phase = tiny.online_phase(LINE, CountsUpdates())
    make_chunk(10)(phase, tiny.online_shared(), tiny.online_state(phase, SEEDS), Clock.zero())
    assert CountsUpdates.traces == 2


def test_chunk_lengths_give_the_same_bits() -> None:
    long, _ = run(CHUNK, 4, fresh())
    short, _ = run(make_chunk(4), 10, fresh())
    assert_same_bits(long, short)


def test_a_chunk_made_several_times_is_one_program_with_the_same_bits() -> None:
    whole, _ = run(CHUNK, 4, fresh())
    one_step, state, clock = make_chunk(1), fresh(), Clock.zero()
    for times in (7, 1, 20, 12):
        given = PHASE, tiny.online_shared(WARMUP), state, clock, jnp.asarray(times, jnp.int32)
        state, clock, metrics = one_step(*given)
        assert float(metrics["train/non_finite"].weight[0]) == times
    assert int(clock.env_steps) == 40 and one_step._cache_size() == 1
    assert_same_bits(whole, state)


def test_a_seed_among_others_is_the_seed_alone() -> None:
    together, _ = run(CHUNK, 4, fresh())
    for index, seed in enumerate(SEEDS):
        alone, _ = run(CHUNK, 4, fresh(seeds=(seed,)))
        one = [leaf[index] for leaf in data(together)]
        for a, b in zip(one, data(alone), strict=True):
            # Rounding differs between the two programs, and Adam's first steps amplify it.
            np.testing.assert_allclose(a, b[0], rtol=2e-3, atol=2e-4)


def test_seeds_among_others_differ() -> None:
    state, _ = run(CHUNK, 4, fresh())
    for leaf in data((state.agent.actor.params, state.buffer.data.obs)):
        if leaf[0].any():
            assert (leaf[0] != leaf[1]).any()


def test_the_state_is_donated() -> None:
    state = fresh()
    CHUNK(PHASE, tiny.online_shared(), state, Clock.zero())
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves((state.agent, state.buffer)))


def compiled_text(clock_axis: int | None) -> str:
    """Returns the compiled chunk for several seeds, with a common clock or one a seed."""
    if clock_axis is None:
        return CHUNK.lower(PHASE, tiny.online_shared(), fresh(), Clock.zero()).compile().as_text()
    clocks = jax.tree.map(lambda x: jnp.stack([x] * len(SEEDS)), Clock.zero())
    step = jax.vmap(PHASE.step, in_axes=(None, 0, 0))
    return jax.jit(step).lower(tiny.online_shared(), fresh(), clocks).compile().as_text()


@pytest.mark.usefixtures("full_compilation")
def test_under_vmap_the_warmup_stays_a_branch() -> None:
    kernel = rf"f32\[{len(SEEDS)},{tiny.ENSEMBLE},{tiny.WIDTH}(,1)?\]"  # biases and heads
    text = compiled_text(clock_axis=None)
    assert re.search(r" conditional\(", text)
    batched = compiled_text(clock_axis=0)  # what this test would see if the clock were ever batched
    assert not re.search(r" conditional\(", batched)
    # Updates that are not finite are left out by a select; a batched clock adds the warmup's own.
    selects = [len(re.findall(rf"= {kernel}\S* select\(", one)) for one in (text, batched)]
    assert 0 < selects[0] < selects[1]


def test_metrics_of_a_chunk_are_sums_over_its_steps() -> None:
    _, _, metrics = CHUNK(PHASE, tiny.online_shared(WARMUP), fresh(), Clock.zero())
    learners = {
        "critic/loss",
        "critic/q",
        "critic/target",
        "actor/loss",
        "actor/entropy",
        "actor/temperature",
    }
    assert set(metrics) == {*rollout.STEP_METRICS, *learners}
    np.testing.assert_array_equal(metrics["critic/loss"].weight, [0.0] * len(SEEDS))
    np.testing.assert_array_equal(metrics["train/non_finite"].weight, [10.0] * len(SEEDS))
