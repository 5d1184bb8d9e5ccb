"""onnxruntime: a model written to its format and applied by it, which is how many serve theirs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..harness.case import Row
from ..harness.workloads import Array, Points, Training
from . import cpus, module, threads

#: Rows at a time: its activations stay in cache, which is faster than all at once.
_ROWS_AT_ONCE = 8192


def _sessions(nodes: list[Any], constants: dict[str, Array], n_in: int, labels: bool) -> Any:
    """Return a function to the session of the number of threads last set."""
    onnx, runtime = module("onnx"), module("onnxruntime")
    dtype = next(iter(constants.values())).dtype
    kind = onnx.helper.np_dtype_to_tensor_dtype(dtype)
    graph = onnx.helper.make_graph(
        nodes,
        "work",
        [onnx.helper.make_tensor_value_info("X", kind, [None, n_in])],
        [
            onnx.helper.make_tensor_value_info("y", onnx.TensorProto.INT64, [None])
            if labels
            else onnx.helper.make_tensor_value_info("y", kind, [None, None])
        ],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
    )
    text = model.SerializeToString()
    found = {}
    for count in {1, cpus()}:
        options = runtime.SessionOptions()
        options.intra_op_num_threads = count
        options.log_severity_level = 3
        found[count] = runtime.InferenceSession(text, options, ["CPUExecutionProvider"])
    return lambda: found[threads()]


def probability(work: Training) -> Row:
    """Apply a network of Gemm and Sigmoid."""
    helper = module("onnx").helper
    nodes, constants, name = [], {}, "X"
    last = len(work.coefs) - 1
    for layer, (W, b) in enumerate(zip(work.coefs, work.intercepts, strict=True)):
        constants[f"W{layer}"], constants[f"b{layer}"] = W, b
        nodes.append(helper.make_node("Gemm", [name, f"W{layer}", f"b{layer}"], [f"z{layer}"]))
        name = "y" if layer == last else f"a{layer}"
        nodes.append(helper.make_node("Sigmoid", [f"z{layer}"], [name]))
    session_of = _sessions(nodes, constants, work.X.shape[1], labels=False)
    out = np.empty(len(work.X), work.X.dtype)

    def call() -> Array:
        session = session_of()
        for start in range(0, len(out), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            out[rows] = session.run(None, {"X": work.X[rows]})[0][:, 0]
        return out

    return Row(call, lambda returned: returned.copy())


def nearest(work: Points) -> Row:
    """Apply a model of Gemm and ArgMax: x·c - ‖c‖²/2."""
    helper = module("onnx").helper
    half_norms = 0.5 * np.einsum("kd,kd->k", work.centers, work.centers)
    nodes = [
        helper.make_node("Gemm", ["X", "columns", "offset"], ["scores"]),
        helper.make_node("ArgMax", ["scores"], ["y"], axis=1, keepdims=0),
    ]
    constants = {"columns": np.ascontiguousarray(work.centers.T), "offset": -half_norms}
    session_of = _sessions(nodes, constants, work.X.shape[1], labels=True)
    return Row(
        lambda: session_of().run(None, {"X": work.X})[0],
        lambda labels: labels.astype(np.int32),
    )
