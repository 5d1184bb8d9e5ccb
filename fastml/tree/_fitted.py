"""What a fit leaves behind: one object, put into its place at the end."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import numpy as np

from ..core.validation import Array
from ._arrays import TreeArrays, from_sklearn, packed, parents_of, same, to_sklearn, unpacked
from ._predictor import Predictor

#: What may stand at the nodes: their numbers, the shares of the classes or the mean, and what
#: ``predict`` answers.
NODES, VALUES, ANSWERS = "nodes", "values", "answers"


#: In a loop over a hundred trees more time would pass than a row needs to pass them.
_FITTED, _HANDED_OUT = attrgetter("_fitted"), attrgetter("_tree")


class Fitted:
    """A fitted tree; nothing of it changes but what is made when first asked for.

    Either the exact builder grew it, from rows of which float32 and float64 are decided on the
    values given; or scikit-learn did, from rows made float32.

    Parameters
    ----------
    n_features : int
    arrays : TreeArrays or None
        The tree of the exact builder.
    tree : sklearn.tree._tree.Tree or None
        That of scikit-learn's.
    classes : ndarray (n_classes,) or None
        For classes.
    """

    __slots__ = (
        "_arrays", "_edited", "_known", "_parents", "_predictors", "_tree", "classes", "exact",
        "n_features",
    )  # fmt: skip

    def __init__(
        self,
        n_features: int,
        arrays: TreeArrays | None = None,
        tree: Any = None,
        classes: Array | None = None,
    ) -> None:
        self.n_features = n_features
        self.classes = classes
        self.exact = arrays is not None
        self._arrays = arrays
        self._tree = tree
        self._predictors: dict[Any, Predictor] = {}
        #: What predictions rest on; and what follows when somebody has written into the tree.
        self._known: TreeArrays | None = arrays
        self._edited: Fitted | None = None
        self._parents: tuple[TreeArrays, Array] | None = None

    @property
    def handed_out(self) -> bool:
        """Whether there is a tree of scikit-learn's that somebody may write into."""
        return self._tree is not None

    def now(self, leaves: Array | None = None) -> Fitted:
        """Return this, or the tree that was handed out if somebody has written into it.

        Parameters
        ----------
        leaves : ndarray of int64 or None
            Leaves of this tree: then it is enough that nothing was written into their values and
            the nodes above them.
        """
        known = self._known
        if self._tree is None or known is None:
            return self
        if leaves is not None and same(known, self._tree, self._above(known, leaves)):
            return self
        if same(known, self._tree):
            return self
        found = self._edited
        if found is None or not (found._known is None or same(found._known, self._tree)):
            found = self._edited = Fitted(self.n_features, tree=self._tree)
        return found

    def _above(self, known: TreeArrays, leaves: Array) -> Array:
        """Return some leaves and all nodes above them."""
        if self._parents is None or self._parents[0] is not known:
            self._parents = known, parents_of(known)
        parents, found = self._parents[1], set()
        for leaf in leaves.tolist():
            node = leaf
            while node >= 0 and node not in found:
                found.add(node)
                node = parents.item(node)
        return np.array(list(found))

    @property
    def tree(self) -> Any:
        """The tree as scikit-learn's."""
        if self._tree is None:
            n_classes = 1 if self.classes is None else len(self.classes)
            self._tree = to_sklearn(self.arrays, self.n_features, n_classes)
        return self._tree

    @property
    def arrays(self) -> TreeArrays:
        """The tree as arrays, whoever grew it."""
        return from_sklearn(self._tree) if self._arrays is None else self._arrays

    def predictor(self, dtype: Any) -> Predictor:
        """Return the tree laid out for rows of a type."""
        if dtype not in self._predictors:
            arrays = self._known = self.arrays
            self._predictors[dtype] = Predictor([arrays], self.n_features, dtype)
        return self._predictors[dtype]

    def table(self, predictor: Predictor, what: str, classes: Array | None = None) -> Array:
        """Return what stands at the nodes, in the predictor's order.

        Of classes the answers are their numbers, but where they are int64 themselves.
        """
        tables = predictor.tables
        if what == NODES:
            return predictor.names
        if what not in tables:
            values = self.arrays.values[predictor.names]
            if what == ANSWERS:
                values = values[:, 0] if classes is None else np.argmax(values, axis=1)
            tables[what] = np.ascontiguousarray(values)
        table: Array = tables[what]
        if what != ANSWERS or classes is None or classes.dtype != np.int64:
            return table
        known, named = tables.get("named", (None, None))
        # As bytes: to compare them as arrays takes as long as all else for one row.
        if known is None or known != classes.tobytes():  # somebody has renamed them
            named = classes[table]
            tables["named"] = classes.tobytes(), named
        return np.asarray(named)

    def __getstate__(self) -> dict[str, Any]:
        me = self.now()
        state, arrays = {"n_features": me.n_features, "classes": me.classes}, me._arrays
        tree = {"tree": me._tree} if arrays is None else {"arrays": packed(arrays)}
        return {**state, **tree}

    def __setstate__(self, state: dict[str, Any]) -> None:
        arrays = state.pop("arrays", None)
        self.__init__(arrays=None if arrays is None else unpacked(arrays), **state)  # type: ignore[misc]


def fitted_of(trees: Any) -> list[Fitted]:
    """Return what the fits of estimators have left behind, as it is now.

    Raises
    ------
    ValueError
        If there is none, or one is no fitted tree of fastml.
    """
    try:
        fitted = list(map(_FITTED, trees))
        handed_out = any(map(_HANDED_OUT, fitted))
    except AttributeError:
        fitted = []
    if not fitted:
        raise ValueError("estimators_ must be fitted trees of fastml, one at least.")
    return [each.now() for each in fitted] if handed_out else fitted
