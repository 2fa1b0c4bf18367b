"""A world whose physics C MuJoCo steps, with as many solver iterations as it needs: to check a policy in.

Only the control step is another: starts, observations, rewards and ends are the task's own functions. They
see what C MuJoCo came to as the same small `Physics`: between two control steps it is rounded to float32.
"""

# MuJoCo's C bindings come without type stubs.
# pyright: reportAttributeAccessIssue=false

import copy
import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from envs.base import Environment
from envs.episode import Episodes
from envs.quiet_mjx import mjx
from envs.simulation import BeforeSubstep, Feedback, Physics, Placed, Simulation

# MuJoCo's own defaults, and Gymnasium's: the solver stops before, where it has converged.
ITERATIONS, LS_ITERATIONS = 100, 50
OF_MODEL = ("body_pos",)  # what a task writes into the model; all else is in its data
SEEN = ("xpos", "xquat", "xmat", "site_xpos", "site_xmat", "qfrc_bias")  # what a feedback may read

Arrays = dict[str, Any]


class SimulationInMuJoCo(Simulation):
    """The control step of a simulation, made by C MuJoCo on the host, one body after another.

    Its functions can be traced, mapped and compiled. A compiled program calls the host once a control step,
    or once a simulation step where something happens between these.

    Attributes:
        data: what C MuJoCo steps; a force that is put into its `xfrc_applied` acts from then on.
    """

    def __init__(self, simulation: Simulation) -> None:
        model = copy.copy(simulation.mj_model)
        model.opt.iterations, model.opt.ls_iterations = ITERATIONS, LS_ITERATIONS
        # What becomes non-finite is an event that the episodes handle; C MuJoCo would start again by itself.
        model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
        super().__init__(model, simulation.substeps)
        self.data = mujoco.MjData(model)
        self._lock = threading.Lock()
        blank = lambda leaf: jnp.full_like(leaf, jnp.nan) if leaf.dtype == jnp.float32 else leaf
        self._unseen = jax.tree.map(blank, mjx.make_data(model, impl="jax"))

    def advance(
        self,
        physics: Physics,
        control: jax.Array | Feedback,
        before_substep: BeforeSubstep | None = None,
    ) -> Physics:
        """Makes one control step; see `Simulation.advance`.

        A feedback sees positions, velocities and the fields `SEEN`; every other number of its data is NaN.
        """
        if before_substep is None and not callable(control):
            return self._stepped(physics, control, Placed(), self.substeps)

        def substep(_: jax.Array, now: Physics) -> Physics:
            now, placed = (now, Placed()) if before_substep is None else before_substep(now)
            commands = control(self._seen(now, placed), now) if callable(control) else control
            return self._stepped(now, commands, placed, 1)

        with jax.default_matmul_precision("highest"):
            return jax.lax.fori_loop(0, self.substeps, substep, physics)

    def _stepped(self, physics: Physics, control: jax.Array, placed: Placed, steps: int) -> Physics:
        """Returns the physics after `steps` simulation steps with the same commands [nu]."""
        before = _inputs(physics, placed) | {"ctrl": control}
        names = ("qpos", "qvel", "qacc_warmstart", *(() if physics.act is None else ("act",)))
        after = self._called(partial(mujoco.mj_step, nstep=steps), before, names)
        return physics.replace(
            qpos=after["qpos"], qvel=after["qvel"], warmstart=after["qacc_warmstart"], act=after.get("act")
        )

    def _seen(self, physics: Physics, placed: Placed) -> mjx.Data:
        """Returns what a feedback sees between the two halves of a simulation step."""
        fields = self._called(_first_half, _inputs(physics, placed), SEEN)
        return self._unseen.replace(qpos=physics.qpos, qvel=physics.qvel, **fields)

    def _called(self, function: Any, inputs: Arrays, names: tuple[str, ...]) -> Arrays:
        """Returns the fields `names` of C MuJoCo's data, after `function` of it with `inputs` in it."""
        shapes = {
            name: jax.ShapeDtypeStruct(getattr(self._unseen, name).shape, jnp.float32) for name in names
        }
        on_host = partial(self._on_host, function, shapes)
        return jax.pure_callback(on_host, shapes, inputs, vmap_method="broadcast_all")

    def _on_host(self, function: Any, shapes: Arrays, inputs: Arrays) -> Arrays:
        batch = inputs["qpos"].shape[:-1]
        count = int(np.prod(batch))
        rows = {name: np.asarray(leaf).reshape(count, -1) for name, leaf in inputs.items()}
        found = {name: np.empty((count, int(np.prod(s.shape))), np.float32) for name, s in shapes.items()}
        with self._lock, _without_log():  # there is one data
            for row in range(count):
                if not all(np.isfinite(leaf[row]).all() for leaf in rows.values()):
                    for leaf in found.values():  # C MuJoCo would take a command that is no number for zero
                        leaf[row] = np.nan
                    continue
                for name, leaf in rows.items():
                    holder = self.mj_model if name in OF_MODEL else self.data
                    getattr(holder, name).flat[:] = leaf[row]
                function(self.mj_model, self.data)
                for name, leaf in found.items():
                    leaf[row] = getattr(self.data, name).ravel()
        return {name: leaf.reshape(*batch, *shapes[name].shape) for name, leaf in found.items()}


def in_mujoco(env: Environment) -> Episodes:
    """Returns the world `env` with its physics stepped by C MuJoCo, and everything else as it is.

    Raises:
        ValueError: MJX does not step it, so that there is no model of it.
    """
    simulation = getattr(getattr(env, "task", None), "simulation", None)
    if not isinstance(env, Episodes) or not isinstance(simulation, Simulation):
        raise ValueError(
            f"env {env.name!r} has no MuJoCo model here, so it cannot be played in C MuJoCo: that is for the "
            "worlds that MJX steps"
        )
    task = copy.copy(env.task)
    object.__setattr__(task, "simulation", SimulationInMuJoCo(simulation))  # tasks are frozen
    return Episodes(task)


def _inputs(physics: Physics, placed: Placed) -> Arrays:
    """Returns what a simulation step begins from, by the names that C MuJoCo has for it."""
    inputs = {"qpos": physics.qpos, "qvel": physics.qvel, "qacc_warmstart": physics.warmstart}
    inputs |= {} if physics.act is None else {"act": physics.act}
    return inputs | {name: leaf for name, leaf in placed._asdict().items() if leaf is not None}


@contextmanager
def _without_log() -> Generator[None, None, None]:
    """Keeps C MuJoCo from writing a file of warnings: what becomes non-finite is counted elsewhere."""
    before = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(lambda _: None)
    try:
        yield
    finally:
        mujoco.set_mju_user_warning(before)


def _first_half(model: mujoco.MjModel, data: mujoco.MjData) -> None:
    mujoco.mj_fwdPosition(model, data)
    mujoco.mj_fwdVelocity(model, data)
