"""Storm after storm, each in a process of its own, with a seed of its own.

    PYTHONPATH=. python tests/support/run_storms.py --storms 200

Prints what each counted; the last line holds the number of storms and of those that failed.
"""

from __future__ import annotations

import argparse
import collections
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SUPPORT = Path(__file__).resolve().parent
#: Script, storm, rounds: some seconds each.
STORMS = (
    ("storms.py", "interrupts", 200),
    ("public_storms.py", "interrupts", 60),
    ("storms.py", "scarcity", 150),
    ("public_storms.py", "scarcity", 3),
    ("public_storms.py", "callers", 10),
    ("public_storms.py", "refits", 6),
    ("storms.py", "forks", 15),
    ("public_storms.py", "forks", 8),
    ("public_storms.py", "spawned", 6),
    ("storms.py", "failures", 200),
    ("storms.py", "callers", 60),
    ("storms.py", "long_calls", 2),
    ("storms.py", "leaving", 1),
    ("storms.py", "opcodes", 1),
    ("storms.py", "opcodes_of_a_new_crew", 1),
)


def run(script: str, storm: str, rounds: int, seed: int, seconds: int = 900) -> tuple[bool, str]:
    """Run one storm; return whether it passed, and its last words."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(SUPPORT.parents[1]),
        "PYTHONWARNINGS": "ignore",  # newer Pythons warn of any fork beside threads
        "STORM_SECONDS": str(seconds),
        "STORM_SEED": str(seed),
    }
    command = [sys.executable, "-X", "faulthandler", str(SUPPORT / script), storm, str(rounds)]
    try:
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=seconds + 30
        )
    except subprocess.TimeoutExpired:
        return False, "hangs"
    if result.returncode == 0 and result.stdout.startswith("done"):
        return True, result.stdout.strip()
    return False, f"status {result.returncode}: {result.stderr[-2000:]}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the storms; return the status the process should end with."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--storms", type=int, default=len(STORMS))
    parser.add_argument("--seed", type=int, default=None, help="of the first; default: a new one")
    parser.add_argument("--only", nargs="+", choices=sorted({storm for _, storm, _ in STORMS}))
    options = parser.parse_args(argv)
    seed = secrets.randbits(30) if options.seed is None else options.seed
    chosen = [storm for storm in STORMS if not options.only or storm[1] in options.only]
    counts: collections.Counter[str] = collections.Counter()
    failures = 0
    for number in range(options.storms):
        script, storm, rounds = chosen[number % len(chosen)]
        passed, said = run(script, storm, rounds, seed + number)
        counts[f"{script.removesuffix('.py')}.{storm}"] += 1
        failures += not passed
        print(f"{'passed' if passed else 'FAILED'}  {script} {storm} {rounds}, seed", end=" ")
        print(f"{seed + number}: {said}", flush=True)
    each = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    print(f"{sum(counts.values())} storms, {failures} failed, from seed {seed}: {each}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
