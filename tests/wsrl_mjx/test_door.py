"""The library's door: what `import wsrl_mjx` gives, and that it trains as the command line does."""

import ast
import re
import runpy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from probe_envs import CountsTraces, Line, Probe, WideLine, probe
from watched import LINE, OFFLINE, ONLINE, WARMUP, Watched, host, settings

import envs
import wsrl_mjx as wsrl
from wsrl_mjx.config import build
from wsrl_mjx.data import held_out
from wsrl_mjx.runs.setup import RunOptions

ROOT = Path(__file__).parents[2]
SAC = tiny.sac(action_size=1)
CALQL = tiny.ALGORITHMS["calql"].replace(base=tiny.cql(sac=SAC))


@cache
def data(size: int = 200) -> wsrl.Dataset:
    return wsrl.collect(LINE, wsrl.behavior(LINE, "random"), size, num_envs=4, seed=0)


def keys(count: int = 2) -> jax.Array:
    return jax.random.split(jax.random.key(0), count)


@cache
def start() -> wsrl.Trained:
    return wsrl.pretrain(CALQL, data(), keys(), steps=25, batch_size=8, report_every=10)


def finetune(**changes: Any) -> wsrl.Trained:
    few = {"steps": 30, "warmup_steps": 20, "batch_size": 4, "report_every": 10, "eval_episodes": 2}
    return wsrl.finetune(SAC, LINE, start(), **(few | changes))


def numbers(tree: Any) -> list[np.ndarray]:
    return [np.asarray(host(leaf)) for leaf in jax.tree.leaves(tree)]


# -- the names --------------------------------------------------------------------------------------------


def test_every_public_name_is_there_once_and_says_what_it_is() -> None:
    named = [name for names in wsrl._HOMES.values() for name in names]
    assert sorted(named) == sorted(wsrl.__all__) == dir(wsrl)
    for name in wsrl.__all__:
        assert getattr(wsrl, name).__doc__, name
    assert not hasattr(wsrl, "finetun")


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(str(wsrl.__file__)).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        (node.module, alias.name)
        for node in ast.walk(block)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == {(home, name) for home, names in wsrl._HOMES.items() for name in names}


def test_a_world_of_ones_own_gets_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envs, "REGISTRY", dict(envs.REGISTRY))
    wsrl.register("mine", Line)
    assert wsrl.make("mine", time_limit=7).time_limit == 7
    wsrl.register("mine", WideLine)  # another, as when a notebook's cell runs again
    assert wsrl.make("mine").obs_size == 2
    with pytest.raises(ValueError, match="the name 'ant' is taken by"):
        wsrl.register("ant", Line)
    with pytest.raises(ValueError, match="one word without a colon, got 'my task'"):
        wsrl.register("my task", Line)
    with pytest.raises(ValueError, match="a task must be a dataclass"):
        wsrl.register("other", SimpleNamespace)
    with pytest.raises(ValueError, match="a task must be a dataclass"):
        wsrl.register("other", Line())
    with pytest.raises(ValueError, match="a task must be made before it is wrapped"):
        wsrl.Episodes(Line)
    with pytest.raises(ValueError, match=r"env must handle its episodes: wsrl.Episodes\(Line"):
        wsrl.collect(Line(), lambda obs, key: obs, 8, num_envs=4)
    with pytest.raises(ValueError, match="behavior must be random for 'line'"):
        wsrl.behavior(LINE, "medium")


@dataclass(frozen=True)
class Bare:
    """A task with nothing that could be left out."""

    time_limit: int = 3

    obs_size = 1
    action_size = 1
    reset = Probe.reset
    first_obs = Probe.first_obs

    def step(self, state: wsrl.EnvState, action: jax.Array) -> wsrl.EnvState:
        """Stays, for the action as reward."""
        return state.replace(reward=action[0])


def test_a_task_may_leave_out_name_reference_and_fingerprint() -> None:
    env = wsrl.Episodes(Bare())
    assert env.name == "Bare" and env.reference is None
    assert env.fingerprint() != wsrl.Episodes(Bare(time_limit=4)).fingerprint()
    full = wsrl.collect(env, lambda obs, key: jnp.full((len(obs), 1), 0.5), 12, num_envs=2)
    assert full.card["return_mean"] == pytest.approx(1.5) and full.card["env"] == "Bare"


# -- data and policies ------------------------------------------------------------------------------------


def test_a_function_collects_what_it_does() -> None:
    still = wsrl.collect(LINE, lambda obs, key: jnp.zeros((len(obs), 1)), 20, num_envs=2, seed=3)
    assert not still.rows["action"].any() and still.size == 20
    assert (still.rows["next_obs"] == still.rows["obs"])[still.rows["truncated"] == 0].all()


def test_a_policy_of_another_world_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must return actions \(2, 1\) for .* \(2, 1\), got \(2, 3\)"):
        wsrl.collect(LINE, lambda obs, key: jnp.zeros((len(obs), 3)), 20, num_envs=2)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"size": 3}, "size must be at least num_envs"),
        ({"size": 8, "seed": -1}, "seed must be an integer"),
        ({"size": 1e3}, "size must be an integer, got 1000.0"),
    ],
)
def test_senseless_collections_are_refused(how: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wsrl.collect(LINE, wsrl.behavior(LINE, "random"), **({"num_envs": 4} | how))  # pyright: ignore[reportArgumentType]


def test_a_policy_acts_on_one_observation_and_on_many() -> None:
    act = start().policy(seed=1)
    assert act(jnp.zeros(1)).shape == (1,) and act(jnp.zeros((5, 1))).shape == (5, 1)
    agent = jax.tree.map(lambda leaf: leaf[1], start().state.agent)
    expected = CALQL.act(agent, jnp.ones(1), jax.random.key(0), explore=False)
    np.testing.assert_allclose(act(jnp.ones(1)), expected, rtol=1e-6)
    sampled = start().policy(explore=True)
    one, other = (sampled(jnp.zeros(1), jax.random.key(seed)) for seed in (0, 1))
    assert (one != other).any()
    with pytest.raises(ValueError, match="needs a key"):
        sampled(jnp.zeros(1))
    with pytest.raises(ValueError, match="seed must be from 0 to 1, got 2"):
        start().policy(seed=2)


# -- training ---------------------------------------------------------------------------------------------


def test_reports_come_at_every_interval_and_at_the_end() -> None:
    assert [report.step for report in start().reports] == [10, 20, 25]
    assert all(report.metrics["critic/loss"].shape == (2,) for report in start().reports)
    seen: list[wsrl.Report] = []
    result = finetune(callback=seen.append)
    assert list(result.reports) == seen
    assert [(report.phase, report.step) for report in seen] == [
        ("warmup", 0), ("warmup", 10), ("warmup", 20), ("fine-tuning", 30),
    ]  # fmt: skip
    assert [report.returns is not None for report in seen] == [True, False, False, True]
    assert result.returns.keys() == {0, 30} and result.returns[30].shape == (2,)
    assert str(seen[0]).startswith("warmup 0/30  return -") and "mean Q" in str(seen[-1])
    assert finetune(eval_every=0).returns == {}


def test_report_intervals_change_no_number() -> None:
    at_once = wsrl.pretrain(CALQL, data(), keys(), steps=25, batch_size=8)
    for one, other in zip(numbers(at_once.state), numbers(start().state), strict=True):
        np.testing.assert_array_equal(one, other)


def test_arms_share_a_start_and_it_stays_as_it_was() -> None:
    before = numbers(start().state)
    first, without, again = finetune(), finetune(warmup_steps=0), finetune()
    for one, other in zip(numbers(first.state), numbers(again.state), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(first.returns[0], without.returns[0])
    assert any((a != b).any() for a, b in zip(numbers(first.state), numbers(without.state), strict=True))
    for one, other in zip(before, numbers(start().state), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_warmup_moves_nothing_and_the_data_is_not_there() -> None:
    result = finetune(steps=21)
    kept = CALQL.hand_over(start().state.agent)
    rows = result.state.buffer.data
    assert rows.obs.shape == (2, 21, 1) and (rows.valid == 1).all()
    assert not np.isin(np.asarray(rows.obs), data().rows["obs"]).any()
    one_update = [(a != b).any() for a, b in zip(numbers(kept), numbers(result.state.agent), strict=True)]
    assert any(one_update)


def test_methods_from_scratch_and_with_data() -> None:
    fresh = wsrl.untrained(SAC, LINE, jax.random.key(1))
    assert fresh.num_seeds == 1
    rlpd = wsrl.finetune(
        SAC, LINE, fresh, steps=24, warmup_steps=0, batch_size=4, retain=(data(), 0.5), eval_every=0
    )
    (report,) = rlpd.reports  # the steps before the first update are no phase of their own in it
    assert report.phase == "fine-tuning" and np.isfinite(report.metrics["critic/loss"]).all()
    goes_on = wsrl.finetune(CALQL, LINE, start(), steps=24, warmup_steps=0, batch_size=4, eval_every=0)
    assert np.isfinite(goes_on.reports[-1].metrics["cql/gap"]).all()
    assert goes_on.state.buffer.data.mc_return.shape == (2, 24)


@pytest.mark.slow
def test_seeds_over_two_devices_are_those_of_one() -> None:
    """Three seeds are on two devices with a place left over, of which nothing is seen."""

    def trained(devices: int) -> wsrl.Trained:
        rates = SAC.replace(critic_lr=jnp.asarray([1e-3, 3e-4, 1e-4]))  # a constant of each seed's own
        algorithm = CALQL.replace(base=tiny.cql(sac=rates))
        few = {"batch_size": 4, "report_every": 10, "devices": devices}
        begun = wsrl.pretrain(algorithm, data(), keys(3), steps=20, **few)
        return wsrl.finetune(rates, LINE, begun, steps=30, warmup_steps=20, eval_episodes=2, **few)

    one, two = trained(1), trained(2)
    assert two.num_seeds == 3 and two.returns[30].shape == (3,)
    for ours, theirs in zip(jax.tree.leaves(two.state), jax.tree.leaves(one.state), strict=True):
        assert ours.devices() == theirs.devices()
        np.testing.assert_allclose(host(ours), host(theirs), rtol=1e-3, atol=1e-4)
    metrics = two.reports[-1].metrics["critic/loss"]
    np.testing.assert_allclose(metrics, one.reports[-1].metrics["critic/loss"], rtol=1e-3)
    assert metrics.shape == (3,)
    assert numbers(two.policy(2)(jnp.zeros(1)))[0].shape == (1,)


@pytest.mark.parametrize("how", [{"report_every": 10}, {"eval_every": 10}])
def test_the_worlds_step_is_traced_once(how: dict[str, int]) -> None:
    """However many chunks there are; and evaluation has the training's trace."""
    CountsTraces.traces = 0
    few = {"steps": 40, "warmup_steps": 20, "batch_size": 4, "eval_every": 0, "eval_episodes": 2} | how
    wsrl.finetune(SAC, probe(CountsTraces), start(), **few)
    assert CountsTraces.traces == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps must be a positive integer, got 0"),
        ({"steps": 20}, "steps must be more than the 20 before the first update, got 20"),
        (
            {"utd": 0.3},
            r"utd \* num_envs must be a positive integer, and a multiple of the 1 .*, got 0.3 \* 1",
        ),
        ({"utd": float("nan")}, "utd"),
        ({"batch_size": 2.5}, "batch_size must be a positive integer, got 2.5"),
        ({"eval_every": -1}, "eval_every must be positive, or 0"),
        ({"replay_capacity": 15}, "replay_capacity and steps must be at least 16 here"),
        ({"retain": "no share"}, "retain must be a dataset and its share"),
        ({"retain": "all of it"}, "retain's share of batch_size 4 must leave a row on either side, got 1.0"),
    ],
)
def test_senseless_fine_tunings_are_refused(changes: dict[str, Any], message: str) -> None:
    if "retain" in changes:
        changes = {"retain": data() if changes["retain"] == "no share" else (data(), 1.0)}
    with pytest.raises(ValueError, match=message):
        finetune(**changes)


def test_other_sizes_and_untyped_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="obs_size of env 'line' is 2, the agents were trained with 1"):
        wsrl.finetune(SAC, probe(WideLine), start(), steps=30)
    for wrong in (jax.random.PRNGKey(0), 0, [keys()], keys()[:0]):
        with pytest.raises(ValueError, match="keys must be typed keys"):
            wsrl.pretrain(CALQL, data(), wrong, steps=1)  # pyright: ignore[reportArgumentType]


def test_algorithms_that_do_not_fit_are_refused() -> None:
    few = {"steps": 30, "warmup_steps": 20, "batch_size": 4}
    with pytest.raises(ValueError, match="algorithm must be one that learns from data alone, got sac"):
        wsrl.pretrain(SAC, data(), keys(), steps=1)
    with pytest.raises(ValueError, match="algorithm must be one that goes on online, got bc"):
        wsrl.finetune(wsrl.BC.create(LINE), LINE, start(), **few)
    with pytest.raises(ValueError, match="its actor are of other sizes"):
        wsrl.finetune(tiny.sac(action_size=1, width=16), LINE, start(), **few)
    with pytest.raises(ValueError, match="its critics are of other sizes"):
        wsrl.finetune(SAC.replace(ensemble_size=3), LINE, start(), **few)
    with pytest.raises(ValueError, match="for returns-to-go the longest episode in each environment"):
        wsrl.finetune(CALQL, LINE, start(), replay_capacity=19, **few)


# -- the same as the command line -------------------------------------------------------------------------


def test_it_gives_the_numbers_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envs, "make_from_text", lambda name, options: LINE)
    config = settings(offline_algo="calql")
    run = Watched(config, RunOptions(tmp_path / "run", tmp_path / "cache", devices=1))
    run.train()

    whole = wsrl.collect(LINE, wsrl.behavior(LINE, "random"), 200, num_envs=4, seed=config.data.dataset_seed)
    train, _ = held_out.split(whole.rows, config.data.dataset_seed)
    offline, online = build.make_offline(config, LINE), build.make_online(config, LINE)
    pretrained = wsrl.pretrain(
        offline,
        wsrl.Dataset(train, whole.card),
        run.setup.keys,
        steps=OFFLINE,
        batch_size=8,
        report_every=10,
        devices=1,
    )
    result = wsrl.finetune(
        online,
        LINE,
        pretrained,
        steps=ONLINE,
        warmup_steps=WARMUP,
        batch_size=4,
        replay_capacity=32,
        devices=1,
    )
    assert run.last is not None
    for ours, theirs in zip(numbers(run.last[0]), numbers(result.state), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    example = runpy.run_path(str(ROOT / "docs" / "examples" / "own_task.py"))
    result = example["main"](steps=300)
    assert result.num_seeds == 3 and 300 in result.returns
    said = capsys.readouterr().out
    assert "fine-tuning 300/300" in said and "it accelerates by" in said


@pytest.mark.slow
def test_the_readmes_snippet_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    (snippet,) = [block for block in blocks if "wsrl.finetune" in block]
    smaller = {
        "pointmaze-medium": "pointmaze-umaze", "100_000": "2_000", "steps=10_000": "steps=4",
        "jax.random.key(0), 5": "jax.random.key(0), 2", "5_000": "1_030", "20_000": "1_034",
    }  # fmt: skip
    for number, small in smaller.items():
        assert number in snippet, number
        snippet = snippet.replace(number, small)
    names: dict[str, Any] = {}
    exec(snippet, names)
    assert names["result"].num_seeds == 2 and names["act"](jnp.zeros(names["env"].obs_size)).shape == (2,)
    assert "fine-tuning 1,034/1,034  return" in capsys.readouterr().out
