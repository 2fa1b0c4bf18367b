"""A picture of an episode that needs no OpenGL: moments in a row, a close-up, and the way travelled."""

# MuJoCo's bindings have no types that a checker sees.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import mujoco
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wsrl_mjx.rendering import panel
from wsrl_mjx.rendering.projection import camera_for
from wsrl_mjx.rendering.recording import Recording

MOMENTS = 8
CLOSE_UP_SPACING = 0.06  # s between the moments of the close-up
WIDTH = 16.0  # inches
BLUE, GREY = "#1f5fa8", "#6b6b6b"


def draw(recording: Recording, title: str) -> Figure:
    """Returns the figure: the whole episode, a close-up where it is long enough, distance and height."""
    model, data, camera = recording.model, mujoco.MjData(recording.model), camera_for(recording.model)
    rows = {"the whole episode": whole_episode(recording.steps)}
    if (near := close_up(recording)) is not None:
        fell = recording.ending == "terminated"
        rows["close up: the end" if fell else "close up: midway"] = near
    poses = {i: panel.pose(model, data, recording.qpos[i], camera) for row in rows.values() for i in row}
    window = panel.window_for(list(poses.values()), camera)
    path = centre_path(recording)
    panel_height = WIDTH / MOMENTS * window.aspect
    heights = [*(panel_height for _ in rows), 1.7]
    with mpl.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(WIDTH, sum(heights) + 0.3 * len(heights) + 0.7), layout="constrained")
        bands: Any = figure.subfigures(len(heights), 1, height_ratios=[h + 0.3 for h in heights])
        for band, (name, moments) in zip(bands, rows.items(), strict=False):
            band.suptitle(name, x=0.005, ha="left", fontsize=9.5, color=GREY)
            for axes, index in zip(band.subplots(1, MOMENTS), moments, strict=False):
                panel.draw(axes, model, poses[index], camera, window)
                _stamp(axes, recording, index, path)
            for axes in band.axes[len(moments) :]:
                axes.set_axis_off()
        _timelines(bands[-1].subplots(1, 2), recording, path, list(rows.values()))
        figure.suptitle(f"{title}\n{describe(recording, path)}", fontsize=12)
    return figure


def whole_episode(steps: int) -> list[int]:
    """Returns up to MOMENTS step indices spread over an episode, first and last included."""
    return sorted(set(np.linspace(0, steps - 1, MOMENTS).round().astype(int).tolist()))


def close_up(recording: Recording) -> list[int] | None:
    """Returns MOMENTS step indices close together: the end of an episode that ended early, else midway.

    None where the episode is so short that the whole of it is a close-up.
    """
    spacing = max(1, round(CLOSE_UP_SPACING / recording.dt))
    span = (MOMENTS - 1) * spacing
    if recording.steps < 2 * span:
        return None
    early = recording.ending != "time limit"
    start = recording.steps - 1 - span if early else (recording.steps - span) // 2
    return list(range(start, start + span + 1, spacing))


def centre_path(recording: Recording) -> np.ndarray:
    """Returns the centre of mass of what moves, at every step, [T, 3] m."""
    model, data = recording.model, mujoco.MjData(recording.model)
    body = panel.moving_body(model)
    path = np.empty((recording.steps, 3))
    for index, qpos in enumerate(recording.qpos):
        data.qpos[:] = qpos
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        path[index] = data.subtree_com[body]
    return path


def describe(recording: Recording, path: np.ndarray) -> str:
    """Returns a line of numbers: return, duration, distance along x, mean speed, and how it ended."""
    distance = path[-1, 0] - path[0, 0]
    elapsed = max((recording.steps - 1) * recording.dt, recording.dt)
    return (
        f"return {recording.episode_return:,.0f} in {recording.seconds:.2f} s ({recording.steps:,} steps), "
        f"{distance:+.2f} m along x, {distance / elapsed:+.2f} m/s, ended by: {recording.ending}"
    )


def _stamp(axes: Axes, recording: Recording, index: int, path: np.ndarray) -> None:
    box = {"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1.5}
    place: dict[str, Any] = {"transform": axes.transAxes, "va": "top", "zorder": 8, "bbox": box}
    axes.text(0.03, 0.97, f"{index * recording.dt:.2f} s", ha="left", weight="bold", fontsize=8.5, **place)
    travelled = round(path[index, 0] - path[0, 0], 2) + 0.0  # no minus zero
    axes.text(0.97, 0.97, f"{travelled:+.2f} m", ha="right", fontsize=8.5, color=BLUE, **place)


def _timelines(pair: Sequence[Axes], recording: Recording, path: np.ndarray, rows: list[list[int]]) -> None:
    """Draws distance and height over time, with the moments of the panels marked."""
    time = np.arange(recording.steps) * recording.dt
    columns = (path[:, 0] - path[0, 0], path[:, 2])
    for axes, values, name in zip(pair, columns, ("travelled, m", "centre of mass, m"), strict=True):
        axes.plot(time, values, color=BLUE, linewidth=1.4)
        axes.plot(time[rows[0]], values[rows[0]], "o", color=BLUE, markersize=4)
        for near in rows[1:]:
            axes.axvspan(time[near[0]], time[near[-1]], color="#d9822b", alpha=0.3, linewidth=0)
        axes.set_xlabel("time, s")
        axes.set_ylabel(name)
        axes.set_xlim(0, max(time[-1], recording.dt))
        axes.grid(alpha=0.25)
