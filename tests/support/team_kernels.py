"""Kernels whose only purpose is to be shared, cut short, and failed in."""

from __future__ import annotations

from fastml.kernels.machine.jit import kernel
from fastml.kernels.machine.team import (
    CLOSED,
    finish_ticket,
    join_team,
    take_block,
    take_ticket,
    wait_for,
)


@kernel
def count(work, state, hits, values):
    """Count each ticket once, and write a number that takes some work."""
    while True:
        i = take_ticket(state)
        if i >= hits.size:
            return
        value = 0.5 + i
        for _ in range(work):
            value = 1.0 + 1.0 / value
        hits[i] += 1
        values[i] = value


@kernel
def blocks(work, member, state, hits, values):
    """Count each block once, from the end that is this member's; whose that is may be told."""
    if member < 0:
        member = join_team(state)
    while True:
        i = take_block(state, member, hits.size)
        if i == CLOSED:
            return
        value = 0.5 + i
        for _ in range(work):
            value = 1.0 + 1.0 / value
        hits[i] += 1
        values[i] = value


@kernel
def chain(n_steps, work, bad, state, hits, values):
    """Let every step read what the whole step before wrote; raise at the ticket ``bad``."""
    n_blocks = values.shape[1]
    while True:
        number = take_ticket(state)
        step = number // n_blocks
        if step >= n_steps:
            return
        block = number % n_blocks
        wait_for(state, step * n_blocks)
        if number == bad:
            raise IndexError("the bad ticket")
        value = 0.0
        for i in range(n_blocks):
            value += values[step % 2, i] * (i + 1)
        for _ in range(work):
            value = 1.0 + 1.0 / value
        hits[number] += 1
        values[1 - step % 2, block] = value + block
        finish_ticket(state)


@kernel
def endless(state, turns):
    """Take tickets until the process ends."""
    while take_ticket(state) < 1 << 39:
        for i in range(20_000):
            turns[0] = 1.0 + 1.0 / (turns[0] + i)
