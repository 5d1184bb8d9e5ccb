"""Nearest neighbours, as in :mod:`sklearn.neighbors`."""

from __future__ import annotations

from ._classification import KNeighborsClassifier, RadiusNeighborsClassifier
from ._functions import kneighbors, kneighbors_graph, radius_neighbors_graph
from ._regression import KNeighborsRegressor, RadiusNeighborsRegressor
from ._unsupervised import NearestNeighbors

__all__ = [
    "KNeighborsClassifier",
    "KNeighborsRegressor",
    "NearestNeighbors",
    "RadiusNeighborsClassifier",
    "RadiusNeighborsRegressor",
    "kneighbors",
    "kneighbors_graph",
    "radius_neighbors_graph",
]
