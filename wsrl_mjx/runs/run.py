"""Runs an experiment: the loop over compiled chunks, with evaluation, logging and checkpoints between them.

What touches clock, disk and console begins here. What is computed is in `phases` and `recipes`.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from wsrl_mjx import keys
from wsrl_mjx.analysis.metrics import Row
from wsrl_mjx.config import build, grid, named_datasets
from wsrl_mjx.config.settings import Config, evaluation_points, flat_fields
from wsrl_mjx.data import held_out
from wsrl_mjx.keys import Purpose
from wsrl_mjx.runs import lock, plan, pretrained, report, signals
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.evaluation import Evaluation
from wsrl_mjx.runs.offline_data import OfflineData
from wsrl_mjx.runs.pretraining_sharing import Sharing
from wsrl_mjx.runs.programs import Programs
from wsrl_mjx.runs.resumption import Resumption, Saved
from wsrl_mjx.runs.run_folder import RunFolder
from wsrl_mjx.runs.run_record import RunRecord
from wsrl_mjx.training import loop, non_finite
from wsrl_mjx.training.recipe import Recipe
from wsrl_mjx.training.sharding import Placement
from wsrl_mjx.types import Clock, Key, Metrics, TrainState, Transition


@dataclass(frozen=True)
class RunOptions:
    """Where a run lives and what it starts from; nothing here changes a number."""

    run_dir: Path
    cache_dir: Path
    resume: bool = False
    pretrained: Path | None = None
    devices: int = 1


def open_folder(config: Config, run_dir: Path, resume: bool) -> RunFolder:
    """Makes the run's folder, or opens it to go on there; see `RunFolder` for what is refused."""
    settings = settings_of(config)
    if resume:
        return RunFolder.reopen(run_dir, settings, settings_of(Config()))
    return RunFolder.create(run_dir, settings)


def settings_of(config: Config) -> dict[str, Any]:
    """Returns the settings as a run folder keeps them."""
    return pretrained.as_json(flat_fields(config))


class Run:
    """One experiment under way: settings, programs and writers. The training state is passed around.

    Runs that are given the same programs share its compiled programs.
    """

    def __init__(
        self, config: Config, options: RunOptions, console: Console, programs: Programs | None = None
    ) -> None:
        self.config, self.options, self.console = config, options, console
        self.programs = programs or Programs()
        self.members = grid.members_of(config)
        self.placement = Placement.over(options.devices, len(self.members))
        self.env = self.programs.env(config)
        # Whatever is wrong is said before anything is compiled: making the recipe computes first numbers.
        if options.resume:
            self.folder = open_folder(config, options.run_dir, resume=True)
        else:
            named_datasets.check_contents(config.data, self.env, options.cache_dir)
        self.rows_of_data = named_datasets.count_rows(config.data, self.env, options.cache_dir)
        self.recipe = build.side_by_side(config, self.env)
        plan.check_memory(config, self.env, self.recipe, self.rows_of_data, options.devices)
        identity = pretrained.identity(config, self.env, options.cache_dir)
        if not options.resume:
            pretrained.check(options.pretrained, identity)
            self.folder = open_folder(config, options.run_dir, resume=False)
        self.sharing = Sharing(identity, options.pretrained, options.cache_dir, self.folder, console)
        self.facts = RunRecord()
        self.evaluation = Evaluation(
            self.env,
            self.recipe.judge,
            config,
            options.run_dir,
            self._compiled,
            self.recipe.shared,
            self.placement,
        )
        self.data = OfflineData(config, self.env, options.cache_dir, self.placement, self._compiled, console)
        steps = config.evaluation.chunk_steps
        self._chunk = loop.make_chunk(steps, self.placement)
        self._online_chunk = loop.make_chunk(steps // config.online.num_envs, self.placement)

    # -- phases -------------------------------------------------------------------------------------------

    def train(self) -> None:
        """Runs, or goes on with, all phases, and writes the report.

        Raises:
            ValueError: another process runs in the same folder, or no checkpoint in it can be gone on with.
            StoppedError: a signal asked for the end; what is done is saved.
            NotFiniteError: a learner's losses or gradients are not finite, again and again.
            OSError: the folder is gone, or cannot be written any more.
        """
        plan.show(self.console, self.config, self.env, self.recipe, self.rows_of_data)
        with lock.held(self.folder.path):
            if self.options.resume:
                self.folder.settle(settings_of(self.config))
            self.resumption = Resumption(self.folder, self.console)
            try:
                self._train()
            finally:
                self.folder.close()
                self.resumption.close()

    def _train(self) -> None:
        phase, step, state, clock = self._start_or_resume()
        if phase == "pretrain":
            state = self._switch(self._pretrain(state, clock, step))
            clock, step = Clock.zero(), 0
            self._evaluate_online(state, 0)
            signals.check()  # a signal need not wait for the next program
        if step < self.config.online.online_steps:
            self._fine_tune(state, clock, step)
        else:
            self.console.say(f"{self.options.run_dir} is finished: {step:,} online steps are done")
        report.write(self.folder.path, self.config, self.env.reference, asdict(self.facts), self.console)

    def _start_or_resume(self) -> tuple[str, int, TrainState, Clock]:
        """Returns phase, step, state and clock of a fresh start or of the newest sound checkpoint."""
        like = lambda phase: self.recipe.shapes(phase, len(self.members))
        saved = self.resumption.newest(like) if self.options.resume else None
        if self.options.resume and not self._is_finished(saved):
            for line in self.folder.settle_versions():
                self.console.say(f"not what it last ran with, so bits may differ: {line}")
        if saved is None:
            return "pretrain", 0, *self._placed(self.recipe.begin_all(self._keys()), Clock.zero())
        self.facts = RunRecord(**saved.facts)
        if self.config.needs_data:
            self.evaluation.held_out = held_out.load(self.folder.path)
        self.console.say(f"resuming in {saved.phase} at step {saved.step:,}")
        return saved.phase, saved.step, *self._placed(saved.state, saved.clock)

    def _is_finished(self, saved: Saved | None) -> bool:
        return saved is not None and (saved.phase, saved.step) == ("online", self.config.online.online_steps)

    def _pretrain(self, state: TrainState, clock: Clock, step: int) -> TrainState:
        """Returns the pretrained state: read from where it was kept, or trained on the dataset."""
        total = self.config.offline.offline_steps
        if total == 0:
            return state
        if step == total:  # resumed right at the switch
            self.sharing.keep((state, clock), self.facts)
            return state
        # Never in the middle: the rows of the steps that are done are in metrics.csv already.
        found = self._find_pretrained(state, clock) if step == 0 else None
        if found is not None:
            return found
        data = self._load_data()
        phase, every = self.recipe.pretrain, self.config.evaluation
        program = self._compiled("pretraining", self._chunk, phase, data, state, clock)
        signals.check()
        with self.console.progress("pretraining", total, step, "gradient steps") as progress:
            for done in range(step + every.chunk_steps, total + 1, every.chunk_steps):
                began = self.facts.clock()
                state, clock, metrics = program(phase, data, state, clock)
                self._log("pretrain", done, metrics, state.agent)
                self.facts.spent("pretraining", began)
                if done % every.pretrain_eval_every == 0 and done < total:
                    progress.score(self._evaluate_and_log("pretrain", done, state))
                self._end_chunk("pretrain", done, total, state, clock)
                progress.advance_to(done)
        self.sharing.keep((state, clock), self.facts)
        return state

    def _switch(self, pretrained: TrainState) -> TrainState:
        """Returns the state at the start of fine-tuning, and drops the data unless the method keeps it."""
        config, recipe = self.config, self.recipe
        data = self._load_data() if config.prefilled_rows or config.keeps_data else None
        # The recipe is an argument: how many rows it puts into the buffer is part of the program.
        given = recipe, pretrained, recipe.fresh_all(pretrained), data if config.prefilled_rows else None
        state = self._compiled("switch", jax.jit(Recipe.switch_all), *given)(*given)
        if not config.keeps_data:
            self.data.drop()
        return self.placement.spread(state)

    def _fine_tune(self, state: TrainState, clock: Clock, step: int) -> None:
        """Runs warmup and fine-tuning, one compiled program, to the end."""
        online, every = self.config.online, self.config.evaluation
        points = set(evaluation_points(self.config))
        phase, shared = self.recipe.online, self.recipe.shared
        if self.config.keeps_data:
            shared = shared.replace(data=self._load_data())
        program = self._compiled("fine-tuning", self._online_chunk, phase, shared, state, clock)
        signals.check()
        with self.console.progress("warmup", online.online_steps, step, "env steps") as progress:
            for done in range(step + every.chunk_steps, online.online_steps + 1, every.chunk_steps):
                began = self.facts.clock()
                name = "warmup" if done <= self.config.first_update else "fine-tuning"
                state, clock, metrics = program(phase, shared, state, clock)
                self._log("online", done, metrics, state.agent)
                self.facts.spent(name, began)
                if done in points:
                    progress.score(self._evaluate_online(state, done))
                self._end_chunk("online", done, online.online_steps, state, clock)
                progress.advance_to(done, name)

    # -- data and pretraining -----------------------------------------------------------------------------

    def _load_data(self) -> Transition:
        """Returns the dataset on the device; see `OfflineData.load`."""
        rows = self.data.load(self.recipe.shared.reward_transform, self.facts)
        if self.data.held_out is not None:
            held_out.save(self.folder.path, self.data.held_out)
            self.evaluation.held_out = self.data.held_out
        return rows

    def _find_pretrained(self, state: TrainState, clock: Clock) -> TrainState | None:
        """Returns a finished pretraining: of the run named by --pretrained, or one kept in the cache."""
        found = self.sharing.find(jax.eval_shape(lambda: (state, clock)))
        if found is None:
            return None
        spent = {"seconds": self.facts.seconds, "compile_seconds": self.facts.compile_seconds}
        self.facts = RunRecord(**found.meta["facts"] | spent)  # what that pretraining cost was paid elsewhere
        self.facts.pretraining_from = self.sharing.origin
        self.evaluation.held_out = found.held_out
        return self.placement.spread(found.state[0])

    # -- evaluation, logs, checkpoints --------------------------------------------------------------------

    def _evaluate_online(self, state: TrainState, step: int) -> str:
        return self._evaluate_and_log("online", step, state)

    def _evaluate_and_log(self, phase: str, step: int, state: TrainState) -> str:
        """Measures every member's agent; returns the score as text."""
        algorithm = (self.recipe.pretrain if phase == "pretrain" else self.recipe.online).algorithm
        agent = algorithm.hand_over(state.agent)
        began = self.facts.clock()
        values = self.evaluation.measure(phase, step, agent)
        if phase == "online":
            values |= self.evaluation.measure_online(step, agent, state.reference, state.buffer)
        self.facts.spent("evaluation", began)
        self._write(phase, step, values)
        return self._show_return(values["eval/return"].mean())

    def _log(self, phase: str, step: int, metrics: Metrics, agent: Any) -> None:
        """Writes the means of one chunk, and the updates that were left out so far.

        What had no weight in the chunk has no row.
        """
        host = jax.device_get(metrics)
        values = {
            name: np.where(m.weight > 0, m.total / np.maximum(m.weight, 1e-9), np.nan)
            for name, m in host.items()
        }
        values["learner/skipped"] = np.sum(list(non_finite.by_network(agent).values()), axis=0)
        self._write(phase, step, values)

    def _write(self, phase: str, step: int, values: dict[str, np.ndarray]) -> None:
        """Appends values [M] by name to the metrics, a row a member."""
        self.folder.append(
            Row(phase, step, member.seed, name, float(value), member.point)
            for name, of_all in values.items()
            for member, value in zip(self.members, of_all, strict=True)
            if not np.isnan(value)
        )

    def _end_chunk(self, phase: str, done: int, total: int, state: TrainState, clock: Clock) -> None:
        """Saves where that is due, or where a signal asks for the end, and then ends.

        Raises:
            NotFiniteError: see `skipped.check`; nothing is saved then.
            StoppedError: a signal has asked for the end.
        """
        limit = self.config.evaluation.max_skipped_updates
        non_finite.check(
            state.agent, limit, [member.label for member in self.members], f"step {done:,} of {phase}"
        )
        stopped_by = signals.received()
        due = done % self.config.evaluation.checkpoint_every == 0 or done == total
        if due or stopped_by or self.resumption.overdue:
            self._checkpoint(phase, done, state, clock)
        if stopped_by:
            how = "not saved" if self.resumption.overdue else "saved"
            raise signals.StoppedError(f"stopped by {stopped_by}; {how} in {phase} at step {done:,}")

    def _checkpoint(self, phase: str, step: int, state: TrainState, clock: Clock) -> None:
        began = self.facts.clock()
        index = step if phase == "pretrain" else self.config.offline.offline_steps + step
        self.resumption.save(index, phase, step, asdict(self.facts), state, clock)
        self.facts.spent("checkpoints", began)

    # -- small things -------------------------------------------------------------------------------------

    def _compiled(self, what: str, jitted: Any, *args: Any) -> Any:
        """Compiles a program once, ahead of its first call, so that its time is known and shown."""
        program, seconds = self.programs.compiled(self.config, what, jitted, args, self.console.compiling)
        if seconds:
            before = self.facts.compile_seconds.get(what, 0.0)  # of another phase
            self.facts.compile_seconds[what] = round(before + seconds, 2)
            if memory := plan.program_memory(program):
                self.console.say(f"memory of {what}: {memory}")
        return program

    def _placed(self, state: TrainState, clock: Clock) -> tuple[TrainState, Clock]:
        """Returns the members spread over the devices, and the clock on all of them."""
        return self.placement.spread(state), self.placement.copied(clock)

    def _keys(self) -> Key:
        seeds = jnp.asarray([member.seed for member in self.members])
        return jax.vmap(lambda seed: keys.of(seed, Purpose.TRAINING))(seeds)

    def _show_return(self, value: float) -> str:
        return f"return {value:,.0f}" if self.env.reference is None else self.env.reference.show(value)
