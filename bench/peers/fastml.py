"""fastml itself: only its public names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..harness.case import Row
from ..harness.workloads import Labelled, Layer, Points, Problem, Search, Training, Vector
from . import estimators, from_fastml


def nearest(work: Points) -> Row:
    """Label by KMeans.predict."""
    model = estimators.with_centers(from_fastml("KMeans"), work.centers)
    return Row(lambda: model.predict(work.X), compiles=True)


def nearest_function(work: Points) -> Row:
    """Label by the function on arrays."""
    function = from_fastml("nearest_centroid")
    return Row(lambda: function(work.X, work.centers), compiles=True)


def fit(name: str = "KMeans", **settings: Any) -> Callable[[Problem], Row]:
    """Return the factory of a row that fits a k-means estimator."""
    return lambda work: estimators.kmeans_fit(from_fastml(name), work, ours=True, **settings)


def plusplus(work: Points) -> Row:
    """Choose as many centres as there are."""
    function = from_fastml("kmeans_plusplus")
    return Row(lambda: function(work.X, len(work.centers), random_state=0), compiles=True)


def sigmoid_row(name: str) -> Callable[[Vector], Row]:
    """Return the row of the sigmoid or its derivative."""

    def make(work: Vector) -> Row:
        function = from_fastml(name)
        return Row(lambda: function(work.x, out=work.out), work.answer, compiles=True)

    return make


def dense_forward(work: Layer) -> Row:
    """Apply a layer of sigmoids."""
    function = from_fastml("dense_forward")
    return Row(lambda: function(work.X, work.W, work.b, out=work.out), compiles=True)


def dense_backward(work: Layer) -> Row:
    """Carry a delta back through a layer."""
    function = from_fastml("dense_backward")

    def call() -> Any:
        return function(work.X, work.W, work.delta, activation="logistic", out=work.below)

    return Row(call, compiles=True)


def epoch(name: str = "MLPClassifier", **parameters: Any) -> Callable[[Training], Row]:
    """Return the factory of a row that fits a perceptron."""
    return lambda work: estimators.perceptron_fit(from_fastml(name), work, **parameters)


def probability(work: Training) -> Row:
    """Return predict_proba of the classifier."""
    model = estimators.perceptron(from_fastml("MLPClassifier"), work)
    return Row(lambda: model.predict_proba(work.X), lambda p: p[:, 1], compiles=True)


def with_threads(make: Callable[[Any], Row], threads: int) -> Callable[[Any], Row]:
    """Return the factory of a row that runs another row's call on so many threads."""

    def threaded(work: Any) -> Row:
        row = make(work)
        num_threads = from_fastml("num_threads")

        def call() -> Any:
            with num_threads(threads):
                return row.call()

        return replace(row, call=call)

    return threaded


def neighbors(metric: str) -> Callable[[Search], Row]:
    """Return the factory of a row that finds neighbours with a fitted estimator."""
    algorithm = "brute" if metric == "manhattan" else "auto"

    def make(work: Search) -> Row:
        kind = from_fastml("NearestNeighbors")
        model = kind(n_neighbors=work.k, metric=metric, algorithm=algorithm).fit(work.X)
        return Row(lambda: model.kneighbors(work.queries), lambda found: found[1], compiles=True)

    return make


def bayes(part: str, name: str = "GaussianNB") -> Callable[[Labelled], Row]:
    """Return the factory of a row that fits a naive Bayes, or predicts with one."""
    return lambda work: estimators.bayes(from_fastml(name), work, part, ours=True)
