"""What the pictures share: their look, their colours, their titles and axes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..harness.case import FASTML, NUMPY
from ..harness.results import Result

SETTINGS = {
    "svg.hashsalt": "fastml",
    "svg.fonttype": "none",  # text stays text
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
    "axes.axisbelow": True,
    "figure.facecolor": "white",
    "legend.frameon": False,
}
OURS, PLAIN = "#d62728", "0.6"
COLORS = {NUMPY: PLAIN, FASTML: OURS, "scikit-learn": "#ff7f0e"}


def figure_of(width: float, height: float) -> Any:
    """Return an empty figure, its size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def machine_of(result: Result) -> str:
    """Return the machine, for a title."""
    threads = int(result["limits"]["all"]["threads"])
    return f"{result['machine']['cpu']}, {threads} thread{'s' * (threads > 1)}"


def entitle(figure: Any, result: Result, title: str) -> None:
    """Write what a picture shows above it, and on which machine that was."""
    figure.suptitle(f"{title}\n{machine_of(result)}", x=0.01, ha="left", fontsize=11)


def short(value: float) -> str:
    """Return a number that leaves room for its neighbours on an axis.

    >>> short(0.001), short(5000), short(100_000)
    ('0.001', '5,000', '100k')
    """
    return f"{value / 1000:,.10g}k" if value >= 10_000 else f"{value:,.10g}"


def plain_ticks(axis: Any) -> None:
    """Put plain numbers on a logarithmic axis: decades alone, where there are several."""
    from matplotlib import ticker

    low, high = axis.get_view_interval()
    steps = [1.0] if high / low > 200 else [1.0, 2.0, 5.0]
    axis.set_major_locator(ticker.LogLocator(subs=steps, numticks=20))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: short(value)))
    axis.set_minor_formatter(ticker.NullFormatter())


def save(figure: Any, path: Path) -> None:
    """Write a picture, with the same bytes for the same result."""
    figure.savefig(path, metadata={"Date": None, "Creator": None}, bbox_inches="tight")
