"""The one command: measure, keep the result, write the report.

``python -m bench`` runs the full suite; ``--size quick`` is for before a pull request, ``--size
large`` for what takes peers a minute a call.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

from . import cases, report
from .harness import compiling, memory, results, scores, sizes, stage
from .harness.case import Case
from .harness.progress import Display
from .machine import host, limits, phases
from .machine.cores import Cores

Outcomes = list[tuple[Case, stage.Outcome]]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--size", choices=list(sizes.SIZES), default=os.environ.get("BENCH_SIZE", "full")
    )
    parser.add_argument(
        "--output",
        type=Path,
        help="folder for the report and the result instead of bench/; the README stays as it is",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PART",
        help='only the cases with this in "group: name"; may be given again',
    )
    return parser.parse_args()


def _chosen(size: sizes.Size, only: list[str]) -> list[Case]:
    every = cases.all_cases(size)
    return [case for case in every if not only or any(part in case.id for part in only)]


def _by_group(chosen: list[Case], took: dict[str, float]) -> dict[str, float]:
    """Return the seconds each group took, checks included."""
    seconds: dict[str, float] = {}
    for case in chosen:
        seconds[case.group] = round(seconds.get(case.group, 0.0) + took[case.id], 1)
    return seconds


def main() -> int:
    """Run everything; return 0 unless a row failed or gave a wrong result."""
    arguments = _arguments()
    if reason := host.refusal():
        print(reason, file=sys.stderr)
        return 2
    os.environ["BENCH_SIZE"] = arguments.size
    size = sizes.current()
    chosen = _chosen(size, arguments.only)
    if not chosen:
        print("No case has that in its name.", file=sys.stderr)
        return 1
    outcomes: Outcomes = []
    more: dict[str, Any] = {}
    took: dict[str, float] = {}
    start = time.monotonic()
    with Display(len(chosen)) as display:
        display.say("the machine's limits")
        before = limits.measure(size)
        cores = Cores(size.name != "tiny")
        for case in chosen:
            begin = time.monotonic()
            outcomes.append((case, stage.measure(case, size, display.say, cores.wait)))
            took[case.id] = time.monotonic() - begin
            display.advance()
        display.say("the machine's limits, again")
        limit = limits.undisturbed(limits.best_of(before, limits.measure(size)), size)
        if not arguments.only:
            others = (("phases", phases), ("compiling", compiling), ("scores", scores))
            for name, module in (("memory", memory), *(others if size.name != sizes.LARGE else ())):
                display.say(name)
                more[name] = module.measure(size)
    result = {**results.condensed(outcomes, size.name, limit), **more}
    result["seconds"] = _by_group(chosen, took)
    result["cores"] = cores.told()
    _store(result, arguments)
    print("\n".join(report.brief(result)))
    print(f"It took {time.monotonic() - start:.0f} s. Longest:")
    for what, seconds in (("cases", took), ("groups", result["seconds"])):
        longest = sorted(seconds, key=seconds.__getitem__, reverse=True)[:8]
        print(f"  {what}: " + "; ".join(f"{name}, {seconds[name]:.0f} s" for name in longest))
    return int(any(case["wrong"] for case in result["cases"]))


def _store(result: results.Result, arguments: argparse.Namespace) -> None:
    """Store a full result and rewrite the report; any other only where it was asked for."""
    folder = arguments.output
    whole = arguments.size in ("full", sizes.LARGE) and not arguments.only
    if folder is None and not whole:
        folder = results.ROOT / ".benchmarks" / arguments.size
    if folder is None:
        results.save(result, results.path_of(result))
        shown = results.newest() if arguments.size == sizes.LARGE else result
        report.write(shown or result)
        print("Written: bench/RESULTS.md, bench/plots/, bench/history/ and the README's table.")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        results.save(result, folder / "result.json")
        report.write(result, folder)
        print(f"Written: {folder}")


if __name__ == "__main__":
    raise SystemExit(main())
