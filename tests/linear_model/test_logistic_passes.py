"""A pass over rows where they lie and one over packed rows: the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from element_types import DTYPES

from fastml.core.passes import TreeSum
from fastml.core.threads import num_threads
from fastml.kernels.linear_model import logistic as kernel
from fastml.kernels.ops.gram import BLOCK_ROWS
from fastml.kernels.ops.strips import Rows
from fastml.linear_model._logistic_passes import Samples, pass_over


def problem(n, d, dtype, offset):
    random = np.random.default_rng(d)
    X = (random.normal(size=(n, d)) + offset).astype(dtype)
    shift = X[0].astype(np.float64)
    W = random.normal(size=(1, d + 1)) / np.sqrt(d + 1)
    return X, shift, W, random.integers(0, 2, n).astype(np.int32), random.uniform(0.1, 2.0, n)


@pytest.mark.checked
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [1, 7, 8, 15, 16, 17, 28, 33, 100])
@pytest.mark.parametrize("n", [127, 128, 300])
@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_rows_where_they_lie_give_what_packed_rows_do(n, d, dtype, offset):
    """Else a block that ends inside an array would have other bits than the array."""
    X, shift, W, target, weights = problem(n, d, dtype, offset)
    found = []
    for order in ("C", "F"):  # of one feature both orders are one
        rows = Rows.of(np.array(X, order=order), None, None, shift)
        found.append(pass_over(rows, target, weights, W, kernel.TWO_CLASSES))
    wide = np.column_stack([X.astype(np.float64) - shift, np.ones(n)])
    margins = wide @ W[0]
    signed = np.where(target == 1, -margins, margins)
    loss = (weights * np.logaddexp(0.0, signed)).sum()
    gradient = (weights * (1 / (1 + np.exp(-margins)) - target)) @ wide
    scale = np.abs(wide).T @ weights
    assert found[0].value == found[1].value
    assert (found[0].gradient == found[1].gradient).all()
    for value, found_gradient, *_ in found:
        np.testing.assert_allclose(value, loss, rtol=1e-13)
        np.testing.assert_allclose(found_gradient[0] / scale, gradient / scale, atol=1e-14)


@pytest.mark.checked
@pytest.mark.parametrize("d", [1, 15, 16, 33, 100])
@pytest.mark.parametrize("n", [255, 256, 1000])
def test_float32_panels_find_some_digits_and_the_same_bits(n, d):
    X, shift, W, target, weights = problem(n, d, np.float32, 10.0)
    exact = pass_over(Rows.of(X, None, None, shift), target, weights, W, kernel.TWO_CLASSES)
    found = []
    for order in ("C", "F"):
        rows = Rows.of(np.array(X, order=order), None, None, shift, np.float32)
        found.append(pass_over(rows, target, weights, W, kernel.TWO_CLASSES))
    assert found[0].value == found[1].value
    assert (found[0].gradient == found[1].gradient).all()
    scale = weights @ np.abs(np.column_stack([X - shift, np.ones(n)]))
    np.testing.assert_allclose(found[0].value, exact.value, rtol=1e-6)
    np.testing.assert_allclose((found[0].gradient - exact.gradient) / scale, 0.0, atol=1e-6)


@pytest.mark.checked
@pytest.mark.parametrize("panel_type", DTYPES)
@pytest.mark.parametrize("d", [1, 7, 8, 15, 16, 31, 32, 33, 100])
@pytest.mark.parametrize("n", [127, 256, 300])
def test_residuals_of_rows_where_they_lie(n, d, panel_type):
    panel_type = np.dtype(panel_type).type
    X, shift, W, target, _ = problem(n, d, np.float32, 100.0)
    Y = np.column_stack([3.0 * target + 0.5])
    W = np.column_stack([W[:, :-1], [[1.0]], W[:, -1:]])
    shift, nothing, found = np.append(shift, 1.5), np.empty(0), []
    for order in ("C", "F"):
        rows = Rows.of(np.array(X, order=order), Y, None, shift, panel_type)
        found.append(pass_over(rows, nothing.astype(np.int32), nothing, W, kernel.RESIDUALS))
    wide = np.column_stack([X - shift[:-1], Y - shift[-1], np.ones(n)])
    residuals = wide @ W[0]
    gradient, scale = residuals @ wide, np.abs(residuals) @ np.abs(wide)
    others = np.arange(d + 2) != d
    assert found[0].value == found[1].value
    assert (found[0].gradient[:, others] == found[1].gradient[:, others]).all()
    atol = 1e-14 if panel_type == np.float64 else 1e-5
    np.testing.assert_allclose(found[0].value, residuals @ residuals / 2, rtol=atol)
    error = (found[0].gradient[0] - gradient) / scale
    np.testing.assert_allclose(error[others], 0.0, atol=atol)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.usefixtures("shared_work")
def test_the_same_bits_at_any_number_of_threads(dtype):
    X, shift, W, target, weights = problem(20_000, 28, dtype, 3.0)
    rows, found = Rows.of(X, None, None, shift), []
    for threads in (1, 2, 3, 7):
        with num_threads(threads):
            found.append(pass_over(rows, target, weights, W, kernel.TWO_CLASSES))
    for value, gradient, *_ in found[1:]:
        assert value == found[0][0]
        assert (gradient == found[0][1]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("n", "d", "step"), [(1, 1, 1), (7, 3, 9), (40, 17, 8), (5000, 2, 3), (20001, 33, 4)]
)
def test_a_sample_is_one_row_in_so_many(n, d, step, dtype):
    random = np.random.default_rng(n)
    X, target = random.normal(size=(n, d)).astype(dtype), random.integers(9, size=n, dtype=np.int32)
    for weights in (np.empty(0), random.random(n)):
        for n_threads in (1, 3):
            with num_threads(n_threads):
                part = Samples(X, target, weights).sampled(step)
            assert part.shape == (-(-n // step), d)
            found, expected = part._whole[4:7], (X, target, weights)
            for array, whole in zip(found, expected, strict=True):
                assert array.dtype == whole.dtype
                assert array.flags.c_contiguous
                np.testing.assert_array_equal(array, whole[::step])


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_blocks_of_a_pass_are_ranges_of_the_blocks_of_all_passes(n_outputs):
    """So sums over pieces that end on 4,096 rows are those of all rows, to the bit."""
    random = np.random.default_rng(0)
    n, d = 3 * BLOCK_ROWS + 1500, 5
    X, W = random.standard_normal((n, d)), random.standard_normal((n_outputs, d + 1))
    target = random.integers(0, max(2, n_outputs), n).astype(np.int32)
    link = kernel.TWO_CLASSES if n_outputs == 1 else kernel.MANY_CLASSES

    def sums(start, stop):
        some = slice(start, stop)
        rows = Rows.of(X[some], None, None, np.zeros(d))
        found = pass_over(rows, target[some], np.empty(0), W, link)
        return np.append(found.gradient.ravel(), found.value)

    tree = TreeSum(np.add)
    for first, count in ((2, 2), (0, 2)):
        start = first * BLOCK_ROWS
        tree.add(first, count, sums(start, min(start + count * BLOCK_ROWS, n)))
    np.testing.assert_array_equal(tree.total(), sums(0, n))
    assert kernel.Work.of(link, n_outputs, False, False, 16).block_rows < BLOCK_ROWS
