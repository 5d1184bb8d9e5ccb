"""A team of threads that takes numbered tickets from one shared counter.

Waking a thread from Python costs 70 to 160 microseconds, more than a phase of work; so
each member runs the same kernel for a long time and takes tickets in it: one atomic
addition says which block of which phase to do next.  A member waits until the blocks of
the phase before are done, does its block, and counts it done.  No member is ever
required: whoever comes takes tickets, and one alone finishes the job.  What a ticket
means follows from its number only, never from who holds it, so results are the same
bits for any number of members.

The state is an int64 array: how many members have joined, the next ticket and the count of
finished blocks, on cache lines of their own.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from numba.core import types

from .atomics import atomic_add, atomic_load, pause
from .jit import inner_kernel

#: Number of int64 elements of a team's state.
STATE_SIZE = 48
_MEMBERS, _NEXT, _DONE = 0, 16, 32
_SPINS_BEFORE_YIELD = 2000
_FOREVER = 1 << 60

_YIELD = types.ExternalFunction(
    "SwitchToThread" if sys.platform == "win32" else "sched_yield", types.int32()
)


@inner_kernel
def join_team(state):
    """Return the number of a new member: what is written may not depend on it, where may."""
    return atomic_add(state, _MEMBERS, 1)


@inner_kernel
def take_ticket(state):
    """Return the number of the next block of work nobody has taken."""
    return atomic_add(state, _NEXT, 1)


class PhasedTicket(NamedTuple):
    """One block of work of a kernel whose steps have phases.

    step, phase : which
    number : which ticket of its phase
    before : how many tickets must be done before it may begin: all of the phases before
    """

    step: int
    phase: int
    number: int
    before: int


@inner_kernel
def take_phased_ticket(state, phases):
    """Return the next ticket of a kernel that repeats some phases step by step.

    Parameters
    ----------
    phases : IN tuple of int, the number of tickets of each phase of a step; at least one is not 0

    Returns
    -------
    PhasedTicket : the caller passes ``before`` to :func:`wait_for`, unless the step is past the
        last one
    """
    ticket = take_ticket(state)
    per_step = 0
    for count in phases:
        per_step += count
    step = ticket // per_step
    before = step * per_step
    number = ticket - before
    phase = 0
    while number >= phases[phase]:
        number -= phases[phase]
        before += phases[phase]
        phase += 1
    return PhasedTicket(step, phase, number, before)


@inner_kernel
def finish_ticket(state):
    """Count one block as done; what was written before is seen by who waits for it."""
    atomic_add(state, _DONE, 1)


@inner_kernel
def wait_for(state, count):
    """Return once ``count`` blocks are done."""
    spins = 0
    while atomic_load(state, _DONE) < count:
        pause()
        spins += 1
        if spins >= _SPINS_BEFORE_YIELD:  # perhaps who we wait for needs this processor
            _YIELD()
            spins = 0


@inner_kernel
def release_team(state):
    """End every wait, now and to come: who waited must look why and return."""
    atomic_add(state, _DONE, _FOREVER)
