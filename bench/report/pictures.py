"""The pictures of a result, as small SVG files with the same bytes for the same result."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

from ..harness import results
from ..harness.case import FASTML, NUMPY
from ..harness.results import Result
from .readme import middle_cases, over_best_peer
from .text import ratio

_STYLE = {
    "svg.hashsalt": "fastml",
    "svg.fonttype": "none",  # text stays text
    "font.family": "sans-serif",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
    "axes.axisbelow": True,
    "figure.facecolor": "white",
}
_COLORS = {NUMPY: "0.6", FASTML: "#d62728", "scikit-learn": "#ff7f0e"}


def _about(result: Result) -> str:
    """Return the machine, for a title."""
    threads = int(result["limits"]["all"]["threads"])
    return f"{result['machine']['cpu']}, {threads} thread{'s' * (threads > 1)}"


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None, "Creator": None}, bbox_inches="tight")


def draw(result: Result, folder: Path) -> None:
    """Draw every picture the result has the numbers for."""
    import matplotlib as mpl

    mpl.use("svg")
    with mpl.rc_context(_STYLE):
        _headline(result, folder / "headline.svg")
        _speedups(result, folder / "speedups.svg")
        _roofline(result, folder / "roofline.svg")
        _scaling(result, folder / "scaling.svg")
        _trend(result, folder / "trend.svg")


def _headline(result: Result, path: Path) -> None:
    """Draw the README's picture: the middle case of each kind, ours against the best peer."""
    from matplotlib.figure import Figure

    cases = middle_cases(result)
    if not cases:
        return
    figure = Figure(figsize=(7.5, 0.62 * len(cases) + 0.9))
    axes = figure.subplots()
    for i, case in enumerate(cases):
        times = over_best_peer(case)
        axes.barh(i, times, 0.55, color=_COLORS[FASTML] if times >= 1 else "0.6")
        said = f"{ratio(times).strip('*')}  ({case['best_peer']})"
        axes.annotate(said, (times, i), (4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlim(0, 1.25 * max(map(over_best_peer, cases)))
    names = [f"{case['group']}\n{case['name'].removesuffix(', float32')}" for case in cases]
    axes.set_yticks(range(len(cases)), names)
    axes.set_ylim(len(cases) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("times as fast as the best peer, named in brackets")
    axes.set_title(_about(result), loc="left")
    _save(figure, path)


def _speedups(result: Result, path: Path) -> None:
    """Draw a bar a case: how many times faster than the best peer and than NumPy."""
    from matplotlib.figure import Figure

    cases = [
        case
        for case in result["cases"]
        if case["group"] != "scaling" and ("over_numpy" in case or "over_best_peer" in case)
    ]
    figure = Figure(figsize=(8, 0.3 * len(cases) + 1))
    axes = figure.subplots()
    for i, case in enumerate(cases):
        for key, offset, color in (
            ("over_numpy", -0.2, _COLORS[NUMPY]),
            ("over_best_peer", 0.2, _COLORS[FASTML]),
        ):
            if key not in case:
                continue
            axes.barh(i + offset, case[key] - 1, 0.38, left=1, color=color)
            axes.annotate(
                ratio(case[key]).strip("*"),
                (max(case[key], 1), i + offset),
                xytext=(2, 0),
                textcoords="offset points",
                va="center",
                fontsize=5,
            )
    axes.set_xscale("log")
    axes.set_yticks(range(len(cases)), [f"{case['group']}: {case['name']}" for case in cases])
    axes.set_ylim(len(cases), -1)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("times as fast as the best peer (red) and as NumPy (grey); below 1 a loss")
    axes.set_title(_about(result))
    _save(figure, path)


def _roofline(result: Result, path: Path) -> None:
    """Draw arithmetic over bytes against speed, under the machine's roofs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4))
    limits = result["limits"]["all"]
    groups = list(dict.fromkeys(case["group"] for case in result["cases"]))
    for axes, dtype in zip(figure.subplots(1, 2), ("float32", "float64"), strict=True):
        cases = [
            case
            for case in result["cases"]
            if case.get("flops") and case.get("bytes") and case["dtype"] == dtype
            if FASTML in case["rows"] and case["group"] != "scaling" and "limit" in case
        ]
        peak = limits[f"flops {dtype}"]
        ends = [0.1, *(case["flops"] / case["bytes"] for case in cases), 1000.0]
        intensities = [min(ends), peak / limits["read"], max(ends)]
        roof = [min(peak, limits["read"] * x) / 1e9 for x in intensities]
        axes.plot(intensities, roof, color="black", linewidth=1)
        by_group: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for case in cases:
            speed = case["flops"] / case["rows"][FASTML]["min"] / 1e9
            by_group[case["group"]].append((case["flops"] / case["bytes"], speed))
        for group, points in by_group.items():
            i = groups.index(group)
            marker, color = "osD^v<>p"[i % 8], f"C{i % 10}"
            axes.plot(*zip(*points, strict=True), marker, color=color, markersize=4, label=group)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("flops a byte")
        axes.set_ylabel("GFLOP/s")
        axes.set_title(f"{dtype}: {peak / 1e9:.0f} GFLOP/s, {limits['read'] / 1e9:.0f} GB/s")
        if cases:
            axes.legend(fontsize=6, frameon=False)
    figure.suptitle(_about(result))
    figure.tight_layout()
    _save(figure, path)


def _scaling(result: Result, path: Path) -> None:
    """Draw time against each axis, both logarithmic."""
    from matplotlib.figure import Figure

    curves: dict[tuple[str, str], dict[str, list[tuple[float, float]]]] = {}
    for case in result["cases"]:
        if "scaling" in case:
            curve, axis, value = case["scaling"]
            lines = curves.setdefault((curve, axis), {})
            for row, time in case["rows"].items():
                lines.setdefault(row, []).append((value, time["min"] * 1e3))
    if not curves:
        return
    columns = 3
    rows = math.ceil(len(curves) / columns)
    figure = Figure(figsize=(9, 2.6 * rows))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, ((curve, axis), lines) in zip(grid, curves.items(), strict=False):
        for row, points in lines.items():
            axes.plot(
                *zip(*sorted(points), strict=True),
                marker=".",
                linewidth=1,
                color=_COLORS.get(row),
                label=row,
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(curve)
        axes.set_xlabel(axis)
        axes.set_ylabel("ms")
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, high / 10), max(high, low * 10))  # noise stays small
        if lines:
            axes.legend(fontsize=6, frameon=False)
    for axes in grid[len(curves) :]:
        axes.set_axis_off()
    figure.suptitle(_about(result))
    figure.tight_layout()
    _save(figure, path)


def _trend(result: Result, path: Path) -> None:
    """Draw the geometric mean of the ratio over the best peer, a group a line, over results."""
    from matplotlib.figure import Figure

    stored = results.comparable(result)
    if len(stored) < 2:
        return
    groups: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for i, earlier in enumerate(stored):
        logs: dict[str, list[float]] = defaultdict(list)
        for case in earlier["cases"]:
            if "over_best_peer" in case and case["group"] != "scaling":
                logs[case["group"]].append(math.log(case["over_best_peer"]))
        for group, values in logs.items():
            groups[group].append((i, math.exp(sum(values) / len(values))))
    figure = Figure(figsize=(8, 4))
    axes = figure.subplots()
    for group, points in groups.items():
        axes.plot(*zip(*points, strict=True), marker="o", markersize=3, linewidth=1, label=group)
    axes.set_yscale("log")
    labels = [f"{earlier['commit'][:7]}\n{earlier['time'][:10]}" for earlier in stored]
    axes.set_xticks(range(len(stored)), labels, fontsize=6)
    axes.set_ylabel("times as fast as the best peer, geometric mean")
    axes.set_title(_about(result))
    axes.legend(fontsize=6, frameon=False)
    _save(figure, path)
