"""The order of many numbers, by their digits: no comparison, and equal ones stay as they were."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_inner_kernel, inner_kernel

_BITS, _DIGITS, _N_DIGITS = np.uint64(11), 2048, 6
_SIGN, _ALL = np.uint64(1 << 63), np.uint64(0xFFFFFFFFFFFFFFFF)
_ONE = np.uint32(1)


class OrderMemory(NamedTuple):
    """Memory for the order of n numbers.

    keys : (2, n) uint64, whole numbers in the order of the numbers
    places : (2, n) uint32, where they were
    counters : (n_digits, 2048) uint32
    """

    keys: Any
    places: Any
    counters: Any


@allocating_inner_kernel
def new_order_memory(n):
    """Return memory for the order of n numbers."""
    return OrderMemory(
        np.empty((2, n), np.uint64), np.empty((2, n), np.uint32),
        np.empty((_N_DIGITS, _DIGITS), np.uint32),
    )  # fmt: skip


@inner_kernel
def make_keys(memory):
    """Turn float64 in memory's first row into keys: zeros are equal, NaN is last."""
    keys, numbers = memory.keys[0], memory.keys[0].view(np.float64)
    for i in range(np.uint64(keys.size)):
        number = numbers[i] + 0.0  # a negative zero is a zero
        numbers[i] = number
        bits = keys[i]
        key = bits ^ (_ALL if bits & _SIGN else _SIGN)
        keys[i] = key if number == number else _ALL


@inner_kernel
def sort_keys(memory):
    """Sort the keys of memory's first row, and their places with them.

    Returns
    -------
    row : int, the row of memory they are in then: digits all keys share are left out
    """
    n = np.uint64(memory.keys.shape[1])
    counters, now = memory.counters, 0
    counters[:] = 0
    for i in range(n):
        memory.places[0, i] = i
        for digit in range(_N_DIGITS):
            number = (memory.keys[0, i] >> (_BITS * np.uint64(digit))) & np.uint64(_DIGITS - 1)
            counters[digit, number] += _ONE
    for digit in range(_N_DIGITS):
        shift, mask = _BITS * np.uint64(digit), np.uint64(_DIGITS - 1)
        if counters[digit, (memory.keys[0, 0] >> shift) & mask] == n:
            continue
        begin = np.uint32(0)
        for k in range(_DIGITS):
            held = counters[digit, k]
            counters[digit, k] = begin
            begin += held
        keys, places = memory.keys[now], memory.places[now]
        now = 1 - now
        for i in range(n):
            number = (keys[i] >> shift) & mask
            place = np.uint64(counters[digit, number])
            counters[digit, number] += _ONE
            memory.keys[now, place] = keys[i]
            memory.places[now, place] = places[i]
    return now
