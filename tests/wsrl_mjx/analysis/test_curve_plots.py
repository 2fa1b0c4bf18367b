"""Pictures of runs side by side: what is drawn, in which colours, beside which labels."""

from pathlib import Path
from typing import Any

import finished_runs
import numpy as np
import pytest

from wsrl_mjx.analysis import curve_plots
from wsrl_mjx.analysis.comparison import Arm
from wsrl_mjx.analysis.curve_plots import METHOD_COLORS, Style, spread
from wsrl_mjx.runs.arms import read_arm

CURVES = {
    "eval/return": {0: (0.0, 0.5), 1000: (0.0, 0.0), 2000: (1.0, 0.5)},
    "critic/q": {500: (-10.0, -20.0), 1500: (-30.0, -40.0)},
    "held_out/q": {0: (0.0, -1.0), 2000: (-2.0, -1.0)},
}
VALUE = {"value/q": {0: (1.0, 3.0), 2000: (4.0, 4.0)}, "value/true": {0: (5.0, 7.0), 2000: (8.0, 8.0)}}


def arm(path: Path, label: str = "", curves: Any = CURVES, env: str = "pointmaze-umaze", **more: Any) -> Arm:
    return read_arm(finished_runs.write(path, curves, env, **more), label or path.name)


def test_success_and_means_of_q_are_drawn(tmp_path: Path) -> None:
    arms = [arm(tmp_path / "with"), arm(tmp_path / "without")]
    drawn = curve_plots.figure(arms, "title")
    success, training, held_out = drawn.axes
    np.testing.assert_allclose(success.lines[0].get_xydata(), [[0, 25], [1000, 0], [2000, 75]])
    np.testing.assert_allclose(training.lines[1].get_xydata(), [[500, -15], [1500, -35]])
    np.testing.assert_allclose(held_out.lines[0].get_xydata()[:, 1], [-0.5, -1.5])
    assert success.get_ylabel() == "success rate, %" and success.get_xlim() == (0, 2000)
    assert held_out.get_ylabel() == "mean Q, held-out data"
    assert [text.get_text() for text in held_out.texts] == ["with", "without"]
    assert drawn.get_suptitle() == "title\nmean of 2 seeds, bands are 95 % bootstrap intervals"


def test_a_panel_that_one_run_cannot_fill_is_left_out_unless_it_is_asked_for(tmp_path: Path) -> None:
    old = {name: curve for name, curve in CURVES.items() if name != "held_out/q"}
    arms = [arm(tmp_path / "new"), arm(tmp_path / "old", curves=old)]
    assert len(curve_plots.figure(arms, "").axes) == 2
    (held_out,) = curve_plots.figure(arms, "", ["held_out/q"]).axes
    assert len([line for line in held_out.lines if len(line.get_xdata()) and line.get_label() == "new"]) == 1
    with pytest.raises(ValueError, match="panels: no run has measured drift/kl"):
        curve_plots.figure(arms, "", ["drift/kl"])
    with pytest.raises(ValueError, match=r"panels must be of score, critic/q, .* got 'q'"):
        curve_plots.figure(arms, "", ["q"])


def test_the_measured_value_is_drawn_dotted_into_the_panel_of_q(tmp_path: Path) -> None:
    (axes,) = curve_plots.figure([arm(tmp_path / "run", curves=CURVES | VALUE)], "", ["value/q"]).axes
    solid, dotted = axes.lines[:2]
    np.testing.assert_allclose(solid.get_ydata(), [2.0, 4.0])
    np.testing.assert_allclose(dotted.get_ydata(), [6.0, 8.0])
    assert (solid.get_linestyle(), dotted.get_linestyle()) == ("-", ":")
    assert solid.get_color() == dotted.get_color()


def test_each_environment_has_its_row_and_a_method_one_colour(tmp_path: Path) -> None:
    arms = [
        arm(tmp_path / "a", "mine"),
        arm(tmp_path / "b", "yours"),
        arm(tmp_path / "c", "mine", env="pointmaze-large"),
    ]
    drawn = curve_plots.figure(arms, "", ["score", "critic/q"])
    assert [axes.get_title("left") for axes in drawn.axes] == ["pointmaze-umaze", "", "pointmaze-large", ""]
    assert drawn.axes[0].lines[0].get_color() == drawn.axes[2].lines[0].get_color()


def test_many_panels_are_wrapped(tmp_path: Path) -> None:
    names = [panel.name for panel in curve_plots.PANELS[1:] if panel.name != "value/q"]
    curves = CURVES | {name: {0: (1.0, 1.0), 2000: (2.0, 3.0)} for name in names}
    drawn = curve_plots.figure([arm(tmp_path / "run", curves=curves)], "")
    assert [axes.get_visible() for axes in drawn.axes] == [True] * 15 + [False]
    assert drawn.axes[3].get_yscale() == "log"


def test_methods_have_their_colours_and_no_retention_is_dashed() -> None:
    settings = [("wsrl", False), ("cql", False), ("cql", True), ("wsrl", False)]
    arms = [Arm(f"{i} {name}", "ant", name, keeps) for i, (name, keeps) in enumerate(settings)]
    assert list(curve_plots.styles_of(arms).values()) == [
        Style(METHOD_COLORS["wsrl"], "-"),
        Style(METHOD_COLORS["cql"], "--"),
        Style(METHOD_COLORS["cql"], "-"),
        Style(METHOD_COLORS["calql"], "-"),  # a second WSRL, in the first colour that is free
    ]
    assert list(curve_plots.styles_of(arms[1:2]).values()) == [Style(METHOD_COLORS["cql"], "-")]


def test_arms_of_one_method_have_different_colours_and_steps_of_a_quantity_an_order() -> None:
    arms = [Arm(str(i), "ant") for i in range(10)]
    few = [look.color for look in curve_plots.styles_of(arms[:3]).values()]
    assert few == list(METHOD_COLORS.values())[:3]
    many = [look.color for look in curve_plots.styles_of(arms).values()]
    luminance = [np.dot(color[:3], [0.3, 0.6, 0.1]) for color in many]
    assert np.all(np.diff(luminance) > 0)
    ordered = curve_plots.styles_of(arms[:2], ordered=True).values()
    np.testing.assert_array_equal([look.color for look in ordered], [many[0], many[-1]])


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([0.9, 0.1], [0.9, 0.1]),
        ([0.5, 0.5, 0.5], [0.4, 0.5, 0.6]),
        ([1.0, 0.98, 0.2], [1.0, 0.9, 0.2]),
        ([0.0, 0.0], [0.0, 0.1]),
        ([0.5, 0.54, 0.66], [0.4666667, 0.5666667, 0.6666667]),  # the first pair pushes the third
    ],
)
def test_labels_are_moved_apart_as_little_as_need_be(places: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(spread(np.array(places), 0.1), expected, atol=1e-6)


def test_nothing_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="one run or more, got none"):
        curve_plots.figure([], "")
