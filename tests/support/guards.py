"""Public functions and estimators on guarded memory, at every remainder of the tile.

    PYTHONPATH=. python tests/support/guards.py --cases 5000
    PYTHONPATH=. python tests/support/guards.py --seed 7 --first 1234 --cases 1

Each case runs twice: on memory as usual, and with every NumPy array (inputs, outputs, whatever is
made in between) and every workspace of a kernel between closed pages, full of NaN until written
(:mod:`guarded_memory`).  The second run must not touch what is not its own, or the process dies,
and must return the same bits, or something was read before it was written.  The cases run in
processes of their own; one that dies is a failure, and the next goes on behind it.

Workspaces are as long as was asked for, to the element, which takes kernels compiled for it.  With
``--padded`` the kernels are those of everybody: behind a workspace up to a cache line is theirs.
"""

from __future__ import annotations

import argparse
import collections
import faulthandler
import os
import secrets
import subprocess
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from guard_cases import FAMILIES, Draw

ROOT = Path(__file__).resolve().parents[2]
#: Cases a process runs: what some of them leave behind goes with it.
_A_PROCESS = 500


def run_case(seed: int, number: int, family: str) -> None:
    """Run one case on memory as usual and on guarded memory, and compare the bits."""
    import guarded_memory

    import fastml

    results = []
    for guard in (False, True):
        draw = Draw(np.random.default_rng([seed, number]))
        with fastml.num_threads(draw.threads):
            if guard:
                before = guarded_memory.count()
                with guarded_memory.guarded(at_start=bool(number & 1)):
                    found = [np.array(value) for value in FAMILIES[family](draw)]
                assert guarded_memory.count() > before
            else:
                found = [np.array(value) for value in FAMILIES[family](draw)]
        results.append(found)
    usual, same = results
    assert len(usual) == len(same)
    for i, (a, b) in enumerate(zip(usual, same, strict=True)):
        assert a.dtype == b.dtype, i
        assert a.tobytes() == b.tobytes(), f"result {i} of {family} differs"


def family_of(seed: int, number: int, families: Sequence[str]) -> str:
    """Return which family a case belongs to."""
    return families[int(np.random.default_rng([seed, number, 1]).integers(len(families)))]


def work(seed: int, first: int, last: int, families: Sequence[str]) -> int:
    """Run the cases from first to last; say which begins, so that a death has a number."""
    import guarded_memory

    guarded_memory.guard_kernels()
    import fastml
    import fastml.neural_network
    from fastml.core import threads

    # Helpers take part however little there is to do.
    threads._WORTH_WAKING = threads._WORTH_SHARING = 1
    _ = fastml.MLPClassifier
    for name, module in list(sys.modules.items()):
        if name.startswith("fastml.") and hasattr(module, "_SHARED_STEP_NANOSECONDS"):
            module._SHARED_STEP_NANOSECONDS = 0
    warnings.simplefilter("ignore")
    failures = 0
    for number in range(first, last):
        family = family_of(seed, number, families)
        print(f"begin {number} {family}", flush=True)
        try:
            run_case(seed, number, family)
        except Exception:
            failures += 1
            print(f"wrong {number}\n{traceback.format_exc()[-3000:]}", flush=True)
    return 1 if failures else 0


def break_out(how: str) -> None:
    """Touch what may not be touched: the guard itself is tried."""
    import guarded_memory
    import numba

    guarded_memory.guard_kernels()
    print(f"begin 0 {how}", flush=True)
    if how == "workspace":
        made = numba.njit(lambda n: np.zeros(n)[1:])(9)
        read = numba.njit(lambda x, i: x[i])
        print(read(made, 7))
        read(made, 8)
        return
    with guarded_memory.guarded(at_start=False):
        array = np.zeros(5)
    beyond = np.lib.stride_tricks.as_strided(array, (6,))
    if how == "array":
        beyond.sum()
    else:
        import ctypes

        address = array.ctypes.data
        ctypes.c_double.from_address(address).value = 3.0
        del array, beyond
        ctypes.c_double.from_address(address).value = 4.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the cases, a process after another; return the status this one should end with."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--seed", type=int, default=None, help="default: a new one")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--family", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument(
        "--padded", action="store_true", help="leave workspaces the padding that aligns them"
    )
    parser.add_argument("--break", dest="broken", choices=["array", "workspace", "freed"])
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    last = options.first + options.cases
    if options.worker and options.broken:
        break_out(options.broken)
        return 0
    if options.worker:
        return work(options.seed, options.first, last, options.family)
    seed = secrets.randbits(32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    exact = "0" if options.padded else "1"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FASTML_EXACT_SCRATCH": exact}
    counts: collections.Counter[str] = collections.Counter()
    failures, number = 0, options.first
    only = "" if options.family == list(FAMILIES) else f" --family {' '.join(options.family)}"
    only += " --padded" if options.padded else ""
    while number < last:
        command = [sys.executable, "-X", "faulthandler", __file__, "--worker", "--seed", str(seed)]
        command += ["--first", str(number), "--cases", str(min(_A_PROCESS, last - number))]
        command += ["--family", *options.family]
        command += ["--break", options.broken] if options.broken else []
        end = min(number + _A_PROCESS, last)
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, text=True
        ) as process:  # fmt: skip
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("begin "):
                    _, begun, family = line.split()
                    number = int(begun) + 1
                    counts[family] += 1
                    continue
                if line.startswith("wrong "):
                    failures += 1
                    print(f"FAILED: again with --seed {seed} --first {number - 1} --cases 1{only}")
                else:
                    print(line, end="", flush=True)
        if process.returncode < 0:
            failures += 1
            again = f"--seed {seed} --first {number - 1} --cases 1{only}"
            print(f"FAILED: ended by signal {-process.returncode}; again with {again}", flush=True)
        elif process.returncode and number < end:
            print(f"FAILED: ended with status {process.returncode} after case {number - 1}")
            return 1
        if options.broken:
            break
        print(f"seed {seed}, case {number}, {failures} failed", flush=True)
    each = ", ".join(f"{family} {count}" for family, count in sorted(counts.items()))
    print(f"{sum(counts.values())} cases, {failures} failed, seed {seed}: {each}")
    return 1 if failures else 0


if __name__ == "__main__":
    faulthandler.enable()
    sys.exit(main())
