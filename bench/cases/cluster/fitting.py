"""Whole fits of k-means: from given centres to convergence, and with the defaults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ...harness import checks
from ...harness.case import FASTML, NUMPY, Case, Cost, Reference, Row
from ...harness.lot import Lot
from ...harness.sizes import Size
from ...harness.targets import SKLEARN, Loss, Target
from ...harness.truths import inertia
from ...harness.workloads import Fit, Problem, blobs
from ...peers import faiss, fastml, reference, sklearn, sklearnex
from ...peers import numpy as plain
from . import nearest

_MAX_ITER = 300
#: Rows the reference fits; its iterations are its own.
_REFERENCE = 20_000


def _answer(work: Problem) -> Callable[[Any], tuple[float, int]]:
    """Return the function from a Fit to (inertia, iterations); labels of ours are checked."""

    def answer(fit: Fit) -> tuple[float, int]:
        if fit.labels is not None:
            from fastml import reference

            some = slice(None, None, max(len(work.X) // 20_000, 1))
            np.testing.assert_array_equal(
                fit.labels[some], reference.nearest_centroid(work.X[some], fit.centers)
            )
        work.n_iter = work.n_iter or fit.n_iter
        return inertia(work.X, fit.centers), fit.n_iter

    return answer


def _way(make: Callable[[Problem], Row]) -> Callable[[Problem], Row]:
    return lambda work: replace(make(work), answer=_answer(work))


def _check(exact: float | None) -> checks.Check:
    """Compare inertias: to ``exact`` for fastml, to 1 in 1000 for peers, who round otherwise.

    One near-tie decided otherwise sends float32 runs to neighbouring minima.
    """

    def check(name: str, truth: Any, answer: Any, inputs: Any) -> None:
        relative = 1e-3 if exact is not None else 0.1
        checks.number(relative, exact)(name, truth[0], answer[0], inputs)

    return check


def _lloyd_cost(truth: Any, work: Problem) -> Cost:
    """Return what plain Lloyd needs, which bounds spare most of."""
    n, d = work.X.shape
    return nearest.cost(n, d, len(work.centers), "float32").times(truth[1])


#: n, d, k, and the spread of the blobs: they overlap, so that dozens of iterations are needed.
PROBLEMS = [
    (250_000, 16, 64, 1.0),
    (100_000, 64, 100, 2.0),
    (500_000, 2, 8, 0.5),
    (50_000, 128, 256, 2.0),
]


def given_centers(n: int, d: int, k: int, spread: float, *, headline: bool = False) -> Case:
    """Return a fit from given centres to the end."""
    given = {"tol": 0.0, "max_iter": _MAX_ITER}
    return Case(
        group="k-means fit",
        name=f"{n:,} × {d}, k = {k}, given centres, tol = 0, float32",
        rows={
            NUMPY: _way(plain.fit(seeding=False, **given)),
            FASTML: _way(fastml.fit(**given)),
            "scikit-learn": _way(sklearn.fit(algorithm="lloyd", **given)),
            "scikit-learn, Elkan": _way(sklearn.fit(algorithm="elkan", **given)),
            "sklearnex": _way(sklearnex.fit(**given)),
            "faiss": _way(faiss.fit),
        },
        inputs=lambda: blobs(n, d, k, spread),
        check=_check(1e-6),
        cost=_lloyd_cost,
        plain=True,
        reference=Reference(
            _way(reference.fit(_MAX_ITER)), min(n, int(_REFERENCE * 128 / (d * k)) + 50 * k)
        ),
        headline=headline,
    )


def drawn(lot: Lot) -> Case:
    """Return a fit drawn by lot."""
    d, k = lot.whole(2, 300), lot.whole(2, 300)
    n = lot.whole(max(500, 2 * k), max(1000, 2 * k, min(4e5, 4e8 / (d * k))))
    # On few rows one near-tie, decided otherwise in float32, leads to another minimum.
    return replace(given_centers(n, d, k, lot.real(0.5, 2.0)), check=_check(None))


DRAWN = {"k-means fit": (24, drawn)}
LOSSES = [
    Loss(
        "k-means fit",
        "Of some hundred or thousand rows two fifths of our time are kernels, about half is "
        "Python. Blocks have 2,048 rows, so fewer are nobody's but the calling thread's.",
    )
]


def cases(size: Size) -> list[Case]:
    """Return problems from given centres, the defaults, and mini-batches."""
    problems = size.pick(full=PROBLEMS, quick=[(50_000, 16, 64, 1.0)], tiny=[(500, 3, 5, 1.0)])
    found = [given_centers(*problem, headline=True) for problem in problems]
    n, d, k, spread = problems[0]
    defaults = {"tol": 1e-4, "max_iter": _MAX_ITER}
    seeded = {"init": "k-means++", "random_state": 0, **defaults}
    batches = {
        "init": "k-means++", "batch_size": 4096, "max_iter": 5, "max_no_improvement": None,
        "random_state": 0,
    }  # fmt: skip
    found += [
        Case(
            group="k-means fit",
            name=f"{n:,} × {d}, k = {k}, defaults, seeding included, float32",
            rows={
                NUMPY: _way(plain.fit(seeding=True, **defaults)),
                FASTML: _way(fastml.fit(**seeded)),
                "scikit-learn": _way(sklearn.fit(**seeded)),
                "sklearnex": _way(sklearnex.fit(**seeded)),
            },
            inputs=lambda a=(n, d, k, spread): blobs(*a),
            check=_check(None),
            headline=True,
        ),
        Case(
            group="k-means fit",
            name=f"{n:,} × {d}, k = {k}, mini-batches of 4096, 5 epochs, float32",
            rows={
                "scikit-learn": _way(sklearn.fit("MiniBatchKMeans", **batches)),
                FASTML: _way(fastml.fit("MiniBatchKMeans", **batches)),
            },
            inputs=lambda a=(n, d, k, spread): blobs(*a),
            check=_check(None),
        ),
    ]
    return found


TARGETS = [
    Target("k-means fit", "250,000 × 16, k = 64, given", SKLEARN, 6),
    Target("k-means fit", "100,000 × 64, k = 100, given", SKLEARN, 4),
    Target("k-means fit", "500,000 × 2, k = 8, given", SKLEARN, 4),
    Target("k-means fit", "50,000 × 128, k = 256, given", SKLEARN, 2),
    Target("k-means fit", "250,000 × 16, k = 64, defaults", SKLEARN, 10),
]
