"""Every campaign of ``make test-all``: the suite under each mode of compiling, and fuzzing.

    python tests/support/campaigns.py --hours 1
    python tests/support/campaigns.py --only sse2 checked

Prints pytest's closing line of each campaign and ends with a table of them, the counts that
docs/guarantees.md speaks of.  The status is 0 only if all of them passed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]

#: What an x86-64-v3 processor offers of what LLVM names, and nothing wider.
_AVX2 = "+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16,+avx,+f16c,+avx2,+fma,+bmi,+bmi2,+lzcnt,+movbe"


class Campaign(NamedTuple):
    """A run of pytest, or of the fuzzer, under some variables."""

    purpose: str
    variables: dict[str, str]
    arguments: tuple[str, ...] = ()


CAMPAIGNS = {
    "suite": Campaign("every test, the long ones included", {"FASTML_LONG": "1"}),
    "checked": Campaign(
        "every load and store compared with the bounds of its array",
        {"FASTML_CHECK_TILES": "1", "NUMBA_BOUNDSCHECK": "1"},
        ("-m", "not borrowed"),
    ),
    "sse2": Campaign(
        "the oldest x86-64 vector unit, without fused multiply-add",
        {"NUMBA_CPU_NAME": "generic"},
        ("-m", "not borrowed"),
    ),
    "avx2": Campaign(
        "AVX2 and FMA, also where the host has more",
        {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": _AVX2},
        ("-m", "not borrowed"),
    ),
    "search": Campaign(
        "new random examples, thousands for each property",
        {"HYPOTHESIS_PROFILE": "search"},
        ("-m", "not borrowed", "tests"),
    ),
    "fuzzing": Campaign("new data against the reference and scikit-learn", {}),
}


def can_run(name: str) -> bool:
    """Say whether this machine has the instructions a campaign compiles for."""
    from fastml.kernels.machine.host import host

    return name != "avx2" or "avx2" in host().features


def command(name: str, hours: float, processes: int) -> list[str]:
    """Return the command of a campaign."""
    if name == "fuzzing":
        return [sys.executable, str(ROOT / "tests/support/fuzz.py"), "--hours", str(hours)]
    parallel = ["-n", "auto", "--maxprocesses", str(processes)]
    return [sys.executable, "-m", "pytest", "-q", *parallel, *CAMPAIGNS[name].arguments]


def run(name: str, hours: float, processes: int) -> tuple[bool, str]:
    """Run a campaign, its output passed on; return whether it passed, and its last line."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **CAMPAIGNS[name].variables}
    last = ""
    with subprocess.Popen(
        command(name, hours, processes),
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line.strip() or last
    return process.returncode == 0, last


def main(argv: Sequence[str] | None = None) -> int:
    """Run the campaigns and return the status the process should end with."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=CAMPAIGNS, default=list(CAMPAIGNS))
    parser.add_argument("--hours", type=float, default=1.0, help="of fuzzing (default: 1)")
    parser.add_argument("--processes", type=int, default=4, help="at most, at a time")
    options = parser.parse_args(argv)
    results = {}
    for name in options.only:
        print(f"\n=== {name}: {CAMPAIGNS[name].purpose}", flush=True)
        if not can_run(name):
            results[name] = (True, "left out: this processor lacks the instructions")
            continue
        start = time.monotonic()
        passed, last = run(name, options.hours, options.processes)
        results[name] = (passed, f"{last} [{(time.monotonic() - start) / 60:.1f} min]")
    print()
    for name, (passed, last) in results.items():
        print(f"{'passed' if passed else 'FAILED'}  {name:8} {last}")
    return 0 if all(passed for passed, _ in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
