"""The targets, and what was tried where they are missed."""

from __future__ import annotations

from typing import Any

from .. import cases
from ..harness import targets
from ..harness.case import FASTML
from ..harness.results import Result
from ..harness.targets import Account, Target
from ..machine.limits import ARITHMETIC, MEMORY
from .text import ratio, share, table

#: Shares of the limit from which on nothing has to be explained, by what binds the work.
_ENOUGH = {ARITHMETIC: 0.85, MEMORY: 0.65}


def target_lines(result: Result, wanted: list[Target] | None = None) -> list[str]:
    """Return a table of the targets, and below it what was tried for those that are missed."""
    rows: list[list[str]] = []
    n_kept = 0
    notes: dict[str, list[str]] = {}
    every = cases.collected("TARGETS") if wanted is None else wanted
    for target, case, found in targets.verdicts(result, every):
        shares = target.rival == targets.LIMIT
        shown = share if shares else ratio
        rival = target.rival if isinstance(target.rival, str) else target.rival[0]
        if target.slowest:
            rival = f"the longer of: {'; '.join(target.rival)}"
        verdict = "kept"
        n_kept += found >= target.wanted
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
    lines = [f"{n_kept} of {len(rows)} are kept.", ""]
    lines += table(["", "target, at least", "reached", "verdict"], rows)
    for tried, names in notes.items():
        lines += ["", f"- {'; '.join(dict.fromkeys(names))}: {tried}"]
    return lines


def account_lines(result: Result, known: list[Account | Target] | None = None) -> list[str]:
    """Return a table of the cases under the limit, and where their time goes."""
    if known is None:
        known = [*cases.collected("ACCOUNTS"), *cases.collected("TARGETS")]
    under = [
        case
        for case in result["cases"]
        if case["group"] != "scaling"
        if case.get("share", 1.0) < _ENOUGH.get(case.get("bound", ""), 0.0)
    ]
    if not under:
        return []
    measured = any(case.get("account") for case in under)
    head = ["", "bound by", "share of limit"]
    head += ["fixed", "computing", "waiting"] if measured else []
    rows = []
    for case in under:
        about = [f"{case['group']}: {case['name']}", case["bound"], share(case["share"])]
        rows.append([*about, *(_parts(case) if measured else []), _why(case, known)])
    return table([*head, "what is known"], rows)


def _parts(case: dict[str, Any]) -> list[str]:
    """Return the shares of our time that are fixed, computing and waiting, or dashes."""
    if not (account := case.get("account")):
        return ["—"] * 3
    total = case["rows"][FASTML]["min"]
    parts = [account["fixed"] / total, account["computing"] / total]
    return [share(part) for part in (*parts, max(1.0 - sum(parts), 0.0))]


def _why(case: dict[str, Any], known: list[Account | Target]) -> str:
    """Return what is known about a case that stays under the limit; a dash if nothing is."""
    said = [
        entry.why if isinstance(entry, Account) else entry.tried
        for entry in known
        if isinstance(entry, Account) or entry.rival == targets.LIMIT
        if entry.group == case["group"] and case["name"].startswith(entry.case)
    ]
    return " ".join(dict.fromkeys(said)).strip() or "—"
