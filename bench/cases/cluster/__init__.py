"""K-means: labels, seeding, whole fits."""

from __future__ import annotations

from ...harness.first import FirstFit

FIRST_FITS = [
    FirstFit(
        "KMeans",
        """
import numpy, fastml
X = numpy.random.default_rng(0).normal(size=(200, 5)).astype(numpy.float32)
answer = fastml.KMeans(3, random_state=0).fit(X).inertia_
""",
        floor="import numpy, numba, sklearn.cluster",
    )
]
