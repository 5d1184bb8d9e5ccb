"""The bits of a result do not depend on how X lies in memory."""

from __future__ import annotations

import mmap
import sys

import numpy as np
import pytest

import fastml


def layouts(X):
    """Return the same numbers by rows, by columns, with gaps, from the back, frozen, unaligned."""
    gaps = np.empty((2 * X.shape[0], 2 * X.shape[1]), X.dtype)
    gaps[::2, ::2] = X
    frozen = X.copy()
    frozen.flags.writeable = False
    unaligned = np.empty(X.nbytes + 1, np.uint8)[1:].view(X.dtype).reshape(X.shape)
    unaligned[...] = X
    back = X[::-1, ::-1].copy()[::-1, ::-1]
    return [X, np.asfortranarray(X), gaps[::2, ::2], back, frozen, unaligned]


def _coefficients(model):
    return np.column_stack([np.atleast_2d(model.coef_), np.reshape(model.intercept_, (-1, 1))])


def _regression(model):
    return lambda X, c, y, w: np.vstack(
        [_coefficients(model.fit(X, y, w)), _coefficients(model.fit(X, np.c_[y, y], w))]
    )


def _classes(model):
    def found(X, c, y, w):
        fitted = model.fit(X, c, w)
        return np.hstack([fitted.predict_proba(X), fitted.predict(X)[:, None]])

    return found


JOBS = {
    "LinearRegression": _regression(fastml.LinearRegression()),
    "Ridge": _regression(fastml.Ridge()),
    "LogisticRegression": _classes(fastml.LogisticRegression()),
    "GaussianNB": _classes(fastml.GaussianNB()),
    "MultinomialNB": lambda X, c, y, w: _classes(fastml.MultinomialNB())(abs(X), c, y, w),
    "BernoulliNB": _classes(fastml.BernoulliNB()),
    "DecisionTreeRegressor": lambda X, c, y, w: (
        fastml.DecisionTreeRegressor(random_state=0).fit(X, y, w).predict(X)
    ),
    "RandomForestClassifier": _classes(fastml.RandomForestClassifier(3, random_state=0)),
    "NearestNeighbors": lambda X, c, y, w: np.hstack(
        fastml.NearestNeighbors(n_neighbors=3).fit(X).kneighbors(X)
    ),
    "KMeans": lambda X, c, y, w: (
        fastml.KMeans(4, n_init=1, random_state=0).fit(X, sample_weight=w).transform(X)
    ),
    "MiniBatchKMeans": lambda X, c, y, w: (
        fastml.MiniBatchKMeans(4, n_init=1, random_state=0, max_iter=3)
        .fit(X, sample_weight=w)
        .cluster_centers_
    ),
    "MLPClassifier": lambda X, c, y, w: (
        fastml.MLPClassifier((5,), max_iter=3, random_state=0, batch_size=4)
        .fit(X, c)
        .predict_proba(X)
    ),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
# Fewer rows than features, few, and more than a block.
@pytest.mark.parametrize(("n", "d"), [(9, 21), (70, 5), (3000, 18)])
def test_every_layout_gives_the_same_bits(job, weighted, dtype, n, d):
    random = np.random.default_rng(n)
    X = (random.normal(size=(n, d)) + random.choice([0.0, 1e3], size=d)).astype(dtype)
    classes = random.integers(0, 3, n)
    classes[:3] = range(3)
    y = X[:, 0] + random.normal(size=n)
    weights = random.uniform(0.5, 2.0, n) if weighted else None
    first, *others = (JOBS[job](some, classes, y, weights) for some in layouts(X))
    for i, other in enumerate(others):
        assert other.dtype == first.dtype
        assert other.tobytes() == first.tobytes(), i


@pytest.mark.skipif(sys.platform != "linux", reason="needs files with holes")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("far", ["rows", "columns"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_neighbours_may_be_more_than_two_to_the_31_items_apart(dtype, far, tmp_path):
    """A map of a file of many gigabytes, of which some pages are there."""
    n, d = (4, 5) if far == "rows" else (40, 3)
    size = np.dtype(dtype).itemsize
    stride = ((1 << 31) + 16) * size
    with open(tmp_path / "holes", "wb+") as file:
        file.truncate((min(n, d) - 1) * stride + (1 << 16))
        memory = mmap.mmap(file.fileno(), 0)
    strides = (stride, size) if far == "rows" else (size, stride)
    X = np.ndarray((n, d), dtype, buffer=memory, strides=strides)
    random = np.random.default_rng(0)
    near = random.normal(size=(n, d)).astype(dtype)
    classes, y, weights = np.arange(n) % 3, near[:, 0].astype(float), random.uniform(0.5, 2.0, n)
    jobs = {**JOBS, "functions": lambda X, *_: fastml.sigmoid(X) @ fastml.gram(X).XtX}
    for name, job in jobs.items():
        expected = job(near, classes, y, weights).tobytes()
        for some in (X, X[::-1, ::-1]):
            some[...] = near
            assert job(some, classes, y, weights).tobytes() == expected, name
