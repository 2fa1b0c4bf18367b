"""Runs a policy that wsrl_mjx exported, with NumPy alone. Copy this file wherever it is needed.

    policy = Policy("policy.npz")
    action = policy(obs)                                   # deterministic; obs [O] or [N, O]
    action = policy.sample(obs, np.random.default_rng(0))  # as in training
    policy.card["observation"]                             # what the numbers of obs are, in this order

Actions are in [-1, 1]; `policy.card["action"]` says what 1 means, and "control_step" for how many seconds
an action holds.
"""

import json
from os import PathLike
from typing import Any

import numpy as np

EPSILON = 1e-6  # of LayerNorm


class Policy:
    """A Gaussian over actions, squashed by tanh or clipped, from a network of dense layers."""

    def __init__(self, path: str | PathLike[str]) -> None:
        with np.load(path, allow_pickle=False) as file:
            self.arrays: dict[str, Any] = {name: file[name] for name in file.files}
        self.card: dict[str, Any] = json.loads(str(self.arrays.pop("card")))

    def __call__(self, obs: Any) -> Any:
        """Returns the deterministic actions [*, A] for observations [*, O]."""
        return self._into_range(self.gaussian(obs)[0])

    def sample(self, obs: Any, rng: np.random.Generator) -> Any:
        """Returns drawn actions [*, A] for observations [*, O]."""
        mean, std = self.gaussian(obs)
        return self._into_range(mean + std * rng.standard_normal(mean.shape, np.float32))

    def gaussian(self, obs: Any) -> tuple[Any, Any]:
        """Returns mean and standard deviation [*, A] before the squash or the clip.

        Raises:
            ValueError: the observations have another size than the policy's.
        """
        x, expected = np.asarray(obs, np.float32), len(self.card["observation"])
        if x.shape[-1:] != (expected,):
            raise ValueError(f"obs has the shape {x.shape}; its last axis must be {expected}")
        for layer in range(self.card["hidden_layers"]):
            x = self._dense(f"hidden_{layer}", x)
            if self.card["layer_norm"]:
                centred = x - x.mean(axis=-1, keepdims=True)
                x = centred / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + EPSILON)
                x = x * self.arrays[f"norm_{layer}_scale"] + self.arrays[f"norm_{layer}_bias"]
            x = np.maximum(x, 0.0)
        of_state = "log_std_kernel" in self.arrays
        log_std = self._dense("log_std", x) if of_state else self.arrays["log_std"]
        mean = self._dense("mean", x)
        std = np.exp(np.clip(log_std, *np.log(self.card["std_range"])))
        return mean, np.broadcast_to(std.astype(np.float32), mean.shape)

    def _dense(self, name: str, x: Any) -> Any:
        return x @ self.arrays[f"{name}_kernel"] + self.arrays[f"{name}_bias"]

    def _into_range(self, action: Any) -> Any:
        return np.tanh(action) if self.card["squash"] == "tanh" else np.clip(action, -1.0, 1.0)
