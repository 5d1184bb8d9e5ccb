"""Pages that are written from what they describe, so that none goes stale.

Before Sphinx reads anything, ``docs/generated/`` (git-ignored) receives a page for every public
name, the table of differences from scikit-learn, and the benchmarks' report.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import api_pages
import differences

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
GENERATED = DOCS / "generated"


def _write(path: Path, text: str) -> None:
    """Write a page unless it says so already: Sphinx reads again what is newer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _benchmarks() -> None:
    """Copy the report and its methods, with the links between the two set right."""
    report = (ROOT / "bench" / "RESULTS.md").read_text(encoding="utf-8")
    methods = (ROOT / "bench" / "README.md").read_text(encoding="utf-8")
    _write(
        GENERATED / "results.md",
        report.replace("[README.md](README.md)", "[How it is measured](measuring.md)"),
    )
    _write(
        GENERATED / "measuring.md",
        methods.replace("[RESULTS.md](RESULTS.md)", "[the report](results.md)"),
    )
    plots = GENERATED / "plots"
    plots.mkdir(parents=True, exist_ok=True)
    for plot in (ROOT / "bench" / "plots").glob("*.svg"):
        shutil.copy2(plot, plots)


def _pages(app: Any) -> None:
    for name, text in api_pages.pages().items():
        _write(GENERATED / "api" / f"{name}.rst", text)
    _write(GENERATED / "differences.md", differences.table())
    _benchmarks()


def setup(app: Any) -> dict[str, Any]:
    """Write the pages once the configuration is known."""
    app.connect("builder-inited", _pages, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
