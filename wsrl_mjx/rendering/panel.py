"""Draws one posed model into Matplotlib axes: ground, shadow, shaded bodies, and contacts with the ground."""

# MuJoCo's bindings have no types that a checker sees.
# pyright: reportAttributeAccessIssue=false

from dataclasses import dataclass

import matplotlib as mpl
import mujoco
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.patches import Circle, Polygon
from numpy.typing import ArrayLike

from wsrl_mjx.rendering.projection import Camera, Shape, capsule_outline, shapes

TRUNK, FIXED = "#4a5a70", "#9aa0a6"
LIMBS = ("#d9822b", "#2a8c8c", "#b5507d", "#5b7fc7", "#7f9a3b", "#8d6cab")
CONTACT = "#d62728"
SKY, GROUND, GROUND_EDGE, TILE = "#f7f9fb", "#dfe3e6", "#6b7278", "#eef1f3"
LIGHT = np.array([-0.30, 0.38])  # where the light comes from on the screen, as a share of the radius
TILE_SIZE = 0.5  # m


@dataclass(frozen=True)
class Window:
    """What a panel shows around the body that it follows, in metres on the screen."""

    half_width: float
    below: float
    above: float

    @property
    def aspect(self) -> float:
        """Height over width."""
        return (self.below + self.above) / (2 * self.half_width)


@dataclass(frozen=True)
class Pose:
    """A model at one moment, as the camera sees it.

    Attributes:
        shapes: its geoms, the farthest first.
        contacts: [K, 2], where it touches a plane, on the screen.
        centre: [3], the centre of mass of what moves, in the world.
    """

    shapes: list[Shape]
    contacts: np.ndarray
    centre: np.ndarray


def moving_body(model: mujoco.MjModel) -> int:
    """Returns the first body that hangs on the world by joints; what a picture follows."""
    free = [b for b in range(1, model.nbody) if model.body_parentid[b] == 0 and model.body_dofnum[b] > 0]
    return free[0] if free else min(1, model.nbody - 1)


def pose(model: mujoco.MjModel, data: mujoco.MjData, qpos: ArrayLike, camera: Camera) -> Pose:
    """Returns the model at `qpos` [nq]; `data` is scratch memory."""
    data.qpos[:] = qpos
    mujoco.mj_forward(model, data)
    # Within its margin a contact carries force although a gap is left.
    near = [c for c in data.contact[: data.ncon] if c.dist <= c.includemargin]
    touching = [c.pos for c in near if _with_plane(model, c.geom)]
    contacts = camera.project(np.array(touching)) if touching else np.zeros((0, 2))
    centre = data.subtree_com[moving_body(model)].copy()
    return Pose(shapes(model, data, camera), contacts, centre)


def anchor(now: Pose, camera: Camera) -> np.ndarray:
    """Returns the point on the screen [2] that a panel is centred on: below the centre of mass, at z = 0."""
    return camera.project(np.array([now.centre[0], now.centre[1], 0.0]))


def window_for(poses: list[Pose], camera: Camera, margin: float = 0.12) -> Window:
    """Returns a window that holds every one of the poses, so that all panels have one scale."""
    reach = [s.outline - anchor(p, camera) for p in poses for s in p.shapes]
    points = np.concatenate(reach)
    half_width = float(np.abs(points[:, 0]).max()) + margin
    lowest = min(float(points[:, 1].min()), 0.0)
    above = float(points[:, 1].max()) + margin
    above += 0.1 * (above - lowest)  # for the time stamp
    # A narrow panel is hard to read, and its labels collide.
    half_width = max(half_width, 0.42 * (above - lowest))
    return Window(half_width, margin - lowest + 0.09 * (above - lowest), above)


def draw(axes: Axes, model: mujoco.MjModel, now: Pose, camera: Camera, window: Window) -> None:
    """Draws one pose, centred on its body, with labels for whole metres along x."""
    middle = anchor(now, camera)
    axes.set_xlim(middle[0] - window.half_width, middle[0] + window.half_width)
    axes.set_ylim(middle[1] - window.below, middle[1] + window.above)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_facecolor(SKY)
    for spine in axes.spines.values():
        spine.set_color("#c9ced3")
    if camera.sees_ground_from_above:
        _draw_floor(axes, now, camera, window)
    else:
        _draw_ground_line(axes, middle, window)
    for shape in now.shapes:
        _draw_shape(axes, shape, limb_color(model, shape.geom))
    size = 0.02 * max(window.below + window.above, 2 * window.half_width)
    for point in now.contacts:
        axes.add_patch(
            Circle((point[0], point[1]), size, facecolor=CONTACT, edgecolor="white", lw=0.5, zorder=6)
        )


def limb_color(model: mujoco.MjModel, geom: int) -> np.ndarray:
    """Returns the colour of a geom: the trunk's, or one for each limb, darker towards its end."""
    body = int(model.geom_bodyid[geom])
    chain = []
    while body > 0:
        chain.append(body)
        body = int(model.body_parentid[body])
    if not chain or model.body_weldid[chain[0]] == 0:
        return _rgb(FIXED)
    if len(chain) == 1:
        return _rgb(TRUNK)
    root, limb = chain[-1], chain[-2]
    siblings = [b for b in range(model.nbody) if model.body_parentid[b] == root]
    color = _rgb(LIMBS[siblings.index(limb) % len(LIMBS)])
    return color * (1.0 - 0.09 * min(len(chain) - 2, 4))


def _with_plane(model: mujoco.MjModel, geoms: np.ndarray) -> bool:
    return bool(np.any(model.geom_type[geoms] == mujoco.mjtGeom.mjGEOM_PLANE))


def _draw_ground_line(axes: Axes, middle: np.ndarray, window: Window) -> None:
    """Draws the ground from the side: a strip, a line, a tick each quarter metre, whole metres named."""
    left, right = axes.get_xlim()
    bottom = axes.get_ylim()[0]
    axes.fill_between([left, right], bottom, 0.0, color=GROUND, linewidth=0, zorder=0)
    axes.plot([left, right], [0, 0], color=GROUND_EDGE, linewidth=1.2, zorder=1)
    depth = 0.28 * window.below
    for quarter in range(int(np.ceil(left * 4)), int(np.floor(right * 4)) + 1):
        whole = quarter % 4 == 0
        length = depth if whole else 0.5 * depth
        axes.plot([quarter / 4] * 2, [0, -length], color=GROUND_EDGE, lw=1.0 if whole else 0.6, zorder=1)
        if whole and abs(quarter / 4 - middle[0]) < 0.86 * window.half_width:
            _metre_label(axes, quarter / 4, -1.25 * depth, quarter // 4)


def _draw_floor(axes: Axes, now: Pose, camera: Camera, window: Window) -> None:
    """Draws the ground from above: tiles of half a metre, names of whole metres, the body's shadow."""
    axes.set_facecolor(GROUND)
    reach = 2.5 * max(window.half_width, window.below, window.above) / max(abs(camera.depth[2]), 0.2)
    columns, rows = (
        range(int(np.floor((c - reach) / TILE_SIZE)), int(np.ceil((c + reach) / TILE_SIZE)))
        for c in now.centre[:2]
    )
    corners = TILE_SIZE * np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    tiles = [
        camera.project(corners + TILE_SIZE * np.array([i, j, 0]))
        for i in columns
        for j in rows
        if (i + j) % 2
    ]
    axes.add_collection(PolyCollection(tiles, facecolor=TILE, linewidth=0, zorder=0), autolim=False)
    low, high = axes.get_ylim()
    for metre in range(int(np.floor(now.centre[0] - reach)), int(np.ceil(now.centre[0] + reach)) + 1):
        # Where the line of this metre crosses the height of the labels.
        foot = camera.project(np.array([float(metre), 0.0, 0.0]))
        along = camera.project(np.array([0.0, 1.0, 0.0]))
        x = foot[0] + along[0] * (low + 0.05 * (high - low) - foot[1]) / along[1]
        if abs(x - sum(axes.get_xlim()) / 2) < 0.88 * window.half_width:
            _metre_label(axes, x, low + 0.085 * (high - low), metre)
    shadows = [camera.project(shape.shadow) for shape in now.shapes]
    axes.add_collection(PolyCollection(shadows, facecolor="#b4bac0", linewidth=0, zorder=1), autolim=False)


def _metre_label(axes: Axes, x: float, y: float, metre: int) -> None:
    axes.text(x, y, f"{metre} m", ha="center", va="top", fontsize=6.5, color=GROUND_EDGE, zorder=2)


def _draw_shape(axes: Axes, shape: Shape, color: np.ndarray) -> None:
    """Fills the outline; round geoms get three lighter cores inside it, moved to the light."""
    axes.add_patch(Polygon(shape.outline, facecolor=color, edgecolor=0.45 * color, linewidth=0.7, zorder=3))
    if shape.axis is None:
        return
    for share, light in ((0.76, 0.14), (0.5, 0.28), (0.24, 0.42)):
        core = capsule_outline(shape.axis + (1 - share) * shape.radius * LIGHT, share * shape.radius)
        axes.add_patch(Polygon(core, facecolor=color + light * (1 - color), linewidth=0, zorder=3))


def _rgb(name: str) -> np.ndarray:
    return np.array(mpl.colors.to_rgb(name))
