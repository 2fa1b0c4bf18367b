"""Runs as arms of a comparison, read from their folders."""

from dataclasses import replace
from pathlib import Path

from wsrl_mjx.analysis.comparison import Arm
from wsrl_mjx.analysis.metrics import of_point
from wsrl_mjx.config.settings import from_saved
from wsrl_mjx.runs import layout
from wsrl_mjx.runs.run_folder import read_config, read_metrics


def read_arm(path: Path, label: str | None = None) -> Arm:
    """Reads a run folder; without a label the arm is named after it.

    Raises:
        ValueError: there is no run, or it has no online evaluation yet.
    """
    try:
        config = from_saved(read_config(path))
    except ValueError as error:
        raise ValueError(f"run {path} cannot be compared: {error}") from None
    try:
        rows = read_metrics(path)
    except FileNotFoundError:
        raise ValueError(f"run {path} has no {layout.METRICS}") from None
    if not any(row.phase == "online" and row.step > 0 and row.name == "eval/return" for row in rows):
        raise ValueError(f"run {path} has no evaluation after the switch yet")
    online = config.online
    return Arm(
        label or path.name,
        " ".join([config.env, *(option.replace(" ", "") for option in config.env_options)]),
        config.method,
        config.keeps_data,
        0 if online.warmup_source == "data" else online.warmup_steps,
        rows,
    )


def read_arms(path: Path, label: str | None = None) -> list[Arm]:
    """Reads a run folder as one arm, or as one for each of its grid points, named after label and point.

    Raises:
        ValueError: see `read_arm`.
    """
    whole = read_arm(path, label)
    points = list(dict.fromkeys(row.point for row in whole.rows))
    name = lambda point: " ".join(part for part in (label or ("" if point else path.name), point) if part)
    return [replace(whole, label=name(point), rows=of_point(whole.rows, point)) for point in points]
