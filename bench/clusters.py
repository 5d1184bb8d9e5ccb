"""Fitted k-means models with given centres, in each library."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .case import Cost, Row
from .numpy_twins import nearest_centroid_blas
from .peers import from_fastml, module
from .workloads import Array, Points


def fitted(cls: Any, centers: Array) -> Any:
    """Return a k-means estimator whose centres are the given ones, bit for bit.

    It is fitted on every centre twice: the mean of two equal rows is that row, and oneDAL
    needs more rows than clusters.
    """
    twice = np.repeat(centers, 2, axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = cls(n_clusters=len(centers), init=centers, n_init=1, max_iter=1).fit(twice)
    model.cluster_centers_ = centers.copy()
    return model


def numpy_nearest(work: Points) -> Row:
    """Label by the reference, in float64."""
    from fastml import reference

    return Row(lambda: reference.nearest_centroid(work.X, work.centers))


def blas_nearest(work: Points) -> Row:
    """Label by NumPy's matrix product."""
    return Row(lambda: nearest_centroid_blas(work.X, work.centers))


def fastml_nearest(work: Points) -> Row:
    """Label by fastml's KMeans.predict."""
    model = fitted(from_fastml("KMeans"), work.centers)
    return Row(lambda: model.predict(work.X), compiles=True)


def sklearn_nearest(work: Points) -> Row:
    """Label by scikit-learn's KMeans.predict."""
    model = fitted(module("sklearn.cluster").KMeans, work.centers)
    return Row(lambda: model.predict(work.X))


def sklearnex_nearest(work: Points) -> Row:
    """Label by the predict of oneDAL's KMeans: its own class, nothing is patched."""
    model = fitted(module("sklearnex.cluster").KMeans, work.centers)
    return Row(lambda: model.predict(work.X))


def faiss_nearest(work: Points) -> Row:
    """Label by an exact faiss index."""
    index = module("faiss").IndexFlatL2(work.X.shape[1])
    index.add(work.centers)
    return Row(lambda: index.search(work.X, 1), lambda found: found[1][:, 0].astype(np.int32))


def nearest_rows(dtype: str) -> dict[str, Any]:
    """Return every way to label rows of this type; faiss knows float32 only."""
    rows = {
        "NumPy": numpy_nearest,
        "fastml": fastml_nearest,
        "NumPy+BLAS": blas_nearest,
        "scikit-learn": sklearn_nearest,
        "sklearnex": sklearnex_nearest,
    }
    return {**rows, "faiss": faiss_nearest} if dtype == "float32" else rows


def nearest_cost(n: int, d: int, k: int, dtype: str) -> Cost:
    """Return one multiply-add a feature and centre, X read once, labels written once."""
    return Cost(2.0 * n * d * k, n * d * np.dtype(dtype).itemsize, 4 * n)
