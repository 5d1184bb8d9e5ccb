"""Numbering the classes of whole-number targets, and naming numbers, at the speed of memory.

Loops run over slices, whose indices begin at zero: of one that may be negative the compiler makes
no vectors.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import kernel
from ..machine.team import take_ticket

#: Values that fit a number, a bit each.
_BITS = 64


@kernel
def find_range(y, block_size, state, lowest, highest, bits):
    """Find the smallest and largest target of every block, as a member of a team.

    If they are less than 64 apart over all blocks, the bits tell which targets there are.

    Parameters
    ----------
    y : IN (n_samples,) int64
    block_size : int, targets a ticket
    state : IN/OUT the team's state, zero at the start
    lowest, highest : OUT (n_blocks,) int64
    bits : OUT (n_blocks,) int64, bit y % 64 of every target y
    """
    while True:
        block = take_ticket(state)
        start = block * block_size
        if start >= y.size:
            return
        part = y[start : start + block_size]
        low = high = part[0]
        found = np.int64(0)
        for i in range(part.size):
            low = min(low, part[i])
            high = max(high, part[i])
            found |= np.int64(1) << (part[i] & (_BITS - 1))
        bits[block] = found
        lowest[block] = low
        highest[block] = high


@kernel
def mark_present(y, low, block_size, state, present):
    """Mark the targets that occur in every block, as a member of a team.

    Parameters
    ----------
    y : IN (n_samples,) int64, between low and low + present.shape[1] - 1
    state : IN/OUT the team's state, zero at the start
    present : OUT (n_blocks, n_values) bool, False at the start
    """
    while True:
        block = take_ticket(state)
        start = block * block_size
        if start >= y.size:
            return
        stop = min(start + block_size, y.size)
        for i in range(start, stop):
            value = y[i] - low
            if 0 <= value < present.shape[1]:
                present[block, value] = True


@kernel
def count_values(y, low, block_size, state, counts, rows):
    """Count the targets of every value in every block, as a member of a team.

    Parameters
    ----------
    y : IN (n_samples,) int64, between low and low + counts.shape[1] - 1
    block_size : int, targets a ticket
    state : IN/OUT the team's state, zero at the start
    counts : OUT (n_blocks, n_values) int64, zero at the start
    rows : OUT (n_blocks, n_values) int64, the first row of each value that a block has
    """
    while True:
        block = take_ticket(state)
        start = block * block_size
        if start >= y.size:
            return
        for i in range(start, min(start + block_size, y.size)):
            value = y[i] - low
            if 0 <= value < counts.shape[1]:
                if counts[block, value] == 0:
                    rows[block, value] = i
                counts[block, value] += 1


@kernel
def number_classes(y, low, numbers, block_size, state, classes):
    """Write the number of every target's class, as a member of a team.

    Parameters
    ----------
    y : IN (n_samples,) int64
    numbers : IN (n_values,) int32, the number of the class low, low + 1, ...; -1 if there is none;
        numbers rise, from 0 to that of the last value
    state : IN/OUT the team's state, zero at the start
    classes : OUT (n_samples,) int32; -1 where the target is no class
    """
    without_gaps = numbers[numbers.size - 1] == numbers.size - 1
    while True:
        start = take_ticket(state) * block_size
        if start >= y.size:
            return
        part, found = y[start : start + block_size], classes[start : start + block_size]
        if without_gaps:
            for i in range(part.size):
                value = part[i] - low
                inside = (value >= 0) & (value < numbers.size)
                found[i] = value if inside else np.int64(-1)
        else:
            for i in range(part.size):
                value = part[i] - low
                inside = value >= 0 and value < numbers.size
                found[i] = numbers[value] if inside else -1


@kernel
def name_numbers(values, numbers, block_size, state, named):
    """Write the value of every number, as a member of a team.

    Parameters
    ----------
    values : IN (n_classes,) int64
    numbers : IN (n_samples,) int32; what is no class's number has the last one's value
    block_size : int, numbers a ticket
    state : IN/OUT the team's state, zero at the start
    named : OUT (n_samples,) int64
    """
    last = np.uint32(values.size - 1)
    while True:
        start = take_ticket(state) * block_size
        if start >= numbers.size:
            return
        part, found = numbers[start : start + block_size], named[start : start + block_size]
        for i in range(part.size):
            found[i] = values[min(np.uint32(part[i]), last)]
