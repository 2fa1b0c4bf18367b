"""What the bodies that insert a peg share: the hole, the starts, the sparse reward, the observation.

After the real-robot task of Zhou et al. 2024 and of SERL (Luo et al. 2024): an arm moves a peg by small
displacements, ten or twenty times a second, and is told only whether it is in.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import ClassVar, NamedTuple, Self

import jax
import jax.numpy as jnp
from flax import struct

from envs.base import EnvState, ReferenceScores, fingerprint, first_state
from envs.checks import check_choice, check_finite, check_not_negative, check_positive, check_positive_int
from envs.labels import amount
from envs.simulation import BeforeSubstep, Physics, Placed, Simulation, load_model

METRICS = ("success",)  # 1 in the step that inserts the peg
STARTS = ("inside", "outside", "everywhere")
PEGS = ("round", "square")

INSERTED = -0.04  # m, how deep the tip must be
DISPLACEMENT = 0.01  # m a control step at the most
TURN = 0.05  # rad a control step at the most
# Where the tip may be told to go, m and rad; the plate and what lies below it are in reach.
LOWEST = (-0.12, -0.12, -0.055, -0.6)
HIGHEST = (0.12, 0.12, 0.15, 0.6)
INSIDE, RING = 0.05, 0.09  # m from the middle along x or y: where the data starts, and the ring around it
HEIGHTS, RING_HEIGHTS = (0.05, 0.10), (0.05, 0.13)  # m
START_TURN = 0.2  # rad
AXES = ("x", "y", "z", "yaw")
OBS_SCALE = {"position": (0.05, 0.2), "velocity": (0.1, 1.0), "error": (0.01, 0.1)}  # m and rad: about 1


class Motion(NamedTuple):
    """Where the peg's lowest point is, and with `turning` its yaw, and how they change."""

    tip: jax.Array  # [D] m and rad
    velocity: jax.Array  # [D] m/s and rad/s


class Hole(struct.PyTreeNode):
    """Where the hole of an episode is."""

    position: jax.Array  # [2] m
    yaw: jax.Array  # [] rad


@dataclass(frozen=True, eq=False)
class InsertionTask(ABC):
    """The base of a peg insertion; a final class adds a body.

    Reward: 1 in the step that ends with the tip 4 cm deep in the hole, which ends the episode; 0 before.
    Actions [D]: how far the tip is told to go, x, y, z in cm, and with `turning` its yaw in 0.05 rad.
    The place that it is told stays in reach of the tip: a peg that is caught is pushed with a limited force.
    Observation: the tip's place, its velocity, and how far the place that it was told is, [D] each, scaled to
    about 1; then the hole's x and y, and with `turning` its yaw, where they differ by episode and are seen.

    Raises:
        ValueError: a peg that is wider than its hole, a start inside of the plate, an unknown kind of
            starts or of peg, or a number that cannot work.
    """

    body: ClassVar[str]
    reach: ClassVar[tuple[float, float]]  # m and rad: how far ahead of the tip it may be told to go

    substeps: int  # simulation steps per control step
    clearance: float = 0.0015  # m, between a centred peg and each wall
    peg: str = "round"  # or square
    radius: float = 0.008  # m, of a round peg and its tip; half the side of a square one
    turning: bool = False  # whether the peg can be turned about its axis
    hole: tuple[float, float] = (0.0, 0.0)  # m, x and y
    hole_yaw: float = 0.0  # rad
    hole_noise: float = 0.0  # m, uniform on each axis by episode
    hole_seen: bool = True  # whether the noise is observed
    starts: str = "inside"  # of the region that the data covers; or outside of it, or everywhere
    start_height: float = HEIGHTS[0]  # m, the lowest
    friction: float = 0.6  # between peg and plate
    integrator: str = "euler"
    iterations: int = 6  # in contact 4 do not always converge
    ls_iterations: int = 8
    time_limit: int = 60  # control steps
    simulation: Simulation = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._check()
        model = load_model(
            self.model_text(),
            integrator=self.integrator,
            iterations=self.iterations,
            ls_iterations=self.ls_iterations,
        )
        object.__setattr__(self, "simulation", Simulation(model, self.substeps))

    def _check(self) -> None:
        check_positive_int("substeps", self.substeps)
        check_positive_int("time_limit", self.time_limit)
        check_choice("peg", self.peg, PEGS)
        check_choice("starts", self.starts, STARTS)
        check_not_negative("hole_noise", self.hole_noise)
        check_positive("friction", self.friction)
        check_finite("hole_yaw", self.hole_yaw)
        check_finite("clearance", self.clearance)
        if not 0.001 <= self.radius <= 0.03:
            raise ValueError(f"radius is {self.radius}; it must be 0.001 to 0.03 m")
        if self.clearance <= 0.0:
            raise ValueError(
                f"clearance is {self.clearance}; it must be positive: the peg of {2000 * self.radius:g} mm "
                f"would not fit into its hole of {2000 * (self.radius + self.clearance):g} mm"
            )
        if self.clearance > 0.02:
            raise ValueError(f"clearance is {self.clearance}; it must be at most 0.02 m")
        if not all(abs(place) + self.hole_noise <= INSIDE for place in self.hole):
            raise ValueError(
                f"hole is {self.hole}; it must be within {INSIDE} m of the middle, with its hole_noise of "
                f"{self.hole_noise} too"
            )
        if abs(self.hole_yaw) > HIGHEST[3]:
            raise ValueError(f"hole_yaw is {self.hole_yaw}; it must be within {HIGHEST[3]} rad")
        if self.peg == "square" and self.hole_yaw and not self.turning:
            raise ValueError(f"hole_yaw {self.hole_yaw} with a square peg needs turning=true")
        if not 0.005 <= self.start_height < HEIGHTS[1]:
            raise ValueError(
                f"start_height is {self.start_height}; it must be above the plate, 0.005 m at least, and "
                f"below {HEIGHTS[1]} m"
            )

    @property
    def name(self) -> str:
        return "peg-insertion" if self.body == "gripper" else f"{self.body}-peg-insertion"

    @property
    def coordinates(self) -> int:
        """How many coordinates the tip is moved in: x, y, z, and yaw where it can turn."""
        return 4 if self.turning else 3

    @property
    def action_size(self) -> int:
        return self.coordinates

    @property
    def obs_size(self) -> int:
        return 3 * self.coordinates + self._seen_of_hole

    @property
    def obs_labels(self) -> tuple[str, ...]:
        """Names and units of the observation [O]."""
        names = [
            f"{what} {axis} ({amount(*scale, axis)}{per})"
            for (what, scale), per in zip(OBS_SCALE.items(), ("", "/s", ""), strict=True)
            for axis in AXES[: self.coordinates]
        ]
        scale = OBS_SCALE["position"]
        holes = [f"hole {axis} ({amount(*scale, axis)})" for axis in ("x", "y", "yaw")]
        return (*names, *holes[: self._seen_of_hole])

    @property
    def action_labels(self) -> tuple[str, ...]:
        return tuple(f"{axis}: {amount(DISPLACEMENT, TURN, axis)}" for axis in AXES[: self.coordinates])

    @property
    def _seen_of_hole(self) -> int:
        varies = self.hole_noise > 0.0 and self.hole_seen
        return (self.coordinates - 1) * varies

    @property
    def reference(self) -> ReferenceScores:
        """The return of an episode is 1 or 0, so the normalised score is the success rate in percent."""
        return ReferenceScores(0.0, 1.0, "success by the task's own definition", of_success=True)

    def fingerprint(self) -> str:
        """Returns the digest of the options and the model."""
        return fingerprint(self, self.model_text())

    def starting(self, starts: str) -> Self:
        """Returns the same task with other starts."""
        return replace(self, starts=starts)

    def other_starts(self) -> dict[str, Self]:
        """Returns by name the tasks with those starts that a policy is judged from besides its own."""
        return {starts: self.starting(starts) for starts in STARTS[:2] if starts != self.starts}

    def reset(self, key: jax.Array) -> EnvState:
        """Draws a hole and a start of the tip above it."""
        key_start, key_hole, key_next = jax.random.split(key, 3)
        noise = jax.random.uniform(key_hole, (2,), minval=-self.hole_noise, maxval=self.hole_noise)
        hole = Hole(jnp.asarray(self.hole) + noise, jnp.asarray(self.hole_yaw, jnp.float32))
        tip = self._draw_start(key_start)
        physics = self.place(tip).replace(target=tip)
        obs = self._observe(Motion(tip, jnp.zeros_like(tip)), tip, hole)
        return first_state(physics, obs, key_next, METRICS, hole)

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Applies `action` ([D], in [-1, 1]) for one control step."""
        hole: Hole = state.context
        tip = self.motion(state.physics).tip
        told = state.physics.target + self._per_coordinate(DISPLACEMENT, TURN) * jnp.clip(action, -1.0, 1.0)
        target, plate = self._within_reach(told, tip), self.plate(hole)
        physics = self.advance(state.physics.replace(target=target), lambda physics: (physics, plate))
        motion = self.motion(physics)
        success = self.inserted(motion.tip, hole)
        obs = self._observe(motion, target, hole)
        return state.replace(
            physics=physics,
            obs=obs,
            final_obs=obs,
            reward=success.astype(jnp.float32),
            terminated=success,
            metrics=state.metrics | {"success": success.astype(jnp.float32)},
        )

    def inserted(self, tip: jax.Array, hole: Hole) -> jax.Array:
        """Returns whether a tip [D] is deep enough in the hole, and not beside the plate."""
        beside = jnp.abs(tip[:2] - hole.position).max()
        return (tip[2] <= INSERTED) & (beside <= 2 * (self.radius + self.clearance))

    def plate(self, hole: Hole) -> Placed:
        """Returns where the plate is: its middle is the hole's."""
        half = hole.yaw / 2
        place = jnp.append(hole.position, 0.0)
        turned = jnp.stack([jnp.cos(half), jnp.zeros(()), jnp.zeros(()), jnp.sin(half)])
        return Placed(place[None], turned[None])

    def seen(self, obs: jax.Array) -> dict[str, jax.Array]:
        """Returns what observations [..., O] say: `position`, `velocity` and `error` [..., D], m and rad."""
        parts = jnp.split(obs[..., : 3 * self.coordinates], 3, axis=-1)
        return {
            name: part * self._per_coordinate(*scale)
            for part, (name, scale) in zip(parts, OBS_SCALE.items(), strict=True)
        }

    def hole_of(self, obs: jax.Array) -> Hole:
        """Returns the hole that is observed in `obs` [O], or the one in its usual place."""
        usual = Hole(jnp.asarray(self.hole, jnp.float32), jnp.asarray(self.hole_yaw, jnp.float32))
        if not self._seen_of_hole:
            return usual
        rest = obs[3 * self.coordinates :]
        return usual.replace(position=rest[:2] * OBS_SCALE["position"][0])

    def _draw_start(self, key: jax.Array) -> jax.Array:
        """Returns the tip's place [D] at the start of an episode."""
        key_inside, key_outside, key_side, key_turn, key_which = jax.random.split(key, 5)
        within = jax.random.uniform(key_inside, (3,), minval=-1.0, maxval=1.0)
        inside = within * jnp.array([INSIDE, INSIDE, 0.0]) + self._height(within[2], *self._heights)
        # One of the ring's four sides: this far out along one axis, anywhere along the other.
        out, along, height = jax.random.uniform(key_outside, (3,))
        place = jnp.stack([INSIDE + (RING - INSIDE) * out, RING * (2 * along - 1)])
        side = jax.random.randint(key_side, (), 0, 4)
        place = jnp.where(side % 2, place[::-1], place) * jnp.where(side // 2, -1.0, 1.0)
        outside = jnp.append(place, 0.0) + self._height(2 * height - 1, *RING_HEIGHTS)
        is_inside = {"inside": True, "outside": False}.get(self.starts, jax.random.bernoulli(key_which))
        tip = jnp.where(is_inside, inside, outside)
        if not self.turning:
            return tip
        return jnp.append(tip, jax.random.uniform(key_turn, minval=-START_TURN, maxval=START_TURN))

    @property
    def _heights(self) -> tuple[float, float]:
        return (self.start_height, HEIGHTS[1])

    @staticmethod
    def _height(share: jax.Array, low: float, high: float) -> jax.Array:
        """Returns [0, 0, z] for a share in [-1, 1]."""
        return jnp.zeros(3).at[2].set((low + high) / 2 + (high - low) / 2 * share)

    def _within_reach(self, told: jax.Array, tip: jax.Array) -> jax.Array:
        ahead = self._per_coordinate(*self.reach)
        told = jnp.clip(told, tip - ahead, tip + ahead)
        return jnp.clip(told, jnp.array(LOWEST[: self.coordinates]), jnp.array(HIGHEST[: self.coordinates]))

    def _per_coordinate(self, metres: float, radians: float) -> jax.Array:
        return jnp.array([metres, metres, metres, radians][: self.coordinates])

    def _observe(self, motion: Motion, target: jax.Array, hole: Hole) -> jax.Array:
        parts = {"position": motion.tip, "velocity": motion.velocity, "error": target - motion.tip}
        scaled = [parts[name] / self._per_coordinate(*scale) for name, scale in OBS_SCALE.items()]
        about_hole = jnp.append(
            hole.position / OBS_SCALE["position"][0], hole.yaw / OBS_SCALE["position"][1]
        )[: self._seen_of_hole]
        return jnp.concatenate([*scaled, about_hole])

    @abstractmethod
    def model_text(self) -> str:
        """Returns the MJCF; its only mocap body is the plate."""

    @abstractmethod
    def place(self, tip: jax.Array) -> Physics:
        """Returns the body at rest with the tip at [D]."""

    @abstractmethod
    def motion(self, physics: Physics) -> Motion:
        """Returns where the tip is, and its velocity."""

    @abstractmethod
    def advance(self, physics: Physics, before_substep: BeforeSubstep) -> Physics:
        """Makes one control step towards the target."""
