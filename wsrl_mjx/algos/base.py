"""The contract of an algorithm, and the one way in which a network is updated."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal, Protocol, Self

import jax
import jax.numpy as jnp
import optax

from wsrl_mjx.types import Key, Learner, Metrics, Params, Transition

PhaseName = Literal["pretrain", "online"]


class HasActions(Protocol):
    """What an algorithm's `create` asks of an environment."""

    @property
    def action_size(self) -> int:
        """Numbers of an action."""
        ...


class Algorithm(Protocol):
    """A frozen bundle of hyper-parameters with pure methods over a separate state.

    Real-valued hyper-parameters are float32 leaves, so that they can be vmapped and changed without a new
    compilation. Methods see batches; they never see the environment, the replay or the loop.
    """

    name: ClassVar[str]  # as the command line and `algos.registry` have it
    pretrains: ClassVar[bool]  # whether it can be the offline algorithm
    fine_tunes: ClassVar[bool]  # whether it can be the online one
    needs_returns: ClassVar[bool]  # whether its batches must carry `mc_return`
    settings: ClassVar[type | None]  # the dataclass of what is its own to set; None: nothing is

    @classmethod
    def create(cls, env: HasActions, **constants: Any) -> Self:
        """Returns the algorithm for the actions of `env`, by default with the constants of the paper preset.

        Raises:
            ValueError: a value that cannot work.
            TypeError: a name that neither the algorithm nor `SAC.create` knows.
        """
        ...

    @classmethod
    def from_settings(cls, sac: Any, settings: Any, phase: PhaseName) -> Self:
        """Returns the algorithm over `sac`, a `SAC`, with its own `settings` as they are in `phase`."""
        ...

    @classmethod
    def backups(cls, settings: Any, of_sac: int) -> int:
        """Returns over how many sampled actions its targets take the best, where SAC's do over `of_sac`."""
        ...

    @property
    def sac(self) -> Any:
        """The `SAC` whose networks and constants this algorithm uses; SAC itself where it is that."""
        ...

    @property
    def discount(self) -> jax.Array:
        """[] float32, of the rewards to come."""
        ...

    def init(self, key: Key, obs: jax.Array, action: jax.Array) -> Any:
        """Returns a fresh state for observations shaped like `obs` [O] and actions like `action` [A]."""
        ...

    def act(self, state: Any, obs: jax.Array, key: Key, explore: bool) -> jax.Array:
        """Returns actions [*, A] for observations [*, O]: sampled, or the mode."""
        ...

    def update_critic(self, state: Any, batch: Transition, key: Key) -> tuple[Any, Metrics]:
        """Moves the critics and their targets by one gradient step on `batch` [B].

        The metrics have names of their own, always the same ones; so have those of `update_actor`.
        """
        ...

    def update_actor(self, state: Any, batch: Transition, key: Key) -> tuple[Any, Metrics]:
        """Moves actor and temperature by one gradient step on `batch` [B]."""
        ...

    def policy(self, actor_params: Params, obs: jax.Array) -> Any:
        """Returns the distribution of actions at `obs` [*, O]."""
        ...

    def hand_over(self, state: Any) -> Any:
        """Returns the `SACState` that fine-tuning goes on with."""
        ...

    def take_over(self, state: Any, sac: Any) -> Any:
        """Returns `state` with the networks of `sac`, a `SACState`: how a fine-tuning begins."""
        ...


def learner(params: Params) -> Learner:
    """Returns `params` with a fresh Adam state."""
    return Learner(params, optax.adam(0.0).init(params), jnp.zeros((), jnp.int32))


def descend(
    state: Learner, loss: Callable[[Params], tuple[jax.Array, Any]], learning_rate: jax.Array
) -> tuple[Learner, jax.Array, Any]:
    """Takes one Adam step down `loss`, a function of the parameters with an auxiliary output.

    The optimizer is built here from the traced rate, so that none hides in its state. Where the loss or a sum
    of the gradient's squares is not finite, everything stays as it is, and `skipped` counts one.
    """
    (value, auxiliary), gradient = jax.value_and_grad(loss, has_aux=True)(state.params)
    step, opt_state = optax.adam(learning_rate).update(gradient, state.opt_state)
    moved = Learner(optax.apply_updates(state.params, step), opt_state, state.skipped)
    sound = jnp.isfinite(value) & jnp.stack([_is_finite(leaf) for leaf in jax.tree.leaves(gradient)]).all()
    stays = state.replace(skipped=state.skipped + 1)
    return jax.tree.map(lambda a, b: jnp.where(sound, a, b), moved, stays), value, auxiliary


def _is_finite(gradient: jax.Array) -> jax.Array:
    """Returns whether the squares, which Adam keeps, are finite; sums over leading axes are cheap to take."""
    leading = tuple(range(gradient.ndim - 1))
    return jnp.isfinite(jnp.sum(jnp.square(gradient), axis=leading)).all()


def hyper(value: float) -> jax.Array:
    """Returns a strongly typed float32 scalar; a weakly typed leaf would recompile the second call."""
    return jnp.asarray(value, jnp.float32)
