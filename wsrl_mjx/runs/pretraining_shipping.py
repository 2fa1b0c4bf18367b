"""Ships the finished pretraining of a run: a small file for each seed, the held-out rows, and a card."""

import json
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import jax
import numpy as np

import envs
from wsrl_mjx.analysis.metrics import curve
from wsrl_mjx.config import build
from wsrl_mjx.config.presets import preset_config
from wsrl_mjx.config.settings import Config, flat_fields
from wsrl_mjx.data import digests, files, held_out
from wsrl_mjx.runs import compact, layout, new_folder, origins, pretrained, shipped
from wsrl_mjx.runs.checkpoint import Checkpoints
from wsrl_mjx.runs.policies import run_config
from wsrl_mjx.runs.run_folder import PACKAGES, read_metrics
from wsrl_mjx.types import Clock

SCORE = "eval/return"


@dataclass(frozen=True)
class Shipment:
    """Which pretraining is shipped."""

    run_dir: Path
    """A run with a finished pretraining."""
    out: Path | None = None
    """The new folder; unset: wsrl_mjx/pretrainings/<env>-<dataset>-<preset>, where runs find it."""


def ship(order: Shipment) -> dict[str, Any]:
    """Writes the files and the card, and returns the card.

    Raises:
        ValueError: no finished pretraining there, one of several grid points, or a folder that exists.
    """
    if not pretrained.is_kept(order.run_dir):
        raise ValueError(f"run-dir {order.run_dir} is not a run with a finished pretraining")
    config = run_config(order.run_dir)
    if config.points:
        raise ValueError(f"run-dir {order.run_dir} trained grid points; one pretraining is shipped at a time")
    dataset = Path(config.data.dataset).name
    out = order.out or shipped.folder() / f"{config.env.replace(':', '-')}-{dataset}-{config.preset}"
    if out.exists():
        raise ValueError(f"out {out} exists; delete it first, or choose another")
    state, meta = _read(order.run_dir, config)
    with new_folder.filled(out) as place:
        for index, seed in enumerate(config.seeds):
            compact.save(place / shipped.file_of(seed), jax.tree.map(itemgetter(index), state.agent))
        held_out.save(place, held_out.load(order.run_dir / layout.PRETRAINED))
        card = _card(config, meta, order.run_dir)
        card["files"] = {path.name: digests.of_file(path) for path in sorted(place.iterdir())}
        files.write_json(place / origins.CARD, card | {"digest": digests.of_json(card)})
    return card


def _read(run_dir: Path, config: Config) -> tuple[Any, dict[str, Any]]:
    env = envs.make_from_text(config.env, config.env_options)
    like = build.side_by_side(config, env).shapes("pretrain", config.num_seeds)
    kept = Checkpoints(run_dir / layout.PRETRAINED)
    try:
        meta = kept.meta(0)
        return kept.restore(0, (like, Clock.zero()))[0], meta
    finally:
        kept.close()


def _card(config: Config, meta: dict[str, Any], run_dir: Path) -> dict[str, Any]:
    """Returns the card but for the digests; its rows are those of evaluations and of the end."""
    measured = read_metrics(run_dir)
    rows = [row for row in measured if row.phase == "pretrain"]
    kept = {row.step for row in rows if row.name == SCORE} | {config.offline.offline_steps}
    steps, scores = curve(measured, "online", SCORE)
    if not len(steps) or steps[0] != 0:
        raise ValueError(
            f"run-dir {run_dir} has not been judged at the switch yet: let it go on for a moment"
        )
    base = flat_fields(preset_config(config.preset, config.env))
    deciding = shipped.deciding(config)
    versions = json.loads((run_dir / layout.VERSIONS).read_text())
    return {
        "preset": config.preset,
        "settings": deciding,
        "changes": {n: v for n, v in deciding.items() if n in base and v != pretrained.as_json(base[n])},
        "learner": {name: flat_fields(config)[name] for name in shipped.FREE},
        "identity": shipped.compared(meta["identity"]),
        "seeds": list(config.seeds),
        "returns": {str(s): round(float(r), 3) for s, r in zip(config.seeds, scores[0], strict=True)},
        "command": _command(config, {*deciding, *shipped.FREE}),
        "versions": {name: versions[name] for name in ("python", "device", *PACKAGES) if name in versions},
        "facts": meta["facts"],
        "rows": [[*row] for row in rows if row.step in kept and np.isfinite(row.value)],
    }


def _command(config: Config, names: set[str]) -> str:
    """Returns the command that makes the pretraining again: a run's, with those settings that differ."""
    base, now = flat_fields(preset_config(config.preset, config.env)), flat_fields(config)
    words = [f"--env {config.env} --preset {config.preset} --num-seeds {config.num_seeds} --pretrained none"]
    for name, value in now.items():
        if name not in names or name == "env" or value == base[name]:
            continue
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{'' if value else 'no-'}{flag}")
        else:
            words.append(f"--{flag} {' '.join(map(str, value)) if isinstance(value, tuple) else value}")
    return f"python scripts/train.py {' '.join(words)}"
