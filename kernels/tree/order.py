"""The values of a whole table replaced by their ranks, once for all trees of a forest.

The rank of a value is how many smaller ones its column holds, equal ones counted once.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import take_ticket

#: Most rows of a table that is ranked.
MOST_RANKED = 1 << 18
#: The rank of a value that is missing.
NO_RANK = np.uint32(0xFFFFFFFF)
#: Columns ranked together, so that rows are read and written in pieces, not value by value.
COLUMNS_AT_ONCE = 4
_BITS, _DIGITS = np.uint64(11), 2048
_HALF, _ROW_MASK = np.uint64(32), np.uint64(0xFFFFFFFF)
_SIGN, _ALL = np.uint32(0x80000000), np.uint32(0xFFFFFFFF)
_ONE = np.uint32(1)


@inner_kernel
def _take_columns(table, first, columns):
    """Fill some columns, one after the other, with the values of features from ``first`` on."""
    for i in range(columns.shape[1]):
        for j in range(columns.shape[0]):
            at = i * table.row_step + (first + j) * table.column_step
            columns[j, i] = table.values[at] + np.float32(0.0)  # a negative zero is a zero


@inner_kernel
def _put_columns(columns, first, ranks):
    """Write columns of ranks to those of features from ``first`` on."""
    for i in range(columns.shape[1]):
        for j in range(columns.shape[0]):
            ranks[i, first + j] = columns[j, i]


@inner_kernel
def _sort_pairs(bits, pairs, spare, counters):
    """Sort float32 by their bits, NaN last: ``spare`` becomes number << 32 | row, in order.

    Returns
    -------
    known : int, how many are no NaN
    """
    known = np.int64(bits.size)
    for i in range(counters.size):
        counters[i] = 0
    for i in range(bits.size):
        number = bits[i] ^ (_ALL if bits[i] & _SIGN else _SIGN)
        if (bits[i] & ~_SIGN) > np.uint32(0x7F800000):
            number = _ALL
            known -= 1
        pairs[i] = (np.uint64(number) << _HALF) | np.uint64(i)
        for digit in range(3):
            place = (np.uint64(number) >> (_BITS * np.uint64(digit))) & np.uint64(_DIGITS - 1)
            counters[np.uint64(digit * _DIGITS) + place] += _ONE
    for digit in range(3):
        begin = np.uint32(0)
        for i in range(digit * _DIGITS, (digit + 1) * _DIGITS):
            held = counters[i]
            counters[i] = begin
            begin += held
    for digit in range(3):
        source, target = (spare, pairs) if digit == 1 else (pairs, spare)
        shift, first = _HALF + _BITS * np.uint64(digit), np.uint64(digit * _DIGITS)
        for i in range(np.uint64(source.size)):
            place = first + ((source[i] >> shift) & np.uint64(_DIGITS - 1))
            target[np.uint64(counters[place])] = source[i]
            counters[place] += _ONE
    return known


@allocating_kernel
def rank_columns(state, table, ranks):
    """Rank the rows by each feature, as a member of a team.

    Parameters
    ----------
    state : IN/OUT the team's state, zero at the start
    table : Table, its values float32
    ranks : OUT (n_samples, at least n_features) uint32, or uint16 where nothing is missing
    """
    n, d = table.codes.shape
    keys = np.empty((COLUMNS_AT_ONCE, n), np.float32)
    found = np.empty((COLUMNS_AT_ONCE, n), ranks.dtype)
    pairs, spare = np.empty(n, np.uint64), np.empty(n, np.uint64)
    counters = np.empty(3 * _DIGITS, np.uint32)
    while True:
        first = take_ticket(state) * COLUMNS_AT_ONCE
        if first >= d:
            return
        width = min(COLUMNS_AT_ONCE, d - first)
        _take_columns(table, first, keys[:width])
        for j in range(width):
            known = _sort_pairs(keys[j].view(np.uint32), pairs, spare, counters)
            column = found[j]
            before, rank = spare[0] >> _HALF, np.uint32(0)
            for i in range(np.uint64(known)):
                number = spare[i] >> _HALF
                rank += np.uint32(number != before)
                column[np.uint64(spare[i] & _ROW_MASK)] = rank
                before = number
            for i in range(np.uint64(known), np.uint64(n)):
                column[np.uint64(spare[i] & _ROW_MASK)] = NO_RANK
        _put_columns(found[:width], first, ranks)
