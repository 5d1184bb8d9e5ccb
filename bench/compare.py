"""Has a commit become slower?  Measures two commits in turn, A B A B, and fails if so.

Each turn is a process of its own in a worktree of its commit, with this harness laid over
it, so both are asked the same.  What is judged is the ratio of neighbouring turns: a
machine that is slow for a while is slow for both.  A case has become slower if the median
ratio is past the threshold and no pair contradicts.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .harness import sizes
from .harness.results import ROOT

THRESHOLD, PAIRS = 0.10, 5

Times = dict[str, float | None]


@dataclass(frozen=True)
class Verdict:
    """The ratios B over A of one case: above 1, B is slower."""

    case: str
    median: float
    lowest: float
    highest: float
    threshold: float

    @property
    def slower(self) -> bool:
        return self.median > 1 + self.threshold and self.lowest > 1

    @property
    def faster(self) -> bool:
        return self.median < 1 / (1 + self.threshold) and self.highest < 1


def judge(pairs: list[tuple[Times, Times]], threshold: float) -> list[Verdict]:
    """Return the verdict on every case that both commits could run in every pair."""
    found = []
    for case in pairs[0][0]:
        ratios = []
        for before, after in pairs:
            a, b = before.get(case), after.get(case)
            if a is not None and b is not None:
                ratios.append(b / a)
        if len(ratios) == len(pairs):
            median = statistics.median(ratios)
            found.append(Verdict(case, median, min(ratios), max(ratios), threshold))
    return found


@contextmanager
def worktrees(*revisions: str) -> Iterator[list[Path]]:
    """Check commits out into temporary folders, this harness laid over each."""
    with tempfile.TemporaryDirectory(prefix="fastml-compare-") as folder:
        trees: list[Path] = []
        try:
            for number, revision in enumerate(revisions):
                tree = Path(folder) / str(number)
                command = ["git", "worktree", "add", "--quiet", "--detach", str(tree), revision]
                subprocess.run(command, cwd=ROOT, check=True)
                trees.append(tree)
                shutil.rmtree(tree / "bench", ignore_errors=True)
                shutil.copytree(ROOT / "bench", tree / "bench")
            yield trees
        finally:
            for tree in trees:
                subprocess.run(
                    ["git", "worktree", "remove", "--force", str(tree)], cwd=ROOT, check=False
                )


def times_in(tree: Path, size: str, only: str) -> Times:
    """Return the times of the fastml in a folder."""
    command = [sys.executable, "-m", "bench.harness.once", f"--size={size}", f"--only={only}"]
    environment = {**os.environ, "PYTHONPATH": str(tree), "BENCH_SIZE": size}
    done = subprocess.run(
        command, cwd=tree, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    found: Times = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> int:
    """Compare; return 1 if anything has become slower."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("before", help="commit A")
    parser.add_argument("after", help="commit B")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--threshold", type=float, default=THRESHOLD)
    parser.add_argument("--size", choices=list(sizes.SIZES), default="quick")
    parser.add_argument("--only", default="", help="part of the name of the cases to compare")
    arguments = parser.parse_args()
    pairs: list[tuple[Times, Times]] = []
    with worktrees(arguments.before, arguments.after) as (before, after):
        for turn in range(arguments.pairs):
            print(f"pair {turn + 1} of {arguments.pairs}", file=sys.stderr, flush=True)
            a = times_in(before, arguments.size, arguments.only)
            b = times_in(after, arguments.size, arguments.only)
            pairs.append((a, b))
    verdicts = judge(pairs, arguments.threshold)
    if not verdicts:
        print("Nothing to compare.")
        return 1
    for verdict in sorted(verdicts, key=lambda verdict: -verdict.median):
        word = "SLOWER" if verdict.slower else "faster" if verdict.faster else ""
        spread = f"{verdict.lowest:.3f} to {verdict.highest:.3f}"
        print(f"{verdict.median:7.3f}  ({spread})  {verdict.case}  {word}")
    slower = [verdict for verdict in verdicts if verdict.slower]
    print(
        f"B over A: {len(slower)} of {len(verdicts)} cases slower by more than "
        f"{100 * arguments.threshold:.0f} %."
    )
    return 1 if slower else 0


if __name__ == "__main__":
    raise SystemExit(main())
