"""Draws several runs side by side, with 95 % intervals over seeds, and writes where they end as a table.

    python scripts/compare.py runs/with runs/without --labels warmup "no warmup" --out compare.png
    python scripts/compare.py docs/data/pointmaze_methods.csv runs/mine --arms WSRL JSRL mine

Beside the figure lie compare.csv, compare.md and compare-curves.csv. The last, which reproduce.py writes too,
can be given in place of runs. Runs with the same label in several environments count as one method: each
environment has its row, and the table says how it does over all. Success in percent, normalised scores and
plain returns are no common unit: each has a table of its own, and nothing is averaged over them.
"""

from dataclasses import dataclass
from pathlib import Path

import tyro

from wsrl_mjx.analysis import comparison, curve_files, curve_plots, rankings
from wsrl_mjx.analysis.comparison import Arm
from wsrl_mjx.cli import exits, flags
from wsrl_mjx.cli.exits import fail
from wsrl_mjx.config.validation import choose
from wsrl_mjx.runs.arms import read_arms


@dataclass(frozen=True)
class Command:
    """Compare runs."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Run folders, and files of curves such as compare-curves.csv, whose arms have their labels already."""
    labels: tuple[str, ...] = ()
    """One for each run folder; unset: the folders' names."""
    out: Path = Path("comparison.png")
    """Where the figure goes; beside it go the table, as .csv and .md, and the numbers behind the curves, as
    <out>-curves.csv."""
    arms: tuple[str, ...] = ()
    """Labels of the arms to show, in this order; unset: all."""
    title: str = ""
    panels: tuple[str, ...] = ()
    """Metrics to draw, such as score held_out/q; unset: all that every run has measured."""
    ordered: bool = False
    """The runs are steps of one quantity: give them colours in an order."""
    profile: bool = False
    """Draw the performance profile too: the share of runs that end above each score (<out>-profile)."""
    aggregate: bool = False
    """Draw the interquartile mean of the score over all environments of a unit too (<out>-all)."""
    improvement: bool = False
    """Draw the probability that the first label ends above each other (<out>-improvement)."""


@exits.command
def main(arguments: list[str] | None = None, program: str | None = None) -> None:
    """Parses, checks, draws, writes, prints; bad input ends with one message and exit code 2."""
    command = flags.read(Command, arguments, program, __doc__)
    try:
        compare(command)
    except ValueError as error:
        fail(str(error))


def compare(command: Command) -> None:
    """Draws, writes and prints.

    Raises:
        ValueError: fewer or more labels than runs, a label twice, a folder or file without results, one that
            would be overwritten, or an arm or a panel that is none.
    """
    out = command.out
    if not out.absolute().parent.is_dir():
        raise ValueError(f"out {out}: its folder does not exist")
    if out.suffix not in (".png", ".pdf", ".svg"):
        raise ValueError(f"out must end in .png, .pdf or .svg, got {out}")
    numbers, table, curves = (out.with_name(f"{out.stem}{end}") for end in (".csv", ".md", "-curves.csv"))
    for path in command.runs:
        if path.resolve() in (numbers.resolve(), curves.resolve()):
            raise ValueError(f"out {out} would overwrite {path}, which is read; choose another name")
    arms = read(command)
    pictures = draw(arms, command)
    lines = comparison.table(arms)
    comparison.write_csv(lines, numbers)
    table.write_text(comparison.markdown(lines) + "\n")
    shown = curve_plots.metrics_of([panel.name for panel in curve_plots.choose(arms, command.panels)])
    curve_files.write_csv(arms, curve_files.measured(arms, shown), curves)
    print(comparison.markdown(lines))
    print(f"written: {', '.join(map(str, [*pictures, numbers, table, curves]))}")


def read(command: Command) -> list[Arm]:
    """Returns the arms to show, in their order.

    Raises:
        ValueError: see `compare`.
    """
    folders = [path for path in command.runs if path.suffix != ".csv"]
    if command.labels and len(command.labels) != len(folders):
        raise ValueError(f"labels must be one for each of the {len(folders)} runs, got {command.labels}")
    labels = iter(command.labels or (None,) * len(folders))
    arms: list[Arm] = []
    for path in command.runs:
        is_file = path.suffix == ".csv"
        arms += curve_files.read_csv(path) if is_file else read_arms(path, next(labels))
    known = comparison.by_label(arms)
    for label, own in known.items():
        worlds = [arm.world for arm in own]
        if len(set(worlds)) < len(worlds):
            raise ValueError(f"labels must be different in one environment, got {label!r} twice")
    for label in command.arms:
        choose("arms", label, tuple(known))
    return [arm for label in command.arms for arm in known[label]] or arms


def draw(arms: list[Arm], command: Command) -> list[Path]:
    """Draws the figures asked for and returns where they are.

    Raises:
        ValueError: see `panels` and `rankings`.
    """
    out, title = command.out, command.title
    figures = {out: curve_plots.figure(arms, title, command.panels, command.ordered)}
    if command.profile:
        figures[out.with_stem(f"{out.stem}-profile")] = rankings.profile_figure(arms, title, command.ordered)
    if command.aggregate:
        figures[out.with_stem(f"{out.stem}-all")] = rankings.aggregate_figure(arms, title, command.ordered)
    if command.improvement:
        figures[out.with_stem(f"{out.stem}-improvement")] = rankings.improvement_figure(arms, title)
    for path, figure in figures.items():
        figure.savefig(path, dpi=curve_plots.DPI)
    return list(figures)
