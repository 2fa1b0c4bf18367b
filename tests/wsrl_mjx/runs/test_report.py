"""The report: milestones from known rows, and a figure that has every curve in it."""

import numpy as np
import pytest

from envs.base import ReferenceScores
from wsrl_mjx.analysis.metrics import Row, curve
from wsrl_mjx.config.settings import Config, replace_flat
from wsrl_mjx.runs import report

CONFIG = replace_flat(Config(), {"num_seeds": 2, "seed": 4, "online_steps": 3000, "warmup_steps": 500})
REFERENCE = ReferenceScores(random=10.0, expert=110.0, provenance="by hand")
FACTS = {
    "seconds": {"warmup": 1.0, "fine-tuning": 5.0},
    "compile_seconds": {"fine-tuning": 2.0},
    "behavior_return": 60.0,
    "dataset_rows": 7,
    "dataset_digest": "d",
    "pretraining_from": "this run",
}
RETURNS = {0: (50.0, 60.0), 1000: (20.0, 70.0), 2000: (30.0, 40.0), 3000: (90.0, 80.0)}


def rows() -> list[Row]:
    evaluated = [
        Row("online", step, 4 + index, "eval/return", value)
        for step, pair in RETURNS.items()
        for index, value in enumerate(pair)
    ]
    before = [Row("pretrain", 100_000, seed, "eval/return", 25.0) for seed in (4, 5)]
    q = [Row("online", 1000, 4, "critic/q", 1.5), Row("online", 2000, 4, "critic/q", 2.5)]
    return [*before, *evaluated, *q]


def test_a_curve_has_a_row_for_each_step_and_a_column_for_each_seed() -> None:
    steps, values = curve(rows(), "online", "eval/return")
    np.testing.assert_array_equal(steps, [0, 1000, 2000, 3000])
    np.testing.assert_array_equal(values, list(RETURNS.values()))
    missing = [*rows(), Row("online", 2000, 5, "critic/q", 7.0)]
    np.testing.assert_array_equal(curve(missing, "online", "critic/q")[1], [[1.5, np.nan], [2.5, 7.0]])


def test_the_summary_has_each_seeds_milestones_and_the_cost() -> None:
    summary = report.summarize(rows(), CONFIG, REFERENCE, FACTS)
    expected = {"4": (50.0, 20.0, 90.0), "5": (60.0, 40.0, 80.0)}
    for seed, (pretrained, lowest, final) in expected.items():
        entry = summary["seeds"][seed]
        assert entry["pretrained"] == {"return": pretrained, "score": pretrained - 10.0}
        assert entry["lowest_after_switch"] == {"return": lowest, "score": lowest - 10.0}
        assert entry["final"] == {"return": final, "score": final - 10.0}
    assert summary["behavior"] == {"return": 60.0, "score": 50.0}
    assert summary["online_steps_per_second"] == pytest.approx(2 * 3000 / 6.0)


def test_without_reference_scores_there_are_returns_alone() -> None:
    summary = report.summarize(rows(), CONFIG, None, FACTS)
    assert summary["seeds"]["4"]["final"] == {"return": 90.0, "score": None}


@pytest.mark.parametrize("reference", [REFERENCE, None])
def test_the_figure_shows_return_and_mean_q(reference: ReferenceScores | None) -> None:
    figure = report.learning_curve(rows(), CONFIG, reference, 60.0)
    left, right = figure.axes
    assert left.get_ylabel() == ("normalised score" if reference else "return")
    offset = 10.0 if reference else 0.0
    curves = [np.asarray(line.get_ydata(), float) for line in left.lines]
    mean = np.array([55.0, 45.0, 35.0, 85.0]) - offset
    assert any(len(line) == 4 and np.allclose(line, mean) for line in curves)
    assert any(np.allclose(line, [1.5, 2.5]) for line in (np.asarray(x.get_ydata()) for x in right.lines))
    assert left.get_xlim()[1] == CONFIG.online.online_steps
