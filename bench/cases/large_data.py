"""Fits of a file of four times the memory they may take, against the array and mere reading.

From the page cache and from the disk; what bounds spare of a sorted file; networks that shuffle
blocks.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..harness.case import FASTML, Case, Row
from ..harness.memory import MemoryFit
from ..harness.sizes import Size
from ..harness.targets import Target
from ..harness.workloads import blobs
from ..peers import from_fastml

ARRAY, READING = "fastml, array", "fastml, reading alone"
#: What a file's fit cannot be quicker than unless it waits for a disk: the work of both.
BOTH = "fastml, array, then reading"


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
    with path.open("wb") as file:
        np.save(file, work.X)
        file.flush()
        os.fsync(file.fileno())  # only what is on the disk can be dropped from the page cache
    y = np.random.default_rng(0).integers(0, 3, n)
    return FileOfRows(work.X, y, work.centers, path, folder)


def kmeans(X: Any, work: FileOfRows, max_iter: int = 20) -> Any:
    k = len(work.centers)
    return from_fastml("KMeans")(k, init=work.centers, n_init=1, tol=0, max_iter=max_iter).fit(X)


def _bayes(X: Any, work: FileOfRows) -> Any:
    return from_fastml("GaussianNB")().fit(X, work.y)


def _parallel(X: Any, work: FileOfRows) -> Any:
    model = from_fastml("KMeans")
    return model(len(work.centers), init="k-means||", tol=0, max_iter=5, random_state=0).fit(X)


def _logistic(X: Any, work: FileOfRows) -> Any:
    return from_fastml("LogisticRegression")().fit(X, work.y)


#: Of iterations times a sorted file, no more is read.
MOST_READ = 0.6

Fit = Callable[[Any, FileOfRows], Any]
FITS: dict[str, tuple[Fit, str]] = {
    "KMeans": (kmeans, "cluster_centers_"),
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


def drop(path: Path) -> None:
    """Have the system forget what it has of a file, where it can be told to."""
    with path.open("rb") as file:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _cold(make: Callable[[FileOfRows], Row]) -> Callable[[FileOfRows], Row]:
    """Do the same with nothing of the file in the page cache; dropping it takes a hundredth."""

    def made(work: FileOfRows) -> Row:
        warm = make(work)

        def call() -> Any:
            drop(work.path)
            return warm.call()

        return replace(warm, call=call)

    return made


def _counted(rows: Any) -> list[int]:
    """Return a list that grows by the number of rows at every read."""
    counts, read = [0], rows.read

    def counted(start: int, stop: int, out: Any = None) -> Any:
        counts.append(stop - start)
        return read(start, stop, out)

    rows.read = counted
    return counts


def _bytes_read(name: str, work: FileOfRows) -> int:
    """Return the bytes a fit of the file reads, in all passes."""
    rows = from_fastml("blocks")(work.path)
    counts = _counted(rows)
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


def sorted_file(n: int, d: int, k: int) -> FileOfRows:
    """Return rows sorted by cluster; where to start has a few more centres in the first ones."""
    random = np.random.default_rng(0)
    centers = 5 * random.normal(size=(k, d))
    labels = np.sort(random.integers(0, k, n))
    X = (centers[labels] + random.normal(size=(n, d))).astype(np.float32)
    more = centers[: -(-k // 8)] + random.normal(size=(-(-k // 8), d))
    folder = tempfile.TemporaryDirectory(prefix="fastml-bench-")
    path = Path(folder.name) / "rows.npy"
    np.save(path, X)
    return FileOfRows(X, labels, np.vstack([centers, more]).astype(np.float32), path, folder)


def _sorted(work: FileOfRows) -> Row:
    """Fit a sorted file, and count what is read of it."""
    blocks, engine = from_fastml("blocks"), from_fastml("engine")

    def call() -> tuple[Any, float]:
        rows = blocks(work.path)
        counts = _counted(rows)
        with engine(memory_limit=max(work.X.nbytes // 4, 1 << 20)):
            model = kmeans(rows, work, 40)
        return model, sum(counts) / len(rows) / model.n_iter_

    def answer(returned: tuple[Any, float]) -> Any:
        assert len(work.X) < 100_000 or returned[1] <= MOST_READ, returned[1]
        return returned[0].cluster_centers_

    return Row(
        call,
        answer,
        remark=lambda returned: f"{returned[1]:.0%} of iterations times the file were read",
        compiles=True,
    )


def _sorted_array(work: FileOfRows) -> Row:
    return Row(
        lambda: kmeans(work.X, work, 40), lambda model: model.cluster_centers_, compiles=True
    )


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

        return Row(
            call, lambda model: model.coefs_[0], compiles=True,
            remark=lambda model: _accuracy(len(work.X)) if of_file else "",
        )  # fmt: skip

    return make


def _accuracy(n_rows: int) -> str:
    """Return the held-out accuracy of rows sorted by label, shuffled by blocks and all at once."""
    n = min(n_rows, 500_000)
    random, held = np.random.default_rng(0), n // 5
    y = random.integers(0, 5, n)
    X = (random.normal(size=(5, 10))[y] + random.normal(size=(n, 10))).astype(np.float32)
    train = held + np.argsort(y[held:], kind="stable")
    network = from_fastml("MLPClassifier")
    scores: dict[Any, list[float]] = {"blocks": [], True: []}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(10 if n == 500_000 else 1):
            for shuffle, found in scores.items():
                model = network((20,), shuffle=shuffle, max_iter=2, random_state=seed)
                model.fit(X[train], y[train])
                found.append(float(model.score(X[:held], y[:held])))
    of_blocks, of_all = (100 * np.mean(found) for found in scores.values())
    return (
        f"of rows sorted by label {of_blocks:.2f} % of others are right, {of_all:.2f} % where all "
        f"rows are shuffled, in the mean of {len(scores[True])} seeds"
    )


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
            name=f"{name}, {n:,} × {d}, limit of a quarter{where}",
            rows={
                FASTML: reading(_of_file(name)),
                ARRAY: _of_array(name),
                READING: reading(_reading),
                BOTH: _both(name),
            },
            inputs=lambda: file_of_rows(n, d, k),
            check=check,
        )
        for where, reading in (("", lambda row: row), (", from the disk", _cold))
        for name in FITS
    ] + [
        Case(
            group="fits of a file",
            name=f"sorted by cluster, KMeans, {n:,} × {d}, limit of a quarter",
            rows={FASTML: _sorted, ARRAY: _sorted_array},
            inputs=lambda: sorted_file(n, d, k),
            check=check,
        ),
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
    ]


#: What is known where a target is missed.
TRIED = {
    "GaussianNB": (
        "From the disk: a pass that computes nothing takes as long as reading alone, one that "
        "computes a little, on other threads while one reads, nearly as long as both one after "
        "the other. One thread more that reads, one at a time, smaller and larger pieces, and "
        "what the system can be advised to read ahead were measured: a few hundredths at most, "
        "or slower. Reading past the page cache would leave the processors alone, but every "
        "later pass would read from the disk again."
    ),
    "LogisticRegression": (
        "From the disk: the first pass draws a sample from all of the file, and nothing can be "
        "computed before it is there, so reading and computing follow each other. The rest of the "
        "fit takes as long as from the page cache, which is near the bound already. A sample of "
        "runs of rows, of which nothing else was read, was measured: what the system then has of "
        "the file are bits and pieces, and the pass after it took longer than both do now."
    ),
}
#: A fit of a file takes no longer than 1.25 times what is longest: the array's fit, reading, or
#: the work of both.
TARGETS = [
    Target(
        "fits of a file",
        f"{name}, ",
        (ARRAY, READING, BOTH),
        0.8,
        TRIED.get(name, ""),
        slowest=True,
    )
    for name in FITS
] + [Target("fits of a file", "MLPRegressor, ", (UNSHUFFLED,), 0.8)]


@dataclass(frozen=True)
class MappedRows:
    """Rows of a file, of which nothing is in this process, and where to start."""

    X: Any
    y: Any
    centers: Any
    path: Path
    folder: Any = field(repr=False)


def mapped_rows(n: int) -> MappedRows:
    """Return rows that only a file has."""
    work = file_of_rows(n, 16, 64)
    return MappedRows(np.load(work.path, "r"), work.y, work.centers, work.path, work.folder)


def _under_limit(work: MappedRows) -> Any:
    return from_fastml("engine")(memory_limit=max(work.X.nbytes // 4, 1 << 20))


def _told(model: Any) -> Callable[[MappedRows], float]:
    """Return what ``explain`` says that a fit takes."""

    def told(work: MappedRows) -> float:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), _under_limit(work):
            from_fastml("blocks")(work.path).explain(model(work))
        (number, unit) = re.findall(r"memory: about ([0-9.]+) ([kM]?)B", said.getvalue())[0]
        return float(number) * {"": 1, "k": 1e3, "M": 1e6}[unit]

    return told


def _watched(name: str) -> Callable[[], Callable[[MappedRows], Any]]:
    def fits() -> Callable[[MappedRows], Any]:
        fit = FITS[name][0]

        def call(work: MappedRows) -> Any:
            with _under_limit(work):
                return fit(from_fastml("blocks")(work.path), work)

        return call

    return fits


MODELS: dict[str, Callable[[Any], Any]] = {
    "KMeans": lambda work: from_fastml("KMeans")(64, init=work.centers, tol=0, max_iter=20),
    "LogisticRegression": lambda work: from_fastml("LogisticRegression")(),
}
MEMORY = [
    MemoryFit(
        f"{name}, a file, limit of a quarter",
        rows={"full": 2_000_000, "tiny": 20_000},
        inputs=mapped_rows,
        libraries={FASTML: _watched(name)},
        told=_told(model),
    )
    for name, model in MODELS.items()
]
