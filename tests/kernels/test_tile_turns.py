"""Products of the lanes of a vector with each other: every pair, none lost."""

from __future__ import annotations

import numpy as np
import pytest
from numba.core.errors import TypingError
from tiles import SPARE, compiled, lane_count, whole_numbers

from fastml.kernels.tile import add_turns, fill, load, no_half, no_turns, rank1, store


@compiled
def turn(x, count, step, out, at):
    turns = no_turns(x)
    for r in range(count):
        turns = add_turns(turns, load(x, r * step, 0, 1, 1))
    store(out, at, step + 1, turns)


@compiled
def half_of_columns(x, count, step, out, at):
    half = no_half(x)
    for r in range(count):
        half = rank1(half, load(x, r * step, 0, 1, 1), x, r * step, 1)
    store(out, at, step, half)


@compiled
def wrong_shape(x):
    return add_turns(fill(x, 0.0, 1, 1), load(x, 0, 0, 1, 1))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_turns_are_products_of_lanes_counted_round(dtype, count):
    step = lane_count(dtype)
    x = whole_numbers((5, step), dtype)
    out = np.full(SPARE + (step // 2 + 1) * (step + 1) + SPARE, 100, dtype)
    turn(x.reshape(-1), count, step, out, SPARE)
    products = x[:count].T @ x[:count]
    expected = np.full_like(out, 100)
    for k in range(step // 2 + 1):
        for i in range(step):
            expected[SPARE + k * (step + 1) + i] = products[i, (i + k) % step]
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_half_the_columns(dtype):
    step = lane_count(dtype)
    x = whole_numbers((5, step), dtype)
    out = np.full(step // 2 * step + SPARE, 100, dtype)
    half_of_columns(x.reshape(-1), 5, step, out, 0)
    products = x.T @ x
    np.testing.assert_array_equal(out[:-SPARE].reshape(-1, step), products[: step // 2])
    np.testing.assert_array_equal(out[-SPARE:], 100)


def test_a_tile_of_another_shape_is_refused():
    with pytest.raises(TypingError, match="columns"):
        wrong_shape(np.zeros(64, np.float32))
