"""One dense layer, forward and backward."""

from __future__ import annotations

import numpy as np

from ...harness import checks
from ...harness.case import FASTML, NUMPY, Case, Cost, Reference
from ...harness.sizes import Size
from ...harness.workloads import layer
from ...peers import fastml, reference, torch
from ...peers import numpy as plain

#: Multiply-adds the reference is given.
_REFERENCE = 1e9


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
            tracked = min(n, int(_REFERENCE / (n_in * n_out)))
            # A sum of n terms of size 1 is about √n large on its way and rounds n times: at
            # random these add up to n units.
            unit = float(np.finfo(dtype).eps)
            found += [
                Case(
                    group="dense forward",
                    name=shape,
                    rows={
                        NUMPY: plain.dense_forward,
                        FASTML: fastml.dense_forward,
                        "torch": torch.dense_forward,
                    },
                    inputs=lambda a=(n, n_in, n_out, dtype): layer(*a),
                    check=checks.close(500 * unit, 100 * unit),
                    truth=lambda work: reference.dense_forward(work).call(),
                    cost=Cost(
                        product, n * n_out, n * n_out, n * n_in * itemsize, n * n_out * itemsize
                    ),
                    dtype=dtype,
                    reference=Reference(reference.dense_forward, tracked),
                    headline=(n_in, dtype) == (784, "float32"),
                ),
                Case(
                    group="dense backward",
                    name=shape,
                    rows={
                        NUMPY: plain.dense_backward,
                        FASTML: fastml.dense_backward,
                        "torch": torch.dense_backward,
                    },
                    inputs=lambda a=(n, n_in, n_out, dtype): layer(*a),
                    check=checks.close(1000 * unit, (n + 100) * unit),
                    truth=lambda work: reference.dense_backward(work).call(),
                    cost=Cost(
                        2 * product,
                        read=n * (n_in + n_out) * itemsize,
                        written=n * n_in * itemsize,
                    ),
                    dtype=dtype,
                    reference=Reference(reference.dense_backward, tracked),
                    headline=(n_in, dtype) == (784, "float32"),
                ),
            ]
    return found
