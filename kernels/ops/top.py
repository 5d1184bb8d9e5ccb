"""The best few of many: a heap of (value, number) pairs whose root is the worst.

Of two pairs the one of the smaller value is better, on ties the one of the smaller number.  A heap
stands in the first ``size`` elements of two vectors (Williams, "Algorithm 232: Heapsort",
Communications of the ACM 7(6), 1964).
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import inner_kernel

#: The number of a place in the heap that nothing has taken yet; its value is infinity.
NOBODY = np.int64(2**62)


@inner_kernel
def is_worse(value, number, other, other_number):
    """Say whether the first pair is worse than the second."""
    return value > other or (value == other and number > other_number)


@inner_kernel
def clear_heap(values, numbers):
    """Make a heap of places nothing has taken."""
    for i in range(values.size):
        values[i] = np.inf
        numbers[i] = NOBODY


@inner_kernel
def sink(values, numbers, at, size, value, number):
    """Put a pair at a place below which all is in order, and restore the order from there on.

    Parameters
    ----------
    values, numbers : IN/OUT (>= size,) the heap
    at, size : int
    value, number : the pair
    """
    child = 2 * at + 1
    while child < size:
        right = child + 1
        if right < size and is_worse(values[right], numbers[right], values[child], numbers[child]):
            child = right
        if not is_worse(values[child], numbers[child], value, number):
            break
        values[at] = values[child]
        numbers[at] = numbers[child]
        at = child
        child = 2 * at + 1
    values[at] = value
    numbers[at] = number


@inner_kernel
def replace_worst(values, numbers, size, value, number):
    """Put a pair, better than the root, where the root is."""
    sink(values, numbers, 0, size, value, number)


@inner_kernel
def order_heap(values, numbers, size):
    """Make a heap of pairs in any order."""
    for at in range(size // 2 - 1, -1, -1):
        sink(values, numbers, at, size, values[at], numbers[at])


@inner_kernel
def sort_heap(values, numbers, size):
    """Sort a heap from the best pair to the worst."""
    for last in range(size - 1, 0, -1):
        value, number = values[last], numbers[last]
        values[last], numbers[last] = values[0], numbers[0]
        sink(values, numbers, 0, last, value, number)
