"""Naive Bayes of counts: a fit and the labels of all rows, dense, sparse and of categories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse

from ...harness.case import FASTML, Case, Cost
from ...harness.lot import Lot
from ...harness.sizes import Size
from ...harness.targets import LIMIT, SKLEARN, Target
from ...harness.workloads import Labelled
from ...peers import fastml, sklearn

#: Classes and entries a row of the sparse rows, as of newsgroups.
_GROUPS, _WORDS_A_ROW = 20, 130
_N_CATEGORIES = 10


def counts(n: int, d: int, dtype: str) -> Labelled:
    """Return small whole numbers of two classes."""
    random = np.random.default_rng(0)
    y = random.integers(0, 2, n)
    return Labelled(random.poisson(1.0 + 0.2 * y[:, None], (n, d)).astype(dtype), y)


def words(n: int, d: int) -> Labelled:
    """Return compressed sparse rows, low features more often than high ones."""
    random = np.random.default_rng(0)
    shape = (n, min(_WORDS_A_ROW, d))
    features = np.sort((random.random(shape) ** 2 * d).astype(np.int32), axis=1)
    indptr = np.arange(n + 1, dtype=np.int32) * shape[1]
    data = random.integers(1, 5, features.size).astype(np.float64)
    X = scipy.sparse.csr_array((data, features.ravel(), indptr), (n, d))
    X.sum_duplicates()
    return Labelled(X, np.arange(n) % _GROUPS)


def categories(n: int, d: int) -> Labelled:
    """Return categories of three classes."""
    random = np.random.default_rng(0)
    return Labelled(random.integers(0, _N_CATEGORIES, (n, d)), random.integers(0, 3, n))


def check(name: str, truth: Any, answer: Any, inputs: Any) -> None:
    """Counts of whole numbers are exact; labels agree but for near-ties."""
    wrong = int((np.asarray(answer) != truth).sum())
    assert wrong <= np.size(truth) // 10_000, f"{name}: {wrong} of {np.size(truth)} differ"


def cases(size: Size) -> list[Case]:
    """Return a fit and a prediction of every kind of rows."""
    n, d = size.pick(full=(1_000_000, 28), quick=(50_000, 28), tiny=(300, 5))
    n_words, d_words = size.pick(full=(11_000, 130_000), quick=(1_000, 20_000), tiny=(60, 40))
    n_categories = size.pick(full=200_000, quick=20_000, tiny=200)
    work: list[tuple[str, str, Callable[[], Labelled], Cost]] = [
        (
            "MultinomialNB",
            f"{dtype}, {n:,} × {d}",
            lambda dtype=dtype: counts(n, d, dtype),  # type: ignore[misc]
            Cost(read=float(np.dtype(dtype).itemsize) * n * d),
        )
        for dtype in ("float32", "float64", "int64", "int32")
    ]
    work += [
        (
            "MultinomialNB",
            f"sparse, {n_words:,} × {d_words:,}, {_GROUPS} classes",
            lambda: words(n_words, d_words),
            Cost(read=12.0 * n_words * min(_WORDS_A_ROW, d_words) + 8.0 * _GROUPS * d_words),
        ),
        (
            "CategoricalNB",
            f"categories, {n_categories:,} × 20, 3 classes",
            lambda: categories(n_categories, 20),
            Cost(read=8.0 * n_categories * 20),
        ),
    ]
    return [
        Case(
            group=f"naive Bayes of counts, {part}",
            name=name,
            rows={FASTML: fastml.bayes(part, kind), "scikit-learn": sklearn.bayes(part, kind)},
            inputs=inputs,
            check=check,
            cost=cost,
            headline=True,
        )
        for part in ("fit", "predict")
        for kind, name, inputs, cost in work
    ]


def drawn(lot: Lot) -> Case:
    """Return a fit or a prediction drawn by lot, of dense rows, sparse ones or categories."""
    part = lot.one_of("fit", "predict")
    shape = lot.one_of("dense", "dense", "sparse", "categories")
    n = lot.whole(100, 300_000)
    if shape == "dense":
        kind, dtype = "MultinomialNB", lot.one_of("float32", "float64", "int64")
        d = lot.whole(1, min(200, 8_000_000 // n))
        name, inputs = f"{dtype}, {n:,} × {d}", lambda: counts(n, d, dtype)
    elif shape == "sparse":
        kind, n, d = "MultinomialNB", min(n, 20_000), lot.whole(20, 50_000)
        name, inputs = f"sparse, {n:,} × {d:,}, {_GROUPS} classes", lambda: words(n, d)
    else:
        kind, d = "CategoricalNB", lot.whole(1, min(50, 2_000_000 // n))
        name, inputs = f"categories, {n:,} × {d}, 3 classes", lambda: categories(n, d)
    return Case(
        group=f"naive Bayes of counts, {part}",
        name=f"{part}, {name}",
        rows={FASTML: fastml.bayes(part, kind), "scikit-learn": sklearn.bayes(part, kind)},
        inputs=inputs,
        check=check,
    )


DRAWN = {"naive Bayes of counts": (20, drawn)}
TARGETS = [
    Target("naive Bayes of counts, fit", "float32", SKLEARN, 10),
    Target("naive Bayes of counts, fit", "float64", SKLEARN, 10),
    Target("naive Bayes of counts, fit", "int64", SKLEARN, 10),
    Target("naive Bayes of counts, fit", "sparse", SKLEARN, 1.0),
    Target("naive Bayes of counts, predict", "float32", SKLEARN, 5),
    # scikit-learn multiplies float64 rows as they are, in 4.4 to 6.4 times what reading them takes,
    # by the day: five times is out of reach on some, so the share of the limit is the aim.
    Target("naive Bayes of counts, predict", "float64", LIMIT, 0.65),
    Target("naive Bayes of counts, predict", "int64", SKLEARN, 5),
    Target("naive Bayes of counts, predict", "sparse", SKLEARN, 1.0),
]
