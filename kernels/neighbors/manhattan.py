"""Candidates by Manhattan distance: sums of sizes of differences on the tile.

Differences lose nothing however far rows are from the origin, so rows are packed as they are.  With
u the unit round-off of the rows' type a computed sum is within gamma_{d+1} of the defined one,
relatively: a difference and at most d sums (Higham, "Accuracy and Stability of Numerical
Algorithms", 2nd ed., 2002, section 3.1).
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import finish_ticket, take_ticket
from ..ops.pack import pack_panel, panel_size, rows_per_block
from ..ops.scratch import aligned_zeros
from ..ops.top import clear_heap, replace_worst
from ..tile import (
    COLUMNS,
    VECTORS,
    absolute_differences,
    any_lane,
    column_minimum,
    fill,
    load,
    lowest_bit,
    mask_bits,
    store,
)


@inner_kernel
def insert_near_lanes(tile, bits, rows, work, keys, numbers, bounds, lane_bounds):
    """Let rows of a tile into the heaps of the queries whose lanes have a hit.

    Parameters
    ----------
    tile : distances of a panel of queries and a group of rows
    bits : int, the lanes that have a hit
    rows : (first, last), the number of the first row, and how many rows there are in all
    work : OUT (N * rows,) flat
    keys, numbers : IN/OUT (rows, n_candidates) the heaps: distances, and their rows
    bounds : IN/OUT flat, from element ``lane_bounds`` on: the distance to beat in each lane
    """
    height = rows_per_block(work)
    first, last = rows
    store(work, 0, height, tile)
    while bits != 0:
        lane = lowest_bit(bits)
        bits &= bits - 1
        heap, held = keys[lane], numbers[lane]
        for j in range(min(COLUMNS, last - first)):
            key = work[j * height + lane]
            if key < heap[0]:
                replace_worst(heap, held, heap.size, key, first + j)
        bounds[lane_bounds + lane] = heap[0]
    return load(bounds, lane_bounds, 0, VECTORS, 1)


@inner_kernel
def scan_sizes(panels, start, packed, groups, n_samples, work, keys, numbers, bounds, lane_bounds):
    """Find the distances of a panel of queries from some groups of rows, and keep the least.

    Parameters
    ----------
    panels : IN flat; the panel begins at element ``start``
    packed : IN see ``base.pack_base``, not moved
    groups : (first, last, n_features)
    n_samples : int
    work, keys, numbers, bounds, lane_bounds : see ``insert_near_lanes``
    """
    height = rows_per_block(panels)
    first, last, n_features = groups
    bound = load(bounds, lane_bounds, 0, VECTORS, 1)
    for g in range(first, last):
        tile = fill(packed, 0.0, VECTORS, COLUMNS)
        for p in range(n_features):
            column = load(panels, start + p * height, 0, VECTORS, 1)
            tile = absolute_differences(tile, column, packed, (g * n_features + p) * COLUMNS, 1)
        hits = column_minimum(tile) < bound
        if any_lane(hits):
            bound = insert_near_lanes(
                tile, mask_bits(hits), (g * COLUMNS, n_samples), work,
                keys, numbers, bounds, lane_bounds,
            )  # fmt: skip


@allocating_kernel
def find_by_sizes(queries, packed, n_samples, cut, state, keys, numbers):
    """Find the candidates of all queries in every part of the rows, as a member of a team.

    Parameters
    ----------
    queries : IN (n_queries, n_features)
    packed : IN see ``base.pack_base``, not moved
    n_samples : int
    cut : (block_groups, part_groups, ticket_panels), see ``candidates.find_candidates``
    state : IN/OUT the team's state, zero at the start
    keys : OUT (n_parts, n_padded, n_candidates) of the queries' type, for as many queries as fill
        whole panels: distances, as heaps
    numbers : OUT (n_parts, n_padded, n_candidates) int64, rows
    """
    block_groups, part_groups, ticket_panels = cut
    n_queries, n_features = queries.shape
    n_groups = (n_samples + COLUMNS - 1) // COLUMNS
    n_parts = keys.shape[0]
    height = rows_per_block(queries)
    n_panels = (n_queries + height - 1) // height
    n_chunks = (n_panels + ticket_panels - 1) // ticket_panels
    size = panel_size(queries)
    most = min(ticket_panels, n_panels)
    panels = aligned_zeros(queries, most * size)
    bounds = aligned_zeros(queries, most * height)
    work = aligned_zeros(queries, COLUMNS * height)
    rows = np.empty(height, np.int64)
    while True:
        ticket = take_ticket(state)
        if ticket >= n_chunks * n_parts:
            return
        part = ticket // n_chunks
        first_panel = (ticket - part * n_chunks) * ticket_panels
        count = min(ticket_panels, n_panels - first_panel)
        for b in range(count):
            first = (first_panel + b) * height
            pack_panel(queries, first, n_queries - 1, rows, panels, b * size)
            for i in range(height):
                # Lanes past the last query have nothing to find.
                bounds[b * height + i] = np.inf if first + i < n_queries else -np.inf
                clear_heap(keys[part, first + i], numbers[part, first + i])
        last_group = min((part + 1) * part_groups, n_groups)
        for group in range(part * part_groups, last_group, block_groups):
            until = min(group + block_groups, last_group)
            for b in range(count):
                first = (first_panel + b) * height
                scan_sizes(
                    panels, b * size, packed, (group, until, n_features), n_samples, work,
                    keys[part, first : first + height], numbers[part, first : first + height],
                    bounds, b * height,
                )  # fmt: skip
        finish_ticket(state)
