"""Frames of nothing but sparse columns are taken wherever sparse matrices are."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse

import fastml

ESTIMATORS = [
    fastml.KMeans(3, random_state=0),
    fastml.MiniBatchKMeans(3, random_state=0),
    fastml.MLPClassifier(hidden_layer_sizes=(4,), max_iter=3, random_state=0),
    fastml.MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, random_state=0),
    fastml.LinearRegression(),
    fastml.Ridge(),
    fastml.RidgeCV(),
    fastml.LogisticRegression(),
    fastml.MultinomialNB(),
    fastml.DecisionTreeClassifier(random_state=0),
    fastml.RandomForestRegressor(3, random_state=0),
    fastml.KNeighborsClassifier(),
    fastml.NearestNeighbors(),
]


def answer(model, X):
    return (
        model.kneighbors(X)[1] if isinstance(model, fastml.NearestNeighbors) else model.predict(X)
    )


@pytest.mark.parametrize("model", ESTIMATORS, ids=lambda model: type(model).__name__)
def test_a_frame_of_sparse_columns_is_what_its_matrix_is(model):
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    matrix = scipy.sparse.csr_array(rng.poisson(0.4, (60, 5)).astype(np.float64))
    y = np.arange(60) % 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # three epochs do not converge
        expected = answer(model.fit(matrix, y), matrix)
        frame = pandas.DataFrame.sparse.from_spmatrix(matrix, columns=list("abcde"))
        try:
            frame.sparse.to_coo()
        except ImportError as error:
            pytest.skip(str(error))  # an older SciPy than pandas works with
        found = answer(model.fit(frame, y), frame)
    assert (found == expected).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of its names nothing is missing
        answer(model, frame)
        if hasattr(model, "transform"):
            model.transform(frame)
            model.score(frame)
    assert list(model.feature_names_in_) == list("abcde")
