"""What the trees of a forest have in common, made by the first that asks."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from ..core.classes import check_classes, number_classes
from ..core.validation import Array, readable
from ..kernels.tree.drawn import MOST_DRAWN
from ..kernels.tree.problem import Table
from ._absolute import in_order
from ._codes import make_table
from ._problem import Problem
from ._targets import ValueSums, value_sums

#: For trees of one row in so many the whole table is ranked.
_RANKED_FROM = 8


def classes_of(y: Array) -> tuple[Array, Array]:
    """Return the classes, and for each row which."""
    if y.dtype.kind != "S":  # scikit-learn's trees take bytes, as nothing else of it does
        check_classes(y)
    return number_classes(y)


class Shared:
    """What trees of a forest have in common, made by the first that asks: codes, classes, sums."""

    def __init__(self) -> None:
        self._ordered: tuple[Any, Array] | None = None
        self._held: tuple[Any, Table, bool] | None = None
        self._classes: tuple[Any, tuple[Array, Array]] | None = None
        self._sums: tuple[Array, tuple[int, str], ValueSums] | None = None
        self._making = threading.Lock()
        #: The first tree, before its fit.
        self.made: Any = None

    def classes(self, y: Array) -> tuple[Array, Array]:
        """Return the classes, and for each row which."""
        held = self._classes
        if held is None or not (held[0] is y or np.array_equal(held[0], y)):
            classes, codes = classes_of(y[:, 0] if y.ndim == 2 else y)
            held = self._classes = y, (classes, codes.astype(np.int32))
        return held[1]

    def know_classes(self, y: Array, classes: Array, codes: Array) -> None:
        """Take the classes of targets from who has looked through them."""
        self._classes = y, (classes, codes)

    def sums(self, y: Array, sum_of_weights: int, criterion: str) -> ValueSums:
        """Return the targets as ``value_sums`` does."""
        held, asked = self._sums, (sum_of_weights, criterion)
        if held is None or held[1] != asked or not np.array_equal(held[0], y):
            held = self._sums = y.copy(), asked, value_sums(y, *asked)
        return held[2]

    def table_of(self, problem: Problem) -> Table:
        """Return the codes of X for a tree that is grown from this."""
        weights = problem.targets.weights
        n = len(problem.X)
        used = n if not len(weights) else int(np.count_nonzero(weights))
        ranked = problem.drawing and used * _RANKED_FROM >= n
        return self.table(problem.X, problem.missing, ranked, used)

    def table(self, X: Array, missing: Array | None, ranked: bool, used: int) -> Table:
        """Return the codes of X, or its ranks if they are worth it, for a tree of so many rows."""
        coded = not ranked or used > MOST_DRAWN
        with self._making:
            held = self._held
            if held is None or held[0] is not X or (coded and not held[2]):
                table = make_table(
                    readable(X), missing, shared=True, ranked=ranked, coded=coded
                )  # fmt: skip
                coded = coded or not len(table.ranks) + len(table.narrow_ranks)
                held = self._held = X, table, coded
        return held[1]

    def in_order(self, X: Array) -> Array:
        """Return the rows in the order of every feature."""
        with self._making:
            held = self._ordered
            if held is None or held[0] is not X:
                held = self._ordered = X, in_order(X)
        return held[1]
