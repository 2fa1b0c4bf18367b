"""Function approximators: MLP with LayerNorm, critic, state value, policy. Many critics: `ensemble`."""

from typing import Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from wsrl_mjx.algos.distributions import ActionDistribution, ClippedGaussian, TanhGaussian

StdMode = Literal["state", "global"]
Precision = Literal["float32", "bfloat16"]
MIN_STD, MAX_STD = 1e-5, 10.0
LAYER_NORM_EPSILON = 1e-6


class MLP(nn.Module):
    """Dense, LayerNorm, ReLU for each hidden layer, the last one included (docs/algorithms.md).

    `precision` is that of activations between layers and of products between hidden layers. Parameters, the
    statistics of LayerNorm and the first layer's product are float32 always: in bfloat16 a place in a maze
    would be known to 6 cm.
    """

    hidden: tuple[int, ...]
    layer_norm: bool = True
    last_hidden_gain: float = 2**0.5
    precision: Precision = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [*, I] to [*, hidden[-1]], float32."""
        between = jnp.dtype(self.precision)
        for index, width in enumerate(self.hidden):
            last = index == len(self.hidden) - 1
            init = nn.initializers.orthogonal(self.last_hidden_gain if last else 2**0.5)
            x = nn.Dense(width, kernel_init=init, dtype=between if index else jnp.float32)(x).astype(between)
            if self.layer_norm:
                x = nn.LayerNorm(epsilon=LAYER_NORM_EPSILON, dtype=between)(x)
            x = nn.relu(x)
        return x.astype(jnp.float32)


class Critic(nn.Module):
    """Q(s, a): an MLP on the concatenated observation and action, and a linear head."""

    hidden: tuple[int, ...]
    layer_norm: bool = True
    precision: Precision = "float32"

    @nn.compact
    def __call__(self, obs: jax.Array, action: jax.Array) -> jax.Array:
        """Maps [*, O], [*, A] to [*]."""
        body = MLP(self.hidden, self.layer_norm, precision=self.precision)
        hidden = body(jnp.concatenate([obs, action], axis=-1))
        head = nn.Dense(1, kernel_init=nn.initializers.orthogonal(2**0.5))
        return jnp.squeeze(head(hidden), axis=-1)


class Value(nn.Module):
    """V(s): an MLP on the observation, and a linear head (IQL)."""

    hidden: tuple[int, ...]
    layer_norm: bool = True
    precision: Precision = "float32"

    @nn.compact
    def __call__(self, obs: jax.Array) -> jax.Array:
        """Maps [*, O] to [*]."""
        body = MLP(self.hidden, self.layer_norm, precision=self.precision)
        head = nn.Dense(1, kernel_init=nn.initializers.orthogonal(2**0.5))
        return jnp.squeeze(head(body(obs)), axis=-1)


class Actor(nn.Module):
    """pi(a|s): a tanh-Gaussian whose std depends on the state, or is one free vector ("global").

    Without the squash it is a Gaussian whose samples are clipped (IQL and BC of the released WSRL code).
    """

    action_size: int
    hidden: tuple[int, ...]
    layer_norm: bool = True
    std_mode: StdMode = "state"
    last_hidden_gain: float = 1e-2
    precision: Precision = "float32"
    squash: bool = True

    @nn.compact
    def __call__(self, obs: jax.Array) -> ActionDistribution:
        """Maps [*, O] to a distribution over [*, A]."""
        hidden = MLP(self.hidden, self.layer_norm, self.last_hidden_gain, self.precision)(obs)
        init = nn.initializers.orthogonal(2**0.5)
        mean = nn.Dense(self.action_size, kernel_init=init)(hidden)
        if self.std_mode == "state":
            log_std = nn.Dense(self.action_size, kernel_init=init)(hidden)
        else:
            log_std = self.param("log_std", nn.initializers.zeros, (self.action_size,))
        # Clipped before the exponential: the same values, and no infinity times zero in the gradient.
        std = jnp.exp(jnp.clip(log_std, jnp.log(MIN_STD), jnp.log(MAX_STD)))
        kind = TanhGaussian if self.squash else ClippedGaussian
        return kind(mean, jnp.broadcast_to(std, mean.shape))
