"""Peak resident anonymous memory of each fit, over the size of its data.

Each fit runs in a process of its own, after a tiny fit that loads and compiles what it
needs; this process reads the child's RssAnon while it works.
"""

from __future__ import annotations

import select
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import workloads
from .case import MissingError
from .groups.cold_start import environment
from .networks import TorchNetwork, fastml_fit, sklearn_fit
from .peers import from_fastml, module
from .sizes import Size

_SECONDS_BETWEEN = 0.002


def _kmeans(cls: Any) -> Callable[[workloads.Problem], None]:
    def fit(work: workloads.Problem) -> None:
        cls(n_clusters=len(work.centers), init=work.centers, n_init=1, max_iter=20).fit(work.X)

    return fit


def _faiss(work: workloads.Problem) -> None:
    n, d = work.X.shape
    model = module("faiss").Kmeans(
        d, len(work.centers), niter=20, max_points_per_centroid=n, min_points_per_centroid=1
    )
    model.train(work.X, init_centroids=work.centers)


def _torch(work: workloads.Training) -> None:
    torch = module("torch")
    network = TorchNetwork(work)
    optimizer = torch.optim.SGD(network.model.parameters(), lr=work.learning_rate)
    for first in range(0, len(work.X), work.batch_size):
        rows = slice(first, first + work.batch_size)
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.binary_cross_entropy_with_logits
        loss(network.model(network.X[rows]), network.y[rows]).backward()
        optimizer.step()


def _fits() -> dict[str, dict[str, Callable[[], Callable[[Any], Any]]]]:
    """Return for each fit and library what returns the function that fits."""
    return {
        "KMeans": {
            "fastml": lambda: _kmeans(from_fastml("KMeans")),
            "scikit-learn": lambda: _kmeans(module("sklearn.cluster").KMeans),
            "sklearnex": lambda: _kmeans(module("sklearnex.cluster").KMeans),
            "faiss": lambda: module("faiss") and _faiss,
        },
        "MLPClassifier": {
            "fastml": lambda: lambda work: fastml_fit()(work).call(),
            "scikit-learn": lambda: lambda work: sklearn_fit()(work).call(),
            "torch": lambda: module("torch") and _torch,
        },
    }


def _inputs(fit: str, rows: int) -> Any:
    if fit == "KMeans":
        return workloads.blobs(rows, 16, 64)
    return workloads.classification([64, 64, 64, 1], rows, 256)


def child(fit: str, library: str, rows: int) -> None:
    """Fit in this process, saying when it begins and ends."""
    warnings.simplefilter("ignore")
    try:
        function = _fits()[fit][library]()
    except MissingError as missing:
        print(f"missing: {missing}", flush=True)
        return
    function(_inputs(fit, 2000))
    work = _inputs(fit, rows)
    print(work.X.nbytes, flush=True)
    sys.stdin.readline()
    function(work)
    print("done", flush=True)
    sys.stdin.readline()


def _resident(pid: int) -> int:
    """Return the resident anonymous bytes of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise OSError("no RssAnon")


def _peak(fit: str, library: str, rows: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.memory", fit, library, str(rows)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=Path(__file__).parents[1],
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        said = process.stdout.readline().strip()
        if said.startswith("missing"):
            return {"missing": said.partition(": ")[2]}
        data = int(said)
        before = peak = _resident(process.pid)
        process.stdin.write("\n")
        process.stdin.flush()
        while not select.select([process.stdout], [], [], _SECONDS_BETWEEN)[0]:
            peak = max(peak, _resident(process.pid))
        assert process.stdout.readline().strip() == "done"
        peak = max(peak, _resident(process.pid))
        process.stdin.close()
    return {"data": data, "extra": peak - before}


def measure(size: Size) -> list[dict[str, Any]]:
    """Return for each fit and library the bytes of the data and what came on top of them."""
    if not Path("/proc/self/status").exists():
        return []
    rows = size.pick(
        full={"KMeans": 1_000_000, "MLPClassifier": 200_000},
        quick={"KMeans": 200_000},
        tiny={"KMeans": 3000},
    )
    fits = _fits()
    if size.name != "full":
        fits["KMeans"] = {"fastml": fits["KMeans"]["fastml"]}
    return [
        {"fit": fit, "library": library, **_peak(fit, library, n)}
        for fit, n in rows.items()
        for library in fits[fit]
    ]


if __name__ == "__main__":
    child(sys.argv[1], sys.argv[2], int(sys.argv[3]))
