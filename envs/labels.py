"""Names and units of what is observed and of what an action does, read from a model.

A policy that leaves this project needs them: another program must give it the same numbers in the same order.
"""

# MuJoCo's C bindings come without type stubs.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Iterator

import mujoco

XYZ = ("x", "y", "z")
FREE, SLIDE = mujoco.mjtJoint.mjJNT_FREE, mujoco.mjtJoint.mjJNT_SLIDE


def position_labels(model: mujoco.MjModel) -> tuple[str, ...]:
    """Returns the names of the generalised positions [nq], such as "hip_1 (rad)"."""
    names: list[str] = []
    for joint, kind in _joints(model):
        if kind == FREE:
            names += [f"{joint} {axis} (m)" for axis in XYZ]
            names += [f"{joint} quaternion {part}" for part in ("w", *XYZ)]
        else:
            names.append(f"{joint} ({'m' if kind == SLIDE else 'rad'})")
    return tuple(names)


def velocity_labels(model: mujoco.MjModel) -> tuple[str, ...]:
    """Returns the names of the generalised velocities [nv], such as "hip_1 velocity (rad/s)"."""
    names: list[str] = []
    for joint, kind in _joints(model):
        if kind == FREE:
            names += [f"{joint} velocity {axis} (m/s)" for axis in XYZ]
            names += [f"{joint} angular velocity {axis}, in its own frame (rad/s)" for axis in XYZ]
        else:
            names.append(f"{joint} velocity ({'m/s' if kind == SLIDE else 'rad/s'})")
    return tuple(names)


def motor_labels(model: mujoco.MjModel) -> tuple[str, ...]:
    """Returns what an action of 1 does at each motor [nu], such as "hip_4: 150 N m"."""
    names: list[str] = []
    for motor in range(model.nu):
        joint = model.joint(int(model.actuator_trnid[motor, 0]))
        unit = "N" if joint.type[0] == SLIDE else "N m"
        most = model.actuator_gear[motor, 0] * model.actuator_ctrlrange[motor, 1]
        names.append(f"{joint.name}: {most:g} {unit}")
    return tuple(names)


def amount(metres: float, radians: float, axis: str) -> str:
    """Returns a length, or along "yaw" an angle, with its unit."""
    return f"{radians:g} rad" if axis == "yaw" else f"{metres:g} m"


def _joints(model: mujoco.MjModel) -> Iterator[tuple[str, int]]:
    for index in range(model.njnt):
        joint = model.joint(index)
        yield joint.name, int(joint.type[0])
