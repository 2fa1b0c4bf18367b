"""Renders frames through OpenGL; run as a program of its own, because a broken driver may kill its process.

    python gl_worker.py JOB_FOLDER [FRAMES]

The folder holds `model.mjb` and `job.npz` (qpos [F, nq], lookat [F, 3], and the camera); frames [F, H, W, 3]
are written to `frames.npy`. Imports nothing of ours, so that it starts fast and can be copied anywhere.
"""

# MuJoCo's bindings have no types that a checker sees.
# pyright: reportAttributeAccessIssue=false

import sys
from pathlib import Path

import mujoco
import numpy as np


def render(folder: Path, limit: int | None) -> None:
    """Renders the job in `folder`, its first `limit` frames or all."""
    model = mujoco.MjModel.from_binary_path(str(folder / "model.mjb"))
    data = mujoco.MjData(model)
    with np.load(folder / "job.npz") as job:
        qpos, lookat = job["qpos"][:limit], job["lookat"][:limit]
        azimuth, elevation, distance = (float(job[name]) for name in ("azimuth", "elevation", "distance"))
        height, width = int(job["height"]), int(job["width"])
    model.vis.global_.offheight, model.vis.global_.offwidth = height, width
    camera = mujoco.MjvCamera()
    camera.azimuth, camera.elevation, camera.distance = azimuth, elevation, distance
    shape = (len(qpos), height, width, 3)
    frames = np.lib.format.open_memmap(folder / "frames.npy", mode="w+", dtype=np.uint8, shape=shape)
    with mujoco.Renderer(model, height, width) as renderer:
        for index in range(len(qpos)):
            data.qpos[:] = qpos[index]
            mujoco.mj_forward(model, data)
            camera.lookat[:] = lookat[index]
            renderer.update_scene(data, camera)
            frames[index] = renderer.render()
    frames.flush()


if __name__ == "__main__":
    render(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
