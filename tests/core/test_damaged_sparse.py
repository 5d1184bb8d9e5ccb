"""Sparse matrices somebody has written into are refused before anything follows their indices."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

import fastml

ESTIMATORS = {
    "MultinomialNB": fastml.MultinomialNB,
    "ComplementNB": fastml.ComplementNB,
    "BernoulliNB": fastml.BernoulliNB,
    "LinearRegression": fastml.LinearRegression,
    "Ridge": fastml.Ridge,
    "LogisticRegression": fastml.LogisticRegression,
    "KNeighborsClassifier": fastml.KNeighborsClassifier,
    "DecisionTreeClassifier": fastml.DecisionTreeClassifier,
    "RandomForestClassifier": lambda: fastml.RandomForestClassifier(2),
}


def damaged(kind, how):
    dense = np.abs(np.rint(np.random.default_rng(0).normal(size=(50, 4))))
    X = scipy.sparse.csr_matrix(dense).asformat(kind)
    if kind == "coo":
        X.col[3] = {"far": 10**6, "negative": -7}.get(how, 4)
    elif how == "far":
        X.indices[3] = 10**6
    elif how == "negative":
        X.indices[3] = -7
    elif how == "start":
        X.indptr[2] = 10**8
    elif how == "short":
        X.data = X.data[:5]
    return X


@pytest.mark.parametrize("how", ["far", "negative", "start", "short"])
@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_entries_outside_of_a_sparse_matrix_are_refused(name, kind, how):
    y = np.arange(50) % 2
    with pytest.raises(ValueError, match="X is a damaged sparse matrix: entries lie outside"):
        ESTIMATORS[name]().fit(damaged(kind, how), y)
    model = ESTIMATORS[name]().fit(scipy.sparse.csr_matrix(damaged("csr", None)), y)
    with pytest.raises(ValueError, match="X is a damaged sparse matrix: entries lie outside"):
        model.predict(damaged(kind, how))
