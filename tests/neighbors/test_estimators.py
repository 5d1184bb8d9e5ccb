"""Estimators of nearest neighbours: scikit-learn's answers, the definition's where they differ."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse
import sklearn.neighbors
from element_types import DTYPES
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml import neighbors
from fastml.neighbors import _search
from fastml.reference import neighbors as reference

ALL = (
    neighbors.NearestNeighbors,
    neighbors.KNeighborsClassifier,
    neighbors.KNeighborsRegressor,
    neighbors.RadiusNeighborsClassifier,
    neighbors.RadiusNeighborsRegressor,
)


def problem(n=300, d=4, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)).astype(dtype)
    return X, rng.integers(0, 3, n), rng.normal(size=(60, d)).astype(dtype)


@parametrize_with_checks(
    [
        fastml.NearestNeighbors(),
        fastml.KNeighborsClassifier(),
        fastml.KNeighborsRegressor(),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")  # scikit-learn's own
@pytest.mark.filterwarnings("ignore:One or more samples have no neighbors")
@parametrize_with_checks(
    [fastml.RadiusNeighborsClassifier(), fastml.RadiusNeighborsRegressor()],
)
def test_scikit_learn_checks_within_a_radius(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", ALL)
def test_parameters_are_scikit_learns(kind):
    theirs = getattr(sklearn.neighbors, kind.__name__)
    assert issubclass(kind, theirs)
    assert kind().get_params() == theirs().get_params()


@pytest.mark.parametrize("dtype", DTYPES)
def test_neighbours_of_queries_and_of_the_rows_themselves(dtype):
    X, _, queries = problem(dtype=dtype)
    model = fastml.NearestNeighbors(n_neighbors=6).fit(X)
    assert model.computed_by_ == "fastml"
    distances, indices = model.kneighbors(queries)
    expected, rows = reference.kneighbors(X, queries, 6)
    assert (indices == rows).all()
    assert (distances == expected).all()
    assert indices.dtype == np.intp
    distances, indices = model.kneighbors()
    expected, rows = reference.kneighbors(X, X, 7)
    assert (indices == rows[:, 1:]).all()
    assert (distances == expected[:, 1:]).all()
    assert (model.kneighbors(return_distance=False) == indices).all()


def test_a_row_among_many_like_it_is_not_its_own_neighbour():
    X = np.zeros((50, 2))
    _, indices = fastml.NearestNeighbors(n_neighbors=3).fit(X).kneighbors()
    assert (indices != np.arange(50)[:, None]).all()
    assert indices[40].tolist() == [1, 2, 3]  # as scikit-learn: the first one is left out


@pytest.mark.parametrize("metric", ["euclidean", "l2", "sqeuclidean", "minkowski"])
def test_metrics(metric):
    X, _, queries = problem()
    ours = fastml.NearestNeighbors(metric=metric).fit(X)
    theirs = sklearn.neighbors.NearestNeighbors(metric=metric, algorithm="brute").fit(X)
    assert ours.computed_by_ == "fastml"
    (a, i), (b, j) = ours.kneighbors(queries), theirs.kneighbors(queries)
    assert (i == j).all()
    np.testing.assert_allclose(a, b, rtol=1e-12)
    assert ours.effective_metric_ == theirs.effective_metric_


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"metric": "manhattan", "algorithm": "kd_tree"}, "algorithm='kd_tree', Manhattan"),
        ({"p": 1}, "algorithm='auto' takes a tree, Manhattan distances"),
        ({"p": 3}, "metric='minkowski', p=3"),
        ({"algorithm": "brute", "metric": "chebyshev"}, "metric='chebyshev'"),
        ({"algorithm": "ball_tree"}, "algorithm='ball_tree'"),
        ({"metric_params": {"w": np.ones(4)}}, "metric_params="),
    ],
)
def test_the_rest_is_scikit_learns_and_says_so(parameters, reason):
    X, _, queries = problem()
    if "p" in parameters:
        X = np.vstack([X + i for i in range(4)])  # enough rows for a tree
    ours = fastml.NearestNeighbors(**parameters).fit(X)
    theirs = sklearn.neighbors.NearestNeighbors(**parameters).fit(X)
    assert ours.computed_by_.startswith(f"scikit-learn: {reason}")
    for a, b in zip(ours.kneighbors(queries), theirs.kneighbors(queries), strict=True):
        assert (a == b).all()


def test_sparse_rows_are_scikit_learns():
    X, y, queries = problem()
    sparse = scipy.sparse.csr_array(X)
    model = fastml.KNeighborsClassifier().fit(sparse, y)
    assert model.computed_by_ == "scikit-learn: X is sparse"
    theirs = sklearn.neighbors.KNeighborsClassifier().fit(sparse, y)
    assert (model.predict(queries) == theirs.predict(queries)).all()
    dense = fastml.KNeighborsClassifier().fit(X, y)
    assert (dense.predict(scipy.sparse.csr_array(queries)) == model.predict(queries)).all()


def test_a_fitted_estimator_or_tree_is_taken_over():
    X, _, queries = problem()
    ours = fastml.NearestNeighbors().fit(X)
    again = fastml.NearestNeighbors().fit(ours)
    assert again.computed_by_ == "fastml"
    theirs = sklearn.neighbors.NearestNeighbors().fit(X)
    assert (
        fastml.NearestNeighbors().fit(theirs).computed_by_
        == "scikit-learn: X is a fitted NearestNeighbors"
    )
    assert (again.kneighbors(queries)[1] == ours.kneighbors(queries)[1]).all()
    tree = fastml.NearestNeighbors().fit(sklearn.neighbors.KDTree(X))
    assert (tree.kneighbors(queries)[1] == ours.kneighbors(queries)[1]).all()


@pytest.mark.parametrize("weights", ["uniform", "distance", None, lambda d: 1 / (1 + d**2)])
@pytest.mark.parametrize("k", [1, 2, 6])
def test_votes(weights, k):
    X, y, queries = problem()
    queries[:5] = X[:5]  # distances of zero
    names = np.array(["b", "a", "c"])[y]
    ours = fastml.KNeighborsClassifier(k, weights=weights).fit(X, names)
    theirs = sklearn.neighbors.KNeighborsClassifier(k, weights=weights).fit(X, names)
    for rows in (queries, None):
        assert (ours.predict(rows) == theirs.predict(rows)).all()
        np.testing.assert_allclose(
            ours.predict_proba(rows), theirs.predict_proba(rows), rtol=1e-12, atol=1e-15
        )
    assert ours.score(queries, ours.predict(queries)) == 1.0
    both = np.stack([names, names[::-1]], axis=1)
    assert (ours.fit(X, both).predict(queries) == theirs.fit(X, both).predict(queries)).all()
    for a, b in zip(ours.predict_proba(queries), theirs.predict_proba(queries), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)


def test_weights_of_zero_are_refused():
    X, y, queries = problem()
    model = fastml.KNeighborsClassifier(weights=np.zeros_like).fit(X, y)
    with pytest.raises(ValueError, match="getting zero weights"):
        model.predict(queries)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_means(weights):
    X, y, queries = problem()
    ours = fastml.KNeighborsRegressor(weights=weights).fit(X, y * 1.5)
    theirs = sklearn.neighbors.KNeighborsRegressor(weights=weights).fit(X, y * 1.5)
    np.testing.assert_allclose(ours.predict(queries), theirs.predict(queries), rtol=1e-12)


@pytest.mark.parametrize("kind", ["KNeighborsClassifier", "KNeighborsRegressor"])
def test_queries_of_another_type_are_exact(kind):
    """Float64 queries of float32 rows are not rounded."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(400, 3)).astype(np.float32)
    queries = rng.normal(size=(90, 3))
    model = getattr(fastml, kind)(3).fit(X, np.arange(400) % 2)
    for rows in (queries, queries[:2], queries.astype(np.float32).astype(np.float64)):
        expected, indices = reference.kneighbors(X, rows, 3)
        assert (model.kneighbors(rows)[0] == expected).all()
        assert (model.kneighbors(rows)[1] == indices).all()
    wide = getattr(fastml, kind)(3).fit(X.astype(np.float64), np.arange(400) % 2)
    rows = queries.astype(np.float32)
    assert (wide.kneighbors(rows)[0] == reference.kneighbors(X, rows, 3)[0]).all()


@pytest.mark.checked
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("counted_first", [False, True])
def test_rows_within_a_radius(counted_first, offset, dtype, monkeypatch):
    if counted_first:
        monkeypatch.setattr(_search, "_WRITTEN_AT_ONCE", 0)
    X, _, queries = problem(dtype=dtype)
    X, queries = (X + np.asarray(offset, dtype)), (queries + np.asarray(offset, dtype))
    distances = np.sqrt(reference.squared_distances(X, queries))
    radius = float(np.sort(distances.ravel())[2000])  # one row is that far: it belongs
    model = fastml.NearestNeighbors(radius=radius).fit(X)
    found, indices = model.radius_neighbors(queries)
    for i, row in enumerate(distances):
        assert indices[i].tolist() == np.flatnonzero(row <= radius).tolist()
        assert (found[i] == row[indices[i]]).all()
    found, indices = model.radius_neighbors(queries, sort_results=True)
    for i, row in enumerate(distances):
        assert indices[i].tolist() == [
            j for j in np.argsort(row, kind="stable") if row[j] <= radius
        ]
    for i, rows in enumerate(model.radius_neighbors(return_distance=False)):
        assert i not in rows


def test_radius_of_zero_infinity_and_tiny_distances():
    X = np.array([[0.0], [1e-200], [1.0], [1e200]])
    model = fastml.NearestNeighbors().fit(X)
    assert model.radius_neighbors([[0.0]], 0.0)[1][0].tolist() == [0, 1]  # the square vanishes
    assert model.radius_neighbors([[0.0]], np.inf)[1][0].tolist() == [0, 1, 2, 3]
    assert model.radius_neighbors([[1.0]], 1.0)[1][0].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="return_distance must be True"):
        model.radius_neighbors(X, sort_results=True, return_distance=False)


@pytest.mark.parametrize("mode", ["connectivity", "distance"])
@pytest.mark.parametrize("include_self", [True, False, "auto"])
def test_graphs(mode, include_self):
    X, _, _ = problem(n=80)
    for name, size in (("kneighbors_graph", 3), ("radius_neighbors_graph", 1.2)):
        ours, theirs = (
            getattr(module, name)(X, size, mode=mode, include_self=include_self).toarray()
            for module in (fastml, sklearn.neighbors)
        )
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    model = fastml.NearestNeighbors(n_neighbors=3).fit(X)
    graph = fastml.kneighbors_graph(model, 3, mode=mode)
    assert (graph.toarray() == model.kneighbors_graph(mode=mode).toarray()).all()


def test_what_happens_to_the_rows_later_changes_nothing():
    X, _, queries = problem()
    model = fastml.NearestNeighbors().fit(X)
    before = model.kneighbors(queries)
    X[:] = 0
    model.n_features_in_ = 4
    for a, b in zip(model.kneighbors(queries), before, strict=True):
        assert (a == b).all()
    with pytest.raises(ValueError, match="read-only"):
        model._fit_X[0, 0] = 1.0
    model.n_features_in_ = 7  # the kernels read what the rows have, whatever is said of them
    with pytest.raises(ValueError, match="Expected 4 features"):
        model.kneighbors(np.zeros((2, 7)))


def test_a_failed_fit_changes_nothing():
    X, y, queries = problem()
    model = fastml.KNeighborsClassifier().fit(X, y)
    before, state = model.predict(queries), set(vars(model))
    for bad in (X[:5], np.full_like(X, np.nan), scipy.sparse.csr_array(X[:5])):
        with pytest.raises(ValueError, match=r"inconsistent|NaN"):
            model.fit(bad, y)
        assert set(vars(model)) == state
        assert (model.predict(queries) == before).all()


def test_refitting_leaves_nothing_of_the_last_fit():
    X, _, queries = problem()
    model = fastml.NearestNeighbors().fit(X)
    model.set_params(algorithm="ball_tree").fit(X[:100] + 1)
    theirs = sklearn.neighbors.NearestNeighbors(algorithm="ball_tree").fit(X[:100] + 1)
    assert (model.kneighbors(queries)[1] == theirs.kneighbors(queries)[1]).all()
    model.set_params(algorithm="auto").fit(X)
    assert model.computed_by_ == "fastml"
    assert model.algorithm == "auto"


def test_copies_and_pickles():
    X, y, queries = problem()
    model = fastml.KNeighborsClassifier().fit(X, y)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert (other.predict(queries) == model.predict(queries)).all()


def test_errors_are_scikit_learns():
    X, _, queries = problem()
    for module in (fastml, sklearn.neighbors):
        model = module.NearestNeighbors().fit(X)
        with pytest.raises(ValueError, match=r"Expected n_neighbors > 0\. Got -3"):
            model.kneighbors(queries, n_neighbors=-3)
        with pytest.raises(TypeError, match=r"n_neighbors does not take .* value"):
            model.kneighbors(queries, n_neighbors=2.5)
        with pytest.raises(ValueError, match="n_neighbors <= n_samples_fit, but n_neighbors = 301"):
            model.kneighbors(queries, n_neighbors=301)
        with pytest.raises(ValueError, match="n_neighbors < n_samples_fit, but n_neighbors = 300"):
            model.kneighbors(n_neighbors=300)
        with pytest.raises(ValueError, match="contains NaN"):
            model.kneighbors(np.full((1, 4), np.nan))
        with pytest.raises(ValueError, match="has 3 features"):
            model.kneighbors(queries[:, :3])


@pytest.mark.parametrize("algorithm", ["brute", "kd_tree"])
def test_queries_that_change_while_rows_are_counted_and_written(algorithm, monkeypatch):
    """Another thread may write into them: no more is written than there is room for."""
    from fastml.neighbors import _search, _tree

    random = np.random.default_rng(0)
    X, queries = random.normal(size=(1500, 3)), random.normal(size=(800, 3)) + 9
    model = fastml.NearestNeighbors(radius=9.0, algorithm=algorithm).fit(X)
    expected = model.radius_neighbors(queries)
    given = queries.copy()
    for module in (_search, _tree):

        def run_and_move(*arguments, run=module.run_team):
            found = run(*arguments)
            given[:] = 0.0  # everything is near
            return found

        monkeypatch.setattr(module, "run_team", run_and_move)
    for ours, theirs in zip(model.radius_neighbors(given), expected, strict=True):
        assert all(map(np.array_equal, ours, theirs))
    assert not given.any()


@pytest.mark.parametrize("n_samples", [1, 5, 127, 128, 300])
def test_rows_within_a_radius_of_many_and_of_few_queries(n_samples):
    random = np.random.default_rng(n_samples)
    X, queries = random.normal(size=(n_samples, 2)), random.normal(size=(3000, 2))
    model = fastml.NearestNeighbors(radius=0.7, algorithm="brute").fit(X)
    distances, indices = model.radius_neighbors(queries, sort_results=True)
    for i in (0, 1, 31, 32, 217, 218, 511, 512, 1500, 2999):
        alone = model.radius_neighbors(queries[i : i + 1], sort_results=True)
        np.testing.assert_array_equal(alone[0][0], distances[i])
        np.testing.assert_array_equal(alone[1][0], indices[i])
