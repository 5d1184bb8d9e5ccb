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
_BITS, _DIGITS = np.uint64(11), 2048
_HALF, _ROW_MASK = np.uint64(32), np.uint64(0xFFFFFFFF)
_SIGN, _ALL = np.uint32(0x80000000), np.uint32(0xFFFFFFFF)
_ONE = np.uint32(1)


@inner_kernel
def _take_keys(table, f, keys):
    """Fill with pairs (number in the order of the values, row); return how many are no NaN."""
    known = np.int64(0)
    for i in range(keys.size):
        # A negative zero is a zero.
        keys[i] = table.values[i * table.row_step + f * table.column_step] + np.float32(0.0)
        known += keys[i] == keys[i]
    return known


@inner_kernel
def _sort_pairs(bits, pairs, spare, counters):
    """Sort float32 by their bits, NaN last: pairs become number << 32 | row, in order."""
    for i in range(counters.size):
        counters[i] = 0
    for i in range(bits.size):
        number = bits[i] ^ (_ALL if bits[i] & _SIGN else _SIGN)
        if (bits[i] & ~_SIGN) > np.uint32(0x7F800000):
            number = _ALL
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


@allocating_kernel
def rank_columns(state, table, ranks):
    """Rank the rows by each feature, as a member of a team.

    Parameters
    ----------
    state : IN/OUT the team's state, zero at the start
    table : Table, its values float32
    ranks : OUT (n_samples, n_features) uint32
    """
    n = ranks.shape[0]
    keys = np.empty(n, np.float32)
    pairs, spare = np.empty(n, np.uint64), np.empty(n, np.uint64)
    counters = np.empty(3 * _DIGITS, np.uint32)
    while True:
        f = take_ticket(state)
        if f >= ranks.shape[1]:
            return
        known = _take_keys(table, f, keys)
        _sort_pairs(keys.view(np.uint32), pairs, spare, counters)
        before, rank = spare[0] >> _HALF, np.uint32(0)
        for i in range(np.uint64(known)):
            number = spare[i] >> _HALF
            rank += np.uint32(number != before)
            ranks[np.uint64(spare[i] & _ROW_MASK), f] = rank
            before = number
        for i in range(np.uint64(known), np.uint64(n)):
            ranks[np.uint64(spare[i] & _ROW_MASK), f] = NO_RANK
