"""Products of bytes: the integers they are, by the processor's instruction or by wider products."""

from __future__ import annotations

import dataclasses

import numba
import numpy as np
import pytest
from numba.core.errors import TypingError
from tiles import compiled, lane_count

from fastml.kernels.machine.host import host
from fastml.kernels.tile import add_byte_products, load, spread, store
from fastml.kernels.tile import bytes as tile_bytes


def add_up(panel, row, out, quads):
    height = out.size // 3
    tile = load(out, 0, height, 2, 3)
    for p in range(quads):
        tile = add_byte_products(tile, load(panel, p * height, 0, 2, 1), row, 3 * p, 1)
    store(out, 0, height, tile)


@pytest.mark.parametrize("instruction", [True, False])
@pytest.mark.parametrize("quads", [1, 5, 300])
def test_products_of_bytes_add_up_exactly(quads, instruction, monkeypatch):
    there = instruction and host().byte_products
    other = dataclasses.replace(host(), byte_products=there)
    monkeypatch.setattr(tile_bytes, "host", lambda: other)
    height = 2 * lane_count("int32")
    rng = np.random.default_rng(quads)
    left = rng.integers(0, 256, (quads, height, 4)).astype(np.uint8)
    right = rng.integers(-128, 128, (quads, 3, 4)).astype(np.int8)
    left[0, :2], right[0, 0] = [[255], [0]], -128
    start = rng.integers(-(2**31), 2**31, (3, height)).astype(np.int32)
    out = start.reshape(-1).copy()
    numba.njit(add_up)(left.reshape(-1).view("int32"), right.reshape(-1).view("int32"), out, quads)
    sums = np.einsum("pib,pjb->ji", left.astype(np.int64), right.astype(np.int64))
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(out.reshape(3, -1), start + sums.astype(np.int32))


def test_products_of_bytes_want_int32():
    with pytest.raises(TypingError, match="expected a tile of int32"):
        compiled(add_up)(np.zeros(99), np.zeros(9), np.zeros(99), 1)
    with pytest.raises(TypingError, match="expected int32"):
        compiled(add_up)(np.zeros(99, "int64"), np.zeros(9, "int64"), np.zeros(99, "int64"), 1)
    with pytest.raises(TypingError, match="array: expected elements int32"):
        compiled(add_up)(np.zeros(99, "int32"), np.zeros(9, "int64"), np.zeros(99, "int32"), 1)


@compiled
def repeat(x, out):
    store(out, 0, out.size // 4, spread(load(x, 0, 0, 2, 1), 4))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_a_column_is_repeated(dtype):
    x = np.arange(2 * lane_count(dtype)).astype(dtype)
    out = np.empty(4 * x.size, dtype)
    repeat(x, out)
    np.testing.assert_array_equal(out.reshape(4, -1), [x] * 4)


@compiled
def repeat_two(x, out):
    store(out, 0, 0, spread(load(x, 0, 0, 1, 2), 4))


def test_two_columns_are_not():
    with pytest.raises(TypingError, match="expected one column"):
        repeat_two(np.zeros(99), np.zeros(99))
