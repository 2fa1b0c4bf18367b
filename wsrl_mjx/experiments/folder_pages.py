"""The pages of experiments, for a browser, each made from its folder alone: an old one can have it too."""

import re
import shlex
from pathlib import Path
from urllib.parse import quote

from wsrl_mjx.analysis import curve_files
from wsrl_mjx.analysis.pages import charts, document
from wsrl_mjx.analysis.pages.document import Section
from wsrl_mjx.config import typed
from wsrl_mjx.config.settings import from_saved
from wsrl_mjx.experiments import jobs, sweep, sweep_folder, sweep_report
from wsrl_mjx.experiments.figures import FIGURES
from wsrl_mjx.runs import layout, run_page
from wsrl_mjx.runs.run_folder import read_config

PICTURE = re.compile(r"^!\[.*?\]\((.*?)\)$", re.MULTILINE)  # in Markdown, on a line of its own


def write(folder: Path) -> Path:
    """Writes the page of a run, a sweep or a figure, and returns its file.

    Raises:
        ValueError: the folder is of none of these, or nothing in it has been evaluated yet.
        OSError: it cannot be written.
    """
    if (folder / layout.SWEEP).is_file():
        return write_sweep(folder)
    if (folder / layout.CONFIG).is_file():
        return run_page.write(folder)
    if _figure_in(folder) is not None:
        return write_figure(folder)
    raise ValueError(
        f"folder {folder} is none of a run, of a sweep or of a figure of scripts/reproduce.py: "
        f"it has neither {layout.CONFIG} nor the page of a figure"
    )


def write_sweep(folder: Path) -> Path:
    """Writes the page of a sweep; see `write`."""
    config, grid = from_saved(read_config(folder)), sweep_folder.remembered(folder, ())
    axes = [sweep.parse(text) for text in grid.sweep]
    parts = sweep.parts(config, axes, grid.members_at_once, begun=True)
    arms = sweep_report.read(folder, parts)
    if not arms:
        raise ValueError(f"sweep {folder}: no run is finished there")
    place, words = shlex.quote(str(folder)), [word for axis in axes for word in ("--sweep", axis.text)]
    finished = [part.name for part in parts if jobs.is_finished(folder / part.name)]
    ends, table = folder / layout.SWEEP_ENDS, folder / layout.SWEEP_TABLE
    about = "where every grid point starts and ends: its seeds, their mean and its 95 % interval"
    results = document.picture(ends, about) if ends.is_file() else ""
    results += document.from_markdown(table.read_text()) if table.is_file() else ""
    pages = {name: f"{quote(name)}/{layout.REPORT}" for name in finished}
    sections = [
        Section("Results", results),
        Section(f"Runs: {len(finished)} of {len(parts)} finished", document.links(pages)),
        Section(
            "Commands",
            document.commands(
                {
                    "The same sweep in a new folder:": typed.command("sweep", config, *words),
                    "To go on where it was cut off:": f"python scripts/sweep.py --resume --run-dir {place}",
                    "To make this page again:": f"python scripts/report.py {place}",
                }
            ),
        ),
        Section("Settings", document.text(f"Swept: {', '.join(grid.sweep)}") + run_page.settings(config)),
        Section("Versions and hardware", run_page.versions(folder)),
    ]
    about = f"sweep of {' and '.join(axis.name for axis in axes)}: {sweep_report.title(config)}"
    document.write(folder / layout.REPORT, folder.resolve().name, about, charts.of_arms(arms), sections)
    return folder / layout.REPORT


def write_figure(folder: Path) -> Path:
    """Writes the page of a figure of `scripts/reproduce.py`; see `write`."""
    name = _figure_in(folder)
    if name is None:
        raise ValueError(f"folder {folder} has no page of a figure: {', '.join(FIGURES)}")
    figure, curves = FIGURES[name], folder / f"{name}-curves.csv"
    source = (folder / f"{name}.md").read_text()
    worlds: list[charts.World] = []
    if curves.is_file():
        arms = curve_files.read_csv(curves)
        worlds = charts.of_arms(arms, curve_files.measured(arms, figure.panels), figure.ordered)
    shown = [folder / found for found in PICTURE.findall(source)]
    shown = [path for path in shown if path.is_file() and not (worlds and path.stem == name)]
    pictures = "".join(document.picture(path, path.stem) for path in shown)
    body = PICTURE.sub("", source.partition("\n")[2])
    again = {"To make this page again:": f"python scripts/report.py {shlex.quote(str(folder))}"}
    sections = [
        *([Section("Pictures", pictures)] if pictures else []),
        Section("Results", document.from_markdown(body)),
        Section("Commands", document.commands(again)),
    ]
    document.write(folder / layout.REPORT, name, figure.question, worlds, sections)
    return folder / layout.REPORT


def _figure_in(folder: Path) -> str | None:
    """Returns the figure whose page is in the folder, if one is."""
    return next((name for name in FIGURES if (folder / f"{name}.md").is_file()), None)
