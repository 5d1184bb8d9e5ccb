"""Naive Bayes, as in :mod:`sklearn.naive_bayes`."""

from __future__ import annotations

from ._counted import BernoulliNB, ComplementNB, MultinomialNB
from ._gaussian import GaussianNB
from ._moments import block_rows

__all__ = ["BernoulliNB", "ComplementNB", "GaussianNB", "MultinomialNB", "block_rows"]
