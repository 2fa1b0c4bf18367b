"""A room that is to be kept at a temperature, with a heater that also cools."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from envs import EnvState, first_state


@dataclass(frozen=True)
class Thermostat:
    """One room: it loses heat to the outside, whose temperature is another in every episode.

    The observation is the room's temperature and the outside's, in tens of degrees from the wanted one. The
    reward is minus the room's distance; a room that is 30 degrees off ends the episode.
    """

    time_limit: int = 100
    leak: float = 0.1
    """Share of the difference to the outside that a step evens out."""

    name = "thermostat"
    obs_size = 2
    action_size = 1

    def __post_init__(self) -> None:
        """Refuses a leak that is no share."""
        if not 0.0 <= self.leak <= 1.0:
            raise ValueError(f"leak is {self.leak}; it must be in [0, 1]")

    def reset(self, key: jax.Array) -> EnvState:
        """Draws the room's and the outside's temperature."""
        key_start, key_next = jax.random.split(key)
        both = jax.random.uniform(key_start, (2,), minval=-1.0, maxval=1.0)
        return first_state(physics=both, obs=both, key=key_next)

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Heats, or cools, by up to two degrees."""
        room, outside = state.physics
        heat = 0.2 * jnp.clip(action[0], -1.0, 1.0)
        room = room + self.leak * (outside - room) + heat
        both = jnp.stack([room, outside])
        off = jnp.abs(room)
        return state.replace(physics=both, obs=both, reward=-off, terminated=off > 3.0)
