"""Function approximators: MLP with LayerNorm, critic ensemble, state value, policy."""

from typing import Literal

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from wsrl_mjx.distributions import ActionDistribution, ClippedGaussian, TanhGaussian
from wsrl_mjx.types import Key, Params

StdMode = Literal["state", "global"]
Precision = Literal["float32", "bfloat16"]
MIN_STD, MAX_STD = 1e-5, 10.0


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
                x = nn.LayerNorm(epsilon=1e-6, dtype=between)(x)
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


def init_ensemble(critic: Critic, size: int, key: Key, obs: jax.Array, action: jax.Array) -> Params:
    """Returns the parameters of `size` independent critics, each leaf with a leading E axis."""
    return jax.vmap(lambda k: critic.init(k, obs, action))(jax.random.split(key, size))


def apply_ensemble(
    critic: Critic, params: Params, obs: Float[Array, "*B O"], action: Float[Array, "*B A"]
) -> Float[Array, "E *B"]:
    """Evaluates every critic of `params` on the same rows."""
    return jax.vmap(critic.apply, in_axes=(0, None, None))(params, obs, action)  # pyright: ignore[reportReturnType]


def choose_critics(params: Params, size: int, subset: int, key: Key) -> Params:
    """Returns the parameters of `subset` critics, drawn without replacement (REDQ).

    Gathering parameters first means that the others are never evaluated.
    """
    if subset == size:
        return params
    chosen = jax.random.choice(key, size, (subset,), replace=False)
    return jax.tree.map(lambda leaf: leaf[chosen], params)


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
