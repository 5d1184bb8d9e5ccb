"""Tiles of processors that multiply by one lane of a vector and move no lanes by a mask.

NEON is such a processor; what is generated for it runs on any, and must find the same bits.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiles import SPARE, compiled, lane_count

from fastml.kernels.machine.host import host
from fastml.kernels.ops import pack, product
from fastml.kernels.tile import (
    COLUMNS,
    VECTORS,
    absolute_differences,
    fill,
    ir,
    lanes,
    load,
    load_first,
    load_part,
    products,
    rank1,
    rank1_by_lanes,
    squared_differences,
    squared_gaps,
    store,
    store_first,
    store_part,
)

like_neon = replace(host(), by_element=True, masked_moves=False)


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)


def compiled_both_ways(monkeypatch, make, *arguments):
    """Compile what ``make`` returns as for this processor and as for NEON; return both."""
    functions = []
    for facts in (host(), like_neon):
        monkeypatch.setattr(products, "host", lambda facts=facts: facts)
        monkeypatch.setattr(ir, "host", lambda facts=facts: facts)
        monkeypatch.setattr(product, "BY_ELEMENT", facts.by_element)
        monkeypatch.setattr(pack, "OVERLAP", not facts.masked_moves)
        functions.append(compiled(make()))
        functions[-1](*arguments[:-1], arguments[-1].copy())
    return functions


def expect_equal(functions, *arguments):
    """Require the same bits in the last argument, and some that were not there before."""
    results = []
    for function in functions:
        out = arguments[-1].copy()
        function(*arguments[:-1], out)
        assert (out != arguments[-1]).any()
        results.append(out.tobytes())
    assert results[0] == results[1]


@pytest.mark.parametrize("n", [1, 7, 8])
@pytest.mark.parametrize("operation", [rank1, squared_differences, absolute_differences])
def test_numbers_side_by_side_are_lanes_of_vectors(monkeypatch, operation, n, dtype):
    def make():
        def add_three(x, numbers, out):
            tile = fill(x, 0.0, 2, n)
            for p in range(3):
                tile = operation(tile, load(x, p * lanes(x), 0, 2, 1), numbers, p * n, 1)
            store(out, 0, 2 * lanes(x), tile)

        return add_three

    random = np.random.default_rng(n)
    x = random.normal(size=4 * lane_count(dtype)).astype(dtype)
    out = np.zeros(2 * n * lane_count(dtype), dtype)
    for numbers in {dtype.name: dtype, "float32": np.float32}.values():
        row = random.normal(size=3 * n).astype(numbers)
        functions = compiled_both_ways(monkeypatch, make, x, row, out)
        expect_equal(functions, x, row, out)


@pytest.mark.parametrize("n", [1, 3, COLUMNS])
def test_squared_gaps_are_those_of_rows_and_a_vector(n, dtype):
    @compiled
    def add(x, offset, stride, vector, out):
        tile = fill(x, 0.5, 1, n)
        store(out, 0, lanes(x), squared_gaps(tile, x, offset, stride, load(vector, 1, 0, 1, 1)))

    random, width = np.random.default_rng(n), lane_count(dtype)
    x = random.integers(-9, 9, 2 + n * (width + 3)).astype(dtype)
    vector = random.integers(-9, 9, 1 + width).astype(dtype)
    out = np.zeros((n, width), dtype)
    add(x, 2, width + 3, vector, out.reshape(-1))
    rows = x[2:].reshape(n, width + 3)[:, :width]
    assert (out == 0.5 + (rows - vector[1:]) ** 2).all()


@pytest.mark.parametrize("n", [1, 3, COLUMNS])
def test_rank1_by_lanes_is_rank1_for_every_lane(n, dtype):
    @compiled
    def add(x, pitch, numbers, offset, stride, out):
        tile = fill(x, 0.5, 2, n)
        store(out, 0, 2 * lanes(x), rank1_by_lanes(tile, x, 1, pitch, numbers, offset, stride))
        for i in range(lanes(x)):
            tile = rank1(tile, load(x, 1 + i * pitch, 0, 2, 1), numbers, offset + i, stride)
        store(out, 2 * n * lanes(x), 2 * lanes(x), tile)

    random, width = np.random.default_rng(n), lane_count(dtype)
    x = random.normal(size=1 + 3 * width * width).astype(dtype)
    numbers = random.normal(size=2 + n * (width + 3)).astype(dtype)
    out = np.zeros((2, 2 * n * width), dtype)
    add(x, 3 * width - 2, numbers, 2, width + 3, out.reshape(-1))
    assert out[0].tobytes() == out[1].tobytes()
    assert (out[0] != 0.5).all()


@pytest.mark.parametrize("thin", [False, True])
def test_products_are_added_in_the_same_order(monkeypatch, thin, dtype):
    height = 1 if thin else VECTORS

    def make():
        sums = product.add_thin_products if thin else product.add_products
        add_products = compiled(sums.py_func)

        def add(panel, n_inputs, numbers, by_row, by_column, out):
            pitch = height * lanes(panel)
            tile = fill(panel, 0.25, height, COLUMNS)
            tile = add_products(tile, panel, 0, pitch, n_inputs, numbers, 2, by_row, by_column)
            store(out, 0, pitch, tile)

        return add

    random, width = np.random.default_rng(0), lane_count(dtype)
    panel = random.normal(size=37 * height * width).astype(dtype)
    numbers = random.normal(size=2 + 40 * 40).astype(dtype)
    out = np.zeros(COLUMNS * height * width, dtype)
    functions = compiled_both_ways(monkeypatch, make, panel, 1, numbers, 1, 1, out)
    for by_row, by_column in [(1, 40), (8, 1), (9, 3), (1, 1)]:
        for n_inputs in (1, 3, width, 37):
            expect_equal(functions, panel, n_inputs, numbers, by_row, by_column, out)


def test_parts_of_vectors_are_moved_lane_by_lane(monkeypatch, dtype):
    width = lane_count(dtype)

    def make():
        def move(x, count, out):
            step = lanes(x)
            few = min(count, step - 1)
            store(out, SPARE, 0, load_first(x, 0, few))
            store_first(out, SPARE + step, few, load(x, step, 0, 1, 1))
            at = SPARE + 2 * step
            store(out, at, 2 * step, load_part(x, 1, 5, 2, 3, count, 2))
            store_part(out, at + 6 * step, 2 * step + 1, load(x, 2, 3, 2, 3), count, 2)

        return move

    x = np.arange(1, 4 * width + 20).astype(dtype)
    out = np.full(15 * width + 2 * SPARE, -1, dtype)
    functions = compiled_both_ways(monkeypatch, make, x, 0, out)
    for count in range(2 * width + 1):
        expect_equal(functions, x, count, out)


def test_rows_are_packed_with_zeros_that_pad_them(monkeypatch, dtype):
    def make():
        pack_rows = compiled(pack.pack_rows.py_func)

        def pack_some(X, rows, panel):
            pack_rows(X, rows, 1, 0, panel, SPARE)

        return pack_some

    width = lane_count(dtype)
    height = VECTORS * width
    rows = np.random.default_rng(1).permutation(60)[: height + 1]
    functions = None
    for n_features in (1, 2, 3, 5, 8, 15, 16, 17, 21, 33):
        X = np.random.default_rng(0).normal(size=(60, n_features)).astype(dtype)
        panel = np.full(SPARE + (n_features + 2 * width) * height, -1, dtype)
        if functions is None:
            functions = compiled_both_ways(monkeypatch, make, X, rows, panel)
        expect_equal(functions, X, rows, panel)
        functions[1](X, rows, panel)
        samples = panel[SPARE:].reshape(-1, height)
        assert (samples[:n_features] == X[rows[1:]].T).all()
        assert set(samples[n_features:].ravel()) <= {0, -1}
