"""Draws the Adroit hand opening the door, by its script in C MuJoCo: `docs/images/adroit_door.png`.

python docs/make_door_picture.py
"""

# MuJoCo's bindings have no types that a checker sees.
# pyright: reportAttributeAccessIssue=false

from pathlib import Path

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

import envs
from envs.base import EnvState
from envs.in_mujoco import in_mujoco
from wsrl_mjx.data import opening
from wsrl_mjx.rendering.projection import Shape, shapes, side_camera

IMAGE = Path(__file__).parent / "images" / "adroit_door.png"
MOMENTS = (0, 70, 112, 150, 190)  # control steps
CAMERA = side_camera(azimuth=-35.0, elevation=30.0)


def main() -> None:
    """Plays one episode and writes the picture."""
    model, dt, path = play()
    data = mujoco.MjData(model)
    figure = Figure(figsize=(10.0, 2.6))
    rows = figure.subplots(1, len(MOMENTS), sharex=True, sharey=True)
    figure.subplots_adjust(wspace=0.0, left=0.0, right=1.0, bottom=0.0, top=0.9)
    for axes, moment in zip(rows, MOMENTS, strict=True):
        data.qpos[:] = path[moment]
        mujoco.mj_kinematics(model, data)
        seen = [shape for shape in shapes(model, data, CAMERA) if model.geom(shape.geom).name != "table"]
        axes.add_collection(drawn(model, seen))
        axes.autoscale_view()
        axes.set_title(f"{moment * dt:.2f} s")
        axes.set_aspect("equal")
        axes.set_axis_off()
    figure.savefig(IMAGE, dpi=120)


def play() -> tuple[mujoco.MjModel, float, np.ndarray]:
    """Returns the model with the frame in its place, the control step in s, and positions [T, 30]."""
    world = in_mujoco(envs.make("adroit-door")).task
    opener = opening.opener(world, opening.Script(error=0.0, noise=0.0))
    key = jax.random.key(0)
    begun = jax.jit(world.reset)(key)
    first = jax.tree.map(lambda leaf: leaf[None], begun)
    memory = opener.recall(opener.begin(key, 1), first, key)

    def on(state: EnvState, step: jax.Array) -> tuple[EnvState, jax.Array]:
        action = opener.act(memory.replace(steps=step[None]), state.obs[None], key)[0]
        return world.step(state, action), state.physics.qpos

    path = jax.jit(lambda state: jax.lax.scan(on, state, jnp.arange(world.time_limit))[1])(begun)
    model = world.simulation.mj_model
    model.body_pos[:] = world.placed(begun.context).body_pos
    return model, world.simulation.dt, np.asarray(path)


def drawn(model: mujoco.MjModel, seen: list[Shape]) -> PolyCollection:
    """Returns the outlines of geoms in their own colours."""
    colors = np.array([model.geom_rgba[shape.geom, :3] for shape in seen])
    outlines = [shape.outline for shape in seen]
    return PolyCollection(outlines, facecolors=colors, edgecolors=0.6 * colors, linewidths=0.6)


if __name__ == "__main__":
    main()
