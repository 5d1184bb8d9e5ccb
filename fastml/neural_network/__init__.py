"""Multi-layer perceptrons, as in :mod:`sklearn.neural_network`."""

from __future__ import annotations

from ._mlp_classifier import MLPClassifier
from ._mlp_regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
