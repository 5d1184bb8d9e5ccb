"""Where another is faster."""

from __future__ import annotations

import math
from typing import Any

from ..harness.results import Result
from .text import TIE, share


def losses(result: Result) -> list[dict[str, Any]]:
    """Return the cases in which another row is faster than ours, the worst first."""

    def worst(case: dict[str, Any]) -> float:
        return min(case.get("over_numpy", math.inf), case.get("over_best_peer", math.inf))

    return sorted((case for case in result["cases"] if worst(case) < 1 - TIE), key=worst)


def loss_lines(result: Result) -> list[str]:
    """Return a line for each."""
    lines = []
    for case in losses(result):
        rivals = []
        if case.get("over_numpy", math.inf) < 1 - TIE:
            rivals.append(f"NumPy takes {share(case['over_numpy'])} of our time")
        if case.get("over_best_peer", math.inf) < 1 - TIE:
            rivals.append(f"{case['best_peer']} takes {share(case['over_best_peer'])} of our time")
        lines.append(f"- {case['group']}, {case['name']}: {', '.join(rivals)}.")
    return lines or ["- None in this run."]
