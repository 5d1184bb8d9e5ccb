"""``fastml bench``: whether results are right here, and how fast they come beside scikit-learn.

A self-check of half a minute, not a measurement to quote: ``make bench`` is that.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import sklearn.cluster
import sklearn.naive_bayes
import sklearn.neighbors
import sklearn.neural_network
from sklearn.exceptions import ConvergenceWarning

import fastml
from fastml import reference

ROUNDS = 3


@dataclass(frozen=True)
class Check:
    """One piece of work, done here and by scikit-learn; ``wrong`` looks at what came out."""

    name: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    wrong: Callable[[Any, Any], str]


def _blobs(n_rows: int, n_features: int, n_blobs: int) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    places = random.normal(scale=4, size=(n_blobs, n_features))
    labels = random.integers(n_blobs, size=n_rows)
    noise = random.standard_normal((n_rows, n_features))
    return (places[labels] + noise).astype(np.float32), labels


def _fit_is_wrong(X: Any, ours: Any, theirs: Any) -> str:
    if not np.array_equal(ours.labels_, ours.predict(X)):
        return "labels_ are not those predict gives"
    expected = reference.nearest_centroid(X[:2000], ours.cluster_centers_)
    if not np.array_equal(ours.labels_[:2000], expected):
        return "labels differ from the reference's"
    return "" if ours.inertia_ < 1.05 * theirs.inertia_ else "the inertia is too large"


def _same_bits(fit: Callable[[], Any], attribute: str) -> str:
    """Say what is wrong if a fit on one thread and one on three differ in a bit."""
    found = []
    for n_threads in (1, 3):
        with fastml.num_threads(n_threads):
            found.append(np.asarray(getattr(fit(), attribute)).tobytes())
    return "" if found[0] == found[1] else f"{attribute} depends on the number of threads"


def _k_means() -> Check:
    X, _ = _blobs(100_000, 16, 32)
    start = X[:32].astype(np.float64)

    def ours() -> Any:
        return fastml.KMeans(32, init=start, n_init=1, tol=0.0, max_iter=30).fit(X)

    def theirs() -> Any:
        return sklearn.cluster.KMeans(32, init=start, n_init=1, tol=0.0, max_iter=30).fit(X)

    def wrong(mine: Any, other: Any) -> str:
        return _fit_is_wrong(X, mine, other) or _same_bits(ours, "cluster_centers_")

    return Check("k-means, 100,000 x 16, k = 32", ours, theirs, wrong)


def _perceptron() -> Check:
    X, labels = _blobs(20_000, 28, 6)
    y = labels % 2

    def fitted(module: Any) -> Callable[[], Any]:
        return lambda: module.MLPClassifier(
            (32, 32), batch_size=128, max_iter=3, random_state=0, tol=0.0
        ).fit(X.astype(np.float64), y)

    ours = fitted(fastml)

    def wrong(mine: Any, other: Any) -> str:
        if not np.allclose(mine.loss_curve_, other.loss_curve_, rtol=1e-6):
            return "the losses are not scikit-learn's"
        return _same_bits(ours, "loss_curve_")

    return Check(
        "perceptron, 28-32-32-1, 20,000 rows, 3 epochs",
        ours, fitted(sklearn.neural_network), wrong,
    )  # fmt: skip


def _neighbours() -> Check:
    X, _ = _blobs(50_000, 16, 20)
    queries = X[:2000] + np.float32(0.25)

    def search(module: Any) -> Callable[[], Any]:
        model = module.NearestNeighbors(n_neighbors=5, algorithm="brute").fit(X)
        return lambda: model.kneighbors(queries)

    def wrong(mine: Any, other: Any) -> str:
        distances, rows = reference.kneighbors(X, queries[:50], 5)
        if np.array_equal(mine[1][:50], rows) and np.array_equal(mine[0][:50], distances):
            return ""
        return "neighbours differ from the reference's"

    return Check(
        "neighbours, 50,000 x 16, 2,000 queries, k = 5",
        search(fastml.neighbors), search(sklearn.neighbors), wrong,
    )  # fmt: skip


def _naive_bayes() -> Check:
    X, y = _blobs(200_000, 16, 8)

    def fitted(module: Any) -> Callable[[], Any]:
        return lambda: module.GaussianNB().fit(X, y)

    def wrong(mine: Any, other: Any) -> str:
        return "" if np.allclose(mine.theta_, other.theta_, atol=1e-3) else "the means differ"

    return Check(
        "naive Bayes, 200,000 x 16, 8 classes",
        fitted(fastml), fitted(sklearn.naive_bayes), wrong,
    )  # fmt: skip


def checks() -> Iterator[Check]:
    """Yield the checks, each with its data."""
    for make in (_k_means, _perceptron, _neighbours, _naive_bayes):
        yield make()


def _least(work: Callable[[], Any], before: float) -> float:
    start = time.perf_counter()
    work()
    return min(before, time.perf_counter() - start)


def run() -> int:
    """Check and time everything, a line each; return 1 if a result was wrong, else 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a few epochs were asked for
        return _run()


def _run() -> int:
    print(f"{fastml.get_num_threads()} threads; the least of {ROUNDS} rounds, in turns")
    print(f"{'':46} {'fastml':>9} {'scikit-learn':>13} {'ratio':>7}  results")
    failed = 0
    for check in checks():
        wrong = check.wrong(check.ours(), check.theirs())  # and everything is compiled
        failed += bool(wrong)
        ours = theirs = float("inf")
        for _ in range(ROUNDS):
            ours, theirs = _least(check.ours, ours), _least(check.theirs, theirs)
        times = f"{1e3 * ours:6.1f} ms {1e3 * theirs:10.1f} ms {theirs / ours:6.1f}x"
        print(f"{check.name:46} {times}  {wrong or 'right'}", flush=True)
    if failed:
        print("A result is wrong: please report this, with what 'fastml doctor' prints.")
    return int(failed > 0)
