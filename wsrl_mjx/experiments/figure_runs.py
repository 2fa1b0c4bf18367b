"""The runs behind a figure of `experiments.figures`: what was asked for, as jobs that share what they can."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import envs as worlds
from wsrl_mjx.config.assignments import written
from wsrl_mjx.config.domains import domain_of
from wsrl_mjx.config.methods import METHODS
from wsrl_mjx.config.presets import preset_config, resolve_preset
from wsrl_mjx.config.settings import Config, flat_fields, of_pretraining, replace_flat
from wsrl_mjx.config.validation import choose
from wsrl_mjx.experiments import jobs, warmup_grid
from wsrl_mjx.experiments.figure_arms import ARMS, FigureArm, Times
from wsrl_mjx.experiments.figures import FIGURES, HEAT_MAP
from wsrl_mjx.experiments.jobs import Job
from wsrl_mjx.experiments.warmup_grid import Axis, Grid
from wsrl_mjx.runs import pretrained

LENGTHS = (Times(0.5), Times(1.0), Times(2.0))  # of pretraining in the heat map
SCRATCH = ("offline_steps", "dataset")
DEFAULT = "wsrl"  # the arm that others can come out as: WSRL from Cal-QL, or with the preset's own warmup


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes:
        figure: a name in `FIGURES`.
        preset: resolved.
        envs: names of environments.
        num_seeds: of every run.
        changes: settings of all arms, by name; an arm's own come after them.
        axes: of the heat map; worlds are one more where they are several.
        shipped: whether runs start from a shipped pretraining where one fits.
    """

    figure: str
    preset: str
    envs: tuple[str, ...]
    num_seeds: int
    changes: Mapping[str, Any] = field(default_factory=dict)
    axes: tuple[Axis, ...] = ()
    shipped: bool = False

    @property
    def grid(self) -> Grid:
        """The cells of the heat map."""
        return Grid(self.envs, self.axes)

    @property
    def command(self) -> str:
        """The command that makes the figure."""
        words = [
            self.figure,
            "--preset",
            self.preset,
            "--num-seeds",
            str(self.num_seeds),
            "--envs",
            *self.envs,
        ]
        changes = dict(self.changes)
        if options := changes.pop("env_options", ()):
            words += ["--env-options", *options]
        if changes:
            words += ["--set", *(f"{name}={written(value)}" for name, value in changes.items())]
        if self.axes:
            words += ["--axes", *(axis.text for axis in self.axes)]
        if self.shipped:
            words.append("--shipped")
        return shlex.join(["python", "scripts/reproduce.py", *words])


class Planned(NamedTuple):
    """One arm in one environment."""

    arm: str
    job: Job


class Plan(NamedTuple):
    """The runs of a figure, and those that cannot be at this size, each with the reason."""

    runs: list[Planned]
    left_out: dict[str, str]


def plan(request: Request) -> Plan:
    """Returns the runs of a figure, environment by environment.

    Those that agree in everything before the switch start from the pretraining of the first of them.

    Raises:
        ValueError: a value that cannot work; the message names the field and the arm.
    """
    if request.figure == HEAT_MAP:
        runs_of_map = warmup_grid.runs(request.grid, request.changes)
        return Plan(
            [
                Planned(run.name, run.job(request.preset, request.num_seeds, request.shipped))
                for run in runs_of_map
            ],
            {},
        )
    runs: list[Planned] = []
    left_out: dict[str, str] = {}
    for env in request.envs:
        sources: dict[Any, str] = {}
        default = _job(DEFAULT, env, request)
        for name in FIGURES[request.figure].arms:
            own = settings(ARMS[name], env, request)
            warmup, steps = own["warmup_steps"], own["online_steps"]
            if "warmup_steps" in ARMS[name].changes and warmup >= steps:
                reason = f"its warmup of {warmup:,} does not fit into {steps:,} online steps"
                left_out[run_name(env, name)] = reason
                continue
            demonstrations = METHODS[ARMS[name].method].settings.get("dataset")
            if demonstrations not in (None, *domain_of(env).datasets):
                left_out[run_name(env, name)] = f"{env} has no dataset {demonstrations}"
                continue
            job = _job(name, env, request)
            if job.config == default.config:
                job = default
            if job.config.offline.offline_steps and job.shipped is None:
                source = sources.setdefault(_pretraining(job.config), job.name)
                job = job._replace(pretrained=None if source == job.name else source)
            runs.append(Planned(name, job))
    return Plan(runs, left_out)


def of_arms(plan: Plan, names: Sequence[str], folder: Path) -> list[Job]:
    """Returns the jobs of these arms, each once, or those of all arms without names.

    One whose pretraining is another's, neither among them nor in `folder`, the runs', makes its own or
    finds it in the cache.

    Raises:
        ValueError: a name that the figure has no arm of.
    """
    known = tuple(dict.fromkeys(arm for arm, _ in plan.runs))
    for name in names:
        for left_out, reason in plan.left_out.items():
            if left_out.endswith(f"-{name}") and name not in known:
                raise ValueError(f"arms {name} is left out: {reason}")
        choose("arms", name, known)
    jobs = dict.fromkeys(job for arm, job in plan.runs if not names or arm in names)
    own = {job.name for job in jobs}
    there = lambda source: source in own or pretrained.is_kept(folder / source)
    return [
        job if job.pretrained and there(job.pretrained) else job._replace(pretrained=None) for job in jobs
    ]


def run_name(env: str, arm: str) -> str:
    """Returns the folder of an arm's run in an environment."""
    return f"{env.replace(':', '-')}-{arm}"


def _job(name: str, env: str, request: Request) -> Job:
    arm = ARMS[name]
    values = settings(arm, env, request)
    own = {key: values[key] for key in (*request.changes, *arm.changes)} | {"method": arm.method}
    return jobs.PlannedRun(run_name(env, name), env, own).job(
        request.preset, request.num_seeds, request.shipped
    )


def default_axes(env: str, preset: str) -> tuple[Axis, Axis]:
    """Returns the heat map's axes where none are given: lengths of pretraining, and shares of successes.

    The lengths are a half, one and two times the preset's.
    """
    config = preset_config(resolve_preset(preset), env)
    lengths = (str(_times(length, "offline_steps", config)) for length in LENGTHS)
    return Axis("offline_steps", tuple(lengths)), Axis("success_share", ("none", "0.02", "0.1"))


def settings(arm: FigureArm, env: str, request: Request) -> dict[str, Any]:
    """Returns all settings of an arm, with relative steps worked out."""
    of_method = METHODS[arm.method].settings
    # One that trains from scratch, or on data of its own, stays so whatever is set for the others.
    changes = {n: v for n, v in request.changes.items() if n not in SCRATCH or n not in of_method}
    base = replace_flat(preset_config(resolve_preset(request.preset), env, arm.method), changes)
    own = {
        name: _times(value, name, base) if isinstance(value, Times) else value
        for name, value in arm.changes.items()
    }
    if own.get("true_value_states") and not _restartable(env):
        own["true_value_states"] = 0
    return flat_fields(base) | own


def _times(times: Times, name: str, config: Config) -> Any:
    """Returns a multiple of the config's value of that name; of steps, a whole number, one at least."""
    value = times.factor * flat_fields(config)[name]
    return max(1, round(value)) if name.endswith("_steps") else value


@cache
def _restartable(env: str) -> bool:
    return getattr(worlds.make(env), "restartable", False)


def _pretraining(config: Config) -> tuple[Any, ...]:
    """Returns what decides a pretraining, as `pretrained.identity` does."""
    settings = tuple(of_pretraining(config).items())
    backup_actions = config.backup_actions_of(config.offline.offline_algo)
    seeds = config.seed, config.num_seeds
    return config.env, config.env_options, config.data, settings, backup_actions, seeds
