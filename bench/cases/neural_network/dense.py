"""One dense layer, forward and backward."""

from __future__ import annotations

import numpy as np

from ...harness import checks
from ...harness.case import FASTML, NUMPY, Case, Cost, Reference
from ...harness.sizes import Size
from ...harness.targets import Account
from ...harness.workloads import layer
from ...peers import fastml, reference, torch
from ...peers import numpy as plain

#: Multiply-adds the reference is given.
_REFERENCE = 1e9


def _cost(part: str, n: int, n_in: int, n_out: int, itemsize: int) -> Cost:
    """Return what must be computed and moved at least."""
    product = 2.0 * n * n_in * n_out
    if part == "forward":
        return Cost(product, n * n_out, n * n_out, n * n_in * itemsize, n * n_out * itemsize)
    return Cost(2 * product, read=n * (n_in + n_out) * itemsize, written=n * n_in * itemsize)


def _case(part: str, n: int, n_in: int, n_out: int, dtype: str) -> Case:
    way = f"dense_{part}"
    of_reference = getattr(reference, way)
    # A sum of n terms of size 1 is about √n large on its way and rounds n times: at
    # random these add up to n units.
    unit = float(np.finfo(dtype).eps)
    tolerances = (500, 100) if part == "forward" else (1000, n + 100)
    return Case(
        group=f"dense {part}",
        name=f"{n:,} rows, {n_in} to {n_out}, {dtype}",
        rows={
            NUMPY: getattr(plain, way),
            FASTML: getattr(fastml, way),
            "torch": getattr(torch, way),
        },
        inputs=lambda: layer(n, n_in, n_out, dtype),
        check=checks.close(*(units * unit for units in tolerances)),
        truth=lambda work: of_reference(work).call(),
        cost=_cost(part, n, n_in, n_out, np.dtype(dtype).itemsize),
        dtype=dtype,
        reference=Reference(of_reference, min(n, int(_REFERENCE / (n_in * n_out)))),
        headline=(n_in, dtype) == (784, "float32"),
    )


def cases(size: Size) -> list[Case]:
    """Return both passes of every shape."""
    shapes = size.pick(
        full=[(200_000, 28, 64), (60_000, 784, 128), (200_000, 256, 256)],
        quick=[(20_000, 28, 64), (6_000, 784, 128), (10_000, 256, 256)],
        tiny=[(200, 7, 5)],
    )
    return [
        _case(part, n, n_in, n_out, dtype)
        for n, n_in, n_out in shapes
        for dtype in (("float32", "float64") if n_in == 784 else ("float32",))
        for part in ("forward", "backward")
    ]


ACCOUNTS = [
    Account(
        "dense backward", "",
        "On one thread the look for NaN takes 3 %, the derivative nothing that shows; rows are "
        "read where they lie, for both products. What else is missing is not accounted for.",
    )
]  # fmt: skip
