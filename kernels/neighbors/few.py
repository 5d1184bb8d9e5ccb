"""A few queries: every row is read once, as it stands, and nothing is packed.

Lanes lie along the features.  Squared differences of some rows are added up side by side, so that
none waits for the one before, and summed over the lanes together.  With u the unit round-off of the
rows' type a computed square is within gamma_{d+4} of the defined one, relatively: a difference, its
square and at most d + 1 sums (Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed.,
2002, section 3.1); so what settles the neighbours needs no norms, and no offset makes a difference.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import (
    allocating_inner_kernel,
    allocating_kernel,
    inlined_kernel,
    inner_kernel,
)
from ..machine.team import finish_ticket, take_ticket
from ..ops.scratch import aligned_zeros
from ..ops.top import clear_heap, is_worse, order_heap, replace_worst, sort_heap
from ..tile import (
    add_lane_sums,
    fill,
    lanes,
    load,
    load_where,
    lowest_bit,
    mask_bits,
    multiply_add,
    squared_gaps,
)
from .exact import defined_distance, square_error, surely_nearest

#: Rows compared at a time: as many sums as hide a multiply-add's latency.
_ROWS = 8


class Wanted(NamedTuple):
    """The queries, as they are compared.

    queries : (n_queries * pitch,) flat, of the rows' type; zero beyond the features
    rest : (lanes,) of the rows' type, one for each feature beyond the last whole vector, then zero
    pitch : int, the features padded to whole vectors
    """

    queries: Any
    rest: Any
    pitch: Any


@inner_kernel
def add_up_rows(flat, first, n_features, wanted, query, sums):
    """Write the squared distances of a query from ``_ROWS`` rows.

    Parameters
    ----------
    flat : IN the rows, flat
    first : int, the first row
    n_features : int
    wanted : IN Wanted
    query : int
    sums : OUT (_ROWS,)
    """
    width = lanes(flat)
    at, of = first * n_features, query * wanted.pitch
    whole = n_features // width * width
    total = fill(flat, 0.0, 1, _ROWS)
    for p in range(0, whole, width):
        vector = load(wanted.queries, of + p, 0, 1, 1)
        total = squared_gaps(total, flat, at + p, n_features, vector)
    if whole < n_features:
        there = load(wanted.rest, 0, 0, 1, _ROWS) > 0.5
        rows = load_where(flat, at + whole, n_features, there)
        gap = rows - load(wanted.queries, of + whole, 0, 1, _ROWS)
        total = multiply_add(gap, gap, total)
    for j in range(_ROWS):
        sums[j] = 0.0
    add_lane_sums(sums, 0, 0, total, 1, _ROWS)


@inner_kernel
def square_alone(flat, row, n_features, wanted, query):
    """Return the squared distance of a query from one row."""
    total = wanted.rest[0] * 0
    for p in range(n_features):
        gap = flat[row * n_features + p] - wanted.queries[query * wanted.pitch + p]
        total += gap * gap
    return total


@allocating_inner_kernel
def wanted_of(queries, X):
    """Return queries as they are compared with rows."""
    (n_queries, n_features), width = queries.shape, lanes(X)
    pitch = (n_features + width - 1) // width * width
    wanted = Wanted(aligned_zeros(X, n_queries * pitch), aligned_zeros(X, width), pitch)
    for i in range(n_queries):
        for p in range(n_features):
            wanted.queries[i * pitch + p] = queries[i, p]
    for p in range(n_features % width):
        wanted.rest[p] = 1.0
    return wanted


@allocating_inner_kernel
def room_for_sums(X):
    """Return room for the squared distances of a step's rows, at least of a vector's lanes."""
    sums = aligned_zeros(X, max(_ROWS, lanes(X)))
    sums[:] = np.inf
    return sums


@inlined_kernel
def insert_nearer(sums, begin, end, first, best, held):
    """Let rows into the heap of one query that are nearer than its worst.

    Parameters
    ----------
    sums : IN flat, the squared distances of rows from ``first`` on
    begin, end : int, which of them are meant
    best, held : IN/OUT (n_candidates,) a heap
    """
    width = lanes(sums)
    for j in range(0, min(end, _ROWS), width):
        bits = mask_bits(load(sums, j, 0, 1, 1) < best[0])
        while bits != 0:
            k = j + lowest_bit(bits)
            bits &= bits - 1
            if begin <= k < end and is_worse(best[0], held[0], sums[k], first + k):
                replace_worst(best, held, best.size, sums[k], first + k)


@inner_kernel
def scan_rows(X, first, last, wanted, sums, keys, numbers):
    """Find the candidates of a few queries among some rows.

    Parameters
    ----------
    X : IN (n_samples, n_features) in C order
    first, last : int, the first row, and the first one that is none of them
    wanted : IN Wanted
    sums : OUT working memory, see :func:`room_for_sums`
    keys : OUT (n_queries, n_candidates) of X's type: squared distances, as heaps
    numbers : OUT (n_queries, n_candidates) int64, rows
    """
    n_queries, n_features = keys.shape[0], X.shape[1]
    flat = X.reshape(-1)
    for i in range(n_queries):
        clear_heap(keys[i], numbers[i])
    for row in range(first, last, _ROWS):
        at = max(first, min(row, last - _ROWS))  # some again for a whole step: passed over below
        for i in range(n_queries):
            if last - first >= _ROWS:
                add_up_rows(flat, at, n_features, wanted, i, sums)
            else:
                for j in range(last - first):
                    sums[j] = square_alone(flat, first + j, n_features, wanted, i)
            insert_nearer(sums, row - at, last - at, at, keys[i], numbers[i])


@allocating_kernel
def find_few(queries, X, part_rows, state, keys, numbers):
    """Find the candidates of a few queries in every part of the rows, as a member of a team.

    Parameters
    ----------
    queries : IN (n_queries, n_features) of X's type
    X : IN (n_samples, n_features) in C order
    part_rows : int, rows of a part
    state : IN/OUT the team's state, zero at the start
    keys : OUT (n_parts, n_queries, n_candidates) of X's type: squared distances, as heaps
    numbers : OUT (n_parts, n_queries, n_candidates) int64, rows
    """
    n_samples, n_parts = X.shape[0], keys.shape[0]
    wanted, sums = wanted_of(queries, X), room_for_sums(X)
    while True:
        part = take_ticket(state)
        if part >= n_parts:
            return
        first = part * part_rows
        last = min(first + part_rows, n_samples)
        scan_rows(X, first, last, wanted, sums, keys[part], numbers[part])
        finish_ticket(state)


@allocating_kernel
def nearest_alone(queries, X, n_candidates, distances, indices):
    """Find the nearest rows of a few queries on the calling thread: too few to be shared.

    Parameters
    ----------
    queries : IN (n_queries, n_features) of X's type
    X : IN (n_samples, n_features) in C order
    n_candidates : int, from the number of neighbours to that of the rows
    distances : OUT (n_queries, n_neighbors) float64, squared, as they are defined
    indices : OUT (n_queries, n_neighbors) int64

    Returns
    -------
    bool : whether these are the nearest; what is written is worth nothing if they may not be
    """
    n_queries, n_neighbors = indices.shape
    n_samples, n_features = X.shape
    keys = np.empty((n_queries, n_candidates), X.dtype)
    numbers = np.empty((n_queries, n_candidates), np.int64)
    sums = room_for_sums(X)
    scan_rows(X, 0, n_samples, wanted_of(queries, X), sums, keys, numbers)
    best = np.empty(n_candidates)
    for i in range(n_queries):
        worst, held = np.float64(keys[i, 0]), numbers[i]
        if not worst < np.inf:
            return False
        for c in range(n_candidates):
            best[c] = defined_distance(queries[i], X, held[c], False)
        order_heap(best, held, n_candidates)
        sort_heap(best, held, n_candidates)
        least = worst - square_error(n_features, X.itemsize == 4, worst)
        sure = surely_nearest(best[n_neighbors - 1], least, n_features)
        if not (sure or n_candidates == n_samples):
            return False
        for c in range(n_neighbors):
            distances[i, c] = best[c]
            indices[i, c] = held[c]
    return True
