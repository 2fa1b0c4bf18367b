"""Scores of a run and of a behaviour: read without writing, and one message where there are none."""

import json
from pathlib import Path

import jax
import kept_policies
import numpy as np
import pytest
from kept_policies import CONFIG
from probe_envs import Line, probe

from wsrl_mjx.cli import evaluate
from wsrl_mjx.config import build
from wsrl_mjx.config.settings import flat_fields, replace_flat
from wsrl_mjx.runs import policies
from wsrl_mjx.runs.checkpoint import Checkpoints
from wsrl_mjx.runs.policy_scores import score
from wsrl_mjx.runs.run_folder import RunFolder
from wsrl_mjx.types import Clock

pytestmark = pytest.mark.usefixtures("workplace")


@pytest.fixture
def run(workplace: Path) -> Path:
    """A run of two seeds with a finished pretraining, and checkpoints of its last two intervals."""
    return kept_policies.write(workplace / "run")


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as exit_:
        evaluate.main(arguments)
    assert exit_.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and "Traceback" not in said
    return said


def test_the_newest_checkpoint_and_the_pretraining_are_different_policies(run: Path) -> None:
    newest, before = policies.from_run(run), policies.from_run(run, pretrained=True)
    assert newest.labels == before.labels == ("seed 4", "seed 5")
    assert "2,000 online steps" in newest.title and "400 gradient steps" in before.title
    for new, old in zip(jax.tree.leaves(newest.params), jax.tree.leaves(before.params), strict=True):
        np.testing.assert_allclose(new, kept_policies.moved(old), rtol=1e-6)


def test_the_actor_alone_is_read_from_a_checkpoint(run: Path) -> None:
    """Its buffer is of another size than the config's, which nobody notices who does not read it."""
    recipe = build.make(replace_flat(CONFIG, {"replay_capacity": 8000}), probe(Line))
    state = recipe.begin_all(jax.random.split(jax.random.key(0), 2))
    state = jax.jit(jax.vmap(recipe.switch))(state)
    kept = Checkpoints(run / "checkpoints")
    kept.save(4400, (state, Clock.zero()), {"phase": "online", "step": 4000})
    kept.close()
    loaded = policies.from_run(run)
    assert "4,000 online steps" in loaded.title
    jax.tree.map(np.testing.assert_array_equal, loaded.params, state.agent.actor.params)


def test_every_seed_is_scored_and_nothing_is_written(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(run.rglob("*"))
    evaluate.main([str(run), "--episodes", "3", "--step", "2000"])
    said = capsys.readouterr().out
    assert "seed 4" in said and "seed 5" in said and "over 2 seeds" in said and "deterministic" in said
    assert sorted(run.rglob("*")) == before


def test_scores_agree_with_the_episodes(run: Path) -> None:
    loaded = policies.from_run(run)
    rows = score(loaded, (False, True), episodes=5, seed=1)
    assert [row["actions"] for row in rows] == ["deterministic"] * 2 + ["stochastic"] * 2
    for row in rows:
        assert row["episodes"] == 5 and 1 <= row["length_mean"] <= Line.time_limit
        assert row["score_mean"] == pytest.approx(loaded.env.reference.normalize(row["return_mean"]))


def test_a_behavior_is_written_where_asked(workplace: Path) -> None:
    evaluate.main(["--behavior", "line", "random", "--episodes", "2", "--out", "scores.json"])
    scores = json.loads((workplace / "scores.json").read_text())
    assert scores["env"] == "line" and [row["actions"] for row in scores["rows"]] == ["stochastic"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "run-dir nowhere holds no run: config.json is missing"),
        ([], "give either the folder of a run or --behavior ENV LEVEL"),
        (["--behavior", "lime", "random"], "env must be one of"),
        (["--behavior", "line", "expert"], "behavior must be one of random for line, got 'expert'"),
        (["--behavior", "line", "random", "--step", "5"], "step and pretrained belong to a run"),
        (["nowhere", "--step", "last"], "step must be an online step or latest, got 'last'"),
        (["nowhere", "--episodes", "0"], "episodes must be a positive integer, got 0"),
        (["nowhere", "--out", "no/where.json"], "out no/where.json: its folder does not exist"),
    ],
)
def test_bad_input_is_refused(
    arguments: list[str], message: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused(arguments, capsys)
    assert not list(workplace.rglob("*"))


def test_what_the_run_does_not_keep_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "step 1,000 has no checkpoint" in (said := refused([str(run), "--step", "1000"], capsys))
    assert "online steps kept: 2,000" in said


def test_folders_of_other_kinds_are_refused(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workplace / "other").mkdir()
    (workplace / "other" / "config.json").write_text('{"hidden": 128}')
    assert "is not a run of scripts/train.py" in refused(["other"], capsys)
    (workplace / "other" / "config.json").write_text('{"hidden": ')
    assert "config.json is damaged" in refused(["other"], capsys)
    RunFolder.create(workplace / "young", flat_fields(CONFIG)).close()
    assert "run young has no checkpoint yet" in refused(["young"], capsys)
