"""From a posed model to flat shapes: an orthographic camera, and the outline of each geom as it sees it.

The projection is orthographic, so the outline of a capsule is exactly the hull of two circles.
"""

# MuJoCo's bindings have no types that a checker sees.
# pyright: reportAttributeAccessIssue=false

from dataclasses import dataclass
from functools import cache

import mujoco
import numpy as np
from scipy.spatial import ConvexHull, QhullError

GEOM = mujoco.mjtGeom
CIRCLE = np.stack([np.cos(a := np.linspace(0, 2 * np.pi, 48, endpoint=False)), np.sin(a)], axis=-1)


@dataclass(frozen=True)
class Camera:
    """Looks at the world from the side. Rows are unit vectors in world coordinates.

    Attributes:
        screen: [2, 3], to the right and up.
        depth: [3], away from the viewer.
    """

    screen: np.ndarray
    depth: np.ndarray

    def project(self, points: np.ndarray) -> np.ndarray:
        """Maps world points [*, 3] to the screen [*, 2], in metres."""
        return points @ self.screen.T

    @property
    def sees_ground_from_above(self) -> bool:
        """Whether the ground is an area, and not a line."""
        return bool(abs(self.depth[2]) > 1e-6)


def side_camera(azimuth: float = 0.0, elevation: float = 0.0) -> Camera:
    """Returns a camera that sees x to the right and z up, turned about z and raised, in degrees."""
    turn, rise = np.deg2rad(azimuth), np.deg2rad(elevation)
    right = np.array([np.cos(turn), -np.sin(turn), 0.0])
    ahead = np.array([np.sin(turn), np.cos(turn), 0.0])
    up = np.array([0.0, 0.0, 1.0])
    screen = np.stack([right, np.cos(rise) * up + np.sin(rise) * ahead])
    return Camera(screen, np.cos(rise) * ahead - np.sin(rise) * up)


def camera_for(model: mujoco.MjModel) -> Camera:
    """Returns a pure side view of a planar model, and a raised one of a body that is free in space."""
    free = np.any(model.jnt_type == mujoco.mjtJoint.mjJNT_FREE)
    return side_camera(18.0, 24.0) if free else side_camera()


@dataclass(frozen=True)
class Shape:
    """One geom on the screen.

    Attributes:
        geom: its index in the model.
        outline: [P, 2], a convex polygon on the screen, metres.
        shadow: [P, 3], where light from straight above throws its shadow, on z = 0.
        axis: [2, 2], the ends of its axis on the screen; None unless it is round.
        radius: of a sphere or capsule; 0 for others.
        depth: of its centre.
    """

    geom: int
    outline: np.ndarray
    shadow: np.ndarray
    axis: np.ndarray | None
    radius: float
    depth: float


def shapes(model: mujoco.MjModel, data: mujoco.MjData, camera: Camera) -> list[Shape]:
    """Returns the model's visible geoms as posed in `data`, the farthest first; planes are left out."""
    seen = [geom for geom in range(model.ngeom) if _is_drawn(model, geom)]
    return sorted((_shape(model, data, camera, geom) for geom in seen), key=lambda s: -s.depth)


def capsule_outline(axis: np.ndarray, radius: float) -> np.ndarray:
    """Returns the outline [P, 2] around an axis [2, 2] on the screen."""
    return hull(np.concatenate([end + radius * CIRCLE for end in axis]))


def hull(points: np.ndarray) -> np.ndarray:
    """Returns the convex hull [P, 2] of points [Q, 2], counter-clockwise; of a line, its two ends."""
    try:
        return points[ConvexHull(points).vertices]
    except QhullError:  # fewer than three points, or all in a line
        along = points[:, np.ptp(points, axis=0).argmax()]
        return points[[along.argmin(), along.argmax()]]


def _is_drawn(model: mujoco.MjModel, geom: int) -> bool:
    flat = GEOM(model.geom_type[geom]) in (GEOM.mjGEOM_PLANE, GEOM.mjGEOM_HFIELD)
    # Groups above 2 are what MuJoCo's own viewer hides at first: collision shapes under a mesh.
    return not flat and model.geom_rgba[geom, 3] > 0 and model.geom_group[geom] <= 2


def _shape(model: mujoco.MjModel, data: mujoco.MjData, camera: Camera, geom: int) -> Shape:
    centre, rotation = data.geom_xpos[geom], data.geom_xmat[geom].reshape(3, 3)
    kind, size = GEOM(model.geom_type[geom]), model.geom_size[geom]
    depth = float(camera.depth @ centre)
    if kind in (GEOM.mjGEOM_SPHERE, GEOM.mjGEOM_CAPSULE):
        half = size[1] if kind == GEOM.mjGEOM_CAPSULE else 0.0
        ends = centre + np.array([[-half], [half]]) * rotation[:, 2]
        axis, radius = camera.project(ends), float(size[0])
        shadow = capsule_outline(ends[:, :2], radius)
        return Shape(geom, capsule_outline(axis, radius), _on_ground(shadow), axis, radius, depth)
    points = centre + _surface(model, geom) @ rotation.T
    return Shape(geom, hull(camera.project(points)), _on_ground(hull(points[:, :2])), None, 0.0, depth)


def _on_ground(points: np.ndarray) -> np.ndarray:
    return np.concatenate([points, np.zeros((len(points), 1))], axis=-1)


def _surface(model: mujoco.MjModel, geom: int) -> np.ndarray:
    """Returns points [P, 3] of a geom in its own frame whose hull is the geom's, or close to it."""
    kind, size = GEOM(model.geom_type[geom]), model.geom_size[geom]
    if kind == GEOM.mjGEOM_MESH:
        mesh = model.geom_dataid[geom]
        start = model.mesh_vertadr[mesh]
        return model.mesh_vert[start : start + model.mesh_vertnum[mesh]]
    if kind == GEOM.mjGEOM_BOX:
        corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
        return corners * size
    if kind == GEOM.mjGEOM_CYLINDER:
        rims = [np.column_stack([size[0] * CIRCLE, np.full(len(CIRCLE), z)]) for z in (-size[1], size[1])]
        return np.concatenate(rims)
    return _unit_sphere() * size  # an ellipsoid


@cache
def _unit_sphere() -> np.ndarray:
    angles = np.linspace(-np.pi / 2, np.pi / 2, 13)
    rings = [np.column_stack([np.cos(a) * CIRCLE, np.full(len(CIRCLE), np.sin(a))]) for a in angles]
    return np.concatenate(rings)
