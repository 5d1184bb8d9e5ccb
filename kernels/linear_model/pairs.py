"""The two loops of L-BFGS: what pairs of steps say of the curvature, before and after a guess.

Nocedal and Wright, "Numerical Optimization", 2nd ed., 2006, algorithm 7.4.  Vectors are padded
with zeros to whole vectors of the tile, and sums are in one order: no BLAS decides the bits.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..machine.jit import inner_kernel, kernel
from ..tile import broadcast, fill, lane_sum, lanes, load, multiply_add, store


class Pairs(NamedTuple):
    """Pairs of steps and of changes of the gradient, in a ring.

    steps, changes : (memory, pitch) float64
    reciprocals : (memory,) float64, 1 / (step . change)
    factors : (memory + 1,) float64, working memory
    """

    steps: Any
    changes: Any
    reciprocals: Any
    factors: Any


@inner_kernel
def _product(a, at, q):
    total = fill(q, 0.0, 1, 1)
    for i in range(0, q.size, lanes(q)):
        total = multiply_add(load(a, at + i, 0, 1, 1), load(q, i, 0, 1, 1), total)
    return lane_sum(total)


@inner_kernel
def _add(factors, number, a, at, q):
    factor = broadcast(factors, number, 0, 1, 1)
    for i in range(0, q.size, lanes(q)):
        total = multiply_add(factor, load(a, at + i, 0, 1, 1), load(q, i, 0, 1, 1))
        store(q, i, 0, total)


@kernel
def before_guess(pairs, first, count, q):
    """Take from a gradient what pairs know, the newest first, and note how much.

    Parameters
    ----------
    pairs : IN/OUT Pairs
    first, count : int, the place of the oldest pair in the ring, and how many there are
    q : IN/OUT (pitch,) float64
    """
    steps, changes, reciprocals, factors = pairs
    memory = reciprocals.size
    for j in range(count - 1, -1, -1):
        place = (first + j) % memory
        known = reciprocals[place] * _product(steps.reshape(-1), place * q.size, q)
        factors[memory] = -known
        _add(factors, memory, changes.reshape(-1), place * q.size, q)
        factors[j] = known


@kernel
def after_guess(pairs, first, count, q):
    """Give back to what was divided by the guess what pairs know, the oldest first."""
    steps, changes, reciprocals, factors = pairs
    memory = reciprocals.size
    for j in range(count):
        place = (first + j) % memory
        again = reciprocals[place] * _product(changes.reshape(-1), place * q.size, q)
        factors[memory] = factors[j] - again
        _add(factors, memory, steps.reshape(-1), place * q.size, q)
