"""The named datasets: which behaviours roll out for a name, and where the result is kept."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import envs
from envs.base import Environment
from wsrl_mjx.config.domains import domain_of
from wsrl_mjx.config.settings import DataConfig
from wsrl_mjx.config.validation import choose
from wsrl_mjx.data import behaviors, cache, dataset, files, scripted, trajectories
from wsrl_mjx.data.collection import behavior
from wsrl_mjx.data.dataset import Dataset
from wsrl_mjx.data.foreign.converted import converted, is_foreign
from wsrl_mjx.types import JUST_IN_TIME, Compiler

MIXTURES: dict[str, tuple[str, ...]] = {
    "random": ("random",),
    "medium": ("medium",),
    "expert": ("expert",),
    "medium-expert": ("medium", "expert"),
    "play": ("play",),
    "diverse": ("diverse",),
    "mixed": ("mixed",),
    "human-like": ("human-like",),
    "demos-20": ("demonstration",),
    "demos-25": ("demonstration",),
    "demos-100": ("demonstration",),
}
DEMONSTRATIONS = {"demos-20": 20, "demos-25": 25, "demos-100": 100}  # successful episodes, and nothing else
UNTRAINED = ("random", *scripted.KINDS)  # levels without a shipped network

Progress = Callable[[int], None]  # called with the number of rows collected so far


def check_available(config: DataConfig, env_name: str) -> None:
    """Checks that the dataset can be had, before anything is built or compiled.

    Raises:
        ValueError: neither a known name nor a file or folder; a behaviour that is not shipped; a replay
            dataset that has not been made yet; a share of successes where episodes do not succeed or fail.
    """
    if config.success_share is not None:
        reference = envs.make(env_name).reference
        if reference is None or not reference.of_success:
            raise ValueError(
                f"success_share needs a world whose episodes succeed or fail, the mazes, got {env_name!r}"
            )
    if _is_on_disk(config):
        return
    try:
        choose("dataset", config.dataset, domain_of(env_name).datasets)
    except ValueError as error:
        raise ValueError(f"{error}; nor is there a file or folder of that name") from None
    for level in MIXTURES.get(config.dataset, ()):
        if level not in UNTRAINED:
            behaviors.load(behaviors.shipped_folder(env_name), level)


def located(dataset: str, run_dir: Path | None = None) -> str:
    """Returns the setting with the whole path of what is on disk: it means the same wherever one stands.

    A name of ours stays, and so does what is neither. Runs of earlier versions kept the path as it was typed:
    for them, with `run_dir`, a dataset is looked for in the folders above the run too.
    """
    if _is_name(dataset) or not dataset:
        return dataset
    typed = files.as_meant(Path(dataset))
    above = [] if run_dir is None else [place / typed for place in run_dir.absolute().parents]
    found = [typed] if typed.exists() else [place for place in above if (place / "card.json").is_file()]
    if not found:
        return dataset
    return str(found[0].resolve() if ".." in found[0].parts else found[0].absolute())


def is_gone(config: DataConfig) -> bool:
    """Returns whether the dataset is no name of ours, and no file or folder either."""
    return not _is_name(config.dataset) and not _is_on_disk(config)


def replay_folder(cache_folder: Path, env_name: str) -> Path:
    """Returns where `scripts/train_behavior.py --save-replay` leaves the medium-replay dataset."""
    return cache_folder / "datasets" / f"{env_name}-medium-replay"


@dataclass(frozen=True)
class NamedDataset:
    """The dataset that the settings name, in a world; nothing of it is read yet.

    Attributes:
        folder: where it lies on disk, converted if it is another project's; None where it is rolled out.
        identity: everything that decides the rows: a digest where they are on disk, else what makes them.
        count: rows that it has or will have, at most; None where no card says it. A dataset on disk has as
            many as its card says, whatever size is asked for; a share of successes leaves some out.
    """

    config: DataConfig
    env: Environment
    cache_folder: Path
    folder: Path | None
    identity: dict[str, Any]
    count: int | None

    def check(self) -> None:
        """Checks what rows there are or will be; a dataset that lies on disk is read, and forgotten.

        Raises:
            ValueError: see `obtain`; or rollouts too short for a whole failure where a share must fail.
        """
        if self.folder is not None:
            self.obtain(lambda rows: None)
            return
        config, env = self.config, self.env
        rows = config.dataset_size // config.collect_envs
        if config.success_share not in (None, 1.0) and rows < env.time_limit:
            raise ValueError(
                f"success_share {config.success_share} needs whole failures, of {env.time_limit} steps in "
                f"{env.name!r}; dataset_size {config.dataset_size} over collect_envs {config.collect_envs} "
                f"gives each environment {rows} rows"
            )

    def obtain(self, on_progress: Progress, compiler: Compiler = JUST_IN_TIME) -> tuple[Dataset, str]:
        """Returns the dataset and a word on where it comes from: a folder, the cache, or fresh rollouts.

        Raises:
            ValueError: see `check_available`, `dataset.load` and `trajectories.with_success_share`.
        """
        whole, origin = self._obtain_whole(on_progress, compiler)
        share, seed = self.config.success_share, self.config.dataset_seed
        if share is None:
            return whole, origin
        rows = trajectories.with_success_share(whole.rows, share, self.env.time_limit, seed)
        known = whole.card
        policies, made_with = known.get("policies", []), known.get("seed", 0)
        card = dataset.make_card(self.env, rows, known["name"], policies, made_with)
        return Dataset(rows, card), f"{origin}, thinned to a share of successes of {card['return_mean']:.3g}"

    def _obtain_whole(self, on_progress: Progress, compiler: Compiler) -> tuple[Dataset, str]:
        config, env = self.config, self.env
        if config.dataset == "medium-replay":
            return _medium_replay(env, self.cache_folder), "the run that made medium"
        if self.folder is not None:
            return dataset.load(self.folder, env, config.allow_other_env), config.dataset
        key = cache.key_of(_identity_whole(config, env, None))
        folder = self.cache_folder / "datasets" / f"{env.name}-{config.dataset}-{key}"
        if (folder / "card.json").is_file():
            return dataset.load(folder, env), "the cache"
        made = roll_out(config, env, on_progress, compiler)
        try:
            dataset.save(folder, made)
        except OSError as error:  # without room it is rolled out again by the next run
            return made, f"fresh rollouts, which could not be kept ({files.in_words(error)})"
        return made, "fresh rollouts"


def resolve(config: DataConfig, env: Environment, cache_folder: Path) -> NamedDataset:
    """Finds out where the dataset is or will come from, and what decides it, once for a run.

    Another project's dataset is converted here, if the cache does not have it yet.

    Raises:
        ValueError: another project's dataset cannot be used.
    """
    config = _sized(config, env)
    folder = None if _is_name(config.dataset) else files.from_here(Path(config.dataset))
    if folder is not None and is_foreign(folder):
        folder = converted(folder, cache_folder)
    if config.dataset == "medium-replay":
        folder = replay_folder(cache_folder, env.name)
    count = config.dataset_size if folder is None else _card_of(folder).get("transitions")
    thinned = {} if config.success_share is None else {"success_share": config.success_share}
    identity = thinned | _identity_whole(config, env, folder)
    return NamedDataset(config, env, cache_folder, folder, identity, count)


def roll_out(
    config: DataConfig, env: Environment, on_progress: Progress, compiler: Compiler = JUST_IN_TIME
) -> Dataset:
    """Collects the dataset on the device, an equal share by each behaviour of the mixture."""
    config = _sized(config, env)
    levels = MIXTURES[config.dataset]
    parts, policies, done = [], [], 0
    for index, level in enumerate(levels):
        share = config.dataset_size // len(levels) + (index < config.dataset_size % len(levels))
        world, controller, card = behavior(env, level, config.behavior_error)
        seed = config.dataset_seed * len(levels) + index
        report = lambda rows, before=done: on_progress(before + rows)
        name = f"rollouts of {level}"
        envs_each = config.collect_envs
        parts.append(dataset.collect(world, controller, share, envs_each, seed, report, compiler, name))
        policies.append({"level": level, "transitions": share, "card": card})
        done += share
    rows = dataset.concatenate(parts)
    if config.dataset in DEMONSTRATIONS:
        rows = trajectories.first_successes(rows, DEMONSTRATIONS[config.dataset], env.time_limit)
    card = dataset.make_card(env, rows, config.dataset, policies, config.dataset_seed)
    return Dataset(rows, card)


def _sized(config: DataConfig, env: Environment) -> DataConfig:
    """Returns the settings with the rollouts' size: of demonstrations, at least one whole episode each."""
    count = DEMONSTRATIONS.get(config.dataset)
    if count is None:
        return config
    return replace(config, dataset_size=count * env.time_limit, collect_envs=count)


def _medium_replay(env: Environment, cache_folder: Path) -> Dataset:
    folder = replay_folder(cache_folder, env.name)
    if not (folder / "card.json").is_file():
        raise ValueError(_how_to_make_replay(env.name))
    return dataset.load(folder, env)


def _how_to_make_replay(env_name: str) -> str:
    """Returns what to tell a person who asks for a replay dataset that is not there."""
    command = behaviors.load(behaviors.shipped_folder(env_name), "medium").card.get("replay_command")
    if command is None:
        return (
            f"dataset medium-replay does not exist for {env_name!r}: its medium behavior was trained on "
            "another reward than the task's, so the buffer's rewards are not the task's; "
            "choose another dataset"
        )
    return (
        "dataset medium-replay is the replay buffer of the run that made medium, too large to ship; "
        f"make it once with: {command}"
    )


def _identity_whole(config: DataConfig, env: Environment, on_disk: Path | None) -> dict[str, Any]:
    if on_disk is not None:
        # The seed decides which rows are held out, and which a share of successes leaves out.
        return {"digest": _card_of(on_disk).get("digest"), "seed": config.dataset_seed}
    shipped = behaviors.shipped_folder(env.name)
    made_by = {
        level: scripted.source(env, level, config.behavior_error).card
        if level in scripted.KINDS
        else behaviors.digest(shipped, level)
        for level in MIXTURES[config.dataset]
        if level != "random"
    }
    return {
        "env": env.fingerprint(),
        "dataset": config.dataset,
        "behaviors": made_by,
        "size": config.dataset_size,
        "envs": config.collect_envs,
        "seed": config.dataset_seed,
    }


def _is_name(dataset: str) -> bool:
    """Returns whether it is a name of ours, which it stays, whatever lies around here."""
    return dataset in MIXTURES or dataset == "medium-replay"


def _is_on_disk(config: DataConfig) -> bool:
    return bool(config.dataset) and not _is_name(config.dataset) and Path(config.dataset).exists()


def _card_of(folder: Path) -> dict[str, Any]:
    """Returns the card of a dataset on disk; an empty one where the dataset is gone, as after a resume."""
    card = folder / "card.json"
    return json.loads(card.read_text()) if card.is_file() else {}
