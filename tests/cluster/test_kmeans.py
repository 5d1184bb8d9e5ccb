"""The k-means estimator: the reference's clusterings and scikit-learn's manners."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import sklearn.cluster
from clusters import blobs
from element_types import DTYPES
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from tolerances import assert_close

import fastml
from fastml import reference


def eighths(n_samples, n_features, dtype, seed):
    """Return data whose sums are exact in float64, so that means are the same in any order."""
    X = blobs(n_samples, n_features, 4, seed=seed, spread=2.0)
    return (np.round(8 * X) / 8).astype(dtype)


def fit(X, centers, **parameters):
    """Fit from given centres until nothing moves, without warnings of any kind."""
    parameters = {"tol": 0.0, **parameters}
    return fastml.KMeans(len(centers), init=centers, n_init=1, **parameters).fit(X)


def quiet_fit(model, X, **arguments):
    """Fit where fewer distinct rows than clusters may be warned of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, **arguments)


def assert_consistent(model, X, weights=None):
    """Assert what holds for any fit: labels, prediction and inertia are those of the centres."""
    assert model.cluster_centers_.shape == (model.n_clusters, X.shape[1])
    assert model.cluster_centers_.dtype == X.dtype
    assert np.isfinite(model.cluster_centers_).all()
    labels, distances = reference.nearest_centroid(X, model.cluster_centers_, return_distance=True)
    np.testing.assert_array_equal(model.labels_, labels)
    np.testing.assert_array_equal(model.predict(X), labels)
    inertia = (distances**2).sum() if weights is None else distances**2 @ weights
    np.testing.assert_allclose(model.inertia_, inertia, rtol=1e-12)
    assert 1 <= model.n_iter_ <= model.max_iter


# --- equivalence ------------------------------------------------------------------------


def lloyd(X, centers, max_iter):
    """Run the reference's turns; return None if a cluster gets empty, where we relocate."""
    centers = centers.copy()
    n_iter, moved = 0, True
    while moved and n_iter < max_iter:
        labels = reference.nearest_centroid(X, centers)
        if np.bincount(labels, minlength=len(centers)).min() == 0:
            return None
        means = reference.update_centers(X, labels, centers)
        moved = not np.array_equal(means, centers)
        centers = means
        n_iter += 1
    return centers, reference.nearest_centroid(X, centers), n_iter


@pytest.mark.checked
@given(
    seed=st.integers(0, 2**32 - 1),
    n_samples=st.integers(1, 400),
    n_features=st.integers(1, 20),
    n_clusters=st.integers(1, 20),
    dtype=st.sampled_from(DTYPES),
    max_iter=st.sampled_from([1, 2, 3, 7, 300]),
)
def test_fit_takes_the_turns_of_the_reference(
    seed, n_samples, n_features, n_clusters, dtype, max_iter
):
    X = eighths(n_samples, n_features, dtype, seed)
    start = np.unique(X, axis=0)
    start = start[np.random.default_rng(seed).permutation(len(start))[:n_clusters]]
    expected = lloyd(X, start, max_iter)
    assume(expected is not None)
    centers, labels, n_iter = expected
    model = fit(X, start, max_iter=max_iter)
    np.testing.assert_array_equal(model.cluster_centers_, centers)
    np.testing.assert_array_equal(model.labels_, labels)
    assert model.n_iter_ == n_iter


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(20_000, 2, 30), (9000, 5, 17), (4000, 16, 64), (1500, 64, 9)])
def test_every_turn_of_a_long_run(dtype, shape):
    """Rows skipped by their bounds must be rows whose label stays, to the last turn."""
    n_samples, n_features, n_clusters = shape
    X = eighths(n_samples, n_features, dtype, seed=n_features)
    start = np.unique(X, axis=0)[:: len(np.unique(X, axis=0)) // n_clusters][:n_clusters]
    centers, labels, n_iter = lloyd(X, start, 40)
    model = fit(X, start, max_iter=40)
    assert n_iter > 10
    assert model.n_iter_ == n_iter
    np.testing.assert_array_equal(model.labels_, labels)
    np.testing.assert_array_equal(model.cluster_centers_, centers)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("scale", "offset"), [(1, 0), (1, 1e6), (1e-18, 0), (1e15, 1e16)])
def test_bounds_hold_at_any_scale_and_offset(dtype, scale, offset):
    X = (blobs(5000, 3, 12, seed=1, spread=2.0) * scale + offset).astype(dtype)
    start = X[:12].copy()
    for max_iter in (1, 2, 4, 9, 20, 45):
        assert_consistent(quiet_fit(fastml.KMeans(12, init=start, tol=0, max_iter=max_iter), X), X)


@pytest.mark.parametrize("dtype", DTYPES)
def test_same_clustering_as_scikit_learn(dtype):
    X = blobs(3000, 8, 6, dtype, seed=2)
    start = X[:6].copy()
    ours = fit(X, start)
    # In float64: of float32 it adds float32 sums, in an order that its threads decide.
    theirs = sklearn.cluster.KMeans(6, init=start.astype(float), n_init=1, tol=0.0)
    theirs.fit(X.astype(float))
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    assert ours.n_iter_ == theirs.n_iter_
    assert_close("mean", ours.cluster_centers_, theirs.cluster_centers_, dtype)
    np.testing.assert_allclose(ours.inertia_, theirs.inertia_, rtol=1e-5)


@st.composite
def awkward_data(draw):
    """Draw data with duplicates, few distinct rows, far starts and weights."""
    dtype = draw(st.sampled_from(DTYPES))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(1, 60)), draw(st.integers(1, 6)))
    X = np.round(random.normal(size=shape) * draw(st.sampled_from([0.5, 1, 5])))
    X += draw(st.sampled_from([0.0, 0.1, 1e5]))
    n_clusters = draw(st.integers(1, min(25, shape[0])))
    start = X[random.permutation(shape[0])[:n_clusters]]
    start = start + draw(st.sampled_from([0.0, 3.0, 1000.0])) * random.normal(size=start.shape)
    weights = draw(st.sampled_from([None, np.ones(shape[0]), random.uniform(0.01, 1, shape[0])]))
    return X.astype(dtype), start.astype(dtype), weights


@pytest.mark.checked
@given(
    data=awkward_data(),
    max_iter=st.sampled_from([1, 2, 3, 50]),
    tol=st.sampled_from([0.0, 1e-4, 0.5]),
)
def test_labels_are_those_of_the_centers(data, max_iter, tol):
    """Also where clusters get empty and rows are alike."""
    X, start, weights = data
    model = fastml.KMeans(len(start), init=start, max_iter=max_iter, tol=tol)
    quiet_fit(model, X, sample_weight=weights)
    assert_consistent(model, X, weights)
    if len(np.unique(X, axis=0)) >= len(start) and max_iter == 50:
        assert len(np.unique(model.labels_)) == len(start)  # no cluster stays empty
    # A centre is a mean: never outside the data, beyond rounding or where it started.
    occupied = np.unique(model.labels_)
    if max_iter == 50:
        room = 1e-5 * (1 + np.abs(X).max())
        assert (model.cluster_centers_[occupied] >= X.min(axis=0) - room).all()
        assert (model.cluster_centers_[occupied] <= X.max(axis=0) + room).all()


@pytest.mark.parametrize("init", ["k-means++", "random"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_starts_of_its_own(init, dtype):
    X = blobs(2000, 4, 5, dtype, seed=3, spread=0.1)
    model = fastml.KMeans(5, init=init, n_init=5, random_state=0).fit(X)
    assert_consistent(model, X)
    # Well separated blobs: the best of five starts finds them.
    assert model.inertia_ == pytest.approx(2000 * 4 * 0.1**2, rel=0.1)
    again = fastml.KMeans(5, init=init, n_init=5, random_state=0).fit(X)
    np.testing.assert_array_equal(model.cluster_centers_, again.cluster_centers_)
    random_state = np.random.RandomState(0)
    first = fastml.KMeans(5, init=init, n_init=5, random_state=random_state).fit(X)
    np.testing.assert_array_equal(model.cluster_centers_, first.cluster_centers_)
    once = fastml.KMeans(5, init=init, n_init=1, max_iter=1, random_state=0).fit(X)
    assert once.inertia_ >= model.inertia_


def test_best_of_several_starts_is_kept():
    X = blobs(300, 2, 8, seed=4)
    one = [
        fastml.KMeans(8, init="random", n_init=1, random_state=seed).fit(X).inertia_
        for seed in range(6)
    ]
    many = fastml.KMeans(8, init="random", n_init=40, random_state=0).fit(X)
    assert many.inertia_ <= np.median(one)


def test_number_of_starts_by_default():
    calls = []

    def start(X, n_clusters, random_state):
        calls.append(n_clusters)
        return X[random_state.permutation(len(X))[:n_clusters]].tolist()

    X = blobs(100, 2, 3)
    fastml.KMeans(3, init=start, random_state=0).fit(X)
    assert calls == [3] * 10
    fastml.KMeans(3, init=start, n_init=2, random_state=0).fit(X)
    assert calls == [3] * 12


def test_weights_count_like_repeated_rows():
    X = eighths(200, 3, "float64", seed=5)
    times = np.random.default_rng(5).integers(1, 4, len(X))
    start = np.unique(X, axis=0)[::40]
    weighted = fastml.KMeans(len(start), init=start, tol=0).fit(X, sample_weight=times)
    repeated = fastml.KMeans(len(start), init=start, tol=0).fit(np.repeat(X, times, axis=0))
    np.testing.assert_array_equal(weighted.cluster_centers_, repeated.cluster_centers_)
    np.testing.assert_array_equal(np.repeat(weighted.labels_, times), repeated.labels_)
    np.testing.assert_allclose(weighted.inertia_, repeated.inertia_, rtol=1e-14)
    np.testing.assert_allclose(weighted.score(X, sample_weight=times), -repeated.inertia_)


def test_empty_clusters_move_to_the_farthest_rows():
    X = np.array([[0.0], [0.5], [1.0], [10.0], [11.0]])
    start = np.array([[0.0], [500.0], [600.0]])  # two that get nothing
    model = fit(X, start)
    assert sorted(np.bincount(model.labels_).tolist()) == [1, 1, 3]
    assert_consistent(model, X)


def test_cluster_that_gives_all_its_rows_away_stays_among_the_data():
    """What is left of its weight is rounding, and no centre may be made of it."""
    X = np.array([[0.0], [1.0], [100.0], [101.0]])
    start = np.array([[0.0], [60.0], [1e6], [2e6]])  # the last two take the rows of the second
    for seed in range(50):
        weights = np.r_[1, 1, np.random.default_rng(seed).uniform(0.01, 1, 2)]
        model = fastml.KMeans(4, init=start, tol=0, max_iter=1)
        quiet_fit(model, X, sample_weight=weights)
        assert model.cluster_centers_.min() >= 0, weights
        assert model.cluster_centers_.max() <= 101, weights


@pytest.mark.parametrize("dtype", DTYPES)
def test_same_bits_for_any_number_of_threads(dtype, shared_work):
    X = blobs(30_000, 6, 20, dtype, seed=6, spread=2.0)
    weights = np.random.default_rng(6).uniform(size=len(X))
    results = []
    for n in (1, 2, 3, 7, 64):
        with fastml.num_threads(n):
            model = fastml.KMeans(20, n_init=1, random_state=0, max_iter=25)
            results.append(quiet_fit(model, X, sample_weight=weights))
    for model in results[1:]:
        np.testing.assert_array_equal(model.cluster_centers_, results[0].cluster_centers_)
        np.testing.assert_array_equal(model.labels_, results[0].labels_)
        assert model.inertia_ == results[0].inertia_
        assert model.n_iter_ == results[0].n_iter_


def test_tolerance_ends_a_run_earlier():
    X = blobs(3000, 2, 25, seed=7, spread=3.0)
    start = X[:25].copy()
    runs = [fit(X, start, tol=tol) for tol in (0.0, 1e-4, 1e-1)]
    assert runs[0].n_iter_ > runs[1].n_iter_ > runs[2].n_iter_
    for model in runs:
        assert_consistent(model, X)


def test_fewer_distinct_rows_than_clusters():
    X = np.repeat([[0.0, 1.0], [5.0, 5.0]], 10, axis=0)
    model = fastml.KMeans(4, init=X[:4] + np.arange(4)[:, None], n_init=1)
    with pytest.warns(ConvergenceWarning, match="Number of distinct clusters .2. found smaller"):
        model.fit(X)
    assert model.inertia_ == 0.0
    assert model.n_iter_ < 10  # there is nothing to be found by going on
    assert_consistent(model, X)
