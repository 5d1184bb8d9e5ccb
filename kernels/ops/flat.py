"""Vectors of flat arrays, the last one perhaps short."""

from __future__ import annotations

from ..machine.jit import kernel
from ..tile import lanes, load, load_first, store, store_first


@kernel
def load_up_to(array, offset, left):
    """Load a vector from ``offset``; only ``left`` elements, then zeros, if that is fewer."""
    if left >= lanes(array):
        return load(array, offset, 0, 1, 1)
    return load_first(array, offset, left)


@kernel
def store_up_to(array, offset, left, vector):
    """Store a vector from ``offset``; only its first ``left`` lanes if that is fewer."""
    if left >= lanes(array):
        store(array, offset, 0, vector)
    else:
        store_first(array, offset, left, vector)
