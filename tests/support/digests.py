"""Digests of fixed predictions and fits: the same labels whatever instructions kernels use.

    PYTHONPATH=. python tests/support/digests.py
    PYTHONPATH=. python tests/support/digests.py --compare

The second line compares with SSE2 and AVX2, each in a process of its own.

Labels of given centres are equal by definition, bit for bit.  Fitted numbers may differ in their
last places where sums are fused or split differently; the fits here are of data whose clusters and
classes are plain, so that their labels must not.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]

#: What an x86-64-v3 processor offers of what LLVM names, and nothing wider.
AVX2 = "+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16,+avx,+f16c,+avx2,+fma,+bmi,+bmi2,+lzcnt,+movbe"

INSTRUCTIONS = {
    "sse2": {"NUMBA_CPU_NAME": "generic"},
    "avx2": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": AVX2},
    "host": {},
}


def can_run(name: str) -> bool:
    """Say whether this machine has the instructions."""
    from fastml.kernels.machine.host import host

    return name != "avx2" or "avx2" in host().features


def digest(values: Any) -> str:
    """Return a digest of integers."""
    return hashlib.sha256(np.ascontiguousarray(values, np.int64).tobytes()).hexdigest()[:16]


def results() -> dict[str, str]:
    """Return the digests of the labels of every job."""
    import fastml

    found = {}
    for dtype in ("float32", "float64"):
        for n, d, k in [
            (3000, 1, 7),
            (2500, 3, 40),
            (1500, 17, 33),
            (800, 100, 129),
            (700, 784, 10),
        ]:
            random = np.random.default_rng([n, d, k])
            for kind in ("normal", "grid", "offset"):
                X, centers = random.normal(size=(n, d)), random.normal(size=(k, d))
                if kind == "grid":  # ties
                    X, centers = np.rint(2 * X), np.rint(2 * centers)
                if kind == "offset":
                    X, centers = X + 1e6, centers + 1e6
                X, centers = X.astype(dtype), centers.astype(dtype)
                labels = fastml.nearest_centroid(X, centers)
                found[f"nearest {dtype} {n} x {d}, {k}, {kind}"] = digest(labels)
            means = np.rint(30 * random.normal(size=(9, d)))
            X = np.rint(8 * (means[random.integers(9, size=n)] + random.normal(size=(n, d)))) / 8
            y = random.integers(0, 3, size=n)
            Z = np.eye(3)[y] @ random.normal(size=(3, d)) * 5 + 0.1 * random.normal(size=(n, d))
            X, Z = X.astype(dtype), Z.astype(dtype)
            name = f"{dtype} {n} x {d}"
            model = fastml.KMeans(9, n_init=1, random_state=0).fit(X)
            found[f"k-means {name}"] = digest(np.r_[model.labels_, model.predict(X), model.n_iter_])
            mini = fastml.MiniBatchKMeans(9, n_init=1, random_state=0, max_iter=3).fit(X)
            found[f"mini-batches {name}"] = digest(mini.predict(X))
            rows = fastml.kmeans_plusplus(X, 9, random_state=0)[1]
            found[f"seeding {name}"] = digest(rows)
            network = fastml.MLPClassifier((16,), random_state=0, max_iter=10, tol=0.0)
            found[f"perceptron {name}"] = digest(network.fit(Z, y).predict(Z))
            for family, values in _of_other_families(X, Z, y).items():
                found[f"{family} {name}"] = digest(values)
    return found


def _of_other_families(X: Any, Z: Any, y: Any) -> dict[str, Any]:
    """Return integers that are the same by definition, or for data that leave no doubt.

    Parameters
    ----------
    X : ndarray (n_samples, n_features) of few different numbers: ties
    Z, y : ndarray, rows whose classes lie far apart
    """
    import fastml

    tree = fastml.DecisionTreeClassifier(random_state=0).fit(X, y)
    forest = fastml.RandomForestClassifier(3, random_state=0).fit(X, y)
    return {
        "neighbours": fastml.kneighbors(X, X, 5)[1],
        "tree": tree.apply(X),
        "forest": forest.apply(X),
        "naive Bayes": fastml.GaussianNB().fit(Z, y).predict(Z),
        "counts": fastml.MultinomialNB().fit(abs(X), y).predict(abs(X)),
        "logistic": fastml.LogisticRegression().fit(Z, y).predict(Z),
    }


def compare() -> int:
    """Compare the digests under each set of instructions; return the status to end with."""
    found = {}
    for name, variables in INSTRUCTIONS.items():
        if not can_run(name):
            print(f"{name}: left out, this processor lacks the instructions")
            continue
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
        found[name] = json.loads(
            subprocess.run(
                [sys.executable, "-W", "ignore", __file__],
                env=environment, check=True, stdout=subprocess.PIPE, text=True,
            ).stdout
        )  # fmt: skip
        print(f"{name}: {len(found[name])} digests, {found[name].pop('lanes')} lanes", flush=True)
    expected = found["host"]
    differ = [
        f"{job}: {name} differs"
        for job in expected for name in found if found[name][job] != expected[job]
    ]  # fmt: skip
    print("\n".join(differ))
    print(f"{len(expected)} digests of {len(found)} sets of instructions, {len(differ)} differ")
    return 1 if differ or len(found) < 2 else 0


def lanes() -> str:
    """Return how many float32 numbers a vector of these instructions has."""
    from fastml.kernels.machine.host import host

    return str(host().vector_bytes // 4)


if __name__ == "__main__":
    if sys.argv[1:] == ["--compare"]:
        sys.exit(compare())
    print(json.dumps({**results(), "lanes": lanes()}))
