"""The README's table, and the short one a run ends with."""

from __future__ import annotations

from typing import Any

from ..cases.cold_start import EMPTY, FLOOR, WARM
from ..harness.case import FASTML, NUMPY
from ..harness.results import Result
from .losses import losses
from .tables import over_best
from .text import duration, ratio, share, table

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
#: What a reader meets first: one row of each of these kinds.
_KINDS = (
    "k-means fit",
    "logistic regression, fit",
    "decision tree, fit",
    "nearest neighbours",
    "one training epoch",
    "inference",
)
_HEAD = ["", "NumPy", "best peer", "fastml", "over NumPy", "over the best peer"]


def middle_cases(result: Result) -> list[dict[str, Any]]:
    """Return of each kind the headline case whose ratio over the best peer is the middle one.

    Nobody picks a row: the lower of two middle ones is taken.
    """
    chosen = []
    for kind in _KINDS:
        cases = [
            case
            for case in result["cases"]
            if case["group"] == kind and case["headline"] and "over_best_peer" in case
        ]
        if cases:
            chosen.append(sorted(cases, key=over_best_peer)[(len(cases) - 1) // 2])
    return chosen


def over_best_peer(case: dict[str, Any]) -> float:
    """Return how many times as fast as the best peer ours is."""
    return float(case["over_best_peer"])


def case_name(case: dict[str, Any]) -> str:
    """Return what was done, on how much."""
    return f"{case['group']}: {case['name'].removesuffix(', float32')}"


def readme_table(result: Result | None) -> str:
    """Return what stands between the README's markers."""
    if result is None:
        return "Nothing has been measured yet: run `make bench`."
    rows = []
    for case in middle_cases(result):
        peer = case["best_peer"]
        theirs, ours = case["rows"][peer]["min"], case["rows"][FASTML]["min"]
        plain = case["rows"].get(NUMPY)
        rows.append(
            [
                case_name(case),
                duration(plain["min"]) if plain else "—",
                f"{duration(theirs)} {peer}",
                duration(ours),
                ratio(case.get("over_numpy")),
                ratio(case["over_best_peer"]),
            ]
        )
    n_peers = sum("over_best_peer" in case for case in result["cases"])
    lines = [*table(_HEAD, rows), ""]
    if "note" in result:
        lines += [f"**{result['note']}**", ""]
    lines.append(
        f"float32, {result['machine']['cpu']}, {result['limits']['all']['threads']:.0f} threads, "
        f"commit `{result['commit']}`. Each row is the middle one of its kind, "
        f"by its ratio over the best peer; NumPy is written as a competent person writes it. "
        f"{_summary(len(losses(result)), n_peers)}{_first_call(result)}"
    )
    return "\n".join(lines)


def _summary(lost: int, peers: int) -> str:
    return (
        f"Of {peers} cases measured against a peer, and those against NumPy, another is faster in "
        f"{lost}: [bench/RESULTS.md](bench/RESULTS.md) has all of them, these first."
    )


def _first_call(result: Result) -> str:
    """Return what the first call of a fit costs, compiling included."""
    times = [
        (
            case["name"].removeprefix("first "),
            case["rows"][EMPTY]["median"],
            case["rows"][WARM]["median"] - case["rows"][FLOOR]["median"],
        )
        for case in result["cases"]
        if case["group"] == "cold start" and {FLOOR, WARM, EMPTY} <= case["rows"].keys()
    ]
    said = [
        f"the first `{name}` of a machine, compiling included, {duration(cold)}; the first "
        f"of a later process, {duration(warm) if warm > 0 else 'none seen'} beyond its imports"
        for name, cold, warm in times
    ]
    return f" Not in these times: {'; '.join(said)}." if said else ""


def with_table(readme: str, measured: str) -> str:
    """Return the README with the table between its markers replaced."""
    before, found, rest = readme.partition(BEGIN)
    if not found or END not in rest:
        raise ValueError(f"README.md has no {BEGIN} ... {END}")
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{measured}\n\n{END}{after}"


def brief(result: Result) -> list[str]:
    """Return a table of the ratios alone."""
    return table(
        ["", "over NumPy", "over best peer", "share of limit"],
        [
            [
                f"{case['group']}: {case['name']}",
                ratio(case.get("over_numpy")),
                over_best(case),
                share(case.get("share")),
            ]
            for case in result["cases"]
            if case["group"] not in ("scaling", "cold start", "optimisers")
        ],
    )
