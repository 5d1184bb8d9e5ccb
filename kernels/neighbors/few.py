"""A few queries: every row is read once, as it stands, and nothing is packed.

Lanes lie along the features.  Squared differences of as many rows as a vector has lanes are added
up side by side, and summed over the lanes together.  With u the unit round-off of the rows' type a
computed square is within gamma_{d+4} of the defined one, relatively: a difference, its square and
at most d + 1 sums (Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., 2002, section
3.1); so what settles the neighbours needs no norms, and no offset makes a difference.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_inner_kernel, allocating_kernel, inner_kernel
from ..machine.team import finish_ticket, take_ticket
from ..ops.scratch import aligned_zeros
from ..ops.top import clear_heap, is_worse, order_heap, replace_worst, sort_heap
from ..tile import (
    add_lane_sums,
    any_lane,
    lanes,
    load,
    load_square,
    load_where,
    lowest_bit,
    mask_bits,
    multiply_add,
)
from .exact import defined_distance, square_error, surely_nearest


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
    """Write the squared distances of a query from ``lanes`` rows.

    Parameters
    ----------
    flat : IN the rows, flat
    first : int, the first row
    wanted : IN Wanted
    query : int
    sums : OUT (lanes,)
    """
    width = lanes(flat)
    at, of = first * n_features, query * wanted.pitch
    whole = n_features // width * width
    total = load_square(wanted.rest, 0, 0) * 0.0
    for p in range(0, whole, width):
        gap = load_square(flat, at + p, n_features) - load_square(wanted.queries, of + p, 0)
        total = multiply_add(gap, gap, total)
    if whole < n_features:
        mask = load_square(wanted.rest, 0, 0) > 0.5
        there = load_where(flat, at + whole, n_features, mask)
        gap = there - load_square(wanted.queries, of + whole, 0)
        total = multiply_add(gap, gap, total)
    for j in range(width):
        sums[j] = 0.0
    add_lane_sums(sums, 0, 0, total, 1, width)


@inner_kernel
def square_alone(flat, row, n_features, wanted, query, zero):
    """Return the squared distance of a query from one row, in the rows' type."""
    total = zero
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


@inner_kernel
def scan_rows(X, first, last, wanted, sums, keys, numbers):
    """Find the candidates of a few queries among some rows.

    Parameters
    ----------
    X : IN (n_samples, n_features) in C order
    first, last : int, the first row, and the first one that is none of them
    wanted : IN Wanted
    sums : OUT (lanes,), working memory
    keys : OUT (n_queries, n_candidates) of X's type: squared distances, as heaps
    numbers : OUT (n_queries, n_candidates) int64, rows
    """
    n_features = X.shape[1]
    n_queries, n_candidates = keys.shape
    width, flat = lanes(X), X.reshape(-1)
    zero = wanted.rest[0] * 0
    for i in range(n_queries):
        clear_heap(keys[i], numbers[i])
    row = first
    while row + width <= last:
        for i in range(n_queries):
            add_up_rows(flat, row, n_features, wanted, i, sums)
            best, held = keys[i], numbers[i]
            hits = load(sums, 0, 0, 1, 1) < best[0]
            if any_lane(hits):
                bits = mask_bits(hits)
                while bits != 0:
                    lane = lowest_bit(bits)
                    bits &= bits - 1
                    if is_worse(best[0], held[0], sums[lane], row + lane):
                        replace_worst(best, held, n_candidates, sums[lane], row + lane)
        row += width
    while row < last:
        for i in range(n_queries):
            square = square_alone(flat, row, n_features, wanted, i, zero)
            best, held = keys[i], numbers[i]
            if is_worse(best[0], held[0], square, row):
                replace_worst(best, held, n_candidates, square, row)
        row += 1


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
    wanted, sums = wanted_of(queries, X), aligned_zeros(X, lanes(X))
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
    sums = aligned_zeros(X, lanes(X))
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
