"""Pretrainings kept in a run: which one fits, also where settings came to exist after it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import pytest

from wsrl_mjx.config.settings import Config
from wsrl_mjx.runs import layout, pretrained
from wsrl_mjx.runs.checkpoint import Checkpoints

IDENTITY = pretrained.as_json(
    {"offline": asdict(Config().offline), "agent": asdict(Config().agent), "seeds": [0, 2]}
)


def keep(run_dir: Path, identity: dict[str, Any]) -> Path:
    kept = Checkpoints(run_dir / layout.PRETRAINED)
    kept.save(0, {"weights": jnp.zeros(2)}, {"identity": identity})
    kept.close()
    return run_dir


def without(section: str, name: str) -> dict[str, Any]:
    """Returns the identity as a version wrote it that had no such setting."""
    kept = {key: value for key, value in IDENTITY[section].items() if key != name}
    return {**IDENTITY, section: kept}


def test_a_setting_that_came_later_counts_as_its_default(tmp_path: Path) -> None:
    source = keep(tmp_path, without("agent", "discount"))
    pretrained.check(source, IDENTITY)
    wanted = {**IDENTITY, "agent": {**IDENTITY["agent"], "discount": 0.5}}
    with pytest.raises(ValueError, match=r"does not fit:\n  agent\.discount: it has 0\.99, now 0\.5$"):
        pretrained.check(source, wanted)


def test_a_setting_that_is_gone_is_a_difference(tmp_path: Path) -> None:
    source = keep(tmp_path, {**IDENTITY, "offline": {**IDENTITY["offline"], "gone": 1}})
    with pytest.raises(ValueError, match=r"does not fit:\n  offline\.gone: it has 1, now None$"):
        pretrained.check(source, IDENTITY)
