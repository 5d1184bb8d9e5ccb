"""SciPy."""

from __future__ import annotations

from ..harness.case import Row
from ..harness.workloads import Search, Vector
from . import module


def sigmoid(work: Vector) -> Row:
    """Apply expit."""
    expit = module("scipy.special").expit
    return Row(lambda: expit(work.x, out=work.out), work.answer)


def neighbors(work: Search) -> Row:
    """Find neighbours in a k-d tree, on all threads."""
    tree = module("scipy.spatial").cKDTree(work.X)
    # Of one neighbour each SciPy answers a flat array.
    shape = len(work.queries), work.k
    return Row(
        lambda: tree.query(work.queries, work.k, workers=-1), lambda found: found[1].reshape(shape)
    )
