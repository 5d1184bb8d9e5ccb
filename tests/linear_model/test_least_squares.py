"""Least squares against exact rational solutions, in any units, for any number of threads."""

from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse
from sklearn import linear_model

import fastml
from fastml.linear_model import _dense


def exact_solution(X, y, weights=None, *, intercept=True, alpha=0):
    """Solve the normal equations of the given numbers in rational arithmetic."""
    rows = [[Fraction(float(v)) for v in row] + [Fraction(1)] * intercept for row in X]
    w = [Fraction(float(v)) for v in (np.ones(len(X)) if weights is None else weights)]
    d = len(rows[0])
    system = [[Fraction(0)] * (d + 1) for _ in range(d)]
    for row, target, weight in zip(rows, y, w, strict=True):
        whole = [*row, Fraction(float(target))]
        for i in range(d):
            left = weight * whole[i]
            for j in range(d + 1):
                system[i][j] += left * whole[j]
    for i in range(d - intercept):
        system[i][i] += Fraction(alpha)
    for i in range(d):
        pivot = next(k for k in range(i, d) if system[k][i] != 0)
        system[i], system[pivot] = system[pivot], system[i]
        for k in range(i + 1, d):
            factor = system[k][i] / system[i][i]
            for j in range(i, d + 1):
                system[k][j] -= factor * system[i][j]
    solution = [Fraction(0)] * d
    for i in reversed(range(d)):
        known = sum(system[i][j] * solution[j] for j in range(i + 1, d))
        solution[i] = (system[i][d] - known) / system[i][i]
    return np.array([float(v) for v in solution])


def found(model):
    return np.append(np.asarray(model.coef_, np.float64), float(model.intercept_))


def assert_exact(model, X, y, weights=None, tolerance=1e-6, **options):
    expected = exact_solution(X, y, weights, **options)
    assert model.computed_by_ == "fastml"
    np.testing.assert_allclose(found(model), expected, rtol=tolerance, atol=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6, 1e8])
def test_offsets(dtype, offset):
    rng = np.random.default_rng(0)
    X = (rng.integers(-500, 500, (80, 3)) * 16.0 + offset).astype(dtype)
    y = X.astype(np.float64) @ [1.0, 2.0, -3.0] + rng.standard_normal(80) + 2
    model = fastml.LinearRegression().fit(X, y)
    assert_exact(model, X, y)
    if dtype == "float64":
        assert_exact(model, X, y, tolerance=1e-8)


def test_units_do_not_decide_the_rank():
    rng = np.random.default_rng(1)
    X = np.column_stack(
        [np.exp(17 + rng.standard_normal(200)), 0.01 * rng.random(200), rng.integers(1, 90, 200)]
    )
    y = X @ [3e-6, 900.0, 0.1] + 5
    model = fastml.LinearRegression().fit(X, y)
    assert model.rank_ == 3
    assert_exact(model, X, y, tolerance=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("of_X", "of_y"), [(-500, 0), (-525, 0), (-900, -20), (-300, -600), (0, -900)]
)
def test_squares_that_vanish(of_X, of_y, weighted):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((90, 4))
    y = X @ [1.0, 2.0, -3.0, 4.0] + rng.standard_normal(90) + 2
    weights = rng.uniform(0.5, 2, 90) if weighted else None
    small, units = X.copy(), np.array([0, of_X, of_X, 0]) if of_y == 0 else np.full(4, of_X)
    small = np.ldexp(small, units)
    for rows, targets in ((small, np.ldexp(y, of_y)), (np.ldexp(X, of_X), np.ldexp(y, of_y))):
        model = fastml.LinearRegression().fit(rows, targets, weights)
        assert model.rank_ == 4
        assert_exact(model, rows, targets, weights, tolerance=1e-9)
    table = fastml.LinearRegression().fit(fastml.blocks(rows), targets, weights)
    assert found(table).tobytes() == found(model).tobytes()
    if of_X:  # without the rows nothing can be done
        with pytest.raises(ValueError, match="underflow: scale X and y"):
            fastml.LinearRegression().partial_fit(rows, targets, weights)


def test_constant_targets():
    X = np.random.default_rng(0).standard_normal((90, 4))
    model = fastml.LinearRegression().fit(X, np.full(90, 0.1))
    assert (model.coef_ == 0).all()
    assert model.intercept_ == 0.1


def test_first_block_far_from_the_rest():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((6000, 2))
    X[:256] += 1e9
    X[256:] *= 1e-3
    y = X @ [1.0, -2.0] + 1
    model = fastml.LinearRegression().fit(X[256:], y[256:])
    weights = (np.arange(6000) >= 256) * 1.0
    dropped = fastml.LinearRegression().fit(X, y, weights)
    np.testing.assert_allclose(dropped.coef_, model.coef_, rtol=1e-12)
    np.testing.assert_allclose(dropped.intercept_, model.intercept_, rtol=1e-12)


def test_weights_over_twenty_orders_of_magnitude():
    rng = np.random.default_rng(3)
    X = rng.standard_normal((60, 3))
    y = X @ [1.0, 2.0, 3.0] + rng.standard_normal(60)
    weights = 10.0 ** rng.uniform(-10, 10, 60)
    model = fastml.LinearRegression().fit(X, y, weights)
    assert_exact(model, X, y, weights)


@pytest.mark.parametrize("degree", [5, 9])
def test_collinear_polynomials(degree):
    x = np.linspace(1, 2, 50)
    X = x[:, None] ** np.arange(1, degree + 1)
    y = np.sin(x)
    model = fastml.LinearRegression().fit(X, y)
    residual = y - X @ model.coef_ - model.intercept_
    expected = exact_solution(X, y)
    best = y - X @ expected[:-1] - expected[-1]
    assert model.rank_ == degree
    assert np.linalg.norm(residual) <= np.linalg.norm(best) * (1 + 1e-6) + 1e-12
    if degree == 5:
        np.testing.assert_allclose(found(model), expected, rtol=1e-6)


def test_constant_and_repeated_columns():
    rng = np.random.default_rng(4)
    x = rng.standard_normal(50)
    X = np.column_stack([x, np.full(50, 1e8 + 0.1), x, 2 * x])
    model = fastml.LinearRegression().fit(X, 6 * x + 1)
    assert model.rank_ == 1
    np.testing.assert_allclose(model.coef_, [1, 0, 1, 2], rtol=1e-12, atol=1e-14)


def test_fewer_rows_than_features_is_the_minimum_norm():
    rng = np.random.default_rng(5)
    X, y = rng.standard_normal((7, 20)), rng.standard_normal(7)
    model = fastml.LinearRegression(fit_intercept=False).fit(X, y)
    np.testing.assert_allclose(model.coef_, np.linalg.pinv(X) @ y, rtol=1e-10)
    assert model.rank_ == 7


@pytest.mark.checked
@pytest.mark.parametrize("alpha", [1e-12, 1e-3, 1.0, 1e6])
@pytest.mark.parametrize("intercept", [True, False])
def test_ridge(alpha, intercept):
    rng = np.random.default_rng(6)
    X = rng.standard_normal((40, 4)) * [1, 1e3, 1e-3, 1]
    X[:, 3] = X[:, 0]
    y = rng.standard_normal(40)
    model = fastml.Ridge(alpha, fit_intercept=intercept).fit(X, y)
    expected = exact_solution(X, y, intercept=intercept, alpha=alpha)
    actual = found(model) if intercept else model.coef_
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_ridge_of_several_targets_and_penalties():
    rng = np.random.default_rng(7)
    X, Y = rng.standard_normal((30, 3)), rng.standard_normal((30, 2))
    alphas, weights = np.array([0.5, 20.0]), rng.random(30)
    model = fastml.Ridge(alphas).fit(X, Y, weights)
    theirs = linear_model.Ridge(alphas).fit(X, Y, weights)
    np.testing.assert_allclose(model.coef_, theirs.coef_, rtol=1e-10)
    np.testing.assert_allclose(model.intercept_, theirs.intercept_, rtol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (9000, 5), (4097, 33), (20000, 17)])
def test_same_bits_for_any_number_of_threads(shape, dtype, shared_work):
    rng = np.random.default_rng(8)
    X, Y = rng.standard_normal(shape).astype(dtype), rng.standard_normal((shape[0], 2))
    weights = rng.random(shape[0])
    results = []
    for threads in (1, 2, 3, 7, 64):
        with fastml.num_threads(threads):
            results.append(fastml.gram(X, Y, weights))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_same_bits_in_any_memory_order():
    rng = np.random.default_rng(11)
    X, Y = rng.standard_normal((502, 37)), rng.standard_normal((502, 2))
    wide = np.zeros((502, 74))
    wide[:, ::2] = X
    first = fastml.gram(X, Y)
    for other in (np.asfortranarray(X), wide[:, ::2], X[::-1].copy()[::-1]):
        for a, b in zip(first, fastml.gram(other, np.asfortranarray(Y)), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.checked
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 15), (257, 16), (300, 14), (5000, 31), (600, 70)])
def test_gram_is_the_reference(shape, order, dtype):
    from fastml.reference.linear_model import gram

    rng = np.random.default_rng(9)
    X = np.asarray(rng.standard_normal(shape) + 1e3, dtype, order=order)
    Y = rng.standard_normal((shape[0], 3)) - 50
    weights = rng.integers(0, 3, shape[0]) + 0.0
    weights[0] = 2
    for w in (None, weights):
        actual = fastml.gram(X, Y, w)
        for a, b in zip(actual, gram(X, Y, w), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11 * shape[0])


def test_errors_leave_the_model_as_it_was():
    X = np.arange(12.0).reshape(6, 2)
    X[:, 1] **= 2
    for model in (fastml.LinearRegression(), fastml.Ridge()):
        model.fit(X, X[:, 0])
        before = dict(vars(model))
        for wrong, y, message in (
            (np.full((3, 2), np.nan), np.ones(3), "Input X contains NaN"),
            (X, np.full(6, np.inf), "Input y contains infinity"),
            (X, np.ones(5), "inconsistent numbers of samples"),
            (X[0], np.ones(1), "Expected 2D array"),
        ):
            with pytest.raises(ValueError, match=message):
                model.fit(wrong, y)
            assert vars(model) == before


def test_sparse_targets_are_refused_in_scikit_learns_words():
    X, y = np.eye(5)[:, :2], sparse.csr_array(np.ones((5, 1)))
    for kind in (fastml.LinearRegression, fastml.Ridge):
        with pytest.raises(TypeError, match="Sparse data was passed"):
            kind().fit(X, y)


def test_delegated_fits_say_why():
    X, y = np.arange(8.0).reshape(4, 2) % 5, np.arange(4.0)
    model = fastml.LinearRegression(positive=True).fit(X, y)
    assert model.computed_by_ == "scikit-learn: positive=True"
    np.testing.assert_array_equal(
        model.coef_, linear_model.LinearRegression(positive=True).fit(X, y).coef_
    )
    assert fastml.Ridge(solver="lsqr").fit(X, y).computed_by_ == "scikit-learn: solver='lsqr'"
    assert fastml.Ridge().fit(X, y).computed_by_ == "fastml"


def test_singular_values():
    rng = np.random.default_rng(10)
    X = rng.standard_normal((100, 5)) * [1, 10, 100, 1e-3, 1]
    model = fastml.LinearRegression().fit(X, X[:, 0])
    np.testing.assert_allclose(
        model.singular_, np.linalg.svd(X - X.mean(axis=0), compute_uv=False), rtol=1e-10
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("alpha", [1e-6, 1.0, np.array([0.5, 30.0])])
@pytest.mark.parametrize("intercept", [True, False])
def test_ridge_of_fewer_rows_than_features(dtype, alpha, intercept):
    rng = np.random.default_rng(11)
    X, Y = rng.standard_normal((9, 40)).astype(dtype), rng.standard_normal((9, 2))
    weights = rng.integers(0, 3, 9) * 1.0
    weights[0] = 1
    model = fastml.Ridge(alpha, fit_intercept=intercept).fit(X, Y, weights)
    theirs = linear_model.Ridge(alpha, fit_intercept=intercept, solver="svd")
    theirs.fit(X.astype(np.float64), Y, weights)
    assert model.computed_by_ == "fastml"
    np.testing.assert_allclose(model.coef_, theirs.coef_, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.intercept_, theirs.intercept_, rtol=1e-5, atol=1e-6)


@pytest.mark.checked
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("kind", [fastml.LinearRegression, fastml.Ridge])
def test_wide_float32_is_as_exact_as_float64(kind, intercept, weighted):
    """Products of float32 quality, refined with float64 residuals."""
    rng = np.random.default_rng(12)
    X = (rng.standard_normal((5000, 150)) * 10.0 ** rng.uniform(-3, 3, 150)).astype(np.float32)
    X[:, :20] += X[:, :20].std(axis=0) * rng.uniform(0, 30, 20).astype(np.float32)
    Y = X[:, :2].astype(np.float64) @ rng.standard_normal((2, 2)) + rng.standard_normal((5000, 2))
    weights = rng.random(5000) if weighted else None
    model = kind(fit_intercept=intercept).fit(X, Y, weights)
    expected = kind(fit_intercept=intercept).fit(X.astype(np.float64), Y, weights)
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-6, atol=0)
    np.testing.assert_allclose(model.intercept_, expected.intercept_, rtol=1e-6)


@pytest.mark.parametrize("few_products", [0, 1 << 40])
def test_wide_float32_beyond_its_squares(few_products, monkeypatch):
    monkeypatch.setattr(_dense, "_FEW_PRODUCTS", few_products)  # in float32 first, or in float64
    rng = np.random.default_rng(13)
    units = 10.0 ** np.where(np.arange(140) % 2, 22, -25)
    X = (rng.standard_normal((300, 140)) * units).astype(np.float32)
    y = (X.astype(np.float64) / units) @ rng.standard_normal(140)
    model = fastml.LinearRegression().fit(X.astype(np.float64), y)
    single = fastml.LinearRegression().fit(X, y)
    assert single.rank_ == 140
    np.testing.assert_allclose(single.coef_, model.coef_, rtol=3e-7)


def test_memory_maps_are_not_copied(tmp_path):
    rng = np.random.default_rng(14)
    X = rng.standard_normal((30000, 20))
    y = X[:, 0] + rng.standard_normal(30000)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    import tracemalloc

    fastml.LinearRegression().fit(X, y)  # compiled
    tracemalloc.start()
    model = fastml.LinearRegression().fit(mapped, y)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < X.nbytes / 2
    np.testing.assert_array_equal(model.coef_, fastml.LinearRegression().fit(X, y).coef_)
    np.testing.assert_array_equal(model.predict(mapped), model.predict(X))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [fastml.LinearRegression, fastml.Ridge])
def test_three_million_whole_numbers(kind, dtype):
    """float32 sums of peers lose the intercept: -0.46, or -33."""
    X = np.arange(3_000_000, dtype=dtype)[:, None]
    model = kind().fit(X, 3.0 * X[:, 0].astype(np.float64) + 2)
    np.testing.assert_allclose(model.coef_, [3.0], rtol=1e-9)
    np.testing.assert_allclose(model.intercept_, 2.0, rtol=1e-6)
    assert model.computed_by_ == "fastml"
