"""Every operation of the register tile, through kernels of a few lines.

The kernels here are compiled without the library's cache, which keys on the sources of the
kernels and not on this file.  Sums and products are of small whole numbers, so any order
gives the same bits and results are compared by equality.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from tiles import SPARE, compiled, lane_count, whole_numbers

from fastml._cli.doctor import report
from fastml.kernels.machine.host import host
from fastml.kernels.tile import (
    COLUMNS,
    SIDE,
    VECTORS,
    add_lane_sums,
    broadcast,
    fill,
    is_single,
    lane_sum,
    lanes,
    load,
    load_first,
    load_part,
    load_rows,
    load_some_rows,
    load_square,
    multiply_add,
    outer,
    outer_with,
    prefetch,
    prefetch_far,
    rank1,
    shape,
    store,
    store_first,
    store_part,
    transpose,
)


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)


@compiled
def describe(x, out):
    out[0] = lanes(x)
    out[1] = 1 if is_single(x) else 0


@pytest.mark.parametrize("instructions", shape.TABLE)
def test_every_tile_of_the_table_fits_the_registers(instructions):
    vectors, columns, side = shape.TABLE[instructions]
    registers = 32 if instructions in ("AVX-512", "NEON") else 16
    assert vectors * columns + vectors + 1 <= registers
    assert side * side + side + 1 <= registers
    assert columns % 2 == 0  # products of the last outputs take half a tile


def test_the_row_of_this_processor_decides():
    assert shape.TABLE[host().instructions] == (VECTORS, COLUMNS, SIDE)
    assert f"as the table has them for {host().instructions}" in report()


def test_lanes_fill_a_register(dtype):
    out = np.zeros(2, np.int64)
    describe(np.zeros(1, dtype), out)
    assert out.tolist() == [lane_count(dtype), dtype.itemsize == 4]


# --- loads and stores -----------------------------------------------------------------


@compiled
def copy_tile(x, offset, stride, out, at, out_stride):
    store(out, at, out_stride, load(x, offset, stride, VECTORS, COLUMNS))


def test_load_and_store_with_strides(dtype):
    height = VECTORS * lane_count(dtype)
    x = whole_numbers(2 + (height + 1) * COLUMNS, dtype)
    out = np.full(SPARE + (height + 5) * COLUMNS + SPARE, np.nan, dtype)
    copy_tile(x, 2, height + 1, out, SPARE, height + 5)
    expected = np.full_like(out, np.nan)
    for j in range(COLUMNS):
        source = 2 + j * (height + 1)
        target = SPARE + j * (height + 5)
        expected[target : target + height] = x[source : source + height]
    np.testing.assert_array_equal(out, expected)


@compiled
def fill_and_broadcast(x, number, offset, stride, out):
    store(out, 0, VECTORS * lanes(x), fill(x, number, VECTORS, COLUMNS))
    size = VECTORS * COLUMNS * lanes(x)
    store(out, size, VECTORS * lanes(x), broadcast(x, offset, stride, VECTORS, COLUMNS))


def test_fill_and_broadcast(dtype):
    height = VECTORS * lane_count(dtype)
    x = whole_numbers(40, dtype)
    out = np.zeros((2, COLUMNS, height), dtype)
    fill_and_broadcast(x, 2.5, 3, 4, out.reshape(-1))
    assert (out[0] == 2.5).all()
    np.testing.assert_array_equal(
        out[1], np.repeat(x[3 : 3 + 4 * COLUMNS : 4, None], height, axis=1)
    )


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
    height = VECTORS * lanes(tile)
    start = load(tile, 0, height, VECTORS, COLUMNS)
    store(out, 0, height, rank1(start, load(column, 0, 0, VECTORS, 1), numbers, offset, stride))


def test_rank1(dtype):
    height = VECTORS * lane_count(dtype)
    tile = whole_numbers((COLUMNS, height), dtype, 1)
    column = whole_numbers(height, dtype, 2)
    numbers = whole_numbers(4 + 3 * COLUMNS, dtype, 3)
    out = np.empty_like(tile)
    for offset, stride in [(0, 1), (4, 3)]:
        add_rank1(tile.reshape(-1), column, numbers, offset, stride, out.reshape(-1))
        row = numbers[offset : offset + stride * COLUMNS : stride]
        np.testing.assert_array_equal(out, tile + row[:, None] * column)


@compiled
def add_outer_square(x, left, right, stride, out, at, out_stride):
    tile = fill(x, 0.0, SIDE, SIDE)
    tile = outer(tile, x, left, right, stride)
    add_lane_sums(out, at, out_stride, outer(tile, x, left, right, stride), SIDE, SIDE)


@compiled
def add_outer_part(x, left, right, stride, out, at, out_stride):
    # More rows than there are count for all; of the columns one is left out.
    tile = fill(x, 0.0, SIDE, SIDE)
    tile = outer(tile, x, left, right, stride)
    add_lane_sums(out, at, out_stride, outer(tile, x, left, right, stride), SIDE - 1, SIDE - 1)


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
        (add_outer_square, SIDE, SIDE),
        (add_outer_part, SIDE - 1, SIDE - 1),
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
def add_products_of_rows(a, at, stride, X, rows, first, out):
    tile = fill(a, 0.0, SIDE, 2)
    for p in range(0, X.shape[1], lanes(X)):
        tile = outer_with(tile, a, at + p, stride, load_some_rows(X, rows, first, p, 2))
    add_lane_sums(out, 1, 2, tile, SIDE, 2)


def test_products_of_rows_in_memory_with_rows_of_a_matrix(dtype):
    step = lane_count(dtype)
    for n_columns in range(1, 2 * step + 2):
        stride = -(-n_columns // step) * step + 1
        a = whole_numbers(2 + SIDE * stride, dtype)
        # What lies beyond a row is NaN: it may neither be read nor count.
        wide = np.full((12, n_columns + step), np.nan, dtype)
        wide[:, :n_columns] = whole_numbers((12, n_columns), dtype, n_columns)
        X = wide[::2, :n_columns]
        rows = np.array([0, 5, 3])
        out = np.full(2 + 2 * SIDE, 100, dtype)
        add_products_of_rows(a, 2, stride, X, rows, 1, out)
        held = np.stack([a[2 + i * stride :][:n_columns] for i in range(SIDE)])
        expected = np.full_like(out, 100)
        expected[1:-1] += (held @ X[rows[1:]].T).ravel()
        np.testing.assert_array_equal(out, expected)


@compiled
def copy_part(x, start, width, columns, out, at, stride):
    tile = load_part(x, start, stride, VECTORS, COLUMNS, width, columns)
    store_part(out, at, stride, tile, width, columns)
    store(out, at + COLUMNS * stride, stride, tile)


@pytest.mark.parametrize("columns", [0, 1, COLUMNS - 1, COLUMNS])
def test_parts_of_a_tile_are_loaded_and_stored(dtype, columns):
    height = VECTORS * lane_count(dtype)
    stride = height + 1
    for width in (0, 1, lane_count(dtype), height - 1, height):
        # Nothing may be read behind the last number of the part.
        end = SPARE + max(columns - 1, 0) * stride + width
        x = whole_numbers(SPARE + COLUMNS * stride, dtype)
        out = np.full(SPARE + 2 * COLUMNS * stride, 100, dtype)
        copy_part(x[:end], SPARE, width, columns, out, SPARE, stride)
        stored = out[SPARE:][: COLUMNS * stride].reshape(COLUMNS, stride)
        held = out[SPARE + COLUMNS * stride :][: COLUMNS * stride - 1]
        held = np.append(held, 0).reshape(COLUMNS, stride)[:, :height]
        source = x[SPARE:][: COLUMNS * stride].reshape(COLUMNS, stride)
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


@compiled
def ask_for(x, flat, out):
    for i in range(x.shape[0] + 99):  # there need be no such row
        prefetch(x, i, 0)
        prefetch_far(flat, i)
        prefetch_far(out, i)
    out[0] = x[0, 0] + flat[0]


def test_memory_of_several_types_is_asked_for_in_one_kernel(dtype):
    out = np.zeros(1)
    ask_for(np.full((3, 2), 2, dtype), np.ones(5, np.float32), out)
    assert out[0] == 3
