"""Whether a run that is gone on with still needs its offline data, and whether that is there."""

from pathlib import Path

from wsrl_mjx.config import named_datasets
from wsrl_mjx.config.settings import Config
from wsrl_mjx.runs.run_folder import kept_steps


def check(config: Config, run_dir: Path) -> None:
    """Checks that the run in `run_dir` can have the data that it still needs.

    Raises:
        ValueError: its dataset was a file or folder that is gone; or see `named_datasets.check_available`.
    """
    if not is_needed(config, run_dir):
        return
    if named_datasets.is_gone(config.data):
        raise ValueError(
            f"run-dir {run_dir}: its dataset was {config.data.dataset}, which is no longer there; "
            "put it back, or a link to it"
        )
    named_datasets.check_available(config.data, config.env)


def is_needed(config: Config, run_dir: Path) -> bool:
    """Returns whether going on from the newest checkpoint reads the dataset."""
    done = max(kept_steps(run_dir), default=0) - config.offline.offline_steps  # online steps
    is_over = done >= config.online.online_steps
    return config.needs_data and not is_over and (config.keeps_data or done <= 0)
