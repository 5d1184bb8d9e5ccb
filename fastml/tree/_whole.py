"""Trees of so few rows that each is grown as a whole by one thread: any number of them at a time.

Of a tree of some hundred rows Python's part takes several times as long as its growth; so all that
can be is done for all trees at once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..kernels.tree.problem import Limits, Table, Targets
from ..kernels.tree.subtree import Grown, Roots
from ._arrays import TreeArrays, class_arrays, value_arrays, with_impurities
from ._grow import NANOSECONDS_A_VALUE, is_ranked, small_rows
from ._levels import whole_total
from ._nodes import Nodes
from ._problem import Problem

#: Bytes of a node while it grows and is laid out, besides its statistics.
_NODE_BYTES = 96


def are_whole(problem: Problem, table: Table, n_used: int) -> bool:
    """Say whether a tree of so many rows is grown as a whole."""
    d = problem.X.shape[1]
    return n_used <= small_rows(d, is_ranked(table), problem.targets, problem.limits)


def _most_nodes(n: Any, limits: Limits) -> Any:
    """Return how many nodes a tree of so many rows may have; n is an int, or an array of them."""
    return np.minimum(2 * n, 2 << min(limits.max_depth, 40))


def bytes_of(n: int, problem: Problem) -> int:
    """Return about how many bytes a tree of so many rows takes while it grows among others."""
    a_node = _NODE_BYTES + 24 * problem.targets.size
    return int(_most_nodes(n, problem.limits) * a_node + 64 * n)


class _Rows(NamedTuple):
    """The rows of each tree.

    rows : (n_rows,) int32, those of a tree side by side; starts, stops : (n_trees,) int64
    totals : (n_trees, size) int64, statistics
    """

    rows: Array
    starts: Array
    stops: Array
    totals: Array


def _rows_of(targets: Targets, n: int, weights: Array, n_trees: int) -> _Rows:
    """Return the rows that are of a weight above 0 in each tree, or all where there are none."""
    if not len(weights):
        totals = np.tile(whole_total(targets, n), (n_trees, 1))
        starts = np.zeros(n_trees, np.int64)
        return _Rows(np.arange(n, dtype=np.int32), starts, starts + n, totals)
    flat = weights.reshape(-1)
    used = np.flatnonzero(flat)
    counts = np.count_nonzero(weights, axis=1)
    rows = used - np.repeat(np.arange(n_trees) * n, counts)
    totals = np.empty((n_trees, targets.size), np.int64)
    totals[:, -1] = counts
    if targets.n_classes:  # below 2**52, so that float64 is exact
        places = np.repeat(np.arange(n_trees) * targets.n_classes, counts)
        places += targets.classes[rows]
        length = n_trees * targets.n_classes
        sums = np.bincount(places, flat[used], minlength=length).reshape(n_trees, -1)
        totals[:, : targets.n_classes] = sums
    else:
        totals[:, 0] = weights.sum(axis=1)
        totals[:, 1:4] = weights @ targets.sums
    stops = counts.cumsum()
    return _Rows(rows.astype(np.int32), stops - counts, stops, totals)


def whole_trees(
    problem: Problem, table: Table, seeds: Array, drawn: Array | None = None
) -> list[TreeArrays]:
    """Return trees that :func:`are_whole`.

    Parameters
    ----------
    problem : Problem
    table : Table, of its rows
    seeds : ndarray (n_trees,) of uint64
        Of the draws of features.
    drawn : ndarray (n_trees, n_samples) of int64, default=None
        The rows' weights in each tree, whole and without a common divisor, of one sum and not all
        the same; by default all trees have those of the problem.
    """
    targets, (n, d) = problem.targets, problem.X.shape
    n_trees, classification = len(seeds), problem.classes is not None
    weights, given = drawn, drawn
    if weights is None:
        weights = np.empty((0, n), np.int64)
        if len(targets.weights):
            weights = np.tile(targets.weights, (n_trees, 1))
        given = problem.weights
    part = _rows_of(targets, n, weights, n_trees)
    sizes = part.stops - part.starts
    rooms = _most_nodes(sizes, problem.limits)
    ends = rooms.cumsum()
    room = int(ends[-1])
    grown = Grown(
        np.empty(room, np.int32),
        np.empty(room),
        np.empty(room, np.int32),
        np.empty(room, np.uint8),
        np.empty((room, targets.size), np.int64),
        np.zeros(n_trees, np.int64),
        np.zeros(n_trees, np.int64),
        np.zeros((0 if classification else n_trees, n), np.int32),
    )
    roots = Roots(
        part.rows, part.starts, part.stops, np.zeros(n_trees, np.int64), part.totals, seeds,
        ends - rooms, np.arange(n_trees), weights,
    )  # fmt: skip
    if problem.drawing:
        from ..kernels.tree.drawn_subtree import grow_drawn_subtrees as grow
    else:
        from ..kernels.tree.subtree import grow_subtrees as grow
    members = min(team_size(NANOSECONDS_A_VALUE * float(sizes.sum()) * d), n_trees)
    run_team(grow, members, new_state(), table, targets, problem.limits, roots, grown)
    ends = grown.counts.cumsum()
    begins = ends - grown.counts
    nodes, begin_of = _side_by_side(grown, roots.at, begins)
    if classification:
        arrays = class_arrays(nodes, targets, problem.scale)
    else:
        arrays = value_arrays(nodes, targets, problem.scale)
        leaves = grown.leaves + begins[:, None]
        arrays = with_impurities(arrays, leaves, problem.y, given, targets.criterion, begins)
    if n_trees == 1:
        return [arrays._replace(depth=int(grown.deepest[0]))]
    arrays = arrays._replace(
        lefts=np.where(nodes.lefts >= 0, nodes.lefts - begin_of, np.int32(-1)),
        rights=np.where(nodes.rights >= 0, nodes.rights - begin_of, np.int32(-1)),
    )
    bounds = zip(begins.tolist(), ends.tolist(), grown.deepest.tolist(), strict=True)
    return [_part(arrays, begin, end, depth) for begin, end, depth in bounds]


def _part(arrays: TreeArrays, begin: int, end: int, depth: int) -> TreeArrays:
    """Return one tree of several, in memory of its own: it may outlive the others."""
    columns: Any = [*(column[begin:end].copy() for column in arrays[:-1]), depth]
    return TreeArrays(*columns)


def _side_by_side(grown: Grown, at: Array, begins: Array) -> tuple[Nodes, Array]:
    """Return the nodes of all trees one after the other, and where the tree of each begins.

    Children are counted from the first node of all.
    """
    begin_of = np.repeat(begins.astype(np.int32), grown.counts)
    index = np.arange(len(begin_of), dtype=np.int32)
    picked = np.repeat(at - begins, grown.counts) + index
    features = grown.features[picked]
    inner = features >= 0
    nodes = Nodes(
        features,
        grown.thresholds[picked],
        np.where(inner, index + np.int32(1), np.int32(-1)),
        np.where(inner, grown.rights[picked] + begin_of, np.int32(-1)),
        grown.sides[picked],
        grown.totals[picked],
        0,
    )
    return nodes, begin_of
