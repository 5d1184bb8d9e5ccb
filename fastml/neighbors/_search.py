"""Nearest neighbours of many queries: packs the rows once, runs the team, settles doubts."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array, readable
from ..kernels.neighbors import base as packing
from ..kernels.neighbors import candidates, exact, few, radius, sieve
from ..kernels.neighbors.codes import Codes
from ..kernels.ops.top import NOBODY
from ..kernels.tile import VECTORS, lanes_of
from . import _reading as reading
from ._codes import codes_pay, encoded, most_looks

#: Candidates kept beyond the neighbours asked for: where the next ones are no nearer than rounding
#: tells, the neighbours are settled.
_SPARE = 3
#: Bytes of rows that stay in the second-level cache, and of a ticket's panels of queries.
_BLOCK_BYTES, _PANEL_BYTES = 1 << 18, 1 << 18
#: Tickets, about, where there is enough work; multiply-adds of one ticket at least and at most.
_TICKETS, _LEAST_WORK, _MOST_WORK = 32, 1 << 20, 1 << 33
#: Up to so many float64 queries of float32 rows are sooner answered than the rows packed again.
_FEW_WIDE_QUERIES = 32
#: Numbers kept for candidates of one round of queries.
_KEPT = 1 << 22
#: Queries times rows up to which rows within a radius are written as they are found, with room for
#: all of them, and not counted first; and up to which there is room for several queries, used again
#: for the next ones: memory that is new takes as long as the search.
_WRITTEN_AT_ONCE, _ROOM = 1 << 20, 1 << 16
#: Of so many rows what is near a query is sooner cut out than found by a mask.
_SLICED = 128


class Base(NamedTuple):
    """Rows neighbours are looked for among: their own copy, and the same packed.

    X : (n_samples, n_features), C-contiguous, finite
    shift, packed, half_norms : see ``kernels.neighbors.base.pack_base``; the last two may be
        float32 for float64 rows: candidates are then found in float32
    largest : float, the largest |x|^2 of the moved rows
    codes : the same rows as bytes, see ``kernels.neighbors.codes``; None where they would not pay
    sizes : bool, whether distances are Manhattan distances; then nothing is moved, and what is said
        of squared distances is said of them
    """

    X: Array
    shift: Array
    packed: Array
    half_norms: Array
    largest: float
    codes: Codes | None = None
    sizes: bool = False

    @classmethod
    def of(
        cls,
        X: Array,
        packed_type: Any = None,
        sizes: bool = False,
        n_queries: int | None = None,
    ) -> Self:
        """Copy and pack rows of float32 or float64, packed as their own type by default.

        ``n_queries`` is for how many queries, if that is known.

        Raises
        ------
        ValueError
            If X is no matrix of float32 or float64 with at least one row and column.
        """
        good = X.ndim == 2 and min(X.shape) >= 1 and X.dtype in (np.float32, np.float64)
        if not good:
            raise ValueError(f"Expected a matrix of float32 or float64, got {X.shape}, {X.dtype}.")
        rows = np.array(X, dtype=X.dtype.newbyteorder("="), order="C")
        n_samples, n_features = rows.shape
        with np.errstate(over="ignore"):
            shift = rows[:: max(1, n_samples // 4096)].mean(axis=0, dtype=np.float64)
            shift = (np.nan_to_num(shift) * (not sizes)).astype(rows.dtype)
        n_groups = -(-n_samples // packing.GROUP)
        kind = rows.dtype if packed_type is None else np.dtype(packed_type)
        packed = np.empty(n_groups * n_features * packing.GROUP, kind)
        half_norms = np.empty(n_groups * packing.GROUP, kind)
        ticket_groups = max(1, (1 << 16) // (packing.GROUP * n_features))
        largest = np.empty(-(-n_groups // ticket_groups))
        run_team(
            packing.pack_base, min(team_size(1.0 * rows.size), len(largest)),
            rows, shift, ticket_groups, new_state(), packed, half_norms, largest,
        )  # fmt: skip
        if sizes:  # only rows that pad are none: a square may overflow where a size does not
            half_norms[:n_samples] = 0
        pays = not sizes and codes_pay(n_samples, n_features, n_queries)
        codes = encoded(rows, shift) if pays else None
        return cls(rows, shift, packed, half_norms, float(largest.max()), codes, sizes)

    @classmethod
    def unpacked(cls, X: Array) -> Self:
        """Return rows for a few queries, sooner answered than rows are packed."""
        rows, nothing = readable(np.ascontiguousarray(X)), np.empty(0, X.dtype)
        return cls(rows, np.zeros(rows.shape[1], rows.dtype), nothing, nothing, 0.0)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the rows: how they are packed is the processor's."""
        return type(self).of, (self.X, self.packed.dtype, self.sizes)


def nearest(base: Base, queries: Array, n_neighbors: int) -> tuple[Array, Array]:
    """Return the squared distances and the numbers of the nearest rows of every query.

    Parameters
    ----------
    base : Base
    queries : ndarray (n_queries, n_features) of the base's type, finite
        The rows whose neighbours are wanted.
    n_neighbors : int
        From 1 to the number of rows.

    Returns
    -------
    squares : ndarray (n_queries, n_neighbors) of float64
    indices : ndarray (n_queries, n_neighbors) of int64

    Raises
    ------
    ValueError
        If the queries or the number do not fit the base.
    """
    n_samples, n_features = base.X.shape
    if queries.ndim != 2 or queries.shape[1] != n_features or queries.dtype != base.X.dtype:
        raise ValueError(
            f"Expected {n_features} features of {base.X.dtype}, got {queries.shape} of "
            f"{queries.dtype}."
        )
    if not 1 <= n_neighbors <= n_samples:
        raise ValueError(f"Expected 1 <= n_neighbors <= {n_samples}, got {n_neighbors}.")
    n_queries = len(queries)
    n_candidates = min(n_neighbors + _SPARE, n_samples)
    if n_samples <= 2 * n_candidates or not base.largest < np.inf:
        return by_definition(base, queries, n_neighbors)
    squares = np.empty((n_queries, n_neighbors))
    indices = np.empty((n_queries, n_neighbors), np.int64)
    few_queries = not base.sizes and (
        not base.packed.size or reading.is_sooner(base.X, n_queries, packed=True)
    )
    if few_queries and reading.nanoseconds(base.X, n_queries) < reading.ALONE:
        X = base.X if base.X.flags.carray else readable(base.X)
        if few.nearest_alone(queries, X, n_candidates, squares, indices):
            return squares, indices
        return by_definition(base, queries, n_neighbors)
    height = VECTORS * lanes_of(base.packed.dtype)
    propose = _by_reading if few_queries else _by_candidates
    if base.codes is not None:
        propose = _by_codes
    base = _readable_base(base, packed=propose is not _by_reading)
    if few_queries and n_queries:  # most of the time of one is what is done besides
        if not all(propose(base, queries, n_candidates, squares, indices).tolist()):
            return by_definition(base, queries, n_neighbors)
        return squares, indices
    step = max(height, _KEPT // n_candidates // height * height)
    for start in range(0, n_queries, step):
        rows = slice(start, start + step)
        settled = propose(base, queries[rows], n_candidates, squares[rows], indices[rows])
        if not np.logical_and.reduce(settled):
            doubtful = start + np.flatnonzero(~settled)
            found = by_definition(base, queries[doubtful], n_neighbors)
            squares[doubtful], indices[doubtful] = found
    return squares, indices


def _readable_base(base: Base, *, packed: bool) -> Base:
    """Return a base as kernels take it: the rows, and how they are packed only where wanted."""
    if not (base.X.flags.carray and base.shift.flags.carray):
        base = base._replace(X=readable(base.X), shift=readable(base.shift))
    plain = base.packed.flags.carray and base.half_norms.flags.carray and base.codes is None
    if plain or not packed:
        return base
    codes = base.codes and Codes._make((*map(readable, base.codes[:-1]), base.codes.unit))
    found = readable(base.packed), readable(base.half_norms)
    return base._replace(packed=found[0], half_norms=found[1], codes=codes)


class _Cut(NamedTuple):
    """How work on panels of queries and groups of rows is cut into tickets.

    block_groups : int, groups that stay in the second-level cache
    part_groups, n_parts : int, groups of a part, of which each keeps candidates of its own
    ticket_panels, n_chunks : int, panels of a ticket, and how many times so many there are
    n_padded : int, queries that fill whole panels
    """

    block_groups: int
    part_groups: int
    n_parts: int
    ticket_panels: int
    n_chunks: int
    n_padded: int

    @classmethod
    def of(cls, n_groups: int, n_queries: int, height: int, row_bytes: int, work: int) -> Self:
        """Cut the work: panels of ``height`` queries, ``work`` multiply-adds a row and query."""
        n_panels = -(-n_queries // height)
        block_groups = max(8, _BLOCK_BYTES // (packing.GROUP * row_bytes))
        ticket_panels = max(1, min(_PANEL_BYTES // (height * row_bytes), n_panels // _TICKETS))
        n_chunks = -(-n_panels // ticket_panels)
        all_work = n_groups * packing.GROUP * work * height * ticket_panels
        enough = max(1, min(_TICKETS // n_chunks, all_work // _LEAST_WORK))
        part_groups = -(-n_groups // min(max(enough, all_work // _MOST_WORK), n_groups))
        n_parts = -(-n_groups // part_groups)
        return cls(block_groups, part_groups, n_parts, ticket_panels, n_chunks, n_panels * height)

    def heaps(self, n_candidates: int, kind: Any) -> tuple[Array, Array]:
        """Return memory for every query's candidates in every part."""
        shape = (self.n_parts, self.n_padded, n_candidates)
        return np.empty(shape, kind), np.empty(shape, np.int64)


def _by_candidates(
    base: Base, queries: Array, n_candidates: int, squares: Array, indices: Array
) -> Array:
    """Write the nearest rows found on the tile; return for which queries that is settled."""
    (n_queries, n_features), n_groups = queries.shape, len(base.half_norms) // packing.GROUP
    kind, moved, shift = base.packed.dtype, queries, base.shift
    if kind != queries.dtype:  # moved before they are rounded
        moved, shift = (queries - base.shift).astype(kind), np.zeros(n_features, kind)
    height = VECTORS * lanes_of(kind)
    cut = _Cut.of(n_groups, n_queries, height, kind.itemsize * n_features, n_features)
    found, pace = cut.heaps(n_candidates, kind), 30 if base.sizes else 60
    run_team(
        candidates.find_candidates,
        min(team_size(base.X.size * cut.n_padded / pace), cut.n_parts * cut.n_chunks),
        moved, base.packed, base.half_norms, shift,
        (cut.block_groups, cut.part_groups, cut.ticket_panels), base.sizes, new_state(), *found,
    )  # fmt: skip
    keys_are = exact.SIZES if base.sizes else exact.SCORES
    return _settled(base, queries, found, keys_are, squares, indices)


def _by_codes(
    base: Base, queries: Array, n_candidates: int, squares: Array, indices: Array
) -> Array:
    """Do what :func:`_by_candidates` does, among rows that bytes do not rule out."""
    assert base.codes is not None
    (n_samples, n_features), n_groups = base.X.shape, len(base.codes.halves) // packing.GROUP
    quads = -(-n_features // 4)
    height = VECTORS * lanes_of(np.int32)
    cut = _Cut.of(n_groups, len(queries), height, 4 * quads, quads + 4)
    found = cut.heaps(n_candidates, queries.dtype)
    kept = np.empty((cut.n_parts, cut.n_chunks), np.bool_)
    known = np.full(cut.n_padded if cut.n_parts > 1 else 0, np.inf)
    run_team(
        sieve.find_by_codes,
        min(team_size(n_samples * (quads + 4) * cut.n_padded / 60), kept.size),
        queries, base.X, base.codes,
        (cut.block_groups, cut.part_groups, cut.ticket_panels),
        most_looks(n_features), new_state(), known, *found, kept,
    )  # fmt: skip
    settled = _settled(base, queries, found, exact.SQUARES, squares, indices)
    others = np.repeat(~kept.all(axis=0), cut.ticket_panels * height)[: len(queries)]
    if others.any():
        parts = squares[others], indices[others]
        settled[others] = _by_candidates(base, queries[others], n_candidates, *parts)
        squares[others], indices[others] = parts
    return settled


def _by_reading(
    base: Base, queries: Array, n_candidates: int, squares: Array, indices: Array
) -> Array:
    """Do what :func:`_by_candidates` does for a few queries."""
    members, part_rows = reading.parts(base.X, len(queries), n_candidates)
    n_parts = -(-len(base.X) // part_rows)
    shape = (n_parts, len(queries), n_candidates)
    keys, numbers = np.empty(shape, base.X.dtype), np.empty(shape, np.int64)
    run_team(
        few.find_few, members,
        queries, base.X, part_rows, new_state(), keys, numbers,
    )  # fmt: skip
    return _settled(base, queries, (keys, numbers), exact.SQUARES, squares, indices)


def _settled(
    base: Base,
    queries: Array,
    found: tuple[Array, Array],
    keys_are: int,
    squares: Array,
    indices: Array,
) -> Array:
    """Write the nearest rows among candidates; return for which queries they are the nearest."""
    n_queries, n_features = queries.shape
    settled = np.empty(n_queries, np.bool_)
    run_team(
        exact.settle_candidates,
        team_size(n_queries * found[0].shape[2] * (n_features + 20)),
        queries, base.X, base.shift, base.largest, keys_are, found, new_state(),
        squares, indices, settled,
    )  # fmt: skip
    return settled


def by_definition(base: Base, queries: Array, n_neighbors: int) -> tuple[Array, Array]:
    """Return what :func:`nearest` does, by float64 differences with every row."""
    n_queries, (n_samples, n_features) = len(queries), base.X.shape
    n_batches = -(-n_queries // 16)
    most_parts = max(1, min(_TICKETS // n_batches, n_samples * n_features // _LEAST_WORK * 16))
    part_rows = -(-n_samples // most_parts // 64) * 64
    n_parts = -(-n_samples // part_rows)
    shape = (n_parts, n_queries, n_neighbors)
    squares, indices = np.empty(shape), np.empty(shape, np.int64)
    run_team(
        exact.nearest_rows,
        min(team_size(n_samples * n_features * (0.3 + 0.1 * n_queries)), n_parts * n_batches),
        np.array(queries, dtype=np.float64, order="C"), readable(base.X), part_rows, base.sizes,
        new_state(), squares, indices,
    )  # fmt: skip
    together = np.concatenate(list(squares), axis=1) if n_parts > 1 else squares[0]
    numbers = np.concatenate(list(indices), axis=1) if n_parts > 1 else indices[0]
    if n_parts > 1:
        order = np.lexsort((numbers, together))[:, :n_neighbors]
        numbers = np.take_along_axis(numbers, order, axis=1)
        together = np.take_along_axis(together, order, axis=1)
    require_found(numbers)
    return together, numbers


def require_found(indices: Array) -> None:
    """Raise ValueError if a neighbour is nobody: finite numbers were assumed and are not there."""
    if (indices == NOBODY).any():
        raise ValueError("A query has too few neighbors: X or the queries contain NaN.")


def nearest_of_any_type(base: Base, queries: Array, n_neighbors: int) -> tuple[Array, Array]:
    """Return what :func:`nearest` does for queries of either type of floats."""
    if queries.dtype != base.X.dtype:
        if base.X.dtype == np.float64:
            queries = queries.astype(np.float64)
        elif len(queries) <= _FEW_WIDE_QUERIES:
            return by_definition(base, queries, n_neighbors)
        else:
            with np.errstate(over="ignore"):
                single = queries.astype(np.float32)
            if (single == queries).all():
                queries = single
            else:
                base = Base.of(base.X.astype(np.float64), None, base.sizes, len(queries))
    return nearest(base, readable(queries), n_neighbors)


def within(base: Base, queries: Array, radii: Array, squared: bool) -> tuple[Array, Array, Array]:
    """Return the distances and numbers of all rows within a radius of every query.

    Parameters
    ----------
    base : Base
    queries : ndarray (n_queries, n_features), finite
        The rows whose neighbours are wanted.
    radii : ndarray (n_queries,)
    squared : bool
        Whether radii are of squared distances, and these are wanted.

    Returns
    -------
    distances : ndarray (n_found,) of float64
    indices : ndarray (n_found,) of int64, within a query in the order of the rows
    starts : ndarray (n_queries + 1,) of int64
        Where each query's rows begin.

    Raises
    ------
    ValueError
        If the queries do not fit the base.
    """
    n_queries, (n_samples, n_features) = len(queries), base.X.shape
    if queries.shape != (n_queries, n_features) or radii.shape != (n_queries,):
        raise ValueError(f"Expected {n_features} features, got {queries.shape}, {radii.shape}.")
    at_once = n_queries * n_samples <= _WRITTEN_AT_ONCE
    # A copy of what is read twice: as many rows are written as were counted, whoever writes to it.
    take = np.asarray if at_once else np.array
    wide = readable(take(queries, dtype=np.float64, order="C"))
    limits, rows = np.array(radii, dtype=np.float64), readable(base.X)
    members = min(team_size(0.1 * n_samples * wide.size), -(-n_queries // radius.BATCH))
    counts, starts = np.empty(n_queries, np.int64), np.zeros(n_queries + 1, np.int64)

    def visit(some: slice, places: Array, distances: Array, indices: Array) -> None:
        run_team(
            radius.rows_within, members,
            wide[some], rows, limits[some], squared, base.sizes, places, new_state(),
            counts[some], distances, indices,
        )  # fmt: skip

    if at_once:
        step = min(n_queries, max(2 * radius.BATCH, _ROOM // max(n_samples, 1)))
        room = np.empty(step * n_samples), np.empty(step * n_samples, np.int64)
        places = np.arange(step, dtype=np.int64) * n_samples
        parts = []
        for first in range(0, n_queries, max(step, 1)):
            some = slice(first, first + step)
            visit(some, places[: n_queries - first], *room)
            parts.append(_cut(room, counts[some], n_samples))
        np.cumsum(counts, out=starts[1:])
        distances, indices = map(np.concatenate, zip(*parts, strict=True)) if parts else room
        return distances, indices, starts
    everyone = slice(n_queries)
    visit(everyone, np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64))
    np.cumsum(counts, out=starts[1:])
    n_found = int(starts[-1])
    distances, indices = np.empty(n_found), np.empty(n_found, np.int64)
    visit(everyone, starts[:-1].copy(), distances, indices)
    return distances, indices, starts


def _cut(room: tuple[Array, Array], counts: Array, n_samples: int) -> list[Array]:
    """Return copies of the first elements, as many as were counted, of every ``n_samples``."""
    if n_samples >= _SLICED:
        ends = [(i * n_samples, i * n_samples + n) for i, n in enumerate(counts.tolist())]
        return [np.concatenate([x[i:j] for i, j in ends]) for x in room]
    there = np.arange(n_samples) < counts[:, None]
    return [x[: there.size].reshape(there.shape)[there] for x in room]
