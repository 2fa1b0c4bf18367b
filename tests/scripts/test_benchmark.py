"""The benchmark runs, and its count of operations is right. Nothing is said about speed."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import command as benchmark
from benchmarks import flops, plain, suite
from wsrl_mjx.algos.sac import SACSettings
from wsrl_mjx.config.settings import Config, replace_flat
from wsrl_mjx.runs import run_folder
from wsrl_mjx.runs.console import Console
from wsrl_mjx.types import Transition


def test_operations_of_one_layer_are_counted_by_hand() -> None:
    assert flops.forward((3, 5, 1)) == 2 * 3 * 5 + 2 * 5
    assert flops.backward((3, 5, 1), weights=True) == 2 * 5 + 2 * 3 * 5 + 2 * 5
    assert flops.backward((3, 5, 1), weights=False, inputs=2) == 2 * 5 + 2 * 2 * 5


def test_a_full_size_step_on_ant_needs_what_the_notes_say() -> None:
    ant = {"obs_size": 27, "action_size": 8}
    assert flops.online_step(Config(), **ant) == pytest.approx(8.25e9, rel=1e-3)
    assert flops.pretrain_step(Config(), **ant) == pytest.approx(9.4e9, rel=1e-2)


def test_operations_follow_the_settings() -> None:
    plain = flops.online_step(Config(), 27, 8)
    acting = flops.forward(flops.actor_sizes(Config().agent, 27, 8))
    doubled = flops.online_step(replace_flat(Config(), {"utd": 8.0}), 27, 8)
    assert doubled - acting == 2 * (plain - acting)
    more_targets = flops.online_step(replace_flat(Config(), {"target_subset": 10}), 27, 8)
    assert more_targets - plain == 4 * 256 * 8 * flops.forward((35, 256, 256, 1))


HOW = ["--tiny", "--env", "hopper"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gives the file of some parts, added one by one."""
    out = tmp_path_factory.mktemp("benchmark") / "numbers.json"
    for part in ("learner", "hostloop"):
        benchmark.main([part, *HOW, "--out", str(out)])
    return out


@pytest.mark.slow
def test_parts_are_added_to_one_file(measured: Path) -> None:
    found = json.loads(measured.read_text())
    assert found["versions"]["jax"] and found["versions"]["cores"]
    assert found["settings"] == {"env": "hopper", "seeds": 1, "tiny": True}
    parts = found["parts"]
    assert list(parts) == ["learner", "hostloop"]
    for name, part in parts.items():
        assert part["command"].startswith(f"scripts/benchmark.py {name} --tiny --env hopper --out")
        assert part["sizes"]["preset"] == "smoke" and part["matmul"].keys() == {"32", "64"}
    learner = parts["learner"]["numbers"]
    assert learner["flop_rate"] > 0 and learner["matmul_share_percent"] > 0
    assert learner["repeats_ms"] == [learner["milliseconds"]]
    assert parts["hostloop"]["numbers"]["milliseconds"] > 0


@pytest.mark.thorough
def test_a_sweep_is_measured_for_several_numbers_of_seeds(tmp_path: Path) -> None:
    benchmark.main(["sweep", *HOW, "--out", str(tmp_path / "numbers.json")])
    sweep = json.loads((tmp_path / "numbers.json").read_text())["parts"]["sweep"]["numbers"]
    assert [entry["seeds"] for entry in sweep] == [1, 2]
    assert all(e["seed_steps_per_second"] == e["seeds"] * e["per_second"] for e in sweep)
    assert (tmp_path / "numbers.png").stat().st_size > 0


@pytest.mark.slow
def test_all_measures_what_the_file_lacks(measured: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = json.loads(measured.read_text())
    others = (
        "online",
        "sweep",
        "laptop",
        "pretrain",
        "released",
        "cores",
        "peers",
        "checkpoint",
        "compile",
        "env/ant",
        "gymnasium",
    )
    for name in others:
        found["parts"][name] = {"numbers": name}
    measured.write_text(json.dumps(found))
    benchmark.main(["all", *HOW, "--tasks", "ant", "--out", str(measured)])
    after = json.loads(measured.read_text())["parts"]
    replay = after.pop("replay")["numbers"]
    assert after == found["parts"]
    assert [(n["seeds"], n["full"]) for n in replay] == [(1, False), (1, True), (2, False), (2, True)]
    assert all(n["milliseconds"] > 0 for n in replay)
    assert "env/ant: measured before" in capfd.readouterr().out


def test_a_checkpoint_is_compared_with_the_training_between_two(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    measurer = suite.Suite(Console(), "hopper", suite.TINY, seeds=2)
    monkeypatch.setattr(suite.learning, "online", lambda *_: {"milliseconds": 2.0})
    found = measurer.measure("checkpoint")["numbers"]
    between = 2.0 * measurer.small.evaluation.checkpoint_every
    save = found["save"]["milliseconds"]
    assert save == found["save"]["repeats_ms"][0] > 0
    assert found["share_percent"] == pytest.approx(100 * save / (save + between))
    rows = 2 * measurer.small.online.online_steps * (11 + 3 + 11 + 2) * 4  # float32, two seeds
    # A normal number is made from 23 random bits: compression leaves no less of its 32.
    assert 0.6 * rows < found["save"]["bytes"] < 2 * rows
    assert "checkpoint, hopper, preset smoke: " in capsys.readouterr().out


def test_the_peer_learns_what_ours_does() -> None:
    """Fitted to one batch of deaths, its critics tend to the rewards, and all that learns has moved."""
    settings = SACSettings(
        actor_hidden=(8,), critic_hidden=(16,), ensemble_size=3, critic_lr=1e-2, actor_lr=1e-3
    )
    agent = plain.create(settings, 2, 1, jax.random.key(0))
    rows = jnp.linspace(-1.0, 1.0, 8)
    batch = Transition.empty(2, 1).replace(
        obs=jnp.stack([rows, rows**2], axis=-1), action=rows[:, None], reward=3.0 * rows,
        next_obs=jnp.zeros((8, 2)), terminated=jnp.ones(8), truncated=jnp.zeros(8), valid=jnp.ones(8),
    )  # fmt: skip
    batches = jax.tree.map(lambda leaf: jnp.stack([leaf] * 4), batch)
    before = jax.tree.map(np.asarray, agent)
    errors = []
    for step in range(40):
        agent, metrics = plain.update(agent, batches, jax.random.key(step), plain.Constants(settings, 4))
        errors.append(float(metrics["td_error"]))
    assert errors[-1] < 0.05 < 1.0 < errors[0]
    for ours, old in zip(jax.tree.leaves(agent.targets), jax.tree.leaves(before.targets), strict=True):
        assert (np.asarray(ours) != old).any()
    assert float(agent.temperature.params["log"]) != 0.0
    action = plain.act(agent, batch.obs[0], jax.random.key(0))
    assert action.shape == (1,) and abs(float(action[0])) < 1.0


def test_a_failed_part_stops_no_other(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    called: list[str] = []

    def run(call: list[str], check: bool) -> SimpleNamespace:
        called.append(call[2])
        return SimpleNamespace(returncode=int(call[2] == "hostloop"))

    monkeypatch.setattr(benchmark.subprocess, "run", run)
    with pytest.raises(SystemExit):
        benchmark.main(["all", "--tasks", "ant", "hopper"])
    assert [part for part in called if part != "env"] == [part for part in benchmark.PARTS if part != "env"]
    assert called.count("env") == 2
    assert "failed: hostloop" in capsys.readouterr().err


@pytest.mark.slow
def test_numbers_of_another_machine_or_setting_are_not_mixed(
    measured: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit):
        benchmark.main(["replay", "--env", "hopper", "--out", str(measured)])
    assert "numbers of another machine or setting (tiny); choose another" in capsys.readouterr().err
    monkeypatch.setattr(benchmark, "versions", lambda: {**VERSIONS, "jax": "0.0"})
    with pytest.raises(SystemExit):
        benchmark.main(["replay", *HOW, "--out", str(measured)])
    assert "another machine or setting (jax); choose" in capsys.readouterr().err


VERSIONS = run_folder.versions()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["env", "--env", "lime"], "env must be one of adroit-door, ant, ant-direction, "),
        (
            ["hostloop", "--env", "pointmaze-umaze"],
            "env must be one of ant, halfcheetah, hopper, walker2d for",
        ),
        (["env", "--tasks", "lime"], "tasks must be one of adroit-door, ant, ant-direction, "),
        (["replay", "--out", __file__], "is no file of this benchmark; choose another"),
        (["all", "--seeds", "0"], "seeds must be a positive integer, got 0"),
        (["all", "--out", "no/where.json"], "out no/where.json: its folder does not exist"),
    ],
)
def test_bad_input_is_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        benchmark.main(arguments)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err
