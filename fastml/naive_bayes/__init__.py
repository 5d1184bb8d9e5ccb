"""Naive Bayes, as in :mod:`sklearn.naive_bayes`."""

from __future__ import annotations

from ._gaussian import GaussianNB
from ._moments import block_rows

__all__ = ["GaussianNB", "block_rows"]
