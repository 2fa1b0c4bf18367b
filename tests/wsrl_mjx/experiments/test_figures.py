"""The paper's figures: every arm can be run, shares what it may, and is drawn with its table and page."""

import json
from pathlib import Path

import finished_runs
import jax.numpy as jnp
import pytest

from wsrl_mjx.analysis import curve_plots
from wsrl_mjx.config.settings import Config, flat_fields
from wsrl_mjx.experiments import figure_pages, figure_runs
from wsrl_mjx.experiments.figure_arms import ARMS, Times
from wsrl_mjx.experiments.figure_pages import RUNS
from wsrl_mjx.experiments.figure_runs import Plan, Request
from wsrl_mjx.experiments.figures import FIGURES, HEAT_MAP
from wsrl_mjx.experiments.jobs import Job
from wsrl_mjx.experiments.warmup_grid import Axis
from wsrl_mjx.runs.checkpoint import Checkpoints
from wsrl_mjx.runs.pretrained import as_json
from wsrl_mjx.runs.run_folder import RunFolder

MAZE = "pointmaze-umaze"
CURVES = [name for name in FIGURES if name != HEAT_MAP]


def plan(figure: str, preset: str = "laptop", env: str = MAZE, **changes: object) -> Plan:
    axes = (Axis("offline_steps", ("3000", "6000")),) if figure == HEAT_MAP else ()
    return figure_runs.plan(Request(figure, preset, (env,), 2, changes, axes))


def configs(found: Plan) -> dict[str, Config]:
    return {arm: job.config for arm, job in found.runs}


@pytest.mark.parametrize("preset", ["smoke", "laptop", "paper"])
@pytest.mark.parametrize("figure", FIGURES)
def test_every_arm_can_be_run_at_every_size(figure: str, preset: str) -> None:
    found = plan(figure, preset)
    assert len(found.runs) + len(found.left_out) == (4 if figure == HEAT_MAP else len(FIGURES[figure].arms))
    for name, job in found.runs:
        config = flat_fields(job.config)
        assert (config["env"], config["preset"], config["num_seeds"]) == (MAZE, preset, 2)
        if figure != HEAT_MAP:
            assert config["method"] == ARMS[name].method
            for key, value in ARMS[name].changes.items():
                assert isinstance(value, Times) or config[key] == value
        if name == "wsrl-released-actor-lr":
            own = flat_fields(dict(found.runs)["wsrl"].config)["actor_lr"]
            assert config["actor_lr"] == pytest.approx(2.24 * own)


@pytest.mark.parametrize("env", ["halfcheetah", "antmaze-umaze", "ant-direction"])
def test_every_figure_of_curves_is_for_any_world(env: str) -> None:
    for figure in CURVES:
        assert plan(figure, env=env).runs


def test_the_table_holds_together() -> None:
    assert {arm for figure in FIGURES.values() for arm in figure.arms} == set(ARMS)
    drawn = {name for figure in FIGURES.values() for name in figure.panels}
    assert drawn <= {panel.name for panel in curve_plots.PANELS}
    for figure in FIGURES.values():
        labels = [ARMS[arm].label for arm in figure.arms]
        assert len(set(labels)) == len(labels)


def test_the_document_has_every_figure_and_its_question() -> None:
    text = (Path(__file__).parents[3] / "docs" / "reproducing.md").read_text()
    for name, figure in FIGURES.items():
        assert f"| `{name}` | {figure.question} |" in text


def test_arms_that_agree_before_the_switch_share_a_pretraining() -> None:
    jobs = dict(plan("drift").runs)
    assert jobs["wsrl"].pretrained is None
    assert {jobs[arm].pretrained for arm in jobs if arm != "wsrl"} == {f"{MAZE}-wsrl"}
    spiral = {arm: job.pretrained for arm, job in plan("downward_spiral").runs}
    assert spiral["cql-share-0"] is None and spiral["cql-share-50"] == f"{MAZE}-cql-share-0"
    assert not any(job.pretrained for _, job in plan("offline_init").runs)
    failed = {arm: job.pretrained for arm, job in plan("failed_pretraining").runs}
    assert not any(failed.values())  # other data, other lengths, and none at all


def test_an_arm_that_comes_out_as_the_default_is_its_run() -> None:
    names = {arm: job.name for arm, job in plan("offline_init").runs}
    assert names["wsrl-from-calql"] == f"{MAZE}-wsrl" and names["wsrl-from-cql"] == f"{MAZE}-wsrl-from-cql"
    on_cheetah = {arm: job.name for arm, job in plan("offline_init", env="halfcheetah").runs}
    assert on_cheetah["wsrl-from-cql"] == "halfcheetah-wsrl"
    lengths = {arm: job.name for arm, job in plan("warmup_length").runs}
    assert lengths["wsrl-warmup-5000"] == f"{MAZE}-wsrl"


def test_steps_are_relative_to_the_preset_and_to_what_is_set() -> None:
    short = configs(plan("failed_pretraining"))
    assert short["wsrl"].offline.offline_steps == 6000
    assert short["wsrl-short-pretraining"].offline.offline_steps == 600
    long = configs(plan("asymptote", online_steps=20_000, discount=0.95))
    assert {config.online.online_steps for config in long.values()} == {40_000}
    assert {config.agent.discount for config in long.values()} == {0.95}


def test_an_arms_own_settings_come_after_those_of_all() -> None:
    found = configs(plan("warmup", warmup_steps=1000))
    assert [found[arm].online.warmup_steps for arm in ("wsrl", "wsrl-warmup-0")] == [1000, 0]


def test_a_warmup_that_does_not_fit_is_left_out_with_a_reason() -> None:
    found = plan("warmup_length")
    assert found.left_out == {
        f"{MAZE}-wsrl-warmup-20000": "its warmup of 20,000 does not fit into 15,000 online steps"
    }
    assert not plan("warmup_length", "paper").left_out


def test_arms_can_be_chosen_and_take_the_pretraining_that_is_there(tmp_path: Path) -> None:
    found = plan("drift")
    jobs = lambda *names: figure_runs.of_arms(found, names, tmp_path)
    assert jobs() == [job for _, job in found.runs]
    assert [(job.name, job.pretrained) for job in jobs("wsrl-warmup-0")] == [(f"{MAZE}-wsrl-warmup-0", None)]
    assert jobs("wsrl-warmup-0", "wsrl")[1].pretrained == f"{MAZE}-wsrl"
    kept = tmp_path / f"{MAZE}-wsrl" / "pretrained"
    kept.mkdir(parents=True)
    assert jobs("wsrl-warmup-0")[0].pretrained is None  # cut off before it was saved
    checkpoints = Checkpoints(kept)
    checkpoints.save(0, {"a": jnp.ones(2)}, {})
    checkpoints.close()
    assert jobs("wsrl-warmup-0")[0].pretrained == f"{MAZE}-wsrl"
    with pytest.raises(ValueError, match=r"arms must be one of wsrl, .*, got 'wsrl-warmup-1'; did you mean"):
        jobs("wsrl-warmup-1")
    with pytest.raises(
        ValueError, match="arms wsrl-warmup-20000 is left out: its warmup of 20,000 does not fit"
    ):
        figure_runs.of_arms(plan("warmup_length"), ["wsrl-warmup-20000"], tmp_path)


def test_a_world_that_cannot_be_restarted_has_no_true_value() -> None:
    states = lambda env: {
        c.evaluation.true_value_states for c in configs(plan("downward_spiral", env=env)).values()
    }
    assert states(MAZE) == {20} and states("brax:fast") == {0}


def test_a_bad_setting_is_refused_with_its_arm() -> None:
    with pytest.raises(ValueError, match=rf"arm {MAZE}-wsrl: utd .* must be a positive integer"):
        plan("warmup", utd=0.3)


# -- what is drawn ----------------------------------------------------------------------------------------

RETURNS = {"eval/return": {0: (0.0, 0.5), 1000: (0.0, 0.0), 6000: (1.0, 0.5)}}
MORE = {"held_out/q": {0: (-2.0, -3.0), 6000: (-1.0, -2.0)}}


def finish(job: Job, folder: Path, curves: finished_runs.Curves) -> None:
    run = RunFolder.create(folder / RUNS / job.name, as_json(flat_fields(job.config)))
    finished_runs.write_metrics(run, curves)
    (run.path / "summary.json").write_text(json.dumps({"online_steps": job.config.online.online_steps}))


def test_a_figure_is_written_with_its_table_and_page(tmp_path: Path) -> None:
    request = Request("no_retention", "smoke", (MAZE,), 2, {"online_steps": 6000})
    found = figure_runs.plan(request)
    for _, job in found.runs[:3]:
        finish(job, tmp_path, RETURNS | MORE)
    files = figure_pages.write(request, found, tmp_path)
    assert [str(file.relative_to(tmp_path)) for file in files] == [
        "no_retention/no_retention.png",
        "no_retention/no_retention-profile.png",
        "no_retention/no_retention-improvement.png",
        "no_retention/no_retention.csv",
        "no_retention/no_retention-curves.csv",
        "no_retention/no_retention.md",
    ]
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files[:3])
    assert len(files[3].read_text().splitlines()) == 4
    curves = files[4].read_text().splitlines()
    assert curves[0].endswith(",unit,step,seed,score,held_out/q,eval/return") and len(curves) == 1 + 3 * 6
    assert curves[1] == 'WSRL,pointmaze-umaze,wsrl,false,5000,"success rate, %",0,0,0,-2,0'
    page = files[5].read_text()
    assert "| WSRL | pointmaze-umaze | -2.5 [-3, -2] | -1.5 [-2, -1] |" in page
    command = "python scripts/reproduce.py no_retention --preset smoke --num-seeds 2 --envs pointmaze-umaze"
    assert f"    {command} --set online_steps=6000\n" in page
    assert "| Cal-QL, no retention | `calql` | `offline_share=0.0`, `true_value_states=20` |" in page
    assert "| WSRL | pointmaze-umaze | 2 | 6,000 | 25 [0, 50] |" in page
    assert "| JSRL | 0.50 [" in page
    assert page.count(": not finished") == 3 and f"* `{MAZE}-sac`: not finished" in page


def test_a_run_with_other_settings_is_not_drawn(tmp_path: Path) -> None:
    two, three = (Request("warmup", "smoke", (MAZE,), seeds) for seeds in (2, 3))
    finish(figure_runs.plan(two).runs[0].job, tmp_path, RETURNS)
    with pytest.raises(ValueError, match="made with another config:\n  num_seeds: the run has 2, now 3"):
        figure_pages.write(three, figure_runs.plan(three), tmp_path)


def test_nothing_finished_is_nothing_to_draw(tmp_path: Path) -> None:
    for figure in ("warmup", HEAT_MAP):
        axes = (Axis("offline_steps", ("200",)),) if figure == HEAT_MAP else ()
        request = Request(figure, "smoke", (MAZE,), 2, axes=axes)
        with pytest.raises(ValueError, match=rf"no (run|cell) of {figure} is finished there"):
            figure_pages.write(request, figure_runs.plan(request), tmp_path)
    assert not list(tmp_path.iterdir())
