"""The motion that opens the Adroit door: poses of the hand about the handle, one after another."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pose:
    """Where the hand is told to be at one time. Between two poses it is told what lies between.

    Motors are springs, so what is told beyond a contact presses.

    Attributes:
        at: control steps since the episode began.
        palm: from where the handle of the closed door is, m.
        roll: of the arm about its own axis, rad.
        wrist: sideways and up, rad.
        knuckles: how far the four fingers bend where they begin, rad.
        fingers: how far their two other joints bend, rad.
        thumb_across: how far the thumb lies across the palm, rad.
        thumb_bent: how far its last joint bends, rad.
    """

    at: int
    palm: tuple[float, float, float]
    roll: float
    wrist: tuple[float, float]
    knuckles: float
    fingers: float
    thumb_across: float
    thumb_bent: float


POSES = (
    Pose(35, (0.06, -0.25, 0.22), 1.18, (0.17, 0.35), 0.85, 0.16, -0.01, 0.93),
    Pose(60, (0.01, 0.07, 0.15), -0.06, (0.08, 0.52), 0.77, 1.48, 0.44, 0.0),
    Pose(85, (0.07, -0.01, -0.1), -0.17, (0.18, 0.47), 0.95, 1.0, 1.0, 0.0),
    Pose(115, (-0.17, 0.08, -0.22), 0.86, (0.18, 0.61), 1.6, 0.0, -1.0, 0.91),
    Pose(145, (-0.04, -0.87, -0.21), 0.13, (0.18, 0.61), 1.6, 1.46, 0.4, 0.0),
    Pose(175, (0.35, -0.78, -0.19), -0.55, (0.18, 0.0), 1.6, 1.04, -0.36, 1.57),
    Pose(200, (0.2, -0.21, -0.11), 0.45, (-0.12, -0.1), 1.56, 1.11, 0.33, 0.08),
)
