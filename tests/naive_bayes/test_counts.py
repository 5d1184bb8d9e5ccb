"""Naive Bayes of counts: scikit-learn's numbers, exact sums, any type, dense or sparse."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse
import sklearn.naive_bayes
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
from fastml.reference import naive_bayes as reference

KINDS = [MultinomialNB, ComplementNB, BernoulliNB]
TYPES = ["float32", "float64", "int64", "int32", "uint8", "int16", "bool"]


def theirs(model):
    name = type(model).__name__
    return getattr(sklearn.naive_bayes, name)(**model.get_params())


def problem(n=300, d=7, k=4, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)
    y[:k] = np.arange(k)
    return rng.poisson(1 + y[:, None] * np.arange(d) % 3, (n, d)).astype(dtype), y


def assert_same(ours, theirs):
    for name in ("feature_count_", "class_count_", "feature_log_prob_", "class_log_prior_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-13)


@pytest.mark.checked
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("layout", ["C", "F", "strided", "csr", "csc"])
def test_counts_and_labels_are_scikit_learns(kind, dtype, layout):
    X, y = problem(dtype=dtype)
    given_ = {
        "C": X,
        "F": np.asfortranarray(X),
        "strided": np.repeat(X, 2, axis=1)[:, ::2],
        "csr": scipy.sparse.csr_array(X),
        "csc": scipy.sparse.csc_array(X),
    }[layout]
    model = kind().fit(given_, y)
    other = theirs(model).fit(X, y)
    assert_same(model, other)
    np.testing.assert_array_equal(model.feature_count_, other.feature_count_)
    np.testing.assert_array_equal(model.predict(given_), other.predict(given_))
    np.testing.assert_allclose(model.predict_proba(given_), other.predict_proba(X), atol=1e-12)
    assert model.computed_by_ == "fastml"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sparse", [False, True])
def test_weights_of_any_size_count(kind, sparse):
    X, y = problem()
    w = 10.0 ** np.random.default_rng(1).integers(-12, 12, len(X))
    w[::5] = 0.0
    data = scipy.sparse.csr_array(X) if sparse else X
    model = kind().fit(data, y, w)
    weights, counts = reference.class_counts(X > 0 if kind is BernoulliNB else X, y, 4, w)
    np.testing.assert_allclose(model.class_count_, weights, rtol=1e-14)
    np.testing.assert_allclose(model.feature_count_, counts, rtol=1e-13)
    dropped = kind().fit(X[w > 0], y[w > 0], w[w > 0])
    np.testing.assert_allclose(dropped.feature_log_prob_, model.feature_log_prob_, rtol=1e-12)


@given(st.integers(1, 60), st.integers(1, 10), st.integers(1, 6), st.integers(0, 1 << 20))
def test_labels_are_those_of_the_definition(n, d, k, seed):
    rng = np.random.default_rng(seed)
    k = min(n, k)
    y = np.append(np.arange(k), rng.integers(0, k, n - k))
    X = rng.integers(0, 3, (n, d)).astype(np.float64)
    for kind in KINDS:
        model = kind().fit(X, y)
        W, b = model._coefficients()
        seen = X > 0 if kind is BernoulliNB else X
        joint = reference.linear_joint_log_likelihood(seen, W, b)
        np.testing.assert_array_equal(model.predict(X), joint.argmax(axis=1))
        found = model.predict_joint_log_proba(X)
        np.testing.assert_allclose(found, joint, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_classes", [2, 3, 6])
def test_scores_that_only_rounding_tells_apart_are_the_definitions(n_classes, dtype):
    """Every class has the same weights in another order, every row the same number throughout."""
    rng = np.random.default_rng(3)
    d = 37
    model = MultinomialNB().fit(np.ones((n_classes, d), dtype), np.arange(n_classes))
    weights = rng.normal(size=d) * 10.0 ** rng.integers(-6, 1, d)
    model.feature_log_prob_ = np.array([rng.permutation(weights) for _ in range(n_classes)])
    X = np.repeat(rng.uniform(0.1, 9.0, (3000, 1)), d, axis=1).astype(dtype)
    joint = reference.linear_joint_log_likelihood(X, *model._coefficients())
    fused = (X.astype(np.longdouble) @ model.feature_log_prob_.T).argmax(axis=1)
    assert (joint.argmax(axis=1) != fused).sum() > 300  # or nothing is tried
    np.testing.assert_array_equal(model.predict(X), joint.argmax(axis=1))


def test_negative_numbers_are_scored_too():
    X, y = problem()
    model = MultinomialNB().fit(X, y)
    far = np.random.default_rng(0).normal(size=X.shape) * 1e6
    joint = reference.linear_joint_log_likelihood(far, *model._coefficients())
    np.testing.assert_array_equal(model.predict(far), joint.argmax(axis=1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sparse", [False, True])
def test_threads_change_no_bit(kind, sparse, shared_work):
    X, y = problem(n=20_000, d=11)
    X = X * 0.1  # sums that round
    data = scipy.sparse.csr_array(X) if sparse else X
    found = []
    for threads in (1, 2, 3, 7, 64):
        with fastml.num_threads(threads):
            model = kind().fit(data, y)
            found.append((model.feature_count_, model.predict_joint_log_proba(data)))
    for counts, scores in found[1:]:
        np.testing.assert_array_equal(counts, found[0][0])
        np.testing.assert_array_equal(scores, found[0][1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sparse", [False, True])
def test_pieces_end_where_fit_does(kind, sparse):
    X, y = problem()
    data = scipy.sparse.csr_array(X) if sparse else X
    model = kind()
    for part in np.split(np.arange(len(X)), [1, 5, 90]):
        model.partial_fit(data[part], y[part], classes=np.arange(4))
    assert_same(model, kind().fit(X, y))


@pytest.mark.parametrize("sparse", [False, True])
def test_bad_input_leaves_the_estimator_as_it_was(sparse):
    X, y = problem()
    shape = scipy.sparse.csr_array if sparse else np.asarray
    model = MultinomialNB().fit(shape(X), y)
    before = dict(vars(model))
    negative, missing = X.copy(), X.copy()
    negative[7, 3], missing[7, 3] = -1.0, np.nan
    for call in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="Negative values in data passed to MultinomialNB"):
            call(shape(negative), y)
        with pytest.raises(ValueError, match="NaN"):
            call(shape(missing), y)
    with pytest.raises(ValueError, match="do not exist in the initial classes"):
        model.partial_fit(shape(X), y + 3)
    assert vars(model).keys() == before.keys()
    assert all(value is before[name] for name, value in vars(model).items())


def test_an_attribute_of_another_shape_is_named():
    X, y = problem()
    model = MultinomialNB().fit(X, y)
    model.feature_log_prob_ = model.feature_log_prob_[:, :2]
    with pytest.raises(ValueError, match="feature_log_prob_ has shape"):
        model.predict(X)


@pytest.mark.filterwarnings("ignore:invalid value", "ignore:divide by zero")
@pytest.mark.parametrize("kind", [*KINDS, fastml.CategoricalNB])
def test_a_class_with_neither_weight_nor_smoothing_is_named_as_a_cause(kind):
    X, y = problem()
    with pytest.raises(ValueError, match="a class without weight is not smoothed"):
        kind(alpha=0.0).fit(X, y, sample_weight=1.0 * (y == 0))


@pytest.mark.parametrize("kind", KINDS)
def test_entries_of_one_place_are_one_number(kind):
    X, y = problem()
    rows = scipy.sparse.csr_array(X)
    parts = np.repeat(rows.data, 2) / 2, np.repeat(rows.indices, 2), 2 * rows.indptr
    twice = scipy.sparse.csr_array(parts, rows.shape)
    model = kind().fit(twice, y)
    np.testing.assert_array_equal(model.feature_count_, kind().fit(X, y).feature_count_)
    np.testing.assert_array_equal(model.predict(twice), model.predict(X))
    np.testing.assert_allclose(model.predict_proba(twice), model.predict_proba(X), rtol=1e-9)
    np.testing.assert_array_equal(twice.indptr, parts[2])  # not changed


@parametrize_with_checks([MultinomialNB(), ComplementNB(), BernoulliNB()])
def test_conventions(estimator, check):
    check(estimator)


@pytest.mark.parametrize("index", [-1, 7, 10**6])
def test_sparse_rows_that_point_nowhere_are_refused(index):
    X, y = problem()
    rows = scipy.sparse.csr_array(X)
    model = MultinomialNB().fit(rows, y)
    rows.indices[5] = index
    with pytest.raises(ValueError, match="entries lie outside of"):
        model.predict(rows)
    with pytest.raises(ValueError, match="entries lie outside of"):
        model.fit(rows, y)


def test_an_index_that_changes_under_way_touches_nothing():
    """The kernels look at every index, whatever was checked before."""
    from fastml.naive_bayes import _counting

    X, y = problem()
    rows = _counting.compressed(scipy.sparse.csr_array(X), np.nan)
    rows.indices[5] = 1 << 30
    counts = np.zeros((4, 7))
    _counting.add_sparse(rows, y.astype(np.int32), np.empty(0), counts)
    assert counts.sum() == rows.data.sum() - rows.data[5]
    assert np.isfinite(
        _counting.score_sparse(rows, np.ones((4, 7)), np.zeros(4), labels=False)
    ).all()


@pytest.mark.parametrize("kind", KINDS)
def test_logarithms_of_zero(kind):
    """Without smoothing some weights are minus infinity."""
    X, y = problem(n=30)
    X[y == 1, 2] = 0
    model, other = (k(alpha=0.0) for k in (kind, getattr(sklearn.naive_bayes, kind.__name__)))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y), other.fit(X, y)
        for given_ in (X, scipy.sparse.csr_array(X)):
            np.testing.assert_array_equal(model.predict(given_), other.predict(given_))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 6, 9])
@pytest.mark.parametrize("d", [1, 8, 9, 40])
def test_remainders_of_the_tile(kind, k, d):
    X, y = problem(n=200, d=d, k=k, dtype="float32")
    model, other = kind().fit(X, y), theirs(kind()).fit(X, y)
    for n in (1, 15, 16, 17, 200):
        np.testing.assert_array_equal(model.predict(X[:n]), other.predict(X[:n]))
        joint = other.predict_joint_log_proba(X[:n])
        np.testing.assert_allclose(model.predict_joint_log_proba(X[:n]), joint, atol=1e-9)
        rows = scipy.sparse.csr_array(X[:n])
        np.testing.assert_allclose(model.predict_joint_log_proba(rows), joint, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("k", [1, 3])
def test_what_is_not_finite_is_seen(kind, value, k):
    X, y = problem(k=k)
    model = kind().fit(X, y)
    X[299, 6] = value
    for call in (model.predict, model.predict_proba, lambda X: kind().fit(X, y)):
        with pytest.raises(ValueError, match=r"contains (NaN|infinity)|Negative values"):
            call(X)


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_a_complement_is_what_the_others_hold(k, norm):
    """Beside a class of 1e18 times the weight, and with next to no smoothing."""
    X, y = problem(n=200, d=7, k=k, dtype="float64")
    weights = 10.0 ** np.where(y == 0, 12, -6)
    model = ComplementNB(alpha=1e-10, norm=norm).fit(X, y, weights)
    for c in range(k):
        others = model.feature_count_[np.arange(k) != c].sum(axis=0) + 1e-10
        logs = np.log(others / others.sum())
        expected = logs / logs.sum() if norm else -logs
        np.testing.assert_allclose(model.feature_log_prob_[c], expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("n", [1, 15, 16, 17, 1000])
@pytest.mark.parametrize("d", [1, 7, 8, 9, 28, 64])
def test_two_classes_are_told_apart_as_by_the_definition(d, n, dtype):
    """One sum of differences: also where they round, overflow or are next to nothing."""
    rng = np.random.default_rng(d + n)
    model = ComplementNB().fit(np.ones((2, d)), [0, 1])
    X = rng.integers(-3, 4, (n, d)).astype(dtype)
    single = np.zeros_like(X)
    single[np.arange(n), rng.integers(0, d, n)] = rng.choice([-1, 1], n)
    mixed = rng.normal(size=(2, d)) * 10.0 ** rng.integers(-200, 1, (2, d))
    for rows, weights in (
        (X, mixed),
        (X, np.vstack([mixed[0], mixed[0] * (1 + 2.0**-52)])),
        (single, rng.choice([-1.7e308, 1e-300, 1.7e308], (2, d))),
        (X, rng.integers(-2, 3, (2, d)) * 5e-324),
        (X, np.vstack([mixed[0], mixed[0]])),
    ):
        model.feature_log_prob_ = weights
        joint = reference.linear_joint_log_likelihood(rows, *model._coefficients())
        assert np.isfinite(joint).all()
        np.testing.assert_array_equal(model.predict(rows), joint.argmax(axis=1))


@pytest.mark.parametrize("d", [1, 40, 600])
@pytest.mark.parametrize(
    "k", [1, 3, 4, 5, 8, 12, 13, 16, 17, 20, 24, 25, 28, 32, 33, 40, 52, 65, 100]
)
def test_sparse_rows_of_any_number_of_classes(k, d):
    """Whole numbers, whose sums are exact: the first of the largest, and of NaN where one is."""
    from fastml.naive_bayes import _counting

    rng = np.random.default_rng(k)
    dense = rng.integers(-3, 4, (60, d)) * (rng.random((60, d)) < 0.3)
    dense[:, 0] = 1  # there are entries
    X = scipy.sparse.csr_array(dense.astype(float))
    W, b = rng.integers(-2, 3, (k, d)).astype(float), rng.integers(-1, 2, k).astype(float)
    rows = _counting.compressed(X, np.nan)
    expected = X @ W.T + b
    assert (_counting.score_sparse(rows, W, b, labels=False) == expected).all()
    assert (_counting.score_sparse(rows, W, b, labels=True) == expected.argmax(axis=1)).all()
    rows.data[3], rows.data[len(rows.data) // 2] = np.inf, np.nan
    X.data[3], X.data[len(rows.data) // 2] = np.inf, np.nan
    with np.errstate(invalid="ignore"):
        expected = X @ W.T + b  # infinity times a weight of 0 is NaN in both
    np.testing.assert_array_equal(_counting.score_sparse(rows, W, b, labels=False), expected)
    labels = _counting.score_sparse(rows, W, b, labels=True)
    np.testing.assert_array_equal(labels, expected.argmax(axis=1))
