"""Is every number finite?  One pass at the speed of memory."""

from __future__ import annotations

from ..machine.jit import inner_kernel, kernel
from ..machine.team import take_ticket
from ..tile import fill, lane_sum, lanes, load, multiply_add
from .flat import load_up_to

#: Vectors a turn: enough chains to hide the latency of an addition.
_VECTORS = 8


@kernel
def all_finite(block_size, state, x, sums):
    """Sum the products of all elements with zero, as a member of a team.

    Zero times a finite number is zero; times an infinite one, or NaN, it is NaN, and so is any
    sum with that.

    Parameters
    ----------
    block_size : int, elements a ticket
    state : IN/OUT the team's state, zero at the start
    x : IN (size,) contiguous
    sums : OUT (n_blocks,), zero where all elements of a block are finite
    """
    n_lanes = lanes(x)
    while True:
        block = take_ticket(state)
        start = block * block_size
        if start >= x.size:
            return
        stop = min(start + block_size, x.size)
        whole = stop - (stop - start) % (_VECTORS * n_lanes)
        totals = fill(x, 0.0, _VECTORS, 1)
        for i in range(start, whole, _VECTORS * n_lanes):
            totals = multiply_add(load(x, i, 0, _VECTORS, 1), 0.0, totals)
        total = fill(x, 0.0, 1, 1)
        for i in range(whole, stop, n_lanes):
            total = multiply_add(load_up_to(x, i, stop - i), 0.0, total)
        sums[block] = lane_sum(totals) + lane_sum(total)


@inner_kernel
def finite_panel(panels, at, size):
    """Say whether elements [at, at + size) of packed panels, whole vectors, are finite."""
    n_lanes = lanes(panels)
    whole = at + size - size % (4 * n_lanes)
    totals = fill(panels, 0.0, 4, 1)
    for i in range(at, whole, 4 * n_lanes):
        totals = multiply_add(load(panels, i, 0, 4, 1), 0.0, totals)
    total = fill(panels, 0.0, 1, 1)
    for i in range(whole, at + size, n_lanes):
        total = multiply_add(load(panels, i, 0, 1, 1), 0.0, total)
    return lane_sum(totals) + lane_sum(total) == 0
