"""The machine's limits: fused multiply-adds and bytes a second, at one and all threads."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .case import Cost
from .sizes import Size

#: Elements a ticket of the bandwidth kernels: a multiple of any 8 vectors.
_BLOCK = 1 << 15
_TICKETS = 64

Limits = dict[str, dict[str, float]]


def _fastest(seconds: float, call: Callable[[], Any]) -> float:
    """Return the least time of a call, repeated for so long and at least three times."""
    times: list[float] = []
    call()
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def _run(kernel: Any, threads: int, *arguments: Any) -> None:
    """Run a kernel whose team's state stands before its arrays."""
    from fastml.core.threads import new_state, run_team

    numbers = [argument for argument in arguments if isinstance(argument, int)]
    run_team(kernel, threads, *numbers, new_state(), *arguments[len(numbers) :])


def measure(size: Size) -> Limits:
    """Return {"1": {...}, "all": {...}}: flops and bytes a second.

    The keys within are ``flops float32``, ``flops float64``, ``read`` and ``copy``; a copy
    counts both the byte read and the byte written.
    """
    from fastml import get_num_threads
    from fastml.kernels.tile import M, N, lanes_of

    from . import limit_kernels as kernels

    seconds = size.pick(full=0.5, quick=0.2, tiny=0.0)
    turns = size.pick(full=400_000, quick=100_000, tiny=100)
    # Far larger than any cache.
    x = np.ones(_BLOCK * size.pick(full=2048, quick=1024, tiny=2), np.float32)
    memory = np.empty(x.size + 16, np.float32)
    first = -memory.ctypes.data % 64 // 4
    out = memory[first : first + x.size]
    sums = np.empty(x.size // _BLOCK * 8 * lanes_of(np.float32), np.float32)
    found: Limits = {}
    for key, threads in (("1", 1), ("all", get_num_threads())):
        speeds: dict[str, float] = {"threads": threads}
        for dtype in ("float32", "float64"):
            elements = _TICKETS * M * N * lanes_of(dtype)
            held = np.empty(elements, dtype)
            taken = _fastest(
                seconds, partial(_run, kernels.multiply_adds, threads, turns, _TICKETS, held)
            )
            assert held.min() == held.max()
            assert 1.9 < held[0] <= 2.0  # x = x / 2 + 1 from 0
            speeds[f"flops {dtype}"] = 2.0 * turns * elements / taken
        taken = _fastest(seconds, partial(_run, kernels.read, threads, _BLOCK, x, sums))
        assert sums.sum(dtype=np.float64) == x.size
        speeds["read"] = x.nbytes / taken
        taken = _fastest(seconds, partial(_run, kernels.copy, threads, _BLOCK, x, out))
        assert np.array_equal(out, x)
        speeds["copy"] = 2.0 * x.nbytes / taken
        found[key] = speeds
    return found


def best_of(a: Limits, b: Limits) -> Limits:
    """Return the higher of two measurements of each limit: what the machine was seen to do."""
    return {key: {name: max(a[key][name], b[key][name]) for name in a[key]} for key in a}


def least_seconds(cost: Cost, dtype: str, limits: Limits) -> float:
    """Return the least time a cost can take on all threads: arithmetic or memory, the longer.

    A byte written goes together with a byte read at the copy's speed; what is read beyond
    that goes at the speed of reading.
    """
    speeds = limits["all"]
    paired = min(cost.read, cost.written)
    memory = 2 * paired / speeds["copy"]
    memory += (cost.read - paired) / speeds["read"] + (cost.written - paired) / speeds["copy"]
    return max(cost.flops / speeds[f"flops {dtype}"], memory)
