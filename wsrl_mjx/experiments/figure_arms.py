"""The arms of the paper's figures by name, so that a run which several figures show is carried out once."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from wsrl_mjx.config.methods import METHODS

TRUE_VALUE_STATES = 20  # restarts of an evaluation, where the figure draws the measured value


class Times(NamedTuple):
    """A value relative to the preset's, so that an arm means the same at every size."""

    factor: float


@dataclass(frozen=True)
class FigureArm:
    """One arm, in any environment.

    Attributes:
        label: in plots and tables.
        method: its bundle of settings (`wsrl_mjx.config.methods`).
        changes: settings that differ from that, by name.
    """

    label: str
    method: str = "wsrl"
    changes: dict[str, Any] = field(default_factory=dict)


def _share(method: str, share: float) -> FigureArm:
    """Returns a method that goes on online with this share of offline rows, its true value measured."""
    label = (
        f"{METHODS[method].title}, {share:.0%} offline" if share else f"{METHODS[method].title}, no retention"
    )
    changes = {"offline_share": share, "true_value_states": TRUE_VALUE_STATES}
    return FigureArm(label.replace("%", " %"), method, changes)


def _wsrl(label: str, **changes: Any) -> FigureArm:
    return FigureArm(label, "wsrl", changes)


ARMS: dict[str, FigureArm] = {
    "wsrl": _wsrl("WSRL"),
    **{name: FigureArm(METHODS[name].title, name) for name in ("sac", "rlpd", "jsrl", "so2")},
    # -- offline algorithms that go on, with and without the data
    **{
        f"{method}-share-{round(100 * share)}": _share(method, share)
        for method in ("calql", "cql", "iql")
        for share in (0.0, 0.5)
    },
    **{f"calql-share-{round(100 * share)}": _share("calql", share) for share in (0.05, 0.1, 0.25)},
    # As published, without what the high-UTD arms have in common with WSRL.
    "calql-plain-share-50": FigureArm(
        "Cal-QL, plain, 50 % offline",
        "calql",
        {"offline_share": 0.5, "ensemble_size": 2, "layer_norm": False, "utd": 1.0},
    ),
    "calql-append": FigureArm("Cal-QL, data appended", "calql", {"retain": "append"}),
    "calql-goes-on": FigureArm("Cal-QL goes on", "calql"),
    "serl": FigureArm(METHODS["serl"].title, "serl"),
    "wsrl-warmup-0-share-50": _wsrl("no warmup, 50 % offline", warmup_steps=0, offline_share=0.5),
    "wsrl-share-50": _wsrl("WSRL, 50 % offline", offline_share=0.5),
    "wsrl-append": _wsrl("WSRL, data appended", retain="append"),
    # -- pretrainings
    **{
        f"wsrl-from-{algo}": _wsrl(f"from {title}", offline_algo=algo)
        for algo, title in (("calql", "Cal-QL"), ("cql", "CQL"), ("iql", "IQL"), ("bc", "BC"))
    },
    "wsrl-random-data": _wsrl("WSRL, pretrained on random actions", dataset="random"),
    "wsrl-short-pretraining": _wsrl("WSRL, a tenth of the pretraining", offline_steps=Times(0.1)),
    # -- warmups
    **{
        f"wsrl-warmup-{steps}": _wsrl(f"warmup {steps:,}", warmup_steps=steps)
        for steps in (1000, 2000, 5000, 10_000, 20_000)
    },
    "wsrl-warmup-0": _wsrl("no warmup", warmup_steps=0),
    "wsrl-warmup-random": _wsrl("random actions", warmup_source="random"),
    "wsrl-warmup-data": _wsrl("offline rows", warmup_source="data"),
    # -- what goes on, and from what
    "wsrl-online-calql": _wsrl("Cal-QL after the warmup", online_algo="calql"),
    "wsrl-online-cql": _wsrl("CQL after the warmup", online_algo="cql"),
    "wsrl-fresh-critics": _wsrl("fresh critics", init_critics="fresh"),
    "wsrl-fresh-actor": _wsrl("fresh policy", init_actor="fresh"),
    # -- how it learns
    "wsrl-utd-1": _wsrl("UTD 1", utd=1.0),
    "wsrl-utd-20": _wsrl("UTD 20", utd=20.0),
    "wsrl-two-critics": _wsrl("two critics", ensemble_size=2),
    "wsrl-no-layer-norm": _wsrl("no LayerNorm", layer_norm=False),
    "wsrl-released-actor-lr": _wsrl("actor's rate x 2.24", actor_lr=Times(2.24)),  # see docs/algorithms.md
    "wsrl-fresh-optimizers": _wsrl("fresh optimizer states", keep_optimizers=False),
    "wsrl-fresh-temperature": _wsrl("fresh temperature", keep_temperature=False),
    # -- twice as long
    "wsrl-long": _wsrl("WSRL", online_steps=Times(2.0)),
    "rlpd-long": FigureArm("RLPD", "rlpd", {"online_steps": Times(2.0)}),
    "calql-share-50-long": FigureArm(
        "Cal-QL, 50 % offline", "calql", {"offline_share": 0.5, "online_steps": Times(2.0)}
    ),
}
