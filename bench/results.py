"""A result: what one run found, small enough to keep, and everything a report is made from."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

from .case import FASTML, NUMPY, Cost
from .limits import Limits, least_seconds

Result = dict[str, Any]

ROOT = Path(__file__).resolve().parents[1]
HISTORY = ROOT / "bench" / "history"


def _rounded(number: float, digits: int = 4) -> float:
    return float(f"{number:.{digits}g}")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip()


def commit() -> str:
    """Return the commit measured, marked where the code is not what was committed."""
    changed = _git("status", "--porcelain", "--", "fastml", "kernels")
    return (_git("rev-parse", "--short=12", "HEAD") or "unknown") + ("-changed" if changed else "")


def _times(benchmarks: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the times of each row of each case, over the turns that count.

    The first turn checks; it counts only for a row too slow to be repeated.
    """
    turns: dict[tuple[str, str], dict[int, list[float]]] = defaultdict(dict)
    for benchmark in benchmarks:
        about = benchmark["extra_info"]
        turns[about["case"], about["row"]][about["turn"]] = benchmark["stats"]["data"]
    found = {}
    for key, by_turn in turns.items():
        counting = {turn: data for turn, data in by_turn.items() if turn > 0} or by_turn
        seconds = [second for data in counting.values() for second in data]
        found[key] = {
            "min": _rounded(min(seconds)),
            "median": _rounded(statistics.median(seconds)),
            "rounds": len(seconds),
        }
    return found


def condensed(raw: dict[str, Any], limits: Limits, **more: Any) -> Result:
    """Return the result of a run from pytest-benchmark's JSON and the machine's limits."""
    times = _times(raw["benchmarks"])
    about = raw["fastml"]
    cases = []
    for case in about["cases"]:
        # A wrong row has no time worth showing.
        rows = {
            name: times[case["id"], name]
            for name in case["rows"]
            if (case["id"], name) in times and name not in case["wrong"]
        }
        for name, row in rows.items():
            row["threads"] = case["threads"].get(name)
        entry = {
            "group": case["group"],
            "name": case["name"],
            "rows": rows,
            "missing": case["missing"],
            "wrong": case["wrong"],
            "remarks": case["remarks"],
            "headline": case["headline"],
        }
        if case["scaling"]:
            entry["scaling"] = case["scaling"]
        if case["cost"]:
            cost = Cost(**case["cost"])
            entry["flops"] = cost.flops
            entry["bytes"] = cost.read + cost.written
            entry["dtype"] = case["dtype"]
            entry["limit"] = _rounded(least_seconds(cost, case["dtype"], limits))
        cases.append({**entry, **ratios(entry)})
    machine = raw["machine_info"]
    return {
        "time": raw["datetime"],
        "commit": commit(),
        "size": about["size"],
        "machine": {
            "cpu": processor(machine["cpu"]),
            "system": f"{machine['system']} {machine['machine']}",
            "python": machine["python_version"],
        },
        "versions": about["versions"],
        "limits": {
            threads: {name: _rounded(speed) for name, speed in speeds.items()}
            for threads, speeds in limits.items()
        },
        "cases": cases,
        **more,
    }


def processor(about: dict[str, Any]) -> str:
    """Return a processor's name; brands of virtual machines are shared by generations.

    >>> processor({"brand_raw": "AMD EPYC", "family": 26, "model": 2})
    'AMD EPYC (family 26, model 2)'
    """
    name = str(about.get("brand_raw", "unknown processor"))
    numbers = [f"{key} {about[key]}" for key in ("family", "model") if key in about]
    return f"{name} ({', '.join(numbers)})" if numbers else name


def ratios(case: dict[str, Any]) -> dict[str, Any]:
    """Return what travels between machines: over NumPy, over the best peer, share of the limit.

    All from the least times.  The best peer is the fastest row that is neither ours nor the
    NumPy twin.
    """
    rows = case["rows"]
    if FASTML not in rows:
        return {}
    ours = rows[FASTML]["min"]
    found: dict[str, Any] = {}
    if NUMPY in rows:
        found["over_numpy"] = _rounded(rows[NUMPY]["min"] / ours)
    peers = {
        name: row["min"]
        for name, row in rows.items()
        if name != NUMPY and not name.startswith(FASTML)
    }
    if peers:
        best = min(peers, key=peers.__getitem__)
        found["best_peer"] = best
        found["over_best_peer"] = _rounded(peers[best] / ours)
    if case.get("limit"):
        found["share"] = _rounded(case["limit"] / ours)
    return found


def path_of(result: Result) -> Path:
    """Return where a result is kept: by processor, then by commit."""
    cpu = re.sub(r"[^a-z0-9]+", "-", result["machine"]["cpu"].lower()).strip("-")
    threads = int(result["limits"]["all"]["threads"])
    return HISTORY / f"{cpu}-{threads}-threads" / f"{result['commit']}.json"


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


def newest() -> Result | None:
    """Return the newest stored result, or None where nothing has been measured."""
    found = history()
    return found[-1] if found else None
