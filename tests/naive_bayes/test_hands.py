"""What users do to fitted attributes and sparse matrices: an error, never another's memory."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

import fastml
from fastml.kernels.naive_bayes import gaussian
from fastml.naive_bayes import _likelihood, _moments

COUNTED = [fastml.MultinomialNB, fastml.ComplementNB, fastml.BernoulliNB]
DAMAGE = {
    "a column outside": ("indices", 3, 10**8),
    "a column below": ("indices", 3, -(10**8)),
    "a row that ends outside": ("indptr", 5, 10**8),
    "a row that ends before": ("indptr", 5, -1),
    "more entries than there are": ("indptr", -1, 10**8),
    "rows that begin late": ("indptr", 0, 2),
}


def counts(n=300, d=6):
    random = np.random.default_rng(0)
    return random.poisson(1.0, (n, d)), random.integers(0, 3, n)


def damaged(X, how):
    sparse = scipy.sparse.csr_array(X.astype(float))
    name, at, value = DAMAGE[how]
    array = getattr(sparse, name).copy()
    array[at] = value
    setattr(sparse, name, array)
    return sparse


@pytest.mark.parametrize("kind", COUNTED)
@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_sparse_matrix_is_refused(kind, how):
    X, y = counts()
    model = kind().fit(X, y)
    before = dict(vars(model))
    for call in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="damaged sparse matrix"):
            call(damaged(X, how), y)
        assert vars(model) == before
    for call in (model.predict, model.predict_proba):
        with pytest.raises(ValueError, match="damaged sparse matrix"):
            call(damaged(X, how))


@pytest.mark.parametrize("kind", COUNTED)
def test_fewer_numbers_than_entries(kind):
    X, y = counts()
    sparse = scipy.sparse.csr_array(X.astype(float))
    sparse.data = sparse.data[:10]
    with pytest.raises(ValueError, match="damaged sparse matrix"):
        kind().fit(sparse, y)


@pytest.mark.parametrize("kind", COUNTED)
@pytest.mark.parametrize("sparse", [False, True])
def test_counts_of_another_shape(kind, sparse):
    X, y = counts()
    data = scipy.sparse.csr_array(X) if sparse else X
    for name, value in (
        ("feature_count_", np.zeros((1, 2))), ("feature_count_", np.zeros((3, 5))),
        ("class_count_", np.zeros(1)), ("classes_", np.arange(3000)),
    ):  # fmt: skip
        model = kind().fit(data, y)
        setattr(model, name, value)
        with pytest.raises(ValueError, match="_count_ has shape"):
            model.partial_fit(data, y)
    model = kind().fit(data, y)
    model.n_features_in_ = 900
    wide = np.repeat(X, 150, axis=1)
    wide = scipy.sparse.csr_array(wide) if sparse else wide
    for call in (model.predict, lambda X: model.partial_fit(X, y)):
        with pytest.raises(ValueError, match="has shape"):
            call(wide)


def test_moments_of_other_classes_and_features():
    X, y = counts()
    model = fastml.GaussianNB().fit(X, y)
    model.n_features_in_ = 900
    for call in (model.predict, lambda X: model.partial_fit(X, y)):
        with pytest.raises(ValueError, match=r"theta_ has shape|Expected 6 features"):
            call(np.repeat(X, 150, axis=1))
    model = fastml.GaussianNB().fit(X, y)
    model.classes_ = np.arange(3000)
    with pytest.raises(ValueError, match="3 classes as before"):
        model.partial_fit(X, np.arange(300) + 2000)
    running = _moments.RunningMoments(3, 6)
    with pytest.raises(ValueError, match="Expected 6 features and 3 classes"):
        running.add(np.ones((5, 7)), np.zeros(5, np.int32), np.empty(0))


def _labels(X, model):
    return _likelihood.likeliest_class(X, _likelihood.prepare(model, X.dtype))


@pytest.mark.parametrize("label", [_labels, _likelihood.joint_log_likelihood])
def test_a_model_fitted_to_more_features_meanwhile(label):
    """As it happens where another thread fits between the check of X and the look at the model."""
    theta = np.zeros((2, 50))
    model = gaussian.Gaussians(theta, theta + 1, theta + 0.5, np.zeros(2))
    with pytest.raises(ValueError, match="X has 3 features, but theta_ has 50 columns"):
        label(np.zeros((4, 3)), model)
