"""A team of threads that takes numbered tickets from one shared counter.

Waking a thread from Python costs 70 to 160 microseconds, more than a phase of work; so
each member runs the same kernel for a long time and takes tickets in it: one atomic
addition says which block of which phase to do next.  A member waits until the blocks of
the phase before are done, does its block, and counts it done.  No member is ever
required: whoever comes takes tickets, and one alone finishes the job.  What a ticket
means follows from its number only, never from who holds it, so results are the same
bits for any number of members.

The state is an int64 array: the next ticket and the count of finished blocks on cache lines of
their own; on the first, what is seldom written.

**Leaving early.**  An interrupt is seen only when the calling thread is back in the interpreter.
So a call lasts no longer than the state allows: the first member that takes a ticket after that
time does this one still, notes the number of the next, and pushes the counter past every end.
Everybody's next ticket is then ``CLOSED``, a number no work has, and a kernel that returns at
tickets past its last (as all do) returns.  All tickets below the noted number are done by then;
whoever called goes on with a new state whose counter starts there (:func:`proceed`).  The kernel
sees new members join a team at work, as ever, so its results are the same bits.  What it must
keep to: a ticket is short (some milliseconds), nothing but scratch is set up before the first
ticket, and ``CLOSED`` times a block's size fits into 64 bits.

**The bell.**  A helper that has just finished listens for a while before it parks: it spins
without the interpreter (:func:`listen`), and is counted, so that callers know whether there is
help at once.  The first ticket of a job rings: by then its caller has let go of the interpreter,
which the helper needs to fetch the job.

**Failing.**  A member that raises (an index out of bounds where those are checked, no memory)
never finishes its ticket.  :func:`abandon_team` then closes the counter and ends every wait by an
exception: what a member waited for will never be there.

**The gate.**  Helpers come through :func:`enter_team` and go by :func:`leave_team`; the caller's
:func:`close_team` shuts the gate for good and returns when nobody is inside.  Shut bit and count
are one number, so a helper is either counted or turned away.

**The end.**  Members finish within a microsecond of each other, and then both need the interpreter:
the caller to go on, a helper to let go of its arguments.  Who comes second sleeps, and to be woken
takes longer than a small job.  So the caller does not come out of its kernel before the helpers
have left: :mod:`.numba_private` has a kernel that takes a state end with :func:`end_call`.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy
from numba.core import types

from .atomics import (
    atomic_add,
    atomic_add_at,
    atomic_load,
    coarse_nanoseconds,
    nanoseconds,
    pause,
)
from .jit import inner_kernel, kernel

#: Number of int64 elements of a team's state.
STATE_SIZE = 80
_MEMBERS, _NEXT, _DONE, _FRONT, _BACK = 0, 16, 32, 48, 64
#: The time this call may take (0: any), when it began, where to go on (0: not left early; plus
#: ``_REFUSED`` for each refusal), and how many helpers are inside, plus ``_SHUT`` once no more may
#: come; the address of a bell; the thread that calls.
_ALLOWED, _BEGUN, _RESUME, _GATE, _BELL, _CALLER = 1, 2, 3, 4, 5, 6
#: Where beside a bell, on a cache line of its own, is counted who listens for it.
LISTENERS = 8
_SPINS_BEFORE_YIELD = 2000
#: Nanoseconds from the offer of a job to its first ticket, unless its kernel is being compiled.
_LONG_START = 50_000
_FOREVER, _ABANDONED = 1 << 44, 1 << 50  # far apart: each may be added many times
_SHUT = 1 << 32
_REFUSED = 1 << 44

#: The number of a ticket taken after the team was closed: past every end.
CLOSED = 1 << 40

_YIELD = types.ExternalFunction(
    "SwitchToThread" if sys.platform == "win32" else "sched_yield", types.int32()
)
#: The thread at work, as Python's ``threading.get_ident`` numbers it.
_THREAD = types.ExternalFunction(
    "GetCurrentThreadId" if sys.platform == "win32" else "pthread_self",
    types.uint32() if sys.platform == "win32" else types.int64(),
)


@inner_kernel
def join_team(state):
    """Return the number of a new member: where it works may depend on it, never what it writes."""
    return atomic_add(state, _MEMBERS, 1)


class TeamAbandonedError(Exception):
    """Another member has failed: what was waited for will never be done."""


@inner_kernel
def take_ticket(state):
    """Return the number of the next block of work nobody has taken, or ``CLOSED``."""
    number = atomic_add(state, _NEXT, 1)
    if number >= CLOSED:
        return CLOSED
    if number == 0 and state[_BELL] != 0:
        atomic_add_at(state[_BELL], 1)
    if state[_ALLOWED] > 0:
        now = coarse_nanoseconds()
        if state[_BEGUN] == 0:
            state[_BEGUN] = now
        elif now - state[_BEGUN] > state[_ALLOWED]:
            after = atomic_add(state, _NEXT, CLOSED)
            if after < CLOSED:
                atomic_add(state, _RESUME, after)
    return number


@inner_kernel
def take_block(state, member, count):
    """Return which of ``count`` blocks a member does next, ``CLOSED`` if none is left.

    For kernels of one phase whose blocks may be done in any order.  Members of even numbers begin
    with the first block, the others with the last: in a call that follows another on the same
    arrays, most of what a member reads and writes is in the caches of its own processor still.
    Taking it from another's takes longer than a sigmoid of it.

    Parameters
    ----------
    member : int, from :func:`join_team`
    """
    if take_ticket(state) >= count:
        return CLOSED
    if member % 2 == 0:
        return atomic_add(state, _FRONT, 1)
    return count - 1 - atomic_add(state, _BACK, 1)


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
def refuse(state):
    """Note that what the kernel was given is not fit: :func:`run_team` returns False in the end.

    For kernels that find out while they read it, which is sooner than a pass before.  All tickets
    are done nevertheless: the caller may have been told to take what comes.
    """
    if atomic_load(state, _RESUME) < _REFUSED:
        atomic_add(state, _RESUME, _REFUSED)


@inner_kernel
def finish_ticket(state):
    """Count one block as done; what was written before is seen by who waits for it."""
    atomic_add(state, _DONE, 1)


@inner_kernel
def wait_for(state, count):
    """Return once ``count`` blocks are done."""
    spins = 0
    done = atomic_load(state, _DONE)
    while done < count:
        pause()
        spins += 1
        if spins >= _SPINS_BEFORE_YIELD:  # perhaps who we wait for needs this processor
            _YIELD()
            spins = 0
        done = atomic_load(state, _DONE)
    if done >= _ABANDONED:
        raise TeamAbandonedError


@inner_kernel
def release_team(state):
    """End every wait, now and to come: who waited must look why and return."""
    atomic_add(state, _DONE, _FOREVER)


@inner_kernel
def abandon_team(state):
    """Give out no more tickets and make every wait raise: a ticket will never be finished."""
    if atomic_load(state, _DONE) < _ABANDONED:
        atomic_add(state, _NEXT, CLOSED)
        atomic_add(state, _DONE, _ABANDONED)


@inner_kernel
def _wait_for_bell(bell, heard, patience):
    """Listen, as one who has been counted among the listeners, and leave them."""
    begun = nanoseconds()
    while atomic_load(bell, 0) == heard and nanoseconds() - begun < patience:
        for _ in range(20):
            pause()
        _YIELD()  # who rings may be waiting for this very processor
    atomic_add(bell, LISTENERS, -1)


@kernel
def enter_team(state):
    """Return 1 for a helper that may run the kernel, 0 if nobody has begun, -1 if it is over.

    Helpers come after the first ticket is taken: before, the kernel may still be compiled.
    """
    begun = nanoseconds()
    while atomic_load(state, _NEXT) == 0:
        if atomic_load(state, _GATE) >= _SHUT:
            return -1
        if nanoseconds() - begun > _LONG_START:
            return 0
        pause()
        _YIELD()  # the caller may be waiting for this very processor
    if atomic_add(state, _GATE, 1) >= _SHUT:
        atomic_add(state, _GATE, -1)
        return -1
    return 1


@kernel
def leave_team(state, failed, bell, heard, patience):
    """Count a helper out, ``failed`` if it raised; then do as :func:`listen`.

    In one call: the caller, who waits for this, needs the interpreter next, and to wake up from
    waiting for that would take it longer than a small job.
    """
    if failed:
        abandon_team(state)
    atomic_add(bell, LISTENERS, 1)  # before the caller may go on: it may call again at once
    atomic_add(state, _GATE, -1)
    _wait_for_bell(bell, heard, patience)


@inner_kernel
def _shut_gate(state):
    """Let no helper in any more, and return when the last has left."""
    spins = 0
    inside = atomic_add(state, _GATE, _SHUT)
    while inside % _SHUT != 0:
        pause()
        spins += 1
        if spins >= _SPINS_BEFORE_YIELD:
            _YIELD()
            spins = 0
        inside = atomic_load(state, _GATE)


@kernel
def close_team(state, failed):
    """Let no helper in any more, and return when the last has left; ``failed`` to hurry them.

    May be called again.
    """
    if failed:
        abandon_team(state)
    _shut_gate(state)


@inner_kernel
def end_call(state):
    """Do as :func:`close_team`, if this is the thread that calls."""
    if state[_CALLER] != 0 and state[_CALLER] == _THREAD():
        _shut_gate(state)


@kernel
def listen(bell, heard, patience):
    """Return when a bell has been rung since it was ``heard``, or after so many nanoseconds."""
    atomic_add(bell, LISTENERS, 1)
    _wait_for_bell(bell, heard, patience)


def begin_call(state: Any, address: int, caller: int) -> None:
    """Say who calls, and have the first ticket ring a bell, an int64 at this address."""
    state[_BELL], state[_CALLER] = address, caller


def is_closed(state: Any) -> bool:
    """Say whether the gate is shut and nobody inside."""
    return bool(state.item(_GATE) == _SHUT)


def inside(state: Any) -> int:
    """Return how many helpers are inside."""
    return int(state[_GATE]) % _SHUT


def unbegun(nanoseconds: int) -> Any:
    """Return the state of a team that has not begun, whose calls return after about this time."""
    state = numpy.zeros(STATE_SIZE, numpy.int64)
    state[_ALLOWED] = nanoseconds
    return state


def ended(state: Any) -> int:
    """Say how a closed team's call ended.

    Returns
    -------
    how : int
        0 if all tickets are done, -1 if they are and what was given was refused, 1 if the call left
        early (:func:`proceed`).
    """
    number = state.item(_RESUME)  # an int at once: this is paid by every call
    return 0 if number == 0 else 1 if number % _REFUSED else -1


def proceed(state: Any) -> Any:
    """Return the state to go on with after a closed team left early."""
    after, number = unbegun(state[_ALLOWED]), state.item(_RESUME)
    after[_NEXT], after[_DONE] = number % _REFUSED, state[_DONE]
    after[_FRONT], after[_BACK] = state[_FRONT], state[_BACK]
    after[_RESUME] = _REFUSED if number > _REFUSED else 0
    return after
