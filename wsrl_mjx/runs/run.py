"""Runs an experiment: the loop over compiled chunks, with evaluation, logging and checkpoints between them.

What touches clock, disk and console begins here. What is computed is in `wsrl_mjx.training`.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from wsrl_mjx import keys
from wsrl_mjx.analysis.metrics import Row
from wsrl_mjx.config import schedules
from wsrl_mjx.config.settings import Config
from wsrl_mjx.data import held_out
from wsrl_mjx.keys import Purpose
from wsrl_mjx.runs import lock, plan, report, signals
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.evaluation import Evaluation
from wsrl_mjx.runs.offline_data import OfflineData
from wsrl_mjx.runs.pretraining_sharing import PretrainingSharing
from wsrl_mjx.runs.programs import Programs, ProgramsOfRun
from wsrl_mjx.runs.resumption import Resumption, Saved
from wsrl_mjx.runs.run_record import RunRecord
from wsrl_mjx.runs.setup import RunOptions, Setup, open_folder, settings_of
from wsrl_mjx.training import loop, non_finite
from wsrl_mjx.training.loop import Advanced
from wsrl_mjx.training.recipe import Recipe
from wsrl_mjx.training.schedule import Schedule
from wsrl_mjx.types import Clock, Key, TrainState, Transition


class Run:
    """One experiment under way: its setup, programs and writers. The training state is passed around.

    Runs that are given the same `Programs` share what is compiled.
    """

    def __init__(
        self, config: Config, options: RunOptions, console: Console, programs: Programs | None = None
    ) -> None:
        programs = programs or Programs()
        # Whatever is wrong is said before anything is compiled or written.
        resumed = open_folder(config, options.run_dir, resume=True) if options.resume else None
        self.setup = Setup.make(config, options, programs.env(config))
        self.folder = resumed or open_folder(config, options.run_dir, resume=False)
        self.console, self.record = console, RunRecord()
        self.programs = ProgramsOfRun(programs, config, self.record, console)
        self.data = OfflineData(self.setup, self.programs, self.record, console)
        self.sharing = PretrainingSharing(self.setup, self.folder, console)
        self.evaluation = Evaluation(self.setup, self.programs)
        self.pretraining, self.online = schedules.of_pretraining(config), schedules.of_online(config)

    @property
    def config(self) -> Config:
        """The settings."""
        return self.setup.config

    @property
    def options(self) -> RunOptions:
        """Where it lives, and what it starts from."""
        return self.setup.options

    # -- phases -------------------------------------------------------------------------------------------

    def train(self) -> None:
        """Runs, or goes on with, all phases, and writes the report.

        Raises:
            ValueError: another process runs in the same folder, or no checkpoint in it can be gone on with.
            StoppedError: a signal asked for the end; what is done is saved.
            NotFiniteError: a learner's losses or gradients are not finite, again and again.
            OSError: the folder is gone, or cannot be written any more; or the last checkpoint of a run
                that is done could not be saved.
        """
        setup = self.setup
        plan.show(self.console, self.config, setup.env, setup.recipe, setup.data.count)
        with lock.held(self.folder.path):
            if self.options.resume:
                self.folder.settle(settings_of(self.config))
            self.checkpoints = Resumption(self.folder, self.console)
            try:
                self._train()
            finally:
                self.folder.close()
                self.checkpoints.close()

    def _train(self) -> None:
        phase, step, state, clock = self._start_or_resume()
        if phase == "pretrain":
            state = self._switch(self._pretrain(state, clock, step))
            clock, step = Clock.zero(), 0
            self._evaluate("online", 0, state)
            signals.check()  # a signal need not wait for the next program
        if step < self.online.last:
            self._fine_tune(state, clock, step)
        else:
            self.console.say(f"{self.folder.path} is finished: {step:,} online steps are done")
        reference = self.setup.env.reference
        report.write(self.folder.path, self.config, reference, asdict(self.record), self.console)
        if self.checkpoints.overdue:
            raise OSError(f"{self.folder.path} is finished, and its last checkpoint could not be saved")

    def _start_or_resume(self) -> tuple[str, int, TrainState, Clock]:
        """Returns phase, step, state and clock of a fresh start or of the newest sound checkpoint."""
        setup, placement = self.setup, self.setup.placement
        like = lambda phase: setup.recipe.shapes(phase, len(setup.members))
        saved = self.checkpoints.newest(like) if self.options.resume else None
        if self.options.resume and not self._is_finished(saved):
            for line in self.folder.settle_versions():
                self.console.say(f"not what it last ran with, so bits may differ: {line}")
        if saved is None:
            begun = placement.spread(setup.recipe.begin_all(self._keys()))
            return "pretrain", 0, begun, placement.copied(Clock.zero())
        self.record.continue_from(saved.facts)
        if self.config.needs_data:
            self.evaluation.held_out = held_out.load(self.folder.path)
        self.console.say(f"resuming in {saved.phase} at step {saved.step:,}")
        return saved.phase, saved.step, placement.spread(saved.state), placement.copied(saved.clock)

    def _is_finished(self, saved: Saved | None) -> bool:
        return saved is not None and (saved.phase, saved.step) == ("online", self.online.last)

    def _pretrain(self, state: TrainState, clock: Clock, step: int) -> TrainState:
        """Returns the pretrained state: read from where it was kept, or trained on the dataset."""
        schedule = self.pretraining
        if schedule.last == 0:
            return state
        if step < schedule.last:
            # Never in the middle: the rows of the steps that are done are in metrics.csv already.
            found = self._find_pretrained(state, clock) if step == 0 else None
            if found is not None:
                return found
            data, phase = self._load_data(), self.setup.recipe.pretrain
            chunks = self._chunks("pretraining", phase, data, state, clock, step, schedule)
            with self.console.progress("pretraining", schedule.last, step, "gradient steps") as progress:
                for done in chunks:
                    state, clock = done.state, done.clock
                    self._log("pretrain", "pretraining", done)
                    if done.step in schedule.evaluations:
                        progress.score(self._evaluate("pretrain", done.step, state))
                    self._end_chunk("pretrain", schedule, done)
                    progress.advance_to(done.step)
        self.sharing.keep((state, clock), self.record)
        return state

    def _switch(self, pretrained: TrainState) -> TrainState:
        """Returns the state at the start of fine-tuning, and drops the data unless the method keeps it."""
        config, recipe = self.config, self.setup.recipe
        data = self._load_data() if config.prefilled_rows or config.keeps_data else None
        # The recipe is an argument: how many rows it puts into the buffer is part of the program.
        given = recipe, pretrained, recipe.fresh_all(pretrained), data if config.prefilled_rows else None
        state = self.programs.compiled("switch", jax.jit(Recipe.switch_all), *given)(*given)
        if not config.keeps_data:
            self.data.drop()
        return self.setup.placement.spread(state)

    def _fine_tune(self, state: TrainState, clock: Clock, step: int) -> None:
        """Runs warmup and fine-tuning, one compiled program, to the end."""
        schedule, phase, shared = self.online, self.setup.recipe.online, self.setup.recipe.shared
        if self.config.keeps_data:
            shared = shared.replace(data=self._load_data())
        chunks = self._chunks("fine-tuning", phase, shared, state, clock, step, schedule)
        with self.console.progress("warmup", schedule.last, step, "env steps") as progress:
            for done in chunks:
                name = "warmup" if done.step <= self.config.first_update else "fine-tuning"
                self._log("online", name, done)
                if done.step in schedule.evaluations:
                    progress.score(self._evaluate("online", done.step, done.state))
                self._end_chunk("online", schedule, done)
                progress.advance_to(done.step, name)

    def _chunks(
        self,
        name: str,
        phase: Any,
        shared: Any,
        state: TrainState,
        clock: Clock,
        first: int,
        schedule: Schedule,
    ) -> Iterator[Advanced]:
        """Returns what yields after every chunk of a phase, to its end; its program is compiled by then."""
        length, ends = schedule.stride(first), schedule.ends_after(first)
        steps_each = self.config.online.num_envs if schedule is self.online else 1
        chunk = loop.make_chunk(length // steps_each, self.setup.placement)
        arguments = phase, shared, state, clock, jnp.ones((), jnp.int32)
        program = self.programs.compiled(name, chunk, *arguments, length=length)
        signals.check()
        return loop.advance(program, length, lambda _: phase, shared, state, clock, first, ends)

    # -- data and pretraining -----------------------------------------------------------------------------

    def _load_data(self) -> Transition:
        """Returns the dataset on the device; see `OfflineData.load`."""
        rows = self.data.load()
        if self.data.held_out is not None:
            held_out.save(self.folder.path, self.data.held_out)
            self.evaluation.held_out = self.data.held_out
        return rows

    def _find_pretrained(self, state: TrainState, clock: Clock) -> TrainState | None:
        """Returns a finished pretraining: of the run named by --pretrained, or one kept in the cache."""
        found = self.sharing.find(jax.eval_shape(lambda: (state, clock)))
        if found is None:
            return None
        spent = {"seconds": self.record.seconds, "compile_seconds": self.record.compile_seconds}
        self.record.continue_from(
            found.meta["facts"] | spent
        )  # what that pretraining cost was paid elsewhere
        self.record.pretraining_from = self.sharing.origin
        self.evaluation.held_out = found.held_out
        return self.setup.placement.spread(found.state[0])

    # -- evaluation, logs, checkpoints --------------------------------------------------------------------

    def _evaluate(self, phase: str, step: int, state: TrainState) -> str:
        """Measures every member's agent; returns the score as text."""
        recipe, reference = self.setup.recipe, self.setup.env.reference
        algorithm = (recipe.pretrain if phase == "pretrain" else recipe.online).algorithm
        agent = algorithm.hand_over(state.agent)
        began = self.record.clock()
        values = self.evaluation.measure(phase, step, agent)
        if phase == "online":
            values |= self.evaluation.measure_online(step, agent, state.reference, state.buffer)
        self.record.spent("evaluation", began)
        self._write(phase, step, values)
        mean = values["eval/return"].mean()
        return f"return {mean:,.0f}" if reference is None else reference.show(mean)

    def _log(self, phase: str, name: str, done: Advanced) -> None:
        """Writes the means of one chunk, and the updates that were left out so far."""
        self.record.took(name, done.seconds)
        left_out = np.sum(list(non_finite.by_network(done.state.agent).values()), axis=0)
        self._write(phase, done.step, done.metrics | {"learner/skipped": left_out})

    def _write(self, phase: str, step: int, values: dict[str, np.ndarray]) -> None:
        """Appends values [M] by name to the metrics, a row a member; what is NaN has no row."""
        self.folder.append(
            Row(phase, step, member.seed, name, float(value), member.point)
            for name, of_all in values.items()
            for member, value in zip(self.setup.members, of_all, strict=True)
            if not np.isnan(value)
        )

    def _end_chunk(self, phase: str, schedule: Schedule, done: Advanced) -> None:
        """Saves where that is due, or where a signal asks for the end, and then ends.

        Raises:
            NotFiniteError: see `non_finite.check`; nothing is saved then.
            StoppedError: a signal has asked for the end.
        """
        limit = self.config.evaluation.max_skipped_updates
        labels = [member.label for member in self.setup.members]
        non_finite.check(done.state.agent, limit, labels, f"step {done.step:,} of {phase}")
        stopped_by = signals.received()
        if done.step in schedule.checkpoints or stopped_by or self.checkpoints.overdue:
            self._checkpoint(phase, done.step, done.state, done.clock)
        if stopped_by:
            how = "not saved" if self.checkpoints.overdue else "saved"
            raise signals.StoppedError(f"stopped by {stopped_by}; {how} in {phase} at step {done.step:,}")

    def _checkpoint(self, phase: str, step: int, state: TrainState, clock: Clock) -> None:
        began = self.record.clock()
        index = step if phase == "pretrain" else self.config.offline.offline_steps + step
        self.checkpoints.save(index, phase, step, asdict(self.record), state, clock)
        self.record.spent("checkpoints", began)

    def _keys(self) -> Key:
        seeds = jnp.asarray([member.seed for member in self.setup.members])
        return jax.vmap(lambda seed: keys.of(seed, Purpose.TRAINING))(seeds)
