"""The targets, and what was tried where they are missed."""

from __future__ import annotations

from .. import cases
from ..harness import targets
from ..harness.results import Result
from ..harness.targets import Target
from .text import ratio, share, table


def target_lines(result: Result, wanted: list[Target] | None = None) -> list[str]:
    """Return a table of the targets, and below it what was tried for those that are missed."""
    rows = []
    notes: dict[str, list[str]] = {}
    every = cases.collected("TARGETS") if wanted is None else wanted
    for target, case, found in targets.verdicts(result, every):
        shares = target.rival == targets.LIMIT
        shown = share if shares else ratio
        rival = target.rival if isinstance(target.rival, str) else target.rival[0]
        verdict = "kept"
        if found < target.wanted:
            verdict = f"**missed**: {100 * (1 - found / target.wanted):.0f} % short"
            best = None if shares else targets.possible(found, case)
            if best is not None and best < target.wanted:
                verdict += f"; at the machine's limit it would be {ratio(best).strip('*')}"
            if target.tried:
                notes.setdefault(target.tried, []).append(f"{target.group}, {case['name']}")
        aim = f"{shown(target.wanted)} {rival}"
        rows.append([f"{target.group}: {case['name']}", aim, shown(found).strip("*"), verdict])
    if not rows:
        return []
    lines = table(["", "target, at least", "reached", "verdict"], rows)
    for tried, names in notes.items():
        lines += ["", f"- {'; '.join(dict.fromkeys(names))}: {tried}"]
    return lines
