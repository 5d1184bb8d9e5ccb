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
from typing import Any, NamedTuple

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from .jit import inner_kernel

#: Number of int64 elements of a team's state.
STATE_SIZE = 48
_MEMBERS, _NEXT, _DONE = 0, 16, 32
_SPINS_BEFORE_YIELD = 2000
_FOREVER = 1 << 60

_YIELD = types.ExternalFunction(
    "SwitchToThread" if sys.platform == "win32" else "sched_yield", types.int32()
)


@intrinsic  # type: ignore[misc]
def _atomic_add(typing_context: Any, state: Any, index: Any, number: Any) -> Any:
    """Add to ``state[index]`` and return what it was; ordered with all memory around it."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = builder.gep(array.data, [arguments[1]])
        return builder.atomic_rmw("add", pointer, arguments[2], "acq_rel")

    return types.int64(state, types.int64, types.int64), codegen


@intrinsic  # type: ignore[misc]
def _atomic_load(typing_context: Any, state: Any, index: Any) -> Any:
    """Return ``state[index]`` as another member left it."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = builder.gep(array.data, [arguments[1]])
        return builder.load_atomic(pointer, "acquire", 8)

    return types.int64(state, types.int64), codegen


@intrinsic  # type: ignore[misc]
def _pause(typing_context: Any) -> Any:
    """Tell the processor that this is a waiting loop, where it has a word for that."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if builder.module.triple.startswith(("x86_64", "i686", "i386")):
            declared = ir.FunctionType(ir.VoidType(), [])
            name = "llvm.x86.sse2.pause"
            pause = builder.module.globals.get(name) or ir.Function(builder.module, declared, name)
            builder.call(pause, [])
        return context.get_dummy_value()

    return types.none(), codegen


@inner_kernel
def join_team(state):
    """Return the number of a new member: what is written may not depend on it, where may."""
    return _atomic_add(state, _MEMBERS, 1)


@inner_kernel
def take_ticket(state):
    """Return the number of the next block of work nobody has taken."""
    return _atomic_add(state, _NEXT, 1)


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
    _atomic_add(state, _DONE, 1)


@inner_kernel
def wait_for(state, count):
    """Return once ``count`` blocks are done."""
    spins = 0
    while _atomic_load(state, _DONE) < count:
        _pause()
        spins += 1
        if spins >= _SPINS_BEFORE_YIELD:  # perhaps who we wait for needs this processor
            _YIELD()
            spins = 0


@inner_kernel
def release_team(state):
    """End every wait, now and to come: who waited must look why and return."""
    _atomic_add(state, _DONE, _FOREVER)
