"""The strip of an insertion: what is recorded of an episode, and what is drawn of it."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from envs.insertion import InsertionTask
from wsrl_mjx.cli import render
from wsrl_mjx.rendering import insertion_strip
from wsrl_mjx.rendering.insertion_strip import Insertion

HOLE = (0.02, -0.01)


@pytest.fixture(scope="module")
def lowered() -> tuple[Insertion, InsertionTask]:
    """An episode in which the peg is brought over its hole and then down."""
    env = envs.make("peg-insertion", hole=HOLE)
    task = insertion_strip.task_of(env)
    assert task is not None

    def act(obs: jax.Array, key: jax.Array) -> jax.Array:
        del key
        aside = task.seen(obs)["position"] - jnp.array([*HOLE, 0.0])
        over = jnp.abs(aside[:, :2]).max(axis=-1, keepdims=True) < 0.0005
        return jnp.concatenate([-aside[:, :2] / 0.01, jnp.where(over, -1.0, 0.0)], axis=-1)

    return insertion_strip.record(env, task, act, jax.random.key(0)), task


def test_an_episode_is_recorded_from_its_start_to_the_step_that_inserts(
    lowered: tuple[Insertion, InsertionTask],
) -> None:
    insertion, _ = lowered
    assert insertion.success and insertion.dt == pytest.approx(0.05)
    assert insertion.summary == f"went in after {insertion.steps} steps, {insertion.steps * 0.05:.2f} s"
    assert insertion.tips.shape == insertion.told.shape == (insertion.steps + 1, 3)
    assert 0.05 <= insertion.tips[0, 2] <= 0.10 and insertion.tips[-1, 2] <= -0.04 < insertion.tips[-2, 2]
    assert np.abs(insertion.tips[-1, :2]).max() < 0.002, "places are from the middle of the hole"
    np.testing.assert_allclose(insertion.told[0], insertion.tips[0], atol=1e-6)


def test_a_panel_shows_the_peg_where_it_is(lowered: tuple[Insertion, InsertionTask]) -> None:
    insertion, task = lowered
    figure = insertion_strip.draw(insertion, task, "a run")
    assert len(figure.axes) == 2 * insertion_strip.MOMENTS
    for axis, axes in ((0, figure.axes[0]), (1, figure.axes[insertion_strip.MOMENTS])):
        (tip,) = (patch for patch in axes.patches if hasattr(patch, "radius"))
        np.testing.assert_allclose(tip.center[0], 100 * insertion.tips[0, axis], rtol=1e-6)
        np.testing.assert_allclose(tip.center[1] - tip.radius, 100 * insertion.tips[0, 2], rtol=1e-6)


@pytest.mark.parametrize("peg", ["round", "square"])
def test_a_short_episode_is_drawn(peg: str, tmp_path: Path) -> None:
    task = insertion_strip.task_of(envs.make("peg-insertion", peg=peg))
    assert task is not None
    tips = np.zeros((3, 3))
    insertion = Insertion(tips, tips, success=False, dt=0.05)
    figure = insertion_strip.draw(insertion, task, "a run")
    figure.savefig(tmp_path / "strip.png", dpi=30)
    assert figure.get_suptitle() == "a run: did not go in within 2 steps, 0.10 s"
    assert sum(axes.axison for axes in figure.axes) == 6


def test_a_start_far_out_is_in_the_picture() -> None:
    task = insertion_strip.task_of(envs.make("peg-insertion"))
    assert task is not None
    tips = np.array([[0.12, 0.0, 0.13], [0.0, 0.0, 0.0]])
    axes = insertion_strip.draw(Insertion(tips, tips, success=False, dt=0.05), task, "a run").axes[0]
    assert axes.get_xlim()[1] > 12.8 and axes.get_ylim()[1] > 21.0


def test_worlds_without_a_peg_have_none() -> None:
    assert insertion_strip.task_of(envs.make("pointmaze-umaze")) is None


def test_a_video_of_an_insertion_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        render.main(["--behavior", "peg-insertion", "random", "--out", str(tmp_path / "peg.gif")])
    assert "a peg insertion is drawn as a strip, .png, .pdf, .svg" in capsys.readouterr().err


@pytest.mark.slow
def test_the_strip_is_written(tmp_path: Path) -> None:
    render.main(["--behavior", "peg-insertion", "random", "--out", str(tmp_path / "peg.png")])
    assert (tmp_path / "peg.png").read_bytes().startswith(b"\x89PNG")
