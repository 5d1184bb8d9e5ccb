"""Non-negative integers of up to 800 bits, for the few comparisons float64 cannot decide.

A number is a row of a work array of int64: its length, then that many digits of 32 bits, the lowest
first, without leading zeros.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import inner_kernel

#: Elements of a number: its length and 25 digits.
WIDE = 26
_DIGIT = np.uint64(0xFFFFFFFF)
_BITS = np.uint64(32)


@inner_kernel
def set_wide(value, out):
    """Set a number to a non-negative int64."""
    rest = np.uint64(value)
    length = 0
    while rest > np.uint64(0):
        out[1 + length] = np.int64(rest & _DIGIT)
        rest >>= _BITS
        length += 1
    out[0] = length


@inner_kernel
def copy_wide(a, out):
    """Set a number to another."""
    for i in range(a[0] + 1):
        out[i] = a[i]


@inner_kernel
def add_wide(a, out):
    """Add a number to another."""
    length = max(a[0], out[0])
    carry = np.uint64(0)
    for i in range(1, length + 1):
        digit = carry
        if i <= a[0]:
            digit += np.uint64(a[i])
        if i <= out[0]:
            digit += np.uint64(out[i])
        out[i] = np.int64(digit & _DIGIT)
        carry = digit >> _BITS
    if carry > np.uint64(0):
        length += 1
        out[length] = np.int64(carry)
    out[0] = length


@inner_kernel
def subtract_wide(a, out):
    """Subtract a number from another that is not smaller."""
    borrow = np.int64(0)
    for i in range(1, out[0] + 1):
        digit = out[i] - borrow
        if i <= a[0]:
            digit -= a[i]
        borrow = np.int64(0)
        if digit < 0:
            digit += np.int64(1) << 32
            borrow = np.int64(1)
        out[i] = digit
    while out[0] > 0 and out[out[0]] == 0:
        out[0] -= 1


@inner_kernel
def multiply_wide(a, b, out):
    """Set ``out``, which is neither of them, to the product of two numbers."""
    length = a[0] + b[0]
    for i in range(1, length + 1):
        out[i] = 0
    for i in range(1, a[0] + 1):
        carry = np.uint64(0)
        for j in range(1, b[0] + 1):
            digit = np.uint64(a[i]) * np.uint64(b[j]) + np.uint64(out[i + j - 1]) + carry
            out[i + j - 1] = np.int64(digit & _DIGIT)
            carry = digit >> _BITS
        out[i + b[0]] = np.int64(carry)
    while length > 0 and out[length] == 0:
        length -= 1
    out[0] = length


@inner_kernel
def compare_wide(a, b):
    """Return 1, 0 or -1: whether a number is above, at or below another."""
    if a[0] != b[0]:
        return 1 if a[0] > b[0] else -1
    for i in range(a[0], 0, -1):
        if a[i] != b[i]:
            return 1 if a[i] > b[i] else -1
    return 0
