"""How a tree of absolute errors grows: level by level, on rows in the order of every feature."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..kernels.tree.absolute import NO_SPLIT, Found
from ..kernels.tree.ordered import LARGER, Cuts, Level, Lists
from ..kernels.tree.problem import Limits, Targets
from ._arrays import TreeArrays
from ._codes import laid_flat
from ._targets import Scale

#: Nodes of fewer rows are looked at several a ticket, larger ones feature by feature.
_ROWS_A_TICKET = 4096
_SORTED_NANOSECONDS, _SEARCHED_NANOSECONDS, _PARTED_NANOSECONDS = 15.0, 20.0, 2.0


def _run(kernel: Any, nanoseconds: float, most: int, *arguments: Any) -> None:
    run_team(kernel, min(team_size(nanoseconds), most), new_state(), *arguments)


def in_order(X: Array) -> Array:
    """Return all rows in the order of every feature: (n_features, n_samples) uint32.

    As :class:`fastml.kernels.tree.ordered.Lists` has them.
    """
    from ..kernels.tree.ordered import sort_rows

    items = np.empty(X.shape[::-1], np.uint32)
    lists = Lists(*laid_flat(X), items, np.empty(0, np.bool_), np.empty(0, np.uint32))
    _run(sort_rows, _SORTED_NANOSECONDS * items.size, len(items), lists)
    return items


class _Nodes(NamedTuple):
    """The nodes of a depth, those that are split first told by what was found.

    starts, stops : (n,) int64; keys : (n,) uint64
    features : (n,) int32, -1 for a leaf; thresholds : (n,) float64; sides : (n,) uint8
    weights : (n,) int64; errors, values : (n,) float64
    """

    starts: Array
    stops: Array
    keys: Array
    features: Array
    thresholds: Array
    sides: Array
    weights: Array
    errors: Array
    values: Array


def _in_groups(sizes: Array) -> Array:
    """Return where groups of nodes that make a ticket begin, and their number at the end."""
    number = np.cumsum(np.concatenate(([0], sizes[:-1]))) // _ROWS_A_TICKET
    starts = np.flatnonzero(np.concatenate(([True], number[1:] != number[:-1])))
    return np.append(starts, len(sizes)).astype(np.int64)


def _ranges(groups: Array) -> Array:
    return np.ascontiguousarray(np.column_stack((groups[:-1], groups[1:])))


class AbsoluteGrower:
    """Grows one tree by absolute error.

    Parameters
    ----------
    X : ndarray (n_samples, n_features) of float32 or float64, without infinities
    y : ndarray (n_samples,) of float64
    items : ndarray (n_features, n_samples) of uint32, from :func:`in_order`
    shared : bool, whether others need them as they are
    targets, scale, limits : Targets, Scale, Limits
    seed : int, of the draws of features
    """

    def __init__(
        self, X: Array, y: Array, items: Array, shared: bool, targets: Targets, scale: Scale,
        limits: Limits, seed: int,
    ) -> None:  # fmt: skip
        self.y, self.targets, self.scale, self.limits = y, targets, scale, limits
        self.n, self.d = X.shape
        self.seed = seed
        self.bits = int(targets.limb).bit_length() - 1
        self.drawing = limits.max_features < self.d
        by_target = in_order(y[:, None])[0] & ~LARGER
        if len(targets.weights):
            from ..kernels.tree.ordered import take_used

            used = targets.weights > 0
            by_target = by_target[used[by_target]]
            part = np.empty((self.d, len(by_target)), np.uint32)
            cost = _PARTED_NANOSECONDS * items.size
            _run(take_used, cost, self.d, items, used.view(np.uint8), part)
            items = part
        elif shared:
            items = items.copy()
        last = items[:, -1] & ~LARGER  # what is missing comes last
        lacking = np.isnan(X[last, np.arange(self.d)])
        self.lists = Lists(*laid_flat(X), items, lacking, by_target)
        n_used = len(by_target)
        self.ranks = np.empty(self.n, np.int32)
        self.in_order = np.empty((n_used + 1, 2), np.int64)
        self.weights = np.empty(n_used + 1 if len(targets.weights) else 0, np.int64)
        self.goes_left = np.empty(self.n, np.uint8)

    def grow(self) -> TreeArrays:
        """Return the tree, without what it loses to pruning."""
        n_used = len(self.lists.by_target)
        if n_used <= _ROWS_A_TICKET:
            return self._grow_small(n_used)
        starts, stops = np.zeros(1, np.int64), np.full(1, n_used, np.int64)
        keys = np.array([self.seed], np.uint64)
        levels: list[_Nodes] = []
        while len(starts):
            nodes, n_left = self._level(starts, stops, keys, len(levels))
            levels.append(nodes)
            starts, stops, keys = self._children(nodes, n_left)
        return self._assembled(levels)

    def _new_level(self, starts: Array, stops: Array) -> Level:
        n = len(starts)
        return Level(
            starts, stops, np.zeros(n, np.uint8), self.bits, self.ranks, self.in_order,
            self.weights, np.empty(n, np.int64), np.empty((n, 2), np.int64),
            np.empty((n, 2), np.int64), np.empty(n, np.int64), np.empty((n, 3), np.int64),
            np.empty((n, 2), np.int64),
        )  # fmt: skip

    def _grow_small(self, n: int) -> TreeArrays:
        """Return a tree that is not worth sharing among threads."""
        from ..kernels.tree.small_absolute import GrownSmall, grow_small

        level = self._new_level(np.zeros(1, np.int64), np.full(1, n, np.int64))
        room = 2 * n
        grown = GrownSmall(
            np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room),
            np.empty(room, np.uint8), np.empty(room, np.int64), np.empty(room, np.int64),
            np.empty((room, 2), np.int64), np.empty((room, 2), np.int64), np.zeros(1, np.int64),
            np.zeros(1, np.int64),
        )  # fmt: skip
        run_team(
            grow_small, 1, new_state(), self.lists, self.targets, self.limits, level,
            self.goes_left, np.uint64(self.seed), grown,
        )  # fmt: skip
        count, depth = int(grown.count[0]), int(grown.deepest[0])
        whole = GrownSmall(*(each[:count].copy() for each in grown))
        lefts = np.where(whole.features >= 0, np.arange(1, count + 1, dtype=np.int32), np.int32(-1))
        return TreeArrays(
            whole.features, lefts, whole.rights, whole.thresholds, whole.sides, whole.rows,
            whole.weights * self.scale.weight,
            self._errors(whole.errors) * self.scale.value / whole.weights,
            self._medians(whole.medians)[:, None], depth,
        )  # fmt: skip

    def _errors(self, parts: Array) -> Array:
        return np.asarray(parts[:, 0] * self.targets.limb + parts[:, 1])

    def _medians(self, rows: Array) -> Array:
        return np.asarray((self.y[rows[:, 0]] + self.y[rows[:, 1]]) / 2.0)

    def _level(self, starts: Array, stops: Array, keys: Array, depth: int) -> tuple[_Nodes, Array]:
        """Look at the nodes of a depth and part their rows; return them, and rows on the left."""
        from ..kernels.tree.ordered import describe, mark_sides, part_lists

        n, sizes = len(starts), stops - starts
        level = self._new_level(starts, stops)
        rows, groups = int(sizes.sum()), _in_groups(sizes)
        _run(
            describe, _SEARCHED_NANOSECONDS * rows, len(groups) - 1,
            self.lists, self.targets, level, _ranges(groups),
        )  # fmt: skip
        errors, values = self._errors(level.errors), self._medians(level.medians)
        nodes = _Nodes(
            starts, stops, keys, np.full(n, -1, np.int32), np.full(n, -2.0), np.zeros(n, np.uint8),
            level.totals, errors, values,
        )  # fmt: skip
        level.searched[:] = self._large_enough(level, sizes, errors, depth)
        n_left = np.zeros(n, np.int64)
        if not level.searched.any():
            return nodes, n_left
        features, positions, sides, least = self._searched(level, groups, keys)
        split = features >= 0
        if self.limits.min_gain > 0:
            split &= self._errors(level.errors - least) >= self.limits.min_gain
        chosen = np.flatnonzero(split)
        if not len(chosen):
            return nodes, n_left
        cuts = Cuts(
            chosen, features[chosen], positions[chosen], sides[chosen], np.empty(len(chosen)),
            np.empty(len(chosen), np.int64), self.goes_left,
        )  # fmt: skip
        parts = _in_groups(sizes[chosen])
        cost = _PARTED_NANOSECONDS * float(sizes[chosen].sum())
        _run(mark_sides, cost, len(parts) - 1, self.lists, level, cuts, _ranges(parts))
        below = self.d if depth + 1 >= self.limits.max_depth else 0  # leaves need no features
        jobs = _by_feature(parts, sizes[chosen], below, self.d + 1)
        _run(part_lists, cost * (self.d + 1 - below), len(jobs), self.lists, level, cuts, jobs)
        n_left[chosen] = cuts.n_left
        nodes.features[chosen] = cuts.features
        nodes.thresholds[chosen] = cuts.thresholds
        nodes.sides[chosen] = cuts.sides
        return nodes, n_left

    def _large_enough(self, level: Level, sizes: Array, errors: Array, depth: int) -> Any:
        """Return which nodes may be split, by all but their features."""
        limits = self.limits
        if depth >= limits.max_depth:
            return False
        enough = (sizes >= max(limits.min_samples_split, 2 * limits.min_samples_leaf)) & (sizes > 1)
        if limits.min_weight_leaf > 0:
            enough &= level.totals >= 2 * limits.min_weight_leaf
        return enough & (errors != 0)

    def _searched(
        self, level: Level, groups: Array, keys: Array
    ) -> tuple[Array, Array, Array, Array]:
        """Return the best split of each node: feature, last row on the left, side, error.

        The feature is -1 where there is none.
        """
        from ..kernels.tree.draws import draw_orders

        n, sizes = len(level.starts), level.stops - level.starts
        features, positions = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
        sides = np.zeros(n, np.uint8)
        errors = np.full((n, 2), NO_SPLIT)
        orders = np.arange(self.d, dtype=np.int32)[None]
        if self.drawing:
            orders = np.empty((n, self.d), np.int32)
            draw_orders(keys, orders)
        first, stop = 0, self.limits.max_features
        wanted = level.searched.copy()
        while first < self.d and level.searched.any():
            jobs, nodes = _searches(groups, sizes, first, stop)
            found = self._found(level, jobs, len(nodes), orders)
            best = np.lexsort((found.features, found.errors[:, 1], found.errors[:, 0], nodes))
            best = best[found.features[best] >= 0]
            which, at = np.unique(nodes[best], return_index=True)
            best = best[at]
            features[which], positions[which] = found.features[best], found.positions[best]
            sides[which], errors[which] = found.sides[best], found.errors[best]
            # None of the features drawn can be split: one more is drawn.
            level.searched[which] = 0
            first, stop = stop, stop + 1
        level.searched[:] = wanted
        return features, positions, sides, errors

    def _found(self, level: Level, jobs: Array, n: int, orders: Array) -> Found:
        from ..kernels.tree.absolute import search

        found = Found(
            np.full((n, 2), NO_SPLIT), np.full(n, -1, np.int64), np.empty(n, np.int64),
            np.empty(n, np.uint8),
        )  # fmt: skip
        rows = float((level.stops - level.starts)[level.searched > 0].sum())
        slots = jobs[:, 3].max() - jobs[:, 2].min()
        cost = _SEARCHED_NANOSECONDS * rows * slots
        _run(search, cost, len(jobs), self.lists, level, self.limits, jobs, orders, found)
        return found

    def _children(self, nodes: _Nodes, n_left: Array) -> tuple[Array, Array, Array]:
        """Return starts, stops and keys of the nodes below, side by side."""
        from ..kernels.tree.draws import child_keys

        inner = nodes.features >= 0
        starts, stops = nodes.starts[inner], nodes.stops[inner]
        middles = starts + n_left[inner]
        keys = np.empty((len(starts), 2), np.uint64)
        child_keys(nodes.keys[inner], keys)
        return (
            np.column_stack((starts, middles)).reshape(-1),
            np.column_stack((middles, stops)).reshape(-1),
            keys.reshape(-1),
        )

    def _assembled(self, levels: list[_Nodes]) -> TreeArrays:
        """Return all nodes in pre-order."""
        sizes = [np.ones(len(level.starts), np.int64) for level in levels]
        for level, size, below in zip(levels[-2::-1], sizes[-2::-1], sizes[:0:-1], strict=True):
            size[level.features >= 0] += below.reshape(-1, 2).sum(axis=1)
        places: list[Array] = [np.zeros(1, np.int64)]
        lefts, rights = [], []
        for depth, level in enumerate(levels):
            inner = level.features >= 0
            left, right = (np.full(len(inner), -1, np.int32) for _ in range(2))
            left[inner] = places[depth][inner] + 1
            if inner.any():
                right[inner] = left[inner] + sizes[depth + 1][::2]
                places.append(np.column_stack((left[inner], right[inner])).reshape(-1))
            lefts.append(left)
            rights.append(right)
        order = np.argsort(np.concatenate(places))
        whole = _Nodes(*(np.concatenate(each)[order] for each in zip(*levels, strict=True)))
        return TreeArrays(
            whole.features, np.concatenate(lefts)[order], np.concatenate(rights)[order],
            whole.thresholds, whole.sides, whole.stops - whole.starts,
            whole.weights * self.scale.weight,
            whole.errors * self.scale.value / whole.weights,
            whole.values[:, None], len(levels) - 1,
        )  # fmt: skip


def _by_feature(groups: Array, sizes: Array, first: int, stop: int) -> Array:
    """Return (nodes from, to, features from, to): large nodes feature by feature."""
    jobs: list[tuple[int, int, int, int]] = []
    for start, end in _ranges(groups).tolist():
        if sizes[start:end].sum() >= _ROWS_A_TICKET:
            jobs += [(start, end, f, f + 1) for f in range(first, stop)]
        else:
            jobs.append((start, end, first, stop))
    return np.array(jobs, np.int64)


def _searches(groups: Array, sizes: Array, first: int, stop: int) -> tuple[Array, Array]:
    """Return jobs, and the node each place of what they find is of."""
    jobs = _by_feature(groups, sizes, first, stop)
    lengths = jobs[:, 1] - jobs[:, 0]
    at = np.cumsum(lengths) - lengths
    nodes = np.arange(int(lengths.sum())) - np.repeat(at - jobs[:, 0], lengths)
    return np.column_stack((jobs, at)), nodes
