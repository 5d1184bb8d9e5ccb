"""Mini-batch k-means: running means worked by NumPy, and scikit-learn's results and manners."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.cluster
from callbacks import Stop
from clusters import assert_same_model, blobs
from element_types import DTYPES
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.utils.fixes import parse_version
from tolerances import assert_close

import fastml
from fastml import reference
from fastml.cluster import _bundles
from fastml.cluster._batches import row_drawer
from fastml.kernels.cluster import minibatch

# --- the algorithm ------------------------------------------------------------------------------


def running_means(batches, weights, centers):
    """Return the centres after the batches, each the mean of all rows it was nearest to."""
    centers = centers.astype(np.float64)
    given = np.zeros(len(centers))
    for batch, batch_weights in zip(batches, weights, strict=True):
        labels = reference.nearest_centroid(batch, centers.astype(batch.dtype))
        for row, label, weight in zip(batch, labels, batch_weights, strict=True):
            if weight > 0:
                given[label] += weight
                centers[label] += weight / given[label] * (row - centers[label])
    return centers, given


@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=5),
    n_features=st.integers(1, 9),
    n_clusters=st.integers(1, 9),
    dtype=st.sampled_from(DTYPES),
    weighted=st.booleans(),
)
def test_centers_are_the_means_of_the_rows_given(
    seed, sizes, n_features, n_clusters, dtype, weighted
):
    random = np.random.default_rng(seed)
    # The centres start at random floats: no row is as far from two of them, but for rounding.
    batches = [random.integers(-80, 80, (n, n_features)).astype(dtype) / 8 for n in sizes]
    start = random.normal(size=(n_clusters, n_features)).astype(dtype) * 5
    weights = [random.integers(0, 4, n).astype(float) if weighted else None for n in sizes]
    if weighted:
        for w in weights:
            w[0] = 1.0  # weights that are all zero are refused
    batches[0] = np.concatenate([batches[0], start])  # the first batch needs a row a cluster
    weights[0] = np.append(weights[0], np.ones(n_clusters)) if weighted else None
    model = fastml.MiniBatchKMeans(n_clusters, init=start, n_init=1, reassignment_ratio=0.0)
    for batch, batch_weights in zip(batches, weights, strict=True):
        model.partial_fit(batch, sample_weight=batch_weights)
    counted = [np.ones(len(b)) if w is None else w for b, w in zip(batches, weights, strict=True)]
    expected, _ = running_means(batches, counted, start)
    assert_close("mean", model.cluster_centers_, expected, dtype)
    assert model.n_steps_ == len(batches)
    np.testing.assert_array_equal(model.labels_, model.predict(batches[-1]))


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"init": "random"},
        {"init": "random", "n_init": 5, "init_size": 100},
        {"batch_size": 50, "tol": 1e-3},
        {"batch_size": 40, "reassignment_ratio": 0.6, "max_iter": 5},
        {"batch_size": 5000, "max_no_improvement": None, "max_iter": 7},
        {"compute_labels": False},
        {"tol": 1e-2, "max_no_improvement": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("weighted", [False, True])
def test_same_results_as_scikit_learn(parameters, weighted):
    if parse_version(sklearn.__version__) < parse_version("1.9"):
        pytest.skip("scikit-learn drew batches another way before 1.9")
    X = blobs(2000, 5, 9, seed=3, spread=1.5)
    weights = np.random.default_rng(3).uniform(0, 2, len(X)) if weighted else None
    parameters = {"n_clusters": 9, "random_state": 0, **parameters}
    ours = fastml.MiniBatchKMeans(**parameters).fit(X, sample_weight=weights)
    theirs = sklearn.cluster.MiniBatchKMeans(**parameters).fit(X, sample_weight=weights)
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, atol=1e-9)
    np.testing.assert_allclose(ours.inertia_, theirs.inertia_, rtol=1e-9)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.n_steps_ == theirs.n_steps_
    assert ours._init_size == theirs._init_size
    assert ours._n_init == theirs._n_init
    assert hasattr(ours, "labels_") == hasattr(theirs, "labels_")
    if hasattr(theirs, "labels_"):
        np.testing.assert_array_equal(ours.labels_, theirs.labels_)


@pytest.mark.parametrize("ratio", [0.01, 0.7])
def test_same_stream_as_scikit_learn(ratio):
    X = blobs(3000, 4, 6, seed=4)
    parameters = {"init": "random", "random_state": 1, "reassignment_ratio": ratio}
    ours = fastml.MiniBatchKMeans(6, **parameters)
    theirs = sklearn.cluster.MiniBatchKMeans(6, **parameters)
    for batch in np.split(X, 30):
        ours.partial_fit(batch)
        theirs.partial_fit(batch)
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, atol=1e-9)
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    np.testing.assert_allclose(ours.inertia_, theirs.inertia_, rtol=1e-9)


@pytest.mark.parametrize("dtype", DTYPES)
def test_labels_and_inertia_are_those_of_the_centers(dtype):
    X = blobs(5000, 6, 12, dtype, seed=5)
    weights = np.random.default_rng(5).uniform(size=len(X))
    model = fastml.MiniBatchKMeans(12, random_state=0).fit(X, sample_weight=weights)
    labels, distances = reference.nearest_centroid(X, model.cluster_centers_, return_distance=True)
    np.testing.assert_array_equal(model.labels_, labels)
    np.testing.assert_array_equal(model.predict(X), labels)
    np.testing.assert_allclose(model.inertia_, distances.astype(float) ** 2 @ weights, rtol=1e-6)
    np.testing.assert_allclose(model.score(X, sample_weight=weights), -model.inertia_)
    assert model.cluster_centers_.dtype == dtype


def test_nearly_as_good_as_all_rows_at_once():
    X = blobs(20_000, 8, 10, seed=6)
    exact = fastml.KMeans(10, random_state=0).fit(X)
    batches = fastml.MiniBatchKMeans(10, random_state=0).fit(X)
    assert exact.inertia_ <= batches.inertia_ < 1.05 * exact.inertia_
    assert batches.n_iter_ < 10


@pytest.mark.parametrize("dtype", DTYPES)
def test_same_bits_for_any_number_of_threads(dtype, shared_work):
    X = blobs(20_000, 6, 20, dtype, seed=7, spread=2.0)
    weights = np.random.default_rng(7).uniform(size=len(X))
    models = []
    for n in (1, 2, 3, 7, 64):
        with fastml.num_threads(n):
            model = fastml.MiniBatchKMeans(20, batch_size=3000, random_state=0, max_iter=4)
            models.append(model.fit(X, sample_weight=weights))
    for model in models[1:]:
        assert_same_model(model, models[0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_layout_changes_nothing(dtype, tmp_path):
    X = blobs(2000, 5, 6, dtype, seed=8)
    model = fastml.MiniBatchKMeans(6, random_state=0).fit(X)
    wide = np.repeat(X, 2, axis=1)
    np.save(tmp_path / "samples.npy", X)
    mapped = np.load(tmp_path / "samples.npy", mmap_mode="r")
    for same in (np.asfortranarray(X), wide[:, ::2], X[::-1].copy()[::-1], mapped):
        np.testing.assert_array_equal(same, X)
        assert_same_model(fastml.MiniBatchKMeans(6, random_state=0).fit(same), model)


def test_gather_rows():
    X = np.arange(24.0).reshape(8, 3)
    rows = np.array([7, 0, 7, 3])
    for source in (X, np.asfortranarray(X), X[:, ::-1]):
        batch = np.empty((4, 3))
        minibatch.gather_rows(source, rows, batch)
        np.testing.assert_array_equal(batch, source[rows])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rows", [1, 7, 50, 64])
def test_sum_batch(dtype, weighted, rows):
    random = np.random.default_rng(0)
    batch, centers = random.normal(size=(50, 3)).astype(dtype), np.eye(4, 3, dtype=dtype)
    labels = random.integers(0, 3, 50).astype(np.int32)  # nothing for the last centre
    weight = random.uniform(size=50) * random.integers(0, 2, 50) if weighted else np.ones(50)
    totals, inertia = np.empty((4, 5)), np.empty(3)
    weights, levels = weight if weighted else np.empty(0), _bundles.batch_levels(50, centers, rows)
    minibatch.sum_batch(batch, weights, labels, centers, rows, levels, totals, inertia)
    belongs = labels[:, None] == np.arange(4)
    assert_close("mean", totals[:, 3], weight @ belongs, "float64")
    np.testing.assert_array_equal(totals[:, 4], (weight > 0) @ belongs.astype(float))
    expected = (belongs * weight[:, None]).T @ batch.astype(float)
    assert_close("mean", totals[:, :3], expected, "float64")
    squares = ((batch.astype(float) - centers[labels]) ** 2).sum(axis=1)
    assert_close("mean", inertia.sum(), weight @ squares, "float64")


class GivenNumbers:
    """A random state that draws the numbers it is told to."""

    def __init__(self, *numbers):
        self.numbers = np.array(numbers)

    def random_sample(self, size):
        return self.numbers[:size]


def test_rows_are_drawn_by_their_weights():
    numbers = GivenNumbers(0.0, 0.24, 0.25, 0.74, 0.75, 1 - 2.0**-53)
    even = row_drawer(4, np.empty(0), numbers)
    assert even(6).tolist() == [0, 0, 1, 2, 3, 3]
    by_weight = row_drawer(6, np.cumsum([0.0, 1.0, 0.0, 2.0, 1.0, 0.0]), numbers)
    assert by_weight(6).tolist() == [1, 1, 3, 3, 4, 4]


def test_long_streams_keep_counting():
    """In float32, 2**24 + 1 would be 2**24, and a centre would be deaf from there on."""
    rows = np.array([[0.0], [100.0]], np.float32)
    model = fastml.MiniBatchKMeans(2, init=rows, n_init=1, reassignment_ratio=0.0)
    model.partial_fit(rows, sample_weight=[2.0**26, 1.0])
    for _ in range(64):
        model.partial_fit(rows[:1] + 1, sample_weight=[2.0**20])
    np.testing.assert_allclose(model.cluster_centers_[0], 0.5, rtol=1e-4)


def test_far_from_the_origin():
    X = blobs(4000, 3, 5, seed=9) + 1e6
    near = fastml.MiniBatchKMeans(5, init=X[:5] - 1e6, n_init=1, random_state=0).fit(X - 1e6)
    far = fastml.MiniBatchKMeans(5, init=X[:5], n_init=1, random_state=0).fit(X)
    np.testing.assert_allclose(far.cluster_centers_ - 1e6, near.cluster_centers_, atol=1e-8)
    np.testing.assert_array_equal(far.labels_, near.labels_)


# --- weights and centres given little -------------------------------------------------------------


def test_weights_count_like_repeated_rows():
    X = blobs(200, 3, 4, seed=10).round(1)
    times = np.random.default_rng(10).integers(0, 4, len(X))
    start = X[:4].copy()
    weighted = fastml.MiniBatchKMeans(4, init=start, n_init=1).partial_fit(X, sample_weight=times)
    repeated = fastml.MiniBatchKMeans(4, init=start, n_init=1).partial_fit(
        np.repeat(X, times, axis=0)
    )
    np.testing.assert_allclose(
        weighted.cluster_centers_, repeated.cluster_centers_, rtol=1e-12, atol=1e-12
    )
    np.testing.assert_allclose(weighted.inertia_, repeated.inertia_, rtol=1e-12)


def test_rows_of_weight_zero_have_no_say():
    X = blobs(3000, 2, 4, seed=11)
    weights = np.ones(len(X))
    weights[::3] = 0.0
    moved = X.copy()
    moved[::3] = 1000.0
    start = X[:40:10]
    model = fastml.MiniBatchKMeans(4, init=start, n_init=1, random_state=0)
    fits = [clone(model).fit(data, sample_weight=weights) for data in (X, moved)]
    np.testing.assert_array_equal(fits[0].cluster_centers_, fits[1].cluster_centers_)
    assert fits[0].inertia_ == fits[1].inertia_


@pytest.mark.parametrize("init", ["random", "k-means++"])
def test_a_first_sample_without_weight(init):
    X = blobs(5000, 2, 3, seed=12)
    weights = np.zeros(len(X))
    weights[-5:] = 1.0
    model = fastml.MiniBatchKMeans(2, init=init, init_size=4, random_state=0)
    model.fit(X, sample_weight=weights)
    assert np.isfinite(model.cluster_centers_).all()
    near = np.linalg.norm(X[-5:, None] - model.cluster_centers_, axis=2).min(axis=1)
    assert near.max() < 5


def test_centers_given_little_are_moved_to_rows():
    X = blobs(1000, 2, 3, seed=13)
    start = np.concatenate([X[:2], [[1e3, 1e3], [2e3, 2e3]]])  # two that are never nearest
    stay = fastml.MiniBatchKMeans(
        4, init=start, n_init=1, random_state=0, reassignment_ratio=0.0
    ).fit(X)
    np.testing.assert_array_equal(stay.cluster_centers_[2:], start[2:])
    moved = fastml.MiniBatchKMeans(4, init=start, n_init=1, random_state=0).fit(X)
    assert np.abs(moved.cluster_centers_).max() < 50
    assert moved.inertia_ < stay.inertia_


@pytest.mark.parametrize("ratio", [0.5, 1.0, 1e9])
@pytest.mark.parametrize("batch_size", [1, 2, 7, 500])
def test_no_ratio_of_reassignment_is_too_large(ratio, batch_size):
    X = blobs(500, 2, 3, seed=14)
    model = fastml.MiniBatchKMeans(
        20, reassignment_ratio=ratio, batch_size=batch_size, max_iter=1, random_state=0
    ).fit(X)
    assert np.isfinite(model.cluster_centers_).all()
    assert (model._counts > 0).any()


# --- when to stop ---------------------------------------------------------------------------------


def test_steps_and_iterations_are_counted():
    X = blobs(1000, 2, 3, seed=15)
    model = fastml.MiniBatchKMeans(
        3, batch_size=300, max_iter=10, max_no_improvement=None, random_state=0
    ).fit(X)
    assert model.n_steps_ == 33
    assert model.n_iter_ == 10
    assert isinstance(model.n_iter_, int)
    assert isinstance(model.n_steps_, int)
    assert isinstance(model.inertia_, float)


def test_a_tolerance_stops_earlier(capsys):
    X = blobs(2000, 2, 3, seed=16)
    parameters = {"batch_size": 200, "random_state": 0, "max_no_improvement": None, "max_iter": 50}
    steps = [
        fastml.MiniBatchKMeans(3, tol=tol, verbose=1, **parameters).fit(X).n_steps_
        for tol in (0.0, 1e-6, 1e-2)
    ]
    assert steps[0] == 500 > steps[1] > steps[2] > 1
    assert capsys.readouterr().out.count("Converged (small centers change)") == 2


def test_no_improvement_stops(capsys):
    X = blobs(2000, 2, 3, seed=17)
    steps = [
        fastml.MiniBatchKMeans(
            3, batch_size=100, max_no_improvement=patience, random_state=0, verbose=1
        )
        .fit(X)
        .n_steps_
        for patience in (0, 5, 20)
    ]
    assert steps[0] == 2 < steps[1] < steps[2] < 2000
    assert capsys.readouterr().out.count("Converged (lack of improvement in inertia)") == 3


def test_verbose_tells_every_step(capsys):
    X = blobs(1000, 2, 3, seed=18)
    start = np.concatenate([X[:2], [[1e3, 1e3]]])
    model = fastml.MiniBatchKMeans(3, init=start, n_init=1, verbose=1, random_state=0).fit(X)
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("Inertia for init 1/1: ")
    assert sum(line.startswith("Minibatch step") for line in said) == model.n_steps_
    assert "[MiniBatchKMeans] Reassigning 1 cluster centers." in said


def test_without_labels_the_inertia_is_an_estimate():
    X = blobs(5000, 3, 4, seed=19)
    model = fastml.MiniBatchKMeans(4, random_state=0).fit(X)
    inertia = model.inertia_
    model.set_params(compute_labels=False).fit(X)
    assert not hasattr(model, "labels_")
    np.testing.assert_allclose(model.inertia_, inertia, rtol=0.1)
    # One single batch, whose inertia is all there is.
    start = model.cluster_centers_
    model.set_params(init=start, n_init=1, max_iter=1, batch_size=5000).fit(X)
    assert model.n_steps_ == 1
    np.testing.assert_allclose(model.inertia_, inertia, rtol=0.1)


def test_a_callback_sees_every_step_and_may_stop():
    X = blobs(2000, 4, 6, seed=20)
    callback = Stop(after=4)
    model = fastml.MiniBatchKMeans(6, init="random", n_init=1, random_state=0)
    model.set_callbacks(callback).fit(X)
    assert model.n_steps_ == 4
    assert len(callback.scores) == 4
    assert callback.scores[-1] == model.score(X)
