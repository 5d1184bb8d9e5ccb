"""Whole fits of k-means: from given centres to convergence, and with the defaults."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench import checks
from bench.case import FASTML, NUMPY, Case, Cost, MissingError, Row
from bench.clusters import nearest_cost
from bench.peers import from_fastml, module
from bench.sizes import Size
from bench.workloads import Array, Problem, blobs

_MAX_ITER = 300


def _inertia(X: Array, centers: Array) -> float:
    """Return Σ d(x, nearest centre)², with labels from one product and distances in float64."""
    from bench.numpy_twins import nearest_centroid_blas

    total = 0.0
    for start in range(0, len(X), 65536):
        block = X[start : start + 65536].astype(np.float64)
        labels = nearest_centroid_blas(block, centers.astype(np.float64))
        total += float(((block - centers[labels]) ** 2).sum())
    return total


@dataclass(frozen=True)
class Fit:
    """A fitted model of any library, reduced to what is compared and said."""

    centers: Array
    labels: Array | None
    n_iter: int
    remark: str = ""


def _answer(work: Problem) -> Callable[[Any], Any]:
    """Return the function from a fitted model to (inertia, iterations)."""

    def answer(model: Any) -> Any:
        inertia = _inertia(work.X, np.asarray(model.centers))
        if model.labels is not None:
            from fastml import reference

            rows = slice(None, None, max(len(work.X) // 20_000, 1))
            np.testing.assert_array_equal(
                model.labels[rows], reference.nearest_centroid(work.X[rows], model.centers)
            )
        work.n_iter = work.n_iter or model.n_iter
        return inertia, model.n_iter

    return answer


def _check(exact: float | None) -> checks.Check:
    """Compare inertias: to ``exact`` for fastml, to 1 in 1000 for peers, who round otherwise.

    One near-tie decided otherwise sends float32 runs to neighbouring minima.
    """

    def check(name: str, truth: Any, answer: Any, inputs: Any) -> None:
        relative = 1e-3 if exact is not None else 0.1
        checks.number(relative, exact)(name, truth[0], answer[0], inputs)

    return check


def _remark(model: Any) -> str:
    """Say how much work our bounds left, and how often float64 had to decide."""
    if not hasattr(model, "n_scored_"):
        return ""
    comparisons = model.n_iter_ * len(model.labels_)
    return (
        f"{model.n_iter_} iterations, {100 * model.n_scored_ / comparisons:.1f} % of the rows "
        f"compared with every centre, {model.n_decided_:,} of these decided in float64"
    )


def _estimator(get: Callable[[], Any], *, ours: bool = False, **parameters: Any) -> Any:
    """Return the factory of a row that fits an estimator from the given centres."""

    def make(work: Problem) -> Row:
        cls = get()
        settings = {
            "init": work.centers, "n_init": 1, "tol": 0.0, "max_iter": _MAX_ITER, **parameters,
        }  # fmt: skip

        def call() -> Fit:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = cls(n_clusters=len(work.centers), **settings).fit(work.X)
            # labels_ of a peer are those of its own arithmetic; ours promise float64's.
            labels = model.labels_ if ours else None
            return Fit(model.cluster_centers_, labels, model.n_iter_, _remark(model))

        return Row(call, _answer(work), remark=lambda fit: fit.remark, compiles=ours)

    return make


def _numpy(work: Problem) -> Row:
    from fastml import reference

    def call() -> Fit:
        centers, labels, _, n_iter = reference.kmeans(
            work.X, len(work.centers), init=work.centers, max_iter=_MAX_ITER
        )
        return Fit(centers, labels, n_iter)

    return Row(call, _answer(work))


def _faiss(work: Problem) -> Row:
    """Fit with faiss, which does not see convergence: it is told the number of iterations."""
    faiss = module("faiss")
    n, d = work.X.shape
    k = len(work.centers)

    def call() -> Fit:
        model = faiss.Kmeans(
            d, k, niter=work.n_iter, max_points_per_centroid=n, min_points_per_centroid=1
        )
        model.train(work.X, init_centroids=work.centers)
        return Fit(model.centroids, None, work.n_iter)

    return Row(call, _answer(work))


def _sklearn() -> Any:
    return module("sklearn.cluster").KMeans


def _sklearnex() -> Any:
    return module("sklearnex.cluster").KMeans


def _fastml() -> Any:
    return from_fastml("KMeans")


def _sklearn_minibatch() -> Any:
    return module("sklearn.cluster").MiniBatchKMeans


def _fastml_minibatch() -> Any:
    return from_fastml("MiniBatchKMeans")


def _lloyd_cost(truth: Any, work: Problem) -> Cost:
    """Return what plain Lloyd would need: bounds skip most of it, so a share can pass 100 %."""
    n, d = work.X.shape
    one = nearest_cost(n, d, len(work.centers), "float32")
    return Cost(one.flops * truth[1], one.read * truth[1], one.written * truth[1])


def _too_long(work: Problem) -> Row:
    raise MissingError("would take minutes")


#: n, d, k, and the spread of the blobs: they overlap, so that dozens of iterations are needed.
PROBLEMS = [
    (500_000, 16, 64, 1.0),
    (200_000, 64, 100, 2.0),
    (1_000_000, 2, 8, 0.5),
    (100_000, 128, 256, 2.0),
]


def cases(size: Size) -> list[Case]:
    """Return four problems from given centres, a small one with the twin, and the defaults."""
    small = (20_000, 8, 16, 1.0)
    problems = size.pick(
        full=[small, *PROBLEMS],
        quick=[small, (50_000, 16, 64, 1.0)],
        tiny=[(500, 3, 5, 1.0)],
    )
    found = []
    for problem in problems:
        n, d, k, spread = problem
        first = {NUMPY: _numpy} if n <= small[0] else {}
        last = {} if n <= small[0] else {NUMPY: _too_long}
        found.append(
            Case(
                group="k-means fit",
                name=f"{n:,} × {d}, k = {k}, given centres, tol = 0, float32",
                rows={
                    **first,
                    "scikit-learn": _estimator(_sklearn, algorithm="lloyd"),
                    FASTML: _estimator(_fastml, ours=True),
                    "scikit-learn, Elkan": _estimator(_sklearn, algorithm="elkan"),
                    "sklearnex": _estimator(_sklearnex),
                    "faiss": _faiss,
                    **last,
                },
                inputs=lambda a=(n, d, k, spread): blobs(*a),
                check=_check(1e-6),
                cost=_lloyd_cost,
                headline=problem in PROBLEMS,
            )
        )
    n, d, k, spread = problems[min(1, len(problems) - 1)]
    defaults = {"init": "k-means++", "tol": 1e-4, "random_state": 0}
    found.append(
        Case(
            group="k-means fit",
            name=f"{n:,} × {d}, k = {k}, defaults, seeding included, float32",
            rows={
                "scikit-learn": _estimator(_sklearn, **defaults),
                FASTML: _estimator(_fastml, ours=True, **defaults),
                "sklearnex": _estimator(_sklearnex, **defaults),
                NUMPY: _too_long,
            },
            inputs=lambda a=(n, d, k, spread): blobs(*a),
            check=_check(None),
            headline=True,
        )
    )
    batches = {"batch_size": 4096, "max_iter": 5, "max_no_improvement": None, "random_state": 0}
    found.append(
        Case(
            group="k-means fit",
            name=f"{n:,} × {d}, k = {k}, mini-batches of 4096, 5 epochs, float32",
            rows={
                "scikit-learn": _estimator(_sklearn_minibatch, **batches),
                FASTML: _estimator(_fastml_minibatch, ours=True, **batches),
            },
            inputs=lambda a=(n, d, k, spread): blobs(*a),
            check=_check(None),
        )
    )
    return found
