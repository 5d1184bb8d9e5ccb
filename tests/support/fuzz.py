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

import fuzz_models as models
import fuzz_trees
import numpy as np
import sklearn.cluster
import sklearn.metrics
import sklearn.neural_network
from fuzz_data import DTYPES, Array, Generator, drawn_weights, laid_out, points, size
from sklearn.exceptions import ConvergenceWarning

import fastml
from fastml import reference
from fastml.neural_network._architecture import ACTIVATIONS

#: Seconds from one line of progress to the next.
_PROGRESS = 30


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
    info = np.finfo(dtype)
    np.testing.assert_allclose(
        distances, nearest, rtol=2 * info.eps, atol=float(info.smallest_subnormal), err_msg=case
    )
    theirs = sklearn.metrics.pairwise_distances_argmin(X, centers)
    apart = np.sqrt(((X.astype(np.float64) - centers[theirs].astype(np.float64)) ** 2).sum(axis=1))
    assert (apart >= nearest * (1 - 1e-12)).all(), case
    return case


def k_means(random: Generator) -> str:
    """The fit ends in a state the reference agrees with, with the same bits on any threads."""
    n, d = size(random, 3000), size(random, 60)
    k = min(size(random, 60), n)
    dtype = DTYPES[random.integers(2)]
    X, _, kind = points(random, n, d, k, dtype)
    weights, weighted = drawn_weights(random, n)
    max_iter = size(random, 30)
    case = f"{n} x {d}, k = {k}, {dtype.__name__}, {kind}, {max_iter} iterations, {weighted}"
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
    if kind == "normal x 2**0" and dtype == np.float64 and weights is None:
        theirs = sklearn.cluster.KMeans(k, algorithm="lloyd", **settings).fit(X)
        np.testing.assert_array_equal(one.labels_, theirs.labels_, err_msg=case)
        np.testing.assert_allclose(
            one.cluster_centers_, theirs.cluster_centers_, rtol=1e-7,
            atol=1e-9 * np.abs(X).max(), err_msg=case,
        )  # fmt: skip
    return case


def k_means_predict(random: Generator) -> str:
    """Labels of new rows, one row or many, are the reference's for the centres as they are."""
    n, d = size(random, 500), size(random, 100)
    k = min(size(random, 60), n)
    dtype = DTYPES[random.integers(2)]
    X, others, kind = points(random, n, d, size(random, 500), dtype)
    case = f"{n} x {d}, k = {k}, {dtype.__name__}, {kind}, {len(others)} new"
    model = fastml.KMeans(k, init=X[:k], n_init=1, max_iter=size(random, 3)).fit(X)
    if random.integers(2):  # the user's own centres
        model.cluster_centers_ = X[random.integers(n, size=k)]
    expected = reference.nearest_centroid(others, model.cluster_centers_)
    np.testing.assert_array_equal(model.predict(laid_out(random, others)), expected, err_msg=case)
    row = int(random.integers(len(others)))
    assert model.predict(others[row : row + 1])[0] == expected[row], case
    return case


def mini_batches(random: Generator) -> str:
    """The same bits on any threads, whole or in partial fits, and labels that are nearest."""
    n, d = size(random, 3000), size(random, 40)
    k = min(size(random, 30), n)
    dtype = DTYPES[random.integers(2)]
    X, _, kind = points(random, n, d, k, dtype)
    weights, weighted = drawn_weights(random, n)
    batch, max_iter = size(random, 1000), int(random.integers(1, 4))
    case = f"{n} x {d}, k = {k}, {dtype.__name__}, {kind}, batches of {batch}, {weighted}"
    seed = int(random.integers(1 << 31))
    fitted = []
    for n_threads in (1, int(random.integers(2, 5))):
        with fastml.num_threads(n_threads):
            model = fastml.MiniBatchKMeans(
                k, batch_size=batch, max_iter=max_iter, n_init=1, random_state=seed
            ).fit(laid_out(random, X), sample_weight=weights)
            model.partial_fit(X[:batch])
            fitted.append(model)
    one, many = fitted
    assert np.isfinite(one.cluster_centers_).all(), case
    assert one.cluster_centers_.tobytes() == many.cluster_centers_.tobytes(), case
    expected = reference.nearest_centroid(X, one.cluster_centers_)
    np.testing.assert_array_equal(one.predict(X), expected, err_msg=case)
    return case


def seeding(random: Generator) -> str:
    """Centres are rows with a weight, told by index, with the same bits on any threads."""
    n, d = size(random, 3000), size(random, 60)
    k = min(size(random, 60), n)
    dtype = DTYPES[random.integers(2)]
    X, _, kind = points(random, n, d, k, dtype)
    weights, weighted = drawn_weights(random, n)
    case = f"{n} x {d}, k = {k}, {dtype.__name__}, {kind}, {weighted}"
    settings: dict[str, Any] = {"sample_weight": weights, "random_state": int(random.integers(1e9))}
    found = []
    for n_threads in (1, int(random.integers(2, 5))):
        with fastml.num_threads(n_threads):
            found.append(fastml.kmeans_plusplus(laid_out(random, X), k, **settings))
    (centers, rows), (same, same_rows) = found
    assert centers.tobytes() == same.tobytes(), case
    np.testing.assert_array_equal(rows, same_rows, err_msg=case)
    np.testing.assert_array_equal(centers, X[rows], err_msg=case)
    # Rows that weigh nothing, or lie on a centre, come last.
    weighing = X if weights is None else X[weights > 0]
    if k <= len(np.unique(weighing, axis=0)):
        assert len(np.unique(centers, axis=0)) == k, case
        assert weights is None or (weights[rows] > 0).all(), case
    return case


def _network(random: Generator, dtype: Any) -> tuple[Array, Array, dict[str, Any], str]:
    n, d = 8 + size(random, 500), size(random, 40)
    X = random.normal(size=(n, d)).astype(dtype)
    n_classes = 2 + 2 * random.integers(2)
    y = random.integers(0, n_classes, size=n)
    y[:4] = np.arange(4) % n_classes
    hidden = tuple(size(random, 40) for _ in range(int(random.integers(1, 4))))
    settings = {
        "hidden_layer_sizes": hidden,
        "activation": str(random.choice(list(ACTIVATIONS))),
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
    losses, their_losses = np.array(one.loss_curve_), np.array(theirs.loss_curve_)
    # Where training diverges, probabilities are lost: theirs are taken as 2**-52 at least.
    lost = losses > 2.0
    np.testing.assert_allclose(losses[~lost], their_losses[~lost], rtol=1e-6, err_msg=case)
    assert (losses[lost] >= their_losses[lost] * (1 - 1e-6)).all(), case
    for ours, their in zip(one.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(ours, their, rtol=1e-5, atol=1e-6, err_msg=case)
    return case


def regressor_fit(random: Generator) -> str:
    """Regression goes scikit-learn's way too, with one output or several, and by L-BFGS."""
    X, _, settings, case = _network(random, np.float64)
    outputs = size(random, 20)
    Y = random.normal(size=(len(X), outputs)) + X[:, :1]
    y = Y if outputs > 1 else Y[:, 0]
    # With several outputs scikit-learn's L-BFGS is told a loss that is the mean over outputs and a
    # gradient that is the sum: another path.
    if outputs == 1 and random.integers(2):
        settings |= {"solver": "lbfgs", "max_fun": 60}
    settings["learning_rate_init"] = 0.001  # where nothing diverges
    case = f"{outputs} outputs, {case}, {settings['solver']}"
    fitted = []
    for n_threads in (1, int(random.integers(2, 5))):
        with fastml.num_threads(n_threads):
            fitted.append(fastml.MLPRegressor(**settings).fit(laid_out(random, X), y))
    one, many = fitted
    for ours, same in zip(one.coefs_, many.coefs_, strict=True):
        assert ours.tobytes() == same.tobytes(), case
    theirs = sklearn.neural_network.MLPRegressor(**settings).fit(X, y)
    np.testing.assert_allclose(one.loss_, theirs.loss_, rtol=1e-5, err_msg=case)
    np.testing.assert_allclose(
        one.predict(X), theirs.predict(X), rtol=1e-4, atol=1e-4, err_msg=case
    )
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
    "k_means_predict": k_means_predict,
    "mini_batches": mini_batches,
    "seeding": seeding,
    "perceptron_forward": perceptron_forward,
    "perceptron_fit": perceptron_fit,
    "regressor_fit": regressor_fit,
    "sigmoid": sigmoid,
    "gram": models.gram,
    "least_squares": models.least_squares,
    "logistic": models.logistic,
    "gaussian_naive_bayes": models.gaussian_naive_bayes,
    "counted_naive_bayes": models.counted_naive_bayes,
    "categorical_naive_bayes": models.categorical_naive_bayes,
    "neighbours": models.neighbours,
    "manhattan_neighbours": models.manhattan_neighbours,
    "neighbours_in_a_tree": models.neighbours_in_a_tree,
    "within_a_radius": models.within_a_radius,
    "votes": models.votes,
    "trees": fuzz_trees.trees,
    "large_trees": fuzz_trees.large_trees,
    "forests": fuzz_trees.forests,
}


def run_case(seed: int, number: int, families: Sequence[str]) -> tuple[str, str | None]:
    """Run one case; return its family and what went wrong, None for nothing."""
    random = np.random.default_rng([seed, number])
    family = families[random.integers(len(families))]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            # scikit-learn's scores of classes without spread, which GaussianNB hands on.
            warnings.filterwarnings("ignore", module="sklearn.naive_bayes")
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
