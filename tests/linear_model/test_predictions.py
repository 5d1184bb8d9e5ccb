"""Margins, probabilities and labels: of every shape, in every order, each row's own bits."""

import numpy as np
import pytest

import fastml
from fastml.linear_model import _predict


@pytest.fixture(params=[0, np.inf], ids=["team", "alone"], autouse=True)
def way(request, monkeypatch):
    """Have all but the fewest rows predicted by a team, or by the calling thread alone."""
    monkeypatch.setattr(_predict, "ALONE", request.param)


def exact_margins(X, coef, intercept):
    wide = X.astype(np.longdouble) @ coef.astype(np.longdouble).T + intercept.astype(np.longdouble)
    scale = np.abs(X).astype(np.longdouble) @ np.abs(coef).T + np.abs(intercept)
    return wide, scale


def problem(n, d, n_outputs, dtype, offset):
    rng = np.random.default_rng(n + d + n_outputs)
    X = np.asarray(rng.standard_normal((n, d)) + offset, dtype)
    return X, rng.standard_normal((n_outputs, d)), rng.standard_normal(n_outputs)


@pytest.mark.checked
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_outputs", [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 17])
@pytest.mark.parametrize("d", [1, 7, 8, 9, 28, 33, 512, 513, 1030])
def test_margins_are_exact_but_for_rounding_in_every_company(d, n_outputs, dtype):
    for n, offset in ((1, 0.0), (8, 1e6), (9, 0.0), (31, 0.0), (67, 1e6)):
        X, coef, intercept = problem(n, d, n_outputs, dtype, offset)
        found = _predict.decision(X, coef, intercept, np.float64)
        expected, scale = exact_margins(X, coef, intercept)
        # Two roundings a product and sum, of d + 1 of them: Higham, section 3.1.
        assert (np.abs(found - expected) <= (d + 2) * 2.0**-52 * scale).all()
        assert (np.abs(found - expected) <= 8 * np.sqrt(d + 2) * 2.0**-52 * scale).all()
        for others in (
            _predict.decision(np.asfortranarray(X), coef, intercept, np.float64),
            np.concatenate(
                [_predict.decision(X[i : i + 1].copy(), coef, intercept, np.float64)
                 for i in range(n)]
            ),
        ):  # fmt: skip
            np.testing.assert_array_equal(others, found)
        cut = n // 2
        np.testing.assert_array_equal(
            _predict.decision(X[cut:], coef, intercept, np.float64), found[cut:]
        )


@pytest.mark.checked
@pytest.mark.parametrize("n_outputs", [1, 2, 3, 5, 7, 10])
def test_labels_and_probabilities_are_those_of_the_margins(n_outputs):
    X, coef, intercept = problem(75, 21, n_outputs, "float64", 0.0)
    X[3] = X[4] = 0.0
    intercept[:] = 0.0  # ties go to the lowest
    margins = _predict.decision(X, coef, intercept, np.float64)
    labels = _predict.labels(X, coef, intercept, np.float64)
    expected = margins.argmax(axis=1) if n_outputs > 1 else (margins[:, 0] > 0) * 1
    np.testing.assert_array_equal(labels, expected)
    if n_outputs == 1:
        margins = np.column_stack([-margins / 2, margins / 2])
    margins -= margins.max(axis=1, keepdims=True)
    shares = np.exp(margins) / np.exp(margins).sum(axis=1, keepdims=True)
    for dtype, tolerance in ((np.float64, 1e-14), (np.float32, 1e-7)):
        found = _predict.probabilities(X, coef, intercept, dtype)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, shares, rtol=10 * tolerance, atol=tolerance)
    for n_threads in (1, 2, 3, 7):
        with fastml.num_threads(n_threads):
            again = _predict.probabilities(np.tile(X, (40, 1)), coef, intercept, np.float64)
        np.testing.assert_array_equal(again, np.tile(again[:75], (40, 1)))


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_found_wherever_it_stands(n_outputs, bad):
    for row, column in ((0, 0), (5, 8), (66, 0), (66, 20)):
        X, coef, intercept = problem(67, 21, n_outputs, "float32", 0.0)
        X[row, column] = bad
        with pytest.raises(ValueError, match="NaN" if np.isnan(bad) else "infinity"):
            _predict.labels(X, coef, intercept, np.float64)


def test_margins_may_overflow_where_rows_are_finite():
    X, coef, intercept = problem(40, 3, 2, "float64", 0.0)
    X[7] = [1e308, 1e308, 1e308]
    coef[:] = [[10.0, 10.0, 10.0], [-10.0, -10.0, -10.0]]
    assert (_predict.decision(X, coef, intercept, np.float64)[7] == [np.inf, -np.inf]).all()
    assert _predict.labels(X, coef, intercept, np.float64)[7] == 0
