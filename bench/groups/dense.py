"""One dense layer, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench import checks
from bench.case import FASTML, NUMPY, Case, Cost, Row
from bench.peers import from_fastml, module
from bench.sizes import Size
from bench.workloads import Array, normal


@dataclass(frozen=True)
class _Layer:
    X: Array
    W: Array
    b: Array
    delta: Array
    out: Array


def _layer(n: int, n_in: int, n_out: int, dtype: str) -> _Layer:
    X = 1 / (1 + np.exp(-normal(n, n_in, dtype=dtype)))
    W = normal(n_in, n_out, dtype=dtype, seed=1) / np.dtype(dtype).type(n_in**0.5)
    delta = normal(n, n_out, dtype=dtype, seed=2)
    return _Layer(X, W, normal(n_out, dtype=dtype, seed=3), delta, np.empty_like(delta))


def _numpy_forward(layer: _Layer) -> Row:
    from fastml import reference

    return Row(lambda: reference.dense_forward(layer.X, layer.W, layer.b))


def _fastml_forward(layer: _Layer) -> Row:
    function = from_fastml("dense_forward")
    return Row(lambda: function(layer.X, layer.W, layer.b, out=layer.out), compiles=True)


def _torch_forward(layer: _Layer) -> Row:
    torch = module("torch")
    X, W, b, out = map(torch.from_numpy, (layer.X, layer.W, layer.b, layer.out))
    return Row(lambda: torch.addmm(b, X, W, out=out).sigmoid_(), lambda returned: returned.numpy())


def _numpy_backward(layer: _Layer) -> Row:
    from fastml import reference

    return Row(
        lambda: reference.dense_backward(layer.X, layer.W, layer.delta, activation="logistic")
    )


def _fastml_backward(layer: _Layer) -> Row:
    function = from_fastml("dense_backward")
    return Row(
        lambda: function(layer.X, layer.W, layer.delta, activation="logistic"), compiles=True
    )


def _torch_backward(layer: _Layer) -> Row:
    torch = module("torch")
    X, W, delta = map(torch.from_numpy, (layer.X, layer.W, layer.delta))

    def call() -> Any:
        below = delta @ W.T
        below.mul_(X).mul_(1 - X)
        return below, X.T @ delta, delta.sum(0)

    return Row(call, lambda returned: tuple(part.numpy() for part in returned))


def cases(size: Size) -> list[Case]:
    """Return shapes from a narrow to a square layer."""
    shapes = size.pick(
        full=[(200_000, 28, 64), (60_000, 784, 128), (200_000, 256, 256)],
        quick=[(20_000, 28, 64), (6_000, 784, 128), (10_000, 256, 256)],
        tiny=[(200, 7, 5)],
    )
    found = []
    for n, n_in, n_out in shapes:
        for dtype in ("float32", "float64") if n_in == 784 else ("float32",):
            itemsize = np.dtype(dtype).itemsize
            shape = f"{n:,} rows, {n_in} to {n_out}, {dtype}"
            product = 2.0 * n * n_in * n_out
            # A sum of n terms of size 1 is about √n large on its way and rounds n times: at
            # random these add up to n units.
            unit = float(np.finfo(dtype).eps)
            found += [
                Case(
                    group="dense forward",
                    name=shape,
                    rows={NUMPY: _numpy_forward, FASTML: _fastml_forward, "torch": _torch_forward},
                    inputs=lambda a=(n, n_in, n_out, dtype): _layer(*a),
                    check=checks.close(500 * unit, 100 * unit),
                    cost=Cost(product, n * n_in * itemsize, n * n_out * itemsize),
                    dtype=dtype,
                    headline=(n_in, dtype) == (784, "float32"),
                ),
                Case(
                    group="dense backward",
                    name=shape,
                    rows={
                        NUMPY: _numpy_backward,
                        FASTML: _fastml_backward,
                        "torch": _torch_backward,
                    },
                    inputs=lambda a=(n, n_in, n_out, dtype): _layer(*a),
                    check=checks.close(1000 * unit, (n + 100) * unit),
                    cost=Cost(2 * product, n * (n_in + n_out) * itemsize, n * n_in * itemsize),
                    dtype=dtype,
                    headline=(n_in, dtype) == (784, "float32"),
                ),
            ]
    return found
