"""A video of an episode through MuJoCo's renderer, where there is an OpenGL driver, as mp4 or gif."""

# MuJoCo's bindings have no types that a checker sees.
# pyright: reportAttributeAccessIssue=false

import importlib.util
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import mujoco
import numpy as np
from PIL import Image, ImageDraw

from wsrl_mjx.rendering import gl_worker, panel, strip
from wsrl_mjx.rendering.projection import camera_for
from wsrl_mjx.rendering.recording import Recording

FRAME_RATE = 50.0  # frames a second at most; a slower control rate shows each step
PROBE_SECONDS = 120.0  # for the first frame
HEIGHT, WIDTH = 480, 640


class NoDriverError(Exception):
    """No OpenGL backend could render; the message says what each of them answered."""


def can_write_mp4() -> bool:
    """Returns whether the packages that write mp4 are installed (`pip install 'wsrl_mjx[video]'`)."""
    return all(importlib.util.find_spec(name) is not None for name in ("imageio", "imageio_ffmpeg"))


def write(recording: Recording, path: Path, seconds: float) -> None:
    """Renders the episode, its first `seconds` at most, at real speed, to `path`: an .mp4 or a .gif.

    Raises:
        NoDriverError: nothing here can render.
    """
    recording = recording.first(seconds)
    every = max(1, math.ceil(1.0 / (FRAME_RATE * recording.dt) - 1e-6))
    centres = strip.centre_path(recording)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_job(folder, recording, centres, every)
        _render(folder)
        frames = np.load(folder / "frames.npy", mmap_mode="r")
        way = centres[::every, 0] - centres[0, 0]
        images = (
            _stamped(frame, f"{index * every * recording.dt:.2f} s   {way[index]:+.2f} m")
            for index, frame in enumerate(frames)
        )
        _encode(images, path, every * recording.dt, len(frames))


def _write_job(folder: Path, recording: Recording, centres: np.ndarray, every: int) -> None:
    """Writes what the worker renders: every n-th pose, and a camera that follows the body along x and y."""
    model, data, camera = recording.model, mujoco.MjData(recording.model), camera_for(recording.model)
    some = recording.qpos[strip.whole_episode(recording.steps)]
    window = panel.window_for([panel.pose(model, data, qpos, camera) for qpos in some], camera)
    tall = max(window.below + window.above, 2 * window.half_width * HEIGHT / WIDTH)
    middle = 0.5 * (window.above - window.below)
    lookat = np.column_stack([centres[:, :2], np.full(len(centres), middle)])
    turn, rise = np.arctan2(camera.depth[1], camera.depth[0]), np.arcsin(camera.depth[2])
    mujoco.mj_saveModel(model, str(folder / "model.mjb"), None)
    np.savez(
        folder / "job.npz",
        qpos=recording.qpos[::every],
        lookat=lookat[::every],
        azimuth=np.rad2deg(turn),
        # A pure side view would see the ground as a line: MuJoCo's looks better from slightly above.
        elevation=min(np.rad2deg(rise), -8.0),
        distance=0.5 * tall / np.tan(np.deg2rad(0.5 * model.vis.global_.fovy)) * 1.15,
        height=HEIGHT,
        width=WIDTH,
    )


def _render(folder: Path) -> None:
    """Runs the worker with one OpenGL backend after another until one can render."""
    answers: list[str] = []
    for backend in _backends():
        # One frame first: a driver that hangs is found out soon, and a slow one is given the time it needs.
        problem = _run_worker(folder, backend, frames=1, limit=PROBE_SECONDS)
        problem = problem or _run_worker(folder, backend, frames=None, limit=None)
        if problem is None:
            return
        answers.append(f"{backend or 'default'}: {problem}")
    raise NoDriverError("; ".join(answers))


def _run_worker(folder: Path, backend: str | None, frames: int | None, limit: float | None) -> str | None:
    """Renders the first `frames` of the job, or all, in another process; returns what went wrong."""
    choice = {"MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend} if backend else {}
    command = [sys.executable, "-P", gl_worker.__file__, str(folder), *([str(frames)] if frames else [])]
    try:
        done = subprocess.run(
            command, env=os.environ | choice, capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no frame in {limit:.0f} s"
    said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return said[-1][:120] if done.returncode else None


def _backends() -> tuple[str | None, ...]:
    """Returns the backends to try: the user's choice alone, or those that need no window; None: MuJoCo's."""
    if chosen := os.environ.get("MUJOCO_GL"):
        return (chosen,)
    return ("egl", "osmesa") if sys.platform == "linux" else (None,)


def _stamped(frame: np.ndarray, text: str) -> Image.Image:
    image = Image.fromarray(np.asarray(frame))
    ImageDraw.Draw(image).text(
        (14, 12), text, fill="white", stroke_width=2, stroke_fill="black", font_size=20
    )
    return image


def _encode(images: Iterator[Image.Image], path: Path, frame_seconds: float, count: int) -> None:
    if path.suffix == ".mp4":
        import imageio.v2 as imageio  # an extra, not installed everywhere

        with imageio.get_writer(path, fps=1.0 / frame_seconds, macro_block_size=1) as writer:
            for image in images:
                writer.append_data(np.asarray(image))
        return
    # A gif counts time in hundredths of a second: whole ones for each frame that add up to the true time.
    ticks = np.diff(np.round(np.arange(count + 1) * frame_seconds * 100).astype(int))
    small = (image.resize((WIDTH // 2, HEIGHT // 2)).quantize(64) for image in images)
    first = next(small)
    first.save(path, save_all=True, append_images=small, duration=(10 * ticks).tolist(), loop=0)
