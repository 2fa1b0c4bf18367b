"""Experiments of many runs: carried out one after another, resumable, never done twice."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from wsrl_mjx.analysis.text import duration
from wsrl_mjx.config import named_datasets
from wsrl_mjx.config.presets import preset_config, resolve_preset
from wsrl_mjx.config.settings import Config, replace_flat
from wsrl_mjx.config.validation import validate
from wsrl_mjx.data.trajectories import TooFewError
from wsrl_mjx.runs import layout, origins, pretrained, shipped, signals
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.programs import Programs
from wsrl_mjx.runs.run import Run
from wsrl_mjx.runs.setup import RunOptions, open_folder
from wsrl_mjx.runs.trackers import Track
from wsrl_mjx.training.non_finite import NotFiniteError
from wsrl_mjx.training.sharding import Devices


class Job(NamedTuple):
    """One run of an experiment, ready to be carried out."""

    name: str  # of its folder inside the experiment's
    config: Config
    pretrained: str | None = None  # name of an earlier job whose pretraining it starts from
    shipped: Path | None = None  # folder of the shipped one that it starts from


@dataclass(frozen=True)
class PlannedRun:
    """One run of an experiment.

    Attributes:
        name: its folder inside the experiment's.
        env: the environment.
        changes: settings that differ from the preset's, by name.
        pretrained: the arm whose pretraining it starts from, done earlier; None for its own.
    """

    name: str
    env: str
    changes: dict[str, Any] = field(default_factory=dict)
    pretrained: str | None = None

    def job(self, preset: str, num_seeds: int, take_shipped: bool = False) -> Job:
        """Returns the run with its checked settings.

        Args:
            preset: as it was typed.
            num_seeds: trained side by side.
            take_shipped: start from a shipped pretraining, with its settings, where one fits.

        Raises:
            ValueError: a value that cannot work; the message names the field and the arm.
        """
        changes = {**self.changes, "num_seeds": num_seeds}
        if "dataset" in changes:
            changes["dataset"] = named_datasets.located(str(changes["dataset"]))
        try:
            method = str(changes.get("method", "wsrl"))
            config = replace_flat(preset_config(resolve_preset(preset), self.env, method), changes)
            validate(config)
            named_datasets.check_available(config.data, config.env)
        except ValueError as error:
            raise ValueError(f"arm {self.name}: {error}") from None
        item, config = shipped.chosen(None if take_shipped else origins.NOT_SHIPPED, config)
        return Job(self.name, config, self.pretrained, item)


def carry_out(
    jobs: Sequence[Job],
    folder: Path,
    cache_dir: Path,
    console: Console,
    devices: Devices = "auto",
    track: Track | None = None,
) -> None:
    """Runs what is not finished of `jobs`, in their order; what was cut off goes on where it was.

    Jobs that differ in numbers alone go through the same compiled programs. A run that cannot be trained to
    its end holds up none but those that start from its pretraining: these are left out.

    Raises:
        ValueError: a run in `folder` that was made with other settings.
        StoppedError: a signal asked for the end; what is done is saved.
    """
    programs, spent = Programs(), list[float]()
    for number, job in enumerate(jobs, start=1):
        signals.check()
        run_dir = folder / job.name
        waiting = [other.name for other in jobs[number - 1 :] if not is_done(other, folder)]
        console.say(f"run {number} of {len(jobs)}: {job.name}{_forecast(spent, len(waiting))}")
        if is_done(job, folder):
            open_folder(job.config, run_dir, resume=True)
            console.say("finished before")
            continue
        source = job.shipped if job.pretrained is None else folder / job.pretrained
        if job.pretrained is not None and source is not None and not pretrained.is_kept(source):
            if not (_is_begun(run_dir) or is_finished(source)):
                console.say(f"run {job.name} is left out: {job.pretrained} has no pretraining to start from")
                continue
            source = None  # it has its own, or finds it in the cache, or makes it
        options = RunOptions(
            run_dir, cache_dir, resume=_is_begun(run_dir), pretrained=source, devices=devices, track=track
        )
        began = time.perf_counter()
        try:
            Run(job.config, options, console, programs).train()
        except (NotFiniteError, TooFewError) as error:  # it would end there again; the others need not wait
            console.say(f"run {job.name} ended early: {error}")
        spent.append(time.perf_counter() - began)


def _forecast(spent: Sequence[float], waiting: int) -> str:
    """Returns the time that the runs still to be done will take if each takes what those before took."""
    if not spent:
        return ""
    left = duration(waiting * sum(spent) / len(spent))
    return f" ({waiting} not finished yet, about {left} left)"


def is_done(job: Job, folder: Path) -> bool:
    """Returns whether the job's run in the experiment's `folder` came to the end that the job asks for."""
    return is_finished(folder / job.name, job.config.online.online_steps)


def is_finished(run_dir: Path, online_steps: int = 0) -> bool:
    """Returns whether the run at `run_dir` came to its end: its summary is the last thing that it writes.

    With a number of online steps: whether its end was not before them.
    """
    summary = run_dir / layout.SUMMARY
    return summary.is_file() and json.loads(summary.read_text()).get("online_steps", 0) >= online_steps


def per_seed(run_dir: Path, moment: str) -> list[float]:
    """Returns every seed's score at a moment of a finished run: `pretrained` or `final`."""
    seeds = json.loads((run_dir / layout.SUMMARY).read_text())["seeds"]
    return [entry[moment]["score"] for entry in seeds.values()]


def _is_begun(run_dir: Path) -> bool:
    return (run_dir / layout.CONFIG).exists()
