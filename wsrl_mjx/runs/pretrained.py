"""Finished pretrainings, kept in their run and in the cache, so that arms of an experiment share one."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from envs.base import Environment
from wsrl_mjx.algos import registry
from wsrl_mjx.config.settings import Config, flat_fields, of_pretraining, replace_flat
from wsrl_mjx.data import cache, held_out
from wsrl_mjx.runs import layout
from wsrl_mjx.runs.checkpoint import Checkpoints, DamagedError
from wsrl_mjx.types import Transition


def identity(config: Config, env: Environment, data: dict[str, Any]) -> dict[str, Any]:
    """Returns everything that decides the pretrained state, as JSON would give it back.

    Args:
        config: of the run.
        env: that it is in.
        data: identity of its dataset.
    """
    return as_json(
        {
            "env": env.fingerprint(),
            "data": data,
            "held_out": [held_out.SHARE, held_out.MEASURED_ROWS],
            "reward": [config.data.reward_scale, config.data.reward_bias],
            "settings": of_pretraining(config),
            "backup_actions": config.backup_actions_of(config.offline.offline_algo),
            "seeds": [config.seed, config.num_seeds],
            "points": config.points,
        }
    )


def cache_folder(cache_dir: Path, wanted: dict[str, Any]) -> Path:
    """Returns where the cache keeps the pretraining `wanted`.

    The digest of this package's code is in the name; that of another package's algorithm too.
    """
    code = registry.source(wanted["settings"]["offline_algo"])
    return cache_dir / layout.PRETRAINED / cache.key_of(wanted | ({"code": code} if code else {}))


class Found(NamedTuple):
    """A finished pretraining."""

    state: Any
    meta: dict[str, Any]
    held_out: Transition  # the rows of its data that were held out


def find(
    source: Path | None, cache_dir: Path, wanted: dict[str, Any], like: Any, say: Callable[[str], None]
) -> Found | None:
    """Returns a finished pretraining, or None where there is none; a damaged one in the cache is deleted.

    Args:
        source: a run folder whose pretraining must be taken, or None to look in the cache.
        wanted: `identity` of the pretraining asked for.
        like: shapes of the state.
        say: is told where the cache's is damaged.

    Raises:
        ValueError: the run at `source` was pretrained otherwise, or is damaged; the message says how.
    """
    folder = source / layout.PRETRAINED if source else cache_folder(cache_dir, wanted)
    check(source, wanted)
    if not folder.is_dir():
        return None
    try:
        return _read(folder, like)
    except ValueError as error:
        if source is not None:
            raise ValueError(f"pretrained {source} cannot be used: {error}") from None
        say(f"{error}; it is deleted from the cache, and the pretraining done again")
        shutil.rmtree(folder, ignore_errors=True)
        return None


def _read(folder: Path, like: Any) -> Found | None:
    kept = Checkpoints(folder)
    try:
        if kept.latest() is None:
            return None
        return Found(kept.restore(0, like), kept.meta(0), held_out.load(folder))
    finally:
        kept.close()


def is_kept(run_dir: Path) -> bool:
    """Returns whether the run at `run_dir` holds a finished pretraining."""
    folder = run_dir / layout.PRETRAINED
    if not folder.is_dir():
        return False
    kept = Checkpoints(folder)
    try:
        return kept.latest() is not None
    finally:
        kept.close()


def check(source: Path | None, wanted: dict[str, Any]) -> None:
    """Raises ValueError unless the run at `source` (if any) holds the pretraining `wanted`, finished."""
    if source is None:
        return
    if not is_kept(source):
        raise ValueError(f"pretrained {source} is not a run with a finished pretraining")
    kept = Checkpoints(source / layout.PRETRAINED)
    try:
        identity = _with_new_settings(kept.meta(0)["identity"])
    except DamagedError as error:
        raise ValueError(f"pretrained {source} cannot be used: {error}") from None
    finally:
        kept.close()
    if identity != wanted:
        raise ValueError(f"pretrained {source} does not fit:\n{differences(identity, wanted)}")


def _with_new_settings(identity: dict[str, Any]) -> dict[str, Any]:
    """Returns an identity of any version as this one writes it.

    Settings that did not exist then have their defaults. Earlier versions kept the settings in two parts,
    "offline" and "agent", and those of every algorithm, whichever pretrained; these are left out.
    """
    others = {name: value for name, value in identity.items() if name not in ("offline", "agent", "settings")}
    kept = {name: value for part in identity.keys() - others.keys() for name, value in identity[part].items()}
    algorithm = kept.get("offline_algo")
    known = {"offline_algo": algorithm} if algorithm in registry.names("pretrain") else {}
    wanted = of_pretraining(replace_flat(Config(), known))
    unread = flat_fields(Config()).keys() - wanted.keys()
    return others | {"settings": as_json(wanted) | {k: v for k, v in kept.items() if k not in unread}}


def keep(folders: list[Path], wanted: dict[str, Any], found: Found) -> None:
    """Saves a finished pretraining in each of `folders` that does not hold it yet.

    Raises:
        OSError: a disk does not take it, or a folder cannot be written.
        NotSavedError: the same, seen by Orbax.
    """
    for folder in folders:
        kept = Checkpoints(folder, keep=1)
        try:
            if kept.latest() is None:
                held_out.save(folder, found.held_out)
                kept.save(0, found.state, {**found.meta, "identity": wanted})
        finally:
            kept.close()


def as_json(tree: Any) -> Any:
    """Returns a tree of plain values as JSON would give it back: tuples become lists."""
    if isinstance(tree, dict):
        return {key: as_json(value) for key, value in tree.items()}
    return [as_json(value) for value in tree] if isinstance(tree, tuple | list) else tree


def differences(kept: Any, wanted: Any, prefix: str = "") -> str:
    """Returns a line for each entry in which two trees of plain values differ."""
    if isinstance(kept, dict) and isinstance(wanted, dict):
        names = sorted(kept.keys() | wanted.keys())
        lines = [differences(kept.get(n), wanted.get(n), f"{prefix}{n}.") for n in names]
        return "\n".join(line for line in lines if line)
    return "" if kept == wanted else f"  {prefix.rstrip('.')}: it has {kept!r}, now {wanted!r}"
