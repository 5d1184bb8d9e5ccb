"""X to codes, once for a tree or a whole forest."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..kernels.tree.order import MOST_RANKED
from ..kernels.tree.problem import Table

_LEAST_CODES, _MOST_CODES = 1024, 16384
#: Of a table many trees share: more time to make it, less to sort small nodes.
_SHARED_CODES = 32768
#: Rows whose values the cuts are chosen from, a code.
_ROWS_A_CODE = 4
#: The finest shift codes are ever counted with leaves so many bits; NaN's code is a multiple.
LEAST_BITS = 4
_NANOSECONDS_A_VALUE, _NANOSECONDS_SORTED = 8.0, 12.0
#: Ranks take four bytes a value, or two of so few rows.
_MOST_RANKED_VALUES, _MOST_NARROW = 1 << 24, 0xFFFF
_LINE = 64


def _cuts(sample: Array, most: int) -> Array:
    """Return at most so many cuts: all distinct values of a sorted sample, or its quantiles."""
    known = len(sample)
    if np.isnan(sample[-1]):
        known -= int(np.count_nonzero(np.isnan(sample)))
    values = sample[:known]
    changes = values[1:] != values[:-1]
    if np.count_nonzero(changes) >= most:
        values = sample[(np.arange(1, most + 1) * known) // most - 1]
        changes = values[1:] != values[:-1]
    if changes.all():
        return values
    distinct: Array = values[np.concatenate(([True], changes))]
    return distinct


def _cuts_of_each(sample: Array, most: int) -> list[Array]:
    """Return :func:`_cuts` of every row of a sorted sample."""
    size = sample.shape[1]
    if size > most and not np.isnan(sample[:, -1]).any():
        # Where all have many values, all at once: the calls would take longer than the work.
        picked = sample[:, (np.arange(1, most + 1) * size) // most - 1]
        if (picked[:, 1:] != picked[:, :-1]).all():
            changes = np.count_nonzero(sample[:, 1:] != sample[:, :-1], axis=1)
            if (changes >= most).all():
                return list(picked)
    return [_cuts(row, most) for row in sample]


def _on_lines(n: int, d: int, dtype: Any) -> Array:
    """Return an array of n rows, of d columns at least, each beginning with a line of the cache."""
    itemsize = np.dtype(dtype).itemsize
    row = max(1 << (d * itemsize - 1).bit_length(), itemsize)
    if row > _LINE:
        row = -(-d * itemsize // _LINE) * _LINE
    memory = np.empty(n * row + _LINE, np.uint8)
    start = -memory.ctypes.data % _LINE
    rows: Array = memory[start : start + n * row].view(dtype).reshape(n, row // itemsize)
    return rows


def _ranks_of(X: Array, missing: Array | None) -> tuple[Array, Array]:
    """Return room for the ranks of X, in 32 or in 16 bits; for none of a table that is too large.

    Ranks serve rows of float32 only.
    """
    n, d = X.shape
    wide, narrow = np.empty((0, d), np.uint32), np.empty((0, d), np.uint16)
    if n > MOST_RANKED or n * d > _MOST_RANKED_VALUES or X.dtype != np.float32:
        return wide, narrow
    if missing is None and n <= _MOST_NARROW:
        return wide, _on_lines(n, d, np.uint16)
    return _on_lines(n, d, np.uint32), narrow


def laid_flat(X: Array) -> tuple[Array, int, int]:
    """Return the memory of X, and how far apart its rows and its columns are.

    A copy where X is contiguous in neither order.
    """
    n, d = X.shape
    if X.flags.c_contiguous:
        return X.reshape(-1), d, 1
    return np.asfortranarray(X).T.reshape(-1), 1, n


def make_table(
    X: Array,
    missing: Array | None,
    *,
    shared: bool = False,
    ranked: bool = False,
    coded: bool = True,
    small_rows: int = 0,
) -> Table:
    """Return the samples with their codes.

    Parameters
    ----------
    X : ndarray (n_samples, n_features) of float32 or float64
        Without infinities; contiguous in C or Fortran order, or copied.
    missing : ndarray (n_features,) of bool, or None
        Which columns hold NaN.
    shared : bool, default=False
        Whether many trees are grown from the table.
    ranked : bool, default=False
        Whether their nodes draw features and use most of the rows: the values of a table of float32
        that is not too large are then ranked.
    coded : bool, default=True
        Whether some tree has more than ``MOST_DRAWN`` rows.  Else a ranked table has no codes.
    small_rows : int, default=0
        How many rows a node that is small has at most.
    """
    n, d = X.shape
    flat, row_step, column_step = laid_flat(X)
    wide, narrow = np.empty((0, d), np.uint32), np.empty((0, d), np.uint16)
    if ranked:
        wide, narrow = _ranks_of(X, missing)
    if len(wide) + len(narrow) and not coded:
        # Nothing is asked of codes but their shape: what is never written takes no memory.
        codes, ones = np.empty((n, d), np.uint16), np.ones(d, np.int32)
        lacking = np.full(d, -1, np.int32)
        mixed = np.zeros((d, 1), np.uint8)
        table = Table(flat, row_step, column_step, codes, ones, lacking, mixed, wide, narrow)
        _rank_columns(table)
        return table
    wanted = 1 << math.ceil(math.log2(max(4.0 * math.sqrt(n), 1.0)))
    # Where the first node is small already every value has its code: nothing is sorted by value.
    least = small_rows if n <= small_rows else _LEAST_CODES
    most = (_SHARED_CODES if shared else min(max(wanted, least), _MOST_CODES)) - 1
    size = min(n, _ROWS_A_CODE * (most + 1))
    sample = np.array(X[(np.arange(size) * n) // size].T, order="C")
    sample.sort(axis=1)
    columns = _cuts_of_each(sample, most)
    counts = np.array([len(column) for column in columns], np.int64)
    width = 1 << int(counts.max()).bit_length()
    cuts = np.full((d, width), np.inf, X.dtype)
    for row, column in zip(cuts, columns, strict=True):
        row[: len(column)] = column
    steps = np.array([1 << (int(count).bit_length() - 1) if count else 0 for count in counts])
    n_codes = (counts + 1).astype(np.int32)
    lacking = np.full(d, -1, np.int32)
    if missing is not None:
        shift = np.maximum([int(count).bit_length() - LEAST_BITS for count in counts], 0)
        lacking[missing] = (((counts >> shift) + 1) << shift)[missing]
    table = Table(
        flat,
        row_step,
        column_step,
        np.empty((n, d), np.uint16),
        n_codes,
        lacking,
        np.zeros((d, width + 1), np.uint8),
        wide,
        narrow,
    )
    from ..kernels.tree.codes import encode

    members = team_size(_NANOSECONDS_A_VALUE * n * d)
    run_team(encode, members, new_state(), table, cuts, steps.astype(np.int64))
    if len(wide) + len(narrow):
        _rank_columns(table)
    return table


def _rank_columns(table: Table) -> None:
    from ..kernels.tree.order import COLUMNS_AT_ONCE, rank_columns

    n, d = table.codes.shape
    members = min(team_size(_NANOSECONDS_SORTED * n * d), -(-d // COLUMNS_AT_ONCE))
    ranks = table.ranks if len(table.ranks) else table.narrow_ranks
    run_team(rank_columns, members, new_state(), table, ranks)
