"""Checks of the contract in `envs.base`, for our worlds and for those of other packages.

    SUBJECT = testing.Subject("their-world", ends_at_random=True)

    @pytest.mark.parametrize("check", testing.CHECKS)
    def test_the_world_keeps_the_contract(check):
        check(SUBJECT)

Each raises AssertionError where the contract is broken. The world is compiled once for all of them: one scan
over vmapped steps, with restarts, since its time limit is set to `LIMIT`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import envs

COUNT = 4  # environments side by side
LIMIT = 20
STEPS = 50  # three starts in each environment, and a little of the third episode
NO_LIMIT = -10_000  # a step counter so far below zero that the time limit stays out of reach

Edit = Callable[[Any, jax.Array], tuple[Any, jax.Array]]


@dataclass(eq=False)
class Subject:
    """A world under test.

    Attributes:
        name: as `envs.make` takes it; its option `time_limit` is set to `LIMIT`.
        ends_at_random: whether random actions end an episode before that, as when a robot falls.
        compiler_options: of XLA, for a world whose compilation takes long.
        from_pool: whether starts are drawn from a pool, so that a few may be the same.
    """

    name: str
    ends_at_random: bool = False
    compiler_options: dict[str, Any] | None = None
    from_pool: bool = False
    _played: dict[tuple[float, int], SimpleNamespace] = field(default_factory=dict)

    @cached_property
    def env(self) -> envs.Episodes:
        """The world."""
        return envs.make(self.name, time_limit=LIMIT)

    @cached_property
    def reset(self) -> Any:
        """Its compiled `reset`, of keys."""
        return jax.jit(jax.vmap(self.env.reset), compiler_options=self.compiler_options)

    @cached_property
    def roll(self) -> Any:
        """Its compiled steps: states [N] and actions [T, N, A] to the last states and all that was seen."""

        def roll(states: Any, actions: jax.Array) -> tuple[Any, Any]:
            def step(states: Any, actions: jax.Array) -> tuple[Any, Any]:
                states = jax.vmap(self.env.step)(states, actions)
                return states, states.replace(physics=None, key=None)

            return jax.lax.scan(step, states, actions)

        return jax.jit(roll, compiler_options=self.compiler_options)

    def play(self, scale: float = 1.0, seed: int = 0) -> SimpleNamespace:
        """Returns what `play_anew` does, kept from the first time."""
        if (scale, seed) not in self._played:
            self._played[scale, seed] = self.play_anew(scale, seed)
        return self._played[scale, seed]

    def play_anew(self, scale: float = 1.0, seed: int = 0, edit: Edit | None = None) -> SimpleNamespace:
        """Plays uniform actions, times `scale`, for `STEPS` steps; `edit` changes starts and actions."""
        key_reset, key_action = jax.random.split(jax.random.key(seed))
        states = self.reset(jax.random.split(key_reset, COUNT))
        shape = (STEPS, COUNT, self.env.action_size)
        actions = scale * jax.random.uniform(key_action, shape, minval=-1.0, maxval=1.0)
        if edit is not None:
            states, actions = edit(states, actions)
        last, seen = self.roll(states, actions)
        return SimpleNamespace(start=states, actions=actions, last=last, seen=jax.tree.map(np.asarray, seen))


def reset_and_step_return_the_same_types(subject: Subject) -> None:
    """A scan can carry the state, and no leaf is weakly typed."""
    check_types(subject.env)


def check_types(env: envs.Environment) -> None:
    """Checks the same of a world that is not compiled."""
    first = jax.eval_shape(env.reset, jax.random.key(0))
    action = jax.ShapeDtypeStruct((env.action_size,), jnp.float32)
    second = jax.eval_shape(env.step, first, action)
    assert jax.tree.structure(first) == jax.tree.structure(second), "reset and step return different trees"
    named = jax.tree_util.tree_leaves_with_path(first)
    for (path, before), after in zip(named, jax.tree.leaves(second), strict=True):
        where = jax.tree_util.keystr(path)
        kinds = [(leaf.shape, leaf.dtype, leaf.weak_type) for leaf in (before, after)]
        assert kinds[0] == kinds[1], f"{where}: reset returns {kinds[0]}, step {kinds[1]}"
        assert not before.weak_type, f"{where} is weakly typed"


def fields_have_the_shapes_and_types_of_the_contract(subject: Subject) -> None:
    """Every field of `EnvState` is what its comment says."""
    env, state = subject.env, subject.play().last
    assert env.name == subject.name, f"its name is {env.name!r}, and it is made as {subject.name!r}"
    for name in ("obs", "final_obs"):
        found = getattr(state, name)
        assert (found.shape, found.dtype) == ((COUNT, env.obs_size), jnp.float32), name
    assert state.reward.dtype == jnp.float32 and state.reward.shape == (COUNT,)
    assert state.steps.dtype == jnp.int32
    for name in ("terminated", "truncated", "valid"):
        assert getattr(state, name).dtype == jnp.bool_, name
    assert jnp.issubdtype(state.key.dtype, jax.dtypes.prng_key)
    assert {"episode_return", "episode_length"} <= state.metrics.keys()
    for name, value in state.metrics.items():
        assert value.shape == (COUNT,) and value.dtype == jnp.float32, f"metrics[{name!r}]"


def everything_is_finite_and_valid_under_random_actions(subject: Subject) -> None:
    """No row is lost while the simulation is sound."""
    seen = subject.play().seen
    assert seen.valid.all(), "a row has no value"
    for leaf in jax.tree.leaves(seen):
        assert np.isfinite(leaf).all()


def actions_act_and_are_clipped_to_their_bounds(subject: Subject) -> None:
    """Actions beyond [-1, 1] do what their bounds do."""
    wild = subject.play(scale=5.0)
    bounded: Edit = lambda states, actions: (states, jnp.clip(5.0 * actions, -1.0, 1.0))
    clipped = subject.play_anew(edit=bounded)
    np.testing.assert_array_equal(wild.seen.obs, clipped.seen.obs, err_msg="actions are not clipped")
    still = subject.play(scale=0.0)
    assert np.abs(still.seen.final_obs[0] - wild.seen.final_obs[0]).max() > 1e-3, "actions change nothing"


def the_same_seed_gives_the_same_bits_and_another_seed_does_not(subject: Subject) -> None:
    """The key decides everything."""
    first, again, other = subject.play().seen, subject.play_anew().seen, subject.play(seed=1).seen
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert (first.obs[0] != other.obs[0]).any(), "another seed begins alike"


def start_states_differ_between_environments_and_between_episodes(subject: Subject) -> None:
    """Each start is drawn anew."""
    run = subject.play()
    starts = [np.asarray(run.start.obs)]
    starts += [run.seen.obs[step][run.seen.steps[step] == 0] for step in range(STEPS)]
    starts = np.concatenate(starts)
    assert len(starts) >= 3 * COUNT
    allowed = len(starts) // 4 if subject.from_pool else 0
    assert len(np.unique(starts, axis=0)) >= len(starts) - allowed, "two starts are the same"


def the_final_observation_is_the_true_successor(subject: Subject) -> None:
    """What the time limit cuts off is what would have been seen without it."""
    unlimited: Edit = lambda s, a: (s.replace(steps=jnp.full_like(s.steps, NO_LIMIT)), a)
    limited = subject.play(scale=0.1)  # gentle, so that the limit comes before the fall
    endless = subject.play_anew(scale=0.1, edit=unlimited)
    cut = limited.seen.truncated[LIMIT - 1] & ~endless.seen.terminated[:LIMIT].any(axis=0)
    reached = cut.any() if subject.ends_at_random else cut.all()
    assert reached, "episodes end before the time limit"
    before, after = limited.seen, endless.seen
    np.testing.assert_array_equal(before.final_obs[LIMIT - 1][cut], after.obs[LIMIT - 1][cut])
    ended = before.terminated | before.truncated
    # Both may be computed on their own, with other last bits.
    np.testing.assert_allclose(before.final_obs[~ended], before.obs[~ended], rtol=1e-5, atol=1e-5)
    assert (before.final_obs[ended] != before.obs[ended]).any(axis=-1).all()


def time_limit_and_termination_are_apart(subject: Subject) -> None:
    """Truncated is what the limit ends, terminated what the task does."""
    longest = 0
    for seen in (subject.play().seen, subject.play(scale=0.1).seen):  # gentle: what falls reaches the limit
        length = seen.metrics["episode_length"]
        assert not (seen.terminated & seen.truncated).any(), "both terminated and truncated"
        assert (length[seen.truncated] == LIMIT).all()
        assert (seen.truncated == ((length == LIMIT) & ~seen.terminated)).all()
        assert (seen.steps[seen.terminated | seen.truncated] == 0).all()
        longest = max(longest, length.max())
    assert longest == LIMIT, f"the longest episode has {longest:g} steps, and none reaches the limit"
    ends = bool(subject.play().seen.terminated.any())
    assert ends == subject.ends_at_random, f"ends_at_random is {subject.ends_at_random}, and it is {ends}"


def episode_metrics_add_up(subject: Subject) -> None:
    """Return and length are those of the episode that a step belongs to."""
    seen = subject.play().seen
    total, length = np.zeros(COUNT), np.zeros(COUNT)
    for step in range(STEPS):
        total, length = total + seen.reward[step], length + 1
        np.testing.assert_allclose(seen.metrics["episode_return"][step], total, rtol=1e-4, atol=1e-3)
        np.testing.assert_array_equal(seen.metrics["episode_length"][step], length)
        ended = seen.terminated[step] | seen.truncated[step]
        total, length = np.where(ended, 0.0, total), np.where(ended, 0.0, length)


def a_non_finite_state_or_action_hurts_its_own_environment_alone(subject: Subject) -> None:
    """Such a row has no value, its environment starts anew, and the others do not notice."""

    def poison(states: Any, actions: jax.Array) -> tuple[Any, jax.Array]:
        physics = jax.tree.map(
            lambda leaf: leaf.at[1].set(jnp.nan) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf,
            states.physics,
        )
        return states.replace(physics=physics), actions.at[3, 2].set(jnp.nan)

    healthy, sick = subject.play().seen, subject.play_anew(edit=poison).seen
    for step, row in ((0, 1), (3, 2)):
        assert not sick.valid[step, row]
        assert sick.reward[step, row] == 0.0
        assert not sick.terminated[step, row] and not sick.truncated[step, row]
        assert (sick.final_obs[step, row] == 0.0).all()
        assert sick.steps[step, row] == 0
    assert (~sick.valid).sum() == 2
    for leaf in jax.tree.leaves(sick):
        assert np.isfinite(leaf).all()
    others = [0, *range(3, COUNT)]
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a[:, others], b[:, others]), healthy, sick)


def a_restart_goes_on_as_what_was_seen_there(subject: Subject) -> None:
    """The next observation and reward, of gentle steps: no velocity is beyond what is observed of it."""
    env, before = subject.env, 5
    if not env.restartable:
        return
    run = subject.play(scale=0.1)
    keys = jax.random.split(jax.random.key(1), COUNT)
    states = jax.jit(jax.vmap(env.at))(run.seen.obs[before], keys)
    np.testing.assert_array_equal(states.obs, run.seen.obs[before])
    _, again = subject.roll(states, jnp.roll(run.actions, -before - 1, axis=0))
    going = ~(run.seen.terminated | run.seen.truncated)[: before + 2].any(axis=0)
    assert going.any()
    for name in ("obs", "reward"):
        expected, found = getattr(run.seen, name)[before + 1], np.asarray(getattr(again, name)[0])
        np.testing.assert_allclose(found[going], expected[going], rtol=1e-3, atol=1e-3)


def nothing_is_traced_twice(subject: Subject) -> None:
    """A state goes in as it came out."""
    run = subject.play()
    subject.roll(run.last, run.actions)
    assert subject.roll._cache_size() == 1, "step is traced again for the state that it returned"
    assert subject.reset._cache_size() == 1


CHECKS: tuple[Callable[[Subject], None], ...] = (
    reset_and_step_return_the_same_types,
    fields_have_the_shapes_and_types_of_the_contract,
    everything_is_finite_and_valid_under_random_actions,
    actions_act_and_are_clipped_to_their_bounds,
    the_same_seed_gives_the_same_bits_and_another_seed_does_not,
    start_states_differ_between_environments_and_between_episodes,
    the_final_observation_is_the_true_successor,
    time_limit_and_termination_are_apart,
    episode_metrics_add_up,
    a_non_finite_state_or_action_hurts_its_own_environment_alone,
    a_restart_goes_on_as_what_was_seen_there,
    nothing_is_traced_twice,
)
