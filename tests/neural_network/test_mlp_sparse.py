"""Perceptrons of sparse rows: the same bits as of the rows with their zeros."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

import fastml
from fastml.data import _sparse
from fastml.neural_network import _sparse as sparse_samples
from fastml.neural_network._sparse import SparseSamples

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
ATTRIBUTES = ("loss_curve_", "validation_loss_curve_", "validation_scores_", "n_iter_", "loss_")


@pytest.fixture(params=[False, True], ids=["small", "large"])
def large(request, monkeypatch):
    """Whether rows are written out some at a time, as where all of them take too much memory."""
    if request.param:
        monkeypatch.setattr(_sparse, "FEW_BYTES", 0)
        monkeypatch.setattr(sparse_samples, "_BYTES_A_CALL", 40_000)
    return request.param


def problem(dtype=np.float64, n=701, d=23, n_classes=3):
    random = np.random.default_rng(0)
    X = random.normal(size=(n, d))
    X[random.random((n, d)) < 0.8] = 0
    y = (X @ random.normal(size=(d, n_classes))).argmax(axis=1)
    return X.astype(dtype), y, random.uniform(0, 2, n)


def same(found, expected):
    for a, b in zip(
        found.coefs_ + found.intercepts_, expected.coefs_ + expected.intercepts_, strict=True
    ):
        np.testing.assert_array_equal(a, b)
    for name in ATTRIBUTES:
        assert getattr(found, name) == getattr(expected, name), name


SOLVERS = {
    "adam": {},
    "sgd, in order": {"solver": "sgd", "shuffle": False},
    "lbfgs": {"solver": "lbfgs", "max_iter": 7},
    "early stopping": {"early_stopping": True},
    "gradients": {"record_gradients": True},
    "batches": {"batch_size": 60},
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SOLVERS)
def test_a_classifier_of_sparse_rows_is_that_of_their_array(name, dtype, large):
    X, y, w = problem(dtype)
    options = {"random_state": 0, "max_iter": 5, **SOLVERS[name]}
    expected = fastml.MLPClassifier((13,), **options).fit(X, y, w)
    found = fastml.MLPClassifier((13,), **options).fit(sparse.csr_array(X), y, w)
    same(found, expected)
    for method in ("predict", "predict_proba", "predict_log_proba"):
        np.testing.assert_array_equal(
            getattr(found, method)(sparse.csc_matrix(X)), getattr(expected, method)(X)
        )
    for a, b in zip(found.activations(sparse.csr_array(X)), expected.activations(X), strict=True):
        np.testing.assert_array_equal(a, b)
    assert found.score(sparse.csr_array(X), y) == expected.score(X, y)


def test_two_classes_many_labels_and_one_class(large):
    X, y, _ = problem()
    for targets in (y > 0, np.eye(3, dtype=int)[y], np.zeros(len(y))):
        expected = fastml.MLPClassifier((5,), random_state=0, max_iter=3).fit(X, targets)
        found = fastml.MLPClassifier((5,), random_state=0, max_iter=3)
        found.fit(sparse.csr_array(X), targets)
        same(found, expected)
        np.testing.assert_array_equal(
            found.predict_proba(sparse.csr_array(X)), expected.predict_proba(X)
        )


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_a_regressor_of_sparse_rows_is_that_of_their_array(loss, large):
    X, y, w = problem()
    options = {"random_state": 0, "max_iter": 4, "hidden_layer_sizes": (13,)}
    expected = fastml.MLPRegressor(loss, **options)
    found = fastml.MLPRegressor(loss, **options)
    expected.fit(X, y, w, validation_data=(X[:90], y[:90]))
    found.fit(sparse.csr_array(X), y, w, validation_data=(sparse.csr_array(X[:90]), y[:90]))
    same(found, expected)
    np.testing.assert_array_equal(found.predict(sparse.csr_array(X)), expected.predict(X))


def test_training_goes_on_batch_by_batch(large):
    X, y, _ = problem()
    expected = fastml.MLPClassifier((13,), random_state=0)
    found = fastml.MLPClassifier((13,), random_state=0)
    for rows in (slice(0, 300), slice(300, 701)):
        expected.partial_fit(X[rows], y[rows], classes=[0, 1, 2])
        found.partial_fit(sparse.csr_array(X[rows]), y[rows], classes=[0, 1, 2])
    same(found, expected)


def test_any_number_of_threads_gives_the_same_bits(monkeypatch):
    monkeypatch.setattr(_sparse, "FEW_BYTES", 0)
    X, y, _ = problem(n=3000, d=150)
    models = []
    for threads in (1, 2, 3, 7, 64):
        with fastml.num_threads(threads):
            model = fastml.MLPClassifier((40,), random_state=0, max_iter=3)
            models.append(model.fit(sparse.csr_array(X), y))
    for model in models[1:]:
        same(model, models[0])


def test_no_array_of_all_rows_is_made(monkeypatch):
    X = sparse.random(30_000, 400, 0.01, "csr", np.float32, random_state=0)
    y = np.asarray(X.sum(axis=1) > 1.9).ravel()
    largest = []
    gathered = _sparse.SparseRows.take

    def take(self, rows, out):
        largest.append(out.nbytes)
        gathered(self, rows, out)

    monkeypatch.setattr(_sparse.SparseRows, "take", take)
    model = fastml.MLPClassifier((8,), random_state=0, max_iter=1).fit(X, y)
    model.predict(X)
    assert 0 < max(largest) <= 13 << 20


def test_a_checkpoint_goes_on_where_it_was(tmp_path, large):
    X, y, _ = problem()
    rows = sparse.csr_array(X)
    expected = fastml.MLPClassifier((13,), random_state=0, max_iter=6).fit(rows, y)

    class Stop:
        def setup(self, estimator, context):
            self.left = 3

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context, **data):
            pass

        def on_fit_task_end(self, estimator, context, **data):
            self.left -= context.task_name == "epoch"
            if self.left == 0:
                raise RuntimeError("stopped")

    model = fastml.MLPClassifier((13,), random_state=0, max_iter=6)
    file = fastml.Checkpoint(tmp_path / "c", every=0)
    with pytest.raises(RuntimeError, match="stopped"):
        model.set_callbacks(file, Stop()).fit(rows, y)
    model.set_callbacks(file).fit(rows, y)
    same(model, expected)


def test_divergence_names_its_cause(large):
    X, y, _ = problem()
    model = fastml.MLPRegressor(hidden_layer_sizes=(5,), solver="sgd", random_state=0)
    with pytest.raises(ValueError, match="X holds numbers as large"):
        model.fit(sparse.csr_array(1e300 * X), y)


def test_what_is_refused(large):
    X, y, _ = problem()
    rows = sparse.csr_array(X)
    bad = rows.copy()
    bad.data[3] = np.inf
    with pytest.raises(ValueError, match="Input X contains infinity"):
        fastml.MLPClassifier().fit(bad, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fastml.MLPClassifier().fit(rows, y[1:])
    model = fastml.MLPClassifier((3,), max_iter=1).fit(rows, y)
    with pytest.raises(ValueError, match="X has 22 features"):
        model.predict(rows[:, 1:])


def test_gradients_of_sparse_rows(large):
    X, y, _ = problem()
    model = fastml.MLPClassifier((5,), random_state=0, max_iter=2).fit(X, y)
    checked = fastml.inspection.check_gradients(model, sparse.csr_array(X[:50]), y[:50])
    expected = fastml.inspection.check_gradients(model, X[:50], y[:50])
    assert checked.largest_error == expected.largest_error
    flow = fastml.inspection.gradient_flow(model, sparse.csr_array(X), y)
    np.testing.assert_array_equal(
        flow.gradient_norms, fastml.inspection.gradient_flow(model, X, y).gradient_norms
    )


def test_samples_of_sparse_rows_are_checked():
    rows = _sparse.SparseRows(sparse.csr_array(np.eye(3)))
    with pytest.raises(ValueError, match="Y has shape"):
        SparseSamples.checked(rows, np.zeros((2, 1)))
