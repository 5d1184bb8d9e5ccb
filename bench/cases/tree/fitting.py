"""Whole fits of one tree, eight splits deep and to its pure leaves."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...harness.case import FASTML, Case
from ...harness.lot import Lot
from ...harness.sizes import Size
from ...harness.targets import SKLEARN, Loss, Target
from ...harness.workloads import Labelled
from ...peers import trees

_ABSOLUTE = "28 normal, absolute error"
#: Kind of table, rows, depth.
SHAPES: list[tuple[str, int, int | None]] = [
    ("28 normal, 2 classes", 10_000, None),
    ("28 normal, 2 classes", 100_000, 8),
    ("28 normal, 2 classes", 100_000, None),
    ("28 normal, 2 classes", 300_000, 8),
    ("54, 44 of them binary, 7 classes", 100_000, 8),
    ("54, 44 of them binary, 7 classes", 100_000, None),
    ("784 whole numbers, 10 classes", 10_000, 8),
    ("28 normal, regression", 100_000, 8),
    (_ABSOLUTE, 100_000, 8),
]
LARGE_SHAPES: list[tuple[str, int, int | None]] = [
    ("28 normal, 2 classes", 1_000_000, 8),
    ("28 normal, 2 classes", 1_000_000, None),
    ("54, 44 of them binary, 7 classes", 500_000, 8),
    ("54, 44 of them binary, 7 classes", 500_000, None),
    ("784 whole numbers, 10 classes", 60_000, 8),
    ("784 whole numbers, 10 classes", 60_000, None),
    ("28 normal, regression", 1_000_000, 8),
]
#: At equal settings ours and scikit-learn's trees differ by what is drawn among equal splits;
#: LightGBM's is another tree.
_TIES, _OTHER, _FEW = 2e-3, 0.25, 5000


def table(kind: str, n: int) -> Labelled:
    """Return rows and what is to be predicted of them."""
    random = np.random.default_rng(0)
    if kind.startswith("784"):
        y = random.integers(0, 10, n)
        centers = random.integers(0, 256, (10, 784))
        noise = random.normal(0, 90, (n, 784))
        X = np.clip(np.rint(centers[y] * (random.random((n, 784)) < 0.2) + noise), 0, 255)
        return Labelled(X.astype(np.float32), y)
    d = 10 if kind.startswith("54") else 28
    X = random.standard_normal((n, d), dtype=np.float32)
    signal = X[:, 0] + X[:, 1] * X[:, 2] + np.sin(3 * X[:, 3]) + 0.5 * X[:, 4] ** 2
    signal = signal + random.normal(size=n)
    if d == 10:
        binary = random.random((n, 44)) < random.uniform(0.01, 0.3, 44)
        signal = signal + binary[:, :12] @ random.normal(size=12)
        X = np.hstack([X, binary.astype(np.float32)])
        return Labelled(X, np.searchsorted(np.quantile(signal, np.arange(1, 7) / 7), signal))
    return Labelled(
        X, signal if kind.endswith(("regression", "error")) else (signal > 0.5).astype(int)
    )


def check(name: str, truth: Any, answer: Any, inputs: Any) -> None:
    """Compare scores on the rows of the fit with scikit-learn's."""
    if name.startswith("LightGBM") and len(inputs.X) < _FEW:
        return  # leaves of twenty rows at least leave little of few
    if name.startswith("LightGBM"):  # of many classes a tree each: it may be far better
        assert answer >= truth - _OTHER, f"{name}: a score of {answer} where {truth} is had"
        return
    assert abs(answer - truth) <= _TIES, f"{name}: a score of {answer} instead of {truth}"


def _case(kind: str, n: int, depth: int | None) -> Case:
    numbers = kind.endswith(("regression", "error"))
    name = "DecisionTreeRegressor" if numbers else "DecisionTreeClassifier"
    settings: dict[str, Any] = {"max_depth": depth}
    if kind == _ABSOLUTE:
        settings["criterion"] = "absolute_error"
    rows = {
        "scikit-learn": trees.fit("sklearn", name, **settings),
        FASTML: trees.fit("fastml", name, **settings),
    }
    if depth and kind != _ABSOLUTE:
        rows["LightGBM, one round"] = trees.one_round
    return Case(
        group="decision tree, fit",
        name=f"{n:,} × {kind}, {'full' if depth is None else f'depth {depth}'}",
        rows=rows,
        inputs=lambda: table(kind, n),
        check=check,
        headline=n > 10_000 or kind.startswith("784"),
    )


def drawn(lot: Lot) -> Case:
    """Return a fit drawn by lot, of a table of one of these kinds."""
    kind = lot.one_of(*{kind: None for kind, _, _ in SHAPES})
    most = 3_000 if kind.startswith("784") else 60_000
    return _case(kind, lot.whole(200, most), lot.one_of(None, lot.whole(2, 20)))


DRAWN = {"decision tree": (20, drawn)}
LOSSES = [
    Loss(
        "decision tree",
        "LightGBM's round sorts features into bins and is not exact.",
    )
]


def large_cases(size: Size) -> list[Case]:
    """Return fits that take scikit-learn up to a minute each."""
    return [_case(*shape) for shape in LARGE_SHAPES]


def cases(size: Size) -> list[Case]:
    """Return a fit of every shape."""
    shapes = size.pick(
        full=SHAPES,
        quick=[(kind, n // 20, depth) for kind, n, depth in SHAPES],
        tiny=[(kind, 200, depth) for kind, _, depth in SHAPES[2:7:2]],
    )
    return [_case(*shape) for shape in shapes]


LIGHTGBM = ("LightGBM, one round",)
_NORMAL, _BINARY = "28 normal, 2 classes", "54, 44 of them binary, 7 classes"
TARGETS = [
    Target("decision tree, fit", f"10,000 × {_NORMAL}, full", SKLEARN, 10),
    Target("decision tree, fit", f"100,000 × {_NORMAL}, depth 8", SKLEARN, 20),
    Target("decision tree, fit", f"100,000 × {_NORMAL}, full", SKLEARN, 25),
    Target("decision tree, fit", f"300,000 × {_NORMAL}, depth 8", SKLEARN, 30),
    Target("decision tree, fit", f"100,000 × {_BINARY}, depth 8", SKLEARN, 12),
    Target("decision tree, fit", f"100,000 × {_BINARY}, full", SKLEARN, 8),
    Target("decision tree, fit", "10,000 × 784 whole numbers, 10 classes, depth 8", SKLEARN, 6),
    Target("decision tree, fit", "100,000 × 28 normal, regression, depth 8", SKLEARN, 15),
    Target("decision tree, fit", f"100,000 × {_ABSOLUTE}, depth 8", SKLEARN, 10),
    Target("decision tree, fit", f"100,000 × {_NORMAL}, depth 8", LIGHTGBM, 1.0),
    Target("decision tree, fit", f"300,000 × {_NORMAL}, depth 8", LIGHTGBM, 1.0),
    Target("decision tree, fit", f"100,000 × {_BINARY}, depth 8", LIGHTGBM, 1.0),
    Target("decision tree, fit", "10,000 × 784 whole numbers, 10 classes, depth 8", LIGHTGBM, 1.0),
]
_WHOLE, _NUMBERS = "784 whole numbers, 10 classes", "28 normal, regression"
LARGE_TARGETS = [
    Target("decision tree, fit", f"1,000,000 × {_NORMAL}, depth 8", SKLEARN, 50),
    Target("decision tree, fit", f"1,000,000 × {_NORMAL}, full", SKLEARN, 30),
    Target("decision tree, fit", f"500,000 × {_BINARY}, depth 8", SKLEARN, 12),
    Target("decision tree, fit", f"500,000 × {_BINARY}, full", SKLEARN, 8),
    Target("decision tree, fit", f"60,000 × {_WHOLE}, depth 8", SKLEARN, 6),
    Target("decision tree, fit", f"60,000 × {_WHOLE}, full", SKLEARN, 8),
    Target("decision tree, fit", f"1,000,000 × {_NUMBERS}, depth 8", SKLEARN, 15),
    Target("decision tree, fit", f"1,000,000 × {_NORMAL}, depth 8", LIGHTGBM, 1.0),
    Target("decision tree, fit", f"500,000 × {_BINARY}, depth 8", LIGHTGBM, 1.0),
    Target("decision tree, fit", f"60,000 × {_WHOLE}, depth 8", LIGHTGBM, 1.0),
    Target("decision tree, fit", f"1,000,000 × {_NUMBERS}, depth 8", LIGHTGBM, 1.0),
]
