"""An actor's parameters as plain arrays by name, which every format is written from."""

from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray[Any, np.dtype[np.float32]]]


def of_actor(params: Any) -> Arrays:
    """Returns the arrays of `algos.networks.Actor`.

    `hidden_0_kernel` [I, O] and `hidden_0_bias` [O] of the first layer, and so on, with `norm_0_scale` and
    `norm_0_bias` where it has LayerNorm; `mean_kernel`, `mean_bias`; `log_std` [A], or with a deviation that
    depends on the state `log_std_kernel` and `log_std_bias`.
    """
    tree = params["params"]
    body = tree["MLP_0"]
    arrays: dict[str, Any] = {}
    for layer in range(hidden_layers(params)):
        arrays |= _named(f"hidden_{layer}", body[f"Dense_{layer}"])
        if f"LayerNorm_{layer}" in body:
            arrays |= _named(f"norm_{layer}", body[f"LayerNorm_{layer}"])
    arrays |= _named("mean", tree["Dense_0"])
    arrays |= {"log_std": tree["log_std"]} if "log_std" in tree else _named("log_std", tree["Dense_1"])
    return {name: np.asarray(value, np.float32) for name, value in arrays.items()}


def hidden_layers(params: Any) -> int:
    """Returns how many hidden layers an actor has."""
    return sum(name.startswith("Dense_") for name in params["params"]["MLP_0"])


def _named(prefix: str, layer: Any) -> dict[str, Any]:
    return {f"{prefix}_{name}": value for name, value in layer.items()}
