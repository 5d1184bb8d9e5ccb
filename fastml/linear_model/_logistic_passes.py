"""What the logistic objective asks of rows, in passes: the same bits wherever they lie."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.passes import Grid, Pass, TreeSum, tree_sum
from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array, contiguous
from ..data import Part
from ..kernels.linear_model import logistic as kernel
from ..kernels.linear_model import margins
from ..kernels.ops.gram import BLOCK_ROWS
from ..kernels.ops.strips import Rows
from ..kernels.ops.sums import Tickets
from ._moments import raw_products, run_tickets
from ._predict import probabilities

#: Curvature of wider float32 rows is summed in float32: it only says where to go.
_MOST_DOUBLE_COLUMNS = 64
#: Probabilities of so many bytes are held at once.
_PROBABILITY_BYTES = 1 << 21


class Point(NamedTuple):
    """Where an objective is looked at.

    W : ndarray (n_outputs, n_features + 1), coefficients about the shift, the intercept last
    shift : ndarray (n_features,)
    """

    W: Array
    shift: Array

    def probabilities(self, X: Array) -> Array:
        """Return the probabilities of the classes of rows."""
        coef = np.ascontiguousarray(self.W[:, :-1])
        # einsum asks no BLAS, whose threads decide its bits.
        intercept = self.W[:, -1] - np.einsum("ki,i->k", coef, self.shift)
        return probabilities(X, coef, intercept, np.float64)


class Slope(NamedTuple):
    """Sums of some rows: loss, gradient (n_outputs, width), second derivative or nothing."""

    value: float
    gradient: Array
    curvature: Array


def pass_over(
    rows: Rows, target: Array, weights: Array, W: Array, link: int, curvature: bool = False
) -> Slope:
    """Return loss, gradient (n_outputs, width) and second derivative (width, width) or nothing.

    Parameters
    ----------
    rows : Rows
    target : ndarray (n_samples,) of int32, or (0,)
    weights : ndarray (n_samples,) of float64, or (0,)
    W : ndarray (n_outputs, width), width at most that of the packed rows
    link : int, see the kernel
    """
    K, width = W.shape
    n_samples, n_columns = len(rows.X), rows.shift.size
    packed = margins.weights_as_packed(W, n_columns)
    work = kernel.Work.of(link, K, curvature, n_columns)
    size = 1 + K * n_columns + curvature * n_columns**2
    nanoseconds = n_samples * (n_columns * (K + 2 + curvature * n_columns / 2) / 8 + 10 * K)

    def run(tickets: Tickets, partials: Array) -> None:
        members = min(team_size(nanoseconds), tickets.last - tickets.first)
        run_team(
            kernel.loss_gradient, members,
            rows, target, weights, packed, work, tickets, new_state(), partials,
        )  # fmt: skip

    total = run_tickets(run, -(-n_samples // BLOCK_ROWS), size, nanoseconds)
    gradient = total[1 : 1 + K * n_columns].reshape(K, n_columns)[:, :width]
    H = total[1 + K * n_columns :]
    if curvature:
        lower = H.reshape(n_columns, n_columns)[:width, :width].T
        H = np.tril(lower) + np.tril(lower, -1).T
    return Slope(float(total[0]), np.array(gradient), H)


class Adding:
    """What passes share whose statistics are tuples of sums, or one array of them."""

    def merge(self, a: Any, b: Any) -> Any:
        """Return the sums of both."""
        if isinstance(a, tuple):
            return type(a)(*(x + y for x, y in zip(a, b, strict=True)))
        return a + b

    def finish(self, statistics: Any, model: Any) -> Any:
        """Return the sums of all rows."""
        return statistics


class LossPass(Adding):
    """Sums losses, their gradients and, of two classes, second derivatives.

    Parameters
    ----------
    curvature : bool
        Whether second derivatives are wanted.
    """

    def __init__(self, curvature: bool) -> None:
        self._curvature = curvature

    def statistics(self, part: Part, model: Point) -> Slope:
        """Return the sums of a piece."""
        link = kernel.TWO_CLASSES if len(model.W) == 1 else kernel.MANY_CLASSES
        rows = Rows.of(contiguous(part.X), None, None, model.shift)
        return pass_over(rows, part.y, part.weights, model.W, link, self._curvature)


def weighted_products(X: Array, weights: Array, shift: Array, used: int) -> Array:
    """Return X' diag(weights) X of the features and the one, in the precision of X."""
    single = X.dtype == np.float32 and used > _MOST_DOUBLE_COLUMNS
    kind = np.float32 if single else np.float64
    products = raw_products(X, np.empty((len(X), 0)), np.sqrt(weights), shift, kind)
    return products[:used, :used]


class Products(NamedTuple):
    """Products of features, and the sum of diag(p) - pp' of their rows."""

    H: Array
    S: Array


class _SecondDerivatives(Adding):
    """What both passes below share: a piece is done some blocks at a time.

    Parameters
    ----------
    used : int
        The features, and one for the intercept.
    n_outputs : int
    """

    def __init__(self, used: int, n_outputs: int) -> None:
        self._used, self._n_outputs = used, n_outputs

    def statistics(self, part: Part, model: Any) -> Any:
        """Return the sums of a piece."""
        rows = _PROBABILITY_BYTES // (8 * max(2, self._n_outputs))
        most = 1 << max(0, (rows // BLOCK_ROWS).bit_length() - 1)
        tree: TreeSum[Any] = TreeSum(self.merge)
        for piece in Grid(BLOCK_ROWS).pieces(len(part.X), most):
            some = slice(piece.start, piece.stop)
            X = contiguous(part.X[some])
            weights = part.weights[some] if part.weights.size else np.ones(len(X))
            tree.add(piece.first, piece.n_blocks, self._some(X, weights, model))
        return tree.total()

    def _some(self, X: Array, weights: Array, model: Any) -> Any:
        raise NotImplementedError


class ProductsPass(_SecondDerivatives):
    """Sums trace(diag(p) - pp') xx' and diag(p) - pp'; at zero where there are no coefficients.

    The model is a shift, and a :class:`Point` or None.
    """

    def _some(self, X: Array, weights: Array, model: tuple[Array, Point | None]) -> Products:
        shift, point = model
        K = self._n_outputs
        S = np.zeros((K, K))
        if K == 1:
            slopes = weights / 4
        elif point is None:
            slopes = weights * (K - 1) / K
        else:
            P = point.probabilities(X)
            slopes = weights * (1 - (P * P).sum(axis=1))
            found = raw_products(P, np.empty((len(P), 0)), np.sqrt(weights), np.zeros(K), P.dtype)
            S = np.diag(found[-1, :-1]) - found[:-1, :-1]
        return Products(weighted_products(X, slopes, shift, self._used), S)


class SoftmaxPass(_SecondDerivatives):
    """Sums the second derivative of many classes, by pairs of classes."""

    def _some(self, X: Array, weights: Array, model: Point) -> Array:
        K, used = self._n_outputs, self._used
        P = model.probabilities(X)
        H = np.empty((K, used, K, used))
        for a in range(K):
            for b in range(a + 1):
                slope = P[:, a] * (P[:, b] if a != b else 1 - P[:, a]) * weights
                block = weighted_products(X, slope, model.shift, used)
                H[a, :, b] = H[b, :, a] = block if a == b else -block
        return H


def weight_of(weights: Array) -> float:
    """Return the sum of weights over the fixed tree of blocks."""
    n_blocks = -(-len(weights) // BLOCK_ROWS)
    whole = np.zeros(n_blocks * BLOCK_ROWS)
    whole[: len(weights)] = weights
    return float(tree_sum(whole.reshape(n_blocks, BLOCK_ROWS).sum(axis=1)))


class WeightPass(Adding):
    """Sums weights."""

    def statistics(self, part: Part, model: Any) -> float:
        """Return the sum of a piece."""
        return weight_of(part.weights)


class Sample(NamedTuple):
    """Some of the rows, their class numbers and weights, (0,) for weights of one."""

    X: Array
    target: Array
    weights: Array


class SamplePass:
    """Takes one row in ``step``.

    Parameters
    ----------
    step : int
    out : Sample
        Where rows are written, by whom it is in the memory of.
    """

    def __init__(self, step: int, out: Sample | None) -> None:
        self._step, self._out = step, out

    def __getstate__(self) -> dict[str, Any]:
        return {"_step": self._step, "_out": None}

    def statistics(self, part: Part, model: Any) -> list[tuple[int, Sample]]:
        """Return the rows of a piece with the number of the first, or write them."""
        some = slice(-part.start % self._step, None, self._step)
        first = -(-part.start // self._step)
        found = Sample(part.X[some], part.y[some], part.weights[some])
        if self._out is None:
            return [(first, Sample(*(np.array(array) for array in found)))]
        self._write(first, found)
        return []

    def _write(self, first: int, found: Sample) -> None:
        assert self._out is not None
        for out, array in zip(self._out, found, strict=True):
            out[first : first + len(array)] = array

    def merge(self, a: list[Any], b: list[Any]) -> list[Any]:
        """Return the rows of both."""
        return a + b

    def finish(self, statistics: list[Any], model: Any) -> Sample:
        """Return all rows that were taken."""
        assert self._out is not None
        for first, found in statistics:
            self._write(first, found)
        return self._out


class Samples:
    """Rows in memory, with class numbers and weights, for passes to go over.

    Parameters
    ----------
    X : ndarray (n_samples, n_features) of float32 or float64
    target : ndarray (n_samples,) of int32
    weights : ndarray (n_samples,) of float64, or (0,) for weights of one
    """

    def __init__(self, X: Array, target: Array, weights: Array) -> None:
        n_blocks = -(-len(X) // BLOCK_ROWS)
        self._whole = Part(0, n_blocks, 0, len(X), X, target, weights, {})
        self.shape, self.dtype = X.shape, X.dtype
        self.weight = weight_of(weights) if weights.size else float(len(X))

    def total(self, fit: Pass[Any, Any], model: Any = None) -> Any:
        """Make one pass over all rows."""
        return fit.finish(fit.statistics(self._whole, model), model)

    def first(self) -> tuple[Array, Array | None]:
        """Return the first rows and the first block's weights."""
        weights = self._whole.weights
        return self._whole.X, weights[:BLOCK_ROWS] if weights.size else None

    def sampled(self, step: int) -> Samples:
        """Return one row in ``step``."""
        some = slice(None, None, step)
        X, target, weights = self._whole[4:7]
        return Samples(*(np.ascontiguousarray(array[some]) for array in (X, target, weights)))
