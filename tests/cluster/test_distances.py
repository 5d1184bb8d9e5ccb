"""``transform``: distances to all centres, accurate at every offset and scale, the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from element_types import DTYPES
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import normalize

import fastml
from fastml.cluster._distances import distances_to
from fastml.cluster._spherical import unit_rows


def exact_distances(X, centers):
    """Return distances in extended precision, where nothing here under- or overflows."""
    X, centers = X.astype(np.longdouble), centers.astype(np.longdouble)
    return np.stack([np.sqrt(((X - center) ** 2).sum(axis=1)) for center in centers], axis=1)


def bound(n_features, dtype):
    """Return the relative error the docstring states."""
    unit = 2.0**-24 if np.dtype(dtype) == np.float32 else 2.0**-53
    return (min(n_features, 128) + n_features / 128 + 6) / 2 * unit


def draw(dtype, shape, n_clusters, offset=0.0, scale=1.0, seed=0):
    random = np.random.default_rng(seed)
    X = (random.normal(size=shape) + offset) * scale
    centers = (random.normal(size=(n_clusters, shape[1])) + offset) * scale
    return X.astype(dtype), centers.astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("offset", [0.0, 1e6, 1e8])
@given(
    n_samples=st.integers(1, 80),
    n_features=st.sampled_from([1, 2, 3, 4, 7, 8, 16, 33, 127, 128, 129, 300]),
    n_clusters=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_within_the_stated_bound(dtype, offset, n_samples, n_features, n_clusters, seed):
    X, centers = draw(dtype, (n_samples, n_features), n_clusters, offset, seed=seed)
    found = distances_to(X, centers)
    exact = exact_distances(X, centers)
    assert found.dtype == dtype
    assert (abs(found - exact) <= bound(n_features, dtype) * exact).all()


@pytest.mark.parametrize(
    ("dtype", "exponents"), [("float32", range(-125, 125)), ("float64", range(-1021, 1021))]
)
def test_at_every_power_of_two(dtype, exponents):
    X, centers = draw(dtype, (9, 3), 5)
    unscaled = exact_distances(X, centers)
    normal = np.finfo(dtype).smallest_normal
    for exponent in exponents:
        found = distances_to(np.ldexp(X, exponent), np.ldexp(centers, exponent))
        with np.errstate(under="ignore"):
            rounded = np.ldexp(X, exponent), np.ldexp(centers, exponent)
        exact = exact_distances(*rounded) if exponent < -100 else np.ldexp(unscaled, exponent)
        enough = exact > normal
        assert enough.any()
        error = abs(found - exact)[enough] / exact[enough]
        assert (error <= bound(3, dtype)).all(), exponent


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_distance_of_a_centre_to_itself_is_zero(dtype):
    X = draw(dtype, (500, 20), 1, offset=1e4)[0]
    model = fastml.KMeans(30, init=X[:30], max_iter=1).fit(X)
    own = model.transform(model.cluster_centers_)
    assert (np.diag(own) == 0).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("n_features", [2, 40, 300])
def test_same_bits_for_any_number_of_threads_and_any_rows(dtype, metric, n_features):
    X, start = draw(dtype, (3001, n_features), 37, offset=3.0)
    model = fastml.KMeans(37, init=start, max_iter=1, metric=metric).fit(X)
    with fastml.num_threads(1):
        one = model.transform(X)
    for threads in (2, 3, 8):
        with fastml.num_threads(threads):
            np.testing.assert_array_equal(model.transform(X), one)
    for stop in (1001, 1007, 1600):  # on the calling thread, and by a team
        np.testing.assert_array_equal(model.transform(X[1000:stop]), one[1000:stop])
    if metric == "euclidean":  # unit lengths are scikit-learn's work, which rounds by layout
        np.testing.assert_array_equal(model.transform(np.asfortranarray(X)), one)
        np.testing.assert_array_equal(model.transform(np.repeat(X, 2, axis=0)[::2]), one)


@pytest.mark.parametrize("dtype", DTYPES)
def test_cosine_distances(dtype):
    X, start = draw(dtype, (400, 6), 9)
    X[7] = 0
    model = fastml.KMeans(9, init=start, max_iter=2, metric="cosine").fit(np.delete(X, 7, axis=0))
    model.cluster_centers_ = np.vstack([-X[0], model.cluster_centers_[1:8], np.zeros(6)]).astype(
        dtype
    )
    found = model.transform(X)
    rows, centers = X.astype(np.longdouble), model.cluster_centers_.astype(np.longdouble)
    lengths = np.sqrt((rows**2).sum(axis=1))[:, None] * np.sqrt((centers**2).sum(axis=1))
    cosines = rows @ centers.T / np.where(lengths > 0, lengths, 1)
    np.testing.assert_allclose(found, (1 - cosines).astype(float), rtol=0, atol=8 * bound(6, dtype))
    assert (found[7] == 1).all()
    assert (found[:, 8] == 1).all()
    assert found.max() <= 2


@pytest.mark.parametrize("dtype", DTYPES)
def test_small_angles_do_not_cancel(dtype):
    unit = bound(1, dtype)
    angle = 1e-2
    X = np.array([[np.cos(angle), np.sin(angle)]], dtype)
    model = fastml.KMeans(1, metric="cosine", init=np.array([[1, 0]], dtype), max_iter=1).fit(X)
    model.cluster_centers_ = np.array([[1, 0]], dtype)
    exact = 1 - X[0, 0].astype(np.longdouble) / np.sqrt((X.astype(np.longdouble) ** 2).sum())
    # 1 - cosine itself would be off by the unit of 1; this is off by that of the angle.
    assert abs(model.transform(X)[0, 0] - exact) <= 4 * unit * angle


def test_numbers_that_are_none_stay_so():
    X, centers = draw("float64", (40, 3), 4)
    X[5, 1], X[6, 0] = np.nan, np.inf
    found = distances_to(X, centers)
    assert np.isnan(found[5]).all()
    assert np.isposinf(found[6]).all()
    assert np.isfinite(np.delete(found, [5, 6], axis=0)).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_unit_rows_are_scikit_learns(dtype, order):
    X = np.random.default_rng(0).normal(size=(300, 7)).astype(dtype, order=order)
    X[3] = 0
    X[4] *= np.finfo(dtype).eps  # too short to have a direction, says scikit-learn
    X[5] *= 1e15
    before = X.copy()
    np.testing.assert_array_equal(unit_rows(X), normalize(X))
    np.testing.assert_array_equal(X, before)
