"""Votes and means: the definition's with ==, scikit-learn's where it has one."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import sklearn.neighbors

import fastml
from fastml import reference
from fastml.neighbors._votes import ALL_ONES, Voters, weigh

#: The radius within which some rows of the problem have no neighbours and others many.
RADIUS = 0.9


def problem(n=400, d=3, offset=0.0):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n, d)) + offset
    queries = np.vstack([rng.normal(size=(300, d)) + offset, X[:9]])
    return (
        X,
        rng.integers(0, 3, n),
        queries,
        rng.normal(size=(n, 2)) * 10.0 ** rng.integers(-9, 9, 2),
    )


def defined(model, weights, X, queries):
    """Yield the rows that count for each query, and their weights."""
    if "Radius" not in type(model).__name__:
        found = zip(*reference.kneighbors(X, queries, model.n_neighbors), strict=True)
    else:
        lengths = np.sqrt(reference.squared_distances(X, queries))
        near = [np.flatnonzero(row <= RADIUS) for row in lengths]
        found = ((row[rows], rows) for row, rows in zip(lengths, near, strict=True))
    for distances, rows in found:
        yield (
            rows,
            {
                "uniform": np.ones_like,
                "distance": reference.inverse_distances,
            }.get(weights, weights)(distances),
        )


def cubed(distances):
    if distances.dtype != object:
        return 1.0 / (1.0 + distances**3)
    weights = np.empty(len(distances), dtype=object)
    weights[:] = [1.0 / (1.0 + row**3) for row in distances]
    return weights


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("algorithm", ["brute", "kd_tree"])
@pytest.mark.parametrize("weights", ["uniform", "distance", cubed])
@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.usefixtures("shared_work")
def test_votes_and_means_are_the_definitions(weights, algorithm, threads, offset):
    X, y, queries, targets = problem(offset=offset)
    settings = {"weights": weights, "algorithm": algorithm}
    with fastml.num_threads(threads):
        for kind in (
            fastml.KNeighborsClassifier(6, **settings),
            fastml.RadiusNeighborsClassifier(RADIUS, outlier_label=2, **settings),
        ):
            model = kind.fit(X, y)
            labels, shares = model.predict(queries), model.predict_proba(queries)
            for i, (rows, given) in enumerate(defined(model, weights, X, queries)):
                votes = reference.votes(given, y[rows], 3)
                assert labels[i] == (votes.argmax() if len(rows) else 2)
                expected = votes / sum(votes) if len(rows) else np.arange(3) == 2
                assert (shares[i] == expected).all()
        for kind in (
            fastml.KNeighborsRegressor(6, **settings),
            fastml.RadiusNeighborsRegressor(RADIUS, **settings),
        ):
            model, alone = kind.fit(X, targets), []
            radius = "Radius" in type(model).__name__
            if radius:
                with pytest.warns(UserWarning, match="no neighbors within"):
                    means = model.predict(queries)
            else:
                means = model.predict(queries)
            for i, (rows, given) in enumerate(defined(model, weights, X, queries)):
                if not len(rows):
                    alone.append(i)
                    continue
                assert (means[i] == reference.weighted_mean(given, targets[rows])).all()
            assert np.isnan(means[alone]).all()
            assert bool(alone) == radius


@pytest.mark.checked
@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("several", [False, True])
def test_radius_estimators_are_scikit_learns(weights, several):
    X, y, queries, targets = problem()
    names = np.array(["b", "a", "c"])[y]
    if several:
        names, targets = np.stack([names, names[::-1]], axis=1), targets
    else:
        targets = targets[:, 0]
    for rows in (queries, None):
        settings = {"weights": weights, "algorithm": "brute"}
        ours = fastml.RadiusNeighborsClassifier(2.0, **settings).fit(X, names)
        theirs = sklearn.neighbors.RadiusNeighborsClassifier(
            2.0, weights=weights, algorithm="kd_tree"
        ).fit(X, names)
        assert ours.computed_by_ == "fastml"
        ours.set_params(outlier_label="a").fit(X, names)
        theirs.set_params(outlier_label="a").fit(X, names)
        assert (ours.predict(rows) == theirs.predict(rows)).all()
        for a, b in zip(ours.predict_proba(rows), theirs.predict_proba(rows), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)
        ours = fastml.RadiusNeighborsRegressor(4.0, weights=weights).fit(X, targets)
        theirs = sklearn.neighbors.RadiusNeighborsRegressor(4.0, weights=weights).fit(X, targets)
        scale = np.abs(targets).max(axis=0)
        np.testing.assert_allclose(
            ours.predict(rows) / scale, theirs.predict(rows) / scale, atol=1e-12
        )


def test_neighbours_within_a_radius_far_from_the_origin():
    """scikit-learn's own counts expand the square: they lose the row next to a query."""
    X = np.array([[1e8], [1e8 + 1.0], [1e8 + 5.0]])
    model = fastml.RadiusNeighborsClassifier(0.5, algorithm="brute").fit(X, [0, 1, 2])
    assert model.predict(X).tolist() == [0, 1, 2]


def test_who_has_no_neighbours():
    X, y, _, targets = problem()
    far = np.full((2, 3), 99.0)
    model = fastml.RadiusNeighborsClassifier(RADIUS).fit(X, y)
    for predict in (model.predict, model.predict_proba):
        with pytest.raises(ValueError, match=r"No neighbors found for test samples array\(\[1\]\)"):
            predict(np.vstack([X[:1], far[:1]]))
    model.set_params(outlier_label=7).fit(X, y)
    with pytest.warns(UserWarning, match="7 is not in training classes"):
        assert model.predict(far).tolist() == [7, 7]
    with pytest.warns(UserWarning, match="7 is not in training classes"):
        assert not model.predict_proba(far).any()
    model.set_params(outlier_label="most_frequent").fit(X, y)
    assert (model.predict(far) == np.bincount(y).argmax()).all()
    regressor = fastml.RadiusNeighborsRegressor(RADIUS).fit(X, y)
    with pytest.warns(UserWarning, match="no neighbors within"):
        assert np.isnan(regressor.predict(far)).all()
    nothing = fastml.RadiusNeighborsRegressor(
        RADIUS, weights=lambda found: [np.zeros(len(row)) for row in found]
    )
    with pytest.raises(ZeroDivisionError, match="sum to zero"):
        nothing.fit(X, targets).predict(X[:3])


def test_sparse_queries_of_dense_rows():
    X, y, queries, targets = problem()
    sparse = scipy.sparse.csr_array(queries)
    settings = {"algorithm": "brute"}
    for dense in (
        fastml.KNeighborsRegressor(4, **settings).fit(X, targets),
        fastml.RadiusNeighborsClassifier(3.0, outlier_label=0, **settings).fit(X, y),
        fastml.RadiusNeighborsRegressor(8.0, **settings).fit(X, targets),
    ):
        np.testing.assert_allclose(dense.predict(sparse), dense.predict(queries), rtol=1e-9)


def test_neighbours_that_are_nobody_are_refused():
    starts = np.array([0, 2])
    for rows, weights in (([0, 9], []), ([-1, 0], []), ([0, 1], [1.0]), ([0], [])):
        with pytest.raises(ValueError, match="neighbor"):
            Voters.of(np.array(rows), np.array(weights), starts, 9)
    good = Voters.of(np.array([0, 8]), ALL_ONES, starts, 9)
    for classes in (np.zeros(8), np.arange(9), np.full(9, -1)):
        with pytest.raises(ValueError, match=r"targets|classes"):
            good.vote(classes, 3, shares=False)
    with pytest.raises(ValueError, match="targets"):
        good.average(np.zeros(8))


def test_inverses_of_distances():
    for distances in ([0.5, 4.0], [0.0, 1.0, 0.0], [5e-324, 1.0], [np.inf, 2.0]):
        given = np.array(distances)
        found = weigh(given, np.array([0, len(given)]), "distance")
        assert (found == reference.inverse_distances(given)).all()


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev"])
def test_a_label_of_outliers_that_is_refused_leaves_the_old_fit(metric):
    model = fastml.RadiusNeighborsClassifier(1.0, metric=metric, outlier_label=2)
    model.fit([[0.0], [5.0]], [1, 2])
    before = dict(vars(model))
    with pytest.raises(TypeError, match="outlier_label"):
        model.set_params(outlier_label="a").fit([[0.0, 1.0], [5.0, 1.0]], [3, 4])
    assert vars(model) == {**before, "outlier_label": "a"}
    assert model.predict([[0.1], [99.0]]).tolist() == [1, 2]


def test_weights_that_are_not_a_number_are_an_error():
    X, y, queries, _ = problem()
    for model in (
        fastml.KNeighborsClassifier(3, weights=lambda far: far * np.nan),
        fastml.KNeighborsRegressor(3, weights=lambda far: far * np.nan),
        fastml.RadiusNeighborsClassifier(99.0, weights=lambda far: [d * np.nan for d in far]),
    ):
        with pytest.raises(ValueError, match="has returned NaN"):
            model.fit(X, y).predict(queries)


@pytest.mark.parametrize("value", [None, np.longdouble("1e4000")])
@pytest.mark.parametrize("kind", [fastml.KNeighborsRegressor, fastml.RadiusNeighborsRegressor])
def test_targets_that_are_no_finite_numbers_are_an_error(kind, value):
    X, y = np.arange(10.0)[:, None], np.arange(10).astype(object)
    assert kind().fit(X, y).predict(X).dtype == np.float64
    y = np.arange(10).astype(object if value is None else np.longdouble)
    y[3] = value
    if value is not None and not np.isfinite(y[3]):
        pytest.skip("long double is double here")
    with pytest.raises(ValueError, match="Input y contains"):
        kind().fit(X, y).predict(X)
