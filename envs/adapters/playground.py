"""MuJoCo Playground's environments behind our contract: `envs.make("playground:CheetahRun")`.

Playground's `State` and its raw random keys appear in this file alone. The package is imported when a task is
made, so that this file can be read without it.
"""

import difflib
import importlib
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib import metadata
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from envs.base import EnvState, ReferenceScores, fingerprint, first_state
from envs.checks import check_positive_int

POOL_KEY = 0  # the pool is a part of the world: it is the same in every run
OBSERVED = "state"  # what an actor sees, where a world also has observations for the critic alone
FETCH = "from mujoco_playground._src import mjx_env; mjx_env.ensure_menagerie_exists()"


@contextmanager
def _quietly() -> Generator[None]:
    # Playground reads MJX fields by old names: nothing that a user of ours could act on.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@dataclass(frozen=True, eq=False)
class PlaygroundTask:
    """An environment registered with MuJoCo Playground, simulated by MJX in JAX, without its wrappers.

    `Episodes` adds the time limit and the restarts. `done` without Playground's time limit means terminated;
    where a number is no longer finite, `Episodes` makes it an invalid step.

    Many of Playground's resets simulate hundreds of steps, too dear for a loop that draws a start at every
    step. So `starts` of them are made once, side by side, when the first is asked for, and `reset` draws one
    of these; the random numbers of the episode that follows are new each time. Starts that are not finite are
    left out.

    Attributes:
        env_name: as in Playground's registry.
        starts: how many start states there are.
        time_limit: actions after which an episode is cut; 0 for the `episode_length` of Playground's config,
            which counts an action `action_repeat` times.
    """

    env_name: str
    starts: int = 256
    time_limit: int = 0
    action_repeat: int = field(init=False, repr=False, default=1)
    env: Any = field(init=False, repr=False, default=None)
    obs_size: int = field(init=False, repr=False, default=0)
    _config: str = field(init=False, repr=False, default="")
    _shapes: Any = field(init=False, repr=False, default=None)  # of Playground's State

    def __post_init__(self) -> None:
        check_positive_int("starts", self.starts)
        registry = _registry(self.name)
        _check_name(self.env_name, registry.ALL_ENVS)
        _check_models(self.env_name, registry)
        with _quietly():
            config = registry.get_default_config(self.env_name)
            # Warp's simulation needs an NVIDIA GPU; older versions of Playground have no choice to make.
            overrides = {"impl": "jax"} if "impl" in config else {}
            env = registry.load(self.env_name, config=config, config_overrides=overrides)
            shapes = jax.eval_shape(env.reset, jax.ShapeDtypeStruct((2,), jnp.uint32))
        repeat = int(config.get("action_repeat", 1))
        decided = {
            "env": env,
            "action_repeat": repeat,
            "time_limit": self.time_limit or -(-int(config.episode_length) // repeat),
            "obs_size": _size(self.name, shapes.obs),
            "_config": str(config),
            "_shapes": shapes,
        }
        for name, value in decided.items():
            object.__setattr__(self, name, value)

    @property
    def name(self) -> str:
        return f"playground:{self.env_name}"

    @property
    def action_size(self) -> int:
        return self.env.action_size

    @property
    def control_step(self) -> float:
        """Seconds that an action holds: Playground's `ctrl_dt`, as often as the action is repeated."""
        return float(self.env.dt) * self.action_repeat

    @property
    def reference(self) -> ReferenceScores | None:
        return None

    def fingerprint(self) -> str:
        """Returns the digest of the options, of Playground's config and of its version (code and models)."""
        return fingerprint(self, self._config, _version())

    @cached_property
    def pool(self) -> Any:
        """The start states, as a State of NumPy arrays [P, ...]; [1, ...] where all starts have the same.

        Raises:
            ValueError: no start is finite.
        """
        keys = np.asarray(jax.random.key_data(jax.random.split(jax.random.key(POOL_KEY), self.starts)))
        with _quietly():
            made = jax.device_get(jax.jit(jax.vmap(self.env.reset))(keys))
        sound = np.ones(self.starts, bool)
        for leaf in jax.tree.leaves(made):
            if jnp.issubdtype(leaf.dtype, jnp.floating):
                sound &= np.isfinite(leaf).reshape(self.starts, -1).all(axis=1)
        if not sound.any():
            raise ValueError(f"none of the {self.starts} starts of {self.name} is finite")
        return jax.tree.map(lambda leaf: _once_where_equal(leaf[sound]), made)

    @cached_property
    def _pool_size(self) -> int:
        return max(len(leaf) for leaf in jax.tree.leaves(self.pool))

    def reset(self, key: jax.Array) -> EnvState:
        """Draws one of the start states."""
        key_start, key_episode, key_next = jax.random.split(key, 3)
        with jax.ensure_compile_time_eval():  # also where a program is being traced
            pool, size = self.pool, self._pool_size
        i = jax.random.randint(key_start, (), 0, size)
        start = jax.tree.map(lambda leaf: jnp.asarray(leaf)[i if len(leaf) > 1 else 0], pool)
        if "rng" in start.info:  # equal starts must not have equal noise
            start = start.replace(info=start.info | {"rng": jax.random.key_data(key_episode)})
        state = first_state(self.pack(start), _observed(start.obs), key_next)
        return state.replace(metrics=_floats(start.metrics))

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Applies `action` ([A], clipped to [-1, 1]) for a control step, or several (`action_repeat`)."""
        action = jnp.clip(action, -1.0, 1.0)
        after, reward, ended = self._stepped(self.unpack(state.physics), action)
        if self.action_repeat > 1:
            repeat = lambda so_far, _: (self._repeated(so_far, action), None)
            so_far = after, reward, ended
            (after, reward, ended), _ = jax.lax.scan(repeat, so_far, length=self.action_repeat - 1)
        obs = _observed(after.obs)
        return state.replace(
            physics=self.pack(after),
            obs=obs,
            final_obs=obs,
            reward=reward,
            terminated=ended,
            metrics=state.metrics | _floats(after.metrics),
        )

    def pack(self, whole: Any) -> tuple[jax.Array, ...]:
        """Returns the arrays of Playground's State that have numbers; MJX's empty ones could not be saved."""
        return tuple(leaf for leaf in jax.tree.leaves(whole) if leaf.size)

    def unpack(self, packed: tuple[jax.Array, ...]) -> Any:
        """Returns Playground's State again."""
        shapes, structure = jax.tree.flatten(self._shapes)
        given = iter(packed)
        whole = [next(given) if shape.size else jnp.zeros(shape.shape, shape.dtype) for shape in shapes]
        return jax.tree.unflatten(structure, whole)

    def _repeated(self, so_far: tuple[Any, jax.Array, jax.Array], action: jax.Array) -> Any:
        """Returns state, reward and end after one more step; what comes after an end does not count."""
        before, reward, ended = so_far
        after, gained, over = self._stepped(before, action)
        after = jax.tree.map(lambda new, old: jnp.where(ended, old, new), after, before)
        return after, reward + jnp.where(ended, 0.0, gained), ended | over

    def _stepped(self, before: Any, action: jax.Array) -> tuple[Any, jax.Array, jax.Array]:
        """Returns Playground's next state with the types of its first, its reward, and whether it is done."""
        # Playground updates the dictionaries of the state that it is given: hand it copies.
        with _quietly():
            after = self.env.step(jax.tree.map(lambda leaf: leaf, before), action)
        after = jax.tree.map(lambda leaf, first: jnp.asarray(leaf, first.dtype), after, self._shapes)
        return after, after.reward.astype(jnp.float32), after.done > 0.5


def _registry(name: str) -> Any:
    """Returns Playground's registry.

    Raises:
        ValueError: the package is not installed, or cannot be imported.
    """
    try:
        with _quietly():
            return importlib.import_module("mujoco_playground").registry
    except ImportError as error:
        raise ValueError(
            f"env {name} needs MuJoCo Playground (PyPI: playground, with warp-lang about 470 MB): "
            f"pip install 'wsrl_mjx[playground]' ({error})"
        ) from error


def _check_name(env_name: str, known: tuple[str, ...]) -> None:
    if env_name not in known:
        near = difflib.get_close_matches(env_name, known, n=1)
        hint = f" Did you mean 'playground:{near[0]}'?" if near else ""
        names = ", ".join(f"playground:{name}" for name in sorted(known))
        raise ValueError(f"env is 'playground:{env_name}'; choose one of {names}.{hint}")


def _check_models(env_name: str, registry: Any) -> None:
    """Raises ValueError where Playground would download the robot's model; nothing downloads at run time."""
    folder = getattr(getattr(registry, "mjx_env", None), "MENAGERIE_PATH", None)
    shipped = env_name in registry.dm_control_suite.ALL_ENVS
    if not shipped and folder is not None and not folder.exists():
        raise ValueError(
            f"env playground:{env_name} needs the robot models of MuJoCo Menagerie, which Playground does "
            f"not ship, and nothing is downloaded at run time. Fetch them once into {folder}: "
            f'python -c "{FETCH}". The control suite\'s need none, such as playground:CheetahRun'
        )


def _size(name: str, obs: Any) -> int:
    """Returns the size of what is observed, from its shape.

    Raises:
        ValueError: there are images, or it is not one array [O].
    """
    if isinstance(obs, Mapping) and any("pixels" in key for key in obs):
        raise ValueError(f"env {name} observes pixels ({', '.join(obs)}); only numbers [O] are supported")
    seen = obs.get(OBSERVED) if isinstance(obs, Mapping) else obs
    if not isinstance(seen, jax.ShapeDtypeStruct) or len(seen.shape) != 1:
        raise ValueError(
            f"env {name} observes {obs}; only flat observations [O] are supported, or a dictionary with one "
            f"under {OBSERVED!r}"
        )
    return int(seen.shape[0])


def _observed(obs: Any) -> jax.Array:
    return jnp.asarray(obs[OBSERVED] if isinstance(obs, Mapping) else obs, jnp.float32)


def _floats(metrics: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    return {name: jnp.asarray(value, jnp.float32) for name, value in metrics.items()}


def _once_where_equal(leaf: np.ndarray) -> np.ndarray:
    return leaf[:1] if (leaf == leaf[:1]).all() else leaf


def _version() -> str:
    try:
        return metadata.version("playground")
    except metadata.PackageNotFoundError:  # a copy of its source
        return "unknown"
