"""The nodes of a tree: as they are found, and all together."""

from __future__ import annotations

from typing import NamedTuple

from ..core.validation import Array


class Nodes(NamedTuple):
    """A tree: nodes in pre-order, the left child first.

    features : (n_nodes,) int32, -1 for a leaf
    thresholds : (n_nodes,) float64, -2 for a leaf
    lefts, rights : (n_nodes,) int32, -1 for a leaf
    sides : (n_nodes,) uint8, 1 where missing values go left
    totals : (n_nodes, size) int64, statistics
    depth : int, splits above the deepest node
    """

    features: Array
    thresholds: Array
    lefts: Array
    rights: Array
    sides: Array
    totals: Array
    depth: int


class Top:
    """The large nodes as they are found, and the small ones they end in."""

    def __init__(self) -> None:
        self.features: list[int] = []
        self.thresholds: list[float] = []
        self.children: list[list[int]] = []
        self.sides: list[int] = []
        self.totals: list[Array] = []
        self.roots: list[int] = []

    def add(self, total: Array) -> int:
        self.features.append(-1)
        self.thresholds.append(-2.0)
        self.children.append([-1, -1])
        self.sides.append(0)
        self.totals.append(total)
        self.roots.append(-1)
        return len(self.features) - 1
