"""Forests, as in :mod:`sklearn.ensemble`."""

from __future__ import annotations

from ._forests import RandomForestClassifier, RandomForestRegressor

__all__ = ["RandomForestClassifier", "RandomForestRegressor"]
