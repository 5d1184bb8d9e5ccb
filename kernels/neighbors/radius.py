"""All rows within a radius, by the definition: float64 differences on the tile."""

from __future__ import annotations

import math

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import finish_ticket, take_ticket
from ..ops.pack import pack_panel, panel_size, rows_per_block
from ..ops.scratch import aligned_zeros
from ..tile import VECTORS, any_lane, load, lowest_bit, mask_bits
from .exact import ABREAST, sizes_abreast, squares_abreast, squares_alone

#: Queries of a ticket: they share the packing of rows.
BATCH = 16


@inner_kernel
def surely_within(radius, squared):
    """Return a squared distance above which rows are surely too far; others are looked at."""
    return radius if squared else radius * radius * (1.0 + 2.0**-50) + 2.0**-1020


@inner_kernel
def visit_near(sums, at, first, count, radius, squared, start, distances, indices):
    """Count the rows within a radius of a query, and write them if there is where to.

    Parameters
    ----------
    sums : IN flat float64, the rows' squared distances from element ``at`` on
    first, count : int, the number of the first row, and how many rows there are
    radius : float, of the distances, or of their squares where ``squared``
    start : int, where the first of them is written; negative to count only
    distances, indices : OUT flat

    Returns
    -------
    int : how many there are
    """
    limit = surely_within(radius, squared)
    found = 0
    hits = load(sums, at, 0, VECTORS, 1) <= limit
    if any_lane(hits):
        bits = mask_bits(hits)
        while bits != 0:
            lane = lowest_bit(bits)
            bits &= bits - 1
            distance = sums[at + lane] if squared else math.sqrt(sums[at + lane])
            if lane < count and distance <= radius:
                if start >= 0:
                    distances[start + found] = distance
                    indices[start + found] = first + lane
                found += 1
    return found


@allocating_kernel
def rows_within(queries, X, radii, squared, sizes, starts, state, counts, distances, indices):
    """Count the rows within a radius of every query, or write them, as a member of a team.

    Parameters
    ----------
    queries : IN (n_queries, n_features) float64
    X : IN (n_samples, n_features)
    radii : IN (n_queries,) float64
    squared : bool, whether radii are of squared distances, and these are wanted
    sizes : bool, whether Manhattan distances are wanted, as they are: ``squared`` too
    starts : IN (n_queries,) int64, where to write each query's rows; (0,) to count only
    state : IN/OUT the team's state, zero at the start
    counts : OUT (n_queries,) int64
    distances : OUT (n_found,) float64
    indices : OUT (n_found,) int64, in the order of the rows
    """
    n_samples = X.shape[0]
    n_queries = queries.shape[0]
    height = rows_per_block(X)
    panel = aligned_zeros(X, panel_size(X))
    rows = np.empty(height, np.int64)
    sums = aligned_zeros(queries, ABREAST * rows_per_block(queries))
    wide = rows_per_block(sums)
    found = np.empty(BATCH, np.int64)
    while True:
        start = take_ticket(state) * BATCH
        if start >= n_queries:
            return
        stop = min(start + BATCH, n_queries)
        found[:] = 0
        for first in range(0, n_samples, height):
            pack_panel(X, first, n_samples - 1, rows, panel, 0)
            for i in range(start, stop, ABREAST):
                for half in range(0, height, wide):
                    if sizes:
                        sizes_abreast(panel, half, queries, i, sums)
                    elif stop - i == 1:
                        squares_alone(panel, half, queries, i, sums)
                    else:
                        squares_abreast(panel, half, queries, i, sums)
                    for j in range(min(ABREAST, stop - i)):
                        at = i + j
                        begin = starts[at] + found[at - start] if starts.size > 0 else -1
                        found[at - start] += visit_near(
                            sums, j * wide, first + half, n_samples - first - half,
                            radii[at], squared, begin, distances, indices,
                        )  # fmt: skip
        for i in range(start, stop):
            counts[i] = found[i - start]
        finish_ticket(state)
