"""Multi-layer perceptrons: their parts, training and applying them."""

from __future__ import annotations

from ...harness.first import FirstFit

FIRST_FITS = [
    FirstFit(
        "MLPClassifier",
        """
import warnings, numpy, fastml
warnings.simplefilter("ignore")
X = numpy.random.default_rng(0).normal(size=(200, 5)).astype(numpy.float32)
model = fastml.MLPClassifier((8,), max_iter=2, random_state=0).fit(X, X[:, 0] > 0)
answer = float(model.predict_proba(X).sum())
""",
        floor="import numpy, numba, sklearn.neural_network",
    )
]
