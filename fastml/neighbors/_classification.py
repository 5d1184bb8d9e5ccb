"""Votes of neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
import sklearn.neighbors
from numpy.typing import ArrayLike
from sklearn.neighbors._base import _get_weights

from ..core.validation import Array
from ..execution import over_blocks
from ._base import FastNeighbors
from ._documentation import documented

#: Numbers of the table of votes that is made at a time.
_VOTES_AT_ONCE = 1 << 20


@documented
class KNeighborsClassifier(FastNeighbors, sklearn.neighbors.KNeighborsClassifier):  # type: ignore[misc]
    """Classify by the vote of the nearest rows.

    The neighbours are those of :class:`NearestNeighbors`: what float64 gives, the lower row first
    where two are equally far.  Votes are added in the order of the neighbours; of two classes with
    as many the lower one wins.

    References
    ----------
    Cover and Hart, "Nearest neighbor pattern classification", IEEE Transactions on Information
    Theory 13(1), 1967.

    Examples
    --------
    >>> import fastml
    >>> model = fastml.KNeighborsClassifier(n_neighbors=3)
    >>> model.fit([[0.0], [1.0], [2.0], [9.0]], ["a", "a", "b", "b"]).predict([[0.9]])
    array(['a'], dtype='<U1')
    """

    @over_blocks
    def predict(self, X: ArrayLike | None) -> Array:
        """Return the class with the most votes for each row.

        Parameters
        ----------
        X : array-like (n_queries, n_features) or None
            None for the fitted rows, of which none votes for itself.

        Returns
        -------
        labels : ndarray (n_queries,) or (n_queries, n_outputs)
        """
        if getattr(self, "_search", None) is None:
            return np.asarray(super().predict(X))
        indices, weights = self._voters(X)
        columns = []
        for classes, y in self._outputs():
            winners = np.empty(len(indices), np.intp)
            for rows, votes in _tables(indices, weights, y, len(classes)):
                winners[rows] = votes.argmax(axis=1)
            columns.append(classes.take(winners))
        return np.stack(columns, axis=1) if self.outputs_2d_ else columns[0]

    @over_blocks
    def predict_proba(self, X: ArrayLike | None) -> Any:
        """Return the share of the votes of each class for each row.

        Parameters
        ----------
        X : array-like (n_queries, n_features) or None
            None for the fitted rows, of which none votes for itself.

        Returns
        -------
        shares : ndarray (n_queries, n_classes) of float64, or a list of them for several outputs
        """
        if getattr(self, "_search", None) is None:
            return super().predict_proba(X)
        indices, weights = self._voters(X)
        shares = []
        for classes, y in self._outputs():
            share = np.empty((len(indices), len(classes)))
            for rows, votes in _tables(indices, weights, y, len(classes)):
                share[rows] = votes / votes.sum(axis=1, keepdims=True)
            shares.append(share)
        return shares if self.outputs_2d_ else shares[0]

    def _outputs(self) -> list[tuple[Array, Array]]:
        """Return the classes and the rows' classes, output by output."""
        if not self.outputs_2d_:
            return [(self.classes_, self._y)]
        return [(classes, self._y[:, k]) for k, classes in enumerate(self.classes_)]

    def _voters(self, X: ArrayLike | None) -> tuple[Array, Array | None]:
        """Return the neighbours of each query, and their weights unless all are one."""
        if self.weights in (None, "uniform"):
            return self.kneighbors(X, return_distance=False), None
        distances, indices = self.kneighbors(X)
        weights = np.asarray(_get_weights(distances, self.weights), dtype=np.float64)
        if (weights == 0).all(axis=1).any():
            raise ValueError(
                "All neighbors of some sample is getting zero weights. Please modify 'weights' to "
                "avoid this case if you are using a user-defined function."
            )
        return indices, weights


def _tables(indices: Array, weights: Array | None, y: Array, n_classes: int) -> Any:
    """Yield some rows at a time, and their votes (rows, n_classes) added in order."""
    step = max(1, _VOTES_AT_ONCE // n_classes)
    for start in range(0, len(indices), step):
        voters = indices[start : start + step]
        places = y[voters] + n_classes * np.arange(len(voters))[:, None]
        given = None if weights is None else weights[start : start + step].ravel()
        votes = np.bincount(places.ravel(), given, n_classes * len(voters))
        yield slice(start, start + step), votes.reshape(len(voters), n_classes)
