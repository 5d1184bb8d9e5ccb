"""The caller of a team comes out of its kernel when helpers have left."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import team_kernels

from fastml.core.threads import new_state
from fastml.kernels.machine import team
from fastml.kernels.machine.jit import plain_reason

pytestmark = pytest.mark.skipif(plain_reason() != "", reason="compiled by plain Numba")


def begun(caller):
    """Return the counters of a call by some thread, and what its first ticket rings."""
    counters, bell = new_state(), np.zeros(16, np.int64)
    team.begin_call(counters, bell.ctypes.data, caller)
    return counters, bell


def count(counters):
    team_kernels.count(10, counters, np.zeros(10, np.int64), np.zeros(10))


@pytest.mark.parametrize("caller", ["this thread", "nobody", "another"])
def test_only_the_caller_shuts_the_gate(caller):
    """A helper that waited for itself to leave would never end."""
    number = {"this thread": threading.get_ident(), "nobody": 0, "another": 1}[caller]
    counters, _bell = begun(number)
    count(counters)
    assert team.is_closed(counters) == (caller == "this thread")
    if caller == "this thread":
        assert team.enter_team(counters) == -1
        team.close_team(counters, False)  # which may be done again


def test_the_caller_waits_for_a_helper_inside():
    counters, bell = begun(threading.get_ident())
    left, entered = [], threading.Event()

    def help_late():
        assert team.enter_team(counters) == 1
        entered.set()
        time.sleep(0.05)
        left.append(True)
        team.leave_team(counters, False, bell, 0, 0)

    counters[16] = 1  # a ticket has been taken
    helper = threading.Thread(target=help_late)
    helper.start()
    entered.wait()
    count(counters)
    assert left == [True]
    helper.join()
