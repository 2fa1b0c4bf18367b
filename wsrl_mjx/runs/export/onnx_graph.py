"""A policy as an ONNX graph: `obs` [N, O] to the deterministic `action` [N, A].

The packages `onnx` and `onnxruntime` are the extra `onnx`.
"""

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from wsrl_mjx.runs.export.arrays import Arrays
from wsrl_mjx.runs.export.numpy_policy import EPSILON

OPSET = 17  # the first with LayerNormalization
INSTALL = "pip install 'wsrl_mjx[onnx]'"


def needed(name: str) -> Any:
    """Returns the module of a package of the extra.

    Raises:
        ValueError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ValueError(f"format onnx needs the package {name}: {INSTALL}") from None


def write(path: Path, arrays: Arrays, card: dict[str, Any]) -> None:
    """Writes the graph, with the card's texts as its metadata, and checks it as ONNX itself does."""
    onnx, helper = needed("onnx"), needed("onnx.helper")
    nodes, last = [], "obs"

    def add(kind: str, inputs: list[str], output: str, **options: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **options))
        return output

    for layer in range(card["hidden_layers"]):
        name = f"hidden_{layer}"
        last = add("Gemm", [last, f"{name}_kernel", f"{name}_bias"], f"{name}_product")
        if card["layer_norm"]:
            inputs = [last, f"norm_{layer}_scale", f"norm_{layer}_bias"]
            last = add("LayerNormalization", inputs, f"{name}_normed", axis=-1, epsilon=EPSILON)
        last = add("Relu", [last], f"{name}_out")
    last = add("Gemm", [last, "mean_kernel", "mean_bias"], "mean")
    if card["squash"] == "tanh":
        add("Tanh", [last], "action")
    else:
        add("Clip", [last, "lowest", "highest"], "action")
    used = {name for node in nodes for name in node.input}
    bounds = {"lowest": np.float32(-1.0), "highest": np.float32(1.0)}
    constants = {name: value for name, value in {**arrays, **bounds}.items() if name in used}
    floats = lambda name, size: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", size])
    graph = helper.make_graph(
        nodes,
        "policy",
        [floats("obs", len(card["observation"]))],
        [floats("action", len(card["action"]))],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    helper.set_model_props(model, {name: str(value) for name, value in card.items()})
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def run(path: Path, obs: Any) -> Any:
    """Returns the actions of the file's graph, computed by onnxruntime on the CPU."""
    session = needed("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["action"], {"obs": np.asarray(obs, np.float32)})[0]
