"""Turns a result into bench/RESULTS.md, the plots and the README's table: no hand edits."""

from __future__ import annotations

from .losses import losses
from .page import RESULTS, results_markdown, write
from .readme import brief, readme_table, with_table
from .text import duration, ratio

__all__ = [
    "RESULTS",
    "brief",
    "duration",
    "losses",
    "ratio",
    "readme_table",
    "results_markdown",
    "with_table",
    "write",
]
