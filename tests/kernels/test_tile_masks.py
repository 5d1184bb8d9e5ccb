"""Masks as values: compared, combined, asked, turned into bits, chosen and stored by."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from tiles import compiled, lane_count

from fastml.kernels.tile import (
    all_lanes,
    any_lane,
    column_maximum,
    count_lanes,
    lanes,
    load,
    load_expanded,
    load_where,
    lowest_bit,
    mask_bits,
    mask_of_bits,
    rows_below,
    select,
    store,
    store_where,
)

TALL = 3  # vectors: neither the library's number nor a power of two
DTYPES = ["float32", "float64", "int32", "int64"]


def hard_numbers(size, dtype, seed):
    random = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "i":
        limits = np.iinfo(dtype)
        special = [0, 1, -1, limits.min, limits.max]
    else:
        special = [0.0, -0.0, 1.0, np.nan, np.inf, -np.inf, 1e-30]
    return random.choice(np.array(special, dtype), size)


COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


def comparing(compare):
    @compiled
    def kernel(a, b, out):
        height = TALL * lanes(a)
        x, y = load(a, 0, 0, TALL, 1), load(b, 0, 0, TALL, 1)
        ones, zeros = load(out, 0, 0, TALL, 1), load(out, height, 0, TALL, 1)
        store(out, 2 * height, 0, select(compare(x, y), ones, zeros))
        store(out, 3 * height, 0, select(compare(x, 1), 1, zeros))
        store(out, 4 * height, 0, select(compare(1, x), ones, 0))

    return kernel


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("compare", COMPARISONS)
def test_comparisons_with_their_special_values(compare, dtype):
    height = TALL * lane_count(dtype)
    kernel = comparing(compare)
    for seed in range(5):
        a, b = hard_numbers(height, dtype, seed), hard_numbers(height, dtype, seed + 50)
        out = np.zeros((5, height), dtype)
        out[0] = 1
        kernel(a, b, out.reshape(-1))
        np.testing.assert_array_equal(out[2:], [compare(a, b), compare(a, 1), compare(1, a)])


@compiled
def ask(a, b, counts):
    x, y = load(a, 0, 0, TALL, 1), load(b, 0, 0, TALL, 1)
    positive, other = x > 0, y > 0
    both, either, one = positive & other, positive | other, positive ^ other
    for i, mask in enumerate((both, either, one, ~positive)):
        counts[0, i] = count_lanes(mask)
        counts[1, i] = any_lane(mask)
        counts[2, i] = all_lanes(mask)
    return mask_bits(positive)


@pytest.mark.parametrize("dtype", DTYPES)
def test_masks_are_combined_counted_and_turned_into_bits(dtype):
    height = TALL * lane_count(dtype)
    random = np.random.default_rng(0)
    for i in range(2 * height + 4):
        a = np.where(np.arange(height) == i, 1, -1) * (-1 if i > height else 1)
        b = random.choice([-1, 1], height)
        if i % 7 == 0:
            a = np.ones(height)
        if i % 11 == 0:
            b = a
        counts = np.zeros((3, 4), np.int64)
        bits = ask(a.astype(dtype), b.astype(dtype), counts)
        p, q = a > 0, b > 0
        masks = [p & q, p | q, p ^ q, ~p]
        expected = [[m.sum() for m in masks], [m.any() for m in masks], [m.all() for m in masks]]
        np.testing.assert_array_equal(counts, expected)
        assert bits == sum(1 << int(lane) for lane in np.flatnonzero(p))


@compiled
def copy_where(x, at, count, out, place, marks):
    rows = rows_below(x, count, TALL)
    chosen = rows & (load_where(marks, 0, 0, rows) > 0)
    loaded = load_where(x, at, 0, chosen)
    store_where(out, place, 0, loaded + 1, chosen)
    store(out, place + TALL * lanes(x), 0, loaded)


@pytest.mark.parametrize("dtype", DTYPES)
def test_masked_loads_and_stores_touch_nothing_else(dtype):
    height = TALL * lane_count(dtype)
    random = np.random.default_rng(3)
    for count in [-5, *range(height + 1), height + 3, 2**40]:
        marks = random.integers(0, 2, height).astype(dtype)
        kept = min(max(count, 0), height)
        x = np.arange(1, 2 + kept).astype(dtype)  # nothing beyond the last that is asked for
        out = np.full(3 + 2 * height, -7, dtype)
        copy_where(x, 1, count, out, 3, marks)
        chosen = (np.arange(height) < count) & (marks > 0)
        numbers = np.zeros(height, dtype)
        numbers[:kept] = x[1:]
        np.testing.assert_array_equal(out[:3], -7)
        np.testing.assert_array_equal(out[3 : 3 + height], np.where(chosen, numbers + 1, -7))
        np.testing.assert_array_equal(out[3 + height :], np.where(chosen, numbers, 0))


@compiled
def visit(scores, bounds, found):
    """As a search for neighbours does: the best of 8 columns against a bound of each lane."""
    tile = load(scores, 0, TALL * lanes(scores), TALL, 8)
    bits = mask_bits(column_maximum(tile) > load(bounds, 0, 0, TALL, 1))
    n = 0
    while bits != 0:
        found[n] = lowest_bit(bits)
        bits &= bits - 1
        n += 1
    return n


@pytest.mark.parametrize("dtype", DTYPES)
def test_visiting_the_lanes_that_pass_a_bound(dtype):
    height = TALL * lane_count(dtype)
    for seed in range(30):
        random = np.random.default_rng(seed)
        scores = random.integers(-50, 50, (8, height)).astype(dtype)
        bounds = random.choice([-60, 40, 45, 49, 60], height).astype(dtype)
        found = np.zeros(height, np.int64)
        n = visit(scores.reshape(-1), bounds, found)
        assert found[:n].tolist() == np.flatnonzero(scores.max(axis=0) > bounds).tolist()


def test_no_bit_is_set():
    @compiled
    def lowest(bits):
        return lowest_bit(bits)

    assert [lowest(bits) for bits in (0, 1, 6, -(2**63))] == [64, 0, 1, 63]


@compiled
def expand(x, at, bits, others, out):
    mask = mask_of_bits(x, bits, 2)
    store(out, 0, 0, load_expanded(x, at, mask, load(others, 0, 0, 2, 1)))
    return mask_bits(mask)


@pytest.mark.parametrize("dtype", DTYPES)
def test_elements_are_spread_over_the_lanes_of_a_mask(dtype):
    height = 2 * lane_count(dtype)
    x = hard_numbers(height + 3, dtype, 0)
    others = hard_numbers(height, dtype, 1)
    random = np.random.default_rng(2)
    for bits in [0, 1, (1 << height) - 1, *random.integers(0, 1 << height, 20)]:
        lanes_of_bits = (int(bits) >> np.arange(height)) & 1 == 1
        expected, out = others.copy(), np.empty(height, dtype)
        expected[lanes_of_bits] = x[3 : 3 + lanes_of_bits.sum()]
        assert expand(x, 3, int(bits) | 1 << 62, others, out) == bits
        np.testing.assert_array_equal(out, expected)
