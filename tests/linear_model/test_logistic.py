"""Logistic regression: the minimum of the objective, whatever the units, threads and weights."""

import warnings
from decimal import Decimal, localcontext

import numpy as np
import pytest
from sklearn import linear_model
from sklearn.exceptions import ConvergenceWarning

import fastml
from fastml.reference.linear_model import newton_logistic


def exact_minimum(X, y, alpha, weights=None, start=None):
    """Return the objective at its minimum, by Newton's method in 50 digits; an intercept last."""
    with localcontext() as context:
        context.prec = 50
        d = X.shape[1] + 1
        rows = [[*(Decimal(float(v)) for v in row), Decimal(1)] for row in X]
        w = [Decimal(float(v)) for v in (np.ones(len(X)) if weights is None else weights)]
        b = [Decimal(float(v)) for v in (np.zeros(d) if start is None else start)]
        penalty = [Decimal(alpha)] * (d - 1) + [Decimal(0)]
        for _ in range(40):
            value = sum(p * v * v / 2 for p, v in zip(penalty, b, strict=True))
            g = [p * v for p, v in zip(penalty, b, strict=True)]
            H = [[penalty[i] * (i == j) for j in range(d)] for i in range(d)]
            for row, label, weight in zip(rows, y, w, strict=True):
                z = sum(v * c for v, c in zip(row, b, strict=True))
                m = -z if label else z
                value += weight * ((max(0, m)) + (1 + (-abs(m)).exp()).ln())
                p = 1 / (1 + (-z).exp())
                delta, slope = weight * (p - int(label)), weight * p * (1 - p)
                for i in range(d):
                    g[i] += delta * row[i]
                    for j in range(d):
                        H[i][j] += slope * row[i] * row[j]
            for i in range(d):
                for k in range(i + 1, d):
                    factor = H[k][i] / H[i][i]
                    H[k] = [a - factor * c for a, c in zip(H[k], H[i], strict=True)]
                    g[k] -= factor * g[i]
            step = [Decimal(0)] * d
            for i in reversed(range(d)):
                known = sum(H[i][j] * step[j] for j in range(i + 1, d))
                step[i] = (g[i] - known) / H[i][i]
            b = [v - s for v, s in zip(b, step, strict=True)]
            if max(abs(s) for s in step) < Decimal("1e-30") * (1 + max(abs(v) for v in b)):
                break
        return value


def exact_objective(model, X, y, alpha, weights=None):
    with localcontext() as context:
        context.prec = 50
        b = [Decimal(float(v)) for v in np.append(model.coef_[0], model.intercept_)]
        value = sum(Decimal(alpha) * v * v / 2 for v in b[:-1])
        for i, row in enumerate(X):
            z = sum(Decimal(float(v)) * c for v, c in zip(row, b, strict=False)) + b[-1]
            m = -z if y[i] else z
            weight = Decimal(1 if weights is None else float(weights[i]))
            value += weight * ((max(0, m)) + (1 + (-abs(m)).exp()).ln())
        return value


def cases():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 2))
    y = (X @ [1.0, -2.0] + rng.standard_normal(60) > 0) * 1
    yield "easy", X, y, None
    yield "unscaled", X * [1e6, 1e-4] + [1e7, 1.0], y, None
    yield "separable", X, (X[:, 0] > 0) * 1, None
    yield "imbalanced", X, (np.arange(60) == 7) * 1, None
    one_sided = np.column_stack([np.maximum(X[:, 0], 0) * (y == 1), X[:, 1]])
    yield "one-sided", one_sided, y, None
    yield "weighted", X, y, 10.0 ** rng.uniform(-6, 6, 60)


@pytest.mark.parametrize(("name", "X", "y", "weights"), list(cases()))
def test_objective_of_fifty_digits(name, X, y, weights):
    model = fastml.LogisticRegression(C=2.0).fit(X, y, weights)
    assert model.computed_by_ == "fastml"
    start = np.append(model.coef_[0], model.intercept_)
    best = exact_minimum(X, y, 0.5, weights, start)
    ours = exact_objective(model, X, y, 0.5, weights)
    assert abs(ours - best) <= Decimal("1e-12") * best


@pytest.mark.checked
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(40, 1), (700, 15), (5000, 16), (300, 40)])
def test_is_the_reference(shape, dtype):
    rng = np.random.default_rng(1)
    X = rng.standard_normal(shape).astype(dtype)
    y = (X[:, 0] + rng.standard_normal(shape[0]) > 0) * 1
    model = fastml.LogisticRegression(fit_intercept=False).fit(X, y)
    expected = newton_logistic(X.astype(np.float64), y, 1.0)
    tolerance = 1e-6 if dtype == "float32" else 1e-7
    np.testing.assert_allclose(model.coef_[0], expected, rtol=tolerance, atol=tolerance)
    assert (model.intercept_ == 0).all()


@pytest.mark.checked
@pytest.mark.parametrize("n_classes", [3, 4, 5, 9])
@pytest.mark.parametrize("intercept", [True, False])
def test_many_classes(n_classes, intercept):
    rng = np.random.default_rng(2)
    X = rng.standard_normal((600, 6))
    logits = X @ rng.standard_normal((6, n_classes)) + 2 * rng.standard_normal((600, n_classes))
    y = np.array(list("abcdefghi"))[logits.argmax(axis=1)]
    weights = rng.random(600)
    options = {"class_weight": "balanced", "fit_intercept": intercept}
    model = fastml.LogisticRegression(**options).fit(X, y, weights)
    theirs = linear_model.LogisticRegression(**options, tol=1e-10, max_iter=5000)
    theirs.fit(X, y, weights)
    assert model.computed_by_ == "fastml"
    np.testing.assert_array_equal(model.classes_, theirs.classes_)
    np.testing.assert_allclose(model.coef_, theirs.coef_, atol=1e-6)
    np.testing.assert_allclose(model.intercept_, theirs.intercept_, atol=1e-6)
    np.testing.assert_allclose(model.predict_proba(X), theirs.predict_proba(X), atol=1e-6)


def test_units_do_not_matter():
    rng = np.random.default_rng(3)
    X = rng.standard_normal((500, 3))
    y = (X.sum(axis=1) + rng.standard_normal(500)).round().clip(-1, 1)
    units = np.array([1e8, 1.0, 1e-8])
    for classes in (y, y > 0):
        plain = fastml.LogisticRegression(C=np.inf).fit(X, classes)
        scaled = fastml.LogisticRegression(C=np.inf).fit(X * units + 10 * units, classes)
        np.testing.assert_allclose(scaled.coef_ * units, plain.coef_, rtol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_same_bits_for_any_number_of_threads(n_classes, shared_work):
    rng = np.random.default_rng(4)
    X = rng.standard_normal((20001, 18)).astype(np.float32)
    y = rng.integers(0, n_classes, 20001)
    results = []
    for threads in (1, 2, 3, 7, 64):
        with fastml.num_threads(threads):
            results.append(fastml.LogisticRegression().fit(X, y, np.arange(20001) % 5))
    for other in results[1:]:
        np.testing.assert_array_equal(results[0].coef_, other.coef_)
        np.testing.assert_array_equal(results[0].intercept_, other.intercept_)


def test_weights_of_zero_are_dropped_rows():
    rng = np.random.default_rng(5)
    X, y = rng.standard_normal((400, 4)), rng.integers(0, 2, 400)
    kept = np.arange(400) >= 300
    X[~kept] *= 1e6
    weighted = fastml.LogisticRegression().fit(X, y, kept * 1.0)
    dropped = fastml.LogisticRegression().fit(X[kept], y[kept])
    np.testing.assert_allclose(weighted.coef_, dropped.coef_, rtol=1e-8)


def test_separated_without_penalty_says_so():
    X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    with pytest.warns(ConvergenceWarning, match="perfectly separated"):
        model = fastml.LogisticRegression(C=np.inf).fit(X, [0, 0, 1, 1])
    assert np.isfinite(model.coef_).all()
    np.testing.assert_array_equal(model.predict(X), [0, 0, 1, 1])


@pytest.mark.parametrize("C", [1.0, np.inf])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_all_weight_on_one_class_says_so(n_classes, C):
    rng = np.random.default_rng(6)
    X, y = rng.standard_normal((60, 3)), np.arange(60) % n_classes
    model = fastml.LogisticRegression(C=C)
    with pytest.warns(ConvergenceWarning, match="sample weight is on one class"):
        model.fit(X, y, sample_weight=1.0 * (y == 1))
    assert np.isfinite(model.coef_).all()
    assert (model.predict(X) == 1).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fastml.LogisticRegression(fit_intercept=False).fit(X, y, sample_weight=1.0 * (y == 1))


def test_hardly_penalised_and_separated_says_so():
    X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    with pytest.warns(ConvergenceWarning, match="perfectly separated and little is penalised"):
        fastml.LogisticRegression(C=1e300).fit(X, [0, 0, 1, 1])


def test_warm_start_is_converged_at_once():
    rng = np.random.default_rng(6)
    X, y = rng.standard_normal((200, 3)) + 5, rng.integers(0, 3, 200)
    model = fastml.LogisticRegression(warm_start=True).fit(X, y)
    assert model.n_iter_[0] > 1
    assert model.fit(X, y).n_iter_[0] <= 1


def test_errors_leave_the_model_as_it_was():
    X, y = np.arange(8.0).reshape(4, 2) % 5, np.array([0, 1, 0, 1])
    model = fastml.LogisticRegression().fit(X, y)
    before = dict(vars(model))
    for wrong, labels, message in (
        (np.full((4, 2), np.nan), y, "Input X contains NaN"),
        (X, np.zeros(4), "at least 2 classes"),
        (X, y[:3], "inconsistent numbers of samples"),
        (X, np.arange(4) + 0.5, "Unknown label type"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(wrong, labels)
        assert vars(model) == before


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 16, 4500, 8999])
def test_one_number_that_is_not_finite_is_found(at, value, n_classes):
    """Nobody looks for it beforehand; some rows are in the sample, some are not."""
    rng = np.random.default_rng(at)
    X = rng.standard_normal((9000, 3)).astype(np.float32)
    y = (X @ rng.standard_normal((3, n_classes)) + rng.gumbel(size=(9000, n_classes))).argmax(1)
    X[at, 1] = value
    with pytest.raises(ValueError, match="Input X contains"):
        fastml.LogisticRegression().fit(X, y)
    with pytest.raises(ValueError, match="Input X contains"):
        fastml.LogisticRegression().fit(X, y, np.where(np.arange(9000) == at, 0.0, 1.0))
    with pytest.raises(ValueError, match="Input X contains"):  # as scikit-learn says it first
        fastml.LogisticRegression().fit(X, np.zeros(9000))


def test_delegated_fits_say_why():
    X, y = np.arange(8.0).reshape(4, 2) % 5, [0, 1, 0, 1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert fastml.LogisticRegression(solver="saga").fit(X, y).computed_by_ == (
            "scikit-learn: solver='saga'"
        )


@pytest.mark.parametrize("C", [1.0, 21.5, 166.0, 1e4])
def test_many_classes_nearly_separated(C):
    from sklearn.datasets import load_iris

    X, y = load_iris(return_X_y=True)
    model = fastml.LogisticRegression(C=C).fit(X, y)
    theirs = linear_model.LogisticRegression(
        C=C, solver="newton-cholesky", tol=1e-14, max_iter=1000
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(X, y)
    np.testing.assert_allclose(model.coef_, theirs.coef_, atol=1e-5)


def plenty(n_classes, n=30000, d=12, dtype="float32"):
    """Enough rows for a sample to be fitted first."""
    rng = np.random.default_rng(7)
    X = (rng.standard_normal((n, d)) * 10.0 ** rng.uniform(-4, 4, d) + 3).astype(dtype)
    logits = (X - 3) / X.std(axis=0) @ rng.standard_normal((d, n_classes))
    return X, (logits + rng.gumbel(size=logits.shape)).argmax(axis=1), rng.integers(0, 3, n) * 1.0


def mean_gradient(model, X, y, weights, alpha=1.0):
    """Return the gradient of the mean loss, of columns of unit variance."""
    X = X.astype(np.float64)
    P = model.predict_proba(X)
    P = P[:, 1:] if len(model.classes_) == 2 else P
    own = y[:, None] == (model.classes_[1:] if P.shape[1] == 1 else model.classes_)
    residual = (P - own) * weights[:, None]
    scale = X.std(axis=0)
    gradient = (residual.T @ (X - X.mean(axis=0)) + alpha * model.coef_) / scale
    return max(np.abs(gradient).max(), np.abs(residual.sum(axis=0)).max()) / weights.sum()


@pytest.mark.parametrize("n_classes", [2, 3, 6])
@pytest.mark.parametrize("weighted", [True, False])
def test_a_sample_first_leaves_the_minimum_where_it_is(n_classes, weighted):
    X, y, weights = plenty(n_classes, dtype="float64")
    given = weights if weighted else None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = fastml.LogisticRegression().fit(X, y, given)
    assert model.n_iter_[0] <= 20
    assert mean_gradient(model, X, y, weights if weighted else np.ones(len(X))) < 1e-9


def test_objective_with_a_sample_first():
    X, y, _ = plenty(2, dtype="float64")
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    model = fastml.LogisticRegression(fit_intercept=False).fit(X, y)
    expected = newton_logistic(X, y, 1.0)
    np.testing.assert_allclose(model.coef_[0], expected, rtol=1e-8)


def test_rows_in_an_order_that_misleads_the_sample():
    """Every sixteenth row is of one class, or an outlier."""
    X, y, _ = plenty(2, dtype="float64")
    for change in ("class", "outlier"):
        X_, y_ = X.copy(), y.copy()
        if change == "class":
            y_[::16] = 1
        else:
            X_[::16] *= 1e3
        model = fastml.LogisticRegression().fit(X_, y_)
        assert mean_gradient(model, X_, y_, np.ones(len(X))) < 1e-9, change


def test_many_classes_of_many_features():
    rng = np.random.default_rng(8)
    X = (rng.standard_normal((2500, 130)) @ rng.standard_normal((130, 130))).astype(np.float32)
    y = (X[:, :9] + 5 * rng.gumbel(size=(2500, 9))).argmax(axis=1)
    results = []
    for threads in (1, 2, 7):
        with fastml.num_threads(threads):
            results.append(fastml.LogisticRegression(C=0.1).fit(X, y))
    for model in results[1:]:
        np.testing.assert_array_equal(model.coef_, results[0].coef_)
    assert mean_gradient(results[0], X, y, np.ones(2500), 10.0) < 1e-6  # coef_ is float32


@pytest.mark.checked
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_classes", [2, 3, 8, 11, 17])
@pytest.mark.parametrize("order", ["C", "F"])
def test_predictions_are_scikit_learns_and_each_rows_own(n_classes, order, dtype):
    rng = np.random.default_rng(9)
    X = np.asarray(rng.standard_normal((333, 19)), dtype, order=order)
    y = np.arange(333) % n_classes
    model = fastml.LogisticRegression().fit(X, y)
    theirs = linear_model.LogisticRegression().fit(X, y)
    theirs.coef_, theirs.intercept_ = model.coef_, model.intercept_
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    for name in ("decision_function", "predict_proba", "predict_log_proba"):
        ours, expected = getattr(model, name)(X), getattr(theirs, name)(X)
        np.testing.assert_allclose(ours, expected, rtol=tolerance, atol=tolerance)
        assert ours.dtype == expected.dtype
        assert ours.shape == expected.shape
        alone = np.concatenate([getattr(model, name)(X[i : i + 1]) for i in range(40)])
        np.testing.assert_array_equal(alone, ours[:40])
    scores = model.decision_function(X)
    codes = scores.argmax(axis=1) if n_classes > 2 else (scores > 0) * 1
    np.testing.assert_array_equal(model.predict(X), codes)


def test_predictions_of_what_is_no_plain_matrix():
    X, y, _ = plenty(3, n=300, d=4)
    model = fastml.LogisticRegression(max_iter=1000).fit(X, y)
    for wrong, message in (
        (np.full((2, 4), np.nan), "Input X contains NaN"),
        (np.full((20, 4), np.inf), "Input X contains infinity"),
        (X[:, :3], "X has 3 features"),
        (X[0], "Expected 2D array"),
    ):
        for method in (model.predict, model.predict_proba, model.decision_function):
            with pytest.raises(ValueError, match=message):
                method(wrong)
    np.testing.assert_array_equal(model.predict(X.tolist()), model.predict(X.astype(np.float64)))
    np.testing.assert_array_equal(model.sparsify().predict(X), model.densify().predict(X))
    with pytest.raises(Exception, match="not fitted"):
        fastml.LogisticRegression().predict(X)


def test_an_interrupt_leaves_the_model_as_it_was():
    import signal

    X, y, _ = plenty(3, n=400_000, d=40)
    model = fastml.LogisticRegression().fit(X[:2000], y[:2000])
    before = dict(vars(model))

    def interrupt(number, frame):
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, y)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is before[name] for name in before)


def test_tol_is_enough_where_steps_run_out():
    """A gradient below tol is no reason to warn."""
    X, y, _ = plenty(2, n=2000, d=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fastml.LogisticRegression(max_iter=3, tol=0.5).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="failed to converge after 1"):
        fastml.LogisticRegression(max_iter=1, tol=1e-12).fit(X, y)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("n", [100, 20000])
def test_numbers_whose_squares_overflow_are_left_to_scikit_learn(n_classes, n):
    rng = np.random.default_rng(10)
    X = rng.standard_normal((n, 3)) * [1, 1e200, 1]
    model = fastml.LogisticRegression(max_iter=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, np.arange(n) % n_classes)
    assert model.computed_by_ in ("fastml", "scikit-learn: numbers overflow")
    assert model.predict(X).shape == (n,)
