"""The groups of cases, one file each; every file has ``cases(size)``."""

from __future__ import annotations

from bench.case import Case
from bench.sizes import Size

from . import (
    centroid,
    cold_start,
    dense,
    elementwise,
    fitting,
    inference,
    latency,
    scaling,
    seeding,
    training,
)

GROUPS = (
    elementwise, dense, training, inference, centroid, seeding, fitting, latency, cold_start,
    scaling,
)  # fmt: skip


def all_cases(size: Size) -> list[Case]:
    """Return every case of every group, in the order of the report."""
    return [case for group in GROUPS for case in group.cases(size)]
