"""Pictures with axes of numbers: the roofline, how cost grows, and the ratios over time."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

from ..harness import results
from ..harness.case import FASTML
from ..harness.results import Result
from .style import COLORS, entitle, figure_of, plain_ticks, save, short

#: Two results make no trend.
FEWEST_RESULTS = 3
_MARKERS = "osD^v<>ph"

#: Work of less than this at the machine's limit is left out of the roofline.
_LEAST_SECONDS = 1e-5


def under_the_roof(result: Result, dtype: str) -> list[dict[str, Any]]:
    """Return the cases a roofline of one type can show.

    Those whose arrays stay in a cache may be faster than memory, bounds may spare most of what a
    plain algorithm computes, and a row alone is all call: the roof says nothing about them.
    """
    limits = result["limits"]["all"]
    found = []
    for case in result["cases"]:
        if not (case.get("flops") and case.get("bytes") and case.get("limit")):
            continue
        if case["dtype"] != dtype or FASTML not in case["rows"] or case["group"] == "scaling":
            continue
        if case["limit"] < _LEAST_SECONDS:
            continue
        memory = limits["read"] * case["flops"] / case["bytes"]
        if _speed(case) <= min(limits[f"flops {dtype}"], memory) / 1e9:
            found.append(case)
    return found


def _speed(case: dict[str, Any]) -> float:
    """Return the arithmetic our row does, in GFLOP/s."""
    return float(case["flops"] / case["rows"][FASTML]["min"] / 1e9)


def roofline(result: Result, path: Path) -> None:
    """Draw arithmetic over bytes against speed, under the machine's roofs."""
    shown = {dtype: under_the_roof(result, dtype) for dtype in ("float32", "float64")}
    shown = {dtype: cases for dtype, cases in shown.items() if cases}
    if not shown:
        return
    figure = figure_of(5 * len(shown) + 2, 4.2)
    limits = result["limits"]["all"]
    groups = list(dict.fromkeys(case["group"] for cases in shown.values() for case in cases))
    handles = {}
    grid = figure.subplots(1, len(shown), squeeze=False)[0]
    for axes, (dtype, cases) in zip(grid, shown.items(), strict=True):
        peak = limits[f"flops {dtype}"]
        intensities = [case["flops"] / case["bytes"] for case in cases]
        ends = [min(0.1, *intensities), peak / limits["read"], max(1000.0, *intensities)]
        roof = [min(peak, limits["read"] * x) / 1e9 for x in ends]
        axes.plot(ends, roof, color="black", linewidth=1)
        for case, intensity in zip(cases, intensities, strict=True):
            i = groups.index(case["group"])
            marker, color = _MARKERS[i % len(_MARKERS)], f"C{i % 10}"
            (handles[case["group"]],) = axes.plot(
                intensity, _speed(case), marker, color=color, markersize=5
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(top=2 * peak / 1e9)
        plain_ticks(axes.xaxis)
        plain_ticks(axes.yaxis)
        axes.set_xlabel("operations a byte")
        axes.set_title(
            f"{dtype}: at most {peak / 1e9:.0f} GFLOP/s and {limits['read'] / 1e9:.0f} GB/s",
            fontsize=9,
        )
    grid[0].set_ylabel("GFLOP/s")
    figure.legend(
        [handles[group] for group in groups], groups, loc="outside right center", fontsize=8
    )
    said = "How near the machine's limits (without work that stays in a cache)"
    entitle(figure, result, said)
    save(figure, path)


Curve = dict[str, list[tuple[float, float]]]


def scaling(result: Result, path: Path) -> None:
    """Draw time against each axis, both logarithmic: a row of panels for each kind of work."""
    panels: dict[str, dict[str, Curve]] = {}
    for case in result["cases"]:
        if "scaling" in case:
            work, axis, value = case["scaling"]
            curve = panels.setdefault(work, {}).setdefault(axis, {})
            for row, time in case["rows"].items():
                curve.setdefault(row, []).append((value, time["min"] * 1e3))
    if not panels:
        return
    columns = max(map(len, panels.values()))
    figure = figure_of(2.7 * columns, 2.6 * len(panels) + 0.7)
    rows = figure.subfigures(len(panels), 1, squeeze=False).ravel()
    handles: dict[str, Any] = {}
    for row, (work, axes_of) in zip(rows, panels.items(), strict=True):
        # As many places as the longest row has: panels are of one width, none is empty.
        grid = row.add_gridspec(1, columns)
        for column, (axis, curve) in enumerate(axes_of.items()):
            axes = row.add_subplot(grid[0, column])
            handles |= _panel(axes, axis, curve)
            if not column:
                axes.set_ylabel("ms")
        row.suptitle(work, fontsize=10)
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=len(handles))
    entitle(figure, result, "How time grows")
    save(figure, path)


def _panel(axes: Any, axis: str, curve: Curve) -> dict[str, Any]:
    """Draw one line a row; return them by their names."""
    handles = {}
    for row, points in curve.items():
        x, y = zip(*sorted(points), strict=True)
        (handles[row],) = axes.plot(x, y, marker=".", linewidth=1.2, color=COLORS.get(row))
    axes.set_xscale("log")
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, high / 10), max(high, low * 10))  # noise stays small
    values = sorted({value for points in curve.values() for value, _ in points})
    if len(values) <= 5:
        axes.set_xticks(values, [short(value) for value in values])
        axes.minorticks_off()
    else:
        plain_ticks(axes.xaxis)
    axes.tick_params(axis="x", labelsize=7)
    plain_ticks(axes.yaxis)
    axes.set_xlabel(axis)
    return handles


def trend(result: Result, path: Path) -> None:
    """Draw the geometric mean of the ratio over the best peer, a group a line, over results."""
    stored = results.comparable(result)
    groups: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for i, earlier in enumerate(stored):
        logs: dict[str, list[float]] = defaultdict(list)
        for case in earlier["cases"]:
            if "over_best_peer" in case and case["group"] != "scaling":
                logs[case["group"]].append(math.log(case["over_best_peer"]))
        for group, values in logs.items():
            groups[group].append((i, math.exp(sum(values) / len(values))))
    lines = {name: points for name, points in groups.items() if len(points) >= FEWEST_RESULTS}
    if not lines:
        path.unlink(missing_ok=True)
        return
    figure = figure_of(9, 4.5)
    axes = figure.subplots()
    for i, (group, points) in enumerate(lines.items()):
        axes.plot(
            *zip(*points, strict=True), marker=_MARKERS[i % len(_MARKERS)], markersize=4,
            linewidth=1.2, color=f"C{i % 10}", label=group,
        )  # fmt: skip
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_yscale("log")
    plain_ticks(axes.yaxis)
    labels = [f"{earlier['commit'][:7]}\n{earlier['time'][:10]}" for earlier in stored]
    axes.set_xticks(range(len(stored)), labels, fontsize=8)
    axes.set_ylabel("times as fast as the best peer, geometric mean")
    figure.legend(loc="outside right center", fontsize=8)
    entitle(figure, result, f"Groups measured {FEWEST_RESULTS} times or more")
    save(figure, path)
