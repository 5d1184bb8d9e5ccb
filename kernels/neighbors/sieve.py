"""Candidates for nearest neighbours among rows written as bytes.

A row is looked at where its bounded score, see :mod:`.codes`, says it may be nearer than the worst
candidate a query keeps: its squared distance is computed in the rows' own type as in :mod:`.few`,
and settled in the same way.  A row that is not looked at is no nearer than the worst candidate kept
then, let alone in the end.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_inner_kernel, allocating_kernel, inner_kernel
from ..machine.team import finish_ticket, take_ticket
from ..ops.pack import rows_per_block
from ..ops.scratch import aligned_zeros
from ..ops.top import clear_heap, is_worse, replace_worst
from ..tile import (
    COLUMNS,
    VECTORS,
    add_byte_products,
    any_lane,
    as_floats,
    broadcast,
    column_maximum,
    fill,
    lane_sum,
    lanes,
    load,
    load_first,
    lowest_bit,
    mask_bits,
    multiply_add,
    spread,
    store,
)
from .codes import (
    GROUP_NUMBERS,
    LONGEST,
    PART,
    TINY,
    encode,
    measure,
    move_row,
    padded_features,
    scale_for,
)

#: Turns signed bytes into bytes from 0 on, 128 more, four at once.
_FROM_ZERO = np.int32(-2139062144)
#: Numbers kept for a lane: scale, length, rest, the score to beat.
SCALE, LENGTH, REST, BOUND = range(4)
LANE_NUMBERS = 4
#: The share of the looks that would pay in the end which may be taken in advance.
_FREE_SHARE = 0.125


class Wanted(NamedTuple):
    """The queries of a ticket.

    queries : flat, all of them as they are
    first : int, the first query of the first panel
    n_features : int
    words : flat int32, (panels, quads, rows): four features, as bytes from 0 on
    about : flat float32, (panels, 4, rows): of each query its SCALE, at least its LENGTH and REST,
        and the score to beat, BOUND
    norms : flat float64, (panels, rows): |w|^2, or -inf where that is no number that suits
    known : float64, of each query in whole panels: as many candidates as are kept have been found,
        in any part, whose squared distances are no more; (0,) where there is but one part
    unit : float, see Codes
    """

    queries: Any
    first: Any
    n_features: Any
    words: Any
    about: Any
    norms: Any
    known: Any
    unit: Any


class Work(NamedTuple):
    """Working memory: scores (N * rows,) and limits (rows,) of a group, flat float32."""

    scores: Any
    limits: Any


@inner_kernel
def square_between(rows, at, queries, of, n_features):
    """Return the squared distance of two rows of flat arrays, lanes along the features."""
    width = lanes(rows)
    total = fill(rows, 0.0, 4, 1)
    p = 0
    while p + 4 * width <= n_features:
        gap = load(rows, at + p, 0, 4, 1) - load(queries, of + p, 0, 4, 1)
        total = multiply_add(gap, gap, total)
        p += 4 * width
    rest = fill(rows, 0.0, 1, 1)
    while p + width <= n_features:
        single = load(rows, at + p, 0, 1, 1) - load(queries, of + p, 0, 1, 1)
        rest = multiply_add(single, single, rest)
        p += width
    if p < n_features:
        count = n_features - p
        last = load_first(rows, at + p, count) - load_first(queries, of + p, count)
        rest = multiply_add(last, last, rest)
    return lane_sum(total) + lane_sum(rest)


@inner_kernel
def score_to_beat(norm, worst, unit, n_features):
    """Return the score of a row as far as the worst candidate, rounded down.

    Parameters
    ----------
    norm : float, |w|^2, multiplied; -inf to look at every row
    worst : float, the candidate's squared distance as it is
    """
    score = 0.5 * (norm * (1.0 - (n_features + 8) * 2.0**-50) - worst * unit * unit)
    return np.float32(score - (abs(score) * 2.0**-20 + 2.0**-100))


@allocating_inner_kernel
def encode_panel(queries, first, codes, wanted, panel):
    """Write the queries of a panel as bytes from 0 on, and what is known of each.

    Parameters
    ----------
    queries : IN (n_queries, n_features)
    first : int, the first query; lanes past the last have nothing to find
    codes : IN Codes
    wanted : OUT Wanted
    panel : int, which of its panels
    """
    n_queries, n_features = queries.shape
    height = rows_per_block(codes.halves)
    quads = (n_features + 3) // 4
    sample = aligned_zeros(wanted.norms, 1)
    pitch = padded_features(sample, n_features)
    values = aligned_zeros(sample, pitch)
    coded = np.zeros(pitch, np.int8)
    fours = coded.view(np.int32)
    for i in range(height):
        largest, norm, square = 0.0, 0.0, 0.0
        there = first + i < n_queries
        if there:
            move_row(queries, first + i, codes.shift, codes.unit, values, 0)
            largest, norm = measure(values, 0, pitch)
        good = norm < LONGEST
        scale, inverse = scale_for(largest if good else 0.0)
        if good:
            square, _ = encode(values, 0, pitch, scale, inverse, coded)
        for p in range(quads):
            wanted.words[(panel * quads + p) * height + i] = fours[p] ^ _FROM_ZERO
        at = panel * LANE_NUMBERS * height + i
        wanted.about[at + SCALE * height] = scale
        wanted.about[at + LENGTH * height] = math.sqrt(norm) * PART + TINY if good else 0.0
        wanted.about[at + REST * height] = math.sqrt(square) * PART + TINY
        wanted.about[at + BOUND * height] = -np.inf if there else np.inf
        wanted.norms[panel * height + i] = norm if good else -np.inf


@inner_kernel
def note_worst(wanted, panel, lane, key):
    """Write the score that beats the worst candidate of a query, here or known from other parts.

    Members write what is known without waiting for one another.  Whichever number one finds there,
    so many rows are as near; so it changes which rows are looked at, not which ones are found.
    """
    height = rows_per_block(wanted.about)
    worst = np.float64(key)
    if wanted.known.size > 0:
        at = wanted.first + panel * height + lane
        known = wanted.known[at]
        if worst < known:
            wanted.known[at] = worst
        else:
            worst = known
    wanted.about[(panel * LANE_NUMBERS + BOUND) * height + lane] = score_to_beat(
        wanted.norms[panel * height + lane], worst, wanted.unit, wanted.n_features
    )


@inner_kernel
def look_at_rows(work, bits, first, wanted, panel, rows, keys, numbers):
    """Compute the distances of those rows of a group whose scores are above a lane's limit.

    Parameters
    ----------
    work : IN Work, the scores of the group and the limits
    bits : int, the lanes where a score is above
    first : int, the number of the first row
    wanted, panel, rows, keys, numbers : see ``scan_codes``

    Returns
    -------
    int : how many were looked at
    """
    height = rows_per_block(work.limits)
    n_features = wanted.n_features
    looks = 0
    while bits != 0:
        lane = lowest_bit(bits)
        bits &= bits - 1
        heap, held = keys[lane], numbers[lane]
        of = (wanted.first + panel * height + lane) * n_features
        for j in range(COLUMNS):
            if work.scores[j * height + lane] > work.limits[lane]:
                looks += 1
                row = first + j
                square = square_between(rows, row * n_features, wanted.queries, of, n_features)
                if is_worse(heap[0], held[0], square, row):
                    replace_worst(heap, held, heap.size, square, row)
        note_worst(wanted, panel, lane, heap[0])
    return looks


def _scan_of(vectors: int) -> Any:
    """Make the function that scans as many queries of a panel as so many vectors hold."""

    @inner_kernel
    def scan_codes(wanted, panel, codes, rows, first, last, work, keys, numbers):
        """Bound the scores of a panel of queries and groups [first, last); look where that is much.

        Parameters
        ----------
        wanted : IN/OUT Wanted
        panel : int, which of its panels
        codes : IN Codes
        rows : IN flat, the rows as they are
        first, last : int
        work : OUT Work
        keys, numbers : IN/OUT (rows, n_candidates) the heaps: squared distances, and their rows

        Returns
        -------
        int : how many rows were looked at
        """
        height = rows_per_block(work.limits)
        quads = (wanted.n_features + 3) // 4
        about = panel * LANE_NUMBERS * height
        scale = load(wanted.about, about + SCALE * height, 0, vectors, 1)
        length = load(wanted.about, about + LENGTH * height, 0, vectors, 1)
        rest = load(wanted.about, about + REST * height, 0, vectors, 1)
        if wanted.known.size > 0:
            for lane in range(height):
                if wanted.about[about + BOUND * height + lane] < np.inf:
                    note_worst(wanted, panel, lane, keys[lane, 0])
        bound = load(wanted.about, about + BOUND * height, 0, vectors, 1)
        looks = 0
        for g in range(first, last):
            sums = broadcast(codes.offsets, g * COLUMNS, 1, vectors, COLUMNS)
            for p in range(quads):
                column = load(wanted.words, (panel * quads + p) * height, 0, vectors, 1)
                at = (g * quads + p) * COLUMNS
                sums = add_byte_products(sums, column, codes.words, at, 1)
            at = g * GROUP_NUMBERS
            by = scale * codes.groups[at]
            scores = multiply_add(
                as_floats(sums), spread(by, COLUMNS),
                broadcast(codes.halves, g * COLUMNS, 1, vectors, COLUMNS),
            )  # fmt: skip
            wide = multiply_add(length, codes.groups[at + 1], rest * codes.groups[at + 2])
            limit = bound - wide
            hits = column_maximum(scores) > limit
            if any_lane(hits):
                store(work.scores, 0, height, scores)
                store(work.limits, 0, 0, limit)
                looks += look_at_rows(
                    work, mask_bits(hits), g * COLUMNS, wanted, panel, rows, keys, numbers
                )
                bound = load(wanted.about, about + BOUND * height, 0, vectors, 1)
        return looks

    return scan_codes


_scan, _scan_half = _scan_of(VECTORS), _scan_of(VECTORS // 2)


@allocating_kernel
def find_by_codes(queries, X, codes, cut, most_looks, state, known, keys, numbers, kept):
    """Find the candidates of all queries in every part of the rows, as a member of a team.

    Parameters
    ----------
    queries : IN (n_queries, n_features)
    X : IN (n_samples, n_features) of the queries' type
    codes : IN Codes
    cut : (block_groups, part_groups, ticket_panels), see ``candidates.find_candidates``
    most_looks : float, the share of rows up to which looking at them pays
    state : IN/OUT the team's state, zero at the start
    known : IN/OUT float64, infinite for as many queries as fill whole panels; (0,) for one part
    keys : OUT (n_parts, n_padded, n_candidates) of the queries' type: squared distances, as heaps
    numbers : OUT (n_parts, n_padded, n_candidates) int64, rows
    kept : OUT (n_parts, n_chunks) bool; where not, a ticket's queries would look at too many rows,
        and their heaps are not filled
    """
    block_groups, part_groups, ticket_panels = cut
    n_queries, n_features = queries.shape
    n_groups = codes.halves.size // COLUMNS
    n_parts, n_chunks = kept.shape
    n_candidates = keys.shape[2]
    height = rows_per_block(codes.halves)
    n_panels = (n_queries + height - 1) // height
    quads = (n_features + 3) // 4
    most = min(ticket_panels, n_panels)
    words = aligned_zeros(codes.words, most * quads * height)
    about = aligned_zeros(codes.halves, most * LANE_NUMBERS * height)
    norms = np.empty(most * height)
    work = Work(aligned_zeros(about, COLUMNS * height), aligned_zeros(about, height))
    flat, rows = queries.reshape(-1), X.reshape(-1)
    while True:
        ticket = take_ticket(state)
        if ticket >= n_chunks * n_parts:
            return
        part = ticket // n_chunks
        chunk = ticket - part * n_chunks
        first_panel = chunk * ticket_panels
        count = min(ticket_panels, n_panels - first_panel)
        first = first_panel * height
        wanted = Wanted(flat, first, n_features, words, about, norms, known, codes.unit)
        for b in range(count):
            encode_panel(queries, first + b * height, codes, wanted, b)
            for i in range(height):
                clear_heap(
                    keys[part, first + b * height + i], numbers[part, first + b * height + i]
                )
        last_group = min((part + 1) * part_groups, n_groups)
        looks, scanned = 0, (last_group - part * part_groups) * COLUMNS * _FREE_SHARE
        good = True
        for group in range(part * part_groups, last_group, block_groups):
            if not good:
                break
            until = min(group + block_groups, last_group)
            for b in range(count):
                of = first + b * height
                best, held = keys[part, of : of + height], numbers[part, of : of + height]
                if n_queries - of > height // 2:
                    looks += _scan(wanted, b, codes, rows, group, until, work, best, held)
                else:
                    looks += _scan_half(wanted, b, codes, rows, group, until, work, best, held)
            scanned += (until - group) * COLUMNS
            good = looks <= count * height * (4 * n_candidates + most_looks * scanned)
        kept[part, chunk] = good
        finish_ticket(state)
