"""What the machine can do at most, asked with the library's own tile."""

from __future__ import annotations

from fastml.kernels.machine.jit import kernel
from fastml.kernels.machine.team import take_ticket
from fastml.kernels.ops.elementwise import decaying_exponential
from fastml.kernels.tile import (
    COLUMNS,
    VECTORS,
    fill,
    lanes,
    load,
    multiply_add,
    store,
    store_past_cache,
)

#: Vectors of multiply-adds held at once, and of the other operations: enough independent
#: chains to keep the units busy.
CHAINS, HELD = VECTORS * COLUMNS, 8
#: What every chain comes to in the end: x = x / 2 + 1, x = exp(-x), x = 1 / (1 + x).
ENDS = {"flops": 2.0, "exponentials": 0.567143290409784, "divisions": 0.618033988749895}


@kernel
def multiply_adds(turns, tickets, state, out):
    """Multiply and add in registers alone: VECTORS x COLUMNS chains, as many as the kernels keep.

    Parameters
    ----------
    turns : int, multiply-adds of each vector in a ticket
    tickets : int
    state : IN/OUT the team's state, zero at the start
    out : OUT (tickets * VECTORS * COLUMNS * lanes,) so that nothing can be left out
    """
    size = VECTORS * COLUMNS * lanes(out)
    while True:
        ticket = take_ticket(state)
        if ticket >= tickets:
            return
        tile = fill(out, 0.0, VECTORS, COLUMNS)
        for _ in range(turns):
            tile = multiply_add(tile, 0.5, 1.0)
        store(out, ticket * size, VECTORS * lanes(out), tile)


@kernel
def exponentials(turns, tickets, state, out):
    """Apply the library's own exponential in registers alone, as above."""
    size = HELD * lanes(out)
    while True:
        ticket = take_ticket(state)
        if ticket >= tickets:
            return
        tile = fill(out, 0.5, HELD, 1)
        for _ in range(turns):
            tile = decaying_exponential(tile * -1.0)
        store(out, ticket * size, 0, tile)


@kernel
def divisions(turns, tickets, state, out):
    """Divide in registers alone, as above."""
    size = HELD * lanes(out)
    while True:
        ticket = take_ticket(state)
        if ticket >= tickets:
            return
        one = fill(out, 1.0, HELD, 1)
        tile = one
        for _ in range(turns):
            tile = one / (one + tile)
        store(out, ticket * size, 0, tile)


@kernel
def read(block, state, x, out):
    """Sum ``x`` in 8 vectors a turn; ``x`` is a whole number of blocks, a block of turns.

    Parameters
    ----------
    block : int, elements a ticket
    state : IN/OUT the team's state, zero at the start
    x : IN (size,)
    out : OUT (size / block * 8 * lanes,)
    """
    step = 8 * lanes(x)
    while True:
        ticket = take_ticket(state)
        if ticket * block >= x.size:
            return
        total = fill(x, 0.0, 8, 1)
        for i in range(ticket * block, (ticket + 1) * block, step):
            total = total + load(x, i, 0, 8, 1)
        store(out, ticket * step, 0, total)


@kernel
def copy(block, state, x, out):
    """Copy ``x`` to ``out`` past the caches, the fastest way there is.

    Parameters
    ----------
    block : int, elements a ticket
    state : IN/OUT the team's state, zero at the start
    x : IN (size,) a whole number of blocks
    out : OUT (size,) starting on a cache line
    """
    while True:
        start = take_ticket(state) * block
        if start >= x.size:
            return
        for i in range(start, start + block, lanes(x)):
            store_past_cache(out, i, load(x, i, 0, 1, 1))
