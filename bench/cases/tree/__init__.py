"""Decision trees."""

from __future__ import annotations

from ...harness.first import FirstFit

FIRST_FITS = [
    FirstFit(
        "DecisionTreeClassifier",
        """
import numpy, fastml
X = numpy.random.default_rng(0).normal(size=(300, 5)).astype(numpy.float32)
answer = fastml.DecisionTreeClassifier().fit(X, X[:, 0] > X[:, 1]).get_n_leaves()
""",
        floor="import numpy, numba, sklearn.tree",
    )
]
