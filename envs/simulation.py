"""The simulator behind every MJX task: loads a model, edits its solver, and advances a small physics state.

What changes from step to step is positions, velocities, activations and the solver's warm start. Everything
else in `mjx.Data` is computed from these at every substep, so the scan carries these few arrays and rebuilds
the rest from a constant template.
"""

# MuJoCo's C bindings come without type stubs.
# pyright: reportAttributeAccessIssue=false

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import mujoco
from flax import struct

from envs.checks import check_choice, check_positive_int
from envs.quiet_mjx import mjx

INTEGRATORS = {
    "euler": mujoco.mjtIntegrator.mjINT_EULER,
    "rk4": mujoco.mjtIntegrator.mjINT_RK4,
}


class Physics(struct.PyTreeNode):
    """What the simulator needs to go on; nothing in it depends on the time since the start."""

    qpos: jax.Array  # [nq] float32, generalised positions: m, rad
    qvel: jax.Array  # [nv] float32, generalised velocities: m/s, rad/s
    warmstart: jax.Array  # [nv] float32, the last constrained acceleration: the solver's first guess
    act: jax.Array | None = None  # [na] float32, actuator activations; None where the model has none
    target: jax.Array | None = (
        None  # [T] float32, where a task's controller wants its body; it stays as it is
    )


class Placed(NamedTuple):
    """Where bodies of the model are that no joint moves; None for the model's own places."""

    mocap_pos: jax.Array | None = None  # [M, 3] m
    mocap_quat: jax.Array | None = None  # [M, 4]
    # MJX moves a mocap body without what hangs on it. One with joints below it is put here.
    body_pos: jax.Array | None = None  # [nbody, 3] m, each from its parent


BeforeSubstep = Callable[[Physics], tuple[Physics, Placed]]
Feedback = Callable[[mjx.Data, Physics], jax.Array]  # -> [nu], from positions and velocities of this substep


class Simulation:
    """A compiled model on MJX, with its control step; immutable, hashed by identity.

    Attributes:
        mj_model: the C MuJoCo model with the same options, for rendering and for checks.
        substeps: simulation steps per control step.
        dt: seconds per control step.
    """

    def __init__(self, mj_model: mujoco.MjModel, substeps: int) -> None:
        self.mj_model = mj_model
        self.substeps = substeps
        self.dt = float(mj_model.opt.timestep) * substeps
        self._model = mjx.put_model(mj_model, impl="jax")
        self._template = mjx.make_data(mj_model, impl="jax")
        low, high = mj_model.actuator_ctrlrange.T
        self._control_centre = jnp.asarray((low + high) / 2, jnp.float32)
        self._control_half_range = jnp.asarray((high - low) / 2, jnp.float32)
        self.initial_qpos = jnp.asarray(mj_model.qpos0, jnp.float32)  # [nq]

    @property
    def action_size(self) -> int:
        return int(self.mj_model.nu)

    def start(self, qpos: jax.Array, qvel: jax.Array) -> Physics:
        """Returns the physics at rest in memory: these positions [nq] and velocities [nv], no warm start."""
        na = int(self.mj_model.na)
        return Physics(
            qpos=qpos,
            qvel=qvel,
            warmstart=jnp.zeros_like(qvel),
            act=jnp.zeros((na,), jnp.float32) if na else None,
        )

    def control(self, action: jax.Array) -> jax.Array:
        """Returns the actuator commands [nu]: `action` clipped to [-1, 1] and scaled to the control range."""
        return self._control_centre + self._control_half_range * jnp.clip(action, -1.0, 1.0)

    def advance(
        self,
        physics: Physics,
        control: jax.Array | Feedback,
        before_substep: BeforeSubstep | None = None,
    ) -> Physics:
        """Makes one control step: `substeps` simulation steps.

        Args:
            physics: where it begins.
            control: the actuator commands [nu], held all along; or what gives them in every substep, between
                the two halves of it, as between C MuJoCo's `mj_step1` and `mj_step2`.
            before_substep: called before each substep; returns the physics to go on from, and where
                bodies are that no joint moves.
        """

        def substep(_: jax.Array, now: Physics) -> Physics:
            now, placed = (now, Placed()) if before_substep is None else before_substep(now)
            model = self._model_with(placed)
            if callable(control):
                data = self._step_with(model, control, now, self._assemble(now, None, placed))
            else:
                data = mjx.step(model, self._assemble(now, control, placed))
            act = None if now.act is None else data.act
            return now.replace(qpos=data.qpos, qvel=data.qvel, warmstart=data.qacc_warmstart, act=act)

        # TensorFloat-32 in the mass matrix or the solver has collapsed policies: full float32 always.
        with jax.default_matmul_precision("highest"):
            # A loop, not unrolled substeps: the compiled program holds the simulation once.
            return jax.lax.fori_loop(0, self.substeps, substep, physics)

    def site_positions(self, qpos: jax.Array, placed: Placed) -> jax.Array:
        """Returns where the model's sites are, [S, 3] m, at the positions `qpos` [nq]."""
        data = _with_mocap(self._template.replace(qpos=qpos), placed)
        with jax.default_matmul_precision("highest"):
            return mjx.kinematics(self._model_with(placed), data).site_xpos

    def _model_with(self, placed: Placed) -> mjx.Model:
        return self._model if placed.body_pos is None else self._model.replace(body_pos=placed.body_pos)

    @staticmethod
    def _step_with(model: mjx.Model, feedback: Feedback, physics: Physics, data: mjx.Data) -> mjx.Data:
        """Makes one Euler step with commands that come from its own positions, velocities and bias forces."""
        data = mjx.fwd_velocity(model, mjx.fwd_position(model, data))
        data = mjx.fwd_actuation(model, data.replace(ctrl=feedback(data, physics)))
        data = mjx.fwd_acceleration(model, data)
        return mjx.euler(model, mjx.solve(model, data))

    def _assemble(self, physics: Physics, control: jax.Array | None, placed: Placed) -> mjx.Data:
        data = self._template.replace(qpos=physics.qpos, qvel=physics.qvel, qacc_warmstart=physics.warmstart)
        if control is not None:
            data = data.replace(ctrl=control)
        data = _with_mocap(data, placed)
        return data if physics.act is None else data.replace(act=physics.act)


def _with_mocap(data: mjx.Data, placed: Placed) -> mjx.Data:
    fields = {"mocap_pos": placed.mocap_pos, "mocap_quat": placed.mocap_quat}
    return data.replace(**{name: leaf for name, leaf in fields.items() if leaf is not None})


def gymnasium_model_path(file_name: str) -> Path:
    """Returns where the installed Gymnasium keeps the model `file_name`.

    Found without importing `gymnasium.envs.mujoco`, which needs a renderer's packages.

    Raises:
        FileNotFoundError: Gymnasium is not installed, or ships no such model.
    """
    spec = importlib.util.find_spec("gymnasium")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"the model {file_name} comes with gymnasium, which is not installed")
    path = Path(spec.origin).parent / "envs" / "mujoco" / "assets" / file_name
    if not path.is_file():
        raise FileNotFoundError(f"the installed gymnasium has no model {file_name}: {path} does not exist")
    return path


def load_model(mjcf: str, *, integrator: str, iterations: int, ls_iterations: int) -> mujoco.MjModel:
    """Compiles the text of an MJCF file and sets its integrator and solver budget; other options stay.

    Args:
        mjcf: the text.
        integrator: a key of `INTEGRATORS`.
        iterations: the constraint solver's iterations per simulation step.
        ls_iterations: line-search iterations per solver iteration.

    Raises:
        ValueError: an option is not one of its choices.
    """
    check_budget(integrator, iterations, ls_iterations)
    return with_budget(_compile(mjcf), integrator, iterations, ls_iterations)


def check_budget(integrator: str, iterations: int, ls_iterations: int) -> None:
    """Raises ValueError unless these can be an integrator and a solver budget."""
    check_choice("integrator", integrator, INTEGRATORS)
    check_positive_int("iterations", iterations)
    check_positive_int("ls_iterations", ls_iterations)


def with_budget(
    model: mujoco.MjModel, integrator: str, iterations: int, ls_iterations: int
) -> mujoco.MjModel:
    """Returns `model`, with its integrator and solver budget set."""
    model.opt.integrator = INTEGRATORS[integrator]
    model.opt.iterations = iterations
    model.opt.ls_iterations = ls_iterations
    return model


def has_steep_capsule_contact(model: mujoco.MjModel, data: mujoco.MjData) -> bool:
    """Returns whether a capsule within 30 degrees of upright touches a plane in C MuJoCo's `data`.

    There MJX turns the friction pyramid to the world's axes, where C MuJoCo turns it to the capsule's, so
    that the two differ by the pyramid's corners. Comparisons leave it out: elsewhere they agree to float32.
    """
    for geoms in data.contact.geom:
        types = model.geom_type[geoms]
        if types[0] == mujoco.mjtGeom.mjGEOM_PLANE and types[1] == mujoco.mjtGeom.mjGEOM_CAPSULE:
            normal, axis = (data.geom_xmat[geom].reshape(3, 3)[:, 2] for geom in geoms)
            if abs(normal @ axis) > 0.84:  # MJX's limit is sqrt(0.75) = 0.866, here with a margin
                return True
    return False


def _compile(mjcf: str) -> mujoco.MjModel:
    # MuJoCo is about to drop the compiler attribute `settotalmass`, and until then logs a warning into a
    # file in the working directory; its own replacement for it gives the same model.
    total_mass = re.search(r'\ssettotalmass="([^"]+)"', mjcf)
    if total_mass is None:
        return mujoco.MjModel.from_xml_string(mjcf)
    model = mujoco.MjModel.from_xml_string(mjcf.replace(total_mass.group(0), ""))
    mujoco.mj_setTotalmass(model, float(total_mass.group(1)))
    mujoco.mj_setConst(model, mujoco.MjData(model))
    return model
