"""Decision trees, as in :mod:`sklearn.tree`."""

from __future__ import annotations

from ._trees import DecisionTreeClassifier, DecisionTreeRegressor

__all__ = ["DecisionTreeClassifier", "DecisionTreeRegressor"]
