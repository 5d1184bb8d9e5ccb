"""Naive Bayes of categories: scikit-learn's numbers, and a rule for categories nobody has seen."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.naive_bayes
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml


def problem(n=300, d=4, k=3, categories=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, categories, (n, d)), rng.integers(0, k, n), rng.uniform(0, 2, n)


@parametrize_with_checks([fastml.CategoricalNB()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("min_categories", [None, 9])
def test_numbers_are_scikit_learns(weighted, min_categories):
    X, y, w = problem()
    w = w if weighted else None
    w_ = slice(None) if w is None else w
    for fit in ("fit", "partial_fit"):
        ours = fastml.CategoricalNB(min_categories=min_categories)
        theirs = sklearn.naive_bayes.CategoricalNB(min_categories=min_categories)
        for model in (ours, theirs):
            if fit == "fit":
                model.fit(X, y, w)
            else:
                parts = (slice(0, 100), slice(100, 300))
                for part in parts:
                    weights = None if w is None else w_[part]
                    model.partial_fit(X[part], y[part], classes=range(3), sample_weight=weights)
        np.testing.assert_allclose(ours.class_count_, theirs.class_count_, rtol=1e-12)
        for a, b in zip(ours.feature_log_prob_, theirs.feature_log_prob_, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
        assert (ours.n_categories_ == theirs.n_categories_).all()
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-12)
        assert (ours.predict(X) == theirs.predict(X)).all()
    assert ours.computed_by_ == "fastml"


def test_a_category_nobody_has_seen_counts_as_one_without_rows():
    X, y, _ = problem()
    model = fastml.CategoricalNB(alpha=0.5).fit(X, y)
    rows = X[:3].copy()
    rows[:, 1] = [5, 77, 10**15]
    counts = model.category_count_[1]
    expected = np.log(0.5) - np.log((counts + 0.5).sum(axis=1))
    others = [
        model.class_log_prior_ + sum(model.feature_log_prob_[p][:, row[p]] for p in (0, 2, 3))
        for row in rows
    ]
    np.testing.assert_allclose(model.predict_joint_log_proba(rows), np.add(others, expected))
    with pytest.raises(IndexError):
        sklearn.naive_bayes.CategoricalNB().fit(X, y).predict(rows)


def test_more_categories_in_a_later_piece():
    X, y, _ = problem()
    X[200:] += 4
    ours = fastml.CategoricalNB().partial_fit(X[:200], y[:200], classes=range(3))
    ours.partial_fit(X[200:], y[200:])
    whole = fastml.CategoricalNB().fit(X, y)
    for a, b in zip(ours.category_count_, whole.category_count_, strict=True):
        assert (a == b).all()
    ours.partial_fit(X[:9] % 2, y[:9])  # fewer than before
    assert (ours.predict(X) >= 0).all()


def test_bad_input_leaves_the_estimator_as_it_was():
    X, y, _ = problem()
    model = fastml.CategoricalNB().fit(X, y)
    before = [counts.copy() for counts in model.category_count_]
    for fit in (model.fit, model.partial_fit):
        for rows, targets in ((-X, y), (X[:, :2], y[:5])):
            with pytest.raises(ValueError, match=r"Negative|inconsistent|features"):
                fit(rows, targets)
    assert all((a == b).all() for a, b in zip(model.category_count_, before, strict=True))


def test_smoothing_may_be_any_number():
    X, y = np.arange(40).reshape(20, 2) % 3, np.arange(20) % 2
    model = fastml.CategoricalNB(alpha=2**70).fit(X, y)
    expected = fastml.CategoricalNB(alpha=2.0**70).fit(X, y).predict_joint_log_proba(X + 1)
    np.testing.assert_array_equal(model.predict_joint_log_proba(X + 1), expected)
