"""WSRL on a task of one's own, in a minute or two on a laptop's CPU: python docs/examples/own_task.py.

A cart on a track is to be parked at a mark. Offline data comes from a clumsy driver; three seeds are
pretrained on it, the data is dropped, and they go on with their own experience.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

import wsrl_mjx as wsrl


@dataclass(frozen=True)
class Park:
    """A cart with position and speed; the action is its acceleration, the reward minus the distance to 0."""

    time_limit: int = 50
    mass: float = 1.0

    obs_size = 2
    action_size = 1

    def reset(self, key):
        """Puts the cart somewhere on the track, at rest."""
        key_start, key_next = jax.random.split(key)
        cart = jnp.array([jax.random.uniform(key_start, minval=-1.0, maxval=1.0), 0.0])
        return wsrl.first_state(physics=cart, obs=cart, key=key_next)

    def step(self, state, action):
        """Pushes it for a tenth of a second; off the track the episode is over."""
        place, speed = state.physics
        speed = 0.95 * speed + 0.1 * action[0] / self.mass
        cart = jnp.array([place + 0.1 * speed, speed])
        away = jnp.abs(cart[0]) > 2.0
        return state.replace(physics=cart, obs=cart, reward=-jnp.abs(cart[0]), terminated=away)


def clumsy_driver(obs, key):
    """Brakes late and shakes: observations [N, 2] to actions [N, 1]."""
    noise = 0.5 * jax.random.normal(key, (len(obs), 1))
    return jnp.clip(-obs[:, :1] - 0.2 * obs[:, 1:] + noise, -1.0, 1.0)


def main(steps: int = 3000) -> wsrl.Trained:
    """Pretrains and fine-tunes three seeds, and prints what they do."""
    env = wsrl.Episodes(Park())
    data = wsrl.collect(env, clumsy_driver, size=20_000)
    print(f"data: return {data.card['return_mean']:.1f} over {data.card['episodes']} episodes")

    small = {"hidden": (32, 32)}
    keys = jax.random.split(jax.random.key(0), 3)
    start = wsrl.pretrain(
        wsrl.CalQL.create(env, **small), data, keys, steps=steps, batch_size=64, callback=print
    )
    result = wsrl.finetune(
        wsrl.SAC.create(env, **small), env, start,
        steps=steps, warmup_steps=steps // 3, batch_size=64, callback=print,
    )  # fmt: skip

    act = result.policy(seed=0)
    print("at half a metre to the right it accelerates by", act(jnp.array([0.5, 0.0])))
    return result


if __name__ == "__main__":
    main()
