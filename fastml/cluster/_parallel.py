"""k-means||: a start from few passes, each of which draws many candidates.

Every round draws rows with chances proportional to their weighted squared distance to the closest
candidate so far, as many as the clusters times a factor; in the end k-means++ chooses among the
candidates, each weighing what the rows next to it do (Bahmani et al., "Scalable k-means++", VLDB
2012).  They are drawn without replacement, as those of the smallest exponential variates over
chances (Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006): a pass need
not know the sum of all chances, so it counts in the candidates of the round before and draws
those of the next.  Variates are keyed by seed, round and block of rows, so that nothing depends on
who draws them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core.passes import TreeSum
from ..core.validation import Array
from ..data import Part
from ..execution import keep_in
from ._nearest import squared_distances, write_labels
from ._plusplus import choose_rows

#: Passes that draw, and candidates of each over clusters.
ROUNDS, FACTOR = 4, 2
_NUMBERS_A_BLOCK, _FEWEST_ROWS = 100_000, 64


def rows_drawn(n_features: int) -> int:
    """Return the rows of a block, whose variates come from one stream."""
    return max(_FEWEST_ROWS, _NUMBERS_A_BLOCK // n_features)


class Candidates(NamedTuple):
    """Candidates so far.

    points : ndarray (n_candidates, n_features)
    new : int, from which on they are those of the last round
    round : int
    """

    points: Array
    new: int
    round: int


class Drawn(NamedTuple):
    """Rows that were drawn, the smallest key first: keys, row numbers and what they hold."""

    keys: Array
    rows: Array
    points: Array

    def best(self, count: int) -> Drawn:
        """Return those of the smallest keys, lower rows first among equals."""
        order = np.lexsort((self.rows, self.keys))[:count]
        return Drawn(self.keys[order], self.rows[order], self.points[order])


def _closest(part: Part, model: Candidates, *, measured: bool = True) -> tuple[Array, Array]:
    """Return the closest candidate of every row of a part, and its squared distance if wanted.

    What is known of the candidates before the last round is used; without, the result is the same.
    """
    X, state = part.X, part.state
    known, labels = state.pop("candidates", 0), np.empty(len(part.X), np.int32)
    if 0 < known == model.new:
        before, found = np.array(state["label"]), model.points[known:]
        write_labels(X, found, labels)
        distances = squared_distances(X, model.points, before)
        tried = squared_distances(X, found, labels)
        labels += known
        closer = tried < distances
        np.copyto(labels, before, where=~closer)
        np.copyto(distances, tried, where=closer)
    else:
        write_labels(X, model.points, labels)
        distances = squared_distances(X, model.points, labels) if measured else np.empty(0)
    keep_in(state, "label", labels)
    state["candidates"] = len(model.points)
    return labels, distances


class DrawPass:
    """Draws rows.

    Parameters
    ----------
    seed : int
    count : int
        How many rows at most: all those that are no candidates, if there are fewer.
    """

    def __init__(self, seed: int, count: int) -> None:
        self._seed, self._count = seed, count

    def statistics(self, part: Part, model: Candidates) -> Drawn:
        """Return the rows of a piece that may be drawn."""
        chances = _closest(part, model)[1]
        if part.weights.size:
            chances *= part.weights
        keys = self._variates(part, model.round)
        with np.errstate(divide="ignore", over="ignore"):
            np.divide(keys, chances, out=keys, where=chances > 0)
        keys[~(chances > 0)] = np.inf
        wanted = keys < np.inf
        if self._count < len(keys):
            wanted &= keys <= np.partition(keys, self._count - 1)[self._count - 1]
        chosen = np.flatnonzero(wanted)
        return Drawn(keys[chosen], part.start + chosen, part.X[chosen]).best(self._count)

    def _variates(self, part: Part, number: int) -> Array:
        out = np.empty(len(part.X))
        rows = rows_drawn(part.X.shape[1])
        for at in range(0, len(out), rows):
            key = np.array([self._seed, number], np.uint64)
            counter = np.array([0, part.first + at // rows, 0, 0], np.uint64)
            stream = np.random.Generator(np.random.Philox(key=key, counter=counter))
            stream.standard_exponential(out=out[at : at + rows])
        return out

    def merge(self, a: Drawn, b: Drawn) -> Drawn:
        """Return the rows to be drawn of both."""
        both = Drawn(*(np.concatenate(pair) for pair in zip(a, b, strict=True)))
        return both.best(self._count)

    def finish(self, statistics: Drawn, model: Candidates) -> Drawn:
        """Return the rows."""
        return statistics


class WeightsPass:
    """Sums the weights of the rows next to each candidate."""

    def statistics(self, part: Part, model: Candidates) -> Array:
        """Return the sums of a piece."""
        labels = _closest(part, model, measured=False)[0]
        rows, count = rows_drawn(part.X.shape[1]), len(model.points)
        if not part.weights.size:
            return np.bincount(labels, minlength=count).astype(np.float64)
        tree: TreeSum[Any] = TreeSum(self.merge)
        for at in range(0, len(labels), rows):
            some = slice(at, at + rows)
            tree.add(at // rows, 1, np.bincount(labels[some], part.weights[some], count))
        return np.asarray(tree.total())

    def merge(self, a: Array, b: Array) -> Array:
        """Return the sums of both."""
        return np.asarray(a + b)

    def finish(self, statistics: Array, model: Candidates) -> Array:
        """Return the sums of all rows."""
        return statistics


def parallel_rows(
    run: Callable[[Any, Candidates], Any],
    first: tuple[int, Array],
    n_clusters: int,
    random_state: np.random.RandomState,
) -> Array:
    """Return the rows to start from.

    Parameters
    ----------
    run : callable
        Makes one pass over rows of moderate numbers and weights, in blocks of ``rows_drawn``.
    first : int and ndarray (1, n_features)
        A row drawn by weight, and what it holds.
    """
    seed = int(random_state.randint(0, 1 << 63, dtype=np.uint64))
    rows, model = np.array([first[0]]), Candidates(first[1], 0, 0)
    for number in range(ROUNDS):
        model = model._replace(round=number)
        drawn: Drawn = run(DrawPass(seed, FACTOR * n_clusters), model)
        if not len(drawn.rows):  # every row that counts is a candidate, or equal to one
            break
        order = np.argsort(drawn.rows)
        rows = np.concatenate([rows, drawn.rows[order]])
        points = np.concatenate([model.points, drawn.points[order]])
        model = Candidates(points, len(model.points), number + 1)
    weights = run(WeightsPass(), model)
    return np.asarray(rows[choose_rows(model.points, n_clusters, weights, random_state)])


def parallel_rows_of(
    X: Array, weights: Array, n_clusters: int, random_state: np.random.RandomState
) -> Array:
    """Return the rows of an array of moderate numbers and weights to start from."""
    chances = weights if weights.size else np.ones(len(X))
    row = int(random_state.choice(len(X), p=chances / chances.sum()))
    n_blocks = -(-len(X) // rows_drawn(X.shape[1]))
    whole = Part(0, n_blocks, 0, len(X), X, None, weights, {})

    def run(fit: Any, model: Candidates) -> Any:
        return fit.finish(fit.statistics(whole, model), model)

    return parallel_rows(run, (row, np.array(X[row : row + 1])), n_clusters, random_state)
