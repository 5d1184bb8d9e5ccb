"""How cost grows: time against n, d, k, width, batch size and threads."""

from __future__ import annotations

from typing import Any

from ..harness import checks
from ..harness.case import FASTML, NUMPY, Case
from ..harness.sizes import Size
from ..harness.truths import exact_labels, trained
from ..harness.workloads import classification, points
from ..peers import cpus, fastml, sklearn
from ..peers import numpy as plain
from .cluster import nearest
from .neural_network import training

NEAREST, EPOCH = "nearest centroid", "training epoch"


def _nearest(axis: str, value: int, n: int, d: int, k: int, threads: int = 0) -> Case:
    rows: dict[str, Any] = {
        NUMPY: plain.nearest,
        FASTML: fastml.nearest,
        "scikit-learn": sklearn.nearest,
    }
    if threads:
        rows = {FASTML: fastml.with_threads(fastml.nearest, threads)}
    return Case(
        group="scaling",
        name=f"{NEAREST}, {axis} = {value:,} of {n:,} × {d}, k = {k}",
        rows=rows,
        inputs=lambda: points(n, d, k),
        check=checks.labels("float32"),
        truth=exact_labels,
        cost=nearest.cost(n, d, k, "float32"),
        scaling=(NEAREST, axis, value),
    )


def _epoch(axis: str, value: int, width: int, batch: int, rows: int, threads: int = 0) -> Case:
    widths = [28, width, width, 1]
    ways: dict[str, Any] = {
        NUMPY: plain.epochs(plain.Descent),
        FASTML: fastml.epoch(),
        "scikit-learn": sklearn.epoch(),
    }
    if threads:
        ways = {FASTML: fastml.with_threads(fastml.epoch(), threads)}
    return Case(
        group="scaling",
        name=f"{EPOCH}, {axis} = {value:,} of 28-{width}-{width}-1, {rows:,} rows, "
        f"batches of {batch}",
        rows=ways,
        inputs=lambda: classification(widths, rows, batch),
        check=checks.movement(5e-3),
        truth=lambda work: trained(work, plain.Descent),
        cost=training.cost(widths, rows, 4),
        scaling=(EPOCH, axis, value),
    )


def _thread_counts() -> list[int]:
    """Return powers of two up to twice the CPUs: past them nothing may be lost."""
    counts = [1]
    while counts[-1] < 2 * cpus():
        counts.append(2 * counts[-1])
    return counts


def cases(size: Size) -> list[Case]:
    """Return one curve an axis."""
    n, d, k = size.pick(full=(50_000, 16, 64), quick=(10_000, 16, 64), tiny=(100, 4, 3))
    rows, width, batch = size.pick(full=(16_384, 64, 128), quick=(4096, 64, 128), tiny=(64, 4, 16))
    axes = {
        "n": size.pick(full=[1, 10, 100, 1000, 10_000, 100_000], quick=[1, 1000], tiny=[1]),
        "d": size.pick(full=[2, 8, 32, 128, 512], quick=[64], tiny=[9]),
        "k": size.pick(full=[2, 8, 32, 128, 512], quick=[64], tiny=[5]),
        "width": size.pick(full=[4, 16, 64, 256], quick=[32], tiny=[8]),
        "batch size": size.pick(full=[16, 64, 256, 1024, 4096], quick=[512], tiny=[32]),
        "threads": size.pick(full=_thread_counts(), quick=_thread_counts()[:2], tiny=[1, 2]),
    }
    return [
        *(_nearest("n", v, v, d, k) for v in axes["n"]),
        *(_nearest("d", v, n, v, k) for v in axes["d"]),
        *(_nearest("k", v, n, d, v) for v in axes["k"]),
        *(_nearest("threads", v, n, d, k, threads=v) for v in axes["threads"]),
        *(_epoch("width", v, v, batch, rows) for v in axes["width"]),
        *(_epoch("batch size", v, width, v, rows) for v in axes["batch size"]),
        *(_epoch("threads", v, width, batch, rows, threads=v) for v in axes["threads"]),
    ]
