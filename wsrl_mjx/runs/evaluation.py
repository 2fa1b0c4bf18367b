"""What is measured of the agents between compiled chunks: whole episodes, critics on fixed rows, true values.

Measuring draws from keys of its own, so that it never moves the training's.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from wsrl_mjx import keys
from wsrl_mjx.algos.sac import SACState
from wsrl_mjx.data import rollout
from wsrl_mjx.data.replay import ReplayBuffer
from wsrl_mjx.keys import Purpose
from wsrl_mjx.rendering import maze_view
from wsrl_mjx.runs import layout
from wsrl_mjx.runs.setup import Setup
from wsrl_mjx.training import diagnostics
from wsrl_mjx.training.loop import member_axes
from wsrl_mjx.types import Compiler, Key, Params, Transition

PURPOSES = {"pretrain": Purpose.PRETRAIN_EVALUATION, "online": Purpose.ONLINE_EVALUATION}


class Evaluation:
    """Measures all members of a run at once."""

    def __init__(self, setup: Setup, compiler: Compiler) -> None:
        env, sac, config, placement = setup.env, setup.recipe.judge, setup.config, setup.placement
        self._env, self._sac, self._config, self._compiler = env, sac, config, compiler
        self._shared = setup.recipe.shared
        # The picture is of one policy's seeds: over a grid it would mix what differs.
        looks = setup.options.run_dir / layout.MAZE_LOOKS
        self._maze = None if config.points else maze_view.of(env, sac, looks, placement)
        self._seeds = jnp.asarray([member.seed for member in setup.members])
        axes = (member_axes(sac), 0)
        self._play = jax.jit(placement.over_members(self._play_one, (0, 0)))
        self._judge = jax.jit(placement.over_members(_judge_one, (*axes, None, 0)))
        self._judge_replay = jax.jit(
            placement.over_members(diagnostics.judge_replay, (*axes, 0, None, None, 0))
        )
        self._drift = jax.jit(placement.over_members(diagnostics.drift, (*axes, 0, None)))
        algorithms = {"pretrain": config.offline.offline_algo, "online": config.online.online_algo}
        # How many actions a target takes the best of is static, and the phases may differ in it.
        self._followed = {
            phase: sac.replace(backup_actions=config.backup_actions_of(algorithm))
            for phase, algorithm in algorithms.items()
        }
        self._true_value = {
            phase: jax.jit(placement.over_members(self._true_value_one, (member_axes(followed), 0, None, 0)))
            for phase, followed in self._followed.items()
        }
        self.held_out: Transition | None = None  # [H], the same for all members

    def measure(self, phase: str, step: int, agent: SACState) -> dict[str, np.ndarray]:
        """Returns what every member's agent [M] shows, [M] by name; a maze's look goes to the run folder."""
        key, key_judge, key_look, key_value = self._keys(phase, step)
        params = agent.actor.params
        episodes = jax.device_get(self._run("evaluation", self._play, params, key))
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
            values |= self._run("held-out data", self._judge, self._sac, agent, self.held_out, key_judge)
            count = self._config.evaluation.true_value_states
            if count:
                arguments = self._followed[phase], agent, self.held_out.obs[:count], key_value
                values |= self._run("true values", self._true_value[phase], *arguments)
        if self._maze is not None:
            self._maze.keep(phase, step, agent, key_look, self._compiler)
        return values

    def measure_online(
        self, step: int, agent: SACState, reference: Params, buffer: ReplayBuffer
    ) -> dict[str, np.ndarray]:
        """Returns what else there is to see since the switch: the replay's rows, and the policy's drift."""
        *_, key = self._keys("online", step)
        inserted = step + self._shared.prefilled
        first_rows = jnp.asarray(self._config.first_update, jnp.int32) + self._shared.prefilled
        arguments = (self._sac, agent, buffer, inserted, first_rows, jax.vmap(_next)(key))
        values = self._run("replay rows", self._judge_replay, *arguments)
        if self.held_out is not None:
            actor = agent.actor.params
            values |= self._run("drift", self._drift, self._sac, actor, reference, self.held_out.obs)
        return values

    def _run(self, what: str, jitted: Any, *arguments: Any) -> Any:
        return jax.device_get(self._compiler.compiled(what, jitted, *arguments)(*arguments))

    def _keys(self, phase: str, step: int) -> list[Key]:
        """Returns every member's keys [M], one for each thing that is measured."""
        at_step = lambda seed: jax.random.fold_in(keys.of(seed, PURPOSES[phase]), step)
        of_step = jax.vmap(at_step)(self._seeds)
        return list(jax.vmap(lambda key: jax.random.split(key, 4), out_axes=1)(of_step))

    def _play_one(self, actor_params: Any, key: Key) -> rollout.EpisodeScores:
        """Plays deterministic episodes."""
        act = lambda obs, _: self._sac.policy(actor_params, obs).mode()
        return rollout.evaluate(self._env, act, key, self._config.evaluation.eval_episodes)

    def _true_value_one(self, sac: Any, agent: SACState, obs: jax.Array, key: Key) -> diagnostics.Values:
        steps = diagnostics.horizon(self._config.agent.discount)
        transform = self._shared.reward_transform
        return diagnostics.true_value(self._env, sac, agent, obs, transform, steps, key)


def _judge_one(sac: Any, agent: SACState, rows: Transition, key: Key) -> diagnostics.Values:
    return diagnostics.judge(sac, agent, rows, key, "held_out")


def _next(key: Key) -> Key:
    return jax.random.fold_in(key, 1)
