"""The one stopwatch: every second in a result was taken here."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from itertools import repeat
from typing import Any


def seconds_of(call: Callable[[], Any], calls: int = 1) -> float:
    """Return the seconds a call takes: the mean over so many, without garbage collection."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in repeat(None, calls):
            call()
        return (time.perf_counter() - start) / calls
    finally:
        if collecting:
            gc.enable()


def least(call: Callable[[], Any], seconds: float, fewest: int = 3, most: int = 10**9) -> float:
    """Return the least time of a call, repeated for so long."""
    times: list[float] = []
    while len(times) < fewest or (sum(times) < seconds and len(times) < most):
        times.append(seconds_of(call))
    return min(times)
