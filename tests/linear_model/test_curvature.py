"""Second derivatives of the logistic loss, and what divides by them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

import fastml
from fastml.linear_model._factor import Factor
from fastml.linear_model._logistic_fit import _MEMORY, _Pairs, fit_logistic
from fastml.linear_model._logistic_passes import Samples
from fastml.linear_model._objective import Problem
from fastml.reference.linear_model import sigmoid


def some_rows(n, d, n_classes, dtype=np.float64, offset=0.0):
    random = np.random.default_rng(n + d)
    X = (random.standard_normal((n, d)) + offset).astype(dtype)
    W = random.standard_normal((d, n_classes)) * 2 / np.sqrt(d)
    labels = ((X - offset) @ W + random.gumbel(size=(n, n_classes))).argmax(axis=1)
    return X, labels.astype(np.int32)


def second_derivative(X, W, shift):
    """Return the derivative (K, width, K, width), by the definition."""
    rows = np.column_stack([X - shift, np.ones(len(X))])
    z = rows @ W.T
    if len(W) == 1:
        p = sigmoid(z)
        A = (p * (1 - p))[:, :, None]
    else:
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        A = p[:, :, None] * (np.eye(len(W)) - p[:, None])
    return np.einsum("nab,ni,nj->aibj", A, rows, rows)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("scaled", [True, False], ids=["scaled", "anew"])
def test_along_the_coefficients_it_is_the_second_derivative(n_classes, intercept, scaled):
    X, labels = some_rows(300, 6, n_classes, offset=3.0)
    K = 1 if n_classes == 2 else n_classes
    problem = Problem(Samples(X, labels, np.empty(0)), K, 0.5, intercept)
    W = np.random.default_rng(1).standard_normal((K, 7))
    W[:, problem.used :] = 0
    curvature = problem.products_curvature(W, problem.products_curvature() if scaled else None)
    divide, used = problem.divide_by(curvature), problem.used
    unit = np.eye(K * 7).reshape(K, 7, K, 7)[:, :used].reshape(K * used, K, 7)
    inverse = np.array([divide(g)[:, :used].ravel() for g in unit])
    np.testing.assert_allclose(inverse, inverse.T, atol=1e-12)
    assert np.linalg.eigvalsh(inverse).min() > 0

    H = second_derivative(X, W, problem.shift)[:, :used, :, :used]
    H += np.einsum("ab,ij->aibj", np.eye(K), np.diag(problem.penalty[:used]))
    V = curvature.inside.directions
    if K > 1:  # along vectors equal for all classes, where the loss is flat, anything will do
        H += np.einsum("ab,ij->aibj", np.full((K, K), 1 / K**2), curvature.H)
    found = np.linalg.inv(inverse).reshape(K, used, K, used)
    found, H = (np.einsum("ji,aibk,lk->ajbl", V, A, V) for A in (found, H))
    np.testing.assert_allclose(found, H, rtol=1e-5, atol=1e-6 * np.abs(H).max())


def test_directions_that_depend_on_others_do_no_harm():
    X, labels = some_rows(200, 2, 5)
    problem = Problem(Samples(X, labels, np.empty(0)), 5, 1.0, True)
    W = np.random.default_rng(1).standard_normal((5, 3))
    W[1] = W[0]
    step = problem.divide_by(problem.products_curvature(W))(W)
    assert np.isfinite(step).all()
    assert (step * W).sum() > 0


@pytest.mark.parametrize(("n", "d", "n_classes"), [(5000, 5, 3), (4097, 40, 10), (1000, 150, 12)])
def test_products_in_float32_find_objective_and_gradient(n, d, n_classes):
    X, labels = some_rows(n, d, n_classes, np.float32, 100.0)
    problem = Problem(Samples(X, labels, np.empty(0)), n_classes, 1.0, True)
    W = np.random.default_rng(1).standard_normal((n_classes, d + 1)) / np.sqrt(d)
    found = []
    for n_threads in (1, 3):
        with fastml.num_threads(n_threads):
            found.append(problem.evaluate(W, single=True))
    value, gradient, _ = problem.evaluate(W)
    assert found[0][0] == found[1][0]
    np.testing.assert_array_equal(found[0][1], found[1][1])
    assert found[0][0] != value  # in float32 indeed
    assert abs(found[0][0] - value) <= 1e-6 * value
    assert np.abs(found[0][1] - gradient).max() <= 1e-5 * np.abs(gradient).max()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_coefficients_reach_the_minimum_in_few_steps(dtype):
    X, labels = some_rows(4000, 120, 10, dtype, 10.0)
    X *= np.ldexp(1.0, np.arange(120) % 20 - 10).astype(dtype)
    rows = Samples(X, labels, np.empty(0))
    found = fit_logistic(rows, 10, 1.0, True, 100, 1e-4)
    assert found.converged
    assert found.n_iter <= 25
    problem = Problem(rows, 10, 1.0, True, np.zeros(120))
    _, gradient, _ = problem.evaluate(found.W)
    # In the units of the columns, in which the largest entry means something.
    scale = np.append(X.std(axis=0), 1.0)
    assert np.abs(gradient / scale).max() <= 1e-8 * len(X)


def test_two_classes_of_many_features_reach_the_minimum_in_few_steps():
    X, labels = some_rows(3000, 450, 2)
    rows = Samples(X, labels, np.empty(0))
    found = fit_logistic(rows, 1, 1.0, True, 100, 1e-4)
    assert found.converged
    assert found.n_iter <= 25
    _, gradient, _ = Problem(rows, 1, 1.0, True, np.zeros(450)).evaluate(found.W)
    assert np.abs(gradient).max() <= 1e-9 * len(X)


def test_float32_rows_take_no_more_steps_than_float64():
    """Rounding must not move all classes alike: a weak penalty takes long to lead back."""
    X, labels = load_digits(return_X_y=True)
    steps = []
    for dtype in (np.float64, np.float32):
        rows = Samples(X.astype(dtype), labels.astype(np.int32), np.empty(0))
        found = fit_logistic(rows, 10, 1.0, True, 100, 1e-4)
        assert found.converged
        steps.append(found.n_iter)
    assert steps[1] <= steps[0] + 5


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_what_margins_say_is_the_second_derivative_along_the_coefficients(intercept, weighted):
    X, labels = some_rows(5000, 6, 2, offset=3.0)
    weights = np.random.default_rng(3).uniform(0.1, 2.0, len(X)) if weighted else np.empty(0)
    problem = Problem(Samples(X, labels, weights), 1, 0.5, intercept)
    W = np.random.default_rng(1).standard_normal((1, 7))
    W[:, problem.used :] = 0
    at_zero = problem.products_curvature()
    value, gradient, along = problem.evaluate(W, along=True)
    plain = problem.evaluate(W)
    assert value == plain[0]
    assert (gradient == plain[1]).all()
    found = problem.scaled(W, at_zero, along, 1.0)
    known = problem.products_curvature(W, at_zero)
    assert found.inside is not None
    np.testing.assert_array_equal(found.inside.directions, known.inside.directions)
    np.testing.assert_allclose(found.inside.H, known.inside.H, rtol=1e-9)
    np.testing.assert_allclose(found.inside.products, known.inside.products, rtol=1e-9)
    np.testing.assert_allclose(found.scale * found.H, known.H, rtol=1e-9)


def test_steps_of_a_middle_size_end_where_newtons_do(monkeypatch):
    X, labels = some_rows(700, 60, 2)
    found = []
    for most in (400, 8):
        monkeypatch.setattr("fastml.linear_model._logistic_fit._MOST_DIRECT", most)
        found.append(fit_logistic(Samples(X, labels, np.empty(0)), 1, 1.0, True, 100, 1e-4))
    assert found[1].converged
    assert found[0].n_iter != found[1].n_iter
    np.testing.assert_allclose(found[0].W, found[1].W, atol=1e-8 * np.abs(found[0].W).max())


@pytest.mark.parametrize("size", [1, 7, 8, 33])
def test_pairs_of_steps_divide_as_the_recursion_says(size):
    random = np.random.default_rng(size)
    pairs, kept = _Pairs((1, size)), []
    scales = random.uniform(0.5, 2.0, size)
    for _ in range(_MEMORY + 3):  # the oldest are forgotten
        step = random.standard_normal((1, size))
        change = scales * step
        pairs.add(step, change)
        kept.append((step, change))
    pairs.add(np.ones((1, size)), -np.ones((1, size)))  # no curvature: not remembered
    assert pairs.count == _MEMORY
    gradient = random.standard_normal((1, size))
    q, factors = gradient.copy(), []
    for s, y in reversed(kept[-_MEMORY:]):
        factors.append((s * q).sum() / (s * y).sum())
        q = q - factors[-1] * y
    q = 3.0 * q
    for (s, y), factor in zip(kept[-_MEMORY:], reversed(factors), strict=True):
        q = q + s * (factor - (y * q).sum() / (s * y).sum())
    found = pairs.divided(gradient, lambda right: 3.0 * right)
    np.testing.assert_allclose(found, q, rtol=1e-9, atol=1e-9 * np.abs(q).max())


@pytest.mark.parametrize("size", [1, 2, 9, 40])
def test_the_condition_is_seen_to_a_factor(size):
    random = np.random.default_rng(size)
    for least in (1.0, 1e-4, 1e-9):
        Q = np.linalg.qr(random.standard_normal((size, size)))[0]
        A = (Q * np.geomspace(1.0, least, size)) @ Q.T
        factor = Factor((A + A.T) / 2)
        scales = np.sqrt(np.diag(A))
        scaled = A / scales / scales[:, None]
        truth = 1 / np.linalg.cond(scaled, 1)
        assert truth / 10 <= factor.reciprocal_condition() <= 10 * truth


@pytest.mark.checked
@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 16, 17, 40, 65])
@pytest.mark.parametrize("count", [1, 3, 4, 5, 8, 11])
def test_a_right_side_is_solved_to_the_same_bits_in_any_company(size, count):
    random = np.random.default_rng(size)
    A = random.standard_normal((size + 3, size))
    factor = Factor(A.T @ A)
    B = random.standard_normal((count, size))
    together = factor.solve(B)
    for k in range(count):
        np.testing.assert_array_equal(together[k : k + 1], factor.solve(B[k : k + 1]))
    np.testing.assert_allclose(together @ (A.T @ A), B, atol=1e-8)
