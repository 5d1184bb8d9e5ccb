"""Starts of k-means from rows that are not all there: the same draws as in memory."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..data import Part, Table
from ..execution import Passes, keep_in
from ..kernels.cluster import plusplus
from ..kernels.cluster.screen import padded_points
from ..kernels.cluster.weighing import Draw, Samples
from ..kernels.ops.sums import tree_size
from ._bundles import check_array, seeding_samples
from ._plusplus import BLOCK_ROWS
from ._table_draws import Chances


class Weighing(NamedTuple):
    """What a pass of k-means++ starts from.

    centers : ndarray (n_chosen, n_features)
    candidates : ndarray (n_candidates, n_features)
    """

    centers: Array
    candidates: Array


def _bundle(X: Array, weighing: Weighing, closest: Array) -> Draw:
    n, d = X.shape
    n_candidates = len(weighing.candidates)
    n_columns = padded_points(1 + n_candidates)
    points = np.zeros((d, n_columns), X.dtype)
    points[:, 1 : 1 + n_candidates] = weighing.candidates.T
    check_array("closest", closest, (n,), X.dtype)
    n_blocks = -(-n // BLOCK_ROWS)
    nothing = np.zeros(1, np.int64)
    potentials = np.empty((n_blocks, 1 + n_candidates))
    return Draw(nothing, nothing, points.reshape(-1), closest, potentials)


def weigh(X: Array, weights: Array, weighing: Weighing, closest: Array, counted: int) -> Array:
    """Count centres from the ``counted``-th on into ``closest``; return the blocks' potentials."""
    centers = np.ascontiguousarray(weighing.centers[counted:], X.dtype)
    draw = _bundle(X, weighing, closest)
    nanoseconds = len(X) * (draw.points.size / 30 + 10) * len(centers)
    members = min(team_size(nanoseconds), len(draw.potentials))
    run_team(
        plusplus.weigh_blocks, members,
        seeding_samples(X, weights), centers, BLOCK_ROWS, draw, new_state(),
    )  # fmt: skip
    return draw.potentials


class WeighingPass:
    """Weighs candidates: the potentials of every block of rows with each of them."""

    def statistics(self, part: Part, model: Weighing) -> list[tuple[int, Array]]:
        """Return the potentials of a piece's blocks, by the first one."""
        state, n_chosen = part.state, len(model.centers)
        counted = state.pop("counted", 0)
        if 0 < counted <= n_chosen:
            closest, counted = np.array(state["closest"]), min(counted, n_chosen - 1)
        else:  # the first pass, or what was known is lost
            counted, closest = 0, np.full(len(part.X), np.inf, part.X.dtype)
        found = weigh(part.X, part.weights, model, closest, counted)
        keep_in(state, "closest", closest)
        state["counted"] = n_chosen
        return [(part.first, found)]

    def merge(self, a: list[Any], b: list[Any]) -> list[Any]:
        """Return the potentials of both."""
        return a + b

    def finish(self, statistics: list[Any], model: Any) -> Array:
        """Return the potentials of all blocks, with room for the nodes of their tree."""
        n_blocks = sum(len(found) for _, found in statistics)
        potentials = np.empty((tree_size(n_blocks), statistics[0][1].shape[1]))
        for first, found in statistics:
            potentials[first : first + len(found)] = found
        return potentials


def plusplus_rows(
    table: Table,
    n_clusters: int,
    random_state: np.random.RandomState,
    n_local_trials: int | None = None,
) -> Array:
    """Return the rows greedy k-means++ starts from, as ``_plusplus.choose_rows`` does.

    Parameters
    ----------
    table : Table of moderate numbers and weights
    """
    n_candidates = 2 + int(np.log(n_clusters)) if n_local_trials is None else n_local_trials
    chances = Chances(table)
    chosen = np.empty(n_clusters, np.int64)
    chosen[0] = chances.one(random_state)
    if n_clusters == 1:
        return chosen
    uniforms = random_state.uniform(size=(n_clusters - 1, n_candidates))
    passes = Passes(table, BLOCK_ROWS)
    first = table.X[chosen[:1]]
    weighing = Weighing(first, np.repeat(first, n_candidates, axis=0))
    candidates = np.full(n_candidates, chosen[0])
    n_blocks = -(-table.n_rows // BLOCK_ROWS)
    blocks, remainders = np.empty(n_candidates, np.int64), np.empty(n_candidates)
    for cluster in range(n_clusters):
        potentials: Array = passes.run(WeighingPass(), weighing)
        unused = np.empty(0, table.X.dtype)
        draw = Draw(chosen, candidates, unused, unused, potentials)
        row = uniforms[cluster] if cluster < n_clusters - 1 else np.zeros(n_candidates)
        plusplus.choose_and_descend(cluster, n_blocks, row, draw, blocks, remainders)
        if cluster == n_clusters - 1:
            break
        at = int(np.flatnonzero(candidates == chosen[cluster])[0])
        centers = weighing.centers
        if cluster:
            centers = np.vstack([centers, weighing.candidates[at : at + 1]])
        candidates = np.array(
            [
                _draw(table, chances, Weighing(centers, centers[:1]), int(block), float(left))
                for block, left in zip(blocks, remainders, strict=True)
            ]
        )
        weighing = Weighing(centers, table.X[candidates])
    return chosen


def _draw(table: Table, chances: Chances, weighing: Weighing, block: int, remainder: float) -> int:
    """Return the row of a block at which the running potential reaches ``remainder``."""
    start = block * BLOCK_ROWS
    stop = min(start + BLOCK_ROWS, table.n_rows)
    X = table.X.read(start, stop)
    closest = np.full(len(X), np.inf, X.dtype)
    before = weighing.centers[: max(1, len(weighing.centers) - 1)]
    weigh(X, np.empty(0), weighing._replace(centers=before), closest, 0)
    rows = np.vstack([X, weighing.centers[-1:]])
    some = chances.weights(start, stop)
    if some.size:
        some = np.append(some, 0.0)
    samples: Samples = seeding_samples(rows, some)
    return start + int(plusplus.draw_in_block(samples, closest, remainder))
