"""A picture of an insertion that needs no OpenGL: the peg and the plate cut open, at moments in a row."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from envs.base import Environment, EnvState
from envs.insertion import InsertionTask
from envs.insertion_models import PEG_LENGTH, PLATE_THICKNESS
from envs.programs import jitted
from wsrl_mjx.data.rollout import Act
from wsrl_mjx.types import Key

MOMENTS = 7
CM = 100.0  # a metre
REACH, TOP = 7.0, 16.0  # cm, how much a panel shows at the least
PEG, PLATE, WAY, TOLD = "#d9822b", "#9aa0a6", "#1f5fa8", "#b3202c"


@dataclass(frozen=True)
class Insertion:
    """One episode.

    Attributes:
        tips: [T + 1, 3] m, where the peg's tip was, from the middle of the hole.
        told: [T + 1, 3] m, where it was told to go.
        success: whether it went in.
        dt: seconds per step.
    """

    tips: np.ndarray
    told: np.ndarray
    success: bool
    dt: float

    @property
    def steps(self) -> int:
        """Length of the episode."""
        return len(self.tips) - 1

    @property
    def summary(self) -> str:
        """How it went, in one line."""
        how = "went in after" if self.success else "did not go in within"
        return f"{how} {self.steps} steps, {self.steps * self.dt:.2f} s"


def task_of(env: Environment) -> InsertionTask | None:
    """Returns the task of a peg insertion; None for any other world."""
    task: Any = getattr(env, "task", None)
    return task if isinstance(task, InsertionTask) else None


def record(env: Environment, task: InsertionTask, act: Act, key: Key) -> Insertion:
    """Plays one episode of `act` in `env`, whose task is `task`, and returns it."""

    def play(key: Key) -> tuple[tuple[jax.Array, jax.Array], EnvState]:
        key_reset, key_run = jax.random.split(key)
        start = env.reset(key_reset)

        def body(state: EnvState, key: Key) -> tuple[EnvState, EnvState]:
            stepped = env.step(state, act(state.obs[None], key)[0])
            return stepped, stepped

        _, steps = jax.lax.scan(body, start, jax.random.split(key_run, env.time_limit))
        hole = jnp.append(start.context.position, 0.0)
        seen = task.seen(jnp.concatenate([start.obs[None], steps.final_obs]))
        tips = seen["position"][:, :3] - hole
        return (tips, tips + seen["error"][:, :3]), steps

    (tips, told), steps = jax.device_get(jitted(env, play)(key))
    last = int(np.argmax(steps.terminated | steps.truncated | ~steps.valid))
    return Insertion(tips[: last + 2], told[: last + 2], bool(steps.terminated[last]), task.simulation.dt)


def draw(insertion: Insertion, task: InsertionTask, title: str) -> Figure:
    """Returns moments of the episode from left to right, cut along x above and along y below."""
    moments = np.unique(np.linspace(0, insertion.steps, MOMENTS).round().astype(int))
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(1.75 * MOMENTS, 6.0), layout="compressed")
        panels = figure.subplots(2, MOMENTS, squeeze=False)
        for axis, line in enumerate(panels):
            for axes, moment in zip(line, moments, strict=False):
                draw_moment(axes, insertion, task, axis, int(moment))
                if axis == 0:
                    axes.set_title(f"{moment * insertion.dt:.2f} s", fontsize=9)
            for axes in line[len(moments) :]:
                axes.set_axis_off()
            line[0].set_ylabel(f"cut along {'xy'[axis]}; height, cm")
            for axes in line[1:]:
                axes.set_yticklabels([])
        figure.suptitle(f"{title}: {insertion.summary}", fontsize=11)
    return figure


def draw_moment(axes: Axes, insertion: Insertion, task: InsertionTask, axis: int, moment: int) -> None:
    """Draws the peg and the plate at the step `moment`, cut along x or y (axis 0 or 1)."""
    tips, told = CM * insertion.tips[: moment + 1], CM * insertion.told[moment]
    radius, hole, thick = CM * task.radius, CM * (task.radius + task.clearance), CM * PLATE_THICKNESS
    reach = max(REACH, CM * np.abs(insertion.tips[:, :2]).max() + radius + 0.5)
    top = max(TOP, CM * (insertion.tips[:, 2].max() + PEG_LENGTH) + 0.5)
    for left, width in ((-2 * reach, 2 * reach - hole), (hole, 2 * reach)):
        axes.add_patch(Rectangle((left, -thick), width, thick, color=PLATE, linewidth=0))
    x, z = tips[-1, axis], tips[-1, 2]
    if task.peg == "round":
        axes.add_patch(Circle((x, z + radius), radius, color=PEG, linewidth=0))
        axes.add_patch(Rectangle((x - radius, z + radius), 2 * radius, CM * PEG_LENGTH - radius, color=PEG))
    else:
        axes.add_patch(Rectangle((x - radius, z), 2 * radius, CM * PEG_LENGTH, color=PEG))
    axes.plot(tips[:, axis], tips[:, 2], color=WAY, linewidth=1.2)
    axes.plot(told[axis], told[2], marker="+", color=TOLD, markersize=7)
    axes.set(xlim=(-reach, reach), ylim=(-thick, top), aspect="equal")
    axes.tick_params(labelsize=7)
