"""What the project aims at, beside what a result says; and what was tried where it falls short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .case import FASTML
from .results import Result

#: Both rows are torch to whoever picks it.
TORCH = ("torch", "torch compiled")
SKLEARN = ("scikit-learn", "scikit-learn, Elkan")
#: Of shapes drawn by lot: ours may take so much more time than the best peer before one is lost.
WON = 0.97
LIMIT, BEST = "of the limit", "the best peer"


@dataclass(frozen=True)
class Target:
    """At least so many times as fast as a rival, or such a share of the machine's limit.

    group, case : the group, and how the names of the cases begin
    rival : rows of which the fastest counts, BEST or LIMIT
    wanted : the ratio, or the share
    tried : what is known about a miss
    slowest : whether the slowest of the rows counts instead: what together takes that long
    """

    group: str
    case: str
    rival: str | tuple[str, ...]
    wanted: float
    tried: str = ""
    slowest: bool = False


@dataclass(frozen=True)
class Account:
    """Why rows stay under the machine's limit.

    group, case : the group, and how the names of the cases begin
    why : where the rest of the time goes, as measured
    """

    group: str
    case: str
    why: str


@dataclass(frozen=True)
class Loss:
    """Why some of the shapes drawn by lot are lost.

    kind : of the shapes
    why : where our time goes there, as measured
    """

    kind: str
    why: str


def reached(target: Target, case: dict[str, Any]) -> float | None:
    """Return the ratio or share a case came to, or None if it says nothing about it."""
    rows = case["rows"]
    if FASTML not in rows:
        return None
    if target.rival == LIMIT:
        return case.get("share")
    if target.rival == BEST:
        return case.get("over_best_peer")
    rivals = [rows[name]["min"] for name in target.rival if name in rows]
    chosen = max if target.slowest else min
    return chosen(rivals) / float(rows[FASTML]["min"]) if rivals else None


def possible(found: float, case: dict[str, Any]) -> float | None:
    """Return the ratio over a rival that our row would have at the machine's limit."""
    return found / case["share"] if case.get("share") else None


def verdicts(result: Result, targets: list[Target]) -> list[tuple[Target, dict[str, Any], float]]:
    """Return (target, case, what it came to) of all targets the result measures."""
    return [
        (target, case, found)
        for target in targets
        for case in result["cases"]
        if case["group"] == target.group and case["name"].startswith(target.case)
        if (found := reached(target, case)) is not None
    ]
