"""Finished pretrainings that come with the package: several seeds of one, a file each, with a card.

A pretraining takes hours where its fine-tuning takes minutes. So at the laptop preset a run begins with a
shipped one, where there is one for its settings.
"""

import json
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from wsrl_mjx.algos.sac import SACSettings
from wsrl_mjx.analysis.metrics import Row
from wsrl_mjx.config.presets import preset_config
from wsrl_mjx.config.settings import Config, flat_fields, of_pretraining, replace_flat
from wsrl_mjx.data import digests, held_out
from wsrl_mjx.runs import compact, pretrained
from wsrl_mjx.runs.origins import CARD, NOT_SHIPPED, SHIPPED
from wsrl_mjx.runs.pretrained import Found
from wsrl_mjx.training import recipe
from wsrl_mjx.types import Clock, Key

NOT_COMPARED = ("seeds", "points")  # of an identity: any seed may begin with any of the shipped
# What makes the networks, and what their values mean. The learner's other settings fine-tuning may choose for
# itself, whatever the pretraining's were.
NETWORKS = (
    "actor_hidden",
    "critic_hidden",
    "layer_norm",
    "actor_squash",
    "std_mode",
    "ensemble_size",
    "discount",
)
ASKED_FOR = ("env", "env_options", "dataset")  # what a run is about is never taken from a card
FREE = tuple(item.name for item in fields(SACSettings) if item.name not in NETWORKS)


@dataclass(frozen=True)
class Item:
    """One shipped pretraining.

    Attributes:
        folder: where it lies.
        card: what it is: settings, `pretrained.identity`, scores, versions, digests of its files.
    """

    folder: Path
    card: dict[str, Any]

    @property
    def name(self) -> str:
        """Such as antmaze-umaze-play-laptop."""
        return self.folder.name

    def fitted(self, config: Config) -> Config:
        """Returns `config` with this pretraining's settings, where nobody set another than the preset's."""
        base, now = flat_fields(preset_config(config.preset, config.env, config.method)), flat_fields(config)
        # What fine-tuning may have otherwise goes on as the pretraining had it, too.
        of_card = {**self.card["learner"], **self.card["changes"]}
        changes = {name: _as_setting(value) for name, value in of_card.items() if name not in ASKED_FOR}
        return replace_flat(config, {n: v for n, v in changes.items() if now[n] == base[n]})

    def differences(self, config: Config) -> str:
        """Returns a line for each setting in which it was trained otherwise than `config` asks."""
        return pretrained.differences(self.card["settings"], deciding(config))


def folder() -> Path:
    """Returns where the shipped pretrainings lie."""
    return Path(str(resources.files("wsrl_mjx"))) / "pretrainings"


def items() -> list[Item]:
    """Returns every shipped pretraining."""
    return [read(card.parent) for card in sorted(folder().glob(f"*/{CARD}"))]


def read(place: Path) -> Item:
    """Returns the item in a folder.

    Raises:
        ValueError: its card is not what was written.
    """
    try:
        card = dict(json.loads((place / CARD).read_text()))
    except (OSError, ValueError) as error:
        raise ValueError(f"pretrained {place} cannot be used: {CARD}: {error}") from None
    if card.pop("digest", None) != digests.of_json(card):
        raise ValueError(f"pretrained {place} cannot be used: {CARD} is not what was written")
    return Item(place, card)


def deciding(config: Config) -> dict[str, Any]:
    """Returns the settings in which a run must agree with a pretraining, as JSON would give them back."""
    data = {n: v for n, v in flat_fields(config.data).items() if n != "allow_other_env"}
    world = {"env": config.env, "env_options": config.env_options}
    backups = {"backups": config.backup_actions_of(config.offline.offline_algo)}
    return pretrained.as_json(world | data | _without_free(of_pretraining(config)) | backups)


def chosen(wanted: Path | None, config: Config, as_it_is: bool = False) -> tuple[Path | None, Config]:
    """Returns the folder whose pretraining a run starts from, or None, and the settings with which it does.

    Args:
        wanted: a run's folder, `SHIPPED`, `NOT_SHIPPED`, or None for a shipped one where it fits.
        config: the settings that were asked for.
        as_it_is: whether they must stay, as those of a run that is gone on with.

    Raises:
        ValueError: `SHIPPED` where none fits; the message says what differs.
    """
    if wanted not in (None, SHIPPED):
        return (None if wanted == NOT_SHIPPED else wanted), config
    trains = config.offline.offline_steps > 0 and not config.points
    candidates = [item for item in items() if item.card["settings"]["env"] == config.env] if trains else []
    for item in candidates:
        fitted = config if as_it_is else item.fitted(config)
        if item.card["preset"] == config.preset and not item.differences(fitted):
            return item.folder, fitted
    if wanted is None:
        return None, config
    if not candidates:
        known = ", ".join(sorted({item.card["settings"]["env"] for item in items()})) or "no environment"
        why = "points are trained side by side" if config.points else f"there are for {known}"
        raise ValueError(f"pretrained shipped: there is none for {config.env} with these settings; {why}")
    nearest = min(candidates, key=lambda item: item.differences(item.fitted(config)).count("\n"))
    raise ValueError(
        f"pretrained shipped: {nearest.name} does not fit:\n{nearest.differences(nearest.fitted(config))}"
    )


def check(place: Path, identity: dict[str, Any]) -> None:
    """Checks that the item at `place` is the pretraining `identity`, of whatever seeds.

    Raises:
        ValueError: it is not, or its card is damaged.
    """
    item, wanted = read(place), compared(identity)
    if item.card["identity"] != wanted:
        lines = pretrained.differences(item.card["identity"], wanted)
        raise ValueError(f"pretrained {item.name} does not fit:\n{lines}")


def load(place: Path, identity: dict[str, Any], like: Any, keys: Key) -> Found:
    """Returns the pretraining with a member for each key [M]; seed s begins with number s modulo their count.

    Args:
        place: the item's folder.
        identity: of the pretraining asked for.
        like: shapes of the state and the clock of all members.
        keys: every member's randomness.

    Raises:
        ValueError: it is another pretraining, damaged, or of a version with other networks.
    """
    check(place, identity)
    card, (state, clock) = read(place).card, like
    of_one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), state.agent)
    first, count = identity["seeds"]
    seeds = range(first, first + count)
    names = [card["seeds"][seed % len(card["seeds"])] for seed in seeds]
    agents = {name: _agent(place, card, name, of_one) for name in dict.fromkeys(names)}
    stacked = jax.tree.map(lambda *leaves: jnp.asarray(np.stack(leaves)), *(agents[name] for name in names))
    rows = [
        [*Row(*row)._replace(seed=seed)]
        for seed, name in zip(seeds, names, strict=True)
        for row in card["rows"]
        if Row(*row).seed == name
    ]
    _check_file(place, card, held_out.FILE)
    begun = state.replace(agent=stacked, key=recipe.after_networks(keys))
    moved = Clock(
        jnp.zeros_like(clock.env_steps), jnp.full_like(clock.updates, card["settings"]["offline_steps"])
    )
    return Found((begun, moved), {"facts": card["facts"], "rows": rows}, held_out.load(place))


def file_of(seed: int) -> str:
    """Returns the name of a seed's file."""
    return f"seed-{seed}.npz"


def _agent(place: Path, card: dict[str, Any], seed: int, like: Any) -> Any:
    _check_file(place, card, file_of(seed))
    try:
        return compact.load(place / file_of(seed), like)
    except ValueError as error:
        raise ValueError(f"pretrained {place.name} cannot be used: {error}") from None


def _check_file(place: Path, card: dict[str, Any], name: str) -> None:
    try:
        sound = digests.of_file(place / name) == card["files"][name]
    except OSError as error:
        raise ValueError(f"pretrained {place.name} cannot be used: {name}: {error.strerror}") from None
    if not sound:
        raise ValueError(f"pretrained {place.name} cannot be used: {name} is damaged")


def compared(identity: dict[str, Any]) -> dict[str, Any]:
    """Returns of a `pretrained.identity` what a run must agree with."""
    kept = {name: value for name, value in identity.items() if name not in NOT_COMPARED}
    return kept | {"settings": _without_free(kept["settings"])}


def _without_free(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in FREE}


def _as_setting(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
