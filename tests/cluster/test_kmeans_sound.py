"""Nothing a user does makes k-means crash, hang or label wrongly."""

from __future__ import annotations

import copy
import pickle
import threading
import warnings

import numba
import numpy as np
import pytest
import sklearn
from element_types import DTYPES
from sklearn.exceptions import ConvergenceWarning

import fastml
from fastml import reference
from fastml.cluster._lloyd import farthest_rows

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def blobs(n_samples=600, n_features=3, n_clusters=5, seed=0):
    random = np.random.default_rng(seed)
    means = random.normal(size=(n_clusters, n_features)) * 2
    return means[random.integers(0, n_clusters, n_samples)] + random.normal(
        size=(n_samples, n_features)
    )


# --- what is counted ------------------------------------------------------------------------------


@pytest.mark.parametrize("max_iter", [1, 2, 7, 300])
@pytest.mark.parametrize("max_time", [None, 1e9])
def test_comparisons_are_counted_over_all_iterations(max_iter, max_time):
    X = np.round(blobs(2000) * 8) / 8  # sums are exact: one pass verifies them
    start = X[:8].copy()
    model = fastml.KMeans(
        8, init=start, tol=0.0, algorithm="lloyd", max_iter=max_iter, max_time=max_time
    ).fit(X)
    assert model.n_scored_ == (model.n_iter_ + 1) * len(X)
    model.set_params(verbose=1).fit(X)  # every iteration is a call of its own
    assert model.n_scored_ == (model.n_iter_ + 1) * len(X)
    bounded = fastml.KMeans(8, init=start, tol=0.0, max_iter=max_iter).fit(X)
    assert len(X) <= bounded.n_scored_ <= model.n_scored_


def test_ties_of_the_farthest_rows_go_to_the_lowest():
    distances = np.array([3.0, 9.0, 1.0, 9.0, 3.0, 3.0])
    assert farthest_rows(distances, 1).tolist() == [1]
    assert farthest_rows(distances, 4).tolist() == [1, 3, 0, 4]
    assert farthest_rows(distances, 6).tolist() == [1, 3, 0, 4, 5, 2]


# --- scale ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "exponents"),
    [("float32", range(-149, 125)), ("float64", range(-540, 508))],
)
@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered in reduce:RuntimeWarning")
def test_labels_at_every_power_of_two(dtype, exponents):
    base = blobs(300, 2, 6, seed=3)
    start = base[:12].copy()
    for exponent in exponents:
        X = np.ldexp(base, exponent).astype(dtype)
        model = fastml.KMeans(12, init=np.ldexp(start, exponent), tol=0.0, max_iter=12).fit(X)
        with np.errstate(under="ignore", over="ignore"):
            expected = reference.nearest_centroid(X, model.cluster_centers_)
        np.testing.assert_array_equal(model.labels_, expected, err_msg=str(exponent))
        np.testing.assert_array_equal(model.predict(X), expected, err_msg=str(exponent))


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize(
    ("dtype", "exponents"), [("float32", (-140, -78, 90)), ("float64", (-900, 900))]
)
def test_seeding_finds_distinct_rows_at_any_scale(dtype, exponents):
    """In float32 the squares of differences underflow at 2**-78."""
    X = (1e3 + np.random.default_rng(0).integers(0, 500, size=(300, 1))).astype(dtype)
    expected = fastml.kmeans_plusplus(X, 20, random_state=0)[1]
    assert len(np.unique(X[expected])) == 20
    for exponent in exponents:
        rows = fastml.kmeans_plusplus(np.ldexp(X, exponent), 20, random_state=0)[1]
        np.testing.assert_array_equal(rows, expected, err_msg=str(exponent))


def test_random_starts_need_enough_rows_of_some_weight():
    weights = np.r_[np.ones(3), np.zeros(47)]
    model = fastml.KMeans(4, init="random", random_state=0)
    with pytest.raises(ValueError, match="n_clusters=4 should be <= 3"):
        model.fit(np.arange(50.0)[:, None], sample_weight=weights)


@pytest.mark.parametrize("scale", [1e160, 1e300, 1.7e307])
def test_data_whose_squares_overflow_are_refused(scale):
    model = fastml.KMeans(4, random_state=0, max_iter=20)
    with pytest.raises(ValueError, match="overflow float64"):
        model.fit(blobs() * scale)
    assert not hasattr(model, "labels_")


@pytest.mark.parametrize("weight", [1e307, 1e308, 1e-300, 1e-320])
@pytest.mark.parametrize("estimator", [fastml.KMeans, fastml.MiniBatchKMeans])
def test_extreme_weights_are_weights_like_others(weight, estimator):
    X = blobs()
    plain = estimator(5, random_state=0).fit(X, sample_weight=np.ones(len(X)))
    extreme = estimator(5, random_state=0).fit(X, sample_weight=np.full(len(X), weight))
    np.testing.assert_allclose(extreme.cluster_centers_, plain.cluster_centers_, rtol=1e-12)
    np.testing.assert_array_equal(extreme.labels_, plain.labels_)


def test_a_stream_whose_weights_overflow_is_refused():
    X = blobs()
    model = fastml.MiniBatchKMeans(3, random_state=0).partial_fit(X)
    before = model.cluster_centers_.copy()
    with pytest.raises(ValueError, match="overflow"):
        model.partial_fit(X, sample_weight=np.full(len(X), 1e308))
    np.testing.assert_array_equal(model.cluster_centers_, before)


def test_a_far_start_does_not_send_every_row_to_float64():
    X = blobs(4000).astype("float32")
    start = (X[:6] + 1e6).astype("float32")
    model = fastml.KMeans(6, init=start, tol=0.0, algorithm="lloyd").fit(X)
    assert model.n_iter_ > 5
    assert model.n_decided_ < 4 * len(X)
    np.testing.assert_array_equal(
        model.labels_, reference.nearest_centroid(X, model.cluster_centers_)
    )


def test_what_a_cluster_loses_row_by_row_leaves_nothing():
    """A heavy row leaves, a light one stays: what is left of the sum must not be rounding."""
    random = np.random.default_rng(0)
    for seed in range(20):
        X = 100 + np.random.default_rng(seed).normal(size=(200, 1)) * 3
        weights = 10.0 ** random.uniform(-17, 3, len(X))
        start = X[:7] + np.array([[0], [1], [2], [3], [5], [8], [13.0]])
        for max_iter in (1, 2, 3, 5, 50):
            model = fastml.KMeans(7, init=start, tol=0.0, max_iter=max_iter)
            model.fit(X, sample_weight=weights)
            assert model.cluster_centers_.min() >= X.min() - 1e-9
            assert model.cluster_centers_.max() <= max(X.max(), start.max()) + 1e-9


# --- users' own hands -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_init_that_spoils_its_data_is_found_out(dtype):
    X = blobs().astype(dtype)
    X[:, 1] = 1.0

    def spoil(X, n_clusters, random_state):
        start = X[:n_clusters].copy()
        with np.errstate(invalid="ignore"):
            X -= X.mean(axis=0)
            X /= X.std(axis=0)
        return start

    for estimator in (fastml.KMeans, fastml.MiniBatchKMeans):
        model = estimator(4, init=spoil, n_init=1)
        with pytest.raises(ValueError, match="contains NaN"):
            model.fit(X[:150].copy())


def test_an_init_gets_a_read_only_array_as_it_is(tmp_path):
    X = blobs()
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")

    def write(X, n_clusters, random_state):
        assert not X.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            X[0] = 0
        return X[:n_clusters]

    X.flags.writeable = False
    for given in (X, mapped):
        fastml.KMeans(4, init=write, n_init=1).fit(given)


@pytest.mark.parametrize("estimator", [fastml.KMeans, fastml.MiniBatchKMeans])
@pytest.mark.parametrize("init", ["random", "k-means++"])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_nan_where_none_was_promised_is_an_error(estimator, init):
    X = blobs()
    fitted = estimator(4, random_state=0).fit(X)
    X[::3] = np.nan
    with sklearn.config_context(assume_finite=True):
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            estimator(4, init=init, random_state=0).fit(X)
        with pytest.raises(ValueError, match="NaN"):
            fitted.predict(X)


def test_centers_may_be_edited_in_place():
    X = blobs()
    model = fastml.KMeans(4, random_state=0).fit(X)
    for same in (model, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        same.cluster_centers_[2] = X[0] + 1e-9
        assert same.predict(X[:1]).tolist() == [2]
        np.testing.assert_array_equal(
            same.predict(X), reference.nearest_centroid(X, same.cluster_centers_)
        )


@pytest.mark.parametrize("estimator", [fastml.KMeans, fastml.MiniBatchKMeans])
def test_other_centers_may_be_assigned(estimator):
    X = blobs()
    model = estimator(4, random_state=0).fit(X)
    points = np.arange(12.0).reshape(4, 3)
    wide = np.zeros((8, 9))
    wide[::2, ::3] = points
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        matrix = np.matrix(points)
    for other in (
        points, points.astype("float32"), points.astype(int), points.astype(">f8"),
        np.asfortranarray(points), wide[::2, ::3], matrix, points.tolist(), points[:2],
    ):  # fmt: skip
        model.cluster_centers_ = other
        expected = reference.nearest_centroid(X, np.array(np.asarray(other)[:4], float))
        np.testing.assert_array_equal(model.predict(X), expected)
        np.testing.assert_array_equal(model.predict(X[:3]), expected[:3])
        assert model.transform(X).shape == (len(X), len(other))


@pytest.mark.parametrize(
    "other", [np.ones((4, 2)), np.ones(3), np.ones((0, 3)), np.full((4, 3), np.nan),
              np.ones((4, 3), complex), [["a", "b", "c"]]],
)  # fmt: skip
def test_centers_that_are_none_are_refused(other):
    X = blobs()
    model = fastml.KMeans(4, random_state=0).fit(X)
    labels = model.predict(X)
    with pytest.raises(ValueError, match="cluster_centers_"):
        model.cluster_centers_ = other
    np.testing.assert_array_equal(model.predict(X), labels)


def test_a_reshaped_view_of_the_centers_changes_nothing():
    X = blobs()
    model = fastml.KMeans(4, random_state=0).fit(X)
    labels = model.predict(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        model.cluster_centers_.shape = (2, 6)
    np.testing.assert_array_equal(model.predict(X), labels)


def test_predicting_while_another_thread_fits():
    narrow, wide = blobs(400, 2), blobs(400, 40)
    model = fastml.KMeans(5, random_state=0, max_iter=3).fit(narrow)
    stop, wrong = threading.Event(), []

    def predict():
        while not stop.is_set():
            for X in (narrow, wide, narrow[:2], wide[:2]):
                try:
                    labels = model.predict(X)
                    if labels.min() < 0 or labels.max() >= 5:
                        wrong.append(labels)
                except ValueError as error:
                    if "features" not in str(error):
                        wrong.append(error)

    threads = [threading.Thread(target=predict) for _ in range(2)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for thread in threads:
            thread.start()
        try:
            for _ in range(30):
                model.fit(wide)
                model.fit(narrow)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert not wrong


def test_a_stream_goes_on_from_the_exact_means():
    """Float32 centres are rounded; the means they stand for are not."""
    random = np.random.default_rng(0)
    batches = random.normal(size=(200, 50, 2)).astype("float32") + np.float32(1000)
    start = np.array([[1000, 1000]], "float32")
    model = fastml.MiniBatchKMeans(1, init=start, n_init=1, random_state=0)
    for batch in batches:
        model.partial_fit(batch)
    exact = batches.reshape(-1, 2).mean(axis=0, dtype=np.float64)
    np.testing.assert_array_equal(model.cluster_centers_[0], exact.astype("float32"))
    model.cluster_centers_ = start + 5  # somebody's own: gone on from there
    model.partial_fit(batches[0])
    np.testing.assert_allclose(model.cluster_centers_, start + 5, atol=0.1)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_row_drawn_is_the_first_that_reaches_the_number(weighted):
    from fastml.kernels.cluster.plusplus import draw_row
    from fastml.kernels.cluster.weighing import Samples

    @numba.njit
    def drawn(samples, closest, number):
        return draw_row(samples, closest, 1, 1, 6, number)

    X = np.array([[9.0], [0.0], [1.0], [1.0], [0.0], [2.0], [0.0]])
    weights = np.array([1.0, 1, 1, 3, 1, 0.25, 1]) if weighted else np.empty(0)
    shares = np.array([0, 1.0, 3.0, 0, 1.0] if weighted else [0, 1.0, 1.0, 0, 4.0])
    reached = np.cumsum(shares)
    samples = Samples(X, weights)
    closest = np.full(len(X), np.inf)
    # Of the rows 1 to 5, to which row 1 is the centre chosen last.
    found = {}
    for number in [*reached, *np.nextafter(reached, np.inf), 0.5, 1e300]:
        found[number] = drawn(samples, closest, float(number))
        at = int(np.searchsorted(reached, number))
        while at < len(shares) and shares[at] == 0.0:  # a row without a chance is never drawn
            at += 1
        assert found[number] == 1 + min(at, 4), number
    assert set(found.values()) == {2, 3, 5}
