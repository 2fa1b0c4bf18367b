"""Draws the pictures of the README that no run leaves behind: its headline, and one small picture a world.

    python docs/make_pictures.py

The robots are posed by the shipped `medium` behaviours; the curves are those of `docs/data/halfcheetah.csv`.
No OpenGL is needed. It takes about two minutes on two CPU cores.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib as mpl
import mujoco
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon
from matplotlib.ticker import EngFormatter

import envs
from envs.maze_maps import MAPS, Cell, MazeMap
from wsrl_mjx.analysis import curve_files
from wsrl_mjx.analysis.comparison import Arm
from wsrl_mjx.analysis.curve_plots import spread, styles_of
from wsrl_mjx.analysis.statistics import mean_interval
from wsrl_mjx.data import behaviors
from wsrl_mjx.rendering import insertion_strip, panel
from wsrl_mjx.rendering.projection import Camera, camera_for, capsule_outline, shapes, side_camera
from wsrl_mjx.rendering.recording import Recording, record
from wsrl_mjx.training import runtime

DOCS = Path(__file__).parent
ROBOTS = {"ant": 400, "halfcheetah": 499, "hopper": 150, "walker2d": 236}  # the step whose pose is shown
RUNNING = (499, 502)  # steps of the half-cheetah in the headline
THUMBNAIL = (3.2, 2.4)  # inches, at 100 dots an inch
HEADLINE = (9.5, 3.3)  # inches, at 175: twice as many dots as GitHub shows
INK, GREY, WALL_TOP, WALL_SIDE, FLOOR = "#24292f", "#6b7278", "#7c8794", "#525c68", "#f1f3f5"
GOAL, WAY = "#2e8b57", "#1f5fa8"
TEXT: Any = {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}


def main() -> None:
    """Records an episode of each robot and writes all pictures to `docs/images`."""
    runtime.prepare()
    recordings = {name: episode(name) for name in ROBOTS}
    for name, recording in recordings.items():
        save(robot(recording, ROBOTS[name]), f"world_{name}")
    save(point_maze(), "world_pointmaze")
    save(ant_maze(recordings["ant"]), "world_antmaze")
    save(peg(), "world_peg")
    save(headline(recordings["halfcheetah"]), "headline", dpi=175)


def peg() -> Figure:
    """Returns a peg over its hole, cut open, and the way that it came."""
    env = envs.make("peg-insertion")
    task = insertion_strip.task_of(env)
    assert task is not None

    def act(obs: jax.Array, key: jax.Array) -> jax.Array:
        del key
        aside = -task.seen(obs)["position"][:, :2]
        near = jnp.abs(aside).max(axis=-1, keepdims=True) < 0.01
        return jnp.concatenate([aside / 0.03, jnp.where(near, -1.0, -0.2)], axis=-1)

    insertion = insertion_strip.record(env, task, act, jax.random.key(0))
    moment = int(np.argmax(insertion.tips[:, 2] < -0.01))
    with mpl.rc_context(TEXT):
        figure = Figure(figsize=THUMBNAIL)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        insertion_strip.draw_moment(axes, insertion, task, 0, moment)
        axes.set(xlim=(-12.0, 12.0), ylim=(-6.0, 12.0))
        axes.set_axis_off()
    return figure


def episode(name: str) -> Recording:
    """Returns one deterministic episode of a robot's `medium` behaviour."""
    behavior = behaviors.load(behaviors.shipped_folder(name), "medium")
    return record(envs.make(name), behavior.act(explore=False), jax.random.key(0))


def save(figure: Figure, name: str, dpi: int = 100) -> None:
    """Writes a picture to `docs/images`."""
    figure.savefig(DOCS / "images" / f"{name}.png", dpi=dpi)


def robot(recording: Recording, step: int) -> Figure:
    """Returns a robot in one pose."""
    figure = Figure(figsize=THUMBNAIL)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    draw_pose(axes, recording, step, window_of(recording, [step], THUMBNAIL[1] / THUMBNAIL[0]))
    return figure


def window_of(recording: Recording, steps: Sequence[int], aspect: float) -> panel.Window:
    """Returns a window of that height over width that holds the poses of some steps."""
    model, camera = recording.model, camera_for(recording.model)
    data = mujoco.MjData(model)
    tight = panel.window_for([panel.pose(model, data, recording.qpos[i], camera) for i in steps], camera)
    half_width = max(tight.half_width, (tight.below + tight.above) / (2 * aspect))
    spare = 2 * half_width * aspect - tight.below - tight.above
    return panel.Window(half_width, tight.below + 0.35 * spare, tight.above + 0.65 * spare)


def draw_pose(axes: Axes, recording: Recording, step: int, window: panel.Window) -> None:
    """Draws one pose without frame and labels."""
    model, camera = recording.model, camera_for(recording.model)
    now = panel.pose(model, mujoco.MjData(model), recording.qpos[step], camera)
    panel.draw(axes, model, now, camera, window)
    for text in list(axes.texts):
        text.remove()
    for spine in axes.spines.values():
        spine.set_visible(False)


def point_maze() -> Figure:
    """Returns a maze with the shortest way of the ball to its goal."""
    maze, camera = MAPS["medium"], side_camera(0.0, 62.0)
    figure = Figure(figsize=THUMBNAIL, facecolor=WALL_TOP)
    axes = draw_maze(figure, maze, camera, size=1.0)
    ball = camera.project(np.array([*middle_of(maze.start, 1.0), 0.3]))
    draw_ball(axes, ball, radius=0.3)
    return figure


def ant_maze(recording: Recording) -> Figure:
    """Returns a maze with the ant at its start, to scale."""
    maze, camera, size = MAPS["umaze"], side_camera(0.0, 62.0), 4.0
    figure = Figure(figsize=THUMBNAIL, facecolor=WALL_TOP)
    axes = draw_maze(figure, maze, camera, size)
    model = recording.model
    data = mujoco.MjData(model)
    data.qpos[:] = recording.qpos[ROBOTS["ant"]]
    data.qpos[:2] = middle_of(maze.start, size)
    mujoco.mj_forward(model, data)
    for shape in shapes(model, data, camera):
        color = panel.limb_color(model, shape.geom)
        axes.add_patch(Polygon(shape.outline, facecolor=color, edgecolor=0.45 * color, lw=0.6, zorder=50))
    return figure


def draw_maze(figure: Figure, maze: MazeMap, camera: Camera, size: float) -> Axes:
    """Draws floor, walls as blocks, goal and shortest way; returns the axes, in metres on the screen."""
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    rows, columns = maze.walls.shape
    width, depth, height = columns * size, rows * size, 0.35 * size
    corners = np.array([[0, 0, 0], [width, 0, 0], [width, -depth, 0], [0, -depth, 0]], float)
    axes.add_patch(Polygon(camera.project(corners), facecolor=FLOOR, lw=0, zorder=0))
    goal = camera.project(np.array([*middle_of(maze.goal, size), 0.0]) + 0.32 * size * disc())
    axes.add_patch(Polygon(goal, facecolor=GOAL, edgecolor="white", lw=1.0, zorder=1))
    way = np.array([[*middle_of(cell, size), 0.0] for cell in shortest_way(maze)])
    axes.plot(*camera.project(way).T, color=WAY, lw=2.2, ls=(0, (1, 1.6)), dash_capstyle="round", zorder=2)
    for row, column in np.argwhere(maze.walls):
        left, back = column * size, -row * size
        block = np.array([[0, 0], [size, 0], [size, -size], [0, -size]]) + np.array([left, back])
        top = np.column_stack([block, np.full(4, height)])
        front = np.array([*top[2:], *(top[2:][::-1] * [1, 1, 0])])
        for face, color in ((front, WALL_SIDE), (top, WALL_TOP)):
            outline = camera.project(face)
            axes.add_patch(Polygon(outline, facecolor=color, edgecolor=color, lw=0.4, zorder=10 + row))
    inside = corners + 0.45 * size * np.array([[1, -1, 0], [-1, -1, 0], [-1, 1, 0], [1, 1, 0]])
    seen = camera.project(inside + np.array([0.0, 0.0, height]))
    frame(axes, seen.min(axis=0), seen.max(axis=0))
    return axes


def frame(axes: Axes, low: np.ndarray, high: np.ndarray) -> None:
    """Shows what lies between two corners of the screen, without distortion."""
    ratio = THUMBNAIL[0] / THUMBNAIL[1]
    height = max(high[1] - low[1], (high[0] - low[0]) / ratio)
    middle = (low + high) / 2
    axes.set_xlim(middle[0] - ratio * height / 2, middle[0] + ratio * height / 2)
    axes.set_ylim(middle[1] - height / 2, middle[1] + height / 2)
    axes.set_axis_off()


def draw_ball(axes: Axes, centre: np.ndarray, radius: float) -> None:
    """Draws a shaded ball."""
    color = np.array(mpl.colors.to_rgb("#d9822b"))
    axes.add_patch(Circle((centre[0], centre[1]), radius, facecolor=color, edgecolor=0.45 * color, zorder=50))
    for share, light in ((0.7, 0.16), (0.4, 0.34)):
        core = capsule_outline(np.array([centre, centre]) + 0.25 * radius * panel.LIGHT, share * radius)
        axes.add_patch(Polygon(core, facecolor=color + light * (1 - color), lw=0, zorder=51))


def middle_of(cell: Cell, size: float) -> tuple[float, float]:
    """Returns the middle of a cell, metres from the maze's upper left corner."""
    return (cell[1] + 0.5) * size, -(cell[0] + 0.5) * size


def shortest_way(maze: MazeMap) -> list[Cell]:
    """Returns the cells from start to goal, both included (breadth first)."""
    before: dict[Cell, Cell] = {maze.goal: maze.goal}
    frontier = [maze.goal]
    while maze.start not in before:
        row, column = frontier.pop(0)
        for cell in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
            if not maze.walls[cell] and cell not in before:
                before[cell] = (row, column)
                frontier.append(cell)
    way = [maze.start]
    while way[-1] != maze.goal:
        way.append(before[way[-1]])
    return way


def disc() -> np.ndarray:
    """Returns a flat circle of radius 1, [48, 3]."""
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return np.column_stack([np.cos(angles), np.sin(angles), np.zeros(48)])


def headline(recording: Recording) -> Figure:
    """Returns the half-cheetah beside its score and its critics' mean Q, of four methods."""
    arms = curve_files.read_csv(DOCS / "data" / "halfcheetah.csv")
    with mpl.rc_context(TEXT):
        figure = Figure(figsize=HEADLINE)
        bottom, top, left, width, gap = 0.16, 0.87, 0.012, 0.222, 0.03
        height = (top - bottom - gap * (len(RUNNING) - 1)) / len(RUNNING)
        window = window_of(recording, RUNNING, height * HEADLINE[1] / (width * HEADLINE[0]))
        for row, step in enumerate(RUNNING):
            place = (left, top - height - row * (height + gap), width, height)
            draw_pose(figure.add_axes(place), recording, step, window)
        score = figure.add_axes((0.285, bottom, 0.24, top - bottom))
        values = figure.add_axes((0.585, bottom, 0.24, top - bottom))
        draw_curves(score, arms, "score")
        draw_curves(values, arms, "held_out/q")
        name_ends(values, arms, "held_out/q")
        for x, title in (
            (left, "half-cheetah"),
            (0.285, "score (100: expert)"),
            (0.585, "mean Q, held-out data"),
        ):
            figure.text(x, 0.93, title, fontsize=11, weight="bold", color=INK)
    return figure


def draw_curves(axes: Axes, arms: Sequence[Arm], name: str) -> None:
    """Draws means over seeds with their 95 % intervals; the warmup's steps are shaded."""
    styles = styles_of(arms)
    for arm in arms:
        steps, values = arm.scores() if name == "score" else arm.online(name)
        mean, low, high = mean_interval(values)
        axes.plot(steps, mean, color=styles[arm.label].color, lw=2.2)
        axes.fill_between(steps, low, high, color=styles[arm.label].color, alpha=0.18, lw=0)
    axes.axvspan(0, 5000, color=GREY, alpha=0.10, lw=0)
    axes.text(0.5 / 3, 0.28, "warmup", transform=axes.transAxes, ha="center", color=GREY, fontsize=9)
    axes.set_xlim(0, 15_000)
    axes.set_ylim(bottom=-0.05 * axes.get_ylim()[1])
    axes.set_xticks([0, 5000, 10_000, 15_000])
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_xlabel("environment steps online")
    axes.grid(axis="y", alpha=0.25, lw=0.6)


def name_ends(axes: Axes, arms: Sequence[Arm], name: str) -> None:
    """Writes each arm's name beside the end of its curve, joined to it by a line."""
    styles, to = styles_of(arms), axes.transAxes
    ends = [mean_interval(arm.online(name)[1]).value[-1] for arm in arms]
    places = axes.transLimits.transform([(0.0, end) for end in ends])[:, 1]
    for arm, end, place in zip(arms, places, spread(places, 0.10), strict=True):
        color = styles[arm.label].color
        axes.plot([1.01, 1.07], [end, place], color=color, lw=1.0, clip_on=False, transform=to)
        axes.text(1.09, place, arm.label, color=color, va="center", transform=to)


if __name__ == "__main__":
    main()
