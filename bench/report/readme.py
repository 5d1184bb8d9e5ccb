"""The README's table, and the short one a run ends with."""

from __future__ import annotations

from ..harness.case import FASTML, NUMPY
from ..harness.results import Result
from .losses import loss_lines, losses
from .tables import cell, over_best
from .text import duration, ratio, share, table

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
_HEAD = ["", "NumPy", "best peer", "fastml", "over NumPy", "over best peer", "share of limit"]


def readme_table(result: Result | None) -> str:
    """Return what stands between the README's markers."""
    if result is None:
        return "Nothing has been measured yet: run `make bench`."
    rows = []
    for case in result["cases"]:
        if not case["headline"]:
            continue
        ours = case["rows"].get(FASTML)
        peer = case.get("best_peer")
        rows.append(
            [
                f"{case['group']}: {case['name'].removesuffix(', float32')}",
                cell(case, NUMPY, median=False),
                f"{duration(case['rows'][peer]['min'])} {peer}" if peer else "—",
                duration(ours["min"]) if ours else cell(case, FASTML),
                ratio(case.get("over_numpy")),
                ratio(case.get("over_best_peer")),
                share(case.get("share")),
            ]
        )
    machine = result["machine"]
    lost = losses(result)
    numbers = [
        sum(key in case for case in result["cases"]) for key in ("over_best_peer", "over_numpy")
    ]
    about = (
        f"float32, {machine['cpu']}, {result['limits']['all']['threads']:.0f} threads, commit "
        f"`{result['commit']}`; the least time of interleaved rounds, the same number for every "
        "library. *NumPy* is written as a competent person writes it: in place, in blocks, BLAS "
        "where it fits. A bold ratio is a loss."
    )
    lines = [about, ""]
    if "note" in result:
        lines += [f"**{result['note']}**", ""]
    lines += table(_HEAD, rows)
    lines += ["", _summary(len(lost), *numbers)]
    if lost:
        lines += ["", *loss_lines(result)]
    return "\n".join(lines)


def _summary(lost: int, peers: int, numpy: int) -> str:
    measured = f"Measured against a peer in {peers} cases and against NumPy in {numpy}"
    if not lost:
        return f"{measured}; in none of them another is faster."
    return f"{measured}; in {lost} another is faster:"


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
