"""NumPy as a competent person writes it: in place, in blocks that fit a cache, by BLAS.

``fastml.reference`` is written to be read; this is written to be fast, and is what somebody
without another library would end up with.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from ..harness.case import Row
from ..harness.workloads import Array, Fit, Layer, Points, Problem, Training, Vector

#: Elements of a block that is worked on in place: it stays in the second-level cache.
_BLOCK = 1 << 16

# --- elementwise -----------------------------------------------------------------------------


def _logistic(x: Array) -> None:
    """Replace x by 1 / (1 + exp(-x)); an overflow to infinity gives the right 0."""
    np.negative(x, out=x)
    np.exp(x, out=x)
    x += 1
    np.reciprocal(x, out=x)


def _tanh(x: Array) -> None:
    np.tanh(x, out=x)


def sigmoid(x: Array, out: Array) -> Array:
    """Write σ(x), a block at a time."""
    with np.errstate(over="ignore"):
        for start in range(0, len(x), _BLOCK):
            part = out[start : start + _BLOCK]
            np.negative(x[start : start + _BLOCK], out=part)
            np.exp(part, out=part)
            part += 1
            np.reciprocal(part, out=part)
    return out


def sigmoid_derivative(x: Array, out: Array) -> Array:
    """Write σ(x)(1 - σ(x)) as e / (1 + e)², e = exp(-|x|), a block at a time."""
    room = np.empty(min(len(x), _BLOCK), x.dtype)
    for start in range(0, len(x), _BLOCK):
        part = out[start : start + _BLOCK]
        below = room[: len(part)]
        np.abs(x[start : start + _BLOCK], out=part)
        np.negative(part, out=part)
        np.exp(part, out=part)
        np.add(part, 1, out=below)
        below *= below
        part /= below
    return out


def sigmoid_row(name: str) -> Callable[[Vector], Row]:
    """Return the row of one of the two."""
    function = {"sigmoid": sigmoid, "sigmoid_derivative": sigmoid_derivative}[name]
    return lambda work: Row(lambda: function(work.x, work.out), work.answer)


# --- one dense layer -------------------------------------------------------------------------


def dense_forward(work: Layer) -> Row:
    """Multiply, add and apply the sigmoid to a block of rows while it is in cache."""
    X, W, b, out = work.X, work.W, work.b, work.out
    step = max(64, _BLOCK // W.shape[1])

    def call() -> Array:
        with np.errstate(over="ignore"):
            for start in range(0, len(X), step):
                part = out[start : start + step]
                np.matmul(X[start : start + step], W, out=part)
                part += b
                _logistic(part)
        return out

    return Row(call)


def dense_backward(work: Layer) -> Row:
    """Multiply the whole matrices, and by the derivative in blocks."""
    X, W, delta, below, dW = work.X, work.W, work.delta, work.below, np.empty_like(work.W)
    step = max(64, _BLOCK // X.shape[1])
    room = np.empty((step, X.shape[1]), X.dtype)
    ones = np.ones(len(X), X.dtype)

    def call() -> tuple[Array, Array, Array]:
        for start in range(0, len(X), step):
            rows, part = X[start : start + step], below[start : start + step]
            slope = room[: len(rows)]
            np.matmul(delta[start : start + step], W.T, out=part)
            np.subtract(1, rows, out=slope)
            slope *= rows
            part *= slope
        np.matmul(X.T, delta, out=dW)
        return below, dW, ones @ delta

    return Row(call)


# --- networks --------------------------------------------------------------------------------


class Network:
    """A perceptron whose parameters, gradients and activations are allocated once."""

    def __init__(self, work: Training, rows: int, *, regression: bool = False) -> None:
        self.work, self.regression = work, regression
        dtype = work.X.dtype
        self.parameters = work.start.astype(dtype)
        self.gradient = np.empty_like(self.parameters)
        self.coefs, self.intercepts = self._views(self.parameters)
        self.dWs, self.dbs = self._views(self.gradient)
        self.activations = [np.empty((rows, n_out), dtype) for n_out in work.widths[1:]]
        self.deltas = [np.empty_like(a) for a in self.activations[:-1]]
        self.slopes = [np.empty_like(a) for a in self.activations[:-1]]
        self.ones = np.ones(rows, dtype)
        self.hidden = _tanh if regression else _logistic

    def _views(self, array: Array) -> tuple[list[Array], list[Array]]:
        shapes: list[tuple[int, ...]] = list(pairwise(self.work.widths))
        shapes += [(n_out,) for n_out in self.work.widths[1:]]
        views, start = [], 0
        for shape in shapes:
            size = int(np.prod(shape))
            views.append(array[start : start + size].reshape(shape))
            start += size
        half = len(shapes) // 2
        return views[:half], views[half:]

    def reset(self) -> None:
        """Go back to the weights of the start."""
        self.parameters[...] = self.work.start

    def forward(self, X: Array) -> list[Array]:
        """Return the activations of all layers, which the next call overwrites."""
        found, below = [], X
        for layer, (W, b) in enumerate(zip(self.coefs, self.intercepts, strict=True)):
            a = self.activations[layer][: len(X)]
            np.matmul(below, W, out=a)
            a += b
            last = layer == len(self.coefs) - 1
            if not last:
                self.hidden(a)
            elif not self.regression:
                _logistic(a)
            found.append(a)
            below = a
        return found

    def find_gradient(self, X: Array, y: Array) -> None:
        """Write the gradient of the mean loss: cross-entropy, or half the squared error."""
        n = len(X)
        activations = self.forward(X)
        delta = activations[-1]
        delta -= y
        delta *= 1 / n
        for layer in reversed(range(len(self.coefs))):
            below = activations[layer - 1] if layer else X
            np.matmul(below.T, delta, out=self.dWs[layer])
            np.matmul(self.ones[:n], delta, out=self.dbs[layer])
            if layer:
                next_delta, slope = self.deltas[layer - 1][:n], self.slopes[layer - 1][:n]
                np.matmul(delta, self.coefs[layer].T, out=next_delta)
                if self.regression:
                    np.multiply(below, below, out=slope)
                    np.subtract(1, slope, out=slope)
                else:
                    np.subtract(1, below, out=slope)
                    slope *= below
                next_delta *= slope
                delta = next_delta


class Descent:
    """Gradient descent on flat parameters in place, with momentum if told (Sutskever 2013)."""

    def __init__(self, network: Network, momentum: float = 0.0, *, nesterov: bool = False) -> None:
        self.network, self.momentum, self.nesterov = network, momentum, nesterov
        self.velocity = np.zeros_like(network.parameters)

    def step(self) -> None:
        w, g, v = self.network.parameters, self.network.gradient, self.velocity
        g *= self.network.work.learning_rate
        if self.momentum:
            v *= self.momentum
            v -= g
            w += v
            if self.nesterov:  # w + momentum * v - rate * g, with the new v
                w -= v
                w += self.momentum * v
                w -= g
        else:
            w -= g


class Adam:
    """Adam (Kingma and Ba, ICLR 2015) on flat parameters, in place."""

    def __init__(self, network: Network, learning_rate: float | None = None) -> None:
        self.network, self.steps = network, 0
        self.learning_rate = learning_rate or network.work.learning_rate
        self.first = np.zeros_like(network.parameters)
        self.second = np.zeros_like(network.parameters)
        self.room = np.empty_like(network.parameters)

    def step(self) -> None:
        self.steps += 1
        t, g, room = self.steps, self.network.gradient, self.room
        rate = self.learning_rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        self.first *= 0.9
        np.multiply(g, 0.1, out=room)
        self.first += room
        self.second *= 0.999
        g *= g
        g *= 0.001
        self.second += g
        np.sqrt(self.second, out=room)
        room += 1e-8
        np.divide(self.first, room, out=room)
        room *= float(rate)
        self.network.parameters -= room


def epochs(optimizer: Callable[[Network], Any], count: int = 1, **kind: Any) -> Any:
    """Return the factory of a row: so many epochs over consecutive batches."""

    def make(work: Training) -> Row:
        size = min(work.batch_size, len(work.X))
        network = Network(work, size, **kind)
        y = work.y if work.y.ndim == 2 else work.y[:, None]
        state: dict[str, Any] = {}

        def reset() -> None:
            network.reset()
            state["optimizer"] = optimizer(network)

        def call() -> None:
            step = state["optimizer"].step
            with np.errstate(over="ignore"):
                for _ in range(count):
                    for first in range(0, len(work.X), size):
                        network.find_gradient(work.X[first : first + size], y[first : first + size])
                        step()

        reset()
        return Row(call, lambda _: network.parameters.copy(), reset)

    return make


def probability(work: Training) -> Row:
    """Return ŷ, a block of rows at a time."""
    step = min(len(work.X), 4096)
    network = Network(work, step)
    out = np.empty(len(work.X), work.X.dtype)

    def call() -> Array:
        with np.errstate(over="ignore"):
            for start in range(0, len(out), step):
                out[start : start + step] = network.forward(work.X[start : start + step])[-1][:, 0]
        return out

    return Row(call, lambda returned: returned.copy())


# --- k-means ---------------------------------------------------------------------------------


def label(X: Array, centers: Array, labels: Array, scores: Array) -> None:
    """Label rows by x·c - ‖c‖²/2 with one matrix product a block; ``scores`` is a block."""
    half_norms = 0.5 * np.einsum("kd,kd->k", centers, centers)
    columns = centers.T
    for start in range(0, len(X), len(scores)):
        part = scores[: min(len(scores), len(X) - start)]
        np.matmul(X[start : start + len(scores)], columns, out=part)
        part -= half_norms
        labels[start : start + len(scores)] = part.argmax(axis=1)


def scores_room(X: Array, centers: Array) -> Array:
    """Return room for the scores of a block of rows."""
    rows = min(len(X), max(64, (1 << 18) // len(centers)))
    return np.empty((rows, len(centers)), X.dtype)


def nearest(work: Points) -> Row:
    """Label all rows."""
    labels, scores = np.empty(len(work.X), np.int32), scores_room(work.X, work.centers)

    def call() -> Array:
        label(work.X, work.centers, labels, scores)
        return labels

    return Row(call, lambda returned: returned.copy())


def one_nearest(work: Points) -> Row:
    """Label one row, all that does not depend on it done before."""
    columns = np.ascontiguousarray(work.centers.T)
    half_norms = 0.5 * np.einsum("kd,kd->k", work.centers, work.centers)
    return Row(
        lambda: (work.X[0] @ columns - half_norms).argmax(),
        lambda returned: np.array([returned], np.int32),
    )


def lloyd(X: Array, centers: Array, tol: float, max_iter: int) -> tuple[Array, int]:
    """Return centres and iterations of plain Lloyd.

    Stops when no label changes, or when the centres moved by less than scikit-learn's ``tol``.

    The sums of a block are a matrix product, too: that of its one-hot labels and its rows.
    """
    centers = centers.copy()
    k = len(centers)
    least = tol * float(X.var(axis=0, dtype=np.float64).mean()) if tol else 0.0
    scores = scores_room(X, centers)
    labels, before = np.full(len(X), -1, np.int32), np.empty(len(X), np.int32)
    all_labels = np.arange(k, dtype=np.int32)
    one_hot = np.empty_like(scores)
    for iteration in range(1, max_iter + 1):
        labels, before = before, labels
        label(X, centers, labels, scores)
        if np.array_equal(labels, before):
            return centers, iteration
        sums = np.zeros(centers.shape)
        for start in range(0, len(X), len(scores)):
            rows = X[start : start + len(scores)]
            part = one_hot[: len(rows)]
            np.equal(labels[start : start + len(rows), None], all_labels, out=part)
            sums += part.T @ rows
        counts = np.bincount(labels, minlength=k)
        filled = counts > 0
        means = centers.copy()
        means[filled] = sums[filled] / counts[filled, None]
        moved = float(((means - centers) ** 2).sum())
        centers = means
        if moved <= least:
            return centers, iteration
    return centers, max_iter


def kmeans_plusplus(X: Array, n_clusters: int, seed: int) -> tuple[Array, Array]:
    """Choose centres by greedy k-means++ (Arthur and Vassilvitskii, SODA 2007).

    Of 2 + log k candidates drawn by D² the one that lowers the potential most is kept.  The
    draws are scikit-learn's, so that where sums are exact the same rows are chosen.
    """
    rng = np.random.RandomState(seed)
    n, n_trials = len(X), 2 + int(np.log(n_clusters))
    squares = np.einsum("nd,nd->n", X, X)
    chosen = [int(rng.choice(n, p=np.full(n, 1 / n)))]
    closest = squares - 2 * (X @ X[chosen[0]])
    closest += squares[chosen[0]]
    np.maximum(closest, 0, out=closest)
    cumulative = np.empty(n)
    D = np.empty((n_trials, n), X.dtype)
    for _ in range(1, n_clusters):
        np.cumsum(closest, dtype=np.float64, out=cumulative)
        drawn = np.searchsorted(cumulative, rng.uniform(size=n_trials) * cumulative[-1])
        candidates = np.minimum(drawn, n - 1)
        np.matmul(X[candidates], X.T, out=D)
        D *= -2
        D += squares
        D += squares[candidates, None]
        np.maximum(D, 0, out=D)
        np.minimum(D, closest, out=D)
        best = int(D.sum(axis=1).argmin())
        chosen.append(int(candidates[best]))
        closest[...] = D[best]
    return X[chosen], np.array(chosen)


def fit(*, seeding: bool, tol: float, max_iter: int) -> Callable[[Problem], Row]:
    """Return the factory of a row: from the given centres, or greedy seeding first."""

    def make(work: Problem) -> Row:
        def call() -> Fit:
            centers = work.centers
            if seeding:
                centers, _ = kmeans_plusplus(work.X, len(centers), seed=0)
            return Fit(*lloyd(work.X, centers, tol, max_iter))

        return Row(call, iterations=lambda found: found.n_iter)

    return make


def plusplus(work: Points) -> Row:
    """Choose as many centres as there are."""
    return Row(lambda: kmeans_plusplus(work.X, len(work.centers), seed=0))
