"""Predictions of blocks are those of the array, whatever the family and the limit."""

from __future__ import annotations

import numpy as np
import pytest

import fastml

METHODS = (
    "predict", "predict_proba", "decision_function", "transform", "apply",
    "kneighbors",
)  # fmt: skip


def problem():
    random = np.random.default_rng(0)
    X = random.normal(size=(9001, 4)).astype(np.float32)
    return X, (X[:, 0] > 0).astype(int) + (X[:, 1] > 1)


def estimators():
    settings = {"max_iter": 1, "shuffle": "blocks", "random_state": 0}
    return [
        fastml.DecisionTreeClassifier(max_depth=4, random_state=0),
        fastml.DecisionTreeRegressor(max_depth=4, random_state=0),
        fastml.GaussianNB(),
        fastml.KNeighborsClassifier(3),
        fastml.KNeighborsRegressor(3, weights="distance"),
        fastml.KMeans(3, random_state=0, max_iter=3),
        fastml.LinearRegression(),
        fastml.LogisticRegression(),
        fastml.MLPClassifier((4,), **settings),
        fastml.MLPRegressor(hidden_layer_sizes=(4,), **settings),
        fastml.MiniBatchKMeans(3, random_state=0, max_iter=1),
        fastml.NearestNeighbors(n_neighbors=3),
        fastml.RandomForestClassifier(3, max_depth=3, random_state=0),
        fastml.RandomForestRegressor(3, max_depth=3, random_state=0),
        fastml.Ridge(),
        fastml.RidgeCV(),
    ]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("model", estimators(), ids=lambda model: type(model).__name__)
def test_predictions_of_blocks(model, tmp_path):
    X, y = problem()
    model.fit(X[:700], y[:700])
    np.save(tmp_path / "X.npy", X)
    seen = 0
    for name in METHODS:
        if not hasattr(model, name):
            continue
        expected = getattr(model, name)(X)
        for rows in (fastml.blocks(X), fastml.blocks(tmp_path / "X.npy")):
            for limit in (None, "1 MiB"):
                with fastml.engine(memory_limit=limit):
                    found = getattr(model, name)(rows)
                assert type(found) is type(expected)
                both = (found, expected) if isinstance(found, tuple) else ((found,), (expected,))
                for a, b in zip(*both, strict=True):
                    np.testing.assert_array_equal(a, b)
        seen += 1
    assert seen
    if hasattr(model, "score") and not hasattr(model, "cluster_centers_"):
        assert model.score(fastml.blocks(X), y) == model.score(X, y)
    with pytest.raises(ValueError, match="X has 3 features, but"):
        getattr(model, "predict" if hasattr(model, "predict") else "kneighbors")(
            fastml.blocks(X[:, :3])
        )


def test_neighbours_alone():
    X, _ = problem()
    model = fastml.NearestNeighbors(n_neighbors=2, radius=0.2).fit(X[:500])
    found = model.kneighbors(X=fastml.blocks(X), return_distance=False)
    np.testing.assert_array_equal(found, model.kneighbors(X, return_distance=False))
    distances, indices = model.radius_neighbors(fastml.blocks(X))
    expected = model.radius_neighbors(X)
    assert distances.dtype == indices.dtype == object
    for a, b in zip((*distances, *indices), (*expected[0], *expected[1]), strict=True):
        np.testing.assert_array_equal(a, b)
