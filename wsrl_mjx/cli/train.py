"""Runs WSRL: data, pretraining, the switch, warmup, fine-tuning.

python scripts/train.py --env ant --warmup-steps 5000
"""

from wsrl_mjx.cli import exits, start
from wsrl_mjx.cli.start import Command
from wsrl_mjx.runs.console import Console


@exits.command
def main(arguments: list[str] | None = None, program: str | None = None) -> None:
    """Parses, checks, and trains; bad input ends with one message and exit code 2, nothing written."""
    start.start(arguments, program, Command, carry_out)


def carry_out(command: Command, console: Console) -> None:
    """Trains the run, or goes on with it."""
    from wsrl_mjx.runs import shipped
    from wsrl_mjx.runs.run import Run  # not for --help: this takes longer than all else
    from wsrl_mjx.runs.setup import RunOptions

    run_dir = command.run_dir or start.free_run_dir(command.config)
    pretrained, config = shipped.chosen(command.pretrained, command.config, as_it_is=command.resume)
    given = command.resume, pretrained, command.devices, command.track
    options = RunOptions(run_dir, command.cache_dir, *given)
    console.say(f"run folder {run_dir}")
    if pretrained is not None and command.pretrained is None:
        console.say(f"begins with the shipped pretraining {pretrained.name}; --pretrained none trains one")
    Run(config, options, console).train()
