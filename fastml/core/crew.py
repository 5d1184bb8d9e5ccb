"""Who runs a kernel: the calling thread, and helpers that wait for a call to help with.

Kernels are serial and release the interpreter lock.  :func:`run_team` runs the same kernel on the
calling thread and on helpers; inside, the members share the work by tickets
(:mod:`fastml.kernels.machine.team`).

A call puts one :class:`_Job` on the board for every helper it would like, and begins.  A helper
that takes it down in time goes in by the job's own gate; one that comes late finds the gate shut.
The caller shuts it when there are no tickets left, or when anything was raised, and leaves when
nobody is inside: nobody holds its arrays.  So no helper is ever required, whether it could not be
started, is held up or has gone with a fork.  Between jobs helpers listen for a tenth of a
millisecond, or some where more calls are said to follow, then park on the board.

An interrupt can strike between any two instructions of the caller.  Hence: what is put on the
board or into a set is put there by one call that cannot be interrupted, nothing is held that would
have to be given back but the gate, and shutting that may be done twice, and is tried until it is
done.  Helpers count themselves.  They are daemons: nobody waits for them when the interpreter ends.
"""

from __future__ import annotations

import os
import sys
import time
from _thread import allocate_lock, get_ident, get_native_id, start_new_thread
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from inspect import signature
from queue import Empty, SimpleQueue
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .placement import current_cpu, keep_off, let_go
from .thread_count import get_num_threads

#: No call of a kernel lasts longer, or signal handlers would wait; less than a hundredth of it
#: is lost between two.
_CALL_NANOSECONDS = 200_000_000

#: So long a helper that has finished listens for the next call before it parks.
_LISTEN_NANOSECONDS = 0 if sys.platform == "win32" else 150_000
#: The same within :func:`more_calls`: what Python does between two kernels of a fit takes as long.
_LISTEN_LONGER = 4 * _LISTEN_NANOSECONDS

#: After so many calls in a row that nobody joined, helpers that listen are not counted on.
_MISSED = 3

#: After a thread could not be started, seconds until that is tried again.
_PATIENCE = 1.0


@cache
def _team() -> ModuleType:
    from ..kernels.machine import team

    return team


@cache
def _unbegun() -> NDArray[np.int64]:
    """Return the counters of a team that has not begun, to be copied."""
    state: NDArray[np.int64] = _team().unbegun(_CALL_NANOSECONDS)
    return state


def new_state() -> NDArray[np.int64]:
    """Return the counters of a team that has not begun, to be handed to :func:`run_team`."""
    return _unbegun().copy()


@cache
def _place_of_state(kernel: Callable[..., Any]) -> int:
    """Return which argument of a kernel is the team's state: the one of that name."""
    names = [*signature(getattr(kernel, "py_func", kernel)).parameters]
    if "state" not in names:
        raise TypeError(f"run_team needs a kernel that takes a state, got one of {names}.")
    return names.index("state")


class _ForkedError(RuntimeError):
    """Helpers were at work when the process was forked, and are not here to finish."""


class _Job:
    """One call of a kernel that helpers may join."""

    __slots__ = (
        "allowed", "arguments", "asked", "caller", "closed", "counters", "crew", "done", "errors",
        "joined", "kernel", "over",
    )  # fmt: skip

    def __init__(
        self,
        crew: _Crew,
        kernel: Callable[..., Any],
        arguments: tuple[Any, ...],
        counters: NDArray[np.int64],
    ) -> None:
        self.crew, self.caller = crew, get_ident()
        self.kernel: Callable[..., Any] | None = kernel
        self.arguments: tuple[Any, ...] | None = arguments
        self.counters = counters
        self.errors: list[BaseException] = []
        self.allowed: set[int] = set()  # where helpers may run that were kept off a processor
        #: The caller's kernel has returned; somebody's has; the gate is shut, nobody inside.
        self.done = self.over = self.closed = False
        self.asked = self.joined = False  # helpers were asked to come; one has

    def help(self) -> None:
        """Run the kernel as a helper, if the gate is open; then listen for another job."""
        let_go(self.allowed)  # also where the gate is shut: it may run the next job at once
        team = _team()
        pause = 0.0005
        while (entered := team.enter_team(self.counters)) == 0:
            time.sleep(pause)  # the caller is compiling
            pause = min(2 * pause, 0.02)
        if entered < 0:
            team.listen(*self.crew.listening())
            return
        failed = self.joined = True
        try:
            failed = not (self.over or self._run())
        finally:
            self.over = True
            team.leave_team(self.counters, failed, *self.crew.listening())

    def _run(self) -> bool:
        """Run the kernel; in a call of its own, so that no name holds an array afterwards."""
        assert self.kernel is not None
        assert self.arguments is not None
        try:
            self.kernel(*self.arguments)
        except BaseException as error:
            error.__traceback__ = None  # it would hold the arrays
            if not isinstance(error, _team().TeamAbandonedError):
                self.errors.append(error)
            return False
        return True

    def close(self) -> None:
        """Shut the gate and return when nobody is inside; may be called again."""
        interrupt = None
        while not self.closed:
            try:
                if self.crew is not _crew and _team().inside(self.counters):
                    raise _ForkedError("A signal handler forked in the middle of a shared call.")
                if not (self.done and _team().is_closed(self.counters)):
                    _team().close_team(self.counters, not self.done)
                self.kernel = self.arguments = None
                self.crew.callers.pop(self.caller, None)
                self.crew.missed = self.crew.missed + 1 if self.asked and not self.joined else 0
                self.closed = True
            except _ForkedError:
                raise
            except BaseException as error:  # nobody leaves before
                interrupt = error
        if interrupt is not None:
            try:
                raise interrupt
            finally:
                del interrupt  # a name in a frame of its own traceback: both would stay


class _Crew:
    """The helpers of this process, the board they watch, and who calls."""

    def __init__(self) -> None:
        self.board: SimpleQueue[_Job] = SimpleQueue()
        #: What callers ring, and on a cache line of its own how many listen.
        self.bell: NDArray[np.int64] = np.zeros(16, np.int64)
        self.bell_address = int(self.bell.ctypes.data)
        self.helpers: set[int] = set()
        self.threads: set[int] = set()  # their numbers in the operating system
        #: The thread of every call being helped, or that would be.
        self.callers: dict[int, _Job] = {}
        self.size = 0
        #: Calls in a row that asked for help and had none.
        self.missed = 0
        self.refused = -np.inf
        #: Whoever has said that more calls will follow, see :func:`more_calls`.
        self.expecting: set[object] = set()

    def offer(self, job: _Job, wanted: int) -> None:
        """Put a job on the board for so many helpers; start those that are not there yet."""
        self.callers[job.caller] = job
        others = len(self.callers) - 1
        if others > 0:  # they work, too
            wanted = min(wanted, get_num_threads() - 1 - others)
        else:
            job.allowed = self._clear_board()
        self.size = max(self.size, wanted)
        for _ in range(wanted - len(self.helpers)):
            if time.monotonic() < self.refused + _PATIENCE or not self.start_helper():
                break
        job.asked = wanted > 0
        if wanted > self.listeners():
            job.allowed = keep_off(current_cpu(), self.threads) or job.allowed
        # More than there are helpers would only find their gates shut.
        for _ in range(min(wanted, len(self.helpers) - self.board.qsize())):
            self.board.put(job)

    def _clear_board(self) -> set[int]:
        """Take down jobs that are over: a helper would read one, and miss the one at work.

        Return where helpers may run again that were kept off a processor for them.
        """
        allowed: set[int] = set()
        try:
            while not self.board.empty():
                allowed = self.board.get_nowait().allowed or allowed
        except Empty:  # a helper was quicker
            pass
        return allowed

    def listeners(self) -> int:
        """Return how many helpers listen just now, and will be there within some microseconds.

        None where they should have been but were not: they wait for a processor, perhaps for this
        very one.
        """
        return 0 if self.missed > _MISSED else int(self.bell.item(_team().LISTENERS))

    def listening(self) -> tuple[NDArray[np.int64], int, int]:
        """Return the bell, what was heard of it, and for how long to listen."""
        heard = self.bell.item(0)  # before looking at the board: who rings has put the job there
        patience = _LISTEN_LONGER if self.expecting else _LISTEN_NANOSECONDS
        return self.bell, heard, patience if self.board.empty() else 0

    def start_helper(self) -> bool:
        """Start one more helper; say whether there was a thread to be had."""
        counted = allocate_lock()
        counted.acquire()
        try:
            start_new_thread(self.stay, (counted,))
        except (RuntimeError, MemoryError):  # no more threads, or the interpreter is shutting down
            self.refused = time.monotonic()
            return False
        return counted.acquire(timeout=_PATIENCE)

    def stay(self, counted: Any) -> None:
        """Be a helper: take jobs off the board for ever."""
        needed = len(self.helpers) < self.size  # two callers may have started the same
        if needed:
            self.threads.add(get_native_id())
            self.helpers.add(get_ident())
        counted.release()
        while needed:
            try:
                self.board.get().help()
                while True:  # calls often follow one another
                    self.board.get_nowait().help()
            except Empty:
                pass
            except BaseException:  # no memory even to begin: the caller does it alone
                pass


_crew = _Crew()


def listeners() -> int:
    """Return how many helpers will be there within some microseconds of being asked."""
    return _crew.listeners()


@contextmanager
def more_calls() -> Iterator[None]:
    """Have helpers listen longer: calls follow each other, but not at once."""
    crew, token = _crew, object()
    try:
        crew.expecting.add(token)
        yield
    finally:
        crew.expecting.discard(token)


def _new_crew() -> None:
    """Threads do not survive a fork: the child has helpers of its own."""
    global _crew
    _crew = _Crew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_crew)


@cache
def _compile_gate() -> None:
    """Compile what helpers and callers meet at, before anybody is inside."""
    team, counters = _team(), new_state()
    team.close_team(counters, False)
    team.enter_team(counters)
    counters = new_state()
    counters[:] = 1
    team.enter_team(counters)
    team.leave_team(counters, False, _crew.bell, 0, 0)
    team.listen(_crew.bell, 0, 0)


def _share(
    kernel: Callable[..., Any],
    wanted: int,
    arguments: tuple[Any, ...],
    counters: NDArray[np.int64],
) -> None:
    """Call a kernel with the help of so many others, if they come."""
    _compile_gate()
    crew = _crew
    _team().begin_call(counters, crew.bell_address, get_ident())
    job = _Job(crew, kernel, arguments, counters)
    try:
        try:
            crew.offer(job, wanted)
            kernel(*arguments)
            job.done = True
        except _team().TeamAbandonedError:
            pass  # the helper's exception is raised below
        finally:
            job.close()
    finally:  # again: an interrupt may have struck before the first was under way
        job.close()
    if job.errors:
        error = job.errors[0]
        try:
            raise error
        finally:
            del error, job


def run_team(kernel: Callable[..., Any], members: int, *arguments: Any) -> bool:
    """Run ``kernel(*arguments)`` on the calling thread and up to ``members - 1`` helpers.

    The kernel takes tickets from a state until none is left.  It is called again and again, for a
    fifth of a second each, so that an interrupt need not wait for the end.  When this returns or
    raises, nobody holds the arguments any more.

    Parameters
    ----------
    kernel : compiled function
    members : int
        No more threads than this take part; perhaps only the calling one.
    *arguments
        Of the kernel; the one it names ``state`` is the team's, as :func:`new_state` makes it.

    Returns
    -------
    taken : bool
        False if a member refused what it was given; outputs are written all the same.

    Raises
    ------
    TypeError
        If there is no state at its place among the arguments.
    BaseException
        What the caller met, an interrupt or an exception of the kernel; else the first exception
        a helper met.  Outputs are then half written.
    """
    place = _place_of_state(kernel)
    state = arguments[place] if place < len(arguments) else None
    team = _team()
    if type(state) is not np.ndarray or state.shape != (team.STATE_SIZE,):
        raise TypeError("run_team needs a state from new_state() where its kernel takes one.")
    while True:
        if members <= 1:
            kernel(*arguments)
        else:
            _share(kernel, members - 1, arguments, state)
        how: int = team.ended(state)
        if how <= 0:
            return how == 0
        state = team.proceed(state)
        arguments = (*arguments[:place], state, *arguments[place + 1 :])
