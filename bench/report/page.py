"""bench/RESULTS.md: all of a result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..cases import collected
from ..harness import results
from ..harness.results import ROOT, Result
from . import pictures, tables
from .curves import FEWEST_RESULTS
from .losses import loss_lines
from .lots import lot_lines
from .readme import readme_table, with_table
from .targets import account_lines, target_lines
from .text import table

RESULTS = ROOT / "bench" / "RESULTS.md"
README = ROOT / "README.md"
_PREFACE = (
    "Written by `make bench`; the methods are in [README.md](README.md). Times are the least of "
    "all rounds, the median in brackets; all rows of a case have the same number of rounds. A "
    "bold ratio is a loss. *NumPy* is written as a competent person writes it: in place, in "
    "blocks, BLAS where it fits. *Missing*: the package, or the name in fastml, was not there. "
    "*Over the reference* is the speed-up over `fastml.reference`, which is written to be read, "
    "both on so many rows as stand in brackets. *Share of limit*: the least time the machine "
    "could do the work in, over ours. ¹: on one thread, where the peer is faster than on all."
)
_SPECIAL = {"optimisers": tables.optimizer_table, "cold start": tables.cold_start_table}
_LIMITS = (
    ("multiply-adds", "flops", "GFLOP/s"),
    ("exponentials", "exponentials", "G/s"),
    ("divisions", "divisions", "G/s"),
)


#: Of races on a processor that is not the page's.
_ELSEWHERE = "Why shapes are lost was found on the processor above; here are the races alone."


def _limit_table(limits: dict[str, dict[str, float]]) -> list[str]:
    counts = [int(limits[key]["threads"]) for key in limits]
    head = ["limit", *(f"{count} thread{'s' * (count > 1)}" for count in counts)]
    kinds = [
        (f"{label}, {dtype}", f"{name} {dtype}", unit)
        for label, name, unit in _LIMITS
        for dtype in ("float32", "float64")
    ]
    kinds += [("reading memory", "read", "GB/s"), ("copying memory, both ways", "copy", "GB/s")]
    rows = [
        [label, *(f"{limits[key][name] / 1e9:.1f} {unit}" for key in limits)]
        for label, name, unit in kinds
        if name in limits["all"]
    ]
    return table(head, rows)


def _library_table(libraries: list[dict[str, Any]]) -> list[str]:
    rows = [
        [
            library["owner"],
            f"{library['library']} {library['version'] or ''}".rstrip(),
            library["architecture"] or "—",
            str(library["threads"]),
        ]
        for library in libraries
    ]
    return table(["brought by", "library", "kernels for", "threads at most"], rows)


def _machine_lines(result: Result) -> list[str]:
    machine, limits = result["machine"], result["limits"]
    versions = ", ".join(
        f"{name} {version or '(not installed)'}" for name, version in result["versions"].items()
    )
    about = (
        f"{machine['cpu']}, {limits['all']['threads']:.0f} threads, {machine['system']}, "
        f"Python {machine['python']}; {versions}. Commit `{result['commit']}`, "
        f"{result['time'][:10]}, size {result['size']}."
    )
    lines = [about, "", *_limit_table(limits)]
    if cores := result.get("cores"):
        said = (
            f"Of {cores['turns']:,} turns of the cases {cores['shared']:,} began while threads "
            "took from each other, as where two processors are one core of the host; it waited "
            f"{cores['waited']:.0f} s for better moments."
        )
        lines += ["", said]
    if result.get("libraries"):
        lines += ["", *_library_table(result["libraries"])]
    return lines


def _case_lines(case: dict[str, Any]) -> list[str]:
    """Return what a table has no column for."""
    lines = []
    if case.get("iterations"):
        said = ", ".join(f"{row} {number}" for row, number in case["iterations"].items())
        lines.append(f"\n{case['name']}: iterations: {said}.")
    lines += [f"\n{case['name']}: {row}: {text}." for row, text in case["remarks"].items()]
    lines += [f"\nWrong: {case['name']}: {row}: {why}" for row, why in case["wrong"].items()]
    return lines


def _groups(result: Result) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for case in result["cases"]:
        found.setdefault(case["group"], []).append(case)
    return found


def results_markdown(result: Result) -> str:
    """Return bench/RESULTS.md."""
    lines = ["# Results", "", _PREFACE]
    if "note" in result:
        lines += ["", f"**{result['note']}**"]
    lines += ["", "## Machine", "", *_machine_lines(result)]
    lines += ["", "## Where another is faster", "", *loss_lines(result)]
    lines += ["", "![Speed-ups](plots/speedups.svg)", "", "![Roofline](plots/roofline.svg)"]
    for group, cases in _groups(result).items():
        lines += ["", f"## {group.capitalize()}", ""]
        if group == "scaling":
            lines += ["![Scaling](plots/scaling.svg)", ""]
        lines += _SPECIAL.get(group, tables.group_table)(cases)
        for case in cases:
            lines += _case_lines(case)
    for title, key, make in (
        ("Phases of an epoch", "phases", tables.phase_table),
        ("Memory", "memory", tables.memory_table),
        ("Compile time", "compiling", tables.compile_table),
        ("Held-out scores", "scores", tables.score_table),
    ):
        if result.get(key):
            lines += ["", f"## {title}", "", *make(result[key])]
    if result["size"] == "full" and (verdicts := target_lines(result)):
        lines += ["", "## Targets", "", *verdicts]
    if result["size"] == "full" and (accounts := account_lines(result)):
        lines += ["", "## Under the machine's limit", "", *accounts]
    if result["size"] == "full" and (lots := lot_lines(results.grids(result))):
        lines += ["", "## Shapes drawn by lot", "", *lots]
        for cpu, grids in results.grids_elsewhere(result).items():
            lines += ["", f"### Drawn by lot, on {cpu}", "", _ELSEWHERE, ""]
            lines += lot_lines(grids, known=[])
    if result["size"] == "full":
        lines += _large_lines(results.newest_large(result))
    if len(results.comparable(result)) >= FEWEST_RESULTS:
        lines += ["", "## Over time", "", "![Trend](plots/trend.svg)"]
    if families := pictures.family_pictures(result):
        lines += ["", "## Every case that has a rival, in pictures"]
        for name, cases in families.items():
            said = ", ".join(dict.fromkeys(case["group"] for case in cases))
            lines += ["", f"![Speed-ups: {said}](plots/{name}.svg)"]
    return "\n".join(lines) + "\n"


def _large_lines(result: Result | None) -> list[str]:
    """Return what was measured at the large size."""
    if result is None:
        return []
    about = (
        "Written by `make bench-large`: of a peer that takes a second or more one call, of others "
        f"and of ours the least of two. Commit `{result['commit']}`, {result['time'][:10]}."
    )
    lines = ["", "## Large tables", "", about]
    for group, cases in _groups(result).items():
        lines += ["", f"### {group.capitalize()}, large", "", *tables.group_table(cases)]
        for case in cases:
            lines += _case_lines(case)
    if result.get("memory"):
        lines += ["", "### Memory, large", "", *tables.memory_table(result["memory"])]
    if verdicts := target_lines(result, collected("LARGE_TARGETS")):
        lines += ["", "### Targets, large", "", *verdicts]
    return lines


def write(result: Result, folder: Path | None = None) -> None:
    """Write RESULTS.md and the plots, into bench/ unless told, and the README's table."""
    folder = folder or RESULTS.parent
    (folder / "plots").mkdir(parents=True, exist_ok=True)
    pictures.draw(result, folder / "plots")
    (folder / "RESULTS.md").write_text(results_markdown(result), encoding="utf-8")
    if folder == RESULTS.parent:
        readme = README.read_text(encoding="utf-8")
        README.write_text(with_table(readme, readme_table(result)), encoding="utf-8")
