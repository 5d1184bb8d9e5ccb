"""``fastml warmup``: compile everything ahead of time, by using it on tiny arrays."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np
import scipy.sparse

import fastml
from fastml.core import classes as _classes
from fastml.core import crew
from fastml.core import validation as _validation
from fastml.kernels.machine import notice
from fastml.kernels.machine.jit import cache_directory, cache_refusal

from .families import steps_of

_N_SAMPLES = 64
_BATCH_SIZE = 16
#: So often rows are too many for the reference's way, and too few to be shared; and enough.
_TIMES, _MANY = 8, 200


def _shared(X: Any) -> Any:
    """Return rows enough for a team, in X's memory order."""
    return np.asarray(np.tile(X, (_MANY, 1)), order="F" if X.flags.f_contiguous else "C")


def _seeding(X: Any) -> None:
    fastml.kmeans_plusplus(X, 2, random_state=0)
    many = np.tile(X, (17, 7))  # centres and features enough for bytes to rule rows out
    many += np.arange(len(many), dtype=X.dtype)[:, None] % 101
    rows = np.asfortranarray(many) if X.flags.f_contiguous else many
    fastml.kmeans_plusplus(rows, 96, random_state=0)


def _k_means(X: Any) -> None:
    model = fastml.KMeans(n_clusters=2, n_init=1, max_iter=5, random_state=0).fit(X)
    model.predict(X)
    model.predict(X[:1])
    model.predict(np.tile(X, (_TIMES, 1)))
    model.predict(scipy.sparse.csr_array(X))
    model.transform(X)
    model.score(X)
    fastml.KMeans(n_clusters=2, init=X[:2], n_init=1).fit(X, sample_weight=np.ones(len(X)))


def _mini_batches(X: Any) -> None:
    fastml.MiniBatchKMeans(n_clusters=2, batch_size=_BATCH_SIZE, n_init=1, max_iter=2).fit(X)


def _perceptron(X: Any) -> None:
    y = np.arange(len(X)) % 2
    # A tolerance so wide that training stops, converged, after two epochs.
    model = fastml.MLPClassifier((3, 2), batch_size=_BATCH_SIZE, tol=1e9, n_iter_no_change=1)
    model.fit(X, y)
    for rows in (X, _shared(X)):
        model.predict(rows)
        model.predict_proba(rows)


def _layer(X: Any) -> None:
    W = X[:4, :3]
    fastml.dense_backward(X, W, fastml.dense_forward(X, W, X[0, :3]))


def _centroids(X: Any) -> None:
    fastml.nearest_centroid(np.tile(X, (_TIMES, 1)), X[:3])
    fastml.nearest_centroid(X, X[:3], return_distance=True)


def _neighbours(X: Any) -> None:
    for algorithm in ("brute", "kd_tree"):
        model = fastml.NearestNeighbors(n_neighbors=2, radius=1.0, algorithm=algorithm).fit(X)
        model.kneighbors(X)
        model.kneighbors(X[:1])
        model.radius_neighbors(X[:1])
    fastml.NearestNeighbors(n_neighbors=2, metric="cosine").fit(X).kneighbors(X)
    fastml.NearestNeighbors(n_neighbors=2, metric="l1", algorithm="brute").fit(X).kneighbors(X)
    wide = np.tile(X, (10_000 // len(X) + 1, 4))  # enough for a search among bytes
    model = fastml.NearestNeighbors(n_neighbors=2).fit(wide)
    model.kneighbors(wide[:9])
    model.kneighbors(wide[:2])
    y = np.arange(len(X)) % 2
    fastml.KNeighborsClassifier(2, weights="distance").fit(X, y).predict(X)
    fastml.KNeighborsRegressor(2).fit(X, y).predict(X)


def _naive_bayes(X: Any) -> None:
    y = np.arange(len(X)) % 2
    model = fastml.GaussianNB().fit(X, y).partial_fit(X, y)
    model.predict(X)
    model.predict_proba(X)
    counts = np.abs(X)
    fastml.MultinomialNB().fit(counts, y).predict(counts)
    sparse = scipy.sparse.csr_array(counts)
    fastml.MultinomialNB().fit(sparse, y).predict(sparse)
    whole = (9 * counts).astype(np.int64)
    fastml.MultinomialNB().fit(whole, y).predict(whole)
    fastml.CategoricalNB().fit(whole, y).predict(whole)


def _trees(X: Any) -> None:
    tall = np.tile(X, (40, 1))
    tall += np.arange(len(tall), dtype=X.dtype)[:, None] % 7
    rows = np.asarray(tall, order="F" if X.flags.f_contiguous else "C")
    weights = 1.0 + np.arange(len(rows)) % 2
    for make, y in (
        (fastml.DecisionTreeClassifier, np.arange(len(rows)) % 2),
        (fastml.DecisionTreeClassifier, np.arange(len(rows)) % 3),
        (fastml.DecisionTreeRegressor, rows[:, 0]),
    ):
        make().fit(rows, y).predict(rows)
        model = make(max_leaf_nodes=9, ccp_alpha=1e-9).fit(rows, y, weights)
        model.apply(rows)
        model.predict(rows)
    by_medians = fastml.DecisionTreeRegressor(criterion="absolute_error")
    for each in (None, weights):
        by_medians.fit(rows, rows[:, 0], each)
    by_medians.fit(X, X[:, 0])
    fastml.RandomForestClassifier(2, random_state=0).fit(X, np.arange(len(X)) % 2).predict(X)


def _linear(X: Any) -> None:
    y = np.arange(len(X)) % 2
    for model in (fastml.LinearRegression(), fastml.RidgeCV()):
        model.fit(X, X[:, 0], y + 1.0).predict(X)
        model.predict(_shared(X))
    fastml.LinearRegression().fit(X, y)  # float64 targets of float32 rows
    fastml.LinearRegression().fit(np.tile(X, (3, 33)), np.tile(y, 3))  # wide: refined
    for classes in (y, np.arange(len(X)) % 3):
        model = fastml.LogisticRegression().fit(X, classes)
        for rows in (X, _shared(X)):
            model.predict(rows)
            model.predict_proba(rows)


def _finite(X: Any) -> None:
    _validation.all_finite(np.ascontiguousarray(X).reshape(-1))


def _labels(X: Any) -> None:
    y = np.arange(999)
    _classes.name_classes(np.array([-1, 1]), _classes.number_classes(y % 2)[1], 2)


def _team(X: Any) -> None:
    crew._compile_gate()


def _sigmoid(X: Any) -> None:
    fastml.sigmoid(X)
    fastml.sigmoid_derivative(X)


def paths() -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield every public path with a name: an element type or a memory order is a compilation."""
    work = {
        "team": _team,
        "finite numbers": _finite,
        "labels": _labels,
        "sigmoid": _sigmoid,
        "dense layer": _layer,
        "nearest centroid": _centroids,
        "k-means seeding": _seeding,
        "k-means": _k_means,
        "mini-batch k-means": _mini_batches,
        "perceptron": _perceptron,
        "nearest neighbours": _neighbours,
        "naive Bayes": _naive_bayes,
        "linear models": _linear,
        "trees": _trees,
    }
    generator = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        for order in ("C", "F"):
            X = np.asarray(generator.standard_normal((_N_SAMPLES, 4)), dtype=dtype, order=order)
            for name, use in work.items():
                yield f"{name}, {np.dtype(dtype).name}, {order} order", partial(use, X)


def _timed(use: Callable[[], None]) -> float:
    start = time.perf_counter()
    use()
    return time.perf_counter() - start


def _step(name: str) -> float:
    """Compile a step in a process of its own, which tells how long it took."""
    notice.silence()
    return _timed(dict(paths())[name])


def _here(steps: dict[str, Callable[[], None]]) -> Iterator[tuple[str, float]]:
    for name, use in steps.items():
        yield name, _timed(use)


def _side_by_side(groups: list[list[str]]) -> Iterator[tuple[str, float]]:
    """Compile each group in a process of its own: Numba compiles one function at a time in each.

    Of what two of them share each keeps the same, and the last one's stays.
    """
    with ExitStack() as stack:
        times: dict[Future[float], str] = {}
        for group in groups:
            pool = stack.enter_context(ProcessPoolExecutor(1, mp_context=get_context("spawn")))
            times |= {pool.submit(_step, name): name for name in group}
        for done in as_completed(times):
            yield times[done], done.result()


def run(only: list[str] | None = None, jobs: int | None = None) -> int:
    """Compile, a line a step; return 1 if there is nowhere to keep it, else 0.

    Parameters
    ----------
    only : list of str, default=None
        Families to compile, of :data:`families.FAMILIES`; None for all.
    jobs : int, default=None
        Processes; None for one a thread.  More than there are element types are not used.
    """
    directory = cache_directory()
    if directory is None:
        print(f"No folder will do for compiled kernels: {cache_refusal()}.")
        print("Name another with --output, or in the variable FASTML_CACHE_DIR.")
        return 1
    notice.silence()
    wanted = None if only is None else steps_of(only)
    steps = {
        name: use for name, use in paths() if wanted is None or name.partition(",")[0] in wanted
    }
    groups: dict[str, list[str]] = {}
    for name in steps:
        groups.setdefault("float64" if "float64" in name else "float32", []).append(name)
    processes = min(len(groups), jobs or fastml.get_num_threads())
    print(f"Compiling in {processes} process{'es' * (processes > 1)}.", flush=True)
    width = max(map(len, steps))
    before = time.perf_counter()
    try:
        compiled = _side_by_side(list(groups.values())) if processes > 1 else _here(steps)
        for number, (name, seconds) in enumerate(compiled, start=1):
            print(f"[{number:2}/{len(steps)}] {name:{width}} {seconds:6.2f} s", flush=True)
    except BrokenProcessPool:
        print("A process was ended from outside, for lack of memory perhaps: try --jobs 1.")
        return 1
    count = sum(1 for _ in directory.glob("*.bin"))
    print(f"{count} kernels in {directory} after {time.perf_counter() - before:.1f} s")
    return 0
