"""The candidates for nearest neighbours: rows whose scores on the tile are the largest.

With everything moved near the origin, |q - x|^2 = |q|^2 - 2 s with the score s = q.x - |x|^2 / 2: a
product with queries along the lanes.  Of every tile only the largest of its columns is compared
with the worst candidate each query keeps; a row goes into the heap where that is not enough, which
is rare: k (1 + ln(n / k)) times a query for rows in random order.

Of Manhattan distances the scores are these times -1: sums of sizes of differences in the tile.
They lose nothing, however far rows are from the origin, so rows are packed as they are.  With u the
unit round-off of the rows' type a computed sum is within gamma_{d+1} of the defined one,
relatively: a difference and at most d sums (Higham, "Accuracy and Stability of Numerical
Algorithms", 2nd ed., 2002, section 3.1).

A block of rows stays in the second-level cache while some panels of queries are scored against it.
Where there are few queries the rows are cut into parts, each with candidates of its own.
"""

from __future__ import annotations

import numpy as np

from ..machine.host import host
from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import finish_ticket, take_ticket
from ..ops.pack import pack_panel, panel_size, rows_per_block
from ..ops.product import add_products, add_thin_products
from ..ops.scratch import aligned_zeros
from ..ops.top import clear_heap, replace_worst
from ..tile import (
    COLUMNS,
    VECTORS,
    absolute_differences,
    any_lane,
    broadcast,
    column_maximum,
    fill,
    lanes,
    load,
    lowest_bit,
    mask_bits,
    store,
)

#: Whether queries that fill one vector are scored alone, not beside as many lanes of nobody's.  The
#: six sums of a tile keep the multipliers less busy, but there is half as much to multiply.
THIN_PANELS = host().vector_registers == 16


@inner_kernel
def move_panel(panel, start, n_features, shift):
    """Subtract ``shift`` from a panel of queries that begins at element ``start``."""
    height = rows_per_block(panel)
    for p in range(n_features):
        at = start + p * height
        store(panel, at, 0, load(panel, at, 0, VECTORS, 1) - broadcast(shift, p, 0, VECTORS, 1))


@inner_kernel
def make_thin(panel, start, n_features):
    """Move the first vector of every feature of a panel together."""
    height, width = rows_per_block(panel), lanes(panel)
    for p in range(1, n_features):
        store(panel, start + p * width, 0, load(panel, start + p * height, 0, 1, 1))


@inner_kernel
def insert_hits(tile, bits, first, scores, keys, numbers, bounds, lane_bounds):
    """Let rows of a tile into the heaps of the queries whose lanes have a hit.

    Parameters
    ----------
    tile : scores of a panel of queries and a group of rows
    bits : int, the lanes that have a hit
    first : int, the number of the first row
    scores : OUT (N * rows,) flat, working memory
    keys, numbers : IN/OUT (rows, n_candidates) the heaps: scores times -1, and their rows
    bounds : IN/OUT flat, from element ``lane_bounds`` on: the score to beat in each lane
    """
    height = rows_per_block(scores)
    store(scores, 0, height, tile)
    while bits != 0:
        lane = lowest_bit(bits)
        bits &= bits - 1
        heap, held = keys[lane], numbers[lane]
        for j in range(COLUMNS):
            key = -scores[j * height + lane]
            if key < heap[0]:
                replace_worst(heap, held, heap.size, key, first + j)
        bounds[lane_bounds + lane] = -heap[0]


@inner_kernel
def scan_groups(panels, start, base, first, last, scores, keys, numbers, bounds, lane_bounds):
    """Score a panel of queries against groups [first, last) of the rows.

    Parameters
    ----------
    panels : IN flat; the panel begins at element ``start``
    base : IN (packed, half_norms), see ``base.pack_base``
    scores, keys, numbers, bounds, lane_bounds : see ``insert_hits``
    """
    packed, half_norms = base
    height = rows_per_block(panels)
    n_features = packed.size // half_norms.size
    bound = load(bounds, lane_bounds, 0, VECTORS, 1)
    for g in range(first, last):
        tile = broadcast(half_norms, g * COLUMNS, 1, VECTORS, COLUMNS)
        tile = add_products(
            tile, panels, start, height, n_features, packed, g * n_features * COLUMNS, COLUMNS, 1
        )
        hits = column_maximum(tile) > bound
        if any_lane(hits):
            bits = mask_bits(hits)
            insert_hits(tile, bits, g * COLUMNS, scores, keys, numbers, bounds, lane_bounds)
            bound = load(bounds, lane_bounds, 0, VECTORS, 1)


@inner_kernel
def scan_thin(panels, start, base, first, last, scores, keys, numbers, bounds, lane_bounds):
    """Do what :func:`scan_groups` does for queries that fill one vector."""
    packed, half_norms = base
    n_features = packed.size // half_norms.size
    bound = load(bounds, lane_bounds, 0, 1, 1)
    for g in range(first, last):
        tile = broadcast(half_norms, g * COLUMNS, 1, 1, COLUMNS)
        tile = add_thin_products(
            tile, panels, start, lanes(panels), n_features, packed, g * n_features * COLUMNS,
            COLUMNS, 1,
        )  # fmt: skip
        hits = column_maximum(tile) > bound
        if any_lane(hits):
            bits = mask_bits(hits)
            insert_hits(tile, bits, g * COLUMNS, scores, keys, numbers, bounds, lane_bounds)
            bound = load(bounds, lane_bounds, 0, 1, 1)


@inner_kernel
def scan_sizes(panels, start, base, first, last, scores, keys, numbers, bounds, lane_bounds):
    """Do what :func:`scan_groups` does, scores being Manhattan distances times -1.

    ``half_norms`` are 0, and -inf where rows pad.
    """
    packed, half_norms = base
    height = rows_per_block(panels)
    n_features = packed.size // half_norms.size
    bound = load(bounds, lane_bounds, 0, VECTORS, 1)
    for g in range(first, last):
        tile = fill(packed, 0.0, VECTORS, COLUMNS)
        for p in range(n_features):
            column = load(panels, start + p * height, 0, VECTORS, 1)
            tile = absolute_differences(tile, column, packed, (g * n_features + p) * COLUMNS, 1)
        tile = broadcast(half_norms, g * COLUMNS, 1, VECTORS, COLUMNS) - tile
        hits = column_maximum(tile) > bound
        if any_lane(hits):
            bits = mask_bits(hits)
            insert_hits(tile, bits, g * COLUMNS, scores, keys, numbers, bounds, lane_bounds)
            bound = load(bounds, lane_bounds, 0, VECTORS, 1)


@allocating_kernel
def find_candidates(queries, packed, half_norms, shift, cut, sizes, state, keys, numbers):
    """Find the candidates of all queries in every part of the rows, as a member of a team.

    Parameters
    ----------
    queries : IN (n_queries, n_features)
    packed, half_norms, shift : IN, see ``base.pack_base``
    cut : (block_groups, part_groups, ticket_panels), how many groups of rows stay in the cache, how
        many are a part, and how many panels of queries a ticket
    sizes : bool, whether scores are Manhattan distances times -1, see ``scan_sizes``
    state : IN/OUT the team's state, zero at the start
    keys : OUT (n_parts, n_padded, n_candidates) of the queries' type, for as many queries as fill
        whole panels: scores times -1, as heaps
    numbers : OUT (n_parts, n_padded, n_candidates) int64, rows
    """
    block_groups, part_groups, ticket_panels = cut
    n_queries, n_features = queries.shape
    n_groups = half_norms.size // COLUMNS
    n_parts = keys.shape[0]
    height = rows_per_block(queries)
    n_panels = (n_queries + height - 1) // height
    n_chunks = (n_panels + ticket_panels - 1) // ticket_panels
    size = panel_size(queries)
    panels = aligned_zeros(queries, min(ticket_panels, n_panels) * size)
    bounds = aligned_zeros(queries, min(ticket_panels, n_panels) * height)
    scores = aligned_zeros(queries, COLUMNS * height)
    rows = np.empty(height, np.int64)
    base = (packed, half_norms)
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
            move_panel(panels, b * size, n_features, shift)
            if THIN_PANELS and not sizes and n_queries - first <= lanes(queries):
                make_thin(panels, b * size, n_features)
            for i in range(height):
                # Lanes past the last query have nothing to find.
                bounds[b * height + i] = -np.inf if first + i < n_queries else np.inf
                clear_heap(keys[part, first + i], numbers[part, first + i])
        last_group = min((part + 1) * part_groups, n_groups)
        for group in range(part * part_groups, last_group, block_groups):
            until = min(group + block_groups, last_group)
            for b in range(count):
                of = (first_panel + b) * height
                best, held = keys[part, of : of + height], numbers[part, of : of + height]
                at = b * size
                if sizes:
                    scan_sizes(
                        panels, at, base, group, until, scores, best, held, bounds, b * height
                    )
                elif THIN_PANELS and n_queries - of <= lanes(queries):
                    scan_thin(
                        panels, at, base, group, until, scores, best, held, bounds, b * height
                    )
                else:
                    scan_groups(
                        panels, at, base, group, until, scores, best, held, bounds, b * height
                    )
        finish_ticket(state)
