"""The commands, a module each. `wsrl NAME ...` calls the one of that name, and imports no other."""

import importlib
import sys
from importlib import metadata

# What each is for. Its module has the same name, and a `main` that takes arguments and the program's name.
COMMANDS = {
    "train": "Pretrain offline, drop the data, warm up, fine-tune.",
    "evaluate": "Score the policies of a run, or a behaviour, over whole episodes.",
    "render": "Show an episode of a policy as a video or a picture strip.",
    "view": "Watch a policy in MuJoCo's own window, at real time.",
    "compare": "Draw runs side by side, and write where they end as a table.",
    "report": "Make the page of a run, a sweep or a figure again, for a browser.",
    "sweep": "Train a grid of settings, times seeds.",
    "reproduce": "Carry out the runs behind one of the paper's questions, and draw its figure.",
    "collect": "Roll out an offline dataset onto disk.",
    "data": "Look into a dataset of D4RL, OGBench or Minari, or convert it.",
    "train-behavior": "Train a behaviour policy, which datasets are collected with.",
    "ship-behavior": "Score a snapshot of a behaviour's training, and keep it among the behaviours.",
    "ship-pretraining": "Keep a run's finished pretraining with the package, for runs to begin with.",
    "export": "Write a policy as files that run without this package: NumPy, StableHLO, ONNX.",
    "solver-study": "Measure what a task's solver budget costs and buys.",
}
BAD_INPUT = 2  # the exit code


def main(arguments: list[str] | None = None) -> None:
    """Calls the command that the first argument names, with the others; without any it lists the commands.

    An unknown name ends with one message and exit code 2.
    """
    name, *others = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("-h", "--help"):
        print(overview())
    elif name == "--version":
        print(f"wsrl_mjx {_version()}")
    elif name in COMMANDS:
        importlib.import_module(module_of(name)).main(others, f"wsrl {name}")
    else:
        _refuse(name)


def module_of(name: str) -> str:
    """Returns the module of a command."""
    return f"{__name__}.{name.replace('-', '_')}"


def overview() -> str:
    """Returns the list of commands, a line each."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {purpose}" for name, purpose in COMMANDS.items()]
    usage = "usage: wsrl [-h] [--version] COMMAND ..."
    about = "Warm-start reinforcement learning on MJX. The commands; each explains its flags with --help:"
    return "\n".join([usage, "", about, "", *lines])


def _version() -> str:
    try:
        return metadata.version("wsrl_mjx")
    except metadata.PackageNotFoundError:
        return "(not installed as a package)"


def _refuse(name: str) -> None:
    from wsrl_mjx.algos.checks import choose

    try:
        choose("command", name, tuple(COMMANDS))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(BAD_INPUT) from None
