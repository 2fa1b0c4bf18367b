"""Ant that walks where it is told: the low-level skill of the ant mazes' behaviour.

Gymnasium's ant with a direction that changes every few seconds. It is observed from the direction's own side
(`envs.ant_symmetry`), so the task of the policy is always the same: walk along x, and stay on your feet.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from envs.ant import observe
from envs.ant_symmetry import act_back, heading, see_towards
from envs.ant_torque import D4RL_TORQUE, with_torque
from envs.base import EnvState, first_state
from envs.checks import (
    check_finite,
    check_interval,
    check_limit,
    check_not_negative,
    check_positive,
    check_positive_int,
)
from envs.gymnasium_task import GymnasiumTask
from envs.locomotion import start_with_normal_velocity
from envs.simulation import Physics

METRICS = ("x_velocity",)  # m/s along the direction, mean over the control step


@dataclass(frozen=True, eq=False)
class AntDirection(GymnasiumTask):
    """Reward: velocity along the direction up to a speed + 1 - cost * |action|^2. Ends lying or on its back.

    With a weight on facing, + weight * cos(4 * heading): most where a leg's side of the body faces along the
    direction, whichever it is. So an ant that turns by a quarter renames its legs and keeps its heading.

    Observation [27]: plain ant's, with the direction along x and the legs named so that the body faces it.
    Actions [8]: joint torques by these names. Torques and the control step of 0.1 s are the ant mazes'.
    """

    name = "ant-direction"
    model_file = "ant.xml"
    substeps = 10
    obs_size = 27

    time_limit: int = 400
    steps_per_direction: int = 40
    rewarded_speed: float = 1.5  # m/s
    ctrl_cost_weight: float = 0.1
    healthy_reward: float = 1.0
    facing_weight: float = 0.0
    healthy_z_range: tuple[float, float] = (0.2, 1.0)  # m
    reset_noise_scale: float = 0.1
    torque: float = D4RL_TORQUE  # N m, of a full action

    def __post_init__(self) -> None:
        check_positive_int("steps_per_direction", self.steps_per_direction)
        check_limit("rewarded_speed", self.rewarded_speed)
        check_not_negative("ctrl_cost_weight", self.ctrl_cost_weight)
        check_finite("healthy_reward", self.healthy_reward)
        check_not_negative("facing_weight", self.facing_weight)
        check_interval("healthy_z_range", self.healthy_z_range)
        check_not_negative("reset_noise_scale", self.reset_noise_scale)
        check_positive("torque", self.torque)
        super().__post_init__()

    def model_text(self) -> str:
        return with_torque(super().model_text(), self.torque)

    def reset(self, key: jax.Array) -> EnvState:
        """Draws a start near the model's rest, and the directions of the whole episode (the context)."""
        key_start, key_directions, key_next = jax.random.split(key, 3)
        physics = start_with_normal_velocity(self.simulation, self.reset_noise_scale, key_start)
        count = -(-self.time_limit // self.steps_per_direction)
        angles = jax.random.uniform(key_directions, (count,), maxval=2.0 * jnp.pi)
        directions = jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=-1)
        seen, _ = see_towards(observe(physics), directions[0])
        return first_state(physics, seen, key_next, METRICS, directions)

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Applies `action` ([8], in [-1, 1]) for 0.1 s."""
        direction = self._direction(state.context, state.steps)
        _, times = see_towards(observe(state.physics), direction)
        control = self.simulation.control(act_back(action, times))
        physics = self.simulation.advance(state.physics, control)
        moved = (physics.qpos[:2] - state.physics.qpos[:2]) / self.simulation.dt
        velocity = jnp.dot(moved, direction)
        low, high = self.healthy_z_range
        on_its_feet = (physics.qpos[2] >= low) & (physics.qpos[2] <= high) & (upright(physics) > 0.0)
        cost = self.ctrl_cost_weight * jnp.sum(jnp.square(control))
        facing = self.facing_weight * jnp.cos(4.0 * heading(see_towards(observe(physics), direction)[0][1:5]))
        obs, _ = see_towards(observe(physics), self._direction(state.context, state.steps + 1))
        return state.replace(
            physics=physics,
            obs=obs,
            final_obs=obs,
            reward=jnp.minimum(velocity, self.rewarded_speed)
            + self.healthy_reward * on_its_feet
            + facing
            - cost,
            terminated=~on_its_feet,
            metrics=state.metrics | {"x_velocity": velocity},
        )

    def _direction(self, directions: jax.Array, steps: jax.Array) -> jax.Array:
        return directions[jnp.minimum(steps // self.steps_per_direction, len(directions) - 1)]


def upright(physics: Physics) -> jax.Array:
    """Returns the vertical part [] of the torso's own vertical: 1 on its feet, -1 on its back."""
    orientation = physics.qpos[3:7]
    _, x, y, _ = orientation / jnp.linalg.norm(orientation)
    return 1.0 - 2.0 * (x * x + y * y)
