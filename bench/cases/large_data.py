"""Fits of a file of four times the memory they may take, against the array and mere reading.

And a fit on a cluster, where dask is installed.
"""

from __future__ import annotations

import tempfile
import threading
import warnings
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..harness.case import FASTML, Case, Row
from ..harness.sizes import Size
from ..harness.targets import Target
from ..harness.workloads import blobs
from ..peers import cpus, from_fastml, module

ARRAY, READING = "fastml, array", "fastml, reading alone"
#: What a file's fit cannot be quicker than unless it waits for a disk: the work of both.
BOTH = "fastml, array, then reading"
DASK_ML, ALONE = "dask-ml", "fastml, one process"


@dataclass(frozen=True)
class FileOfRows:
    """Rows in memory and in a file, which lies in the page cache, and where to start."""

    X: Any
    y: Any
    centers: Any
    path: Path
    folder: Any = field(repr=False)


def file_of_rows(n: int, d: int, k: int) -> FileOfRows:
    """Return rows, float32, and the same in a file that is removed with them."""
    work = blobs(n, d, k)
    folder = tempfile.TemporaryDirectory(prefix="fastml-bench-")
    path = Path(folder.name) / "rows.npy"
    np.save(path, work.X)
    y = np.random.default_rng(0).integers(0, 3, n)
    return FileOfRows(work.X, y, work.centers, path, folder)


def _kmeans(X: Any, work: FileOfRows, max_iter: int = 20) -> Any:
    k = len(work.centers)
    return from_fastml("KMeans")(k, init=work.centers, n_init=1, tol=0, max_iter=max_iter).fit(X)


def _bayes(X: Any, work: FileOfRows) -> Any:
    return from_fastml("GaussianNB")().fit(X, work.y)


def _parallel(X: Any, work: FileOfRows) -> Any:
    model = from_fastml("KMeans")
    return model(len(work.centers), init="k-means||", tol=0, max_iter=5, random_state=0).fit(X)


def _logistic(X: Any, work: FileOfRows) -> Any:
    return from_fastml("LogisticRegression")().fit(X, work.y)


Fit = Callable[[Any, FileOfRows], Any]
FITS: dict[str, tuple[Fit, str]] = {
    "KMeans": (_kmeans, "cluster_centers_"),
    "KMeans from k-means||": (_parallel, "cluster_centers_"),
    "GaussianNB": (_bayes, "var_"),
    "LogisticRegression": (_logistic, "coef_"),
}


def _of_file(name: str) -> Callable[[FileOfRows], Row]:
    def make(work: FileOfRows) -> Row:
        blocks, engine = from_fastml("blocks"), from_fastml("engine")
        fit, attribute = FITS[name]

        def call() -> Any:
            with engine(memory_limit=max(work.X.nbytes // 4, 1 << 20)):
                return fit(blocks(work.path), work)

        return Row(call, lambda model: getattr(model, attribute), compiles=True)

    return make


def _of_array(name: str) -> Callable[[FileOfRows], Row]:
    fit, attribute = FITS[name]
    return lambda work: Row(
        lambda: fit(work.X, work), lambda model: getattr(model, attribute), compiles=True
    )


def _reading(work: FileOfRows) -> Row:
    """Read the file once, a piece at a time."""
    blocks = from_fastml("blocks")

    def call() -> None:
        rows = blocks(work.path)
        step = max(1, (12 << 20) // (4 * work.X.shape[1]))
        out = np.empty((step, work.X.shape[1]), np.float32)
        for start in range(0, len(rows), step):
            stop = min(start + step, len(rows))
            rows.read(start, stop, out[: stop - start])

    return Row(call, lambda returned: None, one_way=True)


def _bytes_read(name: str, work: FileOfRows) -> int:
    """Return the bytes a fit of the file reads, in all passes."""
    rows, counts = from_fastml("blocks")(work.path), [0]
    read = rows.read

    def counted(start: int, stop: int, out: Any = None) -> Any:
        counts.append(stop - start)
        return read(start, stop, out)

    rows.read = counted
    with from_fastml("engine")(memory_limit=max(work.X.nbytes // 4, 1 << 20)):
        FITS[name][0](rows, work)
    return sum(counts) * work.X.itemsize * work.X.shape[1]


def _both(name: str) -> Callable[[FileOfRows], Row]:
    """Fit the array, then read what the file's fit reads, by as many threads."""

    def make(work: FileOfRows) -> Row:
        fit, attribute = FITS[name]
        blocks, threads = from_fastml("blocks"), from_fastml("get_num_threads")()
        each = _bytes_read(name, work) // threads
        width = work.X.itemsize * work.X.shape[1]
        step = max(1, (4 << 20) // width)

        def read() -> None:
            rows, out, left = blocks(work.path), np.empty((step, work.X.shape[1]), np.float32), each
            start = 0
            while left > 0:
                stop = min(start + step, len(rows), start + -(-left // width))
                rows.read(start, stop, out[: stop - start])
                left -= (stop - start) * width
                start = stop % len(rows)

        def call() -> Any:
            model = fit(work.X, work)
            readers = [threading.Thread(target=read) for _ in range(threads)]
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.join()
            return model

        return Row(call, lambda model: getattr(model, attribute), compiles=True, one_way=True)

    return make


@dataclass(frozen=True)
class Cluster:
    """Rows in a file, where to start, and the client of a cluster of processes here."""

    file: FileOfRows
    client: Any = field(repr=False)
    cluster: Any = field(repr=False)


def cluster_of(n: int, d: int, k: int) -> Cluster:
    """Return rows, and as many workers of one thread as there are CPUs."""
    distributed = module("distributed")
    cluster = distributed.LocalCluster(
        n_workers=cpus(), threads_per_worker=1, processes=True, dashboard_address=None,
        silence_logs=50,
    )  # fmt: skip
    work = Cluster(file_of_rows(n, d, k), distributed.Client(cluster), cluster)
    weakref.finalize(work, lambda *closed: [one.close() for one in closed], work.client, cluster)
    return work


def _shared(max_iter: int) -> Callable[[Cluster], Row]:
    """Fit on the cluster."""

    def make(work: Cluster) -> Row:
        blocks, engine = from_fastml("blocks"), from_fastml("engine")

        def call() -> Any:
            with engine(work.client):
                return _kmeans(blocks(work.file.path), work.file, max_iter)

        return Row(call, lambda model: model.cluster_centers_, compiles=True, one_way=True)

    return make


def _alone(work: Cluster) -> Row:
    """Fit the file in this process, on as many threads as there are workers."""
    blocks, num_threads = from_fastml("blocks"), from_fastml("num_threads")

    def call() -> Any:
        with num_threads(cpus()):  # a local cluster has set OMP_NUM_THREADS=1 here, too
            return _kmeans(blocks(work.file.path), work.file, 6)

    return Row(call, lambda model: model.cluster_centers_, compiles=True, one_way=True)


def _dask_ml(work: Cluster) -> Row:
    """Fit by dask-ml, the same client, as many chunks as fastml has pieces or more."""
    array, peer = module("dask.array"), module("dask_ml.cluster").KMeans
    rows, k = np.load(work.file.path, mmap_mode="r"), len(work.file.centers)
    chunked = array.from_array(rows, chunks=(-(-len(rows) // 8), rows.shape[1]))

    def call() -> Any:
        start = work.file.centers.astype(np.float64)
        return peer(n_clusters=k, init=start, max_iter=20, tol=0).fit(chunked)

    return Row(call, lambda model: np.asarray(model.cluster_centers_), one_way=True)


def check_centers(name: str, truth: Any, answer: Any, inputs: Cluster) -> None:
    """The inertia is no worse than that of the first row, but for rounding."""
    X = inputs.file.X
    few = X[:: max(1, len(X) // 20_000)].astype(np.float64)

    def inertia(centers: Any) -> float:
        distances = ((few[:, None] - np.asarray(centers, np.float64)) ** 2).sum(axis=2)
        return float(distances.min(axis=1).sum())

    assert inertia(answer) <= inertia(truth) * 1.001, name


def cluster_cases(size: Size) -> list[Case]:
    """Return a fit on a cluster, where one can be had."""
    if not find_spec("distributed"):
        return []
    n, d, k = size.pick(full=(400_000, 16, 64), quick=(100_000, 16, 64), tiny=(5000, 4, 3))
    far = size.pick(full=(2_000_000, 32, 256), quick=(300_000, 32, 64), tiny=(5000, 4, 3))
    return [
        Case(
            group="fits on a cluster",
            name=f"KMeans, {n:,} × {d}, k = {k}, a worker a CPU",
            rows={FASTML: _shared(20), DASK_ML: _dask_ml},
            inputs=lambda: cluster_of(n, d, k),
            check=check_centers,
        ),
        Case(
            group="fits on a cluster",
            name=f"long steps of KMeans, {far[0]:,} × {far[1]}, k = {far[2]}, a worker a CPU",
            rows={FASTML: _shared(6), ALONE: _alone},
            inputs=lambda: cluster_of(*far),
            check=check,
        ),
    ]


def _epochs(shuffle: bool | str, *, of_file: bool) -> Callable[[FileOfRows], Row]:
    """Train for two epochs on rows as they come, or on shuffled blocks."""

    def make(work: FileOfRows) -> Row:
        blocks, network = from_fastml("blocks"), from_fastml("MLPRegressor")

        def call() -> Any:
            model = network(
                shuffle=shuffle, batch_size=512, max_iter=2,
                random_state=0,
            )  # fmt: skip
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # two epochs are not enough
                return model.fit(blocks(work.path) if of_file else work.X, work.y)

        return Row(call, lambda model: model.coefs_[0], compiles=True)

    return make


UNSHUFFLED = "fastml, rows as they come"


def check_epochs(name: str, truth: Any, answer: Any, inputs: Any) -> None:
    """A file gives the bits of the array."""
    if name != UNSHUFFLED:
        np.testing.assert_array_equal(answer, truth, err_msg=name)


def check(name: str, truth: Any, answer: Any, inputs: Any) -> None:
    """A file gives the bits of the array."""
    if name != READING:
        np.testing.assert_array_equal(answer, truth, err_msg=name)


def cases(size: Size) -> list[Case]:
    """Return fits of many passes, of few, and of epochs."""
    n, d, k = size.pick(full=(2_000_000, 16, 64), quick=(300_000, 16, 64), tiny=(5000, 4, 3))
    return [
        Case(
            group="fits of a file",
            name=f"{name}, {n:,} × {d}, limit of a quarter",
            rows={
                FASTML: _of_file(name),
                ARRAY: _of_array(name),
                READING: _reading,
                BOTH: _both(name),
            },
            inputs=lambda: file_of_rows(n, d, k),
            check=check,
        )
        for name in FITS
    ] + [
        Case(
            group="fits of a file",
            name=f"MLPRegressor, two epochs, {n:,} × {d}, shuffled blocks",
            rows={
                FASTML: _epochs("blocks", of_file=True),
                ARRAY: _epochs("blocks", of_file=False),
                UNSHUFFLED: _epochs(False, of_file=True),
            },
            inputs=lambda: file_of_rows(n, d, k),
            check=check_epochs,
        ),
        *cluster_cases(size),
    ]


#: A fit of a file takes no longer than 1.25 times what is longest: the array's fit, reading, or
#: the work of both.
TARGETS = [
    Target("fits of a file", f"{name}, ", (ARRAY, READING, BOTH), 0.8, slowest=True)
    for name in FITS
] + [
    Target("fits on a cluster", "KMeans, ", (DASK_ML,), 10.0),
    Target("fits on a cluster", "long steps of KMeans, ", (ALONE,), 0.85),
]
