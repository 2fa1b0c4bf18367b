"""MJCF of what every peg insertion has: a plate with a hole, and a peg."""

EDGE = 0.25  # of the radius: how much a square peg's edges are rounded
PEG_LENGTH = 0.08  # m
PLATE_HALF_SIDE = 0.2  # m
PLATE_THICKNESS = 0.06  # m; its top is at z = 0


def plate_text(hole: float, friction: float) -> str:
    """Returns the MJCF of a plate of four boxes around a hole of twice `hole` metres, as a mocap body."""
    across, middle = (PLATE_HALF_SIDE - hole) / 2, (PLATE_HALF_SIDE + hole) / 2
    half, z = PLATE_THICKNESS / 2, -PLATE_THICKNESS / 2
    boxes = (
        (f"{middle} 0 {z}", f"{across} {PLATE_HALF_SIDE} {half}"),
        (f"{-middle} 0 {z}", f"{across} {PLATE_HALF_SIDE} {half}"),
        (f"0 {middle} {z}", f"{hole} {across} {half}"),
        (f"0 {-middle} {z}", f"{hole} {across} {half}"),
    )
    geoms = "\n".join(
        f'      <geom name="plate_{index}" type="box" pos="{pos}" size="{size}" contype="0" conaffinity="1" '
        f'friction="{friction} 0.005 0.0001" condim="3" solref="0.01 1" rgba="0.62 0.64 0.68 1"/>'
        for index, (pos, size) in enumerate(boxes)
    )
    return f'    <body name="plate" mocap="true">\n{geoms}\n    </body>'


def peg_text(
    peg: str, size: float, friction: float, tip: float = 0.0, up: float = 1.0, mass: float = 0.0
) -> str:
    """Returns the MJCF of a peg along its body's z.

    A square peg is its four edges: nothing else of it can touch the walls of a square hole.

    Args:
        peg: round or square.
        size: m, its radius, or half its side.
        friction: with the plate.
        tip: m, where its tip is.
        up: 1 or -1, which way along z the rest of it is.
        mass: kg.
    """
    if peg == "round":
        corners, radius = [(0.0, 0.0)], size
    else:
        radius, side = EDGE * size, (1 - EDGE) * size
        corners = [(x, y) for x in (-side, side) for y in (-side, side)]
    low, high = tip + up * radius, tip + up * (PEG_LENGTH - radius)
    shape = (
        f'contype="1" conaffinity="0" condim="3" mass="{mass / len(corners)}" '
        f'friction="{friction} 0.005 0.0001" rgba="0.85 0.45 0.1 1"'
    )
    return "\n".join(
        f'<geom name="peg_{i}" type="capsule" fromto="{x} {y} {low} {x} {y} {high}" size="{radius}" {shape}/>'
        for i, (x, y) in enumerate(corners)
    )
