"""Every campaign of ``make test-all``: the suite in each mode of compiling, and what goes on.

    python tests/support/campaigns.py --hours 1
    python tests/support/campaigns.py --only sse2 checked
    python tests/support/campaigns.py --short

Prints the closing line of each campaign and ends with a table of them, the counts that
docs/guarantees.md speaks of.  The status is 0 only if all of them passed.  ``--short`` runs some
of each: the tests marked ``checked`` where a campaign is the suite.
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

import digests

ROOT = Path(__file__).resolve().parents[2]
SUPPORT = ROOT / "tests" / "support"


class Campaign(NamedTuple):
    """A run of pytest, or of a script, under some variables."""

    purpose: str
    variables: dict[str, str]
    arguments: tuple[str, ...] = ("-m", "not borrowed")
    short: tuple[str, ...] = ("-m", "checked")
    script: str = ""


#: The suite for other instructions: bounds are what the campaigns checked and guards look at.
_ELSEWHERE = ("-m", "not borrowed", "--ignore", "tests/kernels/test_bounds.py")

CAMPAIGNS = {
    "suite": Campaign("every test, the long ones included", {"FASTML_LONG": "1"}, ()),
    "checked": Campaign(
        "every load and store compared with the bounds of its array",
        {"FASTML_CHECK_TILES": "1", "NUMBA_BOUNDSCHECK": "1"},
    ),
    "sse2": Campaign(
        "the oldest x86-64 vector unit, without fused multiply-add",
        digests.INSTRUCTIONS["sse2"], _ELSEWHERE,
    ),
    "avx2": Campaign(
        "AVX2 and FMA, also where the host has more", digests.INSTRUCTIONS["avx2"], _ELSEWHERE
    ),
    "plain": Campaign(
        "kernels compiled by plain njit, as under a Numba that has changed",
        {"FASTML_PLAIN_NUMBA": "1"}, _ELSEWHERE,
    ),
    "labels": Campaign(
        "the same labels under each of these instructions", {}, ("--compare",), ("--compare",),
        "digests.py",
    ),
    "search": Campaign(
        "new random examples, thousands for each property",
        {"HYPOTHESIS_PROFILE": "search"},
        ("-m", "not borrowed", "tests"),
        ("-m", "checked", "tests/cluster", "tests/neural_network"),
    ),
    "guards": Campaign(
        "every array and workspace between closed pages", {}, ("--cases", "5000"),
        ("--cases", "200"), "guards.py",
    ),
    "storms": Campaign(
        "threads, forks, spawned workers, interrupts, scarcity", {}, ("--storms", "200"),
        ("--storms", "15"), "run_storms.py",
    ),
    "fuzzing": Campaign(
        "new data against the reference and scikit-learn", {}, (), ("--cases", "200"), "fuzz.py"
    ),
}  # fmt: skip


def can_run(name: str) -> bool:
    """Say whether this machine has what a campaign needs."""
    if name == "guards":
        return sys.platform == "linux"
    return name not in digests.INSTRUCTIONS or digests.can_run(name)


def command(name: str, hours: float, processes: int, short: bool) -> list[str]:
    """Return the command of a campaign."""
    campaign = CAMPAIGNS[name]
    arguments = campaign.short if short else campaign.arguments
    if campaign.script:
        arguments = ("--hours", str(hours)) if name == "fuzzing" and not short else arguments
        return [sys.executable, str(SUPPORT / campaign.script), *arguments]
    parallel = ["-n", "auto", "--maxprocesses", str(processes)] if processes > 1 else []
    return [sys.executable, "-m", "pytest", "-q", *parallel, *arguments]


def run(name: str, hours: float, processes: int, short: bool) -> tuple[bool, str]:
    """Run a campaign, its output passed on; return whether it passed, and its last line."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **CAMPAIGNS[name].variables}
    last = ""
    with subprocess.Popen(
        command(name, hours, processes, short),
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
    parser.add_argument("--short", action="store_true", help="some of each, in minutes")
    options = parser.parse_args(argv)
    results = {}
    for name in options.only:
        print(f"\n=== {name}: {CAMPAIGNS[name].purpose}", flush=True)
        if not can_run(name):
            results[name] = (True, "left out: not for this machine")
            continue
        start = time.monotonic()
        passed, last = run(name, options.hours, options.processes, options.short)
        results[name] = (passed, f"{last} [{(time.monotonic() - start) / 60:.1f} min]")
    print()
    for name, (passed, last) in results.items():
        print(f"{'passed' if passed else 'FAILED'}  {name:8} {last}")
    return 0 if all(passed for passed, _ in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
