"""The pictures of a result, as small SVG files with the same bytes for the same result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..harness.results import Result
from . import curves
from .readme import middle_cases, over_best_peer
from .style import OURS, PLAIN, SETTINGS, entitle, figure_of, plain_ticks, save
from .text import ratio


def draw(result: Result, folder: Path) -> None:
    """Draw every picture the result has the numbers for."""
    import matplotlib as mpl

    mpl.use("svg")
    with mpl.rc_context(SETTINGS):
        _headline(result, folder / "headline.svg")
        _speedups(result, folder / "speedups.svg")
        curves.roofline(result, folder / "roofline.svg")
        curves.scaling(result, folder / "scaling.svg")
        curves.trend(result, folder / "trend.svg")


def _headline(result: Result, path: Path) -> None:
    """Draw the README's picture: the middle case of each kind, ours against the best peer."""
    cases = middle_cases(result)
    if not cases:
        return
    figure = figure_of(8, 0.6 * len(cases) + 1.4)
    axes = figure.subplots()
    for i, case in enumerate(cases):
        times = over_best_peer(case)
        axes.barh(i, times, 0.55, color=OURS if times >= 1 else PLAIN)
        said = f"{ratio(times).strip('*')}  ({case['best_peer']})"
        axes.annotate(said, (times, i), (4, 0), textcoords="offset points", va="center")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlim(0, 1.3 * max(map(over_best_peer, cases)))
    names = [f"{case['group']}\n{case['name'].removesuffix(', float32')}" for case in cases]
    axes.set_yticks(range(len(cases)), names, fontsize=8)
    axes.set_ylim(len(cases) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("times as fast as the best peer, which stands in brackets")
    lost = any(over_best_peer(case) < 1 for case in cases)
    said = "fastml against the best peer, float32" + ", grey where the peer is faster" * lost
    entitle(figure, result, said)
    save(figure, path)


def _speedups(result: Result, path: Path) -> None:
    """Draw two bars a case: how many times as fast as the best peer, and as NumPy."""
    cases = [
        case
        for case in result["cases"]
        if case["group"] != "scaling" and ("over_numpy" in case or "over_best_peer" in case)
    ]
    if not cases:
        return
    lines = _lines(cases)
    figure = figure_of(9, 0.26 * len(lines) + 1.2)
    axes = figure.subplots()
    for key, offset, color, said in (
        ("over_best_peer", -0.2, OURS, "as the best peer, which is named"),
        ("over_numpy", 0.2, PLAIN, "as NumPy"),
    ):
        bars = [(i, case) for i, case in enumerate(lines) if not isinstance(case, str)]
        bars = [(i, case) for i, case in bars if key in case]
        axes.barh(
            [i + offset for i, _ in bars], [case[key] - 1 for _, case in bars], 0.38,
            left=1, color=color, label=said,
        )  # fmt: skip
        for i, case in bars:
            peer = f" {case['best_peer']}" if key == "over_best_peer" else ""
            axes.annotate(
                f"{ratio(case[key]).strip('*')}{peer}", (max(case[key], 1), i + offset), (3, 0),
                textcoords="offset points", va="center", fontsize=6.5,
            )  # fmt: skip
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlim(right=2.5 * axes.get_xlim()[1])  # room for the last name
    plain_ticks(axes.xaxis)
    _label(axes, lines)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("times as fast; left of 1 the other is faster")
    figure.legend(loc="outside lower right", ncols=2)
    entitle(figure, result, "How many times as fast fastml is, in every case that has a rival")
    save(figure, path)


def _lines(cases: list[dict[str, Any]]) -> list[str | dict[str, Any]]:
    """Return the cases, the name of each group in a line above its own."""
    lines: list[str | dict[str, Any]] = []
    group = ""
    for case in cases:
        if case["group"] != group:
            group = case["group"]
            lines.append(group)
        lines.append(case)
    return lines


def _label(axes: Any, lines: list[str | dict[str, Any]]) -> None:
    """Write the names of groups and cases beside their lines."""
    names = [line if isinstance(line, str) else line["name"] for line in lines]
    axes.set_yticks(range(len(lines)), names, fontsize=7.5)
    for line, label in zip(lines, axes.get_yticklabels(), strict=True):
        if isinstance(line, str):
            label.set_fontweight("bold")
    axes.set_ylim(len(lines) - 0.3, -0.7)
    axes.tick_params(axis="y", length=0)
