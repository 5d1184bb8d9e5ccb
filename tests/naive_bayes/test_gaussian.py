"""Gaussian naive Bayes: moments to rounding at any offset, labels of the definition, same bits."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sklearn.naive_bayes
from element_types import DTYPES
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml.naive_bayes import GaussianNB, block_rows
from fastml.reference import naive_bayes as reference


def problem(n=500, d=5, k=3, offset=0.0, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)
    y[:k] = np.arange(k)
    X = rng.normal(size=(n, d)) + 0.5 * y[:, None] + offset
    return X.astype(dtype), y


def exact_moments(x, w):
    """Return weight, mean and variance in rational arithmetic."""
    x, w = [Fraction(float(v)) for v in x], [Fraction(float(v)) for v in w]
    total = sum(w)
    mean = sum(a * b for a, b in zip(x, w, strict=True)) / total
    spread = sum(b * (a - mean) ** 2 for a, b in zip(x, w, strict=True)) / total
    return float(total), float(mean), float(spread)


@pytest.mark.checked
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("offset", [0.0, 1e4, 1e6, 1e8])
@pytest.mark.parametrize("weighted", [False, True])
def test_moments_are_exact_at_any_offset(offset, dtype, weighted):
    X, y = problem(n=300, offset=offset, dtype=dtype)
    rng = np.random.default_rng(1)
    w = 10.0 ** rng.integers(-12, 12, len(X)) if weighted else None
    model = GaussianNB(var_smoothing=0.0).fit(X, y, w)
    for c in range(3):
        rows = y == c
        for p in range(X.shape[1]):
            total, mean, variance = exact_moments(
                X[rows, p], np.ones(rows.sum()) if w is None else w[rows]
            )
            assert model.class_count_[c] == pytest.approx(total, rel=1e-14)
            assert model.theta_[c, p] == pytest.approx(mean, rel=1e-15, abs=1e-14)
            assert model.var_[c, p] == pytest.approx(variance, rel=1e-12, abs=1e-300)


@pytest.mark.checked
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("d", "k"),
    [(1, 2), (8, 3), (9, 3), (16, 17), (17, 2), (24, 5), (25, 5), (33, 2), (54, 7), (99, 40)],
)
def test_moments_of_every_width(d, k, weighted, dtype):
    """Whole and partial vectors of features, few and many classes, several chains of rows."""
    X, y = problem(n=1003, d=d, k=k, offset=1e4, dtype=dtype)
    w = np.random.default_rng(1).random(len(X)) if weighted else np.ones(len(X))
    model = GaussianNB(var_smoothing=0.0).fit(X, y, w if weighted else None)
    for c in range(k):
        rows, weights = X[y == c].astype(np.longdouble), w[y == c][:, None]
        mean = (weights * rows).sum(axis=0) / weights.sum()
        variance = (weights * (rows - mean) ** 2).sum(axis=0) / weights.sum()
        np.testing.assert_allclose(model.theta_[c], mean.astype(float), rtol=1e-14)
        np.testing.assert_allclose(model.var_[c], variance.astype(float), rtol=1e-12)
        assert model.class_count_[c] == pytest.approx(weights.sum(), rel=1e-14)


@pytest.mark.parametrize("far", [1e3, 1e8, 1e15])
def test_a_first_row_far_from_the_others_costs_no_digits(far):
    X, y = problem(n=200, d=1)
    X[0] = far
    y[:] = 0
    y[-1] = 1
    found = GaussianNB(var_smoothing=0.0).fit(X, y).var_[0, 0]
    assert found == pytest.approx(exact_moments(X[:-1, 0], np.ones(199))[2], rel=1e-13)


@given(
    st.integers(1, 70), st.integers(1, 9), st.integers(1, 9), st.sampled_from(DTYPES),
    st.integers(-30, 30), st.integers(0, 1 << 20),
)  # fmt: skip
def test_labels_are_those_of_the_definition(n, d, k, dtype, power, seed):
    rng = np.random.default_rng(seed)
    k = min(n, k)
    y = np.append(np.arange(k), rng.integers(0, k, n - k))
    X = (rng.integers(-3, 4, (n, d)) * 2.0**power).astype(dtype)
    model = GaussianNB(var_smoothing=1e-3).fit(X, y)
    assume((model.var_ > 0).all())  # not all rows are equal
    joint = reference.gaussian_joint_log_likelihood(X, model.theta_, model.var_, model.class_prior_)
    np.testing.assert_array_equal(model.predict(X), joint.argmax(axis=1))
    np.testing.assert_allclose(model.predict_joint_log_proba(X), joint, rtol=1e-13, atol=1e-12)


def test_classes_that_cannot_be_told_apart_go_to_the_first():
    X = np.repeat(np.random.default_rng(0).normal(size=(50, 3)), 4, axis=0)
    y = np.tile(np.arange(4), 50)
    assert (GaussianNB().fit(X, y).predict(X) == 0).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_threads_change_no_bit(dtype, weighted, shared_work):
    X, y = problem(n=20_000, d=7, dtype=dtype)
    w = np.random.default_rng(2).random(len(X)) if weighted else None
    found = []
    for threads in (1, 2, 3, 7, 64):
        with fastml.num_threads(threads):
            model = GaussianNB().fit(X, y, w)
            found.append((model.theta_, model.var_, model.predict(X), model.predict_proba(X)))
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("pieces", [[3], [1, 2], [2, 1, 4], [1] * 9])
def test_pieces_that_end_on_blocks_change_no_bit(pieces):
    rows = block_rows(40, 3)
    X, y = problem(n=rows * sum(pieces) + 17, d=40)
    whole = GaussianNB().fit(X, y)
    model = GaussianNB()
    ends = np.cumsum(pieces) * rows
    for part in np.split(np.arange(len(X)), ends):
        model.partial_fit(X[part], y[part], classes=[0, 1, 2])
    for name in ("theta_", "var_", "class_count_", "epsilon_"):
        np.testing.assert_array_equal(getattr(model, name), getattr(whole, name))


@given(st.lists(st.integers(1, 300), min_size=1, max_size=6), st.booleans())
def test_pieces_of_any_size_end_where_fit_does(sizes, weighted):
    X, y = problem(n=sum(sizes) + 3, offset=1e6)
    w = np.random.default_rng(3).random(len(X)) if weighted else np.ones(len(X))
    whole, model = GaussianNB().fit(X, y, w), GaussianNB()
    for part in np.split(np.arange(len(X)), np.cumsum(sizes)):
        model.partial_fit(X[part], y[part], classes=[0, 1, 2], sample_weight=w[part])
    for name in ("theta_", "var_", "class_count_", "epsilon_"):
        np.testing.assert_allclose(getattr(model, name), getattr(whole, name), rtol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_agrees_with_scikit_learn_where_that_is_right(dtype):
    X, y = problem(n=2000, d=6, dtype=dtype)
    ours, theirs = GaussianNB().fit(X, y), sklearn.naive_bayes.GaussianNB().fit(X, y)
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(ours.var_, theirs.var_, rtol=tolerance)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=tolerance)


def test_float32_far_from_the_origin_is_right_where_scikit_learn_is_not():
    X, y = problem(n=100_000, d=1, k=1, offset=1e4, dtype="float32")
    truth = X.astype(np.float64).var()
    assert GaussianNB(var_smoothing=0.0).fit(X, y).var_[0, 0] == pytest.approx(truth, rel=1e-12)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda X, y: X.__setitem__((3, 1), np.nan), "contains NaN"),
        (lambda X, y: X.__setitem__((3, 1), np.inf), "contains infinity"),
    ],
)
def test_bad_input_leaves_the_estimator_as_it_was(edit, message):
    X, y = problem()
    model = GaussianNB().fit(X, y)
    before = {name: np.copy(value) for name, value in vars(model).items() if name.endswith("_")}
    bad = X.copy()
    edit(bad, y)
    for call in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=message):
            call(bad, y)
    with pytest.raises(ValueError, match=message):
        model.predict(bad)
    with pytest.raises(ValueError, match="Negative values"):
        model.fit(X, y, -np.ones(len(X)))
    with pytest.raises(ValueError, match="do not exist in the initial classes"):
        model.partial_fit(X, y + 1)
    with pytest.raises(ValueError, match="Number of priors must match"):
        model.set_params(priors=[1.0]).fit(X, y)
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(model, name), value)


@pytest.mark.parametrize("name", ["theta_", "var_", "class_prior_"])
def test_an_attribute_of_another_shape_is_named(name):
    X, y = problem()
    model = GaussianNB().fit(X, y)
    setattr(model, name, getattr(model, name)[:1])
    with pytest.raises(ValueError, match=f"{name} has shape"):
        model.predict(X)


@parametrize_with_checks([GaussianNB()])
def test_conventions(estimator, check):
    check(estimator)


def test_iris():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    assert GaussianNB().fit(X, names).score(X, names) == pytest.approx(0.96)


def test_without_smoothing_a_constant_feature_is_scikit_learns_formula():
    X, y = problem(n=40)
    X[y == 1, 2] = 1.0
    ours = GaussianNB(var_smoothing=0.0).fit(X, y)
    theirs = sklearn.naive_bayes.GaussianNB(var_smoothing=0.0).fit(X, y)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_a_user_changes_is_seen_by_the_next_prediction(dtype):
    """What labels are decided by is kept between calls, as long as nothing has changed."""
    X, y = problem(k=2, dtype=dtype)
    model = GaussianNB().fit(X, y)
    before = model.predict(X)
    assert 0.2 < before.mean() < 0.8
    assert (model.predict(X) == before).all()
    for name in ("theta_", "var_", "class_prior_"):  # one by one: the classes change places
        array = getattr(model, name)
        array[...] = array[::-1].copy()
        scores = model.predict_joint_log_proba(X)
        assert (model.predict(X) == scores.argmax(axis=1)).all()
    assert (model.predict(X) == 1 - before).all()
    model.theta_ = np.array([[0.0] * 5, [np.nan] * 5])
    assert (model.predict(X) == model.predict_joint_log_proba(X).argmax(axis=1)).all()
    model.theta_ = np.zeros((3, 5))
    with pytest.raises(ValueError, match="theta_ has shape"):
        model.predict(X)


def exact_winner(row, model):
    """Return the class of the least scaled squares in rational arithmetic."""
    totals = [
        sum((Fraction(x) - Fraction(m)) ** 2 / Fraction(v) for x, m, v in zip(*values, strict=True))
        for values in ((row, *moments) for moments in zip(model.theta_, model.var_, strict=True))
    ]
    return min(range(len(totals)), key=totals.__getitem__)


@pytest.mark.parametrize("power", [155, 160, 200, 300, 307.9])
def test_rows_whose_squares_leave_float64_are_compared_scaled(power):
    """scikit-learn gives NaN, and the first class."""
    X, y = problem(n=300, d=4, k=4)
    model = GaussianNB().fit(X * np.array([[1.0, 3.0, 0.1, 1.0]]), y)
    far = np.vstack([X, np.random.default_rng(1).normal(size=(60, 4)).clip(-1, 1) * 10.0**power])
    far[310:320, 1:] = 0.0  # one feature alone is out of range
    far[320] = [1.7e308, -1.7e308, 0.0, 0.0]
    labels = model.predict(far)
    assert len(set(labels[300:])) > 1
    assert labels[300:].tolist() == [exact_winner(row, model) for row in far[300:]]
    assert (labels[:300] == model.predict(X)).all()
    probabilities = model.predict_proba(far)
    assert (probabilities.argmax(axis=1) == labels).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-15)
    np.testing.assert_array_equal(probabilities[:300], model.predict_proba(X))
    assert (model.predict_joint_log_proba(far)[300:310] == -np.inf).all()


def test_distant_rows_equally_far_from_two_classes_are_split_by_the_priors():
    X = [[-1.0], [1.0], [-1.0], [1.0], [1.0], [-1.0], [-5.0], [5.0]]
    model = GaussianNB(priors=[0.25, 0.75, 0.0]).fit(X, [0, 0, 1, 1, 1, 1, 2, 2])
    far = [[1e300], [-1e300]]
    np.testing.assert_allclose(model.predict_proba(far), [[0.25, 0.75, 0.0]] * 2, rtol=1e-15)
    assert model.predict(far).tolist() == [1, 1]


def test_distant_rows_of_classes_of_very_different_widths():
    """Beside the narrow class the squares of the others are zero; so they are for it alone."""
    X = [[-1.0], [1.0], [1.0], [3.0], [0.0], [1.0]]
    far = np.array([[1e300], [-1e300], [3e200]])
    for priors in ([0.4, 0.6, 0.0], [0.2, 0.3, 0.5]):
        each = GaussianNB(priors=priors).fit(X, [0, 0, 1, 1, 2, 2])
        each.var_ = np.array([[1e40], [1.5e40], [1e-320]])
        assert each.predict(far).tolist() == [exact_winner(row, each) for row in far] == [1, 1, 1]
        np.testing.assert_array_equal(each.predict_proba(far), [[0.0, 1.0, 0.0]] * 3)
