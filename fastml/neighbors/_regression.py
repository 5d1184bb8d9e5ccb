"""Means of neighbours."""

from __future__ import annotations

import numpy as np
import sklearn.neighbors
from numpy.typing import ArrayLike

from ..core.validation import Array
from ..execution import over_blocks
from ._base import FastNeighbors
from ._documentation import documented


@documented
class KNeighborsRegressor(FastNeighbors, sklearn.neighbors.KNeighborsRegressor):  # type: ignore[misc]
    """Predict the mean of the targets of the nearest rows.

    The neighbours are those of :class:`NearestNeighbors`: what float64 gives, the lower row first
    where two are equally far.

    References
    ----------
    Stone, "Consistent nonparametric regression", The Annals of Statistics 5(4), 1977.

    Examples
    --------
    >>> import fastml
    >>> model = fastml.KNeighborsRegressor(n_neighbors=2)
    >>> model.fit([[0.0], [1.0], [5.0]], [1.0, 2.0, 9.0]).predict([[0.4]])
    array([1.5])
    """

    @over_blocks
    def predict(self, X: ArrayLike | None) -> Array:
        """Return the mean of the targets of each row's neighbours.

        Parameters
        ----------
        X : array-like (n_queries, n_features), or None
            The queries; None for the fitted rows, of which none is its own neighbour.

        Returns
        -------
        y : ndarray (n_queries,) or (n_queries, n_outputs)
        """
        return np.asarray(super().predict(X))
