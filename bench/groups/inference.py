"""Applying a trained network to many rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench import checks
from bench.case import FASTML, NUMPY, Case, Cost, Row
from bench.networks import TorchNetwork, estimator, multiply_adds
from bench.peers import compiled, from_fastml, module
from bench.sizes import Size
from bench.workloads import Training, classification

from .training import name_of

#: Rows at a time for torch: its activations stay in cache, which is faster than all at once.
_ROWS_AT_ONCE = 8192


def numpy_probability(work: Training) -> Row:
    """Return the reference's ŷ for all rows."""
    from fastml import reference

    return Row(lambda: reference.forward(work.X, work.coefs, work.intercepts)[-1][:, 0])


def fastml_probability(work: Training) -> Row:
    """Return predict_proba of fastml's classifier."""
    model = estimator(from_fastml("MLPClassifier"), work)
    return Row(lambda: model.predict_proba(work.X), lambda p: p[:, 1], compiles=True)


def sklearn_probability(work: Training) -> Row:
    """Return predict_proba of scikit-learn's classifier."""
    model = estimator(module("sklearn.neural_network").MLPClassifier, work)
    return Row(lambda: model.predict_proba(work.X), lambda p: p[:, 1])


def torch_probability(compile_with: Any = None) -> Any:
    """Return the factory of a torch row without gradients."""

    def make(work: Training) -> Row:
        torch = module("torch")
        network = TorchNetwork(work)
        out = torch.empty(len(work.X), 1, dtype=network.X.dtype)

        def forward(X: Any) -> Any:
            return torch.sigmoid(network.model(X))

        if compile_with is not None:
            torch.compiler.reset()
            forward = compile_with(forward)

        def call() -> Any:
            with torch.inference_mode():
                for first in range(0, len(out), _ROWS_AT_ONCE):
                    rows = slice(first, first + _ROWS_AT_ONCE)
                    out[rows] = forward(network.X[rows])
            return out

        return Row(call, lambda p: p.numpy()[:, 0].copy(), compiles=compile_with is not None)

    return make


def cases(size: Size) -> list[Case]:
    """Return 16 features through 64-64-1."""
    widths = [16, 64, 64, 1]
    pieces = size.pick(full=(244, 61), quick=(24, 6), tiny=(1, 1))  # whole ones for torch
    found = []
    for dtype, count in zip(("float32", "float64"), pieces, strict=True):
        rows = count * _ROWS_AT_ONCE
        itemsize = np.dtype(dtype).itemsize
        unit = float(np.finfo(dtype).eps)
        rest: dict[str, Any] = {"torch": torch_probability()}
        if dtype == "float32":
            rest["torch compiled"] = torch_probability(compiled)
        found.append(
            Case(
                group="inference",
                name=f"{rows:,} rows through {name_of(widths)}, {dtype}",
                rows={
                    NUMPY: numpy_probability,
                    FASTML: fastml_probability,
                    "scikit-learn": sklearn_probability,
                    **rest,
                },
                inputs=lambda a=(widths, rows, 1024, dtype): classification(*a),
                check=checks.close(100 * unit, 0.0),
                cost=Cost(
                    2 * multiply_adds(widths) * rows, rows * widths[0] * itemsize, rows * itemsize
                ),
                dtype=dtype,
                headline=dtype == "float32",
            )
        )
    return found
