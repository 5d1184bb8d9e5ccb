"""The sigmoid and its derivative on one long array."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench import checks
from bench.case import FASTML, NUMPY, Case, Cost, Row
from bench.peers import from_fastml, module
from bench.sizes import Size
from bench.workloads import Array, normal


class _Arrays:
    """x, somewhere to write, and the rows that are compared: all would not fit twice."""

    def __init__(self, n: int, dtype: str) -> None:
        self.x = 4 * normal(n, dtype=dtype)
        self.out = np.empty_like(self.x)
        self.sample = slice(None, None, max(n // 1_000_000, 1))

    def answer(self, returned: Any) -> Array:
        return np.array(returned[self.sample])


def _numpy(name: str) -> Any:
    def make(arrays: _Arrays) -> Row:
        from fastml import reference

        function = getattr(reference, name)
        return Row(lambda: function(arrays.x), arrays.answer)

    return make


def _fastml(name: str) -> Any:
    def make(arrays: _Arrays) -> Row:
        function = from_fastml(name)
        return Row(lambda: function(arrays.x, out=arrays.out), arrays.answer, compiles=True)

    return make


def _scipy(arrays: _Arrays) -> Row:
    expit = module("scipy.special").expit
    return Row(lambda: expit(arrays.x, out=arrays.out), arrays.answer)


def _torch(name: str) -> Any:
    def make(arrays: _Arrays) -> Row:
        torch = module("torch")
        x, out = torch.from_numpy(arrays.x), torch.from_numpy(arrays.out)

        def sigmoid() -> Any:
            return torch.sigmoid(x, out=out)

        def derivative() -> Any:
            torch.sigmoid(x, out=out)
            return torch.addcmul(out, out, out, value=-1, out=out)

        call = sigmoid if name == "sigmoid" else derivative
        return Row(call, lambda returned: arrays.answer(returned.numpy()))

    return make


def cases(size: Size) -> list[Case]:
    """Return σ and σ′ in both element types."""
    found = []
    for dtype, n in (
        ("float32", size.pick(full=64_000_000, quick=4_000_000, tiny=20_000)),
        ("float64", size.pick(full=16_000_000, quick=2_000_000, tiny=20_000)),
    ):
        itemsize = np.dtype(dtype).itemsize
        # σ within 2 units in the last place of the true value here, 2 there; the derivative
        # from σ(1 - σ) cancels in the peers: 1 - σ has an absolute error of one unit.
        unit = float(np.finfo(dtype).eps)
        for name, rows, tolerance in (
            ("sigmoid", {"SciPy": _scipy}, (6 * unit, 0.0)),
            ("sigmoid_derivative", {}, (16 * unit, unit)),
        ):
            found.append(
                Case(
                    group="sigmoid",
                    name=f"{name}, {n:,} {dtype}",
                    rows={
                        NUMPY: _numpy(name),
                        FASTML: _fastml(name),
                        **rows,
                        "torch": _torch(name),
                    },
                    inputs=lambda n=n, dtype=dtype: _Arrays(n, dtype),
                    check=checks.close(*tolerance),
                    cost=Cost(read=n * itemsize, written=n * itemsize),
                    dtype=dtype,
                    headline=dtype == "float32",
                )
            )
    return found
