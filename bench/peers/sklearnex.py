"""Intel's extension for scikit-learn: oneDAL's own classes, nothing is patched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..harness.case import Row
from ..harness.workloads import Points, Problem, Search
from . import estimators, module


def nearest(work: Points) -> Row:
    """Label by KMeans.predict."""
    model = estimators.with_centers(module("sklearnex.cluster").KMeans, work.centers)
    return Row(lambda: model.predict(work.X))


def fit(**settings: Any) -> Callable[[Problem], Row]:
    """Return the factory of a row that fits KMeans."""
    return lambda work: estimators.kmeans_fit(module("sklearnex.cluster").KMeans, work, **settings)


def neighbors(algorithm: str) -> Callable[[Search], Row]:
    """Return the factory of a row that finds neighbours by one of its algorithms."""

    def make(work: Search) -> Row:
        kind = module("sklearnex.neighbors").NearestNeighbors
        model = kind(n_neighbors=work.k, algorithm=algorithm).fit(work.X)
        return Row(lambda: model.kneighbors(work.queries), lambda found: found[1])

    return make
