"""That the checking mode fires.  Run by test_bounds, in a process where the mode is on."""

from __future__ import annotations

import re
from pathlib import Path

import numba
import numpy as np
import pytest

from fastml.kernels.machine import jit as _jit
from fastml.kernels.ops.flat import load_up_to, store_up_to
from fastml.kernels.tile import (
    add_lane_sums,
    broadcast,
    fill,
    gather,
    indices,
    lanes,
    load,
    load_as,
    load_expanded,
    load_first,
    load_narrow_rows,
    load_part,
    load_rows,
    load_some_rows,
    load_square,
    load_where,
    load_whole_rows,
    outer,
    outer_with,
    rank1,
    rank1_by_lanes,
    rows_below,
    squared_differences,
    squared_gaps,
    store,
    store_as,
    store_first,
    store_indices,
    store_part,
    store_past_cache,
    store_where,
)

pytestmark = pytest.mark.checked

compiled = numba.njit(error_model="numpy")


@compiled
def run_load(x, at):
    store(x, 0, 0, load(x, at, 0, 1, 1))


@compiled
def run_load_columns(x, at):
    store(x, 0, 0, load(x, 0, at, 1, 2))


@compiled
def run_load_square(x, at):
    load_square(x, at, 0)


@compiled
def run_load_first(x, at):
    load_first(x, at + lanes(x) - 1, 1)


@compiled
def run_broadcast(x, at):
    broadcast(x, at + lanes(x) - 2, 1, 1, 2)


@compiled
def run_rank1(x, at):
    rank1(fill(x, 0.0, 1, 2), load(x, 0, 0, 1, 1), x, at + lanes(x) - 2, 1)


@compiled
def run_rank1_by_lanes_column(x, at):
    rank1_by_lanes(fill(x, 0.0, 1, 1), x, at, 0, x, 0, 0)


@compiled
def run_rank1_by_lanes_row(x, at):
    rank1_by_lanes(fill(x, 0.0, 1, 2), x, 0, 0, x, 0, at)


@compiled
def run_outer_left(x, at):
    outer(fill(x, 0.0, 1, 1), x, at, 0, 0)


@compiled
def run_outer_right(x, at):
    outer(fill(x, 0.0, 1, 2), x, 0, 0, at)


@compiled
def run_outer_with(x, at):
    outer_with(fill(x, 0.0, 2, 1), x, 0, at, load(x, 0, 0, 1, 1))


@compiled
def run_store(x, at):
    store(x, at, 0, fill(x, 0.0, 1, 1))


@compiled
def run_store_columns(x, at):
    store(x, 0, at, fill(x, 0.0, 1, 2))


@compiled
def run_load_whole_rows(x, at):
    load_whole_rows(x, at - lanes(x), 2)


@compiled
def run_load_part(x, at):
    load_part(x, at + lanes(x) - 2, 0, 1, 1, 2, 1)


@compiled
def run_store_part(x, at):
    store_part(x, at + lanes(x) - 2, 0, fill(x, 0.0, 1, 1), 2, 1)


@compiled
def run_store_past_cache(x, at):
    store_past_cache(x, at, fill(x, 0.0, 1, 1))


@compiled
def run_store_first(x, at):
    store_first(x, at + lanes(x) - 1, 1, fill(x, 0.0, 1, 1))


@compiled
def run_add_lane_sums(x, at):
    add_lane_sums(x, at + lanes(x) - 2, 0, fill(x, 0.0, 1, 2), 1, 2)


@compiled
def run_up_to(x, at):
    store_up_to(x, at + lanes(x) - 1, 1, load_up_to(x, at + lanes(x) - 1, 1))


@compiled
def run_squared_differences(x, at):
    column = load(x, 0, 0, 1, 1)
    squared_differences(fill(x, 0.0, 1, 2), column, x, at + lanes(x) - 2, 1)


@compiled
def run_squared_gaps(x, at):
    squared_gaps(fill(x, 0.0, 1, 2), x, 0, at, load(x, 0, 0, 1, 1))


@compiled
def run_load_where(x, at):
    load_where(x, at + lanes(x) - 2, 0, rows_below(x, 2, 1))


@compiled
def run_load_expanded(x, at):
    load_expanded(x, at + lanes(x) - 2, rows_below(x, 2, 1), fill(x, 0.0, 1, 1))


@compiled
def run_load_where_columns(x, at):
    load_where(x, 0, at, load(x, 0, 0, 1, 2) > 0.0)


@compiled
def run_store_where(x, at):
    store_where(x, at + lanes(x) - 2, 0, fill(x, 0.0, 1, 1), rows_below(x, 2, 1))


@compiled
def run_store_where_columns(x, at):
    store_where(x, 0, at, fill(x, 1.0, 1, 2), load(x, 0, 0, 1, 2) > 0.0)


@compiled
def run_store_indices(x, labels, at):
    store_indices(labels, at, indices(x, 0, 1))


@compiled
def run_load_rows(X, rows, first, column, out):
    store(out, 0, lanes(X), load_rows(X, rows, first, column))


@compiled
def run_load_some_rows(X, rows, first, column, out):
    store(out, 0, lanes(X), load_some_rows(X, rows, first, column, 1))


@compiled
def run_load_narrow_rows(X, rows, first, out):
    store(out, 0, lanes(X), load_narrow_rows(X, rows, first, 2))


@compiled
def run_load_as(like, narrow, at):
    load_as(like, narrow, at, 0, 2, 1)


@compiled
def run_load_as_columns(like, narrow, at):
    load_as(like, narrow, 0, at, 1, 2)


@compiled
def run_store_as(like, narrow, at):
    store_as(narrow, at, 0, fill(like, 1.0, 2, 1))


@compiled
def run_store_as_columns(like, narrow, at):
    store_as(narrow, 0, at, fill(like, 1.0, 1, 2))


@compiled
def run_gather(table, number, out):
    store(out, 0, 0, gather(table, 1, load(number, 0, 0, 1, 1)))


@compiled
def run_load_no_lanes(x, beyond):
    store(x, 0, 0, load_where(x, beyond, 0, rows_below(x, 0, 1)))


#: Taken with an array and a place; those that need more have tests of their own.
OF_ONE_ARRAY = [
    kernel
    for name, kernel in sorted(globals().items())
    if name.startswith("run_") and kernel.py_func.__code__.co_varnames[:2] == ("x", "at")
]


def test_the_mode_is_on():
    assert _jit.CHECK_TILES
    assert numba.config.BOUNDSCHECK


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", OF_ONE_ARRAY)
def test_one_element_outside_is_an_error(kernel, dtype):
    width = describe_lanes(np.zeros(1, dtype))
    if kernel is run_load_whole_rows and width <= 2:
        pytest.skip("rows of two features fill whole vectors: there is nothing to take apart")
    # Starting on a cache line, as stores past the cache must.
    memory = np.ones(2 * width + 64, dtype)
    first = -memory.ctypes.data % 64 // memory.itemsize
    x = memory[first : first + 2 * width]
    kernel(x, width)  # the last place inside
    with pytest.raises(IndexError):
        kernel(x, width + 1)
    # A start before the array; of the kernels that add an offset, as far again.
    with pytest.raises(IndexError):
        kernel(x, -width)
    assert (x[1:] <= 1).all()


@compiled
def describe_lanes(x):
    return lanes(x)


def test_labels_outside_are_an_error():
    x = np.zeros(1, np.float32)
    width = describe_lanes(x)
    labels = np.zeros(width + 1, np.int32)
    run_store_indices(x, labels, 1)
    for at in (2, -1):
        with pytest.raises(IndexError):
            run_store_indices(x, labels, at)


@pytest.mark.parametrize("n_columns", [3, 40])
def test_some_rows_and_columns_outside_are_an_error(n_columns):
    X = np.zeros((40, n_columns), np.float32)
    rows = np.arange(40)
    out = np.empty(describe_lanes(X), np.float32)
    run_load_some_rows(X, rows, 39, 0, out)
    for number, first, column in [(0, 40, 0), (40, 0, 0), (-1, 0, 0), (39, 0, n_columns)]:
        rows[0] = number
        with pytest.raises(IndexError):
            run_load_some_rows(X, rows, first, column, out)


@pytest.mark.parametrize("n_columns", [3, 40])
def test_rows_and_columns_outside_are_an_error(n_columns):
    X = np.zeros((40, n_columns), np.float32)
    rows = np.arange(40)
    width = describe_lanes(X)
    out = np.empty(width * width, np.float32)
    run_load_rows(X, rows, 40 - width, 0, out)
    with pytest.raises(IndexError):
        run_load_rows(X, rows, 41 - width, 0, out)  # row numbers that are not there
    for wrong in (40, -1):
        with pytest.raises(IndexError):
            run_load_rows(X, np.full(width, wrong), 0, 0, out)
    with pytest.raises(IndexError):
        run_load_rows(X, np.full(width, 39), 0, n_columns, out)


@pytest.mark.skipif(describe_lanes(np.zeros(1, np.float32)) <= 2, reason="vectors too short")
def test_rows_and_columns_of_few_features_outside_are_an_error():
    X = np.zeros((40, 2), np.float32)
    rows = np.arange(40)
    width = describe_lanes(X)
    out = np.empty(2 * width, np.float32)
    run_load_narrow_rows(X, rows, 40 - width, out)
    with pytest.raises(IndexError):
        run_load_narrow_rows(X, rows, 41 - width, out)
    for wrong in (40, -1):
        with pytest.raises(IndexError):
            run_load_narrow_rows(X, np.full(width, wrong), 0, out)


@pytest.mark.parametrize("kernel", [run_load_as, run_store_as])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_narrower_elements_outside_are_an_error(kernel, dtype):
    like = np.ones(1, np.float64)
    width = describe_lanes(like)
    narrow = np.ones(3 * width, dtype)
    kernel(like, narrow, width)
    for wrong in (width + 1, -1):
        with pytest.raises(IndexError):
            kernel(like, narrow, wrong)


@pytest.mark.parametrize("kernel", [run_load_as_columns, run_store_as_columns])
def test_narrower_columns_outside_are_an_error(kernel):
    like = np.ones(1, np.float64)
    width = describe_lanes(like)
    narrow = np.ones(3 * width, np.float32)
    kernel(like, narrow, 2 * width)
    for wrong in (2 * width + 1, -1):
        with pytest.raises(IndexError):
            kernel(like, narrow, wrong)


@pytest.mark.parametrize(("dtype", "integer"), [("float32", "int32"), ("float64", "int64")])
def test_what_is_gathered_from_outside_is_an_error(dtype, integer):
    table = np.arange(10, dtype=dtype)
    width = describe_lanes(table)
    number, out = np.full(width, 8, integer), np.empty(width, dtype)
    run_gather(table, number, out)
    assert (out == 9).all()
    for wrong in (9, -2, np.iinfo(integer).max - 1, np.iinfo(integer).min):
        number[-1] = wrong
        with pytest.raises(IndexError):
            run_gather(table, number, out)


def test_lanes_that_are_not_loaded_may_lie_anywhere():
    x = np.ones(describe_lanes(np.zeros(1, np.float32)), np.float32)
    run_load_no_lanes(x, 1000)
    assert (x == 0).all()


def test_every_load_and_store_of_the_tile_is_tried():
    """A new one in the module is a new one here."""
    from fastml.kernels import tile

    named = {name for name in dir(tile) if re.match(r"(load|store|gather|broadcast)", name)}
    source = Path(__file__).read_text(encoding="utf-8")
    body = source[source.index("@compiled") :]
    assert {name for name in named if not re.search(rf"[ (]{name}\(", body)} == set()


def test_plain_indexing_is_checked_too():
    @compiled
    def read(x, i):
        return x[i]

    x = np.zeros(4)
    assert read(x, 3) == 0
    with pytest.raises(IndexError):
        read(x, 4)
