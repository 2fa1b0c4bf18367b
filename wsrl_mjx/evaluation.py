"""What is measured of the agents between compiled chunks: whole episodes, and critics on held-out data.

Measuring draws from keys of its own, so that it never moves the training's.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from envs.base import Environment
from wsrl_mjx import keys, losses, maze_view, members, networks, rollout
from wsrl_mjx.algos.sac import SAC, SACState
from wsrl_mjx.config import Config
from wsrl_mjx.keys import Purpose
from wsrl_mjx.phases import ONE_DEVICE, member_axes
from wsrl_mjx.placement import Placement
from wsrl_mjx.types import Key, Transition

Compile = Callable[..., Any]  # name, jitted function, arguments -> the program
PURPOSES = {"pretrain": Purpose.PRETRAIN_EVALUATION, "online": Purpose.ONLINE_EVALUATION}


class Evaluation:
    """Measures all members at once; `compiled` gives the program of a name, compiled once."""

    def __init__(
        self,
        env: Environment,
        sac: SAC,
        config: Config,
        folder: Path,
        compiled: Compile,
        placement: Placement = ONE_DEVICE,
    ) -> None:
        self._env, self._sac, self._config, self._compiled = env, sac, config, compiled
        # The picture is of one policy's seeds: over a grid it would mix what differs.
        self._maze = None if config.points else maze_view.of(env, sac, folder, placement)
        self._seeds = jnp.asarray([member.seed for member in members.of(config)])
        self._play = jax.jit(placement.over_members(self._play_one, (0, 0)))
        self._judge = jax.jit(placement.over_members(_judge_one, (member_axes(sac), 0, None, 0)))
        self.held_out: Transition | None = None  # [H], the same for all members

    def measure(self, phase: str, step: int, agent: SACState) -> dict[str, np.ndarray]:
        """Returns what every member's agent [M] shows, [M] by name; a maze's look goes to the run folder."""
        at_step = lambda seed: jax.random.fold_in(keys.of(seed, PURPOSES[phase]), step)
        of_step = jax.vmap(at_step)(self._seeds)
        key, key_judge, key_look = jax.vmap(lambda key: jax.random.split(key, 3), out_axes=1)(of_step)
        params = agent.actor.params
        episodes = jax.device_get(self._compiled("evaluation", self._play, params, key)(params, key))
        values = {
            "eval/return": episodes.returns.mean(axis=1),
            "eval/return_std": episodes.returns.std(axis=1),
            "eval/length": episodes.lengths.mean(axis=1),
            "eval/x_velocity": episodes.x_velocity.mean(axis=1),
            "eval/invalid": 1.0 - episodes.valid.mean(axis=1),
        }
        if self._env.reference is not None:
            values["eval/score"] = self._env.reference.normalize(values["eval/return"])
        if self.held_out is not None:
            arguments = (self._sac, agent, self.held_out, key_judge)
            values |= jax.device_get(self._compiled("held-out data", self._judge, *arguments)(*arguments))
        if self._maze is not None:
            self._maze.keep(phase, step, agent, key_look, self._compiled)
        return values

    def _play_one(self, actor_params: Any, key: Key) -> rollout.Episodes:
        """Plays deterministic episodes."""
        act = lambda obs, _: self._sac.policy(actor_params, obs).mode()
        return rollout.evaluate(self._env, act, key, self._config.evaluation.eval_episodes)


def _judge_one(sac: SAC, agent: SACState, rows: Transition, key: Key) -> dict[str, jax.Array]:
    """Returns mean Q and mean squared TD error of SAC's target over the ensemble and `rows` [H]."""
    q = networks.apply_ensemble(sac.critic, agent.critic.params, rows.obs, rows.action)
    target = sac.target(agent, rows, key)
    return {
        "held_out/q": losses.masked_mean(q, rows.valid),
        "held_out/td_error": losses.critic_loss(q, target, rows.valid),
    }
