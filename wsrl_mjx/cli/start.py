"""How a command that trains starts: flags with the preset's defaults, checked before anything is done."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import tyro

from wsrl_mjx.algos import registry
from wsrl_mjx.cli import flags
from wsrl_mjx.cli.exits import until_the_end
from wsrl_mjx.config import named_datasets, plugins
from wsrl_mjx.config.presets import preset_config, resolve_preset
from wsrl_mjx.config.settings import ALGORITHM_FLAGS, Config, from_saved, replace_flat
from wsrl_mjx.config.validation import validate
from wsrl_mjx.data import cache, files
from wsrl_mjx.runs import origins, trackers
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.new_folder import check_free
from wsrl_mjx.runs.run_folder import read_config
from wsrl_mjx.runs.trackers import Track
from wsrl_mjx.training import runtime
from wsrl_mjx.training.sharding import Devices


@dataclass(frozen=True)
class Command:
    """Warm-start RL on MJX: pretrain offline, drop the data, warm up, fine-tune."""

    config: tyro.conf.OmitArgPrefixes[Config] = field(default_factory=Config)
    run_dir: Path | None = None
    """Folder of this run; unset: the first free runs/<env>-<dataset>-<preset>-<number>."""
    resume: bool = False
    """Go on with the run in --run-dir, exactly where its newest checkpoint is."""
    pretrained: Path | None = None
    """What to start from at the switch: a run folder with a finished pretraining, `shipped` for one that
    comes with the package, or `none` to train it. Unset: a shipped one, where there is one for these
    settings, as at the laptop preset."""
    devices: Devices = "auto"
    """The most devices of this machine to spread the members (seeds, grid points) over; on a CPU, cores."""
    track: Track | None = None
    """Where the metrics are copied to: tensorboard, wandb or none. Unset: what the run had, or tensorboard.
    metrics.csv has them always."""
    cache_dir: Path = field(default_factory=cache.default_folder)
    """Where datasets, pretrainings and compiled programs are kept ($WSRL_MJX_CACHE)."""


Kind = TypeVar("Kind", bound=Command)


def start(
    arguments: list[str] | None,
    program: str | None,
    kind: type[Kind],
    carry_out: Callable[[Kind, Console], None],
) -> None:
    """Parses, checks, and carries a command out that trains.

    Bad input ends with one message and exit code 2, nothing written. The signals in `signals.HANDLED` end
    it with exit code 75.

    Args:
        arguments: of the command line; None for the process's own.
        program: such as "wsrl train"; None for the script that runs.
        kind: the command.
        carry_out: what it does, once everything is checked.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    runtime.prepare()
    console = Console()

    def checked_and_carried_out() -> None:
        command = parse(arguments, kind, program)
        _check_paths(command)
        cache.enable_compilation_cache(command.cache_dir)
        _announce(console, arguments, command)
        carry_out(command, console)

    until_the_end(checked_and_carried_out, console)


def parse(arguments: list[str], kind: type[Kind], program: str | None = None) -> Kind:
    """Returns the checked command.

    Defaults come from the preset and the environment, or, with --resume, from the run's own config.

    Raises:
        ValueError: a value that cannot work. Unknown flags exit with code 2 and a suggestion.
    """
    typed = flags.with_paths_as_meant(_peek(arguments, program))
    for flag, name in (("offline_algo", typed.offline_algo), ("online_algo", typed.online_algo)):
        if name is not None:  # its settings are flags only where it can be used
            registry.choose(flag, name, ALGORITHM_FLAGS[flag])
    if typed.resume:
        if typed.run_dir is None:
            raise ValueError("resume needs --run-dir: the folder of the run to go on with")
        default = from_saved(read_config(typed.run_dir))
    else:
        default = preset_config(resolve_preset(typed.preset), typed.env, typed.method)
    command = tyro.cli(
        kind,
        args=arguments,
        prog=program,
        default=kind(config=default),
        description=_about(kind, arguments),
        registry=flags.names_of_algorithms(),
    )
    command = flags.with_paths_as_meant(command)
    config = command.config
    config = replace_flat(config, {"dataset": named_datasets.located(config.data.dataset)})
    if not typed.resume:
        config = replace_flat(config, {"preset": resolve_preset(config.preset)})
    validate(config)
    if not typed.resume:  # a run that is gone on with may need its data no more
        named_datasets.check_available(config.data, config.env)
    return replace(command, config=config)


@dataclass(frozen=True)
class _Peek:
    """The flags that decide the defaults of the others."""

    env: str = Config.env
    preset: str = "auto"
    method: str = Config.method
    offline_algo: str | None = None
    online_algo: str | None = None
    run_dir: Path | None = None
    resume: bool = False


def _peek(arguments: list[str], program: str | None) -> _Peek:
    known = [a for a in arguments if a not in ("-h", "--help")]
    return tyro.cli(_Peek, args=known, prog=program, return_unknown_args=True)[0]


def _about(kind: type[Command], arguments: list[str]) -> str:
    """Returns what --help begins with: what the command is for, and what installed packages offer."""
    asked = "-h" in arguments or "--help" in arguments
    return "\n\n".join(filter(None, [kind.__doc__, plugins.describe() if asked else ""]))


def _check_paths(command: Command) -> None:
    if command.run_dir is not None and not command.resume:
        check_free(command.run_dir)
    files.check_links("cache-dir", command.cache_dir)
    if command.cache_dir.exists() and not command.cache_dir.is_dir():
        raise ValueError(f"cache-dir {command.cache_dir} is no folder")
    origins.check(command.pretrained)
    if command.track is not None:
        trackers.check(command.track)


def _announce(console: Console, arguments: list[str], command: Command) -> None:
    import jax

    device = jax.local_devices()[0]
    chosen = "chosen for this device"
    if command.resume:
        chosen = "the run's own"
    elif any(a.startswith("--preset") for a in arguments):
        chosen = "chosen by --preset"
    console.say(f"preset {command.config.preset} ({chosen}), on {device.platform}: {device.device_kind}")


def free_run_dir(config: Config, kind: str = "") -> Path:
    """Returns the first folder of runs/ that is free, named after the settings and the kind of run."""
    dataset = Path(config.data.dataset).name
    stem = f"{config.env.replace(':', '-')}-{dataset}-{config.preset}{kind}"
    return next(p for n in range(1, 10_000) if not (p := Path("runs") / f"{stem}-{n}").exists())
