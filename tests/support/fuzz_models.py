"""Families of the fuzzer whose estimators are scikit-learn's subclasses.

Linear models against sums and residuals in extended precision, naive Bayes and neighbours against
their definitions.
"""

from __future__ import annotations

import warnings
from typing import Any
from unittest import mock

import numpy as np
import scipy.sparse
import sklearn.linear_model
import sklearn.naive_bayes
from fuzz_data import DTYPES, Array, Generator, drawn_weights, laid_out, points, size
from sklearn.exceptions import ConvergenceWarning

import fastml
from fastml import reference
from fastml.reference import naive_bayes

#: 64 bits of mantissa where the processor has them.
_Long: Any = np.longdouble
_EPS = float(np.finfo(np.float64).eps)


def _rows(random: Generator, most_rows: int, most_features: int) -> tuple[Array, str]:
    n, d = size(random, most_rows), size(random, most_features)
    dtype = DTYPES[random.integers(2)]
    X, _, kind = points(random, n, d, 4, dtype)
    return X, f"{n} x {d}, {dtype.__name__}, {kind}"


def _counting(weights: Array | None, n: int) -> Array:
    return np.ones(n) if weights is None else weights


# --- linear models -------------------------------------------------------------------------------


def _about_means(X: Array, Y: Array, weights: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Return the weights, the means and the rows about them, in extended precision.

    Everything is taken about the heaviest row: where one outweighs all others by far, what is left
    of it about the means is less than the means themselves are rounded.
    """
    w = weights.astype(_Long)
    means, about = [], []
    for C in (X.astype(_Long), Y.astype(_Long)):
        origin = C[weights.argmax()]
        C = C - origin
        mean = w @ C / w.sum()
        mean = mean + w @ (C - mean) / w.sum()
        means.append(origin + mean)
        about.append(C - mean)
    return w, *means, *about


def gram(random: Generator) -> str:
    """Means and products about them are those of two passes in extended precision."""
    X, case = _rows(random, 1500, 50)
    n = len(X)
    Y = random.normal(size=(n, size(random, 3))) * 10.0 ** random.integers(-6, 7)
    weights, weighted = drawn_weights(random, n)
    case += f", {weighted}"
    found = []
    for n_threads in (1, int(random.integers(2, 5))):
        with fastml.num_threads(n_threads):
            found.append(fastml.gram(laid_out(random, X), Y, weights))
    one, many = found
    for a, b in zip(one, many, strict=True):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes(), case
    w, X_mean, y_mean, A, B = _about_means(X, Y, _counting(weights, n))
    C = np.hstack([A, B])
    products = (C.T * w) @ C
    sizes = np.hstack([np.abs(X[w > 0]).max(axis=0), np.abs(Y[w > 0]).max(axis=0)])
    np.testing.assert_allclose(one.weight, float(w.sum()), rtol=1e-12, err_msg=case)
    spread = np.sqrt(np.diag(products).astype(np.float64))
    means = np.hstack([one.X_mean, one.y_mean])
    deviation = spread / np.sqrt(float(w.sum()))
    wrong = np.abs(means - np.hstack([X_mean, y_mean])).astype(np.float64)
    assert (wrong <= 1e-12 * deviation + 4 * _EPS * sizes).all(), case
    ours = np.block([[one.XtX, one.Xty], [one.Xty.T, one.yty]])
    rounded = np.sqrt(float(w.sum())) * 4 * _EPS * sizes
    bound = 1e-11 * np.outer(spread, spread) + np.outer(rounded, rounded)
    assert (np.abs(ours - products) <= bound).all(), case
    return case


def least_squares(random: Generator) -> str:
    """No solution has smaller residuals, with or without a penalty, at any scale and weight."""
    X, case = _rows(random, 600, 25)
    n, d = X.shape
    if X.dtype == np.float32 and np.abs(X).max() < 2.0**-90:  # whose slopes float32 cannot hold
        X = np.ldexp(X, 90)
    scale = max(float(np.abs(X).max()), 1e-300)
    slopes = random.normal(size=d) / scale
    y = X.astype(np.float64) @ slopes + 10.0 ** random.integers(-6, 2) * random.normal(size=n)
    y += float(random.choice([0.0, 1.0, 1e6]))
    weights, weighted = drawn_weights(random, n)
    intercept = bool(random.integers(2))
    ridge = bool(random.integers(2))
    settings: dict[str, Any] = {"fit_intercept": intercept}
    if ridge:
        settings["alpha"] = float(random.choice([1e-8, 1e-2, 1.0, 1e6])) * scale**2
    case += f", {weighted}, {settings}"
    fit: Any = fastml.Ridge if ridge else fastml.LinearRegression
    found = []
    for n_threads in (1, int(random.integers(2, 5))):
        with fastml.num_threads(n_threads):
            found.append(fit(**settings).fit(laid_out(random, X), y, weights))
    model, many = found
    assert model.computed_by_ == "fastml", case
    assert model.coef_.tobytes() == many.coef_.tobytes(), case
    assert np.isfinite(model.coef_).all(), case
    if X.dtype == np.float32:  # coefficients are rounded: they are those of the same numbers
        wide = fit(**settings).fit(X.astype(np.float64), y, weights)
        np.testing.assert_allclose(
            model.coef_, wide.coef_, rtol=1e-6, err_msg=case,
            atol=1e-6 * np.abs(wide.coef_).max() + float(np.finfo(np.float32).tiny),
        )  # fmt: skip
        return case
    w = _counting(weights, n)
    counting = w > 0
    if intercept:
        w_, X_mean, y_mean, A, b = _about_means(X, y[:, None], w)
        expected = float(y_mean[0] - X_mean @ model.coef_.astype(_Long))
        size_ = float(np.abs(y_mean[0]) + np.abs(X_mean) @ np.abs(model.coef_))
        assert abs(float(model.intercept_) - expected) <= 1e-11 * size_, case
        b = b[:, 0]
    else:
        w_, A, b = w.astype(_Long), X.astype(_Long), y.astype(_Long)
    roots = np.sqrt(w_)[counting]
    A, b = A[counting] * roots[:, None], b[counting] * roots
    penalty = np.sqrt(_Long(settings.get("alpha", 0.0)))
    if ridge:
        A = np.vstack([A, penalty * np.eye(d)])
        b = np.append(b, np.zeros(d))
    length = float(np.sqrt(b @ b))
    ours = A @ model.coef_.astype(_Long) - b
    norms = np.sqrt((A * A).sum(axis=0)).astype(np.float64)
    norms[norms == 0] = 1.0
    scaled = (A / norms).astype(np.float64)
    best = scaled @ np.linalg.lstsq(scaled, b.astype(np.float64), rcond=None)[0] - b
    assert float(ours @ ours) <= float(best @ best) * (1 + 1e-6) + (1e-6 * length) ** 2, case
    return case


def _logistic_loss(model: Any, X: Array, truth: Array, weights: Array) -> tuple[float, Array]:
    """Return the objective in extended precision, and each class's probabilities."""
    coef = model.coef_.astype(_Long)
    z = X @ coef.T + model.intercept_.astype(_Long)
    if truth.shape[1] == 2:
        z = np.hstack([np.zeros_like(z), z])
    z -= z.max(axis=1, keepdims=True)
    p = np.exp(z)
    totals = p.sum(axis=1, keepdims=True)
    loss = (weights * (np.log(totals[:, 0]) - z[truth])).sum() + (coef**2).sum() / (2 * model.C)
    return float(loss), p / totals


def logistic(random: Generator) -> str:
    """No coordinate of the objective's gradient promises a descent above rounding."""
    n, d = 8 + size(random, 600), size(random, 20)
    dtype = DTYPES[random.integers(2)]
    kind = str(random.choice(["normal", "grid", "offset", "zeros", "units"]))
    X = random.normal(size=(n, d))
    if kind == "grid":
        X = np.rint(X)
    elif kind == "offset":
        X += random.choice([1e3, 1e6])
    elif kind == "zeros":
        X *= random.random(X.shape) < 0.2
    elif kind == "units":
        X *= 10.0 ** random.integers(-6, 7, d)
    X = X.astype(dtype)
    n_classes = int(random.choice([2, 2, 3, 5]))
    y = random.integers(n_classes, size=n)
    y[:n_classes] = np.arange(n_classes)
    weights = None if random.integers(2) else random.uniform(0.0, 3.0, n)
    if weights is not None:
        weights *= float(random.choice([1e-6, 1.0, 1e6]))
        weights[:n_classes] += 1.0
    C = float(random.choice([1e-4, 1.0, 1e4]))
    intercept = bool(random.integers(2))
    case = f"{n} x {d}, {dtype.__name__}, {kind}, {n_classes} classes, C = {C}, {intercept}"
    found = []
    warned = False
    for n_threads in (1, int(random.integers(2, 5))):
        with fastml.num_threads(n_threads), warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            model = fastml.LogisticRegression(C=C, fit_intercept=intercept)
            found.append(model.fit(laid_out(random, X), y, weights))
        warned |= any(issubclass(w.category, ConvergenceWarning) for w in told)
    one, many = found
    assert one.computed_by_ == "fastml", case
    if n_classes == 2:
        assert one.coef_.tobytes() == many.coef_.tobytes(), case
    np.testing.assert_allclose(one.coef_, many.coef_, rtol=1e-4, atol=1e-300, err_msg=case)
    w = _counting(weights, n).astype(_Long)
    A = X.astype(_Long)
    truth = y[:, None] == np.arange(n_classes)
    loss, p = _logistic_loss(one, A, truth, w)
    if dtype == np.float32:  # what rounding the coefficients does is not looked at
        return case
    if warned:  # that the minimum was not reached: then nearer than scikit-learn
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = sklearn.linear_model.LogisticRegression(
                C=C, fit_intercept=intercept, tol=1e-8, max_iter=1000
            ).fit(X, y, weights)
        assert loss <= _logistic_loss(theirs, A, truth, w)[0] * (1 + 1e-9), case
        return case
    coef = one.coef_.astype(_Long)
    free = slice(1, None) if n_classes == 2 else slice(None)
    centers = (w @ A / w.sum()) if intercept else np.zeros(d, _Long)
    A = A - centers
    p, truth = p[:, free], truth[:, free]
    delta = (p - truth) * w[:, None]
    gradient = delta.T @ A + coef / C
    curvature = (p * (1 - p) * w[:, None]).T @ (A * A) + 1 / C
    assert float((gradient**2 / curvature).max()) <= 1e-8 * (loss + 1e-6 * float(w.sum())), case
    if intercept:
        slope = (p * (1 - p) * w[:, None]).sum(axis=0)
        assert (delta.sum(axis=0) ** 2 <= 1e-8 * slope * (loss + float(w.sum()))).all(), case
    return case


# --- naive Bayes ---------------------------------------------------------------------------------


def gaussian_naive_bayes(random: Generator) -> str:
    """Labels are those of the definition for the moments found; moments are two-pass ones."""
    n, d, k = size(random, 3000) + 2, size(random, 60), size(random, 12)
    dtype = DTYPES[random.integers(2)]
    X, _, kind = points(random, n, d, k, dtype)
    y = random.integers(k, size=n)
    weights, weighted = drawn_weights(random, n)
    case = f"{n} x {d}, {k} classes, {dtype.__name__}, {kind}, {weighted}"
    with fastml.num_threads(int(random.integers(1, 5))):
        model = fastml.GaussianNB().fit(laid_out(random, X), y, weights)
        labels = model.predict(laid_out(random, X))
    wide = X.astype(_Long)
    every = _counting(weights, n).astype(_Long)
    smoothing = float(model.epsilon_)
    for c, label in enumerate(model.classes_):
        rows, w = wide[y == label], every[y == label]
        scale = float(np.abs(rows).max()) + 1e-300
        if w.sum() == 0:
            continue
        mean = w @ rows / w.sum()
        variance = (w @ (rows - mean) ** 2 / w.sum()).astype(np.float64)
        np.testing.assert_allclose(
            model.theta_[c], mean.astype(np.float64), rtol=0, atol=1e-12 * scale, err_msg=case
        )
        np.testing.assert_allclose(
            model.var_[c], variance + smoothing, rtol=1e-9, atol=(4 * _EPS * scale) ** 2,
            err_msg=case,
        )  # fmt: skip
    if (model.var_ > 0).all():
        likelihoods = naive_bayes.gaussian_joint_log_likelihood(
            X, model.theta_, model.var_, model.class_prior_
        )
        if not np.isnan(likelihoods).any():
            expected = model.classes_[likelihoods.argmax(axis=1)]
            np.testing.assert_array_equal(labels, expected, err_msg=case)
    return case


def counted_naive_bayes(random: Generator) -> str:
    """Counts are the reference's, labels those of the definition; pieces end where a fit does."""
    n, d, k = size(random, 600) + 2, size(random, 60), size(random, 10)
    kind: Any = (fastml.MultinomialNB, fastml.ComplementNB, fastml.BernoulliNB)[random.integers(3)]
    dtype = str(random.choice(["float32", "float64", "int64", "uint8", "bool"]))
    X = random.poisson(random.choice([0.1, 1.0, 20.0]), size=(n, d))
    if dtype.startswith("float") and random.integers(2):
        X = X * 2.0 ** random.integers(-40, 40) * random.uniform(0.5, 1.0, (n, d))
    X = X.astype(dtype)
    y = random.integers(k, size=n)
    weights, weighted = drawn_weights(random, n)
    alpha = float(random.choice([1e-10, 0.5, 1.0, 1e6]))
    sparse = bool(random.integers(2))
    case = f"{kind.__name__}, {n} x {d}, {k} classes, {dtype}, alpha {alpha}, {weighted}"
    case += ", sparse" if sparse else ""
    data = scipy.sparse.csr_array(X) if sparse else laid_out(random, X)
    with fastml.num_threads(int(random.integers(1, 5))):
        model = kind(alpha=alpha).fit(data, y, weights)
        labels = model.predict(data)
    classes = np.unique(y)
    seen = X > 0 if kind is fastml.BernoulliNB else X
    expected, counts = naive_bayes.class_counts(
        seen, np.searchsorted(classes, y), len(classes), weights
    )
    np.testing.assert_allclose(model.class_count_, expected, rtol=1e-12, err_msg=case)
    np.testing.assert_allclose(model.feature_count_, counts, rtol=1e-12, err_msg=case)
    with np.errstate(invalid="ignore"):
        joint = naive_bayes.linear_joint_log_likelihood(seen, *model._coefficients())
    if np.isfinite(joint).all():
        np.testing.assert_array_equal(labels, classes[joint.argmax(axis=1)], err_msg=case)
    pieces = kind(alpha=alpha)
    cut = int(random.integers(1, n))
    for some in (slice(cut), slice(cut, n)):
        share = None if weights is None else weights[some]
        if share is not None and not share.any():  # which is refused
            return case
        pieces.partial_fit(X[some], y[some], classes, share)
    np.testing.assert_allclose(pieces.feature_count_, counts, rtol=1e-12, err_msg=case)
    return case


def categorical_naive_bayes(random: Generator) -> str:
    """Probabilities and labels are scikit-learn's."""
    n, d, k = size(random, 400) + 2, size(random, 20), size(random, 6)
    X = random.integers(0, random.integers(1, 9, d), (n, d))
    y = random.integers(k, size=n)
    weights, weighted = drawn_weights(random, n)
    if weights is not None and weights.max() / weights[weights > 0].min() > 1e15:
        weights = None  # sums in two orders differ by more than is compared
    alpha = float(random.choice([1e-8, 1.0, 30.0]))
    case = f"{n} x {d}, {k} classes, alpha {alpha}, {weighted}"
    ours = fastml.CategoricalNB(alpha=alpha).fit(X, y, weights)
    theirs = sklearn.naive_bayes.CategoricalNB(alpha=alpha).fit(X, y, weights)
    for a, b in zip(ours.category_count_, theirs.category_count_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, err_msg=case)
    with np.errstate(invalid="ignore"):
        scores = theirs.predict_joint_log_proba(X)
        np.testing.assert_allclose(
            ours.predict_joint_log_proba(X), scores, rtol=1e-10, atol=1e-10, err_msg=case
        )
    ordered = np.sort(scores, axis=1)
    clear = (
        np.ones(n, bool)
        if scores.shape[1] == 1
        else ordered[:, -1] - ordered[:, -2] > 1e-8 * (1 + np.abs(ordered[:, -1]))
    )
    np.testing.assert_array_equal(ours.predict(X)[clear], theirs.predict(X)[clear], err_msg=case)
    return case


# --- neighbours ----------------------------------------------------------------------------------


def neighbours(random: Generator) -> str:
    """Nearest rows equal the reference's, in order and distance, on any threads."""
    n, d, n_queries = size(random, 4000), size(random, 60), size(random, 200)
    dtype = DTYPES[random.integers(2)]
    X, queries, kind = points(random, n, d, n_queries, dtype)
    k = min(size(random, 30), n)
    case = f"{n} x {d}, {n_queries} queries, k = {k}, {dtype.__name__}, {kind}"
    bytes_too = bool(random.integers(2))  # whatever pays for so few rows
    with (
        fastml.num_threads(int(random.integers(1, 5))),
        mock.patch("fastml.neighbors._search.codes_pay", return_value=bytes_too),
    ):
        distances, indices = fastml.kneighbors(laid_out(random, X), laid_out(random, queries), k)
    expected, rows = reference.kneighbors(X, queries, k)
    np.testing.assert_array_equal(indices, rows, err_msg=f"{case}, bytes: {bytes_too}")
    np.testing.assert_array_equal(distances, expected, err_msg=f"{case}, bytes: {bytes_too}")
    return case


def manhattan_neighbours(random: Generator) -> str:
    """Nearest rows by Manhattan distance equal the reference's, in order and distance."""
    n, d, n_queries = size(random, 4000), size(random, 60), size(random, 200)
    dtype = DTYPES[random.integers(2)]
    X, queries, kind = points(random, n, d, n_queries, dtype)
    k = min(size(random, 30), n)
    case = f"{n} x {d}, {n_queries} queries, k = {k}, {dtype.__name__}, {kind}"
    with fastml.num_threads(int(random.integers(1, 5))):
        model = fastml.NearestNeighbors(n_neighbors=k, metric="l1", algorithm="brute").fit(X)
        distances, indices = model.kneighbors(laid_out(random, queries))
    expected = reference.manhattan_distances(X, queries)
    rows = np.argsort(expected, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(indices, rows, err_msg=case)
    expected = np.take_along_axis(expected, rows, axis=1)
    np.testing.assert_array_equal(distances, expected, err_msg=case)
    return case


def neighbours_in_a_tree(random: Generator) -> str:
    """What a tree finds, and what is within a radius, equals the reference's."""
    n, d, n_queries = size(random, 4000), size(random, 9), size(random, 200)
    dtype = DTYPES[random.integers(2)]
    X, queries, kind = points(random, n, d, n_queries, dtype)
    k = min(size(random, 30), n)
    case = f"{n} x {d}, {n_queries} queries, k = {k}, {dtype.__name__}, {kind}"
    expected, rows = reference.kneighbors(X, queries, k)
    radius = float(random.choice(expected.ravel()))
    with fastml.num_threads(int(random.integers(1, 5))):
        model = fastml.NearestNeighbors(n_neighbors=k, radius=radius, algorithm="kd_tree").fit(X)
        distances, indices = model.kneighbors(laid_out(random, queries))
        near = model.radius_neighbors(queries, return_distance=False)
    np.testing.assert_array_equal(indices, rows, err_msg=case)
    np.testing.assert_array_equal(distances, expected, err_msg=case)
    lengths = np.sqrt(reference.squared_distances(X, queries))
    for found, row in zip(near, lengths, strict=True):
        np.testing.assert_array_equal(found, np.flatnonzero(row <= radius), err_msg=case)
    return case


def within_a_radius(random: Generator) -> str:
    """The rows within a radius are those the reference's distances say, borders included."""
    n, d, n_queries = size(random, 1500), size(random, 30), size(random, 80)
    dtype = DTYPES[random.integers(2)]
    X, queries, kind = points(random, n, d, n_queries, dtype)
    expected = np.sqrt(reference.squared_distances(X, queries))
    radius = float(expected.flat[random.integers(expected.size)])  # somebody is that far exactly
    case = f"{n} x {d}, {n_queries} queries, {dtype.__name__}, {kind}, radius {radius}"
    with fastml.num_threads(int(random.integers(1, 5))):
        model = fastml.NearestNeighbors(radius=radius).fit(laid_out(random, X))
        distances, indices = model.radius_neighbors(laid_out(random, queries))
    for q in range(n_queries):
        rows = np.flatnonzero(expected[q] <= radius)
        np.testing.assert_array_equal(indices[q], rows, err_msg=case)
        np.testing.assert_array_equal(distances[q], expected[q, rows], err_msg=case)
    return case


def votes(random: Generator) -> str:
    """A class wins by the votes of the reference's neighbours, the lower one among equals."""
    n, d, n_queries = size(random, 800), size(random, 20), size(random, 60)
    dtype = DTYPES[random.integers(2)]
    X, queries, kind = points(random, n, d, n_queries, dtype)
    k, n_classes = min(size(random, 12), n), size(random, 6)
    y = random.integers(n_classes, size=n)
    case = f"{n} x {d}, {n_queries} queries, k = {k}, {n_classes} classes, {kind}"
    model = fastml.KNeighborsClassifier(k).fit(laid_out(random, X), y)
    _, rows = reference.kneighbors(X, queries, k)
    counts = np.zeros((n_queries, n_classes))
    for column in rows.T:
        counts[np.arange(n_queries), y[column]] += 1
    np.testing.assert_array_equal(model.predict(queries), counts.argmax(axis=1), err_msg=case)
    return case
