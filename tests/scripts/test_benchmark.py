"""The benchmark runs, and its count of operations is right. Nothing is said about speed."""

import json
from pathlib import Path

import benchmark
import pytest
from benchmarks import flops

from wsrl_mjx.config import Config, replace_flat


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


@pytest.mark.parametrize("part", ["learner", "replay", "hostloop", "sweep"])
def test_it_runs_and_writes_its_numbers(
    part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "numbers.json"
    benchmark.main([part, "--tiny", "--env", "hopper", "--out", str(out)])
    numbers = json.loads(out.read_text())
    assert numbers["versions"]["jax"] and numbers["sizes"]["preset"] == "smoke"
    if part == "replay":
        kinds = [(n["seeds"], n["full"]) for n in numbers["replay"]]
        assert kinds == [(1, False), (1, True), (2, False), (2, True)]
        assert all(n["microseconds"] > 0 for n in numbers["replay"])
    elif part == "hostloop":
        assert numbers["hostloop"]["milliseconds"] > 0
    elif part == "sweep":
        assert [entry["seeds"] for entry in numbers["sweep"]] == [1, 2]
        assert all(e["seed_steps_per_second"] == e["seeds"] * e["per_second"] for e in numbers["sweep"])
    else:
        assert numbers["learner"]["flop_rate"] > 0 and numbers["learner"]["matmul_share_percent"] > 0
        assert "% of the matmul rate" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["env", "--env", "lime"], "env must be one of ant, ant-direction, "),
        (
            ["hostloop", "--env", "pointmaze-umaze"],
            "env must be one of ant, halfcheetah, hopper, walker2d for",
        ),
        (["all", "--seeds", "0"], "seeds must be a positive integer, got 0"),
        (["all", "--out", "no/where.json"], "out no/where.json: its folder does not exist"),
    ],
)
def test_bad_input_is_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        benchmark.main(arguments)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err
