"""Nearest neighbours as they are defined, and whether candidates settle them.

The definition: squared distances are float64 sums of squared differences in the order of the
features, and of two rows equally far the one of the lower number is nearer.  Manhattan distances
are such sums of the sizes of differences; they stand wherever squared distances do.

With u the unit round-off of the data's type and C the largest |x| of the moved rows, a score is off
by at most g (|q| C + C^2 / 2), g = gamma_{d+12}: d products and sums, and the rounding of the move
and of the norms (Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., 2002, section
3.1).  A row that is no candidate scores at most what the worst candidate does, so its squared
distance is at least |q|^2 + 2 (worst key) - 2 g (|q| C + C^2 / 2).  Where the k-th smallest defined
distance among the candidates is less, also with what float64 may round, no other row belongs to the
k nearest, not even on a tie.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel, kernel
from ..machine.team import finish_ticket, take_ticket
from ..ops.pack import pack_panel, panel_size, rows_per_block
from ..ops.scratch import aligned_zeros
from ..ops.top import clear_heap, is_worse, order_heap, replace_worst, sort_heap
from ..tile import (
    VECTORS,
    absolute,
    any_lane,
    broadcast,
    fill,
    load,
    load_as,
    lowest_bit,
    mask_bits,
    store,
)

#: What the keys of candidates are: scores times -1, squared distances, Manhattan distances.
SCORES, SQUARES, SIZES = range(3)
#: Queries that are compared with a panel of rows at a time.
ABREAST = 4
#: Queries of a ticket: they share the packing of rows.
_BATCH = 16


@inner_kernel
def defined_distance(query, X, row, absolute):
    """Return the squared distance, or the Manhattan one, of a query and a row as it is defined."""
    total = 0.0
    for p in range(query.size):
        difference = np.float64(query[p]) - np.float64(X[row, p])
        total += abs(difference) if absolute else difference * difference
    return total


@kernel
def score_error(n_features, single, norm, largest):
    """Return what twice a score may be off by, for queries of a squared norm; inf if unknown.

    Parameters
    ----------
    n_features : int
    single : bool, whether scores are float32
    norm, largest : float, |q|^2 and the largest |x|^2, moved
    """
    unit, tiny, huge = 2.0**-53, 2.0**-1022, 2.0**1019
    if single:
        unit, tiny, huge = 2.0**-24, 2.0**-126, 2.0**123
    n = n_features + 12
    if not (norm < huge and largest < huge and n * unit < 0.1):
        return np.inf
    gamma = 1.05 * n * unit / (1.0 - n * unit)
    return 2.0 * gamma * (math.sqrt(norm) * math.sqrt(largest) + 0.5 * largest) + 4.0 * n * tiny


@inner_kernel
def square_error(n_features, single, square):
    """Return what a distance of :mod:`.few` or :mod:`.candidates` may be off by; inf if unknown."""
    unit, tiny, huge = 2.0**-53, 2.0**-1022, 2.0**1019
    if single:
        unit, tiny, huge = 2.0**-24, 2.0**-126, 2.0**123
    n = n_features + 8
    if not (square < huge and n * unit < 0.1):
        return np.inf
    return 1.05 * n * unit / (1.0 - n * unit) * square + 4.0 * n * tiny


@inner_kernel
def moved_norm(query, shift):
    """Return the square of the norm of a query less the shift, in float64."""
    norm = 0.0
    for p in range(query.size):
        value = np.float64(query[p]) - np.float64(shift[p])
        norm += value * value
    return norm


@inner_kernel
def rounding_of(n_features):
    """Return what a defined distance may be off by, relatively."""
    return 1.05 * (n_features + 4) * 2.0**-53


@inner_kernel
def surely_nearest(farthest, least, n_features):
    """Say whether no row is among the nearest but candidates.

    Parameters
    ----------
    farthest : float, the largest defined distance among the nearest candidates
    least : float, what that of a row that is no candidate is at least
    n_features : int
    """
    rounding = rounding_of(n_features)
    return farthest * (1.0 + 2.0 * rounding) < least * (1.0 - 2.0 * rounding)


@allocating_kernel
def settle_candidates(
    queries, X, shift, largest, keys_are, candidates, state, distances, indices, settled
):
    """Order the candidates by their defined distances, as a member of a team.

    Parameters
    ----------
    queries : IN (n_queries, n_features)
    X : IN (n_samples, n_features) the rows as they are
    shift : IN (n_features,)
    largest : float, the largest |x|^2 of the moved rows
    keys_are : int, SCORES times -1, SQUARES of distances, or SIZES: Manhattan distances
    candidates : IN (keys, numbers), see ``candidates.find_candidates``
    state : IN/OUT the team's state, zero at the start
    distances : OUT (n_queries, n_neighbors) float64, squared
    indices : OUT (n_queries, n_neighbors) int64
    settled : OUT (n_queries,) bool, whether these are the nearest; what is written is to be
        decided by :func:`nearest_rows` where they may not be
    """
    keys, numbers = candidates
    n_queries, n_features = queries.shape
    n_parts, _, n_candidates = keys.shape
    n_neighbors = indices.shape[1]
    single = keys.itemsize == 4
    best = np.empty(n_candidates)
    held = np.empty(n_candidates, np.int64)
    unsettled = np.empty(64, np.bool_)
    while True:
        start = take_ticket(state) * 64
        if start >= n_queries:
            return
        stop = min(start + 64, n_queries)
        for i in range(start, stop):
            clear_heap(best, held)
            for part in range(n_parts):
                for c in range(n_candidates):
                    key, number = np.float64(keys[part, i, c]), numbers[part, i, c]
                    if is_worse(best[0], held[0], key, number):
                        replace_worst(best, held, n_candidates, key, number)
            worst = best[0]
            if not worst < np.inf:  # too few scores were numbers
                unsettled[i - start] = True
                continue
            query = queries[i]
            for c in range(n_candidates):
                best[c] = defined_distance(query, X, held[c], keys_are == SIZES)
            order_heap(best, held, n_candidates)
            sort_heap(best, held, n_candidates)
            for c in range(n_neighbors):
                distances[i, c] = best[c]
                indices[i, c] = held[c]
            if keys_are != SCORES:
                least = worst - square_error(n_features, single, worst)
            else:
                norm = moved_norm(query, shift)
                least = norm * (1.0 - rounding_of(n_features)) + 2.0 * worst
                least -= score_error(n_features, single, norm, largest)
            sure = surely_nearest(best[n_neighbors - 1], least, n_features)
            unsettled[i - start] = not (sure or n_candidates == X.shape[0])
        for i in range(start, stop):
            settled[i] = not unsettled[i - start]
        finish_ticket(state)


@inner_kernel
def _square(gap):
    return gap * gap


def _sums_of(term: Any) -> Any:
    """Make the functions that sum a term of the differences of one query and of some."""

    @inner_kernel
    def alone(panel, start, queries, first, sums):
        """Write the squared distances of some rows of a panel from one query.

        Parameters
        ----------
        panel, start, queries, first, sums : see ``squares_abreast``
        """
        height = rows_per_block(panel)
        n_features = queries.shape[1]
        flat = queries.reshape(-1)
        total = fill(sums, 0.0, VECTORS, 1)
        for p in range(n_features):
            x = load_as(sums, panel, p * height + start, 0, VECTORS, 1)
            gap = x - broadcast(flat, first * n_features + p, 0, VECTORS, 1)
            total = total + term(gap)
        store(sums, 0, 0, total)

    @inner_kernel
    def abreast(panel, start, queries, first, sums):
        """Write the squared distances of some rows of a panel from four queries.

        Parameters
        ----------
        panel : IN (n_features, rows) flat
        start : int, the first of the panel's rows
        queries : IN (n_queries, n_features) float64
        first : int, the first query; past the last one, it again
        sums : OUT (4 * wide,) flat float64, where wide is the rows of a block of float64
        """
        height, wide = rows_per_block(panel), rows_per_block(sums)
        n_queries, n_features = queries.shape
        flat = queries.reshape(-1)
        at0 = first * n_features
        at1 = min(first + 1, n_queries - 1) * n_features
        at2 = min(first + 2, n_queries - 1) * n_features
        at3 = min(first + 3, n_queries - 1) * n_features
        sum0 = fill(sums, 0.0, VECTORS, 1)
        sum1 = fill(sums, 0.0, VECTORS, 1)
        sum2 = fill(sums, 0.0, VECTORS, 1)
        sum3 = fill(sums, 0.0, VECTORS, 1)
        for p in range(n_features):
            # A term and a sum, each rounded, as the definition has it.
            x = load_as(sums, panel, p * height + start, 0, VECTORS, 1)
            gap = x - broadcast(flat, at0 + p, 0, VECTORS, 1)
            sum0 = sum0 + term(gap)
            gap = x - broadcast(flat, at1 + p, 0, VECTORS, 1)
            sum1 = sum1 + term(gap)
            gap = x - broadcast(flat, at2 + p, 0, VECTORS, 1)
            sum2 = sum2 + term(gap)
            gap = x - broadcast(flat, at3 + p, 0, VECTORS, 1)
            sum3 = sum3 + term(gap)
        store(sums, 0, 0, sum0)
        store(sums, wide, 0, sum1)
        store(sums, 2 * wide, 0, sum2)
        store(sums, 3 * wide, 0, sum3)

    return alone, abreast


squares_alone, squares_abreast = _sums_of(_square)
_, sizes_abreast = _sums_of(absolute)


@inner_kernel
def insert_near(sums, at, first, count, best, held):
    """Let rows into the heap of one query that are nearer than its worst.

    Parameters
    ----------
    sums : IN flat float64, the rows' squared distances from element ``at`` on
    first, count : int, the number of the first row, and how many rows there are
    best, held : IN/OUT (n_neighbors,) a heap
    """
    squares = load(sums, at, 0, VECTORS, 1)
    root = best[0]
    # A distance may overflow: among infinite ones the lowest rows are nearest.
    hits = squares <= root if root == np.inf else squares < root
    if any_lane(hits):
        bits = mask_bits(hits)
        while bits != 0:
            lane = lowest_bit(bits)
            bits &= bits - 1
            if lane < count and is_worse(best[0], held[0], sums[at + lane], first + lane):
                replace_worst(best, held, best.size, sums[at + lane], first + lane)


@allocating_kernel
def nearest_rows(queries, X, part_rows, sizes, state, distances, indices):
    """Find the nearest rows of every part by the definition, as a member of a team.

    Parameters
    ----------
    queries : IN (n_queries, n_features) float64
    X : IN (n_samples, n_features)
    part_rows : int, rows of a part
    sizes : bool, whether Manhattan distances are wanted
    state : IN/OUT the team's state, zero at the start
    distances : OUT (n_parts, n_queries, n_neighbors) float64, squared, sorted; infinite where a
        part has fewer rows
    indices : OUT (n_parts, n_queries, n_neighbors) int64; ``top.NOBODY`` there
    """
    n_samples = X.shape[0]
    n_parts, n_queries, n_neighbors = distances.shape
    height = rows_per_block(X)
    panel = aligned_zeros(X, panel_size(X))
    rows = np.empty(height, np.int64)
    sums = aligned_zeros(queries, ABREAST * rows_per_block(queries))
    wide = rows_per_block(sums)
    n_batches = (n_queries + _BATCH - 1) // _BATCH
    while True:
        ticket = take_ticket(state)
        if ticket >= n_batches * n_parts:
            return
        part = ticket // n_batches
        start = (ticket - part * n_batches) * _BATCH
        stop = min(start + _BATCH, n_queries)
        for i in range(start, stop):
            clear_heap(distances[part, i], indices[part, i])
        last_row = min((part + 1) * part_rows, n_samples)
        for first in range(part * part_rows, last_row, height):
            pack_panel(X, first, last_row - 1, rows, panel, 0)
            for i in range(start, stop, ABREAST):
                for half in range(0, height, wide):
                    if sizes:
                        sizes_abreast(panel, half, queries, i, sums)
                    elif stop - i == 1:
                        squares_alone(panel, half, queries, i, sums)
                    else:
                        squares_abreast(panel, half, queries, i, sums)
                    for j in range(min(ABREAST, stop - i)):
                        insert_near(
                            sums, j * wide, first + half, last_row - first - half,
                            distances[part, i + j], indices[part, i + j],
                        )  # fmt: skip
        for i in range(start, stop):
            sort_heap(distances[part, i], indices[part, i], n_neighbors)
        finish_ticket(state)
