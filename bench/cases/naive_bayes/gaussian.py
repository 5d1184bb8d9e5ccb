"""Gaussian naive Bayes: a fit, and labels of all rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...harness.case import FASTML, Case, Cost
from ...harness.lot import Lot
from ...harness.sizes import Size
from ...harness.targets import SKLEARN, Target
from ...harness.workloads import Labelled
from ...peers import fastml, sklearn

#: Rows, features, classes.
SHAPES = [(1_000_000, 28, 2), (500_000, 54, 7), (60_000, 784, 10)]


def labelled(n: int, d: int, k: int) -> Labelled:
    """Return normal rows of every class, float32."""
    random = np.random.default_rng(0)
    y = random.integers(0, k, n)
    X = random.standard_normal((n, d), dtype=np.float32)
    X += (0.3 * y[:, None]).astype(np.float32)
    return Labelled(X, y)


def check_fit(name: str, truth: Any, answer: Any, inputs: Any) -> None:
    """Compare means and variances with a two-pass fit in float64."""
    wide, y = inputs.X.astype(np.float64), inputs.y
    rows = [wide[y == c] for c in np.unique(y)]
    expected = np.stack([[r.mean(axis=0) for r in rows], [r.var(axis=0) for r in rows]])
    tolerance = 1e-7 if name.startswith(FASTML) else 1e-3
    np.testing.assert_allclose(answer, expected, rtol=tolerance, atol=tolerance, err_msg=name)


def check_labels(name: str, truth: Any, answer: Any, inputs: Any) -> None:
    """Labels agree but for the near-ties that float32 decides otherwise."""
    wrong = int((answer != truth).sum())
    assert wrong <= len(truth) // 10_000 + 1, f"{name}: {wrong} of {len(truth)} labels differ"


def _case(part: str, n: int, d: int, k: int) -> Case:
    return Case(
        group=f"Gaussian naive Bayes, {part}",
        name=f"{n:,} × {d}, {k} classes",
        rows={FASTML: fastml.bayes(part), "scikit-learn": sklearn.bayes(part)},
        inputs=lambda: labelled(n, d, k),
        check=check_fit if part == "fit" else check_labels,
        cost=Cost((4.0 if part == "fit" else 4.0 * k) * n * d, read=4.0 * n * d),
        headline=True,
    )


def drawn(lot: Lot) -> Case:
    """Return a fit or a prediction drawn by lot, with some rows of every class."""
    d, k = lot.whole(1, 1000), lot.whole(2, 30)
    return _case(lot.one_of("fit", "predict"), lot.whole(40 * k, max(3e7 / d, 80 * k)), d, k)


DRAWN = {"Gaussian naive Bayes": (20, drawn)}


def cases(size: Size) -> list[Case]:
    """Return a fit and a prediction of every shape."""
    shapes = size.pick(
        full=SHAPES,
        quick=[(n // 20, d, k) for n, d, k in SHAPES],
        tiny=[(400, 5, 3)],
    )
    return [_case(part, *shape) for part in ("fit", "predict") for shape in shapes]


TARGETS = [
    Target("Gaussian naive Bayes, fit", "1,000,000 × 28,", SKLEARN, 25),
    Target("Gaussian naive Bayes, fit", "500,000 × 54,", SKLEARN, 25),
    Target("Gaussian naive Bayes, fit", "60,000 × 784,", SKLEARN, 10),
    Target("Gaussian naive Bayes, predict", "1,000,000 × 28,", SKLEARN, 25),
    Target("Gaussian naive Bayes, predict", "500,000 × 54,", SKLEARN, 25),
    Target("Gaussian naive Bayes, predict", "60,000 × 784,", SKLEARN, 25),
]
