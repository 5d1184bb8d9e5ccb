"""scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..harness.case import Row
from ..harness.workloads import Labelled, Points, Problem, Search, Training
from . import estimators, module


def nearest(work: Points) -> Row:
    """Label by KMeans.predict."""
    model = estimators.with_centers(module("sklearn.cluster").KMeans, work.centers)
    return Row(lambda: model.predict(work.X))


def fit(name: str = "KMeans", **settings: Any) -> Callable[[Problem], Row]:
    """Return the factory of a row that fits a k-means estimator."""
    return lambda work: estimators.kmeans_fit(
        getattr(module("sklearn.cluster"), name), work, **settings
    )


def plusplus(work: Points) -> Row:
    """Choose as many centres as there are."""
    function = module("sklearn.cluster").kmeans_plusplus
    return Row(lambda: function(work.X, len(work.centers), random_state=0))


def epoch(name: str = "MLPClassifier", **parameters: Any) -> Callable[[Training], Row]:
    """Return the factory of a row that fits a perceptron."""
    return lambda work: estimators.perceptron_fit(
        getattr(module("sklearn.neural_network"), name), work, **parameters
    )


def probability(work: Training) -> Row:
    """Return predict_proba of the classifier."""
    model = estimators.perceptron(module("sklearn.neural_network").MLPClassifier, work)
    return Row(lambda: model.predict_proba(work.X), lambda p: p[:, 1])


def neighbors(algorithm: str, metric: str = "euclidean") -> Callable[[Search], Row]:
    """Return the factory of a row that finds neighbours by one of its algorithms."""

    def make(work: Search) -> Row:
        kind = module("sklearn.neighbors").NearestNeighbors
        model = kind(n_neighbors=work.k, algorithm=algorithm, metric=metric).fit(work.X)
        return Row(lambda: model.kneighbors(work.queries), lambda found: found[1])

    return make


def bayes(part: str, name: str = "GaussianNB") -> Callable[[Labelled], Row]:
    """Return the factory of a row that fits a naive Bayes, or predicts with one."""
    return lambda work: estimators.bayes(getattr(module("sklearn.naive_bayes"), name), work, part)
