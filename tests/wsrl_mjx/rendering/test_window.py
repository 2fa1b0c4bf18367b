"""What a window is shown, and when: everything but the window itself."""

# MuJoCo's bindings have no types that a checker sees.
# pyright: reportAttributeAccessIssue=false

import sys

import jax
import mujoco
import numpy as np
import pytest
from mjx_cart import Cart
from windows import FakeWindow, Time

import envs
from envs.episode import Episodes
from envs.in_mujoco import in_mujoco
from wsrl_mjx.data.behaviors import random_act
from wsrl_mjx.data.rollout import Memoryless
from wsrl_mjx.rendering import window
from wsrl_mjx.rendering.window import PAUSE, Episode, NoWindowError, show, simulation_of

DT = 0.02  # s, the cart's control step


def shown(frames: int, time: Time, pull: float = 0.0) -> tuple[FakeWindow, list[Episode], float]:
    env = in_mujoco(Episodes(Cart(time_limit=3)))
    opened, episodes = FakeWindow(env, frames, pull), []
    player = Memoryless(random_act(1))
    share = show(env, player, jax.random.key(0), opened, episodes.append, time.clock)
    return opened, episodes, share


def test_every_step_is_shown_at_its_time_and_the_last_one_for_longer() -> None:
    opened, episodes, share = shown(12, time := Time())
    places = np.array([qpos[0] for qpos in opened.seen])
    # The start, three steps at 1 m/s, the last of them again; then the next start.
    episode = [DT, 2 * DT, 3 * DT, 3 * DT, 0.0]
    np.testing.assert_allclose(places, [0.0, *episode, *episode, DT], atol=2e-3)
    np.testing.assert_allclose(time.slept, [DT, DT, DT, PAUSE, DT, DT, DT, PAUSE, DT], atol=1e-9)
    assert share == pytest.approx(1.0)
    assert [(e.steps, e.ending) for e in episodes] == [(3, "time limit")] * 2
    assert episodes[0].total == pytest.approx(places[1:4].sum(), rel=1e-4)


def test_a_slow_machine_shows_what_it_can_and_does_not_hurry_after() -> None:
    _, _, share = shown(3, time := Time(cost=0.05))
    assert time.slept == []
    assert share == pytest.approx(2 * DT / (time.seconds - 0.05), rel=1e-6) and 0.05 < share < 0.5


def test_what_is_pulled_at_with_the_mouse_is_pulled() -> None:
    free, pulled = (shown(3, Time(), pull)[0].seen[-1] for pull in (0.0, 200.0))
    assert pulled[0] > free[0] + 0.002


def test_a_maze_has_all_its_walls_and_the_camera_follows() -> None:
    env = in_mujoco(envs.make("pointmaze-umaze"))
    opened = FakeWindow(env, frames=1)
    show(env, Memoryless(random_act(2)), jax.random.key(0), opened, lambda _: None, Time().clock)
    layout = env.task.layout
    scene = opened.user_scn
    boxes = [scene.geoms[index] for index in range(scene.ngeom - 1)]
    places = {(float(box.pos[0]), float(box.pos[1])) for box in boxes}
    assert len(boxes) == len(places) == int(layout.walls.sum()) == 5 * 5 - 7
    assert all(box.type == mujoco.mjtGeom.mjGEOM_BOX and box.size[0] == 0.5 for box in boxes)
    assert (-2.0, 2.0) in places, "the corner of a maze of five cells of 1 m"
    np.testing.assert_allclose(scene.geoms[scene.ngeom - 1].pos[:2], layout.goal)
    assert opened.cam.type == mujoco.mjtCamera.mjCAMERA_TRACKING
    assert opened.cam.trackbodyid == env.task.simulation.mj_model.body("point").id


@pytest.mark.skipif(sys.platform == "darwin", reason="there MuJoCo's viewer answers")
def test_no_display_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NoWindowError, match="there is no display here"):
        window.check_window()


def test_the_window_is_opened_on_what_is_stepped(monkeypatch: pytest.MonkeyPatch) -> None:
    import mujoco.viewer

    asked: list[object] = []
    monkeypatch.setattr(mujoco.viewer, "launch_passive", lambda *given, **_: asked.extend(given) or "window")
    env = in_mujoco(envs.make("pointmaze-umaze"))
    assert window.launch(env) == "window"
    simulation = simulation_of(env)
    assert asked[0] is simulation.mj_model and asked[1] is simulation.data
    model = simulation.mj_model
    walls = [int(model.body(name).geomadr[0]) for name in ("wall_x", "wall_y", "wall_diagonal")]
    assert not model.geom_rgba[walls, 3].any(), "the walls that follow the ball are not seen"
    assert model.geom("point").rgba[3] == 1.0
