"""The Adroit hand's models for MJX: those of Gymnasium-Robotics, edited when they are loaded.

What is left of a model moves as it did: bodies, joints, motors and their numbers stay. Meshes, sensors and
what is only looked at go. A cylinder becomes a capsule of its radius and length, because MJX has no contact
between a cylinder and a box. What touches what is said here, by name.
"""

# MuJoCo's C bindings come without type stubs.
# pyright: reportAttributeAccessIssue=false

import importlib.util
from pathlib import Path

import mujoco

PACKAGE = "gymnasium_robotics"
FILES = ("adroit_door.xml", "adroit_model.xml", "adroit_assets.xml")  # the door's; it includes the others
COUPLINGS = ("T_FFJ1c", "T_MFJ1c", "T_RFJ1c", "T_LFJ1c")  # a finger's two last joints bend together
CONTACTS = 12
SITES = ("S_grasp", "S_handle")
# Gymnasium-Robotics sets these gains in code: N m/rad of the wrist and of the fingers.
WRIST, FINGERS = ("A_WRJ1", "A_WRJ0"), ("A_FFJ3", "A_THJ0")  # the first and the last motor
WRIST_GAIN, FINGER_GAIN = 10.0, 1.0
# Bits of contype and conaffinity: two geoms touch where one has a bit that the other looks for.
HAND, BOLT, PALM = 1, 2, 4
DOOR_PARTS = ("post_hinge", "post", "panel", "edge_hinge", "edge", "knob", "handle", "bolt")
TOUCHED_BY = {
    "table": HAND,
    "panel": HAND,
    "edge": HAND | PALM,
    "knob": HAND | PALM,
    "handle": HAND | PALM,
    "post": HAND | BOLT,
}
SKIN, WOOD, METAL = (0.85, 0.65, 0.5, 1.0), (0.55, 0.38, 0.22, 1.0), (0.75, 0.75, 0.78, 1.0)


def adroit_assets() -> Path:
    """Returns the folder of the hand's models in the installed Gymnasium-Robotics, which is not imported.

    Raises:
        ValueError: it is not installed, or has no such models.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ValueError(
            "the Adroit hand's models come with gymnasium-robotics, which is not installed: "
            "pip install 'wsrl_mjx[hand]'"
        )
    folder = Path(spec.origin).parent / "envs" / "assets" / "adroit_hand"
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise ValueError(f"the installed gymnasium-robotics has no model {missing[0]}: {folder} lacks it")
    return folder


def door_text() -> str:
    """Returns what fixes the door's model: the package's files, and what is done to them."""
    edits = (COUPLINGS, WRIST_GAIN, FINGER_GAIN, sorted(TOUCHED_BY.items()), "capsules 1")
    return "\n".join([*((adroit_assets() / name).read_text() for name in FILES), repr(edits)])


def door_model(contacts: int = CONTACTS) -> mujoco.MjModel:
    """Returns the hand before a door.

    The original's reset writes the place of the body "frame" into the model. Here it is data, so that one
    model serves all episodes.

    Args:
        contacts: how many contact points of each kind MJX keeps, the deepest ones; C MuJoCo keeps all. The
            kinds are a finger on a finger, a fingertip on a thing, any other part on a thing.

    Raises:
        ValueError: see `adroit_assets`.
    """
    spec = mujoco.MjSpec.from_file(str(adroit_assets() / FILES[0]))
    _strip(spec)
    _set_gains(spec)
    spec.body("table").first_geom().name = "table"
    parts = [geom for name in ("frame", "door", "latch") for geom in spec.body(name).geoms]
    for geom, name in zip(parts, DOOR_PARTS, strict=True):
        geom.name = name
        geom.rgba = METAL if name in ("knob", "handle", "bolt") else WOOD
    for geom in spec.geoms:
        _round(geom)
        _set_contacts(geom)
    spec.option.noslip_iterations = 0  # MJX has none
    limit = spec.add_numeric(name="max_contact_points", size=1)
    limit.data = [contacts]
    return spec.compile()


def _strip(spec: mujoco.MjSpec) -> None:
    """Deletes what does not move anything."""
    spec.delete(spec.body("vive_tracker"))
    hand = spec.body("forearm")
    hand_bodies = [hand, *hand.find_all("body")]
    drop = [geom for body in hand_bodies for geom in body.geoms if not geom.name.startswith("C_")]
    drop += [geom for geom in spec.body("table").geoms if not geom.conaffinity]
    drop.append(spec.geom("ground"))
    for geom in drop:
        spec.delete(geom)
    for sensor in list(spec.sensors):
        spec.delete(sensor)
    for site in [site for site in spec.sites if site.name not in SITES]:
        spec.delete(site)
    for tendon in [tendon for tendon in spec.tendons if tendon.name not in COUPLINGS]:
        spec.delete(tendon)
    for geom in spec.geoms:
        geom.material = ""
    for asset in [*spec.meshes, *spec.materials, *spec.textures]:
        spec.delete(asset)


def _set_gains(spec: mujoco.MjSpec) -> None:
    """Makes the motors springs of the stiffness that Gymnasium-Robotics gives them."""
    names = [motor.name for motor in spec.actuators]
    for (first, last), gain in ((WRIST, WRIST_GAIN), (FINGERS, FINGER_GAIN)):
        for motor in spec.actuators[names.index(first) : names.index(last) + 1]:
            motor.gainprm[:3] = (gain, 0.0, 0.0)
            motor.biasprm[:3] = (0.0, -gain, 0.0)


def _round(geom: mujoco.MjsGeom) -> None:
    """Makes a cylinder a capsule of the same radius and length."""
    if geom.type == mujoco.mjtGeom.mjGEOM_CYLINDER:
        geom.type = mujoco.mjtGeom.mjGEOM_CAPSULE
        geom.size[1] -= geom.size[0]


def _set_contacts(geom: mujoco.MjsGeom) -> None:
    """Says what a geom touches: the hand's parts the door's and the table, and the bolt the post.

    What the hand's parts touch of each other is in the model's own pairs.
    """
    geom.group = 0
    if geom.name.startswith("C_"):
        geom.rgba = SKIN
        boxy = geom.type == mujoco.mjtGeom.mjGEOM_BOX
        geom.contype, geom.conaffinity = (PALM if boxy else HAND), 0
    else:
        geom.contype, geom.conaffinity = (BOLT if geom.name == "bolt" else 0), TOUCHED_BY.get(geom.name, 0)
