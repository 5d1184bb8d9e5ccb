"""Nearest neighbours without targets."""

from __future__ import annotations

from typing import Any, Self

import sklearn.neighbors
from numpy.typing import ArrayLike

from ..core.documentation import filled
from ._base import FastNeighbors, FastRadius
from ._documentation import FIT, documented
from ._signatures import NearestNeighborsTypes


@documented
class NearestNeighbors(  # type: ignore[misc]  # both weigh, in their own way
    FastNeighbors, FastRadius, NearestNeighborsTypes, sklearn.neighbors.NearestNeighbors
):
    """Find the nearest of many rows, or all within a radius.

    Neighbours, their order and their distances are those float64 gives, for float32 and float64
    and at any offset, the lower row first where two are equally far; results are the same bits for
    any number of threads.

    Notes
    -----
    Rows are copied: arrays that change after the fit change nothing here.

    References
    ----------
    Fix and Hodges, "Discriminatory analysis: nonparametric discrimination, consistency properties",
    USAF School of Aviation Medicine, report 4, 1951.

    Examples
    --------
    >>> import fastml
    >>> model = fastml.NearestNeighbors(n_neighbors=2).fit([[0.0], [1.0], [5.0]])
    >>> model.kneighbors([[0.9]])
    (array([[0.1, 0.9]]), array([[1, 0]]))
    """

    @filled(**FIT)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Keep the rows.

        Parameters
        ----------
        {rows}
        y : object, default=None
            Not looked at.

        {results}
        """
        super().fit(X, y)
        return self
