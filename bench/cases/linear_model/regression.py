"""Least squares: a fit, predictions of all rows and of one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...harness.case import FASTML, NUMPY, Case, Cost
from ...harness.lot import Lot
from ...harness.sizes import Size
from ...harness.targets import SKLEARN, Loss, Target
from ...harness.workloads import Labelled
from ...peers import linear

#: Rows, features.
SHAPES = [(1_000_000, 28), (1_000_000, 100), (100_000, 784)]


def regression(n: int, d: int) -> Labelled:
    """Return normal rows and targets with as much noise as signal, float32."""
    random = np.random.default_rng(0)
    X = random.standard_normal((n, d), dtype=np.float32)
    w = random.standard_normal(d, dtype=np.float32) / np.float32(np.sqrt(d))
    return Labelled(X, X @ w + random.standard_normal(n, dtype=np.float32))


def truth(work: Labelled) -> Any:
    """Return coefficients and intercept by the definition in float64, in blocks."""
    d = work.X.shape[1]
    G = np.zeros((d + 2, d + 2))
    for start in range(0, len(work.X), 65536):
        rows = slice(start, start + 65536)
        X = work.X[rows].astype(np.float64)
        block = np.column_stack([X, np.ones(len(X)), work.y[rows]])
        G += block.T @ block
    return np.linalg.solve(G[:-1, :-1], G[:-1, -1])[None]


def check_fit(name: str, truth: Any, answer: Any, inputs: Any) -> None:
    """Ours to 1e-6 of the largest coefficient; of peers, what float32 sums leave."""
    tolerance = 1e-6 if name.startswith(FASTML) else 1e-3
    np.testing.assert_allclose(answer, truth, atol=tolerance * np.abs(truth).max(), err_msg=name)


def check_predictions(name: str, truth: Any, answer: Any, inputs: Any) -> None:
    """Compare predictions to float32 rounding."""
    np.testing.assert_allclose(answer, truth, rtol=1e-3, atol=1e-3, err_msg=name)


def _rows(part: str) -> dict[str, Any]:
    kinds = {FASTML: "fastml", "scikit-learn": "sklearn", "sklearnex": "sklearnex"}
    name = "LinearRegression"
    if part == "predict":
        return {label: linear.predict(library, name) for label, library in kinds.items()}
    fits = {label: linear.fit(library, name) for label, library in kinds.items()}
    fits["scikit-learn, Ridge"] = linear.fit("sklearn", "Ridge", alpha=1e-6)
    return {**fits, NUMPY: linear.normal_equations}


def _case(part: str, n: int, d: int) -> Case:
    fits = part == "fit"
    return Case(
        group=f"linear regression, {part}",
        name=f"{n:,} × {d}",
        rows=_rows(part),
        inputs=lambda: regression(n, d),
        check=check_fit if fits else check_predictions,
        truth=truth if fits else None,
        cost=Cost(float(n) * d * (d if fits else 2), read=4.0 * n * d),
        headline=fits,
    )


def drawn(lot: Lot) -> Case:
    """Return a fit drawn by lot, or as often a prediction, of many more rows than features."""
    d = lot.whole(1, 1000)
    most = min(1e6, 2e4 + 2e8 / d**2)
    return _case(lot.one_of("fit", "predict"), lot.whole(10 * d + 100, most), d)


DRAWN = {"linear regression": (20, drawn)}
LOSSES = [
    Loss(
        "linear regression",
        "Of some hundred rows NumPy's normal equations were done before our checks were. Three "
        "calls of kernels have taken the place of most of what was between them since. Of 9,000 "
        "rows of 800 features products take two thirds of our time; factors and what they say of "
        "the condition, on one thread, take a fifth.",
    )
]


def cases(size: Size) -> list[Case]:
    """Return a fit of every shape, and predictions."""
    shapes = size.pick(full=SHAPES, quick=[(n // 20, d) for n, d in SHAPES], tiny=[(400, 5)])
    n, d = shapes[0]
    found = [_case("fit", *shape) for shape in shapes]
    return [*found, *(_case("predict", rows, d) for rows in (n, 1))]


RIDGE, ONEDAL = "scikit-learn, Ridge", "sklearnex"
TARGETS = [
    Target("linear regression, fit", "1,000,000 × 28", ("sklearnex",), 2.2),
    Target("linear regression, fit", "1,000,000 × 28", SKLEARN, 25),
    Target("linear regression, fit", "1,000,000 × 100", ("sklearnex",), 1.3),
    Target("linear regression, fit", "1,000,000 × 100", (RIDGE,), 4),
    Target("linear regression, fit", "100,000 × 784", ("sklearnex",), 1.15),
    Target("linear regression, fit", "100,000 × 784", SKLEARN, 5),
    Target("linear regression, predict", "1,000,000 × 28", (*SKLEARN, ONEDAL), 1.0),
    Target("linear regression, predict", "1 × 28", SKLEARN, 10),
]
