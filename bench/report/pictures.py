"""The pictures of a result, as small SVG files with the same bytes for the same result."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import median
from typing import Any

from ..harness.results import Result
from . import curves
from .readme import middle_cases, over_best_peer
from .style import OURS, PLAIN, SETTINGS, entitle, figure_of, plain_ticks, save
from .text import ratio

#: What the groups of a family have in their names, by the family's picture.
_FAMILIES = {
    "cluster": ("k-means", "k-means++", "centroid", "cluster"),
    "neural_network": ("epoch", "network", "inference", "dense", "sigmoid"),
    "linear_model": ("linear", "logistic"),
    "naive_bayes": ("Bayes",),
    "neighbors": ("neighbours",),
    "tree": ("tree", "forest"),
    "one_row": ("row",),
}


def draw(result: Result, folder: Path) -> None:
    """Draw every picture the result has the numbers for."""
    import matplotlib as mpl

    mpl.use("svg")
    with mpl.rc_context(SETTINGS):
        _headline(result, folder / "headline.svg")
        _speedups(result, folder / "speedups.svg")
        for name, cases in family_pictures(result).items():
            _family(result, cases, folder / f"{name}.svg")
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
    """Draw a dot a case, a line a kind: how many times as fast as the best peer."""
    kinds: dict[str, list[float]] = {}
    for case in result["cases"]:
        if case["group"] != "scaling" and "over_best_peer" in case:
            kinds.setdefault(case["group"], []).append(over_best_peer(case))
    if not kinds:
        return
    figure = figure_of(9, 0.24 * len(kinds) + 1.5)
    axes = figure.subplots()
    dots = [(times, i) for i, all_of_kind in enumerate(kinds.values()) for times in all_of_kind]
    for faster, color, said in (
        (True, OURS, "fastml is faster"),
        (False, PLAIN, "the peer is faster"),
    ):
        shown = [(times, i) for times, i in dots if (times >= 1) == faster]
        if shown:
            axes.scatter(*zip(*shown, strict=True), s=30, color=color, alpha=0.8, label=said)
    for i, all_of_kind in enumerate(kinds.values()):
        middle = ratio(median(all_of_kind)).strip("*")
        axes.annotate(
            middle, (max(all_of_kind), i), (7, 0), textcoords="offset points", va="center"
        )
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlim(right=1.4 * axes.get_xlim()[1])  # room for the last number
    plain_ticks(axes.xaxis)
    names = [f"{kind} ({len(of)})" for kind, of in kinds.items()]
    axes.set_yticks(range(len(kinds)), names)
    axes.set_ylim(len(kinds) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("times as fast as the best peer: a dot a case, the middle in figures")
    figure.legend(loc="outside lower right", ncols=2)
    entitle(figure, result, "How many times as fast as the best peer fastml is, in every case")
    save(figure, path)


def family_pictures(result: Result) -> dict[str, list[dict[str, Any]]]:
    """Return the cases that have a rival by the name of the picture that shows them."""
    found: dict[str, list[dict[str, Any]]] = {}
    for case in result["cases"]:
        if case["group"] != "scaling" and ("over_numpy" in case or "over_best_peer" in case):
            words = re.split(r"[ ,]+", case["group"])
            family = next((name for name in _FAMILIES if set(_FAMILIES[name]) & set(words)), "more")
            found.setdefault(f"speedups-{family}", []).append(case)
    return found


def _family(result: Result, cases: list[dict[str, Any]], path: Path) -> None:
    """Draw two bars a case: how many times as fast as the best peer, and as NumPy."""
    lines = _lines(cases)
    figure = figure_of(9, 0.3 * len(lines) + 1.4)
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
                textcoords="offset points", va="center", fontsize=7.5,
            )  # fmt: skip
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlim(right=2.5 * axes.get_xlim()[1])  # room for the last name
    plain_ticks(axes.xaxis)
    _label(axes, lines)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("times as fast; left of 1 the other is faster")
    figure.legend(loc="outside lower right", ncols=2)
    entitle(figure, result, "How many times as fast fastml is")
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
    axes.set_yticks(range(len(lines)), names, fontsize=8.5)
    for line, label in zip(lines, axes.get_yticklabels(), strict=True):
        if isinstance(line, str):
            label.set_fontweight("bold")
    axes.set_ylim(len(lines) - 0.3, -0.7)
    axes.tick_params(axis="y", length=0)
