"""Differential fuzzing: random cases against the reference and scikit-learn, by the hour.

    PYTHONPATH=. python tests/support/fuzz.py --hours 1
    PYTHONPATH=. python tests/support/fuzz.py --seed 7 --first 1234 --cases 1

A case is drawn from (seed, number of the case) alone, so the second line runs one case again.
A case that fails is printed with both, and the fuzzer goes on; the status is 0 only if none
did.  The last line holds the counts.
"""

from __future__ import annotations

import argparse
import collections
import faulthandler
import secrets
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sklearn.cluster
import sklearn.metrics
import sklearn.neural_network
from sklearn.exceptions import ConvergenceWarning

import fastml
from fastml import reference

Array = np.ndarray[Any, Any]
Generator = np.random.Generator

DTYPES = (np.float32, np.float64)
#: Seconds from one line of progress to the next.
_PROGRESS = 30


def size(random: Generator, most: int) -> int:
    """Draw a number from 1 to ``most``, small ones as often as large ones."""
    return int(np.exp(random.uniform(0, np.log(most + 1))))


def laid_out(random: Generator, X: Array) -> Array:
    """Return the same matrix in some memory layout."""
    layout = random.integers(4)
    if layout == 0:
        return np.asfortranarray(X)
    if layout == 1:  # every other row and column of something larger
        wide = np.empty((2 * X.shape[0], 2 * X.shape[1]), X.dtype)
        wide[::2, ::2] = X
        return wide[::2, ::2]
    if layout == 2:  # not on a cache line
        flat = np.empty(X.size + 1, X.dtype)[1:]
        flat[:] = X.reshape(-1)
        return flat.reshape(X.shape)
    return X


def points(random: Generator, n: int, d: int, k: int, dtype: Any) -> tuple[Array, Array, str]:
    """Draw rows and centres of a kind that is hard for some shortcut, and say which."""
    kind = str(random.choice(["normal", "clustered", "grid", "duplicates", "ulp", "offset"]))
    scale = 2.0 ** random.integers(-20, 21)
    centers = random.normal(size=(k, d))
    X = random.normal(size=(n, d))
    if kind == "clustered":
        X = centers[random.integers(k, size=n)] + 0.1 * X
    elif kind == "grid":  # ties that are exact
        X, centers = np.rint(2 * X), np.rint(2 * centers)
    elif kind == "duplicates":
        centers = centers[random.integers(k, size=k)]
        X[: n // 2] = centers[random.integers(k, size=n // 2)]
    elif kind == "ulp":  # centres one unit in the last place apart
        centers = np.repeat(centers[:1], k, axis=0).astype(dtype)
        rows, columns = np.arange(k), random.integers(d, size=k)
        centers[rows, columns] = np.nextafter(centers[rows, columns], dtype(9))
    elif kind == "offset":
        shift = random.choice([1e3, 1e6, 1e8])
        X, centers = X + shift, centers + shift
    return (X * scale).astype(dtype), (centers * scale).astype(dtype), f"{kind} x {scale:g}"


# --- families: each draws a case, runs it, and returns what the case was ------------------------


def nearest_centroid(random: Generator) -> str:
    """Labels equal the reference's; scikit-learn's are never nearer."""
    n, d, k = size(random, 3000), size(random, 200), size(random, 150)
    dtype = DTYPES[random.integers(2)]
    X, centers, kind = points(random, n, d, k, dtype)
    n_threads = int(random.integers(1, 5))
    case = f"{n} x {d}, k = {k}, {dtype.__name__}, {kind}, {n_threads} threads"
    expected, nearest = reference.nearest_centroid(X, centers, return_distance=True)
    with fastml.num_threads(n_threads):
        labels, distances = fastml.nearest_centroid(
            laid_out(random, X), laid_out(random, centers), return_distance=True
        )
    np.testing.assert_array_equal(labels, expected, err_msg=case)
    np.testing.assert_allclose(distances, nearest, rtol=2 * np.finfo(dtype).eps, err_msg=case)
    theirs = sklearn.metrics.pairwise_distances_argmin(X, centers)
    apart = np.sqrt(((X.astype(np.float64) - centers[theirs].astype(np.float64)) ** 2).sum(axis=1))
    assert (apart >= nearest * (1 - 1e-12)).all(), case
    return case


def k_means(random: Generator) -> str:
    """The fit ends in a state the reference agrees with, with the same bits on any threads."""
    n, d = 2 + size(random, 3000), size(random, 60)
    k = min(size(random, 60), n)
    dtype = DTYPES[random.integers(2)]
    X, _, kind = points(random, n, d, k, dtype)
    weights = [None, random.choice([0.0, 1.0, 2.0], size=n), random.uniform(size=n)][
        random.integers(3)
    ]
    max_iter = size(random, 30)
    case = f"{n} x {d}, k = {k}, {dtype.__name__}, {kind}, {max_iter} iterations"
    case += "" if weights is None else ", weights"
    init = X[random.choice(n, k, replace=False)]
    settings: dict[str, Any] = {"init": init, "n_init": 1, "max_iter": max_iter, "tol": 0.0}
    fitted = []
    for n_threads in (1, int(random.integers(2, 5))):
        with fastml.num_threads(n_threads):
            model = fastml.KMeans(k, **settings).fit(laid_out(random, X), sample_weight=weights)
        fitted.append(model)
    one, many = fitted
    assert one.cluster_centers_.tobytes() == many.cluster_centers_.tobytes(), case
    assert one.inertia_ == many.inertia_, case
    np.testing.assert_array_equal(one.labels_, many.labels_, err_msg=case)
    expected, distances = reference.nearest_centroid(X, one.cluster_centers_, return_distance=True)
    np.testing.assert_array_equal(one.predict(X), expected, err_msg=case)
    np.testing.assert_array_equal(one.labels_, expected, err_msg=case)
    inertia = float((distances**2 * (1.0 if weights is None else weights)).sum())
    np.testing.assert_allclose(one.inertia_, inertia, rtol=1e-6, err_msg=case)
    if kind.startswith("normal") and dtype == np.float64 and weights is None:
        theirs = sklearn.cluster.KMeans(k, algorithm="lloyd", **settings).fit(X)
        np.testing.assert_array_equal(one.labels_, theirs.labels_, err_msg=case)
        np.testing.assert_allclose(
            one.cluster_centers_, theirs.cluster_centers_, rtol=1e-7,
            atol=1e-9 * np.abs(X).max(), err_msg=case,
        )  # fmt: skip
    return case


def _network(random: Generator, dtype: Any) -> tuple[Array, Array, dict[str, Any], str]:
    n, d = 8 + size(random, 500), size(random, 40)
    X = random.normal(size=(n, d)).astype(dtype)
    y = random.integers(0, 2 + 2 * random.integers(2), size=n)
    y[:4] = np.arange(4) % (y.max() + 1)
    hidden = tuple(size(random, 40) for _ in range(int(random.integers(1, 4))))
    settings = {
        "hidden_layer_sizes": hidden,
        "activation": str(random.choice(["logistic", "tanh", "relu", "identity"])),
        "solver": str(random.choice(["sgd", "adam"])),
        "batch_size": min(n, size(random, 300)),
        "shuffle": bool(random.integers(2)),
        "alpha": float(random.choice([0.0, 1e-4, 0.1])),
        "learning_rate_init": 0.01,
        "max_iter": int(random.integers(1, 6)),
        "random_state": int(random.integers(1000)),
    }
    return X, y, settings, f"{n} x {d}, {dtype.__name__}, {y.max() + 1} classes, {settings}"


def perceptron_forward(random: Generator) -> str:
    """Activations and probabilities equal the reference's on the same weights."""
    dtype = DTYPES[random.integers(2)]
    X, y, settings, case = _network(random, dtype)
    model = fastml.MLPClassifier(**{**settings, "max_iter": 1}).fit(X, y)
    layers = reference.forward(
        X.astype(np.float64),
        [W.astype(np.float64) for W in model.coefs_],
        [b.astype(np.float64) for b in model.intercepts_],
        activations=[settings["activation"]] * len(settings["hidden_layer_sizes"]),
        output=model.out_activation_,
    )
    closeness = 1e-4 if dtype == np.float32 else 1e-11
    probabilities = model.predict_proba(laid_out(random, X))
    expected = layers[-1] if layers[-1].shape[1] > 1 else np.hstack([1 - layers[-1], layers[-1]])
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=closeness, err_msg=case)
    for ours, theirs in zip(model.activations(X), layers[1:], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=closeness, atol=closeness, err_msg=case)
    return case


def perceptron_fit(random: Generator) -> str:
    """Training goes scikit-learn's way, in float64, with the same bits on any threads."""
    X, y, settings, case = _network(random, np.float64)
    fitted = []
    for n_threads in (1, int(random.integers(2, 5))):
        with fastml.num_threads(n_threads):
            fitted.append(fastml.MLPClassifier(**settings).fit(laid_out(random, X), y))
    one, many = fitted
    for ours, same in zip(
        one.coefs_ + one.intercepts_, many.coefs_ + many.intercepts_, strict=True
    ):
        assert ours.tobytes() == same.tobytes(), case
    theirs = sklearn.neural_network.MLPClassifier(**settings).fit(X, y)
    np.testing.assert_allclose(one.loss_curve_, theirs.loss_curve_, rtol=1e-6, err_msg=case)
    for ours, their in zip(one.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(ours, their, rtol=1e-5, atol=1e-6, err_msg=case)
    return case


def sigmoid(random: Generator) -> str:
    """Two units in the last place, for any bits, in any layout."""
    dtype = DTYPES[random.integers(2)]
    shape = (size(random, 200), size(random, 200))
    integer = np.uint32 if dtype == np.float32 else np.uint64
    z = random.integers(0, np.iinfo(integer).max, size=shape, dtype=integer).view(dtype)
    if random.integers(2):
        z = random.uniform(-800, 800, size=shape).astype(dtype)
    case = f"{shape}, {dtype.__name__}"
    wide = np.float64 if dtype == np.float32 else np.longdouble
    with np.errstate(over="ignore", invalid="ignore"):
        z = np.where(np.isnan(z), dtype(np.nan), z)  # without signalling ones
        expected = (1 / (1 + np.exp(-z.astype(wide)))).astype(wide)
    actual = fastml.sigmoid(laid_out(random, z))
    np.testing.assert_array_equal(np.isnan(actual), np.isnan(z), err_msg=case)
    tiny = np.finfo(dtype).tiny
    known = ~np.isnan(z) & (expected >= tiny)
    unit = np.spacing(np.abs(expected[known]).astype(dtype)).astype(wide)
    assert (np.abs(actual[known].astype(wide) - expected[known]) <= 2 * unit).all(), case
    below = ~np.isnan(z) & (expected < tiny)
    assert (actual[below] <= tiny).all(), case
    return case


FAMILIES: dict[str, Callable[[Generator], str]] = {
    "nearest_centroid": nearest_centroid,
    "k_means": k_means,
    "perceptron_forward": perceptron_forward,
    "perceptron_fit": perceptron_fit,
    "sigmoid": sigmoid,
}


def run_case(seed: int, number: int, families: Sequence[str]) -> tuple[str, str | None]:
    """Run one case; return its family and what went wrong, None for nothing."""
    random = np.random.default_rng([seed, number])
    family = families[random.integers(len(families))]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            FAMILIES[family](random)
    except Exception:
        return family, traceback.format_exc()
    return family, None


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzz until the time is over, and return the status the process should end with."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hours", type=float, default=0.01, help="how long (default: 0.01)")
    parser.add_argument("--cases", type=int, default=None, help="how many instead")
    parser.add_argument("--seed", type=int, default=None, help="default: a new one")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--family", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    options = parser.parse_args(argv)
    seed = secrets.randbits(32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    counts: collections.Counter[str] = collections.Counter()
    failures = 0
    number = options.first
    end = time.monotonic() + 3600 * options.hours
    last = options.first + (options.cases if options.cases is not None else sys.maxsize)
    progress = time.monotonic() + _PROGRESS
    while number < last and (options.cases is not None or time.monotonic() < end):
        family, wrong = run_case(seed, number, options.family)
        counts[family] += 1
        if wrong is not None:
            failures += 1
            again = f"--seed {seed} --first {number} --cases 1"
            if options.family != list(FAMILIES):
                again += f" --family {' '.join(options.family)}"
            print(f"FAILED {family}: again with {again}\n{wrong[-3000:]}", flush=True)
        number += 1
        if time.monotonic() > progress:
            print(f"seed {seed}, case {number}, {failures} failed", flush=True)
            progress += _PROGRESS
    each = ", ".join(f"{family} {count}" for family, count in sorted(counts.items()))
    print(f"{sum(counts.values())} cases, {failures} failed, seed {seed}: {each}")
    return 1 if failures else 0


if __name__ == "__main__":
    faulthandler.enable()  # a crash of a kernel says where
    sys.exit(main())
