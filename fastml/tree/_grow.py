"""How a tree grows: large nodes level by level, small ones to their leaves."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..kernels.tree.drawn import MOST_DRAWN
from ..kernels.tree.level import Edges, Level
from ..kernels.tree.problem import SQUARED_ERROR, Limits, Table, Targets
from ..kernels.tree.refine import Splits
from ..kernels.tree.sorted_lists import SMALL_ROWS
from ..kernels.tree.subtree import Grown, Roots
from ._codes import LEAST_BITS
from ._levels import (
    LargeNodes,
    empty_edges,
    empty_splits,
    gain_of,
    jobs_of,
    rows_in,
    whole_total,
)
from ._nodes import Nodes, Top

_MOST_BITS = 14
#: Bins of a node of n rows, over the square root of n.
_BINS_FACTOR = 4.0
#: Of a row and feature of a small tree.
NANOSECONDS_A_VALUE = 30.0
#: Histograms of values take several times as long as those of classes, so that larger nodes are
#: sorted sooner: where so many levels are below, and lists have so many elements in all.
_LEVELS_SORTED, _ELEMENTS_SORTED = 3, 1 << 22


def small_rows(d: int, ranked: bool, targets: Targets, limits: Limits, depth: int = 0) -> int:
    """Return how many rows a node has at most that is left to the small ones.

    Parameters
    ----------
    d : int, features
    ranked : bool, whether the table holds ranks
    targets, limits : Targets, Limits
    depth : int, of the node
    """
    of_classes, of_values = SMALL_ROWS
    if limits.max_features < d:
        return MOST_DRAWN if ranked else of_classes
    squares = targets.criterion == SQUARED_ERROR and limits.min_weight_leaf <= 0
    if squares and limits.max_depth - depth >= _LEVELS_SORTED:
        return max(of_classes, min(of_values, _ELEMENTS_SORTED // d))
    return of_classes


def is_ranked(table: Table) -> bool:
    """Say whether a table holds ranks."""
    return len(table.ranks) + len(table.narrow_ranks) > 0


def _run(kernel: Any, nanoseconds: float, most: int, *arguments: Any) -> None:
    run_team(kernel, min(team_size(nanoseconds), most), new_state(), *arguments)


class Grower:
    """Grows one tree.

    Parameters
    ----------
    table, targets, limits : Table, Targets, Limits
    seed : int, of the draws of features
    """

    def __init__(self, table: Table, targets: Targets, limits: Limits, seed: int) -> None:
        self.table, self.targets, self.limits = table, targets, limits
        self.n, self.d = table.codes.shape
        self.drawing = limits.max_features < self.d
        self.seed = seed
        self.ranked = is_ranked(table)
        counts = targets.n_classes > 0 and not len(targets.weights)
        self.count_type = np.int32 if counts else np.int64

    def _choose_bins(self) -> None:
        """Set how codes are counted, by how coarsely: only large nodes ask."""
        table = self.table
        bits = [int(count - 1).bit_length() for count in table.n_codes]
        last = np.maximum(table.n_codes - 1, table.missing).astype(np.int64)
        kept = np.arange(LEAST_BITS, _MOST_BITS + 1)[:, None]
        self.shifts = np.maximum(np.array(bits, np.int64) - kept, 0)
        self.widths = (last >> self.shifts) + 1
        self.order = np.arange(self.d, dtype=np.int32)[None]

    def grow(self) -> Nodes:
        """Return the nodes of the tree."""
        targets = self.targets
        if len(targets.weights):
            rows = np.flatnonzero(targets.weights).astype(np.int32)
        else:
            rows = np.arange(self.n, dtype=np.int32)
        self.n_used = len(rows)
        total = whole_total(targets, self.n_used)
        self.top = Top()
        self.ended: list[tuple[int, int, int, int, Array, int]] = []
        self.depth = 0  # of the nodes of the top
        self.final_rows = rows
        first = self.top.add(total)
        if self._large(total, 0, self.n_used):
            self._choose_bins()
            self.final_rows = np.empty(self.n_used, np.int32)
            spare = np.empty(self.n_used, np.int32)
            level = LargeNodes()
            level.add(first, 0, self.n_used, total, self.seed, True)
            level.pairs.append((0, -1, -1, -1, True, False))
            level.before = np.empty(0, self.count_type)
            depth = 0
            while level.ids:
                level, rows, spare = self._next_level(level, depth, rows, spare)
                depth += 1
        else:
            self._end(first, 0, self.n_used, 0, total, self.seed, rows)
        return self._assembled(self._grow_small())

    def _large(self, total: Array, depth: int, n_rows: int) -> bool:
        """Whether a node is to be split here: it is large, and no leaf."""
        limits, targets = self.limits, self.targets
        if n_rows <= self._small_rows(depth) or depth >= limits.max_depth:
            return False
        if n_rows < limits.min_samples_split or n_rows < 2 * limits.min_samples_leaf:
            return False
        weight = self._weight(total)
        if limits.min_weight_leaf > 0 and weight < 2 * limits.min_weight_leaf:
            return False
        if targets.n_classes:
            return int(np.count_nonzero(total[: targets.n_classes])) > 1
        return True

    def _small_rows(self, depth: int) -> int:
        return small_rows(self.d, self.ranked, self.targets, self.limits, depth)

    def _weight(self, total: Array) -> float:
        if self.targets.n_classes:
            factors = self.targets.factors.astype(np.float64)  # int64 does not hold the products
            return float((total[: self.targets.n_classes] * factors).sum())
        return float(total[0])

    def _end(
        self, node: int, start: int, stop: int, depth: int, total: Array, key: int, rows: Array
    ) -> None:
        """Leave a node to the small ones; a large one that is a leaf stays as it is."""
        if stop - start > self._small_rows(depth):
            return
        if rows is not self.final_rows:
            self.final_rows[start:stop] = rows[start:stop]
        self.top.roots[node] = len(self.ended)
        self.ended.append((start, stop, depth, node, total, key))

    def _next_level(
        self, nodes: LargeNodes, depth: int, rows: Array, spare: Array
    ) -> tuple[LargeNodes, Array, Array]:
        """Split the nodes of a level; return the next one, its rows, and the memory of these."""
        from ..kernels.tree import draws, refine

        level, splits, histograms = self._best_splits(nodes, rows)
        limits = self.limits
        split = (splits.scores > -np.inf) & np.array(nodes.searched)
        for i in np.flatnonzero(split):
            if limits.min_gain > 0:
                gain = gain_of(self.targets, nodes.totals[i], splits.left[i], splits.scores[i])
                split[i] = gain >= limits.min_gain
            if not self.targets.n_classes:
                split[i] &= not self._constant(rows[nodes.starts[i] : nodes.stops[i]])
        chosen = np.flatnonzero(split)
        self.depth = depth + 1 if len(chosen) else depth
        thresholds = np.zeros(len(nodes.ids))
        if len(chosen):
            moved = 20.0 * sum(nodes.stops[i] - nodes.starts[i] for i in chosen)
            most = len(chosen)
            _run(refine.divide, moved, most, self.table, level, chosen, splits, thresholds, spare)
        keys = np.array(nodes.keys, np.uint64)
        child_keys = np.empty((len(keys), 2), np.uint64)
        draws.child_keys(keys, child_keys)
        below = LargeNodes()
        below.before = histograms
        for i in chosen:
            node, start, stop = nodes.ids[i], nodes.starts[i], nodes.stops[i]
            totals = splits.left[i].copy(), nodes.totals[i] - splits.left[i]
            n_left, n_right = (int(n) for n in rows_in(self.targets, np.array(totals)))
            middle = start + n_left
            order = level.orders[i if self.drawing else 0]
            feature = int(order[splits.slots[i]])
            self.top.features[node] = feature
            self.top.thresholds[node] = float(thresholds[i])
            side = int(splits.sides[i])
            if not self._lacks(feature, rows[start:stop]):
                side = int(n_left > n_right)
            self.top.sides[node] = side
            family = []
            for place, (a, b) in enumerate(((start, middle), (middle, stop))):
                child = self.top.add(totals[place])
                self.top.children[node][place] = child
                key = int(child_keys[i, place])
                large = self._large(totals[place], depth + 1, b - a)
                if not large:
                    self._end(child, a, b, depth + 1, totals[place], key, spare)
                family.append((child, a, b, totals[place], key, large))
            parent = int(level.at[i]), int(level.coarseness[i])
            self._add_family(below, family, *parent)
        return below, spare, rows

    def _lacks(self, feature: int, rows: Array) -> bool:
        """Whether a feature is missing in some rows."""
        missing = self.table.missing[feature]
        return bool(missing >= 0 and (self.table.codes[rows, feature] == missing).any())

    def _constant(self, rows: Array) -> bool:
        """Whether some rows have one target value only."""
        sums = self.targets.sums
        first = sums[rows[0], :2]
        return all(bool((sums[part, :2] == first).all()) for part in (rows[:100], rows))

    def _add_family(self, below: LargeNodes, family: list[Any], parent_at: int, row: int) -> None:
        """Add the children of a node that are large: the smaller is counted."""
        large = [member for member in family if member[5]]
        if not large:
            return
        if self.drawing:
            for member in large:
                below.pairs.append((below.add(*member), -1, -1, -1, True, False))
            return
        family.sort(key=lambda member: int(member[2] - member[1]))
        counted, other = family
        first = below.add(*counted)
        if other[5]:
            second = below.add(*other)
            below.pairs.append((first, second, parent_at, row, counted[5], True))
        else:
            below.pairs.append((first, -1, -1, -1, True, False))

    def _laid_out(self, nodes: LargeNodes, rows: Array) -> Level:
        """Return the nodes of a level, their features drawn, as kernels take them."""
        from ..kernels.tree import draws

        sizes = np.array(nodes.stops) - np.array(nodes.starts)
        rank = np.round(np.log2(_BINS_FACTOR * np.sqrt(sizes))).astype(np.int64)
        row = np.clip(rank - LEAST_BITS, 0, _MOST_BITS - LEAST_BITS)
        for first, second, *_ in nodes.pairs:
            if second >= 0:
                row[first] = row[second]
        orders = self.order
        if self.drawing:
            orders = np.empty((len(sizes), self.d), np.int32)
            draws.draw_orders(np.array(nodes.keys, np.uint64), orders)
        lengths = self.widths[row].sum(axis=1) * self.targets.size
        return Level(
            rows,
            np.array(nodes.starts, np.int64),
            np.array(nodes.stops, np.int64),
            np.array(nodes.totals, np.int64),
            np.concatenate(([0], np.cumsum(lengths)[:-1])),
            row,
            orders,
            self.shifts,
            self.widths,
        )

    def _best_splits(self, nodes: LargeNodes, rows: Array) -> tuple[Level, Splits, Array]:
        """Return the best split of every node of a level, and the histograms."""
        from ..kernels.tree import level as levels
        from ..kernels.tree import refine

        targets, level = self.targets, self._laid_out(nodes, rows)
        n_nodes, sizes = len(nodes.ids), level.stops - level.starts
        last = level.coarseness[-1]
        end = int(level.at[-1] + self.widths[last].sum() * targets.size)
        histograms = np.empty(end, self.count_type)
        edges = empty_edges(n_nodes, self.d, targets.size)
        searched = np.zeros(n_nodes, np.int64)  # slots
        slots = np.full(n_nodes, self.limits.max_features)
        pairs = nodes.pairs
        while True:
            jobs = jobs_of(pairs, searched, slots)
            cost = float((sizes[jobs[:, 0]] * (jobs[:, 5] - jobs[:, 4])).sum())
            _run(
                levels.search, cost, len(jobs),
                self.table, targets, self.limits, level, jobs, nodes.before, histograms, edges,
            )  # fmt: skip
            inside_jobs, looked = self._inside(level, edges, histograms)
            splits = empty_splits(n_nodes, targets.size)
            refine.choose(targets, level, slots, edges, inside_jobs, looked, splits)
            poor = np.flatnonzero((splits.scores == -np.inf) & (slots < self.d))
            if not len(poor):
                return level, splits, histograms
            # None of the features drawn can be split: one more is drawn.
            searched[poor] = slots[poor]
            slots[poor] += 1
            pairs = [(int(node), -1, -1, -1, True, False) for node in poor]

    def _inside(self, level: Level, edges: Edges, histograms: Array) -> tuple[Array, Splits]:
        """Return which slots of which nodes had to be looked into, and what was found there."""
        from ..kernels.tree.refine import look_inside

        least = edges.scores.max(axis=1)
        jobs = np.argwhere((edges.bounds > -np.inf) & (edges.bounds >= least[:, None]))
        found = empty_splits(len(jobs), self.targets.size)
        if len(jobs):
            cost = 12.0 * float((level.stops - level.starts)[jobs[:, 0]].sum())
            _run(
                look_inside, cost, len(jobs),
                self.table, self.targets, self.limits, level, jobs, least, histograms, found,
            )  # fmt: skip
        return jobs, found

    def _grow_small(self) -> Grown:
        """Grow the trees below the small nodes, the largest first."""
        ended, size = self.ended, self.targets.size
        ended.sort(key=lambda root: (root[0] - root[1], root[0]))
        for number, root in enumerate(ended):
            self.top.roots[root[3]] = number
        roots = Roots(
            self.final_rows,
            np.array([root[0] for root in ended], np.int64),
            np.array([root[1] for root in ended], np.int64),
            np.array([root[2] for root in ended], np.int64),
            np.array([root[4] for root in ended], np.int64).reshape(len(ended), size),
            np.array([root[5] for root in ended], np.uint64),
            np.array([2 * root[0] for root in ended], np.int64),
            np.zeros(len(ended), np.int64),
            np.empty((0, self.n), np.int64),
        )
        room = 2 * self.n_used
        grown = Grown(
            np.empty(room, np.int32),
            np.empty(room),
            np.empty(room, np.int32),
            np.empty(room, np.uint8),
            np.empty((room, size), np.int64),
            np.zeros(len(ended), np.int64),
            np.zeros(len(ended), np.int64),
            np.empty((0, self.n), np.int32),
        )
        if ended:
            rows = sum(root[1] - root[0] for root in ended)
            cost = NANOSECONDS_A_VALUE * rows * self.d
            if self.drawing:
                from ..kernels.tree.drawn_subtree import grow_drawn_subtrees as grow
            else:
                from ..kernels.tree.subtree import grow_subtrees as grow
            _run(
                grow, cost, len(ended),
                self.table, self.targets, self.limits, roots, grown,
            )  # fmt: skip
        return grown

    def _assembled(self, grown: Grown) -> Nodes:
        """Return all nodes in pre-order."""
        top, ended = self.top, self.ended
        pieces: list[tuple[int, int]] = []  # (a node of the top or -1, a small tree or -1)
        place_of: dict[int, int] = {}
        stack, count = [0], 0
        while stack:
            node = stack.pop()
            place_of[node] = count
            root = top.roots[node]
            pieces.append((node, root))
            count += int(grown.counts[root]) if root >= 0 else 1
            if top.features[node] >= 0:
                stack += [top.children[node][1], top.children[node][0]]
        nodes = Nodes(
            np.empty(count, np.int32),
            np.empty(count),
            np.full(count, -1, np.int32),
            np.full(count, -1, np.int32),
            np.zeros(count, np.uint8),
            np.empty((count, self.targets.size), np.int64),
            max(self.depth, int(grown.deepest.max(initial=0))),
        )
        for node, root in pieces:
            at = place_of[node]
            if root < 0:
                nodes.features[at] = top.features[node]
                nodes.thresholds[at] = top.thresholds[node]
                nodes.sides[at] = top.sides[node]
                nodes.totals[at] = top.totals[node]
                if top.features[node] >= 0:
                    nodes.lefts[at] = place_of[top.children[node][0]]
                    nodes.rights[at] = place_of[top.children[node][1]]
                continue
            begin, n = 2 * ended[root][0], int(grown.counts[root])
            part, source = slice(at, at + n), slice(begin, begin + n)
            nodes.features[part] = grown.features[source]
            nodes.thresholds[part] = grown.thresholds[source]
            nodes.sides[part] = grown.sides[source]
            nodes.totals[part] = grown.totals[source]
            inner = nodes.features[part] >= 0
            nodes.lefts[part] = np.where(inner, np.arange(at + 1, at + n + 1), -1)
            nodes.rights[part] = np.where(inner, grown.rights[source] + at, -1)
        return nodes
