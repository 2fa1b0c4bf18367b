"""The page of a run, for a browser: its curves, pictures, numbers, settings, and the commands that go on."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wsrl_mjx.analysis import comparison
from wsrl_mjx.analysis.comparison import Arm
from wsrl_mjx.analysis.pages import charts, document
from wsrl_mjx.analysis.pages.charts import Mark, World
from wsrl_mjx.analysis.pages.document import Html, Section
from wsrl_mjx.analysis.text import duration
from wsrl_mjx.config import typed
from wsrl_mjx.config.settings import Config, flat_fields, from_saved
from wsrl_mjx.runs import layout, report
from wsrl_mjx.runs.arms import read_arms
from wsrl_mjx.runs.console import Console
from wsrl_mjx.runs.run_folder import read_config

PICTURES = {
    layout.MAZE_PICTURE: "paths and values in the maze at the switch, at the lowest point and at the end",
    layout.START_PICTURE: "the starts from which the peg went in",
}


def attempt(write: Callable[[], Path], console: Console) -> None:
    """Writes a page beside the work that it is about: what goes wrong is told, and the work goes on."""
    try:
        console.say(f"to look at in a browser: {write()}")
    except Exception as error:  # whatever it is: a picture of the results is not worth losing them
        console.say(
            f"{layout.REPORT} could not be written, all else is ({type(error).__name__}: {error}); "
            "scripts/report.py makes it again"
        )


def write(path: Path) -> Path:
    """Writes the page of the run at `path`, under way or finished, and returns its file.

    Raises:
        ValueError: there is no run, or it has no evaluation after the switch yet.
        OSError: it cannot be written.
    """
    arms, config = read_arms(path), from_saved(read_config(path))
    summary = read_json(path / layout.SUMMARY)
    sections = [
        *([Section("Pictures", shown)] if (shown := pictures(path)) else []),
        Section("Results", _results(arms, summary)),
        Section("Commands", document.commands(_commands(path, config, summary))),
        Section("Settings", settings(config)),
        Section("Versions and hardware", versions(path)),
    ]
    document.write(
        path / layout.REPORT,
        path.resolve().name,
        _about(config, arms, summary),
        _charts(arms, config, summary),
        sections,
    )
    return path / layout.REPORT


def _about(config: Config, arms: list[Arm], summary: dict[str, Any]) -> str:
    steps = int(arms[0].scores()[0][-1])
    state = (
        ""
        if summary
        else f"; under way or cut off, drawn to step {steps:,} of {config.online.online_steps:,}"
    )
    return report.title(config) + state


def _charts(arms: list[Arm], config: Config, summary: dict[str, Any]) -> list[World]:
    """Returns the charts of a run; of one without grid points with what was before the switch."""
    worlds = charts.of_arms(arms)
    if config.points:
        return worlds
    joined = config.offline.offline_steps > 0 and config.online.init_actor == "pretrained"
    whole = charts.with_pretraining(worlds[0], arms[0], config.offline.offline_steps, joined)
    steps = (Mark(0.0, "switch"), Mark(config.first_update, "first update"))
    behavior = summary.get("behavior") or {}
    level = behavior.get("return" if arms[0].reference is None else "score")
    return [charts.marked(whole, steps, () if level is None else (Mark(level, "behavior data"),))]


def _results(arms: list[Arm], summary: dict[str, Any]) -> Html:
    """Returns where each seed begins, falls to and ends, the means of that, and where the time went."""
    parts = []
    if summary:
        parts.append(document.table(*report.summary_table(summary, arms[0].reference)))
    parts.append(
        document.text("Means and interquartile means (IQM) over seeds, with 95 % bootstrap intervals:")
    )
    parts.append(document.from_markdown(comparison.markdown(comparison.table(arms))))
    if summary:
        spent = ", ".join(f"{name} {duration(seconds)}" for name, seconds in summary["seconds"].items())
        compiled = duration(sum(summary["compile_seconds"].values()))
        rate = f"{summary['online_steps_per_second']:,} environment steps a second after the switch"
        origin = f"pretraining from {summary['pretraining_from']}"
        parts.append(document.text(f"Time: {spent}; compilation {compiled}; {rate}; {origin}."))
    return "".join(parts)


def _commands(path: Path, config: Config, summary: dict[str, Any]) -> dict[str, str]:
    place, more = shlex.quote(str(path)), config.online.online_steps * 2
    go_on = f"python scripts/train.py --resume --run-dir {place}"
    return {
        "The same settings in a new folder:": typed.command("train", config),
        **({} if summary else {"To go on where it was cut off:": go_on}),
        "To train it for longer:": f"{go_on} --online-steps {more}",
        "To score its policies over whole episodes:": f"python scripts/evaluate.py {place}",
        "To see an episode:": f"python scripts/render.py {place}",
        "To draw it beside another run:": f"python scripts/compare.py {place} OTHER_RUN",
        "To take the policy elsewhere:": f"python scripts/export.py {place} --out policy --format npz",
        "To make this page again:": f"python scripts/report.py {place}",
    }


# -- what all folders have --------------------------------------------------------------------------------


def read_json(file: Path) -> dict[str, Any]:
    """Returns what a JSON file says, or nothing where there is none or it is damaged."""
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def pictures(path: Path) -> Html:
    """Returns the pictures that a run has drawn of its world."""
    there = {path / name: about for name, about in PICTURES.items() if (path / name).is_file()}
    return "".join(document.picture(file, about) for file, about in there.items())


def settings(config: Config) -> Html:
    """Returns all settings, those first that are not the preset's."""
    own, every = typed.changed(config), flat_fields(config)
    shown = lambda names: document.table(
        ["setting", "value"], [[name, _written(every[name])] for name in names], wraps=True
    )
    others = [name for name in every if name not in own and name not in typed.FIRST]
    return shown([*typed.FIRST, *own]) + document.folded("Settings of the preset", shown(others))


def _written(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def versions(path: Path) -> Html:
    """Returns what the run was computed with, and before a resume on another machine what earlier."""
    newest = read_json(path / layout.VERSIONS)
    every = [*newest.pop("before", []), newest]
    names = list(dict.fromkeys(name for versions in every for name in versions))
    header = ["", *(["at first", *["then"] * (len(every) - 1)] if len(every) > 1 else [""])]
    return document.table(
        header, [[name, *(str(v.get(name, "")) for v in every)] for name in names], wraps=True
    )
