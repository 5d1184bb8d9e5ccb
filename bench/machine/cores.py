"""Waiting until every thread has a core to itself.

Of a virtual machine two processors may be one core of the host for some minutes, and a stranger may
be on either.  What runs on one thread is then as fast as ever and what runs on all is not: a
comparison of both would say more of the neighbours than of the libraries.
"""

from __future__ import annotations

import time

import numpy as np

from ..harness.timer import least
from .limits import SHARED, run_kernel

#: Multiply-adds of a vector in a ticket, and tickets: some milliseconds on one thread.
_TURNS, _TICKETS = 14_000, 64
#: Seconds between two looks, the most before one turn, and the most in a run.
_PAUSE, _PATIENCE, _ALL_PATIENCE = 1.0, 45.0, 300.0


class Cores:
    """Looks, before every turn of a case, whether threads take from each other.

    Parameters
    ----------
    patient : bool
        Whether to wait where they do.

    Attributes
    ----------
    turns, shared : int, turns begun, and those begun though threads took from each other
    waited : float, seconds
    """

    def __init__(self, patient: bool) -> None:
        from fastml import get_num_threads
        from fastml.kernels.tile import lanes_of

        from . import kernels

        self._threads = get_num_threads() if patient else 1
        self._kernel = kernels.multiply_adds
        self._held = np.empty(_TICKETS * kernels.CHAINS * lanes_of(np.float32), np.float32)
        self.turns = self.shared = 0
        self.waited = 0.0

    def _take_from_each_other(self) -> bool:
        def burst(threads: int) -> float:
            def call() -> None:
                run_kernel(self._kernel, threads, _TURNS, _TICKETS, self._held)

            return least(call, 0.0)

        return burst(1) < SHARED * self._threads * burst(self._threads)

    def wait(self) -> None:
        """Wait until every thread has a core, but not for ever."""
        self.turns += 1
        if self._threads == 1:
            return
        start = time.monotonic()
        while self._take_from_each_other():
            waiting = time.monotonic() - start
            if waiting > _PATIENCE or self.waited + waiting > _ALL_PATIENCE:
                self.shared += 1
                break
            time.sleep(_PAUSE)
        self.waited += time.monotonic() - start

    def told(self) -> dict[str, float]:
        """Return what a result keeps of it."""
        return {"turns": self.turns, "shared": self.shared, "waited": round(self.waited, 1)}
