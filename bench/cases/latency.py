"""One row at a time: what a server pays."""

from __future__ import annotations

from ..harness import checks
from ..harness.case import FASTML, NUMPY, Case, Reference
from ..harness.sizes import Size
from ..harness.targets import SKLEARN, Target
from ..harness.workloads import Points, Training, classification, points
from ..peers import faiss, fastml, onnxruntime, reference, sklearn, sklearnex, torch
from ..peers import numpy as plain


def _one_point() -> Points:
    return points(1000, 16, 64).head(1)


def _one_row() -> Training:
    return classification([30, 16, 1], 1024, 32).head(1)


def cases(size: Size) -> list[Case]:
    """Return one row through each estimator; the same at every size."""
    return [
        Case(
            group="one row",
            name="KMeans.predict, 1 × 16, k = 64, float32",
            rows={
                NUMPY: plain.one_nearest,
                FASTML: fastml.nearest,
                "scikit-learn": sklearn.nearest,
                "sklearnex": sklearnex.nearest,
                "faiss": faiss.nearest,
                "onnxruntime": onnxruntime.nearest,
            },
            inputs=_one_point,
            check=checks.labels("float32"),
            truth=lambda work: reference.nearest(work).call(),
            reference=Reference(reference.nearest, 1),
            headline=True,
        ),
        Case(
            group="one row",
            name="MLPClassifier.predict_proba, 1 × 30 through 30-16-1, float32",
            rows={
                NUMPY: plain.probability,
                FASTML: fastml.probability,
                "scikit-learn": sklearn.probability,
                "onnxruntime": onnxruntime.probability,
                "torch": torch.probability(),
            },
            inputs=_one_row,
            check=checks.close(1e-5, 0.0),
            truth=lambda work: reference.probability(work).call(),
            reference=Reference(reference.probability, 1),
            headline=True,
        ),
    ]


TARGETS = [
    Target("one row", "KMeans.predict", SKLEARN, 10),
    Target("one row", "MLPClassifier.predict_proba", SKLEARN, 10),
]
