"""KMeans as an estimator: scikit-learn's manners, callbacks, budgets of time."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import sklearn.cluster
from callbacks import Stop
from clusters import blobs
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml import reference


@parametrize_with_checks(
    [fastml.KMeans(n_clusters=3, max_iter=20)],
    expected_failed_checks=lambda _: {
        "check_sample_weight_equivalence_on_dense_data": "other rows are drawn at the start",
        "check_sample_weight_equivalence_on_sparse_data": "other rows are drawn at the start",
    },
)
def test_conventions(estimator, check):
    check(estimator)


def test_types_and_outputs():
    X = blobs(100, 3, 4)
    model = fastml.KMeans(4, random_state=0).fit(X)
    assert model.labels_.dtype == np.int32
    assert isinstance(model.inertia_, float)
    assert isinstance(model.n_iter_, int)
    assert model.fit(X) is model
    np.testing.assert_array_equal(fastml.KMeans(4, random_state=0).fit_predict(X), model.labels_)
    distances = reference.euclidean_distances(X, model.cluster_centers_)
    np.testing.assert_allclose(model.transform(X), distances, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(model.fit_transform(X), model.transform(X))
    np.testing.assert_allclose(model.score(X), -model.inertia_, rtol=1e-13)
    assert model.get_feature_names_out().tolist() == [f"kmeans{j}" for j in range(4)]
    assert fastml.KMeans(2).fit(X.astype("float32")).cluster_centers_.dtype == np.float32
    assert fastml.KMeans(2).fit(X.round().astype("int8")).cluster_centers_.dtype == np.float64
    # What predicts is of the type of the centres.
    np.testing.assert_array_equal(model.predict(X.astype("float32")), model.predict(X.tolist()))


def test_clone_and_pickle():
    X = blobs(100, 3, 4, "float32")
    model = fastml.KMeans(4, init="random", n_init=3, random_state=1).fit(X)
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.predict(X), model.labels_)
    fresh = clone(model)
    assert fresh.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        fresh.predict(X)


def test_constructor_matches_scikit_learn():
    ours = fastml.KMeans().get_params()
    theirs = sklearn.cluster.KMeans().get_params()
    assert theirs.pop("algorithm") == "lloyd"
    assert ours["algorithm"] == "auto"
    assert {name: ours[name] for name in theirs} == theirs


GOOD = blobs(30, 3, 3)


def with_value(value):
    X = GOOD.copy()
    X[17, 1] = value
    return X


BAD_FITS = {
    "NaN": ({}, with_value(np.nan), ValueError, "Input X contains NaN"),
    "infinity": ({}, with_value(-np.inf), ValueError, "Input X contains infinity"),
    "no samples": ({}, GOOD[:0], ValueError, r"Found array with 0 sample\(s\)"),
    "no features": ({}, GOOD[:, :0], ValueError, r"Found array with 0 feature\(s\)"),
    "one dimension": ({}, GOOD[0], ValueError, "Expected 2D array, got 1D array instead"),
    "complex": ({}, GOOD.astype(complex), ValueError, "Complex data not supported"),
    "text": ({}, [["a", "b"]] * 9, ValueError, "could not convert string to float"),
    "NaN, sparse": ({}, sparse.csr_matrix(with_value(np.nan)), ValueError, "X contains NaN"),
    "too few samples": (
        {"n_clusters": 31},
        GOOD,
        ValueError,
        "n_samples=30 should be >= n_clusters=31",
    ),
    "no clusters": ({"n_clusters": 0}, GOOD, ValueError, "'n_clusters' parameter of KMeans must"),
    "half a cluster": ({"n_clusters": 2.5}, GOOD, ValueError, "'n_clusters' parameter of KMeans"),
    "init": ({"init": "best"}, GOOD, ValueError, "'init' parameter of KMeans must be"),
    "n_init": ({"n_init": 0}, GOOD, ValueError, "'n_init' parameter of KMeans must be"),
    "max_iter": ({"max_iter": 0}, GOOD, ValueError, "'max_iter' parameter of KMeans must be"),
    "tol": ({"tol": -1.0}, GOOD, ValueError, "'tol' parameter of KMeans must be"),
    "random_state": ({"random_state": "x"}, GOOD, ValueError, "'random_state' parameter of"),
    "rows of init": (
        {"init": GOOD[:2]},
        GOOD,
        ValueError,
        r"The shape of the initial centers \(2, 3\) does not match the number of clusters 3",
    ),
    "columns of init": (
        {"init": GOOD[:3, :2]},
        GOOD,
        ValueError,
        r"initial centers \(3, 2\) does not match the number of features of the data 3",
    ),
    "NaN in init": ({"init": with_value(np.nan)[15:18]}, GOOD, ValueError, "contains NaN"),
}


@pytest.mark.parametrize("name", BAD_FITS)
@pytest.mark.parametrize("fitted", [False, True])
def test_bad_input_is_refused_and_changes_nothing(name, fitted):
    parameters, X, error, message = BAD_FITS[name]
    model = fastml.KMeans(3, random_state=0)
    if fitted:
        model.fit(np.hstack([GOOD, GOOD]))
    model.set_params(**parameters)
    before = copy.deepcopy(vars(model))
    with pytest.raises(error, match=message):
        model.fit(X)
    assert vars(model).keys() == before.keys()
    for key, value in before.items():
        np.testing.assert_array_equal(vars(model)[key], value)


def test_bad_weights_are_refused():
    model = fastml.KMeans(3)
    with pytest.raises(ValueError, match=r"sample_weight.shape == \(29,\)"):
        model.fit(GOOD, sample_weight=np.ones(29))
    with pytest.raises(ValueError, match="contains NaN"):
        model.fit(GOOD, sample_weight=np.full(30, np.nan))
    assert not hasattr(model, "labels_")


@pytest.mark.parametrize("method", ["predict", "transform", "score"])
def test_bad_input_to_a_fitted_model(method):
    call = getattr(fastml.KMeans(3).fit(GOOD), method)
    with pytest.raises(ValueError, match="X has 2 features, but KMeans is expecting 3 features"):
        call(GOOD[:, :2])
    with pytest.raises(ValueError, match="Input X contains NaN"):
        call(with_value(np.nan))
    with pytest.raises(NotFittedError, match="This KMeans instance is not fitted yet"):
        getattr(fastml.KMeans(), method)(GOOD)


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
def test_overflow_in_the_type_of_the_centers_is_refused():
    model = fastml.KMeans(3).fit(GOOD.astype("float32"))
    with pytest.raises(ValueError, match=r"contains infinity"):
        model.predict(with_value(1e300))


def test_explicit_centers_with_several_starts_are_warned_of():
    with pytest.warns(RuntimeWarning, match="performing only one init"):
        fastml.KMeans(3, init=GOOD[:3], n_init=5).fit(GOOD)


def test_verbose_tells_every_iteration(capsys):
    model = fastml.KMeans(3, n_init=2, verbose=1, random_state=0, tol=0.0).fit(GOOD)
    said = capsys.readouterr().out.splitlines()
    assert said.count("Initialization complete") == 2
    assert sum("strict convergence" in line for line in said) == 2
    inertias = [float(line.split("inertia ")[1][:-1]) for line in said if "inertia" in line]
    assert min(inertias) == pytest.approx(model.inertia_)


def test_a_callback_sees_every_iteration_and_may_stop():
    X = blobs(2000, 4, 6, seed=5)
    callback = Stop(after=4)
    model = fastml.KMeans(6, init="random", n_init=1, random_state=0, tol=0.0)
    model.set_callbacks(callback).fit(X)
    assert model.n_iter_ == 4
    assert callback.scores == sorted(callback.scores)
    assert len(callback.scores) == 4
    np.testing.assert_array_equal(model.labels_, model.predict(X))


@pytest.mark.filterwarnings("ignore:max_time=1e-09 seconds reached")
def test_max_time_stops_with_the_best_so_far():
    X = blobs(20000, 8, 40, seed=6)
    start = X[:40].copy()
    model = fastml.KMeans(40, init=start, tol=0.0, max_time=1e-9).fit(X)
    whole = fastml.KMeans(40, init=start, tol=0.0).fit(X)
    assert model.n_iter_ == 1 < whole.n_iter_
    assert whole.inertia_ < model.inertia_
    np.testing.assert_array_equal(model.labels_, model.predict(X))


@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
def test_bounds_change_nothing_but_the_work(algorithm):
    X = blobs(5000, 5, 12, np.float32, seed=7)
    auto = fastml.KMeans(12, init=X[:12].copy(), tol=0.0).fit(X)
    other = fastml.KMeans(12, init=X[:12].copy(), tol=0.0, algorithm=algorithm).fit(X)
    np.testing.assert_array_equal(auto.cluster_centers_, other.cluster_centers_)
    np.testing.assert_array_equal(auto.labels_, other.labels_)
    assert auto.n_iter_ == other.n_iter_
    if algorithm == "lloyd":
        assert auto.n_scored_ < other.n_scored_


def test_cosine_clusters_directions():
    generator = np.random.default_rng(8)
    directions = np.eye(3)[generator.integers(3, size=300)]
    X = (directions + 0.05 * generator.standard_normal((300, 3))) * generator.uniform(
        0.01, 100, (300, 1)
    )
    model = fastml.KMeans(3, metric="cosine", random_state=0, n_init=3).fit(X)
    truth = directions.argmax(axis=1)
    assert len({*zip(truth, model.labels_, strict=True)}) == 3
    np.testing.assert_allclose(np.linalg.norm(model.cluster_centers_, axis=1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    cosines = X @ model.cluster_centers_.T / np.linalg.norm(X, axis=1)[:, None]
    np.testing.assert_allclose(model.transform(X), 1 - cosines, atol=1e-12)


def test_a_memory_map_is_fitted_where_it_lies(tmp_path):
    X = blobs(1000, 4, 3, np.float32, seed=9)
    path = tmp_path / "samples.npy"
    np.save(path, X)
    mapped = np.load(path, mmap_mode="r")
    ours = fastml.KMeans(3, random_state=0).fit(mapped)
    plain = fastml.KMeans(3, random_state=0).fit(X)
    np.testing.assert_array_equal(ours.labels_, plain.labels_)
    np.testing.assert_array_equal(ours.predict(mapped), plain.labels_)
