"""What the project aims at, beside what a result says; and what was tried where it falls short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .case import FASTML, NUMPY
from .results import Result

#: Both rows are torch to whoever picks it.
TORCH = ("torch", "torch compiled")
SKLEARN = ("scikit-learn", "scikit-learn, Elkan")
LIMIT, BEST = "of the limit", "the best peer"


@dataclass(frozen=True)
class Target:
    """At least so many times as fast as a rival, or such a share of the machine's limit.

    group, case : the group, and how the names of the cases begin
    rival : rows of which the fastest counts, BEST or LIMIT
    wanted : the ratio, or the share
    tried : what is known about a miss
    """

    group: str
    case: str
    rival: str | tuple[str, ...]
    wanted: float
    tried: str = ""


_EPILOGUE = (
    "Best, runner-up and index cost 5 vector operations a score beside the products. Rows ahead "
    "are prefetched; the index in the low bits of the score would save one operation and send more "
    "rows to float64."
)
_NARROW = (
    "With few features best, runner-up and index, 5 vector operations a score, take as long as "
    "the products, and what is left is memory. Rows side by side are loaded by whole vectors, "
    "which spared most of packing; prefetching helps from half a cache line a row."
)
_WIDE = (
    "784 features of 32 rows do not fit the first-level cache. Packing them could be spared by "
    "lanes along the features, with a kernel of their own; asking for the next rows while packing "
    "these gained nothing."
)
_STEPS = (
    "A good part of our time is scikit-learn's validation of a fit; steps shorter than 10 µs run "
    "on one thread, because waiting for another takes longer."
)
_SHARED = (
    "Between 62 and 74 % in the first two stored results: of two shared cores the runs differ by "
    "more than what is missing."
)
_PRODUCTS = (
    "At the machine's limit it would be some five times torch's speed, as the share of the limit "
    "says: ten times is out of reach. The rest of our time is mostly sigmoids."
)

_NEAREST = [
    ("1,000,000 × 2, k = 3,", 0.5, _NARROW),
    ("1,000,000 × 8, k = 16,", 0.5, _NARROW),
    ("1,000,000 × 16, k = 64,", 0.75, _EPILOGUE),
    ("200,000 × 64, k = 128,", 0.75, _EPILOGUE),
    ("100,000 × 128, k = 1,024,", 0.75, ""),
    ("60,000 × 784, k = 10,", 0.5, _WIDE),
    ("60,000 × 784, k = 256,", 0.75, _WIDE),
]

TARGETS = [
    *[Target("nearest centroid", name, BEST, 1.3) for name, _, _ in _NEAREST],
    *[
        Target("nearest centroid", f"{name} float32", LIMIT, share, tried)
        for name, share, tried in _NEAREST
    ],
    Target(
        "k-means++", "500,000 × 16, k = 64", SKLEARN, 20,
        "A pass for each centre reads all of X. All centres are chosen in one compiled call, with "
        "prefetching and candidates drawn from blocks of 512 rows. Triangle bounds spare few rows "
        "where clusters overlap.",
    ),
    Target("k-means fit", "500,000 × 16, k = 64, given", SKLEARN, 6),
    Target("k-means fit", "200,000 × 64, k = 100, given", SKLEARN, 4),
    Target("k-means fit", "1,000,000 × 2, k = 8, given", SKLEARN, 4),
    Target("k-means fit", "100,000 × 128, k = 256, given", SKLEARN, 2),
    Target("k-means fit", "500,000 × 16, k = 64, defaults", SKLEARN, 10),
    Target("one row", "KMeans.predict", SKLEARN, 10),
    Target("one row", "MLPClassifier.predict_proba", SKLEARN, 10),
    *[
        Target("one training epoch", f"{name}, {rows} rows", rival, wanted, _STEPS)
        for name, rows, *all_wanted in (
            ("30-16-1", "20,000", 15, 40, 100),
            ("28-64-64-1", "50,000", 4, 6, 9),
            ("784-128-1", "60,000", 1.6, 2.5, 2.8),
            ("784-256-128-1", "60,000", 1.4, 2.5, 2),
            ("28-256-256-256-1", "200,000", 1.9, 2.8, 1.6),
            ("28-1", "100,000", 3, None, 25),
        )
        for rival, wanted in zip(((NUMPY,), SKLEARN, TORCH), all_wanted, strict=True)
        if wanted is not None
    ],
    Target("one training epoch", "784-256-128-1, 60,000 rows", LIMIT, 0.7, _SHARED),
    Target("one training epoch", "28-256-256-256-1, 200,000 rows", LIMIT, 0.7, _SHARED),
    Target(
        "tiny network, full batch", "4-32-16-4", TORCH, 8,
        "Short epochs share a compiled call. Its activations, and the sums over lanes of a few "
        "weights, keep a step from the peak of multiply-adds.",
    ),
    Target("inference", "1,998,848 rows through 16-64-64-1", TORCH, 10, _PRODUCTS),
    Target("inference", "1,998,848 rows through 16-64-64-1", SKLEARN, 20, _PRODUCTS),
    Target(
        "sigmoid", "sigmoid, 64,000,000 float32", TORCH, 1.3,
        "Both wait for memory; results are written past the caches, without being read first.",
    ),
    Target("sigmoid", "sigmoid, 64,000,000 float32", LIMIT, 0.6),
]  # fmt: skip


def reached(target: Target, case: dict[str, Any]) -> float | None:
    """Return the ratio or share a case came to, or None if it says nothing about it."""
    rows = case["rows"]
    if FASTML not in rows:
        return None
    if target.rival == LIMIT:
        return case.get("share")
    if target.rival == BEST:
        return case.get("over_best_peer")
    rivals = [rows[name]["min"] for name in target.rival if name in rows]
    return min(rivals) / float(rows[FASTML]["min"]) if rivals else None


def verdicts(result: Result) -> list[tuple[Target, str, float]]:
    """Return (target, name of the case, what it came to) of all targets the result measures."""
    return [
        (target, case["name"], found)
        for target in TARGETS
        for case in result["cases"]
        if case["group"] == target.group and case["name"].startswith(target.case)
        if (found := reached(target, case)) is not None
    ]
