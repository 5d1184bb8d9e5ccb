"""The tables of a result: one for the cases of a group, and those of what is no case."""

from __future__ import annotations

import math
from typing import Any

from ..cases.cold_start import EMPTY, FLOOR, WARM
from ..harness.case import FASTML, NUMPY
from .text import count, duration, ratio, share, table

#: Seconds over their floor a fresh process may take, by case and state of the cache; the last
#: from the start of the process.
COLD_TARGETS = {
    ("import fastml", WARM): 0.05,
    ("first KMeans.fit", WARM): 0.5,
    ("first MLPClassifier.fit", WARM): 0.5,
    ("first KMeans.fit", EMPTY): 6.0,
    ("first MLPClassifier.fit", EMPTY): 6.0,
}


def cell(case: dict[str, Any], row: str, *, median: bool = True) -> str:
    """Return what stands in a row's column: least and median, or why there are none."""
    if row in case["wrong"]:
        return "**wrong**"
    if row in case["rows"]:
        time = case["rows"][row]
        one = time["threads"] == 1 and not row.startswith(FASTML)
        both = f" ({duration(time['median'])})" if median else ""
        return duration(time["min"]) + both + (" ¹" if one else "")
    return "missing" if row in case["missing"] else "—"


def _known_rows(cases: list[dict[str, Any]]) -> list[str]:
    """Return the names of rows in the order of their appearance, NumPy and fastml first."""
    names: dict[str, None] = {NUMPY: None, FASTML: None}
    for case in cases:
        for key in ("rows", "missing", "wrong"):
            names.update(dict.fromkeys(case[key]))
    return [
        name
        for name in names
        if any(name in case[key] for case in cases for key in ("rows", "missing", "wrong"))
    ]


def _rounds(case: dict[str, Any]) -> str:
    found = sorted({row["rounds"] for row in case["rows"].values()})
    return "—" if not found else " to ".join(str(r) for r in dict.fromkeys((found[0], found[-1])))


def _over_reference(case: dict[str, Any]) -> str:
    if "over_reference" not in case:
        return "—"
    tracked = f" ({count(case['reference']['n'])})" if case.get("reference") else ""
    return ratio(case["over_reference"]) + tracked


def over_best(case: dict[str, Any]) -> str:
    """Return the ratio over the best peer and its name."""
    return f"{ratio(case.get('over_best_peer'))} {case.get('best_peer', '')}".rstrip()


def group_table(cases: list[dict[str, Any]]) -> list[str]:
    """Return the table of a group: every row's times, then the ratios."""
    rows = _known_rows(cases)
    columns: dict[str, Any] = {
        "rounds": _rounds,
        "over NumPy": lambda case: ratio(case.get("over_numpy")),
        "over best peer": over_best,
        "over the reference, tracked (at rows)": _over_reference,
    }
    if any("over_plain" in case for case in cases):
        columns["comparisons saved over plain Lloyd"] = lambda case: share(case.get("saved"))
        columns["over plain Lloyd at the limit"] = lambda case: ratio(case.get("over_plain"))
    else:
        columns["share of limit"] = lambda case: share(case.get("share"))
    if not any("over_reference" in case for case in cases):
        del columns["over the reference, tracked (at rows)"]
    lines = [
        [
            case["name"],
            *(cell(case, row) for row in rows),
            *(make(case) for make in columns.values()),
        ]
        for case in cases
    ]
    return table(["", *rows, *columns], lines)


def optimizer_table(cases: list[dict[str, Any]]) -> list[str]:
    """Return what each optimiser costs over plain descent."""
    lines = []
    for case in cases:
        for name, row in case["rows"].items():
            extra = row["min"] / case["rows"][FASTML]["min"] - 1
            label = "plain descent" if name == FASTML else name.partition(", ")[2]
            lines.append([case["name"], label, cell(case, name), f"{100 * extra:+.0f} %"])
    return table(["", "optimiser", "an epoch", "over plain descent"], lines)


def cold_start_table(cases: list[dict[str, Any]]) -> list[str]:
    """Return what a fresh process takes over what nobody is spared."""
    lines = []
    for case in cases:
        floor = case["rows"].get(FLOOR, {}).get("median", math.nan)
        for name, row in case["rows"].items():
            target = COLD_TARGETS.get((case["name"], name))
            over = row["median"] - (0 if name == EMPTY else floor)
            verdict = "—"
            if target is not None:
                kept = "kept" if over <= target else f"**missed** by {duration(over - target)}"
                verdict = f"{duration(target)}: {kept}"
            beyond = row["median"] - floor
            over_floor = "—" if name == FLOOR else duration(beyond) if beyond > 0 else "none seen"
            lines.append([case["name"], name, duration(row["median"]), over_floor, verdict])
        for key, said in (("missing", "missing"), ("wrong", "**wrong**")):
            lines += [[case["name"], name, said, "—", "—"] for name in case[key]]
    return table(["", "process", "median", "over the floor", "target"], lines)


def memory_table(entries: list[dict[str, Any]]) -> list[str]:
    """Return the peak of each fit."""
    lines = []
    for entry in entries:
        if "missing" in entry:
            lines.append([entry["fit"], entry["library"], "missing", "—", "—", "—"])
            continue
        lines.append(
            [
                entry["fit"],
                entry["library"],
                f"{entry['data'] / 1e6:.0f} MB",
                f"{entry['extra'] / 1e6:.1f} MB",
                f"{entry['extra'] / entry['data']:.2f}",
                f"{entry['told'] / 1e6:.1f} MB" if "told" in entry else "—",
            ]
        )
    head = ["", "library", "data", "on top of it", "ratio", "told before"]
    some = len(head) if any("told" in entry for entry in entries) else len(head) - 1
    return table(head[:some], [line[:some] for line in lines])


def compile_table(entries: list[dict[str, Any]]) -> list[str]:
    """Return the slowest kernels to compile."""
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


def score_table(entries: list[dict[str, Any]]) -> list[str]:
    """Return held-out scores."""
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


def phase_table(entries: list[dict[str, Any]]) -> list[str]:
    """Return what share of an epoch each of its phases takes, on one thread."""
    names = list(entries[0]["phases"])
    lines = []
    for entry in entries:
        shares = [entry["phases"][name] / entry["whole"] for name in names]
        cells = [f"{100 * share:.0f} %" for share in [*shares, max(0.0, 1.0 - sum(shares))]]
        a_row = f"{1e9 * entry['whole'] / entry['rows']:.0f} ns"
        lines.append([entry["network"], a_row, *cells])
    return table(["one thread", "a row", *names, "the rest"], lines)
