"""Everything scikit-learn's perceptrons do, done the same; classifiers and regressors alike."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pytest
import sklearn.neural_network
from scipy import sparse
from sklearn.datasets import load_diabetes, load_digits, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from tolerances import assert_close

import fastml

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning",
    "ignore:lbfgs failed to converge:sklearn.exceptions.ConvergenceWarning",
)


def digits():
    X, y = load_digits(return_X_y=True)
    return X[:300] / 16, y[:300]


def labels():
    X, Y = make_multilabel_classification(200, random_state=0)
    return X / 10, Y


def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return X * 20, (y - y.mean()) / y.std()


def two_targets():
    X, y = diabetes()
    return X, np.stack([y, y**2], axis=1)


def counts():
    X, y = diabetes()
    return X, np.round(3 * (y - y.min()))


TASKS = {
    "classes": ("MLPClassifier", digits, {}),
    "labels": ("MLPClassifier", labels, {}),
    "number": ("MLPRegressor", diabetes, {}),
    "numbers": ("MLPRegressor", two_targets, {}),
    "counts": ("MLPRegressor", counts, {"loss": "poisson"}),
}
SOLVERS = {
    "adam": {"solver": "adam"},
    "sgd": {"solver": "sgd", "momentum": 0.0, "activation": "logistic"},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "activation": "tanh"},
    "adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "nesterovs_momentum": False,
        "n_iter_no_change": 2,
        "tol": 0.1,
    },
    "early stopping": {"solver": "adam", "early_stopping": True, "learning_rate_init": 0.01},
    "lbfgs": {"solver": "lbfgs"},
}


def pair(task, **changed):
    """Return our estimator and scikit-learn's for a task, and its data."""
    name, data, own = TASKS[task]
    parameters = {
        "hidden_layer_sizes": (12, 5),
        "random_state": 3,
        "max_iter": 8,
        "batch_size": 50,
        **own,
        **changed,
    }
    ours = getattr(fastml, name)(**parameters)
    return ours, getattr(sklearn.neural_network, name)(**parameters), *data()


def assert_same_model(ours, theirs, X):
    for name in ("coefs_", "intercepts_"):
        for array, expected in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            assert array.shape == expected.shape
            assert_close("training", array, expected, "float64")
    for name in ("n_iter_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert_close("training", ours.loss_, theirs.loss_, "float64")
    for name in ("loss_curve_", "validation_scores_", "best_loss_", "best_validation_score_"):
        expected = getattr(theirs, name, None)
        if expected is not None:
            assert_close("training", getattr(ours, name), expected, "float64")
    methods = ["predict", *(["predict_proba"] if hasattr(theirs, "predict_proba") else [])]
    for name in methods:
        actual, expected = (getattr(model, name)(X) for model in (ours, theirs))
        assert actual.shape == expected.shape
        assert actual.dtype == expected.dtype
        assert_close("training", actual, expected, "float64")


# --- the same training as scikit-learn's -----------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", TASKS)
def test_same_training_as_scikit_learn(task, solver, weighted):
    ours, theirs, X, y = pair(task, **SOLVERS[solver])
    weights = np.random.default_rng(0).uniform(0.1, 2, len(X)) if weighted else None
    ours.fit(X, y, sample_weight=weights)
    theirs.fit(X, y, sample_weight=weights)
    if task == "numbers" and solver == "lbfgs":
        # scikit-learn's reported loss is not the one its gradient belongs to, so its line
        # searches and ours may differ; here they do not.
        assert ours.loss_ <= theirs.loss_ * (1 + 1e-9)
    assert_same_model(ours, theirs, X)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit_as_scikit_learn(task, solver):
    ours, theirs, X, y = pair(task, solver=solver)
    needed = {"classes": np.unique(y), "labels": range(y.shape[-1])}
    classes = {"classes": needed[task]} if task in needed else {}
    for model in (ours, theirs):
        model.partial_fit(X[:90], y[:90], **classes)
        model.partial_fit(X[40:130], y[40:130])
        model.partial_fit(X, y, sample_weight=np.arange(1.0, len(X) + 1))
    assert_same_model(ours, theirs, X)


@pytest.mark.parametrize("task", ["classes", "number"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start_as_scikit_learn(task, solver):
    ours, theirs, X, y = pair(task, warm_start=True, **SOLVERS[solver])
    for model in (ours, theirs):
        model.fit(X, y)
        model.fit(X, y)
    if solver == "lbfgs":
        for name in ("loss_curve_", "best_loss_"):  # theirs has none
            delattr(ours, name)
    assert_same_model(ours, theirs, X)


@pytest.mark.parametrize("task", TASKS)
def test_scores_as_scikit_learn(task):
    ours, theirs, X, y = pair(task)
    assert ours.fit(X, y).score(X, y) == pytest.approx(theirs.fit(X, y).score(X, y), rel=1e-9)


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_constructor_takes_scikit_learns_arguments(name):
    ours, theirs = (
        inspect.signature(getattr(module, name)).parameters
        for module in (fastml, sklearn.neural_network)
    )
    shared = [parameter for parameter in ours if parameter in theirs]
    assert shared == list(theirs)
    for parameter in theirs:
        assert ours[parameter].default == theirs[parameter].default
        assert ours[parameter].kind == theirs[parameter].kind


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("solver", ["adam", "early stopping", "lbfgs"])
def test_attributes_of_scikit_learn_are_there(task, solver):
    ours, theirs, X, y = pair(task, **SOLVERS[solver])
    ours.fit(X, y)
    theirs.fit(X, y)
    for name, value in vars(theirs).items():
        if name.endswith("_") and not name.startswith("_"):
            assert type(getattr(ours, name)) is type(value) or isinstance(value, float), name
    if solver == "early stopping":
        assert ours.best_loss_ is None
        assert max(ours.validation_scores_) == ours.best_validation_score_
    else:
        assert ours.validation_scores_ is None
        assert ours.best_validation_score_ is None


@pytest.mark.parametrize("task", TASKS)
def test_pickle_goes_on_as_if_nothing_had_happened(task):
    ours, _, X, y = pair(task)
    ours.fit(X, y)
    copied = pickle.loads(pickle.dumps(ours))
    for model in (ours, copied):
        model.partial_fit(X, y)
    np.testing.assert_array_equal(copied.predict(X), ours.predict(X))
    weights = sum(array.nbytes for array in (*ours.coefs_, *ours.intercepts_))
    assert len(pickle.dumps(ours)) < 4 * weights + 20_000  # and Adam's moments, but no more


def test_in_a_grid_search():
    X, y = digits()
    search = GridSearchCV(
        fastml.MLPClassifier(max_iter=5, random_state=0), {"hidden_layer_sizes": [(3,), (30,)]}
    )
    assert search.fit(X, y).best_params_ == {"hidden_layer_sizes": (30,)}


# --- kinds of targets ---------------------------------------------------------------------------


def test_one_class_alone_in_a_first_call():
    X, _ = digits()
    y = np.full(len(X), "only")
    alone = fastml.MLPClassifier().partial_fit(X, y, classes=["only"])
    assert (alone.predict(X) == "only").all()
    model = fastml.MLPClassifier().partial_fit(X, y, classes=["only", "other"])
    assert model.classes_.tolist() == ["only", "other"]


def test_named_classes_and_log_probabilities():
    X, y = digits()
    names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "8", "9"])
    model = fastml.MLPClassifier((20,), max_iter=20, random_state=0).fit(X, names[y])
    ranks = np.argsort(np.argsort(names))[y]  # numbers that sort as the names do
    plain = fastml.MLPClassifier((20,), max_iter=20, random_state=0).fit(X, ranks)
    np.testing.assert_array_equal(model.classes_, np.sort(names))
    probability = model.predict_proba(X)
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_array_equal(model.predict(X), model.classes_[probability.argmax(axis=1)])
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), probability, rtol=1e-12)
    np.testing.assert_array_equal(probability, plain.predict_proba(X))
    assert model.score(X, names[y]) == plain.score(X, ranks)
    far = model.predict_log_proba(1e6 * X)
    assert np.isfinite(far).all()
    assert far.min() < -1e4


def test_sparse_indicator_matrix():
    X, Y = labels()
    dense = fastml.MLPClassifier((6,), max_iter=5, random_state=0).fit(X, Y)
    from_sparse = fastml.MLPClassifier((6,), max_iter=5, random_state=0)
    from_sparse.fit(X, sparse.csr_matrix(Y))
    assert dense.loss_curve_ == from_sparse.loss_curve_
    assert sparse.issparse(from_sparse.predict(X))
    assert (from_sparse.predict(X) != sparse.csr_matrix(dense.predict(X))).nnz == 0
    assert (from_sparse.predict(fastml.blocks(X)) != from_sparse.predict(X)).nnz == 0
    assert from_sparse.score(X, sparse.csr_matrix(Y)) == from_sparse.score(X, Y)
    assert isinstance(from_sparse.fit(X, Y).predict(X), np.ndarray)


@pytest.mark.parametrize(("value", "said"), [(None, "NaN"), (10**40, "infinity")])
def test_targets_that_are_no_finite_numbers_in_the_end_are_an_error(value, said):
    X, y = diabetes()
    y = y.astype(object)
    y[3] = value
    model = fastml.MLPRegressor()
    with pytest.raises(ValueError, match=f"Input y contains {said}"):
        model.fit(X.astype(np.float32), y)
    assert not hasattr(model, "n_features_in_")


def test_negative_targets_of_the_poisson_loss_are_refused():
    X, y = diabetes()
    with pytest.raises(ValueError, match="out of the valid range of the loss 'HalfPoissonLoss'"):
        fastml.MLPRegressor(loss="poisson").fit(X, y)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_settings_may_be_numbers_of_any_kind(solver):
    X, y = diabetes()
    options = {"max_iter": 2, "learning_rate_init": 1e-25, "random_state": 0, "solver": solver}
    large = fastml.MLPRegressor(alpha=2**70, **options).fit(X, y)
    assert large.loss_ == fastml.MLPRegressor(alpha=2.0**70, **options).fit(X, y).loss_
    half = fastml.MLPRegressor(alpha=np.float16(0.5), momentum=np.float16(0.5), **options).fit(X, y)
    assert half.loss_ == fastml.MLPRegressor(alpha=0.5, momentum=0.5, **options).fit(X, y).loss_
    with pytest.raises(ValueError, match="must hold the names of activations"):
        fastml.MLPRegressor(activation=np.array(2)).fit(X, y)


BAD_CLASSIFICATIONS = {
    "many classes in many columns": (np.arange(600).reshape(300, 2) % 3, {}, "Multioutput target"),
    "weights of the wrong length": (None, {"sample_weight": np.ones(7)}, "sample_weight.shape"),
    "negative weights": (None, {"sample_weight": -np.ones(300)}, "Negative values in data"),
    "no weight": (None, {"sample_weight": np.zeros(300)}, "at least one non-zero number"),
    "validation_data": (None, {"validation_data": 3}, r"validation_data must be a tuple \(X, y\)"),
    "validation features": (
        None,
        {"validation_data": (np.ones((3, 2)), [0, 1, 2])},
        "X has 2 features, but MLPClassifier is expecting 64",
    ),
    "validation classes": (
        None,
        {"validation_data": (np.ones((2, 64)), [0, 77])},
        "`y` has classes not in `self.classes_`",
    ),
}


@pytest.mark.parametrize("name", BAD_CLASSIFICATIONS)
@pytest.mark.parametrize("fitted", [False, True])
def test_bad_input_is_refused_and_changes_nothing(name, fitted):
    y, arguments, message = BAD_CLASSIFICATIONS[name]
    X, good = digits()
    model = fastml.MLPClassifier((4,), max_iter=2, random_state=0)
    if fitted:
        model.fit(X[:, :3], good + 5)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.fit(X, good if y is None else y, **arguments)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[key] is before[key] for key in before)


def test_partial_fit_checks_before_it_changes():
    X, y = digits()
    model = fastml.MLPClassifier((4,))
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        model.partial_fit(X, y)
    assert not hasattr(model, "classes_")
    with pytest.raises(ValueError, match="`y` has classes not in `self"):
        model.partial_fit(X, y, classes=[0, 1])
    assert not hasattr(model, "classes_")
    model.partial_fit(X, y, classes=np.arange(10))
    with pytest.raises(ValueError, match="is not the same as on last call"):
        model.partial_fit(X, y, classes=np.arange(11))
    with pytest.raises(ValueError, match="`y` has classes not in"):
        model.partial_fit(X, y + 1)
    with pytest.raises(ValueError, match="does not support early_stopping=True"):
        model.set_params(early_stopping=True).partial_fit(X, y)
    assert not hasattr(fastml.MLPClassifier(solver="lbfgs"), "partial_fit")


def test_other_targets_in_a_warm_start_are_refused():
    X, y = two_targets()
    model = fastml.MLPRegressor(max_iter=2, warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="y needs 1 outputs of activation 'identity', but"):
        model.fit(X, y[:, 0])
    assert model.predict(X).shape == y.shape


# --- L-BFGS ---------------------------------------------------------------------------------------


def test_lbfgs_minimises_the_sum_over_outputs():
    """At the end the gradient of the sum is nearly zero; of the mean alone it would not be."""
    X, Y = two_targets()
    model = fastml.MLPRegressor(
        hidden_layer_sizes=(), solver="lbfgs", alpha=1.0, tol=1e-10, random_state=0, max_iter=500
    ).fit(X, Y)
    penalty = np.eye(X.shape[1] + 1)
    penalty[-1, -1] = 0
    padded = np.hstack([X, np.ones((len(X), 1))])
    of_sum, of_mean = (
        np.linalg.solve(padded.T @ padded + n * penalty, padded.T @ Y)[:-1] for n in (1, 2)
    )
    assert np.abs(of_sum - of_mean).max() > 0.03
    np.testing.assert_allclose(model.coefs_[0], of_sum, atol=1e-3)


def test_lbfgs_in_float32_reaches_the_same_loss():
    X, y = digits()
    losses = [
        fastml.MLPClassifier((10,), solver="lbfgs", max_iter=30, random_state=0)
        .fit(X.astype(dtype), y)
        .loss_
        for dtype in ("float32", "float64")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)  # of a loss that still falls


def test_lbfgs_records_a_curve_that_falls():
    X, y = digits()
    model = fastml.MLPClassifier((10,), solver="lbfgs", max_iter=30, random_state=0).fit(X, y)
    assert len(model.loss_curve_) == model.n_iter_ == 30
    assert (np.diff(model.loss_curve_) < 0).all()
    assert model.loss_ == model.best_loss_ == model.loss_curve_[-1]


def test_lbfgs_says_when_it_did_not_converge():
    X, y = digits()
    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge after 2 iteration"):
        fastml.MLPClassifier((10,), solver="lbfgs", max_iter=2).fit(X, y)
