"""What the logistic objective asks of rows, in passes: the same bits wherever they lie."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, softmax

from ..core.passes import Grid, Pass, TreeSum, tree_sum
from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array, contiguous
from ..data import Part
from ..kernels.linear_model import logistic as kernel
from ..kernels.linear_model import margins
from ..kernels.ops import gram
from ..kernels.ops.gram import BLOCK_ROWS
from ..kernels.ops.sample import copy_one_in
from ..kernels.ops.strips import Rows
from ..kernels.ops.sums import Tickets
from ._moments import raw_products, run_tickets, weighted_products
from ._predict import decision, probabilities

#: For more classes the curvature along the coefficients is not worth its while.
_MOST_CLASSES = 20
#: Rows of a sample that are copied with one ticket.
_ROWS_COPIED = 1024
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

    @property
    def _own(self) -> Array:
        """The coefficients without intercepts that the others follow from."""
        return self.W[: max(1, len(self.W) - 1), :-1]

    def directions(self, used: int) -> Array:
        """Return the directions (n_directions, used) on which margins depend."""
        n, d = self._own.shape
        V = np.zeros((n + used - d, used))
        V[:n, :d] = self._own
        V[n:, d:] = 1
        return V

    def margins(self, X: Array) -> Array:
        """Return margins without the intercepts: shifted features along the coefficients."""
        coef = np.ascontiguousarray(self.W[:, :-1])
        return decision(X, coef, -np.einsum("ki,i->k", coef, self.shift), np.float64)


class Slope(NamedTuple):
    """Sums of some rows: loss, gradient (n_outputs, width), second derivative or nothing.

    along : ndarray (3,), see :class:`..kernels.linear_model.logistic.Work`, or nothing
    """

    value: float
    gradient: Array
    curvature: Array
    along: Array


def pass_over(
    rows: Rows, target: Array, weights: Array, W: Array, link: int, curvature: bool = False,
    along: bool = False,
) -> Slope:  # fmt: skip
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
    kind = rows.shift.dtype
    packed = margins.weights_as_packed(W, n_columns, kind)
    work = kernel.Work.of(link, K, curvature, along, n_columns, kind)
    until = 1 + K * n_columns + curvature * gram.squares(n_columns, kind)
    size = until + along * kernel.ALONG
    nanoseconds = n_samples * (n_columns * (K + 2 + curvature * n_columns / 2) / 8 + 10 * K)

    def run(tickets: Tickets, members: int, partials: Array) -> None:
        run_team(
            kernel.loss_gradient, members,
            rows, target, weights, packed, work, tickets, new_state(), partials,
        )  # fmt: skip

    total = run_tickets(run, -(-n_samples // work.block_rows), size, nanoseconds)
    gradient = total[1 : 1 + K * n_columns].reshape(K, n_columns)[:, :width]
    H = total[1 + K * n_columns : until]
    if curvature:
        H = np.array(gram.symmetric(H, n_columns, kind)[:width, :width])
    return Slope(float(total[0]), np.array(gradient), H, np.array(total[until:]))


class Adding:
    """What passes share whose statistics are tuples of sums, or one array of them."""

    def merge(self, a: Any, b: Any) -> Any:
        """Return the sums of both."""
        if isinstance(a, tuple):
            return type(a)(*(self.merge(x, y) for x, y in zip(a, b, strict=True)))
        return None if a is None else a + b

    def finish(self, statistics: Any, model: Any) -> Any:
        """Return the sums of all rows."""
        return statistics


def _rows_of(part: Part, shift: Array, kind: Any) -> Rows:
    """Return the rows of a piece as kernels take them, those that stay in memory checked once."""
    kept = part.state.get("kept", {})
    held = kept.get(kind)
    if held is None or held[0] is not shift:
        held = kept[kind] = shift, Rows.of(contiguous(part.X), None, None, shift, kind)
    rows: Rows = held[1]
    return rows


class LossPass(Adding):
    """Sums losses, their gradients and, of two classes, second derivatives.

    Parameters
    ----------
    curvature : bool
        Whether second derivatives are wanted.
    single : bool
        Whether float32 rows are multiplied in float32, which finds some six digits.
    along : bool
        Whether what margins of two classes say of the second derivative is wanted.
    """

    def __init__(self, curvature: bool, single: bool = False, along: bool = False) -> None:
        self._curvature, self._single, self._along = curvature, single, along

    def statistics(self, part: Part, model: Point) -> Slope:
        """Return the sums of a piece."""
        link = kernel.TWO_CLASSES if len(model.W) == 1 else kernel.MANY_CLASSES
        kind = np.float32 if self._single and part.X.dtype == np.float32 else np.float64
        rows = _rows_of(part, model.shift, kind)
        return pass_over(
            rows, part.y, part.weights, model.W, link, self._curvature, self._along
        )  # fmt: skip


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


def _slopes(P: Array) -> Array:
    """Return the traces of diag(p) - pp' of rows, p(1 - p) for two classes."""
    return np.asarray(P[:, 0] * P[:, 1] if P.shape[1] == 2 else 1 - (P * P).sum(axis=1))


def slope_at_zero(n_outputs: int) -> float:
    """Return what :func:`_slopes` says where all coefficients are zero."""
    return 0.25 if n_outputs == 1 else (n_outputs - 1) / n_outputs


class ProductsPass(_SecondDerivatives):
    """Sums trace(diag(p) - pp') xx'; at zero where there are no coefficients.

    The model is a shift, and a :class:`Point` or None.
    """

    def _some(self, X: Array, weights: Array, model: tuple[Array, Point | None]) -> Array:
        shift, point = model
        if point is None:
            slopes = weights * slope_at_zero(self._n_outputs)
        else:
            slopes = weights * _slopes(point.probabilities(X))
        return weighted_products(X, slopes, shift, self._used)


class Along(NamedTuple):
    """Sums over rows of what depends on their margins, once :meth:`AlongPass.finish` has seen them.

    S : ndarray (n_outputs, n_outputs), of diag(p) - pp'
    products : ndarray (n_directions, n_directions), of features along the coefficients; or None
    H : ndarray (n_outputs, n_directions, n_outputs, n_directions), the second derivative there
    """

    S: Array
    products: Array | None
    H: Array | None


def along_margins(sums: Array, intercept: float) -> Array:
    """Return the second derivative (2, 2) of two classes along the coefficients and the intercept.

    Parameters
    ----------
    sums : ndarray (3,), of weight times s, s z and s z^2, see the kernel
    intercept : float, which margins hold
    """
    slope, once, twice = (float(number) for number in sums)
    square = twice - 2 * intercept * once + intercept**2 * slope
    rest = once - intercept * slope
    return np.array([[max(square, 0.0), rest], [rest, slope]])


class AlongPass(_SecondDerivatives):
    """Sums the second derivative along the coefficients, where classes are few enough.

    Parameters
    ----------
    at_zero : bool
        Whether ``products`` shall be those of coefficients of zero.
    """

    def __init__(self, used: int, n_outputs: int, at_zero: bool) -> None:
        super().__init__(used, n_outputs)
        self._at_zero = at_zero

    def _some(self, X: Array, weights: Array, model: Point) -> Along:
        K, Z = self._n_outputs, model.margins(X)
        margins = Z + model.W[:, -1]
        P = softmax(margins, axis=1) if K > 1 else expit(margins * [-1, 1])
        Z = np.ascontiguousarray(Z[:, : max(1, K - 1)])
        J = Z.shape[1] + self._used - X.shape[1]
        if K == 1:
            slopes = weights * _slopes(P)
            S = weighted_products(X[:, :0], slopes, np.empty(0), 1)
            H = weighted_products(Z, slopes, np.zeros(1), J)
            if self._at_zero:
                slopes = weights * slope_at_zero(K)
            return Along(S, weighted_products(Z, slopes, np.zeros(1), J), H[None, :, None])
        S = raw_products(P, np.empty((len(P), 0)), np.sqrt(weights), np.zeros(K), P.dtype)
        if K > _MOST_CLASSES:
            return Along(S, None, None)
        with_one = np.ones((len(Z), J))
        with_one[:, : Z.shape[1]] = Z
        pairs = (P[:, :, None] * with_one[:, None]).reshape(len(Z), K * J)
        both = weighted_products(pairs, weights, np.zeros(K * J), K * J)
        return Along(S, None, both.reshape(K, J, K, J))

    def finish(self, statistics: Along, model: Any) -> Along:
        """Return what sums of pp' say: differences would depend on the pieces they were taken of.

        Probabilities of a row add up to one, so those of a class alone are sums over the others.
        """
        K, (sums, _, both) = self._n_outputs, statistics
        if K == 1:
            return statistics
        S = np.diag(sums[-1, :-1]) - sums[:-1, :-1]
        if both is None:
            return Along(S, None, None)
        alone = both.sum(axis=2)
        H = -both
        for k in range(K):
            H[k, :, k] += alone[k]
        products = np.asarray(alone.sum(axis=0))
        if self._at_zero:
            return Along(S, slope_at_zero(K) * products, H)
        return Along(S, products - sum(both[k, :, k] for k in range(K)), H)


class SoftmaxPass(_SecondDerivatives):
    """Sums the second derivative of many classes, by pairs of classes."""

    def _some(self, X: Array, weights: Array, model: Point) -> Array:
        K, used = self._n_outputs, self._used
        P = model.probabilities(X)
        H = np.empty((K, used, K, used))
        for a in range(K):
            for b in range(a + 1):
                slope = P[:, a] * (P[:, b] if a != b else 1 - P[:, a]) * weights
                # Newton's last steps: a weak penalty must not be lost in the rounding of products.
                block = weighted_products(X, slope, model.shift, used, double=True)
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
        self._whole = Part(0, n_blocks, 0, len(X), X, target, weights, {"kept": {}})
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
        X, target, weights = self._whole[4:7]
        some = weights if not weights.size else _one_in(step, weights[:, None])[:, 0]
        return Samples(_one_in(step, X), _one_in(step, target[:, None])[:, 0], some)


def _one_in(step: int, X: Array) -> Array:
    """Return a copy of one row in ``step``."""
    out = np.empty((-(-len(X) // step), X.shape[1]), X.dtype)
    members = min(team_size(50 * len(out) + out.size), -(-len(out) // _ROWS_COPIED))
    run_team(copy_one_in, members, X, step, _ROWS_COPIED, new_state(), out)
    return out
