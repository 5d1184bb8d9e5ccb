"""MiniBatchKMeans as an estimator: streams, and scikit-learn's manners."""

from __future__ import annotations

import copy
import inspect
import pickle

import joblib
import numpy as np
import pytest
import sklearn.cluster
from clusters import assert_same_model, blobs
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml.cluster import _minibatch

# --- a stream -------------------------------------------------------------------------------------


def test_a_pickled_stream_goes_on_as_if_nothing_happened():
    batches = np.split(blobs(1000, 3, 30, seed=21), 10)
    model = fastml.MiniBatchKMeans(30, init="random", random_state=0)
    for batch in batches[:4]:
        model.partial_fit(batch)
    copied = pickle.loads(pickle.dumps(model))
    for batch in batches[4:]:
        model.partial_fit(batch)
        copied.partial_fit(batch)
    assert_same_model(copied, model)


def test_a_fit_may_be_refined_with_new_rows():
    X = blobs(2000, 3, 5, seed=22)
    model = fastml.MiniBatchKMeans(5, random_state=0).fit(X)
    before, steps = model.cluster_centers_, model.n_steps_
    kept = before.copy()
    model.partial_fit(X[:10] + 0.5)
    assert model.n_steps_ == steps + 1
    np.testing.assert_array_equal(before, kept)  # what somebody holds on to does not change
    moves = np.linalg.norm(model.cluster_centers_ - kept, axis=1)
    assert 0 < moves.max() < 0.1
    assert len(model.labels_) == 10


def test_a_batch_takes_the_type_of_the_centers():
    X = blobs(100, 3, 4)
    model = fastml.MiniBatchKMeans(4, random_state=0).partial_fit(X.astype("float32"))
    model.partial_fit(X)
    assert model.cluster_centers_.dtype == np.float32
    assert fastml.MiniBatchKMeans(2).fit(X.round().astype("int8")).cluster_centers_.dtype == float


def test_the_first_batch_needs_a_row_a_cluster():
    X = blobs(100, 3, 4)
    model = fastml.MiniBatchKMeans(8, random_state=0)
    with pytest.raises(ValueError, match="n_samples=7 should be >= n_clusters=8"):
        model.partial_fit(X[:7])
    assert not hasattr(model, "n_features_in_")
    model.partial_fit(X[:8]).partial_fit(X[8:9])
    assert model.n_steps_ == 2


# --- the estimator's manners --------------------------------------------------------------------


@parametrize_with_checks(
    [fastml.MiniBatchKMeans(n_clusters=3, max_iter=20)],
    expected_failed_checks=lambda _: {
        "check_sample_weight_equivalence_on_dense_data": "other rows are drawn",
        "check_sample_weight_equivalence_on_sparse_data": "other rows are drawn",
    },
)
def test_conventions(estimator, check):
    check(estimator)


def test_constructor_matches_scikit_learn():
    ours = inspect.signature(fastml.MiniBatchKMeans.__init__).parameters
    theirs = inspect.signature(sklearn.cluster.MiniBatchKMeans.__init__).parameters
    assert list(ours) == [*theirs, "max_time"]
    for name, parameter in theirs.items():
        assert ours[name].default == parameter.default
        assert ours[name].kind == parameter.kind


def test_one_seed_one_result():
    X = blobs(2000, 3, 4, seed=23)
    model = fastml.MiniBatchKMeans(4, random_state=0).fit(X)
    assert_same_model(fastml.MiniBatchKMeans(4, random_state=0).fit(X), model)
    assert_same_model(
        fastml.MiniBatchKMeans(4, random_state=np.random.RandomState(0)).fit(X), model
    )
    assert_same_model(copy.deepcopy(model).fit(X), model)
    other = fastml.MiniBatchKMeans(4, random_state=1).fit(X)
    assert (other.cluster_centers_ != model.cluster_centers_).any()


GOOD = blobs(30, 3, 3)


def with_value(value):
    X = GOOD.copy()
    X[17, 1] = value
    return X


BAD_FITS = {
    "NaN": ({}, with_value(np.nan), ValueError, "Input X contains NaN"),
    "no samples": ({}, GOOD[:0], ValueError, r"Found array with 0 sample\(s\)"),
    "too few samples": (
        {"n_clusters": 31},
        GOOD,
        ValueError,
        "n_samples=30 should be >= n_clusters=31",
    ),
    "batch_size": ({"batch_size": 0}, GOOD, ValueError, "'batch_size' parameter of MiniBatchKM"),
    "init_size": ({"init_size": 0}, GOOD, ValueError, "'init_size' parameter of MiniBatchKMeans"),
    "ratio": ({"reassignment_ratio": -1.0}, GOOD, ValueError, "'reassignment_ratio' parameter of"),
    "patience": ({"max_no_improvement": -1}, GOOD, ValueError, "'max_no_improvement' parameter"),
    "compute_labels": ({"compute_labels": 2}, GOOD, ValueError, "'compute_labels' parameter of"),
    "rows of init": (
        {"init": GOOD[:2]},
        GOOD,
        ValueError,
        r"The shape of the initial centers \(2, 3\) does not match the number of clusters 3",
    ),
    "columns of init": (
        {"init": lambda X, n_clusters, random_state: X[:n_clusters, :2]},
        GOOD,
        ValueError,
        r"initial centers \(3, 2\) does not match the number of features of the data 3",
    ),
}


@pytest.mark.parametrize(
    ("name", "method", "fitted"),
    [
        (name, method, fitted)
        for name, (parameters, *_) in BAD_FITS.items()
        for method in ("fit", "partial_fit")
        for fitted in (False, True)
        # As in scikit-learn, parameters are checked by the first batch of a stream only.
        if not (parameters and method == "partial_fit" and fitted)
    ],
)
def test_bad_input_is_refused_and_changes_nothing(name, method, fitted):
    parameters, X, error, message = BAD_FITS[name]
    model = fastml.MiniBatchKMeans(3, random_state=0)
    if fitted:
        model.fit(GOOD)
    model.set_params(**parameters)
    before = copy.deepcopy(vars(model))
    with pytest.raises(error, match=message):
        getattr(model, method)(X)
    assert vars(model).keys() == before.keys()
    for key, value in before.items():
        if not isinstance(value, np.random.RandomState) and not callable(value):
            np.testing.assert_array_equal(vars(model)[key], value)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_weights_are_refused(method):
    call = getattr(fastml.MiniBatchKMeans(3), method)
    with pytest.raises(ValueError, match=r"sample_weight.shape == \(29,\)"):
        call(GOOD, sample_weight=np.ones(29))
    with pytest.raises(ValueError, match="contains NaN"):
        call(GOOD, sample_weight=np.full(30, np.nan))
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        call(GOOD, sample_weight=np.linspace(-1, 1, 30))
    with pytest.raises(ValueError, match="at least one non-zero"):
        call(GOOD, sample_weight=np.zeros(30))


def test_other_features_than_before_are_refused():
    model = fastml.MiniBatchKMeans(3).fit(GOOD)
    message = "X has 2 features, but MiniBatchKMeans is expecting 3 features"
    for method in (model.predict, model.transform, model.score, model.partial_fit):
        with pytest.raises(ValueError, match=message):
            method(GOOD[:, :2])
    with pytest.raises(NotFittedError, match="This MiniBatchKMeans instance is not fitted yet"):
        fastml.MiniBatchKMeans().predict(GOOD)


def test_an_interrupted_fit_leaves_the_model_as_it_was():
    model = fastml.MiniBatchKMeans(3, random_state=0).fit(GOOD)
    before = copy.deepcopy(model)

    def interrupt(X, n_clusters, random_state):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.set_params(init=interrupt).fit(GOOD * 2)
    assert_same_model(model, before)
    np.testing.assert_array_equal(model._counts, before._counts)


def test_an_interrupted_batch_leaves_the_model_as_it_was(monkeypatch):
    model = fastml.MiniBatchKMeans(3, random_state=0).partial_fit(GOOD)
    before = copy.deepcopy(model)

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(_minibatch, "labels_and_inertia", interrupt)  # the last thing done
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(GOOD * 2)
    assert_same_model(model, before)
    np.testing.assert_array_equal(model._counts, before._counts)


def test_explicit_centers_with_several_starts_are_warned_of():
    with pytest.warns(RuntimeWarning, match="only one init in MiniBatchKMeans instead of n_init=5"):
        fastml.MiniBatchKMeans(3, init=GOOD[:3], n_init=5).fit(GOOD)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_small_init_size_is_warned_of(method):
    model = fastml.MiniBatchKMeans(5, init_size=2)
    with pytest.warns(RuntimeWarning, match="init_size=2 should be larger than n_clusters=5"):
        getattr(model, method)(GOOD)
    assert model._init_size == 15


def test_given_centers_are_not_written_to():
    start = GOOD[:3].copy()
    fastml.MiniBatchKMeans(3, init=start, n_init=1).fit(GOOD).partial_fit(GOOD)
    np.testing.assert_array_equal(start, GOOD[:3])


@pytest.mark.filterwarnings("ignore:max_time=1e-09 seconds reached")
def test_max_time_stops_after_a_batch():
    X = np.random.default_rng(0).normal(size=(3000, 4))
    model = fastml.MiniBatchKMeans(5, batch_size=100, random_state=0, max_time=1e-9).fit(X)
    assert (model.n_steps_, model.n_iter_) == (1, 1)
    np.testing.assert_array_equal(model.labels_, model.predict(X))
    with pytest.raises(ValueError, match="'max_time' parameter of MiniBatchKMeans"):
        fastml.MiniBatchKMeans(5, max_time=0).fit(X)


def test_what_joblib_has_mapped_goes_on(tmp_path):
    X = np.random.default_rng(0).normal(size=(200, 5))
    model = fastml.MiniBatchKMeans(3, random_state=0).fit(X)
    joblib.dump(model, tmp_path / "model")
    found = joblib.load(tmp_path / "model", mmap_mode="r").partial_fit(X)
    np.testing.assert_array_equal(found.cluster_centers_, model.partial_fit(X).cluster_centers_)
