"""Means of neighbours."""

from __future__ import annotations

import warnings
from typing import Self

import numpy as np
import sklearn.neighbors
from numpy.typing import ArrayLike

from ..core.documentation import filled
from ..core.estimator import as_of_now, check_fitted
from ..core.validation import Array
from ..execution import over_blocks
from ._base import FastNeighbors, FastRadius
from ._documentation import FIT, PREDICT, documented
from ._signatures import KNeighborsRegressorTypes, RadiusNeighborsRegressorTypes


@documented
class KNeighborsRegressor(
    FastNeighbors, KNeighborsRegressorTypes, sklearn.neighbors.KNeighborsRegressor
):
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

    @filled(**FIT)
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Keep the rows and their targets.

        Parameters
        ----------
        {rows}
        y : array-like (n_samples,) or (n_samples, n_outputs)
            Each row's target.

        {results}
        """
        super().fit(X, y)
        return self

    @over_blocks
    @filled(**PREDICT)
    def predict(self, X: ArrayLike | None) -> Array:
        """Return the mean of the neighbours' targets for each row.

        Parameters
        ----------
        {queries}

        Returns
        -------
        means : ndarray (n_queries,) or (n_queries, n_outputs) of float64
            Sums in the order of the neighbours, over the sum of the weights.
        """
        self = as_of_now(self)
        if getattr(self, "_search", None) is None:
            return np.asarray(super().predict(X))
        return self._voters(X).average(self._y)


@documented
class RadiusNeighborsRegressor(
    FastRadius, RadiusNeighborsRegressorTypes, sklearn.neighbors.RadiusNeighborsRegressor
):
    """Predict the mean of the targets of all rows within a radius.

    A row is a neighbour if its distance, in float64, is at most the radius.

    Examples
    --------
    >>> import fastml
    >>> model = fastml.neighbors.RadiusNeighborsRegressor(radius=1.0)
    >>> model.fit([[0.0], [1.0], [5.0]], [1.0, 2.0, 9.0]).predict([[0.4]])
    array([1.5])
    """

    @filled(**FIT)
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Keep the rows and their targets.

        Parameters
        ----------
        {rows}
        y : array-like (n_samples,) or (n_samples, n_outputs)
            Each row's target.

        {results}
        """
        super().fit(X, y)
        return self

    @over_blocks
    @filled(**PREDICT)
    def predict(self, X: ArrayLike | None) -> Array:
        """Return the mean of the targets within the radius for each row.

        Parameters
        ----------
        {queries}

        Returns
        -------
        means : ndarray (n_queries,) or (n_queries, n_outputs) of float64
            Sums in the order of the rows, over the sum of the weights; NaN, with a warning, where
            there is none.
        """
        self = as_of_now(self)
        check_fitted(self)
        search = self._search_for(X)
        if search is None:
            return np.asarray(super().predict(X))
        voters = self._voters(search, X)
        means, alone = voters.average(self._y), np.diff(voters.starts) == 0
        if np.isnan(means[~alone]).any():
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        if alone.any():
            warnings.warn(
                "One or more samples have no neighbors within specified radius; predicting NaN.",
                stacklevel=3,
            )
        return means
