"""Run folders as finished runs leave them, with numbers of the test's choice."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wsrl_mjx.analysis.metrics import Row
from wsrl_mjx.config.presets import preset_config
from wsrl_mjx.config.settings import flat_fields
from wsrl_mjx.runs.pretrained import as_json
from wsrl_mjx.runs.run_folder import RunFolder

Curves = Mapping[str, Mapping[int, Sequence[float]]]  # values by metric, step and seed


def write(path: Path, curves: Curves, env: str = "pointmaze-umaze", **changes: Any) -> Path:
    """Writes a run folder with these metrics after the switch and returns its path."""
    settings = as_json(flat_fields(preset_config("smoke", env)) | changes)
    folder = RunFolder.create(path, settings)
    write_metrics(folder, curves)
    return path


def write_metrics(folder: RunFolder, curves: Curves) -> None:
    """Appends the metrics to a run folder."""
    folder.append(
        Row("online", step, seed, name, float(value))
        for name, of_steps in curves.items()
        for step, of_seeds in of_steps.items()
        for seed, value in enumerate(of_seeds)
    )
    folder.close()
