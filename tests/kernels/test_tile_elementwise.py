"""Elementwise operations of the tile, and the largest of its columns.

Compiled without the library's cache, which keys on the sources of the kernels and not on this file.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiles import SPARE, compiled, lane_count, whole_numbers

from fastml.kernels.tile import (
    COLUMNS,
    VECTORS,
    absolute,
    any_not_greater,
    copy_sign,
    fill,
    indices,
    lanes,
    largest_column,
    load,
    maximum,
    minimum,
    round_to_whole,
    scale_by_power_of_two,
    select_less,
    select_negative,
    square_root,
    store,
    store_indices,
)


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)


# --- elementwise ----------------------------------------------------------------------


@compiled
def apply_all(a, b, out):
    step = lanes(a)
    for i in range(0, a.size, step):
        x, y = load(a, i, 0, 1, 1), load(b, i, 0, 1, 1)
        store(out[0], i, 0, x + y)
        store(out[1], i, 0, x - y)
        store(out[2], i, 0, x * y)
        store(out[3], i, 0, x / y)
        store(out[4], i, 0, 1.0 - x)
        store(out[5], i, 0, minimum(x, y))
        store(out[6], i, 0, maximum(x, y))
        store(out[7], i, 0, maximum(x, 0.0))
        store(out[8], i, 0, square_root(x))
        store(out[9], i, 0, absolute(x))
        store(out[10], i, 0, select_less(x, y, 1.0, x))
        store(out[11], i, 0, select_less(x, 0.5, y, 2.0))
        store(out[12], i, 0, copy_sign(x, y))
        store(out[13], i, 0, select_negative(x, y, 2.0))


def test_elementwise_operations_and_their_special_values(dtype):
    special = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, np.inf, -np.inf, np.nan, 1e-30, -7.25]
    a, b = (part.ravel() for part in np.meshgrid(special, special))
    assert a.size % lane_count(dtype) == 0
    a, b = a.astype(dtype), b.astype(dtype)
    out = np.empty((14, a.size), dtype)
    apply_all(a, b, out)
    one = dtype.type(1)
    with np.errstate(all="ignore"):
        expected = [
            a + b,
            a - b,
            a * b,
            a / b,
            one - a,
            np.where(a < b, a, b),
            np.where(a > b, a, b),
            np.where(a > 0, a, 0),
            np.sqrt(a),
            np.abs(a),
            np.where(a < b, one, a),
            np.where(a < 0.5, b, 2 * one),
            np.copysign(a, b),
            np.where(np.signbit(a), b, 2 * one),
        ]
    np.testing.assert_array_equal(out, np.array(expected, dtype))
    # assert_array_equal takes -0 for 0.
    np.testing.assert_array_equal(np.signbit(out[9]), np.zeros(a.size, bool))
    np.testing.assert_array_equal(np.signbit(out[12]), np.signbit(b))


@compiled
def round_all(x, out):
    for i in range(0, x.size, lanes(x)):
        store(out, i, 0, round_to_whole(load(x, i, 0, 1, 1)))


def test_round_to_whole(dtype):
    largest = 2.0 ** (np.finfo(dtype).nmant - 1)
    halves = np.arange(-40, 40) / 2  # even numbers win
    random = np.random.default_rng(0).uniform(-1, 1, size=400) * np.logspace(-3, 6, 400)
    near = np.nextafter(halves.astype(dtype), dtype.type(100))
    edges = [largest - 1, largest - 1.5, 1 - largest, 0.0, -0.0, 1e-30, -1e-30, 0.25]
    x = np.concatenate([halves, random, near, edges]).astype(dtype)
    x = x[: x.size // 16 * 16]
    out = np.empty_like(x)
    round_all(x, out)
    np.testing.assert_array_equal(out, np.rint(x))


@compiled
def scale_all(x, exponents, out):
    for i in range(0, x.size, lanes(x)):
        scaled = scale_by_power_of_two(load(x, i, 0, 1, 1), load(exponents, i, 0, 1, 1))
        store(out, i, 0, scaled)


def test_scale_by_power_of_two_over_all_normal_exponents(dtype):
    info = np.finfo(dtype)
    exponents = np.arange(info.minexp, info.maxexp)
    exponents = np.resize(exponents, (exponents.size + 15) // 16 * 16)
    for number in (1.0, 1.25, -0.75):
        x = np.full(exponents.size, number, dtype)
        out = np.empty_like(x)
        scale_all(x, exponents.astype(dtype), out)
        with np.errstate(under="ignore"):
            np.testing.assert_array_equal(out, np.ldexp(x, exponents))


@compiled
def any_of(a, b):
    height = VECTORS * lanes(a)
    return any_not_greater(
        load(a, 0, height, VECTORS, 1), load(b, 0, height, VECTORS, 1)
    ), any_not_greater(load(a, 0, height, VECTORS, 1), 1.0)


def test_any_not_greater_sees_every_lane_and_nan(dtype):
    height = VECTORS * lane_count(dtype)
    b = np.ones(height, dtype)
    greater = np.full(height, 2, dtype)
    assert any_of(greater, b) == (False, False)
    infinite = np.full(height, np.inf, dtype)
    assert any_of(infinite, infinite) == (True, False)
    for i in range(height):
        for value in (0.5, 1.0, np.nan):
            a = greater.copy()
            a[i] = value
            assert any_of(a, b) == (True, True)
        c = b.copy()
        c[i] = np.nan
        assert any_of(greater, c) == (True, False)


# --- the largest column ---------------------------------------------------------------


@compiled
def largest_of(scores, first, n_wide, n_single, best_out, index_out, second_out):
    """Run over ``n_wide`` tiles of COLUMNS columns, then ``n_single`` columns one by one."""
    height = VECTORS * lanes(scores)
    best = fill(scores, -np.inf, VECTORS, 1)
    second = fill(scores, -np.inf, VECTORS, 1)
    index = indices(scores, first, VECTORS)
    j = 0
    for _ in range(n_wide):
        tile = load(scores, j * height, height, VECTORS, COLUMNS)
        best, index, second = largest_column(tile, first + j, best, index, second)
        j += COLUMNS
    for _ in range(n_single):
        single = load(scores, j * height, height, VECTORS, 1)
        best, index, second = largest_column(single, first + j, best, index, second)
        j += 1
    store(best_out, 0, 0, best)
    store(second_out, 0, 0, second)
    store_indices(index_out, 0, index)


def check_largest_column(scores, first, n_wide, n_single):
    height = scores.shape[1]
    best, second = np.empty(height, scores.dtype), np.empty(height, scores.dtype)
    index = np.full(height + SPARE, -7, np.int32)
    largest_of(scores.reshape(-1), first, n_wide, n_single, best, index, second)
    # NaN is never the largest; argmax takes the first of equals.
    unknown = np.isnan(scores)
    known = np.where(unknown, -np.inf, scores)
    ordered = np.sort(np.vstack([known, np.full((2, height), -np.inf)]), axis=0)
    np.testing.assert_array_equal(best, ordered[-1])
    # After a NaN the runner-up may be said to be nearer than it is, never further.
    some = unknown.any(axis=0)
    np.testing.assert_array_equal(second[~some], ordered[-2][~some])
    assert (second >= ordered[-2]).all()
    assert (second <= best).all()
    np.testing.assert_array_equal(index[:height], first + known.argmax(axis=0))
    np.testing.assert_array_equal(index[height:], -7)


@given(
    seed=st.integers(0, 2**32 - 1),
    n_wide=st.integers(0, 3),
    n_single=st.integers(0, 5),
    few=st.integers(1, 5),
    first=st.sampled_from([0, 1, 1000, 2**31 - 100]),
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_largest_column_with_ties(dtype, seed, n_wide, n_single, few, first):
    random = np.random.default_rng(seed)
    shape = (max(1, n_wide * COLUMNS + n_single), VECTORS * lane_count(dtype))
    scores = random.integers(-few, few + 1, size=shape).astype(dtype)  # few values: many ties
    n_single += n_wide + n_single == 0
    check_largest_column(scores, first, n_wide, n_single)


def test_largest_column_with_infinity_and_nan(dtype):
    height = VECTORS * lane_count(dtype)
    for special in (np.nan, np.inf, -np.inf):
        for j in range(2 * COLUMNS + 1):
            scores = whole_numbers((2 * COLUMNS + 1, height), dtype, j)
            scores[j] = special
            check_largest_column(scores, 0, 2, 1)
    check_largest_column(np.full((COLUMNS, height), -np.inf, dtype), 0, 1, 0)
