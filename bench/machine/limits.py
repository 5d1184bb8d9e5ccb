"""The machine's limits: arithmetic and bytes a second, at one and all threads."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np

from ..harness.case import Cost
from ..harness.sizes import Size
from ..harness.timer import least

#: How often limits are measured again where cores seem to be shared, and seconds between.
_TRIES, _PAUSE = 6, 10.0
#: Threads take from each other where all are faster than one by less than this of their number.
SHARED = 0.75
#: Elements a ticket of the bandwidth kernels: a multiple of any 8 vectors.
_BLOCK = 1 << 15
_TICKETS = 64

Limits = dict[str, dict[str, float]]

#: What binds a piece of work that runs as fast as the machine can.
ARITHMETIC, MEMORY = "arithmetic", "memory"


def run_kernel(kernel: Any, threads: int, *arguments: Any) -> None:
    """Run a kernel whose team's state stands before its arrays."""
    from fastml.core.threads import new_state, run_team

    numbers = [argument for argument in arguments if isinstance(argument, int)]
    run_team(kernel, threads, *numbers, new_state(), *arguments[len(numbers) :])


def measure(size: Size) -> Limits:
    """Return {"1": {...}, "all": {...}}: what the machine does in a second.

    The keys within are ``flops``, ``exponentials`` and ``divisions``, each with an element
    type behind it, ``read`` and ``copy``; a copy counts both the byte read and the byte
    written.
    """
    from fastml import get_num_threads
    from fastml.kernels.tile import lanes_of

    from . import kernels

    seconds = size.pick(full=0.4, quick=0.2, tiny=0.0)
    turns = size.pick(full=400_000, quick=100_000, tiny=1000)
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
            for name, kernel, vectors, share, counted in (
                ("flops", kernels.multiply_adds, kernels.CHAINS, 1, 2.0),
                ("exponentials", kernels.exponentials, kernels.HELD, 8, 1.0),
                ("divisions", kernels.divisions, kernels.HELD, 8, 1.0),
            ):
                held = np.empty(_TICKETS * vectors * lanes_of(dtype), dtype)
                run = partial(run_kernel, kernel, threads, turns // share, _TICKETS, held)
                taken = least(run, seconds)
                assert held.min() == held.max()
                assert abs(held[0] - kernels.ENDS[name]) < 1e-5 * kernels.ENDS[name]
                speeds[f"{name} {dtype}"] = counted * (turns // share) * held.size / taken
        taken = least(partial(run_kernel, kernels.read, threads, _BLOCK, x, sums), seconds)
        assert sums.sum(dtype=np.float64) == x.size
        speeds["read"] = x.nbytes / taken
        taken = least(partial(run_kernel, kernels.copy, threads, _BLOCK, x, out), seconds)
        assert np.array_equal(out, x)
        speeds["copy"] = 2.0 * x.nbytes / taken
        found[key] = speeds
    return found


def best_of(a: Limits, b: Limits) -> Limits:
    """Return the higher of two measurements of each limit: what the machine was seen to do."""
    return {key: {name: max(a[key][name], b[key][name]) for name in a[key]} for key in a}


def _shared(limits: Limits) -> bool:
    """Say whether threads took from each other what arithmetic they can do."""
    one, every = limits["1"], limits["all"]
    return any(
        every[name] < SHARED * every["threads"] * one[name]
        for name in one
        if name.startswith(("flops", "exponentials", "divisions"))
    )


def undisturbed(limits: Limits, size: Size) -> Limits:
    """Return limits, measured again a few times while threads seem to share a core.

    Of a virtual machine two processors may be one core of the host for some minutes: what was
    measured then is no limit.
    """
    for _ in range(_TRIES if size.name == "full" else 0):
        if not _shared(limits):
            break
        time.sleep(_PAUSE)
        limits = best_of(limits, measure(size))
    return limits


def least_seconds(cost: Cost, dtype: str, limits: Limits) -> tuple[float, str]:
    """Return the least time a cost can take on all threads, the longest of three, and which.

    Multiply-adds and exponentials share their units, so their times add up; divisions have a
    unit of their own; so has memory.  A byte written goes together with a byte read at the
    copy's speed; what is read beyond that goes at the speed of reading.
    """
    speeds = limits["all"]
    arithmetic = cost.flops / speeds[f"flops {dtype}"]
    arithmetic += cost.exponentials / speeds[f"exponentials {dtype}"]
    divisions = cost.divisions / speeds[f"divisions {dtype}"]
    paired = min(cost.read, cost.written)
    memory = 2 * paired / speeds["copy"]
    memory += (cost.read - paired) / speeds["read"] + (cost.written - paired) / speeds["copy"]
    return max((arithmetic, ARITHMETIC), (divisions, ARITHMETIC), (memory, MEMORY))
