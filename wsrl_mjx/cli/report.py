"""Makes the page of a run, a sweep or a figure again: report.html in its folder, for a browser.

    python scripts/report.py runs/ant-medium-laptop-1
    python scripts/report.py runs/sweep-1 runs/reproduce-laptop/warmup

Every run, sweep and figure ends with this page. Here it is made for an older folder, or for a run that is
still under way, up to its last evaluation.
"""

from dataclasses import dataclass
from pathlib import Path

import tyro

from wsrl_mjx.cli import exits, flags
from wsrl_mjx.cli.exits import fail
from wsrl_mjx.experiments import folder_pages


@dataclass(frozen=True)
class Command:
    """Make the page of a folder."""

    folders: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of runs, of sweeps, or of figures of scripts/reproduce.py."""


@exits.command
def main(arguments: list[str] | None = None, program: str | None = None) -> None:
    """Writes a page in each folder; one where there can be none ends with one message and exit code 2."""
    command = flags.read(Command, arguments, program, __doc__)
    if not command.folders:
        fail("folders must be one or more, got none")
    for folder in command.folders:
        try:
            print(f"written: {folder_pages.write(folder)}")
        except ValueError as error:
            fail(str(error))
