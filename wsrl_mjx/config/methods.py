"""The fine-tuning methods by name: which settings make each of them. Every one of these is a flag of its own.

Where a method keeps data or not is a flag too, so that each can be had with and without retention:
`--method calql --offline-share 0.5`. Sources and what is unknown of them: docs/algorithms.md.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Method:
    """One method.

    Attributes:
        title: for plots and tables.
        settings: what differs from WSRL, by name.
    """

    title: str
    settings: dict[str, Any] = field(default_factory=dict)


METHODS = {
    "wsrl": Method("WSRL"),
    # Offline algorithms that simply go on (Zhou et al. 2024, section 4).
    "cql": Method("CQL", {"offline_algo": "cql", "online_algo": "cql", "warmup_steps": 0}),
    "calql": Method("Cal-QL", {"offline_algo": "calql", "online_algo": "calql", "warmup_steps": 0}),
    "iql": Method("IQL", {"offline_algo": "iql", "online_algo": "iql", "warmup_steps": 0}),
    # From scratch; the untrained policy fills the buffer before the first update.
    "sac": Method("SAC (fast)", {"offline_steps": 0}),
    "rlpd": Method("RLPD", {"offline_steps": 0, "offline_share": 0.5}),
    # RLPD from demonstrations with a sparse reward, on robots (Luo et al. 2024).
    "serl": Method("SERL", {"offline_steps": 0, "offline_share": 0.5, "dataset": "demos-20"}),
    # Uchendu et al. 2023, with the horizon of the guide drawn anew for every episode.
    "jsrl": Method("JSRL", {"guide_steps": 100.0, "init_critics": "fresh", "warmup_steps": 0}),
    # Zhang et al. 2024: ten updates a step, and nine of ten rows from the data.
    "so2": Method("SO2", {"online_algo": "so2", "utd": 10.0, "offline_share": 0.9}),
    # Nair et al. 2020; the data stays in its buffer.
    "awac": Method(
        "AWAC", {"offline_algo": "awac", "online_algo": "awac", "retain": "append", "warmup_steps": 0}
    ),
}
