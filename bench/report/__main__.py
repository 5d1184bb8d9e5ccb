"""``python -m bench.report``: write everything again from the newest stored result."""

from __future__ import annotations

from ..harness import results
from . import write

stored = results.newest()
if stored is not None:
    write(stored)
