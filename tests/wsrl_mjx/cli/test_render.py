"""Pictures: shapes where they must be, moments that are in the episode, and a strip where nothing renders."""

from pathlib import Path

import jax
import mujoco
import numpy as np
import pytest
from mjx_cart import MODEL, Cart
from PIL import Image
from probe_envs import Line, probe

import envs
from envs.episode import Episodes
from wsrl_mjx.cli import render
from wsrl_mjx.data.behaviors import random_act
from wsrl_mjx.rendering import panel, strip, video
from wsrl_mjx.rendering.projection import camera_for, capsule_outline, hull, shapes, side_camera
from wsrl_mjx.rendering.recording import Recording, record, simulation_of


def slide(steps: int, ending: str = "time limit") -> Recording:
    """Slides along x at 1 m/s without a simulator."""
    qpos = np.zeros((steps, 3))
    qpos[:, 0] = np.arange(steps) * 0.02
    return Recording(MODEL, qpos, 0.02, np.ones(steps), ending)


@pytest.fixture(autouse=True)
def cart(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(envs.REGISTRY, "cart", Cart)


def test_the_hull_of_a_square_with_a_point_inside_is_the_square() -> None:
    corners = {(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)}
    found = hull(np.array([*corners, (0.5, 0.4)]))
    assert {tuple(point) for point in found} == corners


@pytest.mark.parametrize(
    ("points", "ends"),
    [
        ([(1.0, 2.0), (0.0, 0.0), (3.0, 6.0)], {(0.0, 0.0), (3.0, 6.0)}),
        ([(0.0, 1.0), (1e-17, 0.0), (0.0, 5.0), (0.0, 2.0)], {(1e-17, 0.0), (0.0, 5.0)}),
        ([(1.0, 2.0), (0.0, 0.0)], {(1.0, 2.0), (0.0, 0.0)}),
        ([(1.0, 2.0)] * 4, {(1.0, 2.0)}),
    ],
)
def test_the_hull_of_points_in_a_line_is_its_ends(
    points: list[tuple[float, float]], ends: set[tuple[float, float]]
) -> None:
    assert {tuple(point) for point in hull(np.array(points))} == ends


def test_the_side_camera_sees_x_to_the_right_and_z_up() -> None:
    np.testing.assert_allclose(side_camera().project(np.array([2.0, 5.0, 3.0])), [2.0, 3.0], atol=1e-12)
    raised = side_camera(20.0, 30.0)
    rows = np.vstack([raised.screen, raised.depth])
    np.testing.assert_allclose(rows @ rows.T, np.eye(3), atol=1e-12)
    assert raised.sees_ground_from_above and not side_camera().sees_ground_from_above


def test_geoms_are_where_the_model_has_them() -> None:
    data = mujoco.MjData(MODEL)
    mujoco.mj_forward(MODEL, data)
    capsule, box = sorted(shapes(MODEL, data, camera_for(MODEL)), key=lambda s: s.geom)
    np.testing.assert_allclose(capsule.outline.min(axis=0), [-0.4, 0.9], atol=1e-3)
    np.testing.assert_allclose(capsule.outline.max(axis=0), [0.4, 1.1], atol=1e-3)
    np.testing.assert_allclose(box.outline.min(axis=0), [-0.05, 0.6], atol=1e-9)
    np.testing.assert_allclose(box.outline.max(axis=0), [0.05, 1.0], atol=1e-9)
    assert len(capsule_outline(np.zeros((2, 2)), 1.0)) == 48


def test_a_model_that_touches_the_ground_has_contacts_and_fits_its_window() -> None:
    camera, data = camera_for(MODEL), mujoco.MjData(MODEL)
    high, low = (panel.pose(MODEL, data, [0.0, z, 0.0], camera) for z in (0.0, -0.6))
    assert len(high.contacts) == 0
    np.testing.assert_allclose(low.contacts[:, 1], 0.0, atol=1e-6)
    assert len(low.contacts) > 0
    window = panel.window_for([high, low], camera)
    assert window.half_width > 0.4 and window.above > 1.1 and window.below > 0


def test_moments_are_in_the_episode() -> None:
    assert strip.whole_episode(1000)[0] == 0 and strip.whole_episode(1000)[-1] == 999
    assert strip.whole_episode(3) == [0, 1, 2] and strip.whole_episode(1) == [0]
    assert strip.close_up(slide(20)) is None
    midway, end = strip.close_up(slide(200)), strip.close_up(slide(200, "terminated"))
    assert midway is not None and end is not None
    assert len(midway) == strip.MOMENTS and midway[0] > 80 and midway[-1] < 120
    assert end[-1] == 199 and np.all(np.diff(end) == 3)  # 0.06 s


def test_the_description_gives_distance_and_speed() -> None:
    recording = slide(101)
    said = strip.describe(recording, strip.centre_path(recording))
    assert "return 101 in 2.02 s (101 steps), +2.00 m along x, +1.00 m/s, ended by: time limit" in said


@pytest.mark.parametrize("steps", [1, 5, 100])
def test_a_strip_is_drawn_whatever_the_length(steps: int, workplace: Path) -> None:
    strip.draw(slide(steps), "a slide").savefig(workplace / "strip.png", dpi=30)
    with Image.open(workplace / "strip.png") as image:
        assert image.size[0] > 400


def test_a_recording_is_one_whole_episode() -> None:
    recording = record(Episodes(Cart()), random_act(1), jax.random.key(0))
    assert recording.qpos.shape == (12, 3) and recording.ending == "time limit" and recording.dt == 0.02
    np.testing.assert_allclose(recording.rewards[:-1], recording.qpos[1:, 0], rtol=1e-6)
    with pytest.raises(ValueError, match="'line' has no MuJoCo model"):
        simulation_of(probe(Line))


def test_without_a_driver_a_strip_is_drawn(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MUJOCO_GL", "nonsense")
    render.main(["--behavior", "cart", "random", "--out", "cart.gif"])
    said = capsys.readouterr().out
    assert (
        "no OpenGL here, drawing a picture strip instead (nonsense:" in said and "written to cart.png" in said
    )
    assert (workplace / "cart.png").is_file() and not (workplace / "cart.gif").exists()


def test_a_gif_plays_at_real_speed(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(folder: Path) -> None:
        with np.load(folder / "job.npz") as job:
            count, height, width = len(job["qpos"]), int(job["height"]), int(job["width"])
        noise = np.random.default_rng(0).integers(0, 255, (count, height, width, 3), np.uint8)
        np.save(folder / "frames.npy", noise)

    monkeypatch.setattr(video, "_render", fake)
    monkeypatch.setattr(video, "HEIGHT", 24)
    monkeypatch.setattr(video, "WIDTH", 32)
    recording = Recording(MODEL, slide(31).qpos, 0.008, np.ones(31), "time limit")
    video.write(recording, workplace / "slide.gif", seconds=0.2)
    with Image.open(workplace / "slide.gif") as image:
        durations = []
        for index in range(image.n_frames):
            image.seek(index)
            durations.append(image.info["duration"])
    assert len(durations) == 9  # each third of 25 steps: at most 50 frames a second
    assert sum(durations) == pytest.approx(9 * 3 * 8, abs=10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "run-dir nowhere holds no run"),
        (["--behavior", "line", "random"], "env 'line' has no MuJoCo model of ours to draw"),
        (["--behavior", "pointmaze-umaze", "random"], "'pointmaze-umaze' is seen from above"),
        (["--behavior", "cart", "random", "--out", "cart.bmp"], "out must end in one of .mp4, .gif, .png"),
        (["--behavior", "cart", "random", "--out", "no/cart.png"], "its folder does not exist"),
        (
            ["--behavior", "cart", "random", "--train-seed", "3"],
            "train_seed 3 is not among the policies: random",
        ),
    ],
)
def test_bad_input_is_refused(
    arguments: list[str], message: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        render.main(arguments)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(workplace.iterdir())
