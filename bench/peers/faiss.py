"""faiss: exact search, and its k-means."""

from __future__ import annotations

import numpy as np

from ..harness.case import Row
from ..harness.workloads import Fit, Points, Problem, Search
from . import module


def nearest(work: Points) -> Row:
    """Label by an exact index."""
    index = module("faiss").IndexFlatL2(work.X.shape[1])
    index.add(work.centers)
    return Row(lambda: index.search(work.X, 1), lambda found: found[1][:, 0].astype(np.int32))


def fit(work: Problem) -> Row:
    """Fit; faiss does not see convergence, so it is told the number of iterations."""
    faiss = module("faiss")
    n, d = work.X.shape

    def call() -> Fit:
        model = faiss.Kmeans(
            d,
            len(work.centers),
            niter=work.n_iter or 20,
            max_points_per_centroid=n,
            min_points_per_centroid=1,
        )
        model.train(work.X, init_centroids=work.centers)
        return Fit(model.centroids, work.n_iter or 20)

    return Row(call, iterations=lambda found: found.n_iter)


def neighbors(work: Search) -> Row:
    """Find neighbours by an exact index."""
    index = module("faiss").IndexFlatL2(work.X.shape[1])
    index.add(work.X)
    return Row(lambda: index.search(work.queries, work.k), lambda found: found[1])
