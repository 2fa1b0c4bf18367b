"""Our worlds in Gymnasium: its own checks, its own vector environment, and our episodes number by number."""

import warnings
from collections.abc import Iterator
from typing import Any

import gymnasium
import jax
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import RecordEpisodeStatistics
from gymnasium.wrappers.vector import RecordEpisodeStatistics as RecordVectorStatistics
from probe_envs import CountsTraces, EndlessReward, Line, TurnsNonFinite, probe

import envs
from envs.adapters.gymnasium.ids import gymnasium_id
from envs.adapters.gymnasium.single import World
from envs.adapters.gymnasium.vector import MODES, Worlds

pytestmark = pytest.mark.usefixtures("quick_compilation")

QUICK = "pointmaze-umaze"  # a whole world whose step compiles in seconds
COUNT, STEPS = 4, 40
LINE = probe(Line, time_limit=7)
# Balls that are pushed to the left come within 1.5 m of the goal before the limit, others do not.
MAZE: dict[str, Any] = {"time_limit": 12, "goal_radius": 1.5, "start": (3, 3), "goal": (3, 1)}


@pytest.fixture(scope="module")
def maze() -> Iterator[World]:
    """One that stays, so that its programs are there for all tests of this world."""
    env = World(QUICK, **MAZE)
    yield env
    env.close()


def actions_for(env: Any, steps: int = STEPS, count: int = COUNT, seed: int = 0) -> np.ndarray:
    """Returns [T, N, A], a part of them beyond the bounds; each environment has a direction of its own."""
    draw, size = np.random.default_rng(seed), env.world.action_size
    drift = np.linspace(-1.0, 1.0, count)[:, None] * np.ones(size)
    return (drift + draw.uniform(-1.0, 1.0, (steps, count, size))).astype(np.float32)


def our_episodes(env: envs.Episodes, seeds: list[int], actions: np.ndarray) -> Any:
    """Returns first observations [N, O] and the states [T, N] behind every action, by a scan of our own."""
    step = jax.vmap(env.step)
    keys = jax.vmap(jax.random.key)(np.asarray(seeds, np.uint32))
    start = jax.jit(jax.vmap(env.reset))(keys)

    def body(state: Any, action: Any) -> Any:
        state = step(state, action)
        return state, state.replace(physics=None, key=None, context=None)

    states = jax.jit(lambda state, actions: jax.lax.scan(body, state, actions)[1])(start, actions)
    return np.asarray(start.obs), jax.tree.map(np.asarray, states)


def play(env: World, seed: int, actions: np.ndarray) -> tuple[list[np.ndarray], list[Any]]:
    """Returns the first observation of every episode and every step's outcome, as a plain loop makes them."""
    starts, outcomes = [env.reset(seed=seed)[0]], []
    for action in actions:
        outcomes.append(env.step(action))
        if outcomes[-1][2] or outcomes[-1][3]:
            starts.append(env.reset()[0])
    return starts, outcomes


# Names


def test_every_world_has_an_id() -> None:
    assert {gymnasium_id(name) for name in envs.REGISTRY} <= gymnasium.registry.keys()


def test_options_are_keywords_and_the_time_limit_is_cut_once() -> None:
    env: Any = gymnasium.make("envs:wsrl/pointmaze-umaze-v0", goal=(1, 1), start=(3, 3), time_limit=9)
    ours: Any = envs.make(QUICK, goal=(1, 1), start=(3, 3), time_limit=9)
    assert env.unwrapped.world.fingerprint() == ours.fingerprint()
    assert env.unwrapped.time_limit == 9 and env.spec.max_episode_steps is None
    assert env.observation_space == gymnasium.spaces.Box(-np.inf, np.inf, (6,), np.float32)
    assert env.action_space == gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
    many: Any = gymnasium.make_vec("wsrl/pointmaze-umaze-v0", num_envs=3, goal=(1, 2))
    assert many.observation_space.shape == (3, 6) and many.action_space.shape == (3, 2)
    assert many.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    for made in (gymnasium.make, gymnasium.make_vec):
        with pytest.raises(ValueError, match="has no option 'gravity'; its options are"):
            made("wsrl/pointmaze-umaze-v0", gravity=1)


def test_a_task_of_ones_own_is_in_gymnasium_under_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    known = set(gymnasium.registry)
    monkeypatch.setattr(envs, "REGISTRY", dict(envs.REGISTRY))
    try:
        envs.register("my.line", Line)
        first = gymnasium.make("wsrl/my.line-v0", time_limit=3)
        assert first.reset(seed=0)[0].shape == (1,)
        envs.register("my.line", EndlessReward)  # as a notebook's cell that runs again
        second = gymnasium.make("wsrl/my.line-v0", time_limit=3)
        second.reset(seed=0)
        assert [second.step(np.ones(1))[1] for _ in range(3)] == [1.0, 1.0, 1.0]
        envs.register("my/line", Line)  # nothing that Gymnasium can spell
        assert gymnasium.registry.keys() - known == {"wsrl/my.line-v0"}
    finally:
        for name in gymnasium.registry.keys() - known:
            del gymnasium.registry[name]


# Gymnasium's own checks


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n == QUICK else pytest.mark.slow) for n in envs.REGISTRY]
)
def test_gymnasiums_checker_finds_nothing(name: str, maze: World) -> None:
    env = gymnasium.make(gymnasium_id(name), **(MAZE if name == QUICK else {}))
    with warnings.catch_warnings():
        # It finds observations without bounds unlikely. A position has none.
        warnings.filterwarnings("ignore", message=r".*A Box observation space m\w+ value is -?infinity")
        check_env(env.unwrapped)
    env.reset(seed=0)
    env.step(env.action_space.sample())  # under the passive checker and the one of the order


# One environment


def test_a_loop_over_gymnasium_sees_our_episodes(maze: World) -> None:
    actions = actions_for(maze)
    first, states = our_episodes(envs.make(QUICK, **MAZE), [10, 11, 12, 13], actions)
    ended = states.terminated | states.truncated
    assert states.terminated.sum() >= 3 and states.truncated.sum() >= 3
    for i in range(COUNT):
        starts, outcomes = play(maze, 10 + i, actions[:, i])
        expected = [first[i], *states.obs[ended[:, i], i]]
        np.testing.assert_allclose(starts, expected, rtol=1e-5, atol=1e-5)
        obs, reward, terminated, truncated, infos = zip(*outcomes, strict=True)
        np.testing.assert_allclose(obs, states.final_obs[:, i], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(reward, states.reward[:, i], rtol=1e-5)
        np.testing.assert_array_equal(terminated, states.terminated[:, i])
        np.testing.assert_array_equal(truncated, states.truncated[:, i])
        assert infos[0].keys() == {"valid", "success", "episode_return", "episode_length"}
        for name in states.metrics:
            np.testing.assert_allclose([info[name] for info in infos], states.metrics[name][:, i], rtol=1e-5)


def test_seeds_make_episodes_and_a_reset_in_between_goes_on() -> None:
    env = World(LINE)
    places = {seed: float(env.reset(seed=seed)[0][0]) for seed in (0, 1, 2, 2**31, 2**32 - 1)}
    assert len(set(places.values())) == 5 and all(-0.5 <= place <= 0.5 for place in places.values())
    for seed, place in places.items():
        assert place == np.asarray(LINE.reset(jax.random.key(np.uint32(seed))).obs)
        assert place == env.reset(seed=seed + 2**32)[0]
    second = env.reset()[0]
    assert second == np.asarray(LINE.reset(LINE.reset(jax.random.key(np.uint32(2**32 - 1))).key).obs)
    assert World(LINE).reset()[0] != World(LINE).reset()[0], "without a seed, none is like another"


def test_a_wrapper_of_gymnasium_adds_up_what_we_do() -> None:
    env: Any = RecordEpisodeStatistics(World(LINE))
    env.reset(seed=3)
    infos = []
    for action in actions_for(env.unwrapped, count=1)[:, 0]:
        *_, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            infos.append(info)
            env.reset()
    assert len(infos) >= 5
    for info in infos:
        assert info["episode"]["l"] == info["episode_length"]
        np.testing.assert_allclose(info["episode"]["r"], info["episode_return"], rtol=1e-5)


def test_an_episode_that_has_ended_takes_no_step() -> None:
    env = World(probe(EndlessReward, time_limit=2))
    with pytest.raises(ResetNeeded, match="call reset"):
        env.step(np.zeros(1))
    env.reset(seed=0)
    assert [env.step(np.zeros(1))[3] for _ in range(2)] == [False, True]
    with pytest.raises(ResetNeeded, match="call reset"):
        env.step(np.zeros(1))


def test_a_non_finite_step_is_truncated_and_says_so() -> None:
    env = World(probe(TurnsNonFinite, time_limit=9))
    env.reset(seed=0)
    seen = [env.step(np.zeros(1)) for _ in range(4)]
    assert [outcome[0].item() for outcome in seen] == [1.0, 2.0, 3.0, 3.0], "the last one that there was"
    assert [outcome[1] for outcome in seen] == [1.0, 1.0, 1.0, 0.0]
    assert [outcome[2:4] for outcome in seen] == [(False, False)] * 3 + [(False, True)]
    assert [outcome[4]["valid"] for outcome in seen] == [True, True, True, False]
    assert env.reset()[0] == 0.0 and env.step(np.zeros(1))[0] == 1.0


def test_what_is_returned_can_be_written_to_without_harm(maze: World) -> None:
    action = np.ones(2, np.float32)
    plain = [maze.reset(seed=0)[0].copy(), maze.step(action)[0].copy(), maze.step(action)[0].copy()]
    for expected, call in zip(
        plain, (lambda: maze.reset(seed=0), *[lambda: maze.step(action)] * 2), strict=True
    ):
        obs = call()[0]
        np.testing.assert_array_equal(obs, expected)
        obs[:] = np.nan


def test_environments_of_one_world_share_their_programs() -> None:
    CountsTraces.traces = 0
    world = probe(CountsTraces, time_limit=3)
    for seed in range(3):
        env = World(world)
        env.reset(seed=seed)
        env.step(np.zeros(1))
    assert CountsTraces.traces == 1
    assert World(QUICK)._programs is World(QUICK)._programs is not World(QUICK, time_limit=5)._programs


# Many


@pytest.mark.parametrize("mode", MODES)
def test_many_are_what_gymnasium_makes_of_single_ones(mode: AutoresetMode) -> None:
    many: Any = Worlds(LINE, COUNT, autoreset_mode=mode)
    theirs: Any = SyncVectorEnv([lambda: World(LINE)] * COUNT, autoreset_mode=mode)
    assert many.observation_space == theirs.observation_space and many.action_space == theirs.action_space
    resets: dict[int, dict[str, Any]] = {
        0: {"seed": 5},
        10: {},
        17: {"options": {"reset_mask": np.array([True, False, False, True])}},
        24: {"seed": [7, 7, 0, 2**40]},
        31: {"seed": 1, "options": {"reset_mask": np.array([False, True, True, False])}},
    }
    ends = 0
    for step, actions in enumerate(actions_for(many)):
        if step in resets:
            given = resets[step]
            again = {key: dict(value) if key == "options" else value for key, value in given.items()}
            assert data_equivalence(many.reset(**given), theirs.reset(**again), exact=True)
        ours, expected = many.step(actions), theirs.step(actions)
        assert data_equivalence(ours, expected, exact=True), (step, ours, expected)
        ends += int((ours[2] | ours[3]).sum())
    assert ends >= 15


def test_many_mazes_are_single_ones_and_end_in_the_same_step(maze: World) -> None:
    many: Any = gymnasium.make_vec(gymnasium_id(QUICK), num_envs=COUNT, **MAZE)
    actions, ends = actions_for(maze), 0
    first = many.reset(seed=10)[0]
    outcomes = [many.step(action) for action in actions]
    for i in range(COUNT):
        starts, alone = play(maze, 10 + i, actions[:, i])
        np.testing.assert_allclose(first[i], starts[0], atol=1e-6)
        later = iter(starts[1:])
        for (obs, reward, terminated, truncated, infos), one in zip(outcomes, alone, strict=True):
            assert (reward[i], terminated[i], truncated[i]) == one[1:4]
            if not (terminated[i] or truncated[i]):
                np.testing.assert_allclose(obs[i], one[0], rtol=1e-4, atol=1e-5)
                assert "final_obs" not in infos or infos["final_obs"][i] is None
                continue
            ends += 1
            np.testing.assert_allclose(obs[i], next(later), atol=1e-5)
            np.testing.assert_allclose(infos["final_obs"][i], one[0], rtol=1e-4, atol=1e-5)
            assert infos["_final_obs"][i] and infos["_final_info"][i]
            assert "valid" not in infos or not infos["_valid"][i]
            assert infos["final_info"]["episode_return"][i] == one[4]["episode_return"]
    assert ends >= 6


@pytest.mark.parametrize("mode", MODES)
def test_a_vector_wrapper_of_gymnasium_adds_up_what_we_do(mode: AutoresetMode) -> None:
    env: Any = RecordVectorStatistics(Worlds(LINE, COUNT, autoreset_mode=mode.value))
    env.reset(seed=3)
    compared = 0
    for actions in actions_for(env.unwrapped):
        *_, infos = env.step(actions)
        if "episode" not in infos:
            continue
        ended = infos["_episode"]
        own = infos["final_info"] if mode is AutoresetMode.SAME_STEP else infos
        np.testing.assert_array_equal(infos["episode"]["l"][ended], own["episode_length"][ended])
        np.testing.assert_allclose(infos["episode"]["r"][ended], own["episode_return"][ended], rtol=1e-5)
        compared += int(ended.sum())
    assert compared >= 15


def test_a_non_finite_step_of_one_leaves_the_others_alone() -> None:
    actions = actions_for(World(LINE))
    actions[3, 2] = np.nan
    sick, healthy = Worlds(LINE, COUNT), Worlds(LINE, COUNT)
    sick.reset(seed=0), healthy.reset(seed=0)
    for step, row in enumerate(actions):
        obs, reward, terminated, truncated, infos = sick.step(row)
        expected = healthy.step(np.nan_to_num(row))
        others = [0, 1, 3]
        np.testing.assert_array_equal(obs[others], expected[0][others])
        np.testing.assert_array_equal(reward[others], expected[1][others])
        if step == 3:
            assert truncated[2] and not terminated[2] and reward[2] == 0.0
            assert not infos["final_info"]["valid"][2] and infos["_final_info"][2]


def test_what_cannot_be_is_refused() -> None:
    env, many = World(LINE), Worlds(LINE, 2)
    env.reset(seed=0), many.reset(seed=0)
    cases: list[tuple[str, Any]] = [
        (r"action has shape \(2,\); it must be \(1,\)", lambda: env.step(np.zeros(2))),
        (r"action has shape \(1,\); it must be \(2, 1\)", lambda: many.step(np.zeros(1))),
        ("options of reset has 'goal'; it takes none", lambda: env.reset(options={"goal": 1})),
        ("options of reset has 'goal'; choose one of reset_mask", lambda: many.reset(options={"goal": 1})),
        (
            "reset_mask is .*; it must be booleans of shape",
            lambda: many.reset(options={"reset_mask": [1, 0]}),
        ),
        ("seed has 3 numbers; it must have 2", lambda: many.reset(seed=[1, 2, 3])),
        ("num_envs is 0; it must be a positive integer", lambda: Worlds(LINE, 0)),
        (
            "autoreset_mode is 'Disabled'; choose one of NextStep, SameStep",
            lambda: Worlds(LINE, 2, "Disabled"),
        ),
        ("render_mode is 'rgb_array'; it must be None", lambda: World(LINE, "rgb_array")),
        ("render_mode is 'human'; it must be None", lambda: Worlds(LINE, 2, render_mode="human")),
        (r"world is line, made already; the options \['time_limit'\]", lambda: World(LINE, time_limit=3)),
    ]
    for message, call in cases:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(ResetNeeded, match="call reset"):
        Worlds(LINE, 2).step(np.zeros((2, 1)))
