"""Turns a result into bench/RESULTS.md, the plots and the README's table: no hand edits."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import plots, results, targets
from .case import FASTML, NUMPY
from .groups.cold_start import EMPTY, FLOOR, WARM
from .results import ROOT, Result

RESULTS = ROOT / "bench" / "RESULTS.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
_PREFACE = (
    "Written by `make bench`; the methods are in [README.md](README.md). Times are the least of "
    "all rounds; a bold ratio is a loss. *Missing*: the package, or the name in fastml, was not "
    "there; *left out*: it would take minutes. *Share of limit*: the least time the machine "
    "could do the work in, over ours. "
    "¹: on one thread, where the peer is faster than on all."
)
#: Within this share of a tie neither side is called the faster.
TIE = 0.03

#: Seconds over their floor a fresh process may take, by case and state of the cache; the last
#: from the start of the process.
TARGETS = {
    ("import fastml", WARM): 0.05,
    ("first KMeans.fit", WARM): 0.5,
    ("first MLPClassifier.fit", WARM): 0.5,
    ("first KMeans.fit", EMPTY): 6.0,
    ("first MLPClassifier.fit", EMPTY): 6.0,
}


def duration(seconds: float) -> str:
    """Return a time with three digits and its unit.

    >>> duration(0.0012345), duration(12.34), duration(5.678e-7)
    ('1.23 ms', '12.3 s', '568 ns')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size * 0.9995:
            return f"{_digits(seconds / size)} {unit}"
    return f"{_digits(seconds / 1e-9)} ns"


def _digits(number: float) -> str:
    if number >= 100:
        return f"{number:.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def ratio(number: float | None) -> str:
    """Return a speed-up with two digits or more, a loss in bold."""
    if number is None:
        return "—"
    text = f"{_digits(number) if number >= 10 else f'{number:.2g}'}×"
    return f"**{text}**" if number < 1 - TIE else text


def share(number: float | None) -> str:
    """Return a share of the limit in per cent."""
    return "—" if number is None else f"{100 * number:.0f} %"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Return a Markdown table, numbers to the right."""
    head = list(head)
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def _cell(case: dict[str, Any], row: str) -> str:
    if row in case["wrong"]:
        return "**wrong**"
    if row in case["rows"]:
        time = case["rows"][row]
        one = time["threads"] == 1 and not row.startswith(FASTML)
        return duration(time["min"]) + (" ¹" if one else "")
    if row in case["missing"]:
        return "missing" if _is_absent(case["missing"][row]) else "left out"
    return "—"


def _is_absent(reason: str) -> bool:
    """Say whether a row is missing for want of a package or a name, not because it is slow."""
    return reason.endswith(("is not installed", "does not exist"))


def _known_rows(cases: list[dict[str, Any]]) -> list[str]:
    """Return the names of rows in the order of their appearance, NumPy and fastml first."""
    names: dict[str, None] = {NUMPY: None, FASTML: None}
    for case in cases:
        names.update(dict.fromkeys([*case["rows"], *case["missing"], *case["wrong"]]))
    return [
        name
        for name in names
        if any(name in case[key] for case in cases for key in ("rows", "missing", "wrong"))
    ]


def _groups(result: Result) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for case in result["cases"]:
        found.setdefault(case["group"], []).append(case)
    return found


def _group_table(cases: list[dict[str, Any]]) -> list[str]:
    rows = _known_rows(cases)
    head = ["", *rows, "fastml, median", "over NumPy", "over best peer", "share of limit"]
    lines = []
    for case in cases:
        median = case["rows"].get(FASTML, {}).get("median")
        over_best = ratio(case.get("over_best_peer"))
        if "best_peer" in case:
            over_best += f" {case['best_peer']}"
        lines.append(
            [
                case["name"],
                *(_cell(case, row) for row in rows),
                "—" if median is None else duration(median),
                ratio(case.get("over_numpy")),
                over_best,
                share(case.get("share")),
            ]
        )
    return table(head, lines)


def _optimizer_table(cases: list[dict[str, Any]]) -> list[str]:
    lines = []
    for case in cases:
        for name, row in case["rows"].items():
            extra = row["min"] / case["rows"][FASTML]["min"] - 1
            label = "plain descent" if name == FASTML else name.partition(", ")[2]
            lines.append([case["name"], label, duration(row["min"]), f"{100 * extra:+.0f} %"])
    return table(["", "optimiser", "an epoch", "over plain descent"], lines)


def _cold_start_table(cases: list[dict[str, Any]]) -> list[str]:
    lines = []
    for case in cases:
        floor = case["rows"].get(FLOOR, {}).get("median", math.nan)
        for name, row in case["rows"].items():
            target = TARGETS.get((case["name"], name))
            over = row["median"] - (0 if name == EMPTY else floor)
            verdict = "—"
            if target is not None:
                kept = "kept" if over <= target else f"**missed** by {duration(over - target)}"
                verdict = f"{duration(target)}: {kept}"
            over_floor = "—" if name == FLOOR else duration(max(row["median"] - floor, 0.0))
            lines.append([case["name"], name, duration(row["median"]), over_floor, verdict])
        lines += [[case["name"], name, "missing", "—", "—"] for name in case["missing"]]
    return table(["", "process", "median", "over the floor", "target"], lines)


def _memory_table(entries: list[dict[str, Any]]) -> list[str]:
    lines = []
    for entry in entries:
        if "missing" in entry:
            lines.append([entry["fit"], entry["library"], "missing", "—", "—"])
            continue
        lines.append(
            [
                entry["fit"],
                entry["library"],
                f"{entry['data'] / 1e6:.0f} MB",
                f"{entry['extra'] / 1e6:.1f} MB",
                f"{entry['extra'] / entry['data']:.2f}",
            ]
        )
    return table(["", "library", "data", "on top of it", "ratio"], lines)


def _compile_table(entries: list[dict[str, Any]]) -> list[str]:
    total = sum(entry["seconds"] for entry in entries)
    llvm = sum(entry["llvm"] for entry in entries)
    lines = [
        [
            f"`{entry['kernel']}`",
            duration(entry["seconds"]),
            duration(entry["llvm"]),
            str(entry["times"]),
        ]
        for entry in entries[:20]
    ]
    lines.append([f"all {len(entries)}", duration(total), duration(llvm), "—"])
    return table(["kernel", "own time", "of it in LLVM", "specialisations"], lines)


def _score_table(entries: list[dict[str, Any]]) -> list[str]:
    lines = []
    for entry in entries:
        cells = [
            f"{entry[name]['mean']:.3f} ± {entry[name]['spread']:.3f}"
            if name in entry
            else "missing"
            for name in ("fastml", "scikit-learn")
        ]
        lines.append([entry["data"], entry["score"], *cells])
    return table(["", "score", "fastml", "scikit-learn"], lines)


def losses(result: Result) -> list[dict[str, Any]]:
    """Return the cases in which another row is faster than ours, the worst first."""

    def worst(case: dict[str, Any]) -> float:
        return min(case.get("over_numpy", math.inf), case.get("over_best_peer", math.inf))

    return sorted((case for case in result["cases"] if worst(case) < 1 - TIE), key=worst)


def _loss_lines(result: Result) -> list[str]:
    lines = []
    for case in losses(result):
        rivals = []
        if case.get("over_numpy", math.inf) < 1 - TIE:
            rivals.append(f"NumPy takes {share(case['over_numpy'])} of our time")
        if case.get("over_best_peer", math.inf) < 1 - TIE:
            rivals.append(f"{case['best_peer']} takes {share(case['over_best_peer'])} of our time")
        lines.append(f"- {case['group']}, {case['name']}: {', '.join(rivals)}.")
    return lines or ["- None in this run."]


def _target_lines(result: Result) -> list[str]:
    """Return a table of the targets, and below it what was tried for those that are missed."""
    rows, notes = [], {}
    for target, name, found in targets.verdicts(result):
        shares = target.rival == targets.LIMIT
        shown = share if shares else ratio
        kept = found >= target.wanted
        rival = target.rival if isinstance(target.rival, str) else target.rival[0]
        verdict = "kept"
        if not kept:
            verdict = f"**missed**: {100 * (1 - found / target.wanted):.0f} % short"
            if target.tried:
                notes.setdefault(target.tried, []).append(f"{target.group}, {name}")
        wanted = shown(target.wanted)
        rows.append(
            [f"{target.group}: {name}", f"{wanted} {rival}", shown(found).strip("*"), verdict]
        )
    lines = table(["", "target, at least", "reached", "verdict"], rows)
    for tried, names in notes.items():
        lines += ["", f"- {'; '.join(dict.fromkeys(names))}: {tried}"]
    return lines


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
    counts = [int(limits[key]["threads"]) for key in limits]
    head = ["limit", *(f"{count} thread{'s' * (count > 1)}" for count in counts)]
    rows = [
        [
            label,
            *(f"{limits[key][name] / 1e9:.1f} {unit}" for key in limits),
        ]
        for label, name, unit in (
            ("multiply-adds, float32", "flops float32", "GFLOP/s"),
            ("multiply-adds, float64", "flops float64", "GFLOP/s"),
            ("reading memory", "read", "GB/s"),
            ("copying memory, both ways", "copy", "GB/s"),
        )
    ]
    return [about, "", *table(head, rows)]


def results_markdown(result: Result) -> str:
    """Return bench/RESULTS.md."""
    lines = [
        "# Results",
        "",
        _PREFACE,
        "",
        "## Machine",
        "",
        *_machine_lines(result),
        "",
        "## Where another is faster",
        "",
        *_loss_lines(result),
        "",
        "![Speed-ups](plots/speedups.svg)",
        "",
        "![Roofline](plots/roofline.svg)",
    ]
    special = {"optimisers": _optimizer_table, "cold start": _cold_start_table}
    for group, cases in _groups(result).items():
        lines += ["", f"## {group.capitalize()}", ""]
        if group == "scaling":
            lines += ["![Scaling](plots/scaling.svg)", ""]
        lines += special.get(group, _group_table)(cases)
        for case in cases:
            lines += [f"\n{case['name']}: {row}: {text}." for row, text in case["remarks"].items()]
            lines += [
                f"\nWrong: {case['name']}: {row}: {why}" for row, why in case["wrong"].items()
            ]
    for title, key, make in (
        ("Memory", "memory", _memory_table),
        ("Compile time", "compiling", _compile_table),
        ("Held-out scores", "scores", _score_table),
    ):
        if result.get(key):
            lines += ["", f"## {title}", "", *make(result[key])]
    if result["size"] == "full" and targets.verdicts(result):
        lines += ["", "## Targets", "", *_target_lines(result)]
    if len(results.comparable(result)) > 1:
        lines += ["", "## Over time", "", "![Trend](plots/trend.svg)"]
    return "\n".join(lines) + "\n"


def readme_table(result: Result | None) -> str:
    """Return what stands between the README's markers."""
    if result is None:
        return "Nothing has been measured yet: run `make bench`."
    cases = [case for case in result["cases"] if case["headline"]]
    rows = []
    for case in cases:
        ours = case["rows"].get(FASTML)
        peer = case.get("best_peer")
        best = f"{duration(case['rows'][peer]['min'])} {peer}" if peer else "—"
        rows.append(
            [
                f"{case['group']}: {case['name'].removesuffix(', float32')}",
                _cell(case, NUMPY),
                best,
                duration(ours["min"]) if ours else _cell(case, FASTML),
                ratio(case.get("over_numpy")),
                ratio(case.get("over_best_peer")),
                share(case.get("share")),
            ]
        )
    machine = result["machine"]
    head = ["", "NumPy", "best peer", "fastml", "over NumPy", "over best peer", "share of limit"]
    lost = losses(result)
    count = sum(1 for case in result["cases"] if "over_best_peer" in case)
    about = (
        f"float32, {machine['cpu']}, {result['limits']['all']['threads']:.0f} threads, commit "
        f"`{result['commit']}`; the least time of interleaved rounds."
    )
    lines = [
        about,
        "",
        *table(head, rows),
        "",
        f"In {len(lost) or 'none'} of {count} cases measured against a peer another is faster"
        + (":" if lost else "."),
    ]
    if lost:
        lines += ["", *_loss_lines(result)]
    return "\n".join(lines)


def with_table(readme: str, measured: str) -> str:
    """Return the README with the table between its markers replaced."""
    before, found, rest = readme.partition(BEGIN)
    if not found or END not in rest:
        raise ValueError(f"README.md has no {BEGIN} ... {END}")
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{measured}\n\n{END}{after}"


def write(result: Result, folder: Path | None = None) -> None:
    """Write RESULTS.md and the plots, into bench/ unless told, and the README's table."""
    folder = folder or RESULTS.parent
    (folder / "plots").mkdir(parents=True, exist_ok=True)
    plots.draw(result, folder / "plots")
    (folder / "RESULTS.md").write_text(results_markdown(result), encoding="utf-8")
    if folder == RESULTS.parent:
        readme = README.read_text(encoding="utf-8")
        README.write_text(with_table(readme, readme_table(result)), encoding="utf-8")


if __name__ == "__main__":
    stored = results.newest()
    if stored is not None:
        write(stored)
