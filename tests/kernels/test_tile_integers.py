"""Integer lanes, conversions between element types, and what the compiler refuses."""

from __future__ import annotations

import numpy as np
import pytest
from numba.core.errors import TypingError
from tiles import compiled, lane_count

from fastml.kernels.tile import (
    absolute_differences,
    as_floats,
    as_integers,
    column_minimum,
    column_sum,
    fill,
    gather,
    lane_maximum,
    lane_minimum,
    lane_numbers,
    lane_sum,
    lanes,
    load,
    load_as,
    maximum,
    minimum,
    multiply_add,
    narrow,
    rank1,
    select,
    squared_differences,
    store,
    store_as,
    store_indices,
    take_column,
    widen,
)


@compiled
def integer_operations(a, b, shifts, out):
    height = 3 * lanes(a)
    x, y, s = load(a, 0, 0, 3, 1), load(b, 0, 0, 3, 1), load(shifts, 0, 0, 3, 1)
    store(out, 0, 0, x + y)
    store(out, height, 0, x - y)
    store(out, 2 * height, 0, x * y)
    store(out, 3 * height, 0, x & y)
    store(out, 4 * height, 0, x | y)
    store(out, 5 * height, 0, x ^ y)
    store(out, 6 * height, 0, x << s)
    store(out, 7 * height, 0, x >> s)
    store(out, 8 * height, 0, minimum(x, y))
    store(out, 9 * height, 0, maximum(x, 3))
    store(out, 10 * height, 0, ~x)
    store(out, 11 * height, 0, x + 1)
    store(out, 12 * height, 0, lane_numbers(a, 3))


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_integer_operations_wrap(dtype):
    height = 3 * lane_count(dtype)
    limits = np.iinfo(dtype)
    for seed in range(10):
        random = np.random.default_rng(seed)
        numbers = random.integers(limits.min, limits.max, (2, height), dtype, endpoint=True)
        numbers[:, :4] = random.choice([limits.min, limits.max, 0, -1], (2, 4))
        a, b = numbers
        shifts = random.integers(0, limits.bits, height).astype(dtype)
        out = np.empty((13, height), dtype)
        integer_operations(a, b, shifts, out.reshape(-1))
        expected = [
            a + b, a - b, a * b, a & b, a | b, a ^ b, a << shifts, a >> shifts,
            np.minimum(a, b), np.maximum(a, 3), ~a, a + 1, np.arange(height),
        ]  # fmt: skip
        np.testing.assert_array_equal(out, np.array(expected, dtype))


@compiled
def reduce_all(x, out):
    tall = load(x, 0, 0, 5, 1)
    out[0], out[1], out[2] = lane_sum(tall), lane_minimum(tall), lane_maximum(tall)
    tile = load(x, 0, lanes(x), 1, 5)
    store(out, 3, 0, column_sum(tile))
    store(out, 3 + lanes(x), 0, column_minimum(tile))
    store(out, 3 + 2 * lanes(x), 0, take_column(tile, 0))
    store(out, 3 + 3 * lanes(x), 0, take_column(tile, 4))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_reductions_of_tall_and_of_odd_tiles(dtype):
    step = lane_count(dtype)
    for seed in range(20):
        x = np.random.default_rng(seed).integers(-99, 99, (5, step)).astype(dtype)
        out = np.empty(3 + 4 * step, dtype)
        reduce_all(x.reshape(-1), out)
        expected = [[x.sum(), x.min(), x.max()], x.sum(0), x.min(0), x[0], x[4]]
        np.testing.assert_array_equal(out, np.concatenate(expected))


# --- between types ---------------------------------------------------------------------------


@compiled
def widen_all(x, wide, back):
    height = 2 * lanes(x)
    tile = widen(load(x, 0, height, 2, 3))
    store(wide, 0, height, tile)
    store(back, 0, height, narrow(tile))
    store_as(back, 3 * height, height, tile)


@pytest.mark.parametrize(("dtype", "wide"), [("float32", "float64"), ("int32", "int64")])
def test_widening_keeps_the_order_of_the_lanes(dtype, wide):
    height = 2 * lane_count(dtype)
    x = (np.arange(3 * height) * 8388607.7 - 2**28).astype(dtype)
    x[:3] = 0, -1, np.iinfo(np.int32).min
    widened, back = np.zeros(x.size, wide), np.zeros(2 * x.size, dtype)
    widen_all(x, widened, back)
    np.testing.assert_array_equal(widened, x.astype(wide))
    np.testing.assert_array_equal(back, np.tile(x, 2))


def test_narrowing_rounds_to_nearest():
    @compiled
    def rounded(x, out):
        store(out, 0, 0, narrow(load(x, 0, 0, 2, 1)))

    x = np.resize(
        [1 + 2.0**-24, 1 + 3 * 2.0**-24, 1e300, np.nan, -1e-60], 2 * lane_count("float64")
    )
    out = np.empty(x.size, np.float32)
    rounded(x, out)
    with np.errstate(over="ignore", under="ignore"):
        np.testing.assert_array_equal(out, x.astype(np.float32))


@compiled
def load_other(like, x, offset, stride, out):
    store(out, 0, 2 * lanes(like), load_as(like, x, offset, stride, 2, 3))


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("uint8", "int32"), ("uint16", "int32"), ("int8", "int32"), ("int16", "int64"),
        ("int32", "int64"), ("uint32", "int64"), ("uint8", "float32"), ("int16", "float32"),
        ("int32", "float64"), ("uint32", "float64"), ("float32", "float64"),
        ("float32", "float32"), ("int64", "int64"),
    ],
)  # fmt: skip
def test_loading_as_another_type_loses_nothing(source, target):
    height = 2 * lane_count(target)
    random = np.random.default_rng(0)
    x = random.integers(0, 256, np.dtype(source).itemsize * (5 + 3 * (height + 1)), np.uint8)
    x = x.view(source)
    if x.dtype.kind == "f":
        x = np.nan_to_num(x)
    for offset in range(5):
        out = np.empty((3, height), target)
        load_other(out[0], x, offset, height + 1, out.reshape(-1))
        for j in range(3):
            part = x[offset + j * (height + 1) :][:height]
            np.testing.assert_array_equal(out[j], part.astype(target))


@pytest.mark.parametrize(
    ("source", "target"),
    [("int32", "float32"), ("uint32", "int32"), ("float64", "float32"), ("float32", "int32")],
)
def test_loading_that_could_lose_something_is_refused(source, target):
    with pytest.raises(TypingError, match="can hold"):
        load_other(np.zeros(99, target), np.zeros(99, source), 0, 0, np.zeros(999, target))


@compiled
def look_up(table, offset, numbers, out):
    found = gather(table, offset, load(numbers, 0, 0, 3, 1))
    store(out, 0, 0, found)


@pytest.mark.parametrize(("dtype", "index"), [("float32", "int32"), ("float64", "int64")])
def test_gather(dtype, index):
    height = 3 * lane_count(dtype)
    random = np.random.default_rng(0)
    table = random.normal(size=40).astype(dtype)
    numbers = random.integers(-5, 35, height).astype(index)
    out = np.empty(height, dtype)
    look_up(table, 5, numbers, out)
    np.testing.assert_array_equal(out, table[5 + numbers])
    integers = table.view(index)
    out = out.view(index)
    look_up(integers, 5, numbers, out)
    np.testing.assert_array_equal(out, integers[5 + numbers])


@pytest.mark.parametrize(("dtype", "index"), [("float32", "int32"), ("float64", "int64")])
def test_between_integers_and_floats_of_one_width(dtype, index):
    @compiled
    def both_ways(x, numbers, floats, integers):
        store(floats, 0, 0, as_floats(load(numbers, 0, 0, 1, 1)))
        store(integers, 0, 0, as_integers(load(x, 0, 0, 1, 1)))

    step = lane_count(dtype)
    x = np.resize(np.array([2.9, -2.9, 0.0, -0.0, 2**30], dtype), step)
    numbers = np.resize(np.array([2**31 - 1, -(2**31), 0, 7], index), step)
    floats, integers = np.empty(step, dtype), np.empty(step, index)
    both_ways(x, numbers, floats, integers)
    np.testing.assert_array_equal(floats, numbers.astype(dtype))
    np.testing.assert_array_equal(integers, x.astype(index))


@compiled
def float64_sums_of_float32(x, row, out):
    """As a Gram matrix in float64: features along the lanes, one number against them all."""
    height = 4 * lanes(out)
    column = load_as(out, x, 0, 0, 4, 1)
    store(out, 0, height, rank1(fill(out, 0.5, 4, 3), column, row, 0, 1))
    store(out, 3 * height, height, squared_differences(fill(out, 0.5, 4, 3), column, row, 0, 1))
    store(out, 6 * height, height, absolute_differences(fill(out, 0.5, 4, 3), column, row, 0, 1))


def test_rows_of_float32_beside_sums_of_float64():
    height = 4 * lane_count("float64")
    random = np.random.default_rng(0)
    # Few enough bits that nothing is rounded, whether or not the host fuses.
    x = (random.integers(-(2**11), 2**11, height) + 2.0**12).astype(np.float32)
    row = random.integers(-(2**11), 2**11, 3).astype(np.float32)
    out = np.empty((9, height))
    float64_sums_of_float32(x, row, out.reshape(-1))
    wide, numbers = x.astype(np.float64), row.astype(np.float64)[:, None]
    np.testing.assert_array_equal(out[:3], 0.5 + wide * numbers)
    np.testing.assert_array_equal(out[3:6], 0.5 + (wide - numbers) ** 2)
    np.testing.assert_array_equal(out[6:], 0.5 + np.abs(wide - numbers))


# --- what is refused when a kernel is compiled ----------------------------------------------

SINGLE, DOUBLE = np.zeros(999, np.float32), np.zeros(999)
WHOLE, LONG = np.zeros(999, np.int32), np.zeros(999, np.int64)


def refused(function, *arguments, match):
    with pytest.raises(TypingError, match=match):
        compiled(function)(*arguments)


@pytest.mark.parametrize("other", [WHOLE, DOUBLE, LONG])
def test_tiles_of_two_types_do_not_mix(other):
    def plus(a, b):
        store(a, 0, 0, load(a, 0, 0, 1, 1) + load(b, 0, 0, 1, 1))

    def least(a, b):
        store(a, 0, 0, minimum(load(a, 0, 0, 1, 1), load(b, 0, 0, 1, 1)))

    def fused(a, b):
        store(a, 0, 0, multiply_add(load(a, 0, 0, 1, 1), load(b, 0, 0, 1, 1), 1.0))

    def stored(a, b):
        store(b, 0, 0, load(a, 0, 0, 1, 1))

    def less(a, b):
        store(a, 0, 0, select(load(a, 0, 0, 1, 1) < load(b, 0, 0, 1, 1), 1.0, load(a, 0, 0, 1, 1)))

    for function in (plus, least, fused, stored, less):
        refused(function, SINGLE, other, match="expected")


def test_shapes_do_not_mix():
    def plus(a):
        store(a, 0, 0, load(a, 0, 0, 2, 1) + load(a, 0, 0, 1, 2))

    def column_too_short(a):
        store(a, 0, 0, rank1(load(a, 0, 0, 2, 2), load(a, 0, 0, 1, 1), a, 0, 1))

    def mask_too_short(a):
        x = load(a, 0, 0, 2, 1)
        store(a, 0, 0, select(load(a, 0, 0, 1, 1) < 0.0, x, 0.0))

    def masks(a):
        return (load(a, 0, 0, 2, 1) < 0) & (load(a, 0, 0, 1, 1) < 0)

    for function in (plus, column_too_short, mask_too_short):
        refused(function, SINGLE, match="expected")
    refused(masks, SINGLE, match="no operation")


def test_operations_an_element_type_has_not():
    def divide(a):
        store(a, 0, 0, load(a, 0, 0, 1, 1) / load(a, 0, 0, 1, 1))

    def fraction(a):
        store(a, 0, 0, load(a, 0, 0, 1, 1) + 0.5)

    def shifted(a):
        store(a, 0, 0, load(a, 0, 0, 1, 1) << load(a, 0, 0, 1, 1))

    refused(divide, WHOLE, match="no operation")
    refused(fraction, WHOLE, match="expected")
    refused(shifted, SINGLE, match="no operation")


def test_memory_that_will_not_do():
    def copied(a, b):
        store(b, 0, 0, load(a, 0, 0, 1, 1))

    def labels(a):
        store_indices(a, 0, lane_numbers(a, 1))

    def shaped(a, n):
        store(a, 0, 0, load(a, 0, 0, n, 1))

    fixed = np.zeros(999, np.float32)
    fixed.flags.writeable = False
    compiled(copied)(fixed, SINGLE)
    refused(copied, SINGLE, fixed, match="write to")
    refused(copied, SINGLE[::2], SINGLE, match="contiguous")
    refused(copied, np.zeros(99, np.uint8), np.zeros(99, np.uint8), match="uint8")
    refused(labels, LONG, match="int32")
    refused(shaped, SINGLE, 2, match="constant")
