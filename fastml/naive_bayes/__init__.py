"""Naive Bayes, as in :mod:`sklearn.naive_bayes`."""

from __future__ import annotations

from ._categorical import CategoricalNB
from ._counted import BernoulliNB, ComplementNB, MultinomialNB
from ._gaussian import GaussianNB
from ._moments import block_rows

__all__ = [
    "BernoulliNB",
    "CategoricalNB",
    "ComplementNB",
    "GaussianNB",
    "MultinomialNB",
    "block_rows",
]
