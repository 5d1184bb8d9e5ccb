"""Cluster a file larger than the memory it may take, and get the bits of the array."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

import fastml


def main() -> None:
    """Write a file of 64 MB, cluster it within 16 MB, compare."""
    random = np.random.default_rng(0)
    centers = random.normal(size=(12, 16)) * 4
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        rows = np.lib.format.open_memmap(path, "w+", np.float32, (1_000_000, 16))
        for start in range(0, len(rows), 50_000):
            some = centers[random.integers(0, 12, 50_000)]
            rows[start : start + 50_000] = some + random.normal(size=some.shape)
        rows.flush()

        X = fastml.blocks(path)
        model = fastml.KMeans(12, random_state=0)
        with fastml.engine(memory_limit="16MB"):
            X.explain(model)
            model.fit(X)
        expected = fastml.KMeans(12, random_state=0).fit(rows)
        same = model.cluster_centers_.tobytes() == expected.cluster_centers_.tobytes()
        print(f"{model.n_iter_} iterations, the same bits as of the array: {same}")


if __name__ == "__main__":
    main()
