"""A result: what one run found, small enough to keep, and everything a report is made from."""

from __future__ import annotations

import json
import platform
import re
import statistics
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import peers
from ..machine.host import processor
from ..machine.limits import Limits, least_seconds
from .case import FASTML, NUMPY, REFERENCE, Case
from .sizes import LARGE
from .stage import Outcome

Result = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
HISTORY = ROOT / "bench" / "history"
#: The folder of races of shapes drawn by lot.
GRID = "grid"


def _rounded(number: float, digits: int = 4) -> float:
    return float(f"{number:.{digits}g}")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip()


def commit() -> str:
    """Return the commit measured, marked where the code is not what was committed."""
    changed = _git("status", "--porcelain", "--", "fastml", "kernels")
    return (_git("rev-parse", "--short=12", "HEAD") or "unknown") + ("-changed" if changed else "")


def machine() -> dict[str, str]:
    """Return what a result says of the machine."""
    return {
        "cpu": processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def times_of(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """Return least, median, rounds and threads of each row; a wrong row has no time."""
    return {
        name: {
            "min": _rounded(min(seconds)),
            "median": _rounded(statistics.median(seconds)),
            "rounds": len(seconds),
            "threads": outcome.threads.get(name),
        }
        for name, seconds in outcome.seconds.items()
        if seconds
    }


def entry_of(case: Case, outcome: Outcome, limits: Limits) -> dict[str, Any]:
    """Return all that is kept of a case."""
    entry: dict[str, Any] = {
        "group": case.group,
        "name": case.name,
        "rows": times_of(outcome),
        "missing": outcome.missing,
        "wrong": outcome.wrong,
        "remarks": outcome.remarks,
        "headline": case.headline,
    }
    if outcome.iterations:
        entry["iterations"] = outcome.iterations
    if FASTML in outcome.saved:
        entry["saved"] = _rounded(outcome.saved[FASTML])
    if case.scaling:
        entry["scaling"] = list(case.scaling)
    if outcome.cost:
        cost = outcome.cost
        entry["flops"] = cost.flops
        entry["bytes"] = cost.read + cost.written
        entry["dtype"] = case.dtype
        seconds, entry["bound"] = least_seconds(cost, case.dtype, limits)
        entry["plain_limit" if case.plain else "limit"] = _rounded(seconds)
    if outcome.account:
        entry["account"] = {name: _rounded(took) for name, took in outcome.account.items()}
    if outcome.reference:
        n, small = outcome.reference
        rows = times_of(small)
        entry["wrong"] = {
            **{f"{name}, {n} rows": why for name, why in small.wrong.items()},
            **entry["wrong"],
        }
        if FASTML in rows and REFERENCE in rows:
            entry["reference"] = {"n": n, "rows": rows}
    return {**entry, **ratios(entry)}


def condensed(outcomes: list[tuple[Case, Outcome]], size: str, limits: Limits) -> Result:
    """Return the result of a run from what happened to its cases and the machine's limits."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "size": size,
        "machine": machine(),
        "versions": peers.versions(),
        "limits": {
            threads: {name: _rounded(speed) for name, speed in speeds.items()}
            for threads, speeds in limits.items()
        },
        "libraries": peers.libraries(),
        "cases": [entry_of(case, outcome, limits) for case, outcome in outcomes],
    }


def ratios(case: dict[str, Any]) -> dict[str, Any]:
    """Return what travels between machines, all from the least times.

    ``over_numpy``; ``over_best_peer``, the fastest row that is neither ours nor NumPy;
    ``over_reference``, from times of both on the reference's rows; ``share`` of the limit; and
    for a fit ``over_plain``, the time the plain algorithm takes at the limit over ours.
    """
    rows = case["rows"]
    if FASTML not in rows:
        return {}
    ours = rows[FASTML]["min"]
    found: dict[str, Any] = {}
    if NUMPY in rows:
        found["over_numpy"] = _rounded(rows[NUMPY]["min"] / ours)
    others = {
        name: row["min"]
        for name, row in rows.items()
        if name != NUMPY and not name.startswith(FASTML)
    }
    if others:
        best = min(others, key=others.__getitem__)
        found["best_peer"] = best
        found["over_best_peer"] = _rounded(others[best] / ours)
    if case.get("reference"):
        small = case["reference"]["rows"]
        found["over_reference"] = _rounded(small[REFERENCE]["min"] / small[FASTML]["min"])
    if case.get("limit"):
        found["share"] = _rounded(case["limit"] / ours)
    if case.get("plain_limit"):
        found["over_plain"] = _rounded(case["plain_limit"] / ours)
    return found


def folder_of(cpu: str, threads: int) -> Path:
    """Return where the results of a processor are kept."""
    return HISTORY / f"{re.sub(r'[^a-z0-9]+', '-', cpu.lower()).strip('-')}-{threads}-threads"


def path_of(result: Result) -> Path:
    """Return where a result is kept: by processor, then by commit."""
    folder = folder_of(result["machine"]["cpu"], int(result["limits"]["all"]["threads"]))
    if result["size"] == LARGE:
        folder /= LARGE  # out of sight of what is compared over time
    return folder / f"{result['commit']}.json"


def save(result: Result, path: Path) -> None:
    """Write a result, one case a line: small, and its differences readable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lists = {key: value for key, value in result.items() if isinstance(value, list)}
    text = json.dumps({key: value for key, value in result.items() if key not in lists}, indent=1)
    for key, entries in lists.items():
        lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
        text = text[:-2] + f',\n "{key}": [\n{lines}\n ]\n}}'
    path.write_text(text + "\n", encoding="utf-8")


def load(path: Path) -> Result:
    """Read a result."""
    found: Result = json.loads(path.read_text(encoding="utf-8"))
    return found


def history() -> list[Result]:
    """Return all stored results, the oldest first."""
    found = [load(path) for path in HISTORY.glob("*/*.json")]
    return sorted(found, key=lambda result: result["time"])


def comparable(result: Result) -> list[Result]:
    """Return the stored full results of the same processor, the oldest first."""
    return [
        stored
        for stored in history()
        if stored["size"] == "full" and stored["machine"]["cpu"] == result["machine"]["cpu"]
    ]


def newest_large(result: Result) -> Result | None:
    """Return the newest stored result of the large size and the same processor, None for none."""
    found = [load(path) for path in HISTORY.glob(f"*/{LARGE}/*.json")]
    same = [each for each in found if each["machine"]["cpu"] == result["machine"]["cpu"]]
    return max(same, key=lambda each: str(each["time"]), default=None)


def grids(result: Result) -> list[Result]:
    """Return the stored races of shapes drawn by lot, by seed: those of the newest commit raced.

    Only those of the processor of a result.
    """
    return _grids_by_processor().get(result["machine"]["cpu"], [])


def grids_elsewhere(result: Result) -> dict[str, list[Result]]:
    """Return what :func:`grids` does for every other processor, by its name."""
    return {
        cpu: found
        for cpu, found in _grids_by_processor().items()
        if cpu != result["machine"]["cpu"]
    }


def _grids_by_processor() -> dict[str, list[Result]]:
    raced: dict[str, list[Result]] = {}
    for path in sorted(HISTORY.glob(f"*/{GRID}/*.json")):
        found = load(path)
        raced.setdefault(found["machine"]["cpu"], []).append(found)
    for cpu, found_there in raced.items():
        newest_raced = max(found_there, key=lambda each: str(each["time"]))["commit"]
        chosen = [each for each in found_there if each["commit"] == newest_raced]
        raced[cpu] = sorted(chosen, key=lambda each: int(each["seed"]))
    return raced


def newest() -> Result | None:
    """Return the newest stored result, or None where nothing has been measured."""
    found = history()
    return found[-1] if found else None
