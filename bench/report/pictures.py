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
#: Two results are no trend.
FEWEST_OF_A_TREND = 3
_COLORS = {NUMPY: "0.6", FASTML: "#d62728", "scikit-learn": "#ff7f0e"}


def _about(result: Result) -> str:
    """Return the machine, for a title."""
    threads = int(result["limits"]["all"]["threads"])
    return f"{result['machine']['cpu']}, {threads} thread{'s' * (threads > 1)}"


def _plain_ticks(axis: Any, values: Any = None) -> None:
    """Have a logarithmic axis say plain numbers, at these values if they are given."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

    axis.set_major_locator(LogLocator(numticks=5) if values is None else FixedLocator(list(values)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))


def _ratios(axis: Any) -> None:
    """Have a logarithmic axis say plain ratios: 0.5, 1, 2, 5 and so on."""
    from matplotlib.ticker import LogLocator

    _plain_ticks(axis)
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))


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
    for key, offset, color, label in (
        ("over_best_peer", -0.2, _COLORS[FASTML], "times as fast as the best peer"),
        ("over_numpy", 0.2, _COLORS[NUMPY], "times as fast as NumPy"),
    ):
        places = [i for i, case in enumerate(cases) if key in case]
        for i in places:
            times = cases[i][key]
            axes.barh(i + offset, times - 1, 0.38, left=1, color=color, label=label)
            label = None  # type: ignore[assignment]
            axes.annotate(
                ratio(times).strip("*"), (max(times, 1), i + offset), (2, 0),
                textcoords="offset points", va="center", fontsize=6,
            )  # fmt: skip
    axes.set_xscale("log")
    _ratios(axes.xaxis)
    axes.set_yticks(range(len(cases)), [f"{case['group']}: {case['name']}" for case in cases])
    axes.set_ylim(len(cases) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("left of 1 a loss")
    axes.tick_params(axis="x", top=True, labeltop=True)
    axes.set_title(f"fastml beside its peers\n{_about(result)}", loc="left")
    if cases:
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1.02), frameon=False)
    _save(figure, path)


def _roofline(result: Result, path: Path) -> None:
    """Draw arithmetic over bytes against speed, under the machine's roofs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.6), layout="constrained")
    limits = result["limits"]["all"]
    groups = list(dict.fromkeys(case["group"] for case in result["cases"]))
    handles: dict[str, Any] = {}
    n_above = 0
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
            intensity = case["flops"] / case["bytes"]
            speed = case["flops"] / case["rows"][FASTML]["min"]
            if speed > min(peak, limits["read"] * intensity):
                n_above += 1
            else:
                by_group[case["group"]].append((intensity, speed / 1e9))
        for group, points in by_group.items():
            i = groups.index(group)
            marker, color = "osD^v<>pX*"[i % 10], f"C{i % 10}"
            (handles[group],) = axes.plot(
                *zip(*points, strict=True), marker, color=color, markersize=4, label=group
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        _plain_ticks(axes.xaxis)
        _plain_ticks(axes.yaxis)
        axes.set_xlabel("floating-point operations a byte read")
        axes.set_ylabel("GFLOP/s")
        axes.set_title(f"{dtype}: {peak / 1e9:.0f} GFLOP/s, {limits['read'] / 1e9:.0f} GB/s")
    figure.suptitle(f"Under the roof: the black line is what the machine can do\n{_about(result)}")
    said = "" if not n_above else (
        f"{n_above} more cases lie above, whose data stay in cache and are not read again"
    )  # fmt: skip
    if handles:
        figure.legend(
            handles.values(), handles.keys(), loc="outside lower center", ncols=5, frameon=False,
            title=said, fontsize=7,
        )  # fmt: skip
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
    columns = min((2, 3, 4), key=lambda n: (-len(curves) % n, -n))
    rows = math.ceil(len(curves) / columns)
    figure = Figure(figsize=(3 * columns, 2.6 * rows + 0.6), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    handles: dict[str, Any] = {}
    for axes, ((curve, axis), lines) in zip(grid, curves.items(), strict=False):
        for row, points in lines.items():
            (handles[row],) = axes.plot(
                *zip(*sorted(points), strict=True),
                marker=".",
                linewidth=1,
                color=_COLORS.get(row),
                label=row,
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(f"{curve}, by {axis}")
        axes.set_xlabel(axis)
        axes.set_ylabel("ms")
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, high / 10), max(high, low * 10))  # noise stays small
        values = sorted({x for points in lines.values() for x, _ in points})
        _plain_ticks(axes.xaxis, values if values[-1] < 10 else None)
        _plain_ticks(axes.yaxis)
    for axes in grid[len(curves) :]:
        axes.remove()
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=len(handles),
        frameon=False,
    )  # fmt: skip
    figure.suptitle(f"Time as one thing grows\n{_about(result)}")
    _save(figure, path)


def _trend(result: Result, path: Path) -> None:
    """Draw the geometric mean of the ratio over the best peer, a group a line, over results."""
    from matplotlib.figure import Figure

    stored = results.comparable(result)
    if len(stored) < FEWEST_OF_A_TREND:
        return
    groups: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for i, earlier in enumerate(stored):
        logs: dict[str, list[float]] = defaultdict(list)
        for case in earlier["cases"]:
            if "over_best_peer" in case and case["group"] != "scaling":
                logs[case["group"]].append(math.log(case["over_best_peer"]))
        for group, values in logs.items():
            groups[group].append((i, math.exp(sum(values) / len(values))))
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    drawn = {g: points for g, points in groups.items() if len(points) >= FEWEST_OF_A_TREND}
    ends = []
    for i, (group, points) in enumerate(drawn.items()):
        style = {"linestyle": ("-", "--", ":")[i // 10 % 3], "color": f"C{i % 10}"}
        axes.plot(*zip(*points, strict=True), marker="o", markersize=3, linewidth=1, **style)
        ends.append((points[-1], group, style["color"]))
    axes.set_yscale("log")
    _ratios(axes.yaxis)
    labels = [f"{earlier['commit'][:7]}\n{earlier['time'][:10]}" for earlier in stored]
    axes.set_xticks(range(len(stored)), labels, fontsize=6)
    axes.set_ylabel("times as fast as the best peer")
    low, high = (math.log(end) for end in axes.get_ylim())
    least, at = (high - low) / 30, -math.inf  # names one above the other
    for (x, y), group, color in sorted(ends):
        at = max(math.log(y), at + least)
        axes.annotate(group, (x, y), (x + 0.05, math.exp(at)), color=color, fontsize=7, va="center")
    axes.set_title(f"Geometric means, commit by commit\n{_about(result)}", loc="left")
    _save(figure, path)
