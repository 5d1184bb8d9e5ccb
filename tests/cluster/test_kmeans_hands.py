"""What k-means hands to users' code, and what it does when that misbehaves."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import fastml
from fastml.cluster import _bundles, _plusplus
from fastml.cluster._batches import RunningMeans
from fastml.cluster._bundles import batch_levels, block_rows
from fastml.cluster._lloyd import LloydRun
from fastml.kernels.cluster import minibatch

ESTIMATORS = [fastml.KMeans, fastml.MiniBatchKMeans]


def blobs(n_samples=600, n_features=3, n_clusters=5, seed=0):
    random = np.random.default_rng(seed)
    means = random.normal(size=(n_clusters, n_features)) * 2
    return means[random.integers(0, n_clusters, n_samples)] + random.normal(
        size=(n_samples, n_features)
    )


class Watcher:
    """A callback that keeps what it is given, and may do something with it."""

    def __init__(self, act=lambda fitted: None, spoil_setup=False):
        self.act, self.spoil_setup = act, spoil_setup
        self.given, self.n_ends = [], 0

    def setup(self, estimator, context):
        if self.spoil_setup:
            raise RuntimeError("no setup")

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, *, X=None):
        self.given.append(X)

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        self.n_ends += 1
        self.given.append(X)
        self.act(fitted_estimator)


# --- labels that are none -------------------------------------------------------------------------


def spoil_and_advance(run, label):
    for _ in range(50):
        run._rows.labels[4321] = label  # where the row is scored anew, it gets a label
        run.advance(1)


@pytest.mark.parametrize("label", [-1, -(2**31), 6, 2**31 - 1])
@pytest.mark.parametrize("n_before", [0, 1, 3])
@pytest.mark.parametrize("bounded", [True, False])
def test_a_label_that_is_none_ends_the_call(label, n_before, bounded):
    X = blobs(5000)
    run = LloydRun(
        X, X[:6].copy(), sample_weight=np.empty(0), max_iter=50, tol=0.0, bounded=bounded
    )
    for _ in range(n_before):
        run.advance(1)
    with pytest.raises(ValueError, match="labels must be from 0 to"):
        spoil_and_advance(run, label)


@pytest.mark.parametrize("label", [-1, 5, 2**31 - 1])
def test_a_label_that_is_none_ends_the_sums_of_a_batch(label):
    X = blobs(100)
    rows = block_rows(3, 5)
    labels = np.zeros(100, np.int32)
    points = X[:5].copy()
    nothing = np.empty(0)
    outputs = batch_levels(100, points, rows), np.empty((5, 5)), np.empty(3)
    assert minibatch.sum_batch(X, nothing, labels, points, rows, *outputs)
    labels[77] = label
    assert not minibatch.sum_batch(X, nothing, labels, points, rows, *outputs)
    assert RunningMeans(points).take(X, nothing) > 0


# --- what callbacks are handed --------------------------------------------------------------------


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_callbacks_get_the_users_own_samples(estimator, metric, tmp_path):
    if estimator is fastml.MiniBatchKMeans and metric == "cosine":
        pytest.skip("Euclidean only")
    X = blobs()
    np.save(tmp_path / "X.npy", X)
    frozen = X.copy()
    frozen.flags.writeable = False
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    more = {"metric": metric} if metric == "cosine" else {}
    for given in (X, frozen, mapped):
        watcher = Watcher()
        estimator(4, random_state=0, **more).set_callbacks(watcher).fit(given)
        assert watcher.n_ends
        for seen in watcher.given:
            assert np.shares_memory(seen, given)
            assert seen.flags.writeable == given.flags.writeable
            np.testing.assert_array_equal(seen, X)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_what_a_callback_does_to_fitted_arrays_changes_no_fit(estimator):
    X = blobs()

    def spoil(fitted):
        fitted.labels_[:] = -7
        fitted.cluster_centers_[:] = np.nan

    plain = estimator(4, random_state=0).fit(X)
    spoilt = estimator(4, random_state=0).set_callbacks(Watcher(spoil)).fit(X)
    np.testing.assert_array_equal(spoilt.labels_, plain.labels_)
    np.testing.assert_array_equal(spoilt.cluster_centers_, plain.cluster_centers_)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_callback_whose_setup_raises_leaves_the_estimator_as_it_was(estimator):
    X, wide = blobs(), blobs(n_features=9)
    model = estimator(4, random_state=0).fit(X)
    labels = model.predict(X)
    before = dict(vars(model))
    model.set_callbacks(Watcher(spoil_setup=True))
    with pytest.raises(RuntimeError, match="no setup"):
        model.fit(wide)
    model.set_callbacks()
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())
    np.testing.assert_array_equal(model.predict(X), labels)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_threads_fitting_one_estimator_at_different_widths(estimator):
    data = [blobs(500, width, seed=width) for width in (1, 2, 17, 40)]
    model = estimator(5, random_state=0, max_iter=5)
    expected = [estimator(5, random_state=0, max_iter=5).fit(X).cluster_centers_ for X in data]
    wrong = []

    def work(X):
        for _ in range(15):
            try:
                model.fit(X)
                model.predict(X)
                model.transform(X)
            except (ValueError, AttributeError) as error:  # of another thread's width
                if not any(word in str(error) for word in ("feature", "attribute", "shape")):
                    wrong.append(error)
            except BaseException as error:
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(X,)) for X in data]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    for X, centers in zip(data, expected, strict=True):  # and alone it is as if never disturbed
        np.testing.assert_array_equal(model.fit(X).cluster_centers_, centers)


# --- time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_running_out_of_time_is_a_warning(estimator):
    X = blobs(20000, 8, 40, seed=6)
    model = estimator(40, random_state=0, tol=0.0, max_time=1e-9)
    with pytest.warns(ConvergenceWarning, match=r"max_time=1e-09 seconds reached after 1 iter"):
        model.fit(X)
    np.testing.assert_array_equal(model.labels_, model.predict(X))
    estimator(4, random_state=0, max_time=1e9).fit(X)  # which would raise


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("init", ["random", "k-means++"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_no_other_start_is_tried_after_the_time(estimator, init, monkeypatch):
    starts = []
    before = estimator._start
    monkeypatch.setattr(
        estimator, "_start", lambda *given, **named: starts.append(1) or before(*given, **named)
    )
    estimator(5, init=init, n_init=7, random_state=0, max_time=1e-9).fit(blobs())
    assert len(starts) == 1


def test_time_is_looked_at_while_a_start_is_chosen(monkeypatch):
    X = blobs(3000)
    monkeypatch.setattr(_plusplus, "_CALL_NANOSECONDS", 1)  # one centre a call
    calls = []
    before = _plusplus.run_team
    monkeypatch.setattr(_plusplus, "run_team", lambda *a: calls.append(1) or before(*a))
    random = np.random.RandomState(0)
    whole = _plusplus.choose_rows(X, 50, np.empty(0), random)
    assert len(calls) == 50
    calls.clear()
    random = np.random.RandomState(0)
    late = _plusplus.choose_rows(X, 50, np.empty(0), random, deadline=time.monotonic())
    assert len(calls) == 1
    assert late[0] == whole[0]
    assert len(np.unique(late)) == 50
    assert 0 <= late.min() <= late.max() < len(X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_starts_are_the_same_whether_rows_are_kept_packed_or_not(dtype, monkeypatch):
    X = np.random.default_rng(5).normal(size=(1337, 19)).astype(dtype)
    starts = []
    row = 32 * X.itemsize  # features are padded to whole vectors
    for kept in (1 << 28, 0, 700 * row):  # all of them, none, the first ones
        monkeypatch.setattr(_bundles, "_KEPT_BYTES", kept)
        for threads in (1, 3):
            with fastml.num_threads(threads):
                random = np.random.RandomState(0)
                starts.append(_plusplus.choose_rows(X, 40, np.empty(0), random))
    assert len(_bundles.seeding_panels(X, 40)) > 0
    for start in starts[1:]:
        np.testing.assert_array_equal(start, starts[0])


@pytest.mark.parametrize("name", ["_counts", "_means"])
def test_what_batches_go_on_from_is_checked(name):
    X = blobs()
    fitted = fastml.MiniBatchKMeans(4, n_init=1, random_state=0).fit(X)
    good = getattr(fitted, name)
    for wrong in (
        good[:2], np.concatenate([good, good]), good[None], good[:0], good.astype(object), None,
        good.astype("f4"), good.astype(good.dtype.newbyteorder()), good.tolist(),
        good.view(np.recarray), good + 0j, good.astype(str),
    ):  # fmt: skip
        setattr(fitted, name, wrong)
        with pytest.raises(ValueError, match=rf"{name}|cluster_centers_"):
            fitted.partial_fit(X)
    setattr(fitted, name, good)
    fitted.partial_fit(X)
