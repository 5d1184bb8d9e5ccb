"""Gram matrices: the same bits whether panels are packed before, or while others are used."""

from __future__ import annotations

import numpy as np
import pytest

from fastml.core.threads import num_threads
from fastml.linear_model._moments import raw_products


def problem(n, d, dtype, n_targets):
    random = np.random.default_rng(n + d)
    X = random.normal(size=(n, d)).astype(dtype)
    Y = random.normal(size=(n, n_targets))
    roots = np.sqrt(random.uniform(0.0, 2.0, n))
    shift = X[0].astype(np.float64)
    return X, Y, roots, np.append(shift, np.zeros(n_targets))


@pytest.mark.checked
@pytest.mark.parametrize("kinds", [("f8", "f8"), ("f4", "f8"), ("f4", "f4")])
@pytest.mark.parametrize("d", [1, 6, 7, 13, 14, 15, 16, 22, 28, 31, 32, 33, 49, 100])
@pytest.mark.parametrize("n", [1, 255, 256, 512, 513, 769, 4096, 4097, 5000])
def test_rows_where_they_lie_and_rows_by_columns_have_the_same_bits(n, d, kinds):
    X, Y, roots, shift = problem(n, d, kinds[0], 1)
    for weights in (None, roots):
        found = raw_products(X, Y, weights, shift, np.dtype(kinds[1]).type)
        by_columns = raw_products(np.asfortranarray(X), Y, weights, shift, np.dtype(kinds[1]).type)
        np.testing.assert_array_equal(found, by_columns)
        wide = np.column_stack([X - shift[:d], Y, np.ones(n)])
        if weights is not None:
            wide *= weights[:, None]
        scale = np.sqrt((wide * wide).sum(axis=0))
        error = np.abs(found - wide.T @ wide) / (np.outer(scale, scale) + 1e-300)
        assert error.max() <= (1e-14 if kinds[1] == "f8" else 1e-5)
        np.testing.assert_array_equal(found, found.T)


@pytest.mark.checked
@pytest.mark.parametrize("kind", ["f8", "f4"])
@pytest.mark.parametrize("n_targets", [0, 1, 2, 17])
@pytest.mark.parametrize("d", [3, 14, 15, 30, 31, 47])
def test_targets_of_float32_have_the_bits_of_float64_ones(d, n_targets, kind):
    X, Y, roots, shift = problem(1300, d, "f4", n_targets)
    Y = Y.astype(np.float32)
    shift[d:] = Y[0]
    for weights in (None, roots):
        found = raw_products(X, Y, weights, shift, np.dtype(kind).type)
        wide = raw_products(X, Y.astype(np.float64), weights, shift, np.dtype(kind).type)
        np.testing.assert_array_equal(found, wide)


@pytest.mark.usefixtures("shared_work")
@pytest.mark.parametrize(("n", "d"), [(9000, 28), (9000, 600), (3000, 150), (5000, 300)])
@pytest.mark.parametrize("kind", ["f8", "f4"])
def test_the_same_bits_at_any_number_of_threads(n, d, kind):
    X, Y, _, shift = problem(n, d, "f4", 2)
    found = []
    for threads in (1, 2, 3, 7, 64):
        with num_threads(threads):
            found.append(raw_products(X, Y, None, shift, np.dtype(kind).type))
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])
