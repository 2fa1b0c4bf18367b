"""A policy in MuJoCo's own window, stepped by C MuJoCo at real time: `mujoco.viewer.launch_passive`."""

# MuJoCo's bindings have no types that a checker sees.
# pyright: reportAttributeAccessIssue=false

import sys
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from envs.base import EnvState
from envs.episode import Episodes
from envs.in_mujoco import SimulationInMuJoCo
from envs.insertion import InsertionTask
from envs.maze import Maze
from envs.maze_task import MazeTask
from envs.programs import jitted
from wsrl_mjx.data.rollout import Controller, reset
from wsrl_mjx.types import Key

PAUSE = 0.7  # s, after an episode's last step
WALL_HEIGHT = 0.25  # of a cell: low, so that what is behind a wall is seen
WALL_COLOUR, GOAL_COLOUR = (0.6, 0.4, 0.3, 1.0), (0.2, 0.8, 0.3, 0.6)


class Window(Protocol):
    """What is used of `mujoco.viewer.Handle`."""

    @property
    def cam(self) -> Any:
        """The camera, a `mujoco.MjvCamera`."""
        ...

    @property
    def user_scn(self) -> Any:
        """What is shown besides the model, a `mujoco.MjvScene`."""
        ...

    def is_running(self) -> bool:
        """Whether it has not been closed."""
        ...

    def sync(self) -> None:
        """Shows the data as it is now."""
        ...

    def lock(self) -> AbstractContextManager[Any]:
        """Keeps it from drawing while its camera or scene is changed."""
        ...


class Episode(NamedTuple):
    """What came of an episode."""

    steps: int
    total: float  # the task's own reward, undiscounted
    ending: str  # "terminated", "time limit" or "non-finite"


OnEnd = Callable[[Episode], None]


class Clock(NamedTuple):
    """The time that passes outside."""

    now: Callable[[], float] = time.perf_counter
    sleep: Callable[[float], None] = time.sleep


class NoWindowError(Exception):
    """No window can be opened here; the message says why."""


def check_window() -> None:
    """Raises NoWindowError where no window with OpenGL can be opened."""
    if sys.platform == "darwin":
        return  # there a window may be opened by the first thread alone, and MuJoCo's viewer says so
    import glfw  # comes with mujoco

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the answer says it
        if not glfw.init():
            raise NoWindowError("there is no display here")
        glfw.window_hint(glfw.VISIBLE, glfw.FALSE)
        hidden = glfw.create_window(16, 16, "", None, None)
        glfw.terminate()
    if not hidden:
        raise NoWindowError("the display here has no OpenGL")


def launch(env: Episodes) -> Any:
    """Opens MuJoCo's window on the world `env` of `in_mujoco`.

    Raises:
        NoWindowError: on macOS, where another program must start it.
    """
    import mujoco.viewer  # it takes a moment

    simulation = simulation_of(env)
    model = simulation.mj_model
    if isinstance(env.task, MazeTask):  # its three walls follow the body; `show` puts up all there are
        model.geom_rgba[model.body_mocapid[model.geom_bodyid] >= 0, 3] = 0.0
    try:
        return mujoco.viewer.launch_passive(model, simulation.data, show_left_ui=False, show_right_ui=False)
    except RuntimeError as error:
        raise NoWindowError(str(error)) from None


def simulation_of(env: Episodes) -> SimulationInMuJoCo:
    """Returns what steps the world `env` of `in_mujoco`."""
    task: Any = env.task
    assert isinstance(task.simulation, SimulationInMuJoCo)
    return task.simulation


def show(
    env: Episodes,
    player: Controller,
    key: Key,
    window: Window,
    on_end: OnEnd,
    clock: Clock | None = None,
) -> float:
    """Plays episode after episode until the window is closed.

    What is stepped is the data that the window shows, so a body that is pulled at with the mouse is pulled.

    Args:
        env: a world of `in_mujoco`.
        player: who acts.
        key: of starts and actions.
        window: on the simulation's model and data.
        on_end: called with every episode that ends.
        clock: the time outside; None for this machine's.

    Returns:
        Seconds shown a second: 1 where the computer is quick enough.
    """
    clock, simulation = clock or Clock(), simulation_of(env)
    key_reset, key_memory, key_run = jax.random.split(key, 3)
    state = jax.jit(lambda key: reset(env, key, 1))(key_reset)
    memory = player.begin(key_memory, 1)

    def step(memory: Any, state: EnvState, key: Key) -> tuple[Any, EnvState]:
        key_recall, key_act = jax.random.split(key)
        memory = player.recall(memory, state, key_recall)
        return memory, jax.vmap(env.step)(state, player.act(memory, state.obs, key_act))

    _pose(simulation, state)
    _prepare(window, env, state)
    window.sync()
    compiled = jitted(env, step).lower(memory, state, key_run).compile()
    begun = due = clock.now()
    shown, steps = 0.0, 0
    while window.is_running():
        memory, state = compiled(memory, state, jax.random.fold_in(key_run, steps))
        episode = _ended(state)  # it waits for the step
        steps, shown = steps + 1, shown + simulation.dt
        due = _in_time(window, clock, due + simulation.dt)
        if episode is not None:
            on_end(episode)
            due, shown = _in_time(window, clock, due + PAUSE), shown + PAUSE
            _pose(simulation, state)
            window.sync()
    return shown / max(clock.now() - begun, 1e-9)


def _ended(state: EnvState) -> Episode | None:
    """Returns the episode that the last step of the only environment ended."""
    endings = {"terminated": state.terminated, "time limit": state.truncated, "non-finite": ~state.valid}
    happened = [name for name, yes in jax.device_get(endings).items() if yes[0]]
    if not happened:
        return None
    total, length = (float(state.metrics[name][0]) for name in ("episode_return", "episode_length"))
    return Episode(int(length), total, happened[0])


def _in_time(window: Window, clock: Clock, due: float) -> float:
    """Shows what there is at the time that is due, or at once where it is late; returns when that was."""
    ahead = due - clock.now()
    if ahead > 0.0:
        clock.sleep(ahead)
    window.sync()
    return due if ahead > 0.0 else clock.now()


def _pose(simulation: SimulationInMuJoCo, state: EnvState) -> None:
    """Puts the body of the only environment where the state has it."""
    data = simulation.data
    data.qpos[:], data.qvel[:] = np.asarray(state.physics.qpos[0]), np.asarray(state.physics.qvel[0])
    data.xfrc_applied[:] = 0.0
    mujoco.mj_forward(simulation.mj_model, data)


def _prepare(window: Window, env: Episodes, state: EnvState) -> None:
    """Lets the camera follow what moves, and puts up a maze's walls."""
    model = simulation_of(env).mj_model
    with window.lock():
        if not isinstance(env.task, InsertionTask):
            window.cam.type = mujoco.mjtCamera.mjCAMERA_TRACKING
            window.cam.trackbodyid = int(model.jnt_bodyid[0])
        if isinstance(state.context, Maze):
            window.cam.distance, window.cam.elevation = 5.0 * state.context.cell_size, -60.0
            maze: Maze = jax.tree.map(lambda leaf: leaf[0], state.context)
            _put_up(window.user_scn, maze)


def _put_up(scene: Any, maze: Maze) -> None:
    """Adds a box for every wall of a maze, and a disc where its goal is."""
    cells = np.argwhere(np.asarray(maze.walls))
    half, height = maze.cell_size / 2, WALL_HEIGHT * maze.cell_size / 2
    for x, y in np.asarray(maze.centre(jnp.asarray(cells))):
        _add(scene, mujoco.mjtGeom.mjGEOM_BOX, (half, half, height), (x, y, height), WALL_COLOUR)
    x, y = np.asarray(maze.goal)
    disc = (half / 2, 0.01 * maze.cell_size, 0.0)  # radius, half its height
    _add(scene, mujoco.mjtGeom.mjGEOM_CYLINDER, disc, (x, y, disc[1]), GOAL_COLOUR)


def _add(scene: Any, kind: Any, size: Any, place: Any, colour: Any) -> None:
    if scene.ngeom < scene.maxgeom:
        mujoco.mjv_initGeom(scene.geoms[scene.ngeom], kind, size, place, np.eye(3).ravel(), colour)
        scene.ngeom += 1
