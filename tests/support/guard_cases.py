"""What is run on guarded memory: a case of each public function and estimator, drawn at random."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Generator = np.random.Generator

#: Rows of a panel and lanes of a vector are divisors of these, for either element type.
_LANES = {"float32": 16, "float64": 8}


def length(random: Generator, dtype: str, most: int) -> int:
    """Draw a number up to ``most``: a whole number of vectors, and any remainder."""
    lanes = _LANES[dtype]
    vectors = int(random.integers(0, 1 + most // lanes))
    if random.integers(2):
        vectors = min(vectors, 2)
    return min(most, max(1, vectors * lanes + int(random.integers(-2, lanes))))


class Draw:
    """A case's numbers, always the same; its arrays, from wherever NumPy takes memory now."""

    def __init__(self, random: Generator) -> None:
        self.random = random
        self.dtype = str(random.choice(["float32", "float64"]))
        self.threads = int(random.integers(1, 4))

    def size(self, most: int = 70) -> int:
        return length(self.random, self.dtype, most)

    def rows(self) -> int:
        """Draw a number of rows: mostly a panel or three, now and then many blocks."""
        return self.size(3000 if self.random.random() < 0.1 else 150)

    def array(self, *shape: int) -> Array:
        """Draw normal numbers, rounded so that there are ties now and then."""
        values = self.random.normal(size=shape)
        if self.random.integers(4) == 0:
            values = np.rint(values)
        return self.laid_out(values.astype(self.dtype))

    def laid_out(self, X: Array) -> Array:
        """Return the same numbers in some layout: rows, columns, with gaps, from the back."""
        layout = self.random.integers(6)
        if X.ndim != 2 or layout > 3:
            return X.copy()
        if layout == 0:
            return np.asfortranarray(X.copy())
        if layout == 1:
            wide = np.empty((2 * X.shape[0] - 1, 2 * X.shape[1] - 1), X.dtype)
            wide[::2, ::2] = X
            return wide[::2, ::2]
        if layout == 2:
            return X[::-1, ::-1].copy()[::-1, ::-1]
        wide = np.empty((X.shape[0], X.shape[1] + 3), X.dtype)
        wide[:, 3:] = X
        return wide[:, 3:]

    def labels(self, n: int, classes: int) -> Array:
        y = self.random.integers(0, classes, size=n)
        y[:classes] = np.arange(min(n, classes))
        return y

    def weights(self, n: int) -> Array | None:
        kind = self.random.integers(3)
        if kind == 0:
            return None
        return self.random.choice([0.0, 1.0, 2.5], size=n) if kind == 1 else (
            self.random.uniform(0.1, 1, size=n)
        )  # fmt: skip

    def seed(self) -> int:
        return int(self.random.integers(1 << 31))


# --- families: each draws a case and returns everything that came of it --------------------------


def elementwise(draw: Draw) -> list[Any]:
    import fastml

    x = draw.array(draw.rows(), draw.size())
    out = np.empty(x.shape, x.dtype)
    place = np.ascontiguousarray(x)
    return [
        fastml.sigmoid(x), fastml.sigmoid(x, out=out), fastml.sigmoid_derivative(x),
        fastml.sigmoid_derivative(place, out=place), fastml.sigmoid(x.ravel()[: draw.size()]),
    ]  # fmt: skip


def dense(draw: Draw) -> list[Any]:
    import fastml
    from fastml.neural_network._architecture import ACTIVATIONS

    n, d, k = draw.rows(), draw.size(), draw.size()
    X, W, b, delta = draw.array(n, d), draw.array(d, k), draw.array(k), draw.array(n, k)
    activation = str(draw.random.choice(list(ACTIVATIONS)))
    out, below = np.empty((n, k), X.dtype), np.empty((n, d), X.dtype)
    return [
        fastml.dense_forward(X, W, b, activation=activation),
        fastml.dense_forward(X, W, b, activation=activation, out=out),
        *fastml.dense_backward(X, W, delta, activation=activation),
        *fastml.dense_backward(X, W, delta, activation=activation, out=below),
    ]


def nearest_centroid(draw: Draw) -> list[Any]:
    import fastml

    n, d, k = draw.rows(), draw.size(130), draw.size(130)
    X, centers = draw.array(n, d), draw.array(k, d)
    labels = np.empty(n, np.int32)
    return [
        fastml.nearest_centroid(X, centers),
        *fastml.nearest_centroid(X, centers, return_distance=True, out=labels),
        fastml.nearest_centroid(X[-1:], centers),
    ]


def k_means(draw: Draw) -> list[Any]:
    import fastml

    n, d = draw.rows(), draw.size()
    k = min(n, draw.size(40))
    X, weights = draw.array(n, d), draw.weights(n)
    init: Any = str(draw.random.choice(["k-means++", "random", "rows"]))
    if weights is not None:
        weights += 0.5 * (init == "random")  # which needs as many rows of some weight as clusters
        weights[0] = 1.0
    init = X[:k].copy() if init == "rows" else init
    settings: dict[str, Any] = {
        "init": init, "n_init": 1, "max_iter": int(draw.random.integers(1, 8)),
        "random_state": draw.seed(), "tol": float(draw.random.choice([0, 1e-4])),
    }  # fmt: skip
    model = fastml.KMeans(k, **settings).fit(X, sample_weight=weights)
    more = draw.array(draw.rows(), d)
    return [
        model.cluster_centers_, model.labels_, model.inertia_, model.predict(more),
        model.transform(more), model.score(more), model.predict(X[:1]),
    ]  # fmt: skip


def mini_batches(draw: Draw) -> list[Any]:
    import fastml

    n, d = draw.rows(), draw.size()
    k = min(n, draw.size(20))
    X = draw.array(n, d)
    model = fastml.MiniBatchKMeans(
        k, batch_size=draw.size(), max_iter=int(draw.random.integers(1, 4)),
        n_init=1, random_state=draw.seed(),
    ).fit(X)  # fmt: skip
    results = [model.cluster_centers_.copy(), model.labels_, model.predict(X)]
    model.partial_fit(draw.array(draw.rows(), d))
    return [*results, model.cluster_centers_, model.predict(X)]


def seeding(draw: Draw) -> list[Any]:
    import fastml

    n, d = draw.rows(), draw.size()
    X, weights = draw.array(n, d), draw.weights(n)
    if weights is not None:
        weights += 0.5
    k = min(n, draw.size(30))
    trials = int(draw.random.integers(1, 12))
    return list(
        fastml.kmeans_plusplus(
            X, k, sample_weight=weights, random_state=draw.seed(), n_local_trials=trials
        )
    )


def _network(draw: Draw) -> dict[str, Any]:
    from fastml.neural_network._architecture import ACTIVATIONS

    random = draw.random
    layers = tuple(draw.size(40) for _ in range(int(random.integers(1, 4))))
    return {
        "hidden_layer_sizes": layers,
        "activation": str(random.choice(list(ACTIVATIONS))),
        "solver": str(random.choice(["sgd", "adam", "adam", "lbfgs"])),
        "batch_size": draw.size(),
        "shuffle": bool(random.integers(2)),
        "max_iter": int(random.integers(1, 3)),
        "random_state": draw.seed(),
        "learning_rate_init": 0.001,  # where nothing diverges
        "max_fun": 20,
        "record_gradients": bool(random.integers(2)),
    }


def classifier(draw: Draw) -> list[Any]:
    import fastml
    from fastml.inspection import gradient_flow

    d, classes = draw.size(), int(draw.random.choice([2, 2, 3, 5, 17]))
    n = classes + draw.rows()
    X, y = draw.array(n, d), draw.labels(n, classes)
    model = fastml.MLPClassifier(**_network(draw)).fit(X, y)
    results = [*model.coefs_, *model.intercepts_, model.loss_]
    more = draw.array(draw.rows(), d)
    results += [model.predict_proba(more), model.predict(more), *model.activations(more)]
    flow = gradient_flow(model, X, y)
    results += [*flow.gradient_norms] if hasattr(flow, "gradient_norms") else []
    if model.solver != "lbfgs":
        model.partial_fit(X, y)
        results += [*model.coefs_, model.predict_proba(X[:1])]
    return results


def regressor(draw: Draw) -> list[Any]:
    import fastml

    n, d, outputs = draw.rows(), draw.size(), int(draw.random.choice([1, 1, 2, 9, 17]))
    X = draw.array(n, d)
    Y = draw.array(n, outputs)
    model = fastml.MLPRegressor(**_network(draw)).fit(X, Y if outputs > 1 else Y[:, 0])
    return [*model.coefs_, model.predict(X), model.predict(draw.array(draw.rows(), d))]


# --- scikit-learn's subclasses --------------------------------------------------------------------


def linear_models(draw: Draw) -> list[Any]:
    import fastml

    n, d, targets = draw.rows(), draw.size(), int(draw.random.choice([1, 1, 2, 17]))
    X, Y, weights = draw.array(n, d), draw.array(n, targets), draw.weights(n)
    if weights is not None:
        weights[0] = 1.0
    intercept = bool(draw.random.integers(2))
    Y = Y if targets > 1 else Y[:, 0]
    results: list[Any] = [*fastml.gram(X, Y, weights)]
    for model in (
        fastml.LinearRegression(fit_intercept=intercept),
        fastml.Ridge(float(draw.random.choice([0.0, 1e-6, 1.0])), fit_intercept=intercept),
    ):
        model.fit(X, Y, weights)
        results += [model.coef_, model.intercept_, model.predict(draw.array(draw.rows(), d))]
    return results


def logistic_regression(draw: Draw) -> list[Any]:
    import fastml

    d, classes = draw.size(), int(draw.random.choice([2, 2, 3, 5, 9]))
    n = classes + draw.rows()
    X, y, weights = draw.array(n, d), draw.labels(n, classes), draw.weights(n)
    if weights is not None:
        weights += 0.1
    model = fastml.LogisticRegression(
        C=float(draw.random.choice([1e-3, 1.0])), fit_intercept=bool(draw.random.integers(2))
    ).fit(X, y, weights)
    return [model.coef_, model.intercept_, model.predict_proba(draw.array(draw.rows(), d))]


def gaussian_naive_bayes(draw: Draw) -> list[Any]:
    import fastml

    d, classes = draw.size(), int(draw.random.choice([1, 2, 3, 5, 17]))
    n = classes + draw.rows()
    X, y, weights = draw.array(n, d), draw.labels(n, classes), draw.weights(n)
    if weights is not None:
        weights[0] = 1.0
    model = fastml.GaussianNB().fit(X, y, weights)
    results = [model.theta_.copy(), model.var_.copy(), model.predict(X)]
    model.partial_fit(draw.array(classes, d), np.arange(classes))
    more = draw.array(draw.rows(), d)
    return [*results, model.theta_, model.predict(more), model.predict_proba(more[-1:])]


def counted_naive_bayes(draw: Draw) -> list[Any]:
    import scipy.sparse

    import fastml

    d, classes = draw.size(), int(draw.random.choice([1, 2, 3, 5, 17]))
    n = classes + draw.rows()
    counts = draw.random.poisson(1.0, size=(n, d))
    X = draw.laid_out(counts.astype(str(draw.random.choice([draw.dtype, "int64", "uint8"]))))
    y, weights = draw.labels(n, classes), draw.weights(n)
    if weights is not None:
        weights[0] = 1.0
    data: Any = scipy.sparse.csr_array(X) if draw.random.integers(2) else X
    results = []
    for kind in (fastml.MultinomialNB, fastml.ComplementNB, fastml.BernoulliNB):
        model = kind().fit(data, y, weights)
        results += [model.feature_count_, model.predict(data), model.predict_joint_log_proba(data)]
    model = fastml.CategoricalNB().fit(counts, y, weights)
    return [*results, *model.category_count_, model.predict(counts)]


def neighbours(draw: Draw) -> list[Any]:
    import fastml

    n, d, n_queries = draw.rows(), draw.size(), draw.rows()
    X, queries = draw.array(n, d), draw.array(n_queries, d)
    k = min(n, draw.size(30))
    model = fastml.NearestNeighbors(n_neighbors=k).fit(X)
    results = [*fastml.kneighbors(X, queries, k), *model.kneighbors(queries[-1:])]
    results += [*model.kneighbors(queries.astype(np.float64))]
    classes = fastml.KNeighborsClassifier(k).fit(X, draw.labels(n, 3))
    return [*results, classes.predict(queries), classes.predict_proba(queries)]


def within_a_radius(draw: Draw) -> list[Any]:
    import fastml

    n, d = draw.rows(), draw.size()
    X, queries = draw.array(n, d), draw.array(draw.rows(), d)
    model = fastml.NearestNeighbors(radius=float(draw.random.uniform(0, 2 * d**0.5))).fit(X)
    distances, indices = model.radius_neighbors(queries)
    voted = fastml.RadiusNeighborsClassifier(np.inf, weights="distance").fit(X, draw.labels(n, 3))
    means = fastml.RadiusNeighborsRegressor(np.inf).fit(X, X)
    return [*distances, *indices, voted.predict_proba(queries), means.predict(queries)]


def trees(draw: Draw) -> list[Any]:
    import fastml
    from fastml.tree import _codes, _grow

    random, n, d = draw.random, draw.rows() + 1, draw.size(20)
    X = draw.array(n, d)
    if random.integers(3) == 0:
        X[random.random(X.shape) < 0.1] = np.nan
    criterion = str(random.choice(
        ["gini", "entropy", "squared_error", "poisson", "absolute_error"]
    ))  # fmt: skip
    classes = criterion in ("gini", "entropy")
    kind: Any = fastml.DecisionTreeClassifier if classes else fastml.DecisionTreeRegressor
    y = draw.labels(n, int(random.integers(1, 6))) if classes else np.abs(draw.array(n)) + 1
    weights = None if random.integers(2) else 1.0 + random.integers(0, 4, n)
    before = _codes._LEAST_CODES, _codes._MOST_CODES, _grow.SMALL_ROWS
    if random.integers(2):  # nodes of many rows and few codes
        _codes._LEAST_CODES, _codes._MOST_CODES, _grow.SMALL_ROWS = 8, 8, (8, 8)
    try:
        model = kind(
            criterion=criterion, max_features=int(random.integers(1, d + 1)), random_state=0,
            min_samples_leaf=int(random.integers(1, 5)), ccp_alpha=random.choice([0.0, 1e-3]),
        ).fit(X, y, weights)  # fmt: skip
    finally:
        _codes._LEAST_CODES, _codes._MOST_CODES, _grow.SMALL_ROWS = before
    nodes = model.tree_.__getstate__()["nodes"]
    results = [nodes[name].copy() for name in nodes.dtype.names]
    columns = np.asfortranarray(X)
    return [*results, model.apply(X), model.predict(columns), model.predict(X[-1:])]


def forests(draw: Draw) -> list[Any]:
    import fastml

    n, d = draw.rows() + 3, draw.size(20)
    X = draw.array(n, d)
    settings: dict[str, Any] = {"n_estimators": 3, "random_state": draw.seed()}
    classes = fastml.RandomForestClassifier(**settings).fit(X, draw.labels(n, 3))
    numbers = fastml.RandomForestRegressor(**settings).fit(X, X[:, 0])
    holed = X.copy()
    holed[::3, -1] = np.nan
    columns = np.asfortranarray(X)
    return [
        classes.predict_proba(X), classes.predict_proba(columns), numbers.predict(holed),
        numbers.predict(X[-1:]),
    ]  # fmt: skip


FAMILIES: dict[str, Callable[[Draw], list[Any]]] = {
    "elementwise": elementwise,
    "dense": dense,
    "nearest_centroid": nearest_centroid,
    "k_means": k_means,
    "mini_batches": mini_batches,
    "seeding": seeding,
    "classifier": classifier,
    "regressor": regressor,
    "linear_models": linear_models,
    "logistic_regression": logistic_regression,
    "gaussian_naive_bayes": gaussian_naive_bayes,
    "counted_naive_bayes": counted_naive_bayes,
    "neighbours": neighbours,
    "within_a_radius": within_a_radius,
    "trees": trees,
    "forests": forests,
}
