"""The minimum of the logistic loss: a sample first, then quasi-Newton steps with its curvature.

At w = 0 the second derivative is X'X / 4, and for K classes, on residuals that sum to zero, X'X / K
for each class (Böhning and Lindsay, "Monotonicity of quadratic-approximation algorithms", 1988).
Its Cholesky factor as the first guess of L-BFGS makes scales and correlations of columns
irrelevant.  Where there are rows in plenty, the minimum of a sample of them is near that of all,
and the second derivative there a far better guess: few passes over all rows are left.  Where there
are few columns, Newton's own steps have the last word.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..core.threads import more_calls
from ..core.validation import Array
from ..kernels.linear_model import pairs as kernel
from ..kernels.ops.strips import columns_of
from ._curvature import Curvature
from ._moments import in_range
from ._objective import Problem, Rows

#: Converged when half the squared Newton step is no more than this of the objective; the second is
#: about what rounding coefficients to float32 costs.
_RELATIVE_GAP, _SINGLE_GAP = 1e-18, 5e-16
#: Newton's method up to so many coefficients, of two classes and of many.
_MOST_NEWTON = (400, 1000)
#: From the first step on where there are no more than so many columns: the products of more take
#: longer than several gradients.
_MOST_DIRECT = 48
#: While a step promises more than this of the objective, products in float32 say where to go; they
#: find the objective to so much.  After so many steps their rounding may be what is in the way.
_ROUGH_GAP, _ROUGH_SLACK, _ROUGH_STEPS = 1e-10, 1e-6, 40
#: What rounding may change of an objective, relatively.
_ROUNDING = 1e-9
#: The loss has fallen to nothing at this objective, times the weight where that is less than one:
#: rounding hides what further steps would bring.  Within such a share of all weight, one class has
#: it all.
_NOTHING = 1e-13
#: So many quasi-Newton steps before Newton's are tried, where there are few coefficients.
_QUASI_NEWTON_STEPS = 40
#: Pairs of steps L-BFGS remembers.
_MEMORY = 20
#: A sample to be fitted has so many rows for every coefficient of a class, and more for many
#: classes; one that only says what X'X is like has fewer.  Samples are no less than a sixteenth, up
#: to so many rows, which are in memory, and written where that has a limit.
_ROWS_A_COLUMN, _ROWS_A_COEFFICIENT, _ROWS_FOR_PRODUCTS, _SHARE = 60, 20, 18, 16
_MOST_SAMPLED = 1 << 20
#: From where on the curvature that steps started with is renewed, and again three times as late:
#: up to a step along the coefficients only, then the products of features too.
_RENEWAL, _WHOLE_RENEWAL = 2, 16
#: The least share of its diagonal that is added to a curvature that leads nowhere.
_LEAST_DAMPING = 1e-12
#: It takes as long as some steps: with no more than so many left it is not worth its while.
_WORTH_RENEWING = 4.0
#: A penalty of no more than this of the least pivot of the products is weak.
_WEAK = 1e-2


Divide = Callable[[Array], Array]


class Fit(NamedTuple):
    """Coefficients (n_outputs, n_features + 1), iterations, and why they ended.

    separated : whether the loss falls to nothing, so that there is no minimum
    alone : whether it does so since all weight is on one class
    """

    W: Array
    n_iter: int
    converged: bool
    separated: bool
    alone: bool


class Search(NamedTuple):
    """Where a search ended: coefficients about the shift, objective, steps, whether converged.

    curvature : the last second derivative that was computed, or None
    gradient : the last one, of a search that did not converge, or None
    """

    W: Array
    value: float
    n_iter: int
    converged: bool
    curvature: Curvature | None = None
    gradient: Array | None = None


def _falls(value: float, found: float, promised: float, slack: float, slope: float) -> bool:
    """Say whether a step has made the objective fall enough, from ``value`` to ``found``.

    Where they are equal but for rounding, slopes tell: the objective, convex, is lower if the slope
    at the end is less than that at the start turned round, of which ``slope`` is the share (Hager
    and Zhang, "A new conjugate gradient method with guaranteed descent", 2005).
    """
    if found <= value - 1e-4 * promised + slack * value:
        return True
    return found <= value + _ROUNDING * value and abs(slope) <= 0.5


def _damped(curvature: Curvature, damping: float) -> Curvature:
    """Return a curvature with a share of its diagonal added (Marquardt, 1963).

    Where it is singular but for rounding, its inverse leads astray in directions of no curvature.
    """
    if damping == 0.0:
        return curvature
    return curvature._replace(H=curvature.H + damping * np.diag(np.diag(curvature.H)))


def newton(
    problem: Problem, W: Array, max_iter: int, gap: float = _RELATIVE_GAP, rough: bool = False
) -> Search:
    """Take Newton's steps, halved until the objective falls; ``rough`` ones of float32 products.

    Of a sample the last step is that after which another would be negligible, since decreases are
    squared from step to step: where it leads is not looked at, and the second derivative is the one
    before.
    """
    two, before, damping = problem.n_outputs == 1, 0.0, 0.0
    value, gradient, H = problem.evaluate(W, two, rough)
    if rough and not in_range(np.diag(H) / problem.weight):
        rough = False
        value, gradient, H = problem.evaluate(W, two)
    slack = _ROUGH_SLACK if rough else 1e-14
    for n_iter in range(max_iter):
        used = problem.used
        curvature = Curvature(H[:used, :used]) if two else problem.softmax_curvature(W)
        step = -problem.divide_by(_damped(curvature, damping))(gradient)
        decrease = -float((step * gradient).sum())
        if decrease <= 2 * gap * problem.size(value):
            return Search(W, value, n_iter, damping == 0.0, curvature)
        ratio, before = decrease / before if before else 1.0, decrease
        next_one = decrease * ratio**2
        blind = gap >= _ROUGH_GAP and damping == 0.0  # no damped decrease says what is left
        if blind and ratio < 0.1 and next_one <= 2 * gap * problem.size(value):
            return Search(W + step, value, n_iter + 1, True, curvature)
        size = 1.0
        while True:
            tried = W + size * step
            found = problem.evaluate(tried, two, rough)
            slope = float((step * found[1]).sum())
            if _falls(value, found[0], size * decrease, slack, slope / decrease):
                break
            size /= 2
            if size < 1e-10:
                break
        if size < 1e-10:
            if decrease <= 1e-12 * value or damping >= 1.0:
                return Search(W, value, n_iter, decrease <= 1e-12 * value, curvature)
            damping, before = max(_LEAST_DAMPING, 100 * damping), 0.0  # it promised nonsense
            continue
        damping = damping / 10 if damping > _LEAST_DAMPING else 0.0
        if found[0] < _nothing(problem):
            return Search(tried, found[0], n_iter + 1, False)
        W, (value, gradient, H) = tried, found
    return Search(W, value, max_iter, False, gradient=gradient)


def quasi_newton(
    problem: Problem,
    W: Array,
    divide: Divide,
    max_iter: int,
    gap: float = _RELATIVE_GAP,
    renewed: Callable[[Array, int, Array], Divide | None] | None = None,
    along: bool = False,
) -> Search:
    """Take the steps of L-BFGS (Nocedal and Wright, "Numerical Optimization", algorithm 7.4).

    ``divide`` is the first guess of the inverse curvature, ``renewed`` makes later ones, of two
    classes with what margins say of it (``along``), if it has a better one.  It ends
    when the decrease that the next step would still bring is negligible: with steps that
    shrink tenfold and more, that of the step after the one in hand, which then is the last.
    Far from the minimum float32 says well enough where to go, see ``Problem.rough``.
    """
    rough = problem.rough
    value, gradient, known = problem.evaluate(W, single=rough, along=along)
    pairs, before, ratio = _Pairs(W.shape), np.inf, 1.0
    for n_iter in range(max_iter):
        negligible = 2 * gap * problem.size(value)
        if renewed is not None and _steps_left(before, ratio, negligible) > _WORTH_RENEWING:
            divide = renewed(W, n_iter, known) or divide
        q = pairs.divided(gradient, divide)
        decrease = float((q * gradient).sum())
        if rough and gap < _ROUGH_GAP and not decrease > 2 * gap * problem.size(value):
            rough = False  # too near the minimum, or numbers that float32 does not hold
            value, gradient, known = problem.evaluate(W, along=along)
            continue
        if not decrease >= 0.0:  # no descent: rounding has spoilt the guess, or the pairs
            if not np.isfinite(gradient).all():
                raise FloatingPointError("no gradient")
            if not pairs.count:
                return Search(W, value, n_iter, False, gradient=gradient)
            pairs.count = 0
            continue
        if decrease <= negligible:
            return Search(W, value, n_iter, True)
        ratio, before = decrease / before, decrease
        precise = not rough or gap >= _ROUGH_GAP
        if pairs.count and precise and ratio < 0.1 and decrease * ratio <= negligible:
            return Search(W - q, value, n_iter + 1, True)
        size, slack = 1.0, _ROUGH_SLACK if rough else 1e-14
        # Roughly as long as the next point is not the last but one.
        rough = rough and n_iter < _ROUGH_STEPS and decrease > max(gap, _ROUGH_GAP) * value
        rough = rough and (not 0 < ratio < 0.1 or decrease * ratio**2 > negligible)
        while True:
            tried = W - size * q
            found = problem.evaluate(tried, single=rough, along=along)
            slope = -float((q * found[1]).sum())
            if _falls(value, found[0], size * decrease, slack, slope / decrease):
                break
            size /= 2
            if size < 1e-10:
                break
        if size < 1e-10:
            if not pairs.count:
                return Search(W, value, n_iter, decrease <= 1e-12 * value)
            pairs.count = 0  # they led astray: begin again from the preconditioner
            continue
        pairs.add(tried - W, found[1] - gradient)
        W, (value, gradient, known) = tried, found
        if value < _nothing(problem):
            return Search(W, value, n_iter + 1, False)
    return Search(W, value, max_iter, False, gradient=gradient)


def _steps_left(decrease: float, ratio: float, negligible: float) -> float:
    """Return how many more steps it takes if decreases go on to shrink as by the last step."""
    if not (0 < ratio < 1 and 0 < negligible < decrease < np.inf):
        return np.inf
    return float(np.log(negligible / decrease) / np.log(ratio))


class _Pairs:
    """The last pairs of a step and of what it changed of the gradient.

    Parameters
    ----------
    shape : (n_outputs, n_features + 1), of coefficients
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape, self._size = shape, shape[0] * shape[1]
        pitch = columns_of(self._size)
        made = np.zeros((2, _MEMORY, pitch))
        self._pairs = kernel.Pairs(made[0], made[1], np.empty(_MEMORY), np.empty(_MEMORY + 1))
        self._q = np.zeros(pitch)
        #: How many there are, and the place of the next.
        self.count = self._next = 0

    def add(self, step: Array, change: Array) -> None:
        """Remember a pair, if the curvature along it is positive."""
        product = float((step * change).sum())
        if product > 0:
            place = self._next
            self._pairs.steps[place, : self._size] = step.reshape(-1)
            self._pairs.changes[place, : self._size] = change.reshape(-1)
            self._pairs.reciprocals[place] = 1 / product
            self._next, self.count = (place + 1) % _MEMORY, min(self.count + 1, _MEMORY)

    def divided(self, gradient: Array, divide: Divide) -> Array:
        """Return the gradient divided by the curvature that the pairs have shown."""
        if not self.count:
            return divide(gradient)
        first, q = (self._next - self.count) % _MEMORY, self._q
        q[: self._size] = gradient.reshape(-1)
        kernel.before_guess(self._pairs, first, self.count, q)
        q[: self._size] = divide(q[: self._size].reshape(self._shape)).reshape(-1)
        kernel.after_guess(self._pairs, first, self.count, q)
        return q[: self._size].reshape(self._shape).copy()


def _few(problem: Problem) -> bool:
    """Say whether the coefficients are few enough for Newton's method."""
    return bool(problem.n_outputs * problem.used <= _MOST_NEWTON[problem.n_outputs > 1])


def _step(problem: Problem, needed: int) -> int:
    """Return the step from row to row of a sample of so many rows or more."""
    n_rows = problem.rows.shape[0]
    return min(longest_step(n_rows), n_rows // needed)


def longest_step(n_rows: int) -> int:
    """Return the step from row to row of the smallest sample."""
    return max(_SHARE, n_rows // _MOST_SAMPLED)


def _start_of_sample(sample: Problem, max_iter: int) -> Array:
    """Return the minimum of a sample of a sample of two classes, or zero."""
    start = np.zeros((1, sample.rows.shape[1] + 1))
    step = min(_SHARE, sample.rows.shape[0] // (_ROWS_A_COEFFICIENT * sample.used))
    if step < 4:
        return start
    part = sample.sampled(step)
    found = newton(part, start, max_iter, _sampled_gap(part), part.rough)
    good = np.isfinite(found.W).all() and found.value >= 1e-6 * part.weight
    return found.W if good else start


def _sampled_gap(sample: Problem) -> float:
    """Return the gap of a sample: what it does not know of all rows it need not of itself."""
    return 1e-2 * sample.used * sample.n_outputs / sample.rows.shape[0]


def _from_sample(problem: Problem, max_iter: int) -> tuple[Array, Divide] | None:
    """Return the minimum of a sample, and what divides by the curvature there; None if too few."""
    needed = max(_ROWS_A_COLUMN, _ROWS_A_COEFFICIENT * problem.n_outputs) * problem.used
    step = _step(problem, needed)
    if step < 4:
        return None
    sample = problem.sampled(step)
    gap = _sampled_gap(sample)
    two, few = problem.n_outputs == 1, _few(problem)
    if two and few:
        most = min(max_iter, 12)
        found = newton(sample, _start_of_sample(sample, most), most, gap, sample.rough)
    else:
        start = np.zeros((problem.n_outputs, problem.rows.shape[1] + 1))
        divide = sample.divide_by(sample.products_curvature())
        found = quasi_newton(sample, start, divide, min(max_iter, 30), gap)
    if not np.isfinite(found.W).all() or found.value < 1e-6 * sample.weight:
        return None
    curvature = found.curvature
    if curvature is None and not few:
        curvature = sample.products_curvature(found.W)
    elif curvature is None:
        curvature = (sample.curvature if two else sample.softmax_curvature)(found.W)
    return found.W, problem.divide_by(curvature, sample.weight / problem.weight)


def _from_products(problem: Problem, W: Array, max_iter: int, gap: float) -> Search:
    """Search the minimum from W on, with the curvature at zero, renewed as margins grow."""
    step = _step(problem, _ROWS_FOR_PRODUCTS * problem.used)
    part = problem.sampled(step) if step > 1 else problem
    share, at_zero = part.weight / problem.weight, part.products_curvature()
    factor = problem.factor(at_zero, share)
    two = problem.n_outputs == 1
    # Scaled with the products: a penalty that is nothing beside them may be, too.
    weak = two and problem.alpha <= _WEAK * factor.least()
    last = 0

    def renewed(W: Array, n_iter: int, along: Array) -> Divide | None:
        nonlocal last
        if n_iter < _RENEWAL or n_iter == last or n_iter < 3 * last:
            return None
        last = n_iter
        if weak and n_iter < _WHOLE_RENEWAL:
            return problem.divide_by(problem.scaled(W, at_zero, along, share), share, factor)
        known = at_zero if n_iter < _WHOLE_RENEWAL else None
        return problem.divide_by(part.products_curvature(W, known), share)

    divide = problem.divide_by(at_zero, share, factor)
    return quasi_newton(problem, W, divide, max_iter, gap, renewed, two)


def minimum(problem: Problem, W: Array | None, max_iter: int) -> Search:
    """Return the minimum, from W if given."""
    few = _few(problem)
    gap = _SINGLE_GAP if problem.rows.dtype == np.float32 else _RELATIVE_GAP
    prepared = _from_sample(problem, max_iter) if W is None else None
    if W is None:
        W = np.zeros((problem.n_outputs, problem.rows.shape[1] + 1))
    if prepared is not None:
        most = min(max_iter, _QUASI_NEWTON_STEPS // 2) if few else max_iter
        found = quasi_newton(problem, *prepared, most, gap)
    elif few and problem.n_outputs == 1 and problem.used <= _MOST_DIRECT:
        return newton(problem, W, max_iter)
    else:
        most = min(max_iter, _QUASI_NEWTON_STEPS) if few else max_iter
        found = _from_products(problem, W, most, gap)
    ended = found.converged or found.n_iter >= max_iter or found.value < _nothing(problem)
    if ended or not few:
        return found
    more = newton(problem, found.W, max_iter - found.n_iter)
    return more._replace(n_iter=more.n_iter + found.n_iter)


def fit_logistic(
    rows: Rows, n_outputs: int, alpha: float, intercept: bool, max_iter: int, tol: float,
    start: Array | None = None,
) -> Fit:  # fmt: skip
    """Return the minimum of the objective of :class:`Problem`.

    Parameters
    ----------
    rows : Rows
    tol : float
        After ``max_iter`` steps, the largest entry of the gradient of the mean loss that will do.
    start : ndarray (n_outputs, n_features + 1)
        Coefficients to start from; default: zero.
    """
    problem = Problem(rows, n_outputs, alpha, intercept)
    if start is not None:
        start = np.array(start, np.float64)
        start[:, -1] += problem.offset(start)
    with more_calls():
        found = minimum(problem, start, max_iter)
    # Every loss so small that its row is on the right side by far.
    separated = alpha == 0 and found.value < 1e-6 * min(1.0, problem.weight)
    separated = separated or (not found.converged and found.value < _nothing(problem))
    W = found.W.copy()
    W[:, -1] = W[:, -1] - problem.offset(W) if intercept else 0.0
    converged = found.converged
    if not converged and found.gradient is not None:
        converged = bool(np.abs(found.gradient).max() <= tol * problem.weight)
    alone = separated and intercept and _weighs_alone(problem)
    return Fit(W, found.n_iter, converged and not separated, separated, alone)


def _nothing(problem: Problem) -> float:
    """Return the objective from which on down the loss has fallen to nothing."""
    return _NOTHING * min(1.0, problem.weight)


def _weighs_alone(problem: Problem) -> bool:
    """Say whether one class has all weight: the slopes of intercepts at zero say how much each."""
    n_outputs = problem.n_outputs
    slopes = problem.evaluate(np.zeros((n_outputs, problem.rows.shape[1] + 1)))[1][:, -1]
    weights = problem.weight / max(n_outputs, 2) - slopes
    most = max(weights.max(), problem.weight - weights.max())  # of two classes one has a slope
    return bool(most >= (1 - _NOTHING) * problem.weight)
