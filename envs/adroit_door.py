"""The Adroit hand opens a door: Gymnasium-Robotics' AdroitHandDoor on MJX.

After Rajeswaran et al. 2018: a hand of 24 joints on an arm of four turns a latch and pulls the door open.
"""

# MuJoCo's C bindings come without type stubs.
# pyright: reportAttributeAccessIssue=false

from dataclasses import dataclass, field
from typing import ClassVar

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from envs.adroit_models import CONTACTS, SITES, door_model, door_text
from envs.base import EnvState, ReferenceScores, fingerprint, first_state
from envs.checks import check_choice, check_interval, check_positive_int
from envs.labels import XYZ, position_labels
from envs.simulation import Physics, Placed, Simulation, check_budget, with_budget

METRICS = ("success",)  # 1 in a step that ends with the door open
REWARDS = ("sparse", "dense")

OPEN = 1.35  # rad, of the door's hinge: the task is done
AJAR = 1.0  # rad, from where on the door is observed as open
HINGE, LATCH = 28, 29  # among the positions
OBS_SIZE = 39
HANDLE = slice(32, 35)  # of the observation: where the handle is, m
FARTHEST = 0.1  # m, how far the frame may be put beyond where the original puts it


@dataclass(frozen=True, eq=False)
class AdroitDoor:
    """A control step is 0.01 s. An episode begins with the hand at rest and the frame in a place of its own.

    Actions [28]: where each joint of arm, wrist and fingers is told to be, within its motor's range.
    Observation [39]: angles of the arm (without its slide), the wrist and the fingers, of latch and hinge;
    places of palm and handle, and from handle to palm; 1 where the hinge is beyond 1 rad, else -1.
    Reward "sparse": 1 in the step that opens the door by 1.35 rad, which ends the episode; 0 before.
    "dense": that of the authors, for training a behaviour; an episode then ends by its time limit only.

    The arm's slide and all velocities are not observed, so the state cannot be restored from an observation.

    Raises:
        ValueError: an unknown reward, an interval for the frame that is empty or out of reach, or a number
            that cannot work; or the hand's models are not installed (`envs.adroit_models.adroit_assets`).
    """

    name = "adroit-door"
    obs_size = OBS_SIZE
    substeps = 5  # of 2 ms
    # As for the Franka arm: XLA's newer emitters take three times as long to compile the hand.
    cpu_options: ClassVar[dict[str, bool]] = {"xla_cpu_use_fusion_emitters": False}

    reward: str = "sparse"
    frame_x: tuple[float, float] = (-0.3, -0.2)  # m, between which the frame is put
    frame_y: tuple[float, float] = (0.25, 0.35)
    frame_z: tuple[float, float] = (0.252, 0.35)
    contacts: int = CONTACTS  # of each kind that MJX keeps, see `door_model`
    integrator: str = "euler"
    iterations: int = 8
    ls_iterations: int = 16
    time_limit: int = 200  # control steps
    simulation: Simulation = field(init=False, repr=False)
    palm: jax.Array = field(init=False, repr=False)  # [3] m, at the start
    handle: jax.Array = field(init=False, repr=False)  # [3] m, of a closed door, from its frame

    def __post_init__(self) -> None:
        self._check()
        model = with_budget(door_model(self.contacts), self.integrator, self.iterations, self.ls_iterations)
        data = mujoco.MjData(model)
        mujoco.mj_kinematics(model, data)
        palm, handle = (data.site(name).xpos.astype(np.float32) for name in SITES)
        object.__setattr__(self, "simulation", Simulation(model, self.substeps))
        object.__setattr__(self, "palm", jnp.asarray(palm))
        object.__setattr__(self, "handle", jnp.asarray(handle - model.body("frame").pos, jnp.float32))

    def _check(self) -> None:
        check_choice("reward", self.reward, REWARDS)
        check_budget(self.integrator, self.iterations, self.ls_iterations)
        check_positive_int("contacts", self.contacts)
        for option in (name for name in self.__dataclass_fields__ if name.startswith("frame_")):
            bounds, (low, high) = getattr(self, option), self.__dataclass_fields__[option].default
            check_interval(option, bounds)
            if bounds[0] < low - FARTHEST or bounds[1] > high + FARTHEST:
                raise ValueError(
                    f"{option} is {bounds}; it must be within {low - FARTHEST:g} and {high + FARTHEST:g} m, "
                    "where the hand reaches the handle"
                )

    @property
    def action_size(self) -> int:
        return self.simulation.action_size

    @property
    def obs_labels(self) -> tuple[str, ...]:
        """Names and units of the observation [O]."""
        hand = position_labels(self.simulation.mj_model)[1:HINGE]
        places = [f"{what} {axis} (m)" for what in ("palm", "handle", "handle to palm") for axis in XYZ]
        return (*hand, "latch (rad)", "door_hinge (rad)", *places, "door open (1 or -1)")

    @property
    def action_labels(self) -> tuple[str, ...]:
        """Where each motor's joint is told to be by an action of 1 [A]."""
        model, labels = self.simulation.mj_model, position_labels(self.simulation.mj_model)
        # A motor is a spring between the joint and what it is told, whose gains need not be alike.
        stretch = -model.actuator_gainprm[:, 0] / model.actuator_biasprm[:, 1]
        farthest = stretch * model.actuator_ctrlrange[:, 1]
        return tuple(
            f"{label.split(' (')[0]}: {high:g} {label.split('(')[1][:-1]}"
            for label, high in zip(labels, farthest, strict=False)
        )

    @property
    def reference(self) -> ReferenceScores | None:
        """The return of an episode is 1 or 0, so the score is the success rate in percent; none if dense."""
        if self.reward != "sparse":
            return None
        return ReferenceScores(0.0, 1.0, "success by the task's own definition", of_success=True)

    def fingerprint(self) -> str:
        """Returns the digest of the options, the package's model and what is done to it."""
        return fingerprint(self, door_text())

    def reset(self, key: jax.Array) -> EnvState:
        """Draws where the frame is; the hand is at rest in front of it."""
        key_frame, key_next = jax.random.split(key)
        low, high = jnp.array([self.frame_x, self.frame_y, self.frame_z], jnp.float32).T
        frame = jax.random.uniform(key_frame, (3,), minval=low, maxval=high)
        qpos = self.simulation.initial_qpos
        physics = self.simulation.start(qpos, jnp.zeros(self.simulation.mj_model.nv))
        obs = observe(qpos, jnp.stack([self.palm, frame + self.handle]))
        return first_state(physics, obs, key_next, METRICS, frame)

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Applies `action` ([28], in [-1, 1]) for one control step."""
        placed = self.placed(state.context)
        control = self.simulation.control(action)
        physics = self.simulation.advance(state.physics, control, lambda physics: (physics, placed))
        sites = self.simulation.site_positions(physics.qpos, placed)
        obs = observe(physics.qpos, sites)
        opened = physics.qpos[HINGE] >= OPEN
        success = opened.astype(jnp.float32)
        sparse = self.reward == "sparse"
        return state.replace(
            physics=physics,
            obs=obs,
            final_obs=obs,
            reward=success if sparse else dense_reward(physics, sites),
            terminated=opened if sparse else jnp.zeros_like(opened),
            metrics=state.metrics | {"success": success},
        )

    def placed(self, frame: jax.Array) -> Placed:
        """Returns where the bodies are with the door's frame at a place [3]."""
        model = self.simulation.mj_model
        own = jnp.asarray(model.body_pos, jnp.float32)
        return Placed(body_pos=own.at[model.body("frame").id].set(frame))


def observe(qpos: jax.Array, sites: jax.Array) -> jax.Array:
    """Returns the observation [39] at positions [30], with palm and handle [2, 3] at `sites`."""
    palm, handle = sites
    hinge = qpos[HINGE]
    ajar = jnp.where(hinge > AJAR, 1.0, -1.0)
    scalars = jnp.stack([qpos[LATCH], hinge])
    return jnp.concatenate([qpos[1:HINGE], scalars, palm, handle, palm - handle, ajar[None]])


def dense_reward(physics: Physics, sites: jax.Array) -> jax.Array:
    """Returns the authors' shaped reward: close to the handle, the door open, slow, bonuses on the way.

    Gymnasium-Robotics 1.4.2 adds the distance to the handle where the authors subtract it; this subtracts.

    Args:
        physics: after the step.
        sites: [2, 3] m, palm and handle.
    """
    hinge = physics.qpos[HINGE]
    distance = jnp.linalg.norm(sites[0] - sites[1])
    shaped = -0.1 * distance - 0.1 * (hinge - 1.57) ** 2 - 1e-5 * (physics.qvel**2).sum()
    return shaped + 2.0 * (hinge > 0.2) + 8.0 * (hinge > AJAR) + 10.0 * (hinge > OPEN)
