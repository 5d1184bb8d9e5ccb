"""The one table of tolerances: what is compared, in which element type, how closely, and why.

Labels are not here: they are compared by equality.  Nor are results that must be the same
bits, as those of two thread counts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from fastml.kernels.machine.host import host


class Tolerance(NamedTuple):
    """Relative and absolute tolerance, and the reason for both."""

    relative: float
    absolute: float
    reason: str


#: (what is compared, element type) -> Tolerance
TOLERANCES = {
    ("sum of products", "float32"): Tolerance(
        1e-5,
        1e-5,
        "a few hundred terms of size 1 summed in two orders differ by about sqrt(n) 2**-24",
    ),
    ("sum of products", "float64"): Tolerance(
        1e-13, 1e-13, "the same with 2**-53; sums of some hundred terms of size 1"
    ),
    ("training", "float32"): Tolerance(
        2e-4,
        2e-5,
        "an epoch of some dozen steps adds up the roundings of each, and each step multiplies "
        "what it was handed by about 1 + learning rate",
    ),
    ("training", "float64"): Tolerance(1e-11, 1e-12, "the same with 2**-53"),
    ("central difference", "float64"): Tolerance(
        1e-6,
        1e-8,
        "with a step of 1e-5 the remainder is about 1e-10 and the rounding of the loss, divided "
        "by twice the step, about 1e-11; relative to gradients as small as 1e-3",
    ),
    ("distance", "float32"): Tolerance(
        2.0**-23, 1e-45, "summed in float64 and rounded once to float32, perhaps a subnormal"
    ),
    ("distance", "float64"): Tolerance(
        2.0**-52, 0.0, "the same sums in the same order; a square root may round once more"
    ),
    ("mean", "float32"): Tolerance(
        2.0**-22, 1e-6, "float64 sums rounded once to float32; cancelling coordinates of size 1"
    ),
    ("mean", "float64"): Tolerance(1e-12, 1e-12, "float64 sums in two orders"),
}

#: Largest error in units in the last place, as each kernel's docstring promises.
ULPS = {
    "exponential": 1.0 if host().fused_multiply_add else 1.25,
    "decaying_exponential": 1.0 if host().fused_multiply_add else 1.25,
    "logarithm": 3.0,
    "sigmoid": 2.0,
    "sigmoid_derivative": 4.0,
    "softplus": 4.0,
    "hyperbolic_tangent": 3.0,
}


def assert_close(what: str, actual: ArrayLike, expected: ArrayLike, dtype: DTypeLike) -> None:
    """Assert that two arrays agree as closely as the table says for ``what`` in ``dtype``."""
    tolerance = TOLERANCES[what, np.dtype(dtype).name]
    np.testing.assert_allclose(
        actual, expected, rtol=tolerance.relative, atol=tolerance.absolute, err_msg=what
    )
