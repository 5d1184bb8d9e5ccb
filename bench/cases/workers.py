"""Fits on a cluster of processes here, where dask is installed, against dask-ml and one process."""

from __future__ import annotations

import os
import signal
import threading
import warnings
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..harness.case import FASTML, Case, Row
from ..harness.sizes import Size
from ..harness.targets import Target
from ..peers import cpus, from_fastml, module
from .large_data import FileOfRows, check, file_of_rows, kmeans

DASK_ML, ALONE, UNDISTURBED = "dask-ml", "fastml, one process", "fastml, all alive"


@dataclass(frozen=True)
class Cluster:
    """Rows in a file, where to start, and the client of a cluster of processes here."""

    file: FileOfRows
    client: Any = field(repr=False)
    cluster: Any = field(repr=False)


def _started(file: FileOfRows) -> Cluster:
    """Return as many new workers of one thread as there are CPUs, for rows in a file."""
    distributed = module("distributed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # another one has the usual port
        cluster = distributed.LocalCluster(
            n_workers=cpus(), threads_per_worker=1, processes=True, dashboard_address=None,
            silence_logs=50,
        )  # fmt: skip
    work = Cluster(file, distributed.Client(cluster), cluster)
    weakref.finalize(work, lambda *closed: [one.close() for one in closed], work.client, cluster)
    return work


def cluster_of(n: int, d: int, k: int) -> Cluster:
    """Return rows, and workers."""
    return _started(file_of_rows(n, d, k))


def _peak(work: Cluster) -> str:
    """Return what the workers' memory came to so far, where the system tells (Linux).

    Not what ``getrusage`` says: a process begins there with the peak of the one that started it.
    """

    def peak() -> int:
        from pathlib import Path

        status = Path("/proc/self/status")
        lines = status.read_text().splitlines() if status.exists() else []
        return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))

    most = max(work.client.run(peak).values()) * 1024 / 1e6
    return f"a worker came to {most:.0f} MB" if most else ""


def _shared(max_iter: int) -> Callable[[Cluster], Row]:
    """Fit on the cluster."""

    def make(work: Cluster) -> Row:
        blocks, engine = from_fastml("blocks"), from_fastml("engine")

        def call() -> Any:
            with engine(work.client):
                return kmeans(blocks(work.file.path), work.file, max_iter)

        return Row(
            call, lambda model: model.cluster_centers_, remark=lambda model: _peak(work),
            compiles=True, one_way=True,
        )  # fmt: skip

    return make


def _alone(work: Cluster) -> Row:
    """Fit the file in this process, on as many threads as there are workers."""
    blocks, num_threads = from_fastml("blocks"), from_fastml("num_threads")

    def call() -> Any:
        with num_threads(cpus()):  # a local cluster has set OMP_NUM_THREADS=1 here, too
            return kmeans(blocks(work.file.path), work.file, 6)

    return Row(call, lambda model: model.cluster_centers_, compiles=True, one_way=True)


def _all_there(work: Cluster) -> None:
    """Have all workers there, and ready: one that was killed comes back cold."""
    blocks, engine = from_fastml("blocks"), from_fastml("engine")
    work.client.wait_for_workers(cpus(), timeout=60)
    for _ in range(2):
        with engine(work.client):
            kmeans(blocks(work.file.path), work.file, 2)


def _undisturbed(work: Cluster) -> Row:
    """Fit on the cluster once all are there again."""
    return replace(_shared(20)(work), before=lambda: _all_there(work))


def _killed(work: Cluster) -> Row:
    """Fit on the cluster, and kill a worker meanwhile."""
    blocks, engine = from_fastml("blocks"), from_fastml("engine")
    random = np.random.default_rng(0)

    def call() -> tuple[Any, int]:
        reports: list[Any] = []
        victim = random.choice([nanny.pid for nanny in work.cluster.workers.values()])
        kill = threading.Timer(random.uniform(0.05, 0.4), os.kill, (int(victim), signal.SIGKILL))
        kill.start()
        with engine(work.client, progress=reports.append):
            model = kmeans(blocks(work.file.path), work.file, 20)
        kill.join()
        return model, sum(report.restarts for report in reports)

    return Row(
        call, lambda returned: returned[0].cluster_centers_,
        before=lambda: _all_there(work), one_way=True,
        remark=lambda returned: f"{returned[1]} restarts, the same bits",
    )  # fmt: skip


def _dask_ml(work: Cluster) -> Row:
    """Fit by dask-ml, as many chunks as fastml has pieces or more.

    By workers of its own, as many: what their memory comes to is then its doing.
    """
    own = _started(work.file)
    array, peer = module("dask.array"), module("dask_ml.cluster").KMeans
    path, k = str(work.file.path), len(work.file.centers)
    (n, d), width = work.file.X.shape, -(-len(work.file.X) // 8)

    def chunk(start: int) -> Any:
        return np.array(np.load(path, mmap_mode="r")[start : start + width])

    chunked = array.concatenate(
        [
            array.from_delayed(module("dask").delayed(chunk)(a), (min(width, n - a), d), np.float32)
            for a in range(0, n, width)
        ]
    )

    def call() -> Any:
        start = work.file.centers.astype(np.float64)
        with own.client.as_current():
            return peer(n_clusters=k, init=start, max_iter=20, tol=0).fit(chunked)

    return Row(
        call, lambda model: np.asarray(model.cluster_centers_),
        remark=lambda model: _peak(own), one_way=True,
    )  # fmt: skip


def check_centers(name: str, truth: Any, answer: Any, inputs: Cluster) -> None:
    """The inertia is no worse than that of the first row, but for rounding."""
    X = inputs.file.X
    few = X[:: max(1, len(X) // 20_000)].astype(np.float64)

    def inertia(centers: Any) -> float:
        distances = ((few[:, None] - np.asarray(centers, np.float64)) ** 2).sum(axis=2)
        return float(distances.min(axis=1).sum())

    assert inertia(answer) <= inertia(truth) * 1.001, name


def cases(size: Size) -> list[Case]:
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
            name=f"one worker killed, KMeans, {n:,} × {d}, k = {k}, a worker a CPU",
            rows={FASTML: _killed, UNDISTURBED: _undisturbed},
            inputs=lambda: cluster_of(n, d, k),
            check=check,
        ),
        Case(
            group="fits on a cluster",
            name=f"long steps of KMeans, {far[0]:,} × {far[1]}, k = {far[2]}, a worker a CPU",
            rows={FASTML: _shared(6), ALONE: _alone},
            inputs=lambda: cluster_of(*far),
            check=check,
        ),
    ]


TARGETS = [
    Target("fits on a cluster", "KMeans, ", (DASK_ML,), 10.0),
    Target(
        "fits on a cluster",
        "long steps of KMeans, ",
        (ALONE,),
        0.85,
        "What is left is Dask's way from here to the workers and back, and that a step waits for "
        "the slower of two equal shares, where threads of one process take the next piece.",
    ),
]
