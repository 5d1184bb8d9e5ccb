"""Every operation of the register tile, through kernels of a few lines.

The kernels here are compiled without the library's cache, which keys on the sources of the
kernels and not on this file.  Sums and products are of small whole numbers, so any order
gives the same bits and results are compared by equality.
"""

from __future__ import annotations

from fractions import Fraction

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastml.kernels.machine.host import host
from fastml.kernels.tile import (
    G,
    M,
    N,
    absolute,
    add_lane_sums,
    any_not_greater,
    broadcast,
    fill,
    indices,
    is_single,
    lane_sum,
    lanes,
    largest_column,
    load,
    load_first,
    load_part,
    load_rows,
    load_square,
    maximum,
    minimum,
    multiply_add,
    outer,
    rank1,
    round_to_whole,
    scale_by_power_of_two,
    select_less,
    square_root,
    store,
    store_first,
    store_indices,
    store_part,
    transpose,
)

compiled = numba.njit(error_model="numpy")
SPARE = 3  # elements around an output that must stay as they were


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)


def lane_count(dtype):
    return host().vector_bytes // np.dtype(dtype).itemsize


def whole_numbers(shape, dtype, seed=0):
    return np.random.default_rng(seed).integers(-9, 10, size=shape).astype(dtype)


@compiled
def describe(x, out):
    out[0] = lanes(x)
    out[1] = 1 if is_single(x) else 0


def test_lanes_fill_a_register(dtype):
    out = np.zeros(2, np.int64)
    describe(np.zeros(1, dtype), out)
    assert out.tolist() == [lane_count(dtype), dtype.itemsize == 4]


# --- loads and stores -----------------------------------------------------------------


@compiled
def copy_tile(x, offset, stride, out, at, out_stride):
    store(out, at, out_stride, load(x, offset, stride, M, N))


def test_load_and_store_with_strides(dtype):
    height = M * lane_count(dtype)
    x = whole_numbers(2 + (height + 1) * N, dtype)
    out = np.full(SPARE + (height + 5) * N + SPARE, np.nan, dtype)
    copy_tile(x, 2, height + 1, out, SPARE, height + 5)
    expected = np.full_like(out, np.nan)
    for j in range(N):
        source = 2 + j * (height + 1)
        target = SPARE + j * (height + 5)
        expected[target : target + height] = x[source : source + height]
    np.testing.assert_array_equal(out, expected)


@compiled
def fill_and_broadcast(x, number, offset, stride, out):
    store(out, 0, M * lanes(x), fill(x, number, M, N))
    size = M * N * lanes(x)
    store(out, size, M * lanes(x), broadcast(x, offset, stride, M, N))


def test_fill_and_broadcast(dtype):
    height = M * lane_count(dtype)
    x = whole_numbers(40, dtype)
    out = np.zeros((2, N, height), dtype)
    fill_and_broadcast(x, 2.5, 3, 4, out.reshape(-1))
    assert (out[0] == 2.5).all()
    np.testing.assert_array_equal(out[1], np.repeat(x[3 : 3 + 4 * N : 4, None], height, axis=1))


@compiled
def copy_first(x, offset, count, out, at, padded):
    vector = load_first(x, offset, count)
    store(padded, 0, 0, vector)
    store_first(out, at, count, vector + 1.0)


def test_load_first_and_store_first_touch_nothing_else(dtype):
    step = lane_count(dtype)
    for count in range(1, step):
        # NaN before and after: a lane that is read, or not zeroed, would show it.
        x = np.full(SPARE + count + step, np.nan, dtype)
        x[SPARE : SPARE + count] = np.arange(1, count + 1)
        out = np.full(SPARE + count + step, -1, dtype)
        padded = np.empty(step, dtype)
        copy_first(x, SPARE, count, out, SPARE, padded)
        np.testing.assert_array_equal(padded, [*range(1, count + 1)] + [0] * (step - count))
        np.testing.assert_array_equal(out, [-1] * SPARE + [*range(2, count + 2)] + [-1] * step)


@compiled
def copy_rows(X, rows, first, column, out):
    store(out, 0, lanes(X), load_rows(X, rows, first, column))


@pytest.mark.parametrize("kind", ["contiguous", "strided", "reversed"])
def test_load_rows_with_every_number_of_columns(dtype, kind):
    step = lane_count(dtype)
    n_rows = 2 * step + 3
    rows = np.random.default_rng(1).integers(0, n_rows, size=step + 2)
    for n_columns in range(1, 2 * step + 2):
        # What lies beyond a row is NaN: another row's numbers would be as telling.
        wide = np.full((2 * n_rows, n_columns + step), np.nan, dtype)
        wide[:, :n_columns] = whole_numbers((2 * n_rows, n_columns), dtype, n_columns)
        X = {
            "contiguous": np.ascontiguousarray(wide[::2, :n_columns]),
            "strided": wide[::2, :n_columns],
            "reversed": wide[::-2, :n_columns],
        }[kind]
        for column in range(0, n_columns, step):
            out = np.empty((step, step), dtype)
            copy_rows(X, rows, 2, column, out.reshape(-1))
            expected = np.zeros((step, step), dtype)
            part = X[rows[2:], column : column + step]
            expected[:, : part.shape[1]] = part
            np.testing.assert_array_equal(out, expected)


@compiled
def transposed(x, offset, stride, out):
    store(out, 0, lanes(x), transpose(load_square(x, offset, stride)))


def test_transpose(dtype):
    step = lane_count(dtype)
    x = np.arange(5 + step * (step + 2)).astype(dtype)
    out = np.empty((step, step), dtype)
    transposed(x, 5, step + 2, out.reshape(-1))
    square = x[5:].reshape(step, step + 2)[:, :step]
    np.testing.assert_array_equal(out, square.T)


# --- sums of products -----------------------------------------------------------------


@compiled
def add_rank1(tile, column, numbers, offset, stride, out):
    height = M * lanes(tile)
    start = load(tile, 0, height, M, N)
    store(out, 0, height, rank1(start, load(column, 0, 0, M, 1), numbers, offset, stride))


def test_rank1(dtype):
    height = M * lane_count(dtype)
    tile = whole_numbers((N, height), dtype, 1)
    column = whole_numbers(height, dtype, 2)
    numbers = whole_numbers(4 + 3 * N, dtype, 3)
    out = np.empty_like(tile)
    for offset, stride in [(0, 1), (4, 3)]:
        add_rank1(tile.reshape(-1), column, numbers, offset, stride, out.reshape(-1))
        row = numbers[offset : offset + stride * N : stride]
        np.testing.assert_array_equal(out, tile + row[:, None] * column)


@compiled
def add_outer_square(x, left, right, stride, out, at, out_stride):
    tile = fill(x, 0.0, G, G)
    tile = outer(tile, x, left, right, stride)
    add_lane_sums(out, at, out_stride, outer(tile, x, left, right, stride), G, G)


@compiled
def add_outer_part(x, left, right, stride, out, at, out_stride):
    # More rows than there are count for all; of the columns one is left out.
    tile = fill(x, 0.0, G, G)
    tile = outer(tile, x, left, right, stride)
    add_lane_sums(out, at, out_stride, outer(tile, x, left, right, stride), G - 1, G - 1)


@compiled
def add_outer_flat(x, left, right, stride, out, at, out_stride):
    # More entries than a vector has lanes, and not a multiple: the sums need several trees.
    tile = outer(fill(x, 0.0, 2, 9), x, left, right, stride)
    add_lane_sums(out, at, out_stride, outer(tile, x, left, right, stride), 5, 12)


@compiled
def add_outer_single(x, left, right, stride, out, at, out_stride):
    tile = outer(fill(x, 0.0, 1, 1), x, left, right, stride)
    tile = outer(tile, x, left, right, stride)
    add_lane_sums(out, at, out_stride, tile, 1, 1)
    out[0] = lane_sum(tile)


@pytest.mark.parametrize(
    ("kernel", "m", "n"),
    [
        (add_outer_square, G, G),
        (add_outer_part, G - 1, G - 1),
        (add_outer_flat, 2, 9),
        (add_outer_single, 1, 1),
    ],
)
def test_outer_and_its_lane_sums(dtype, kernel, m, n):
    step = lane_count(dtype)
    stride = step + 1
    x = whole_numbers(60 * stride, dtype)
    left, right = 2, 30 * stride
    out = np.full(SPARE + m * (n + 2) + SPARE, 100, dtype)
    kernel(x, left, right, stride, out, SPARE, n + 2)
    a = np.stack([x[left + i * stride :][:step] for i in range(m)])
    b = np.stack([x[right + j * stride :][:step] for j in range(n)])
    expected = np.full_like(out, 100)
    sums = 2 * a @ b.T
    for i in range(m):
        expected[SPARE + i * (n + 2) :][:n] += sums[i]
    if m == n == 1:
        expected[0] = sums[0, 0]
    np.testing.assert_array_equal(out, expected)


@compiled
def copy_part(x, start, width, columns, out, at, stride):
    tile = load_part(x, start, stride, M, N, width, columns)
    store_part(out, at, stride, tile, width, columns)
    store(out, at + N * stride, stride, tile)


@pytest.mark.parametrize("columns", [0, 1, N - 1, N])
def test_parts_of_a_tile_are_loaded_and_stored(dtype, columns):
    height = M * lane_count(dtype)
    stride = height + 1
    for width in (0, 1, lane_count(dtype), height - 1, height):
        # Nothing may be read behind the last number of the part.
        end = SPARE + max(columns - 1, 0) * stride + width
        x = whole_numbers(SPARE + N * stride, dtype)
        out = np.full(SPARE + 2 * N * stride, 100, dtype)
        copy_part(x[:end], SPARE, width, columns, out, SPARE, stride)
        stored = out[SPARE:][: N * stride].reshape(N, stride)
        held = out[SPARE + N * stride :][: N * stride - 1]
        held = np.append(held, 0).reshape(N, stride)[:, :height]
        source = x[SPARE:][: N * stride].reshape(N, stride)
        expected = np.full_like(stored, 100)
        expected[:columns, :width] = source[:columns, :width]
        np.testing.assert_array_equal(stored, expected)
        expected = np.zeros_like(held)
        expected[:columns, :width] = source[:columns, :width]
        np.testing.assert_array_equal(held, expected)


@compiled
def multiply_adds(a, b, c, out):
    step = lanes(a)
    x, y, z = load(a, 0, 0, 1, 1), load(b, 0, 0, 1, 1), load(c, 0, 0, 1, 1)
    store(out, 0, 0, multiply_add(x, y, z))
    store(out, step, 0, multiply_add(x, 3.0, z))
    store(out, 2 * step, 0, multiply_add(2.0, y, z))
    store(out, 3 * step, 0, multiply_add(x, y, -1.0))


def test_multiply_add_rounds_once_where_the_host_fuses(dtype):
    step = lane_count(dtype)
    tiny = 2.0 ** -(np.finfo(dtype).nmant // 2 + 2)
    a, b = np.full(step, 1 + tiny, dtype), np.full(step, 1 - tiny, dtype)
    c = np.full(step, -1, dtype)
    out = np.empty((4, step), dtype)
    multiply_adds(a, b, c, out.reshape(-1))
    exact = Fraction(float(a[0])) * Fraction(float(b[0])) - 1
    twice = dtype.type(a[0] * b[0]) - 1
    assert twice != float(exact)
    expected = float(exact) if host().fused_multiply_add else twice
    assert (out[[0, 3]] == expected).all()
    assert (out[1] == dtype.type(3 * tiny + 2)).all()
    assert (out[2] == dtype.type(1 - 2 * tiny)).all()


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


def test_elementwise_operations_and_their_special_values(dtype):
    special = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, np.inf, -np.inf, np.nan, 1e-30, -7.25]
    a, b = (part.ravel() for part in np.meshgrid(special, special))
    assert a.size % lane_count(dtype) == 0
    a, b = a.astype(dtype), b.astype(dtype)
    out = np.empty((12, a.size), dtype)
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
        ]
    np.testing.assert_array_equal(out, np.array(expected, dtype))
    # assert_array_equal takes -0 for 0.
    np.testing.assert_array_equal(np.signbit(out[9]), np.zeros(a.size, bool))


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
    height = M * lanes(a)
    return any_not_greater(load(a, 0, height, M, 1), load(b, 0, height, M, 1)), any_not_greater(
        load(a, 0, height, M, 1), 1.0
    )


def test_any_not_greater_sees_every_lane_and_nan(dtype):
    height = M * lane_count(dtype)
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
    """Run over ``n_wide`` tiles of N columns, then ``n_single`` columns one by one."""
    height = M * lanes(scores)
    best = fill(scores, -np.inf, M, 1)
    second = fill(scores, -np.inf, M, 1)
    index = indices(scores, first, M)
    j = 0
    for _ in range(n_wide):
        tile = load(scores, j * height, height, M, N)
        best, index, second = largest_column(tile, first + j, best, index, second)
        j += N
    for _ in range(n_single):
        single = load(scores, j * height, height, M, 1)
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
    shape = (max(1, n_wide * N + n_single), M * lane_count(dtype))
    scores = random.integers(-few, few + 1, size=shape).astype(dtype)  # few values: many ties
    n_single += n_wide + n_single == 0
    check_largest_column(scores, first, n_wide, n_single)


def test_largest_column_with_infinity_and_nan(dtype):
    height = M * lane_count(dtype)
    for special in (np.nan, np.inf, -np.inf):
        for j in range(2 * N + 1):
            scores = whole_numbers((2 * N + 1, height), dtype, j)
            scores[j] = special
            check_largest_column(scores, 0, 2, 1)
    check_largest_column(np.full((N, height), -np.inf, dtype), 0, 1, 0)
