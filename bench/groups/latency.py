"""One row at a time: what a server pays."""

from __future__ import annotations

from dataclasses import replace

from bench import checks
from bench.case import FASTML, NUMPY, Case
from bench.clusters import nearest_rows
from bench.sizes import Size
from bench.workloads import Points, Training, classification, points

from .inference import (
    fastml_probability,
    numpy_probability,
    sklearn_probability,
    torch_probability,
)


def _one_point() -> Points:
    work = points(1000, 16, 64)
    return Points(work.X[:1].copy(), work.centers)


def _one_row() -> Training:
    work = classification([30, 16, 1], 1024, 32)
    return replace(work, X=work.X[:1].copy(), y=work.y[:1].copy())


def cases(size: Size) -> list[Case]:
    """Return one row through each estimator; the same at every size."""
    rows = nearest_rows("float32")
    del rows["NumPy+BLAS"]
    return [
        Case(
            group="one row",
            name="KMeans.predict, 1 × 16, k = 64, float32",
            rows=rows,
            inputs=_one_point,
            check=checks.labels("float32"),
            headline=True,
        ),
        Case(
            group="one row",
            name="MLPClassifier.predict_proba, 1 × 30 through 30-16-1, float32",
            rows={
                NUMPY: numpy_probability,
                FASTML: fastml_probability,
                "scikit-learn": sklearn_probability,
                "torch": torch_probability(),
            },
            inputs=_one_row,
            check=checks.close(1e-5, 0.0),
            headline=True,
        ),
    ]
