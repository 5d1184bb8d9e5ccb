"""Public functions and estimators on guarded memory, at every remainder of the tile.

    PYTHONPATH=. python tests/support/guards.py --cases 5000
    PYTHONPATH=. python tests/support/guards.py --seed 7 --first 1234 --cases 1

Each case runs twice: on memory as usual, and with every NumPy array (inputs, outputs, whatever is
made in between) and every workspace of a kernel between closed pages, full of NaN until written
(:mod:`guarded_memory`).  The second run must not touch what is not its own, or the process dies,
and must return the same bits, or something was read before it was written.  The cases run in
processes of their own; one that dies is a failure, and the next goes on behind it.
"""

from __future__ import annotations

import argparse
import collections
import faulthandler
import os
import secrets
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Generator = np.random.Generator

ROOT = Path(__file__).resolve().parents[2]
#: Cases a process runs: what some of them leave behind goes with it.
_A_PROCESS = 500
#: Rows of a panel and lanes of a vector are divisors of these, for either element type.
_LANES = {"float32": 16, "float64": 8}


def length(random: Generator, dtype: str, most: int) -> int:
    """Draw a number up to ``most``: a whole number of vectors, and any remainder."""
    lanes = _LANES[dtype]
    vectors = int(random.integers(0, 1 + most // lanes))
    if random.integers(2):
        vectors = min(vectors, 2)
    return min(most, max(1, vectors * lanes + int(random.integers(-2, lanes))))


class Draw:
    """A case's numbers, always the same; its arrays, from wherever NumPy takes memory now."""

    def __init__(self, random: Generator) -> None:
        self.random = random
        self.dtype = str(random.choice(["float32", "float64"]))
        self.threads = int(random.integers(1, 4))

    def size(self, most: int = 70) -> int:
        return length(self.random, self.dtype, most)

    def rows(self) -> int:
        """Draw a number of rows: mostly a panel or three, now and then many blocks."""
        return self.size(3000 if self.random.random() < 0.1 else 150)

    def array(self, *shape: int) -> Array:
        """Draw normal numbers, rounded so that there are ties now and then."""
        values = self.random.normal(size=shape)
        if self.random.integers(4) == 0:
            values = np.rint(values)
        return self.laid_out(values.astype(self.dtype))

    def laid_out(self, X: Array) -> Array:
        """Return the same numbers in some layout: rows, columns, with gaps, from the back."""
        layout = self.random.integers(6)
        if X.ndim != 2 or layout > 3:
            return X.copy()
        if layout == 0:
            return np.asfortranarray(X.copy())
        if layout == 1:
            wide = np.empty((2 * X.shape[0] - 1, 2 * X.shape[1] - 1), X.dtype)
            wide[::2, ::2] = X
            return wide[::2, ::2]
        if layout == 2:
            return X[::-1, ::-1].copy()[::-1, ::-1]
        wide = np.empty((X.shape[0], X.shape[1] + 3), X.dtype)
        wide[:, 3:] = X
        return wide[:, 3:]

    def labels(self, n: int, classes: int) -> Array:
        y = self.random.integers(0, classes, size=n)
        y[:classes] = np.arange(min(n, classes))
        return y

    def weights(self, n: int) -> Array | None:
        kind = self.random.integers(3)
        if kind == 0:
            return None
        return self.random.choice([0.0, 1.0, 2.5], size=n) if kind == 1 else (
            self.random.uniform(0.1, 1, size=n)
        )  # fmt: skip

    def seed(self) -> int:
        return int(self.random.integers(1 << 31))


# --- families: each draws a case and returns everything that came of it --------------------------


def elementwise(draw: Draw) -> list[Any]:
    import fastml

    x = draw.array(draw.rows(), draw.size())
    out = np.empty(x.shape, x.dtype)
    place = np.ascontiguousarray(x)
    return [
        fastml.sigmoid(x), fastml.sigmoid(x, out=out), fastml.sigmoid_derivative(x),
        fastml.sigmoid_derivative(place, out=place), fastml.sigmoid(x.ravel()[: draw.size()]),
    ]  # fmt: skip


def dense(draw: Draw) -> list[Any]:
    import fastml

    n, d, k = draw.rows(), draw.size(), draw.size()
    X, W, b, delta = draw.array(n, d), draw.array(d, k), draw.array(k), draw.array(n, k)
    activation = str(draw.random.choice(["identity", "logistic", "tanh", "relu"]))
    out = np.empty((n, k), X.dtype)
    return [
        fastml.dense_forward(X, W, b, activation=activation),
        fastml.dense_forward(X, W, b, activation=activation, out=out),
        *fastml.dense_backward(X, W, delta, activation=activation),
    ]


def nearest_centroid(draw: Draw) -> list[Any]:
    import fastml

    n, d, k = draw.rows(), draw.size(130), draw.size(130)
    X, centers = draw.array(n, d), draw.array(k, d)
    labels = np.empty(n, np.int32)
    return [
        fastml.nearest_centroid(X, centers),
        *fastml.nearest_centroid(X, centers, return_distance=True, out=labels),
        fastml.nearest_centroid(X[-1:], centers),
    ]


def k_means(draw: Draw) -> list[Any]:
    import fastml

    n, d = draw.rows(), draw.size()
    k = min(n, draw.size(40))
    X, weights = draw.array(n, d), draw.weights(n)
    init: Any = str(draw.random.choice(["k-means++", "random", "rows"]))
    if weights is not None:
        weights += 0.5 * (init == "random")  # which needs as many rows of some weight as clusters
        weights[0] = 1.0
    init = X[:k].copy() if init == "rows" else init
    settings: dict[str, Any] = {
        "init": init, "n_init": 1, "max_iter": int(draw.random.integers(1, 8)),
        "random_state": draw.seed(), "tol": float(draw.random.choice([0, 1e-4])),
    }  # fmt: skip
    model = fastml.KMeans(k, **settings).fit(X, sample_weight=weights)
    more = draw.array(draw.rows(), d)
    return [
        model.cluster_centers_, model.labels_, model.inertia_, model.predict(more),
        model.transform(more), model.score(more), model.predict(X[:1]),
    ]  # fmt: skip


def mini_batches(draw: Draw) -> list[Any]:
    import fastml

    n, d = draw.rows(), draw.size()
    k = min(n, draw.size(20))
    X = draw.array(n, d)
    model = fastml.MiniBatchKMeans(
        k, batch_size=draw.size(), max_iter=int(draw.random.integers(1, 4)),
        n_init=1, random_state=draw.seed(),
    ).fit(X)  # fmt: skip
    results = [model.cluster_centers_.copy(), model.labels_, model.predict(X)]
    model.partial_fit(draw.array(draw.rows(), d))
    return [*results, model.cluster_centers_, model.predict(X)]


def seeding(draw: Draw) -> list[Any]:
    import fastml

    n, d = draw.rows(), draw.size()
    X, weights = draw.array(n, d), draw.weights(n)
    if weights is not None:
        weights += 0.5
    k = min(n, draw.size(30))
    trials = int(draw.random.integers(1, 12))
    return list(
        fastml.kmeans_plusplus(
            X, k, sample_weight=weights, random_state=draw.seed(), n_local_trials=trials
        )
    )


def _network(draw: Draw) -> dict[str, Any]:
    random = draw.random
    layers = tuple(draw.size(40) for _ in range(int(random.integers(1, 4))))
    activations = ["identity", "logistic", "tanh", "relu"]
    return {
        "hidden_layer_sizes": layers,
        "activation": str(random.choice(activations)),
        "solver": str(random.choice(["sgd", "adam", "adam", "lbfgs"])),
        "batch_size": draw.size(),
        "shuffle": bool(random.integers(2)),
        "max_iter": int(random.integers(1, 3)),
        "random_state": draw.seed(),
        "learning_rate_init": 0.001,  # where nothing diverges
        "max_fun": 20,
        "record_gradients": bool(random.integers(2)),
    }


def classifier(draw: Draw) -> list[Any]:
    import fastml
    from fastml.inspection import gradient_flow

    d, classes = draw.size(), int(draw.random.choice([2, 2, 3, 5, 17]))
    n = classes + draw.rows()
    X, y = draw.array(n, d), draw.labels(n, classes)
    model = fastml.MLPClassifier(**_network(draw)).fit(X, y)
    results = [*model.coefs_, *model.intercepts_, model.loss_]
    more = draw.array(draw.rows(), d)
    results += [model.predict_proba(more), model.predict(more), *model.activations(more)]
    flow = gradient_flow(model, X, y)
    results += [*flow.gradient_norms] if hasattr(flow, "gradient_norms") else []
    if model.solver != "lbfgs":
        model.partial_fit(X, y)
        results += [*model.coefs_, model.predict_proba(X[:1])]
    return results


def regressor(draw: Draw) -> list[Any]:
    import fastml

    n, d, outputs = draw.rows(), draw.size(), int(draw.random.choice([1, 1, 2, 9, 17]))
    X = draw.array(n, d)
    Y = draw.array(n, outputs)
    model = fastml.MLPRegressor(**_network(draw)).fit(X, Y if outputs > 1 else Y[:, 0])
    return [*model.coefs_, model.predict(X), model.predict(draw.array(draw.rows(), d))]


FAMILIES: dict[str, Callable[[Draw], list[Any]]] = {
    "elementwise": elementwise,
    "dense": dense,
    "nearest_centroid": nearest_centroid,
    "k_means": k_means,
    "mini_batches": mini_batches,
    "seeding": seeding,
    "classifier": classifier,
    "regressor": regressor,
}


def run_case(seed: int, number: int, family: str) -> None:
    """Run one case on memory as usual and on guarded memory, and compare the bits."""
    import guarded_memory

    import fastml

    results = []
    for guard in (False, True):
        draw = Draw(np.random.default_rng([seed, number]))
        with fastml.num_threads(draw.threads):
            if guard:
                before = guarded_memory.count()
                with guarded_memory.guarded(at_start=bool(number & 1)):
                    found = [np.array(value) for value in FAMILIES[family](draw)]
                assert guarded_memory.count() > before
            else:
                found = [np.array(value) for value in FAMILIES[family](draw)]
        results.append(found)
    usual, same = results
    assert len(usual) == len(same)
    for i, (a, b) in enumerate(zip(usual, same, strict=True)):
        assert a.dtype == b.dtype, i
        assert a.tobytes() == b.tobytes(), f"result {i} of {family} differs"


def family_of(seed: int, number: int, families: Sequence[str]) -> str:
    """Return which family a case belongs to."""
    return families[int(np.random.default_rng([seed, number, 1]).integers(len(families)))]


def work(seed: int, first: int, last: int, families: Sequence[str]) -> int:
    """Run the cases from first to last; say which begins, so that a death has a number."""
    import guarded_memory

    guarded_memory.guard_kernels()
    import fastml
    import fastml.neural_network
    from fastml.core import threads

    # Helpers take part however little there is to do.
    threads._WORTH_WAKING = threads._WORTH_SHARING = 1
    _ = fastml.MLPClassifier
    for name, module in list(sys.modules.items()):
        if name.startswith("fastml.") and hasattr(module, "_SHARED_STEP_NANOSECONDS"):
            module._SHARED_STEP_NANOSECONDS = 0
    warnings.simplefilter("ignore")
    failures = 0
    for number in range(first, last):
        family = family_of(seed, number, families)
        print(f"begin {number} {family}", flush=True)
        try:
            run_case(seed, number, family)
        except Exception:
            failures += 1
            print(f"wrong {number}\n{traceback.format_exc()[-3000:]}", flush=True)
    return 1 if failures else 0


def break_out(how: str) -> None:
    """Touch what may not be touched: the guard itself is tried."""
    import guarded_memory
    import numba

    guarded_memory.guard_kernels()
    print(f"begin 0 {how}", flush=True)
    if how == "workspace":
        made = numba.njit(lambda n: np.zeros(n)[1:])(9)
        read = numba.njit(lambda x, i: x[i])
        print(read(made, 7))
        read(made, 8)
        return
    with guarded_memory.guarded(at_start=False):
        array = np.zeros(5)
    beyond = np.lib.stride_tricks.as_strided(array, (6,))
    if how == "array":
        beyond.sum()
    else:
        import ctypes

        address = array.ctypes.data
        ctypes.c_double.from_address(address).value = 3.0
        del array, beyond
        ctypes.c_double.from_address(address).value = 4.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the cases, a process after another; return the status this one should end with."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--seed", type=int, default=None, help="default: a new one")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--family", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--break", dest="broken", choices=["array", "workspace", "freed"])
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    last = options.first + options.cases
    if options.worker and options.broken:
        break_out(options.broken)
        return 0
    if options.worker:
        return work(options.seed, options.first, last, options.family)
    seed = secrets.randbits(32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FASTML_EXACT_SCRATCH": "1"}
    counts: collections.Counter[str] = collections.Counter()
    failures, number = 0, options.first
    only = "" if options.family == list(FAMILIES) else f" --family {' '.join(options.family)}"
    while number < last:
        command = [sys.executable, "-X", "faulthandler", __file__, "--worker", "--seed", str(seed)]
        command += ["--first", str(number), "--cases", str(min(_A_PROCESS, last - number))]
        command += ["--family", *options.family]
        command += ["--break", options.broken] if options.broken else []
        end = min(number + _A_PROCESS, last)
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, text=True
        ) as process:  # fmt: skip
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("begin "):
                    _, begun, family = line.split()
                    number = int(begun) + 1
                    counts[family] += 1
                    continue
                if line.startswith("wrong "):
                    failures += 1
                    print(f"FAILED: again with --seed {seed} --first {number - 1} --cases 1{only}")
                else:
                    print(line, end="", flush=True)
        if process.returncode < 0:
            failures += 1
            again = f"--seed {seed} --first {number - 1} --cases 1{only}"
            print(f"FAILED: ended by signal {-process.returncode}; again with {again}", flush=True)
        elif process.returncode and number < end:
            print(f"FAILED: ended with status {process.returncode} after case {number - 1}")
            return 1
        if options.broken:
            break
        print(f"seed {seed}, case {number}, {failures} failed", flush=True)
    each = ", ".join(f"{family} {count}" for family, count in sorted(counts.items()))
    print(f"{sum(counts.values())} cases, {failures} failed, seed {seed}: {each}")
    return 1 if failures else 0


if __name__ == "__main__":
    faulthandler.enable()
    sys.exit(main())
