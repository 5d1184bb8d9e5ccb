"""Votes of neighbours."""

from __future__ import annotations

import warnings
from typing import Any, Self, cast

import numpy as np
import sklearn.neighbors
from numpy.typing import ArrayLike

from ..core.classes import name_classes
from ..core.documentation import filled
from ..core.estimator import as_of_now, check_fitted, fitted_at_once
from ..core.scoring import ScoresClasses
from ..core.validation import Array
from ..execution import over_blocks
from ._base import FastNeighbors, FastRadius
from ._documentation import FIT, PREDICT, documented
from ._metrics import Metric
from ._signatures import KNeighborsClassifierTypes, RadiusNeighborsClassifierTypes
from ._votes import range_of


@documented
class KNeighborsClassifier(
    ScoresClasses, FastNeighbors, KNeighborsClassifierTypes, sklearn.neighbors.KNeighborsClassifier
):
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

    @filled(**FIT)
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Keep the rows and their classes.

        Parameters
        ----------
        {rows}
        y : array-like (n_samples,) or (n_samples, n_outputs)
            Each row's class.

        {results}
        """
        super().fit(X, y)
        return self

    @over_blocks
    @filled(**PREDICT)
    def predict(self, X: ArrayLike | None) -> Array:
        """Return the class with the most votes for each row.

        Parameters
        ----------
        {queries}

        Returns
        -------
        labels : ndarray (n_queries,) or (n_queries, n_outputs)
        """
        self = as_of_now(self)
        if getattr(self, "_search", None) is None:
            return np.asarray(super().predict(X))
        return stacked(
            [
                name_classes(classes, labels, len(classes))
                for classes, labels, _ in self._votes(X, False)
            ],
            self,
        )

    @over_blocks
    @filled(**PREDICT)
    def predict_proba(self, X: ArrayLike | None) -> Array:
        """Return the share of the votes of each class for each row.

        Parameters
        ----------
        {queries}

        Returns
        -------
        shares : ndarray (n_queries, n_classes) of float64, or a list of them for several outputs
        """
        self = as_of_now(self)
        if getattr(self, "_search", None) is None:
            return cast("Array", super().predict_proba(X))
        shares = [table for _, _, table in self._votes(X, True)]
        return cast("Array", shares if self.outputs_2d_ else shares[0])

    def _votes(self, X: ArrayLike | None, shares: bool) -> list[tuple[Array, Array, Array]]:
        """Return classes, the winners' numbers and the shares, output by output."""
        voters, found = self._voters(X), []
        for classes, y in outputs(self):
            labels, table = voters.vote(y, len(classes), shares=shares)
            if range_of(labels)[0] < 0:
                raise ValueError(
                    "All neighbors of some sample is getting zero weights. Please modify "
                    "'weights' to avoid this case if you are using a user-defined function."
                )
            found.append((classes, labels, table))
        return found


@documented
class RadiusNeighborsClassifier(
    ScoresClasses,
    FastRadius,
    RadiusNeighborsClassifierTypes,
    sklearn.neighbors.RadiusNeighborsClassifier,
):
    """Classify by the vote of all rows within a radius.

    A row is a neighbour if its distance, in float64, is at most the radius.  Votes are added in the
    order of the rows; of two classes with as many the lower one wins.

    Examples
    --------
    >>> import fastml
    >>> model = fastml.neighbors.RadiusNeighborsClassifier(radius=1.0)
    >>> model.fit([[0.0], [1.0], [2.0], [9.0]], ["a", "a", "b", "b"]).predict([[0.9]])
    array(['a'], dtype='<U1')
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Keep the rows and their classes.

        Parameters
        ----------
        X : array-like or sparse matrix (n_samples, n_features)
            The rows.
        y : array-like (n_samples,) or (n_samples, n_outputs)
            Each row's class.

        Returns
        -------
        self : estimator

        Raises
        ------
        TypeError, ValueError
            On bad input, or an ``outlier_label`` that is none of y's kind; in scikit-learn's words.
        """
        with fitted_at_once(self) as twin:  # the label of outliers belongs to the fit
            super(RadiusNeighborsClassifier, twin).fit(X, y)
        return self

    @over_blocks
    @filled(**PREDICT)
    def predict(self, X: ArrayLike | None) -> Array:
        """Return the class with the most votes for each row.

        Parameters
        ----------
        {queries}

        Returns
        -------
        labels : ndarray (n_queries,) or (n_queries, n_outputs)

        Raises
        ------
        ValueError
            If nobody votes for a row and there is no ``outlier_label``.
        """
        self = as_of_now(self)
        check_fitted(self)
        search = self._search_for(X)
        if search is None:
            return np.asarray(super().predict(X))
        columns = []
        for k, (classes, winners, _) in enumerate(self._votes(search, X, False)):
            labels = name_classes(classes, winners, len(classes))
            if range_of(winners)[0] < 0:
                labels[winners < 0] = self.outlier_label_[k]
            columns.append(labels)
        return stacked(columns, self)

    @over_blocks
    @filled(**PREDICT)
    def predict_proba(self, X: ArrayLike | None) -> Array:
        """Return the share of the votes of each class for each row.

        Parameters
        ----------
        {queries}

        Returns
        -------
        shares : ndarray (n_queries, n_classes) of float64, or a list of them for several outputs
            Where nobody votes one for the class of outliers, zero if that is none of the classes.

        Raises
        ------
        ValueError
            If nobody votes for a row and there is no ``outlier_label``.
        """
        self = as_of_now(self)
        check_fitted(self)
        search = self._search_for(X)
        if search is None:
            return cast("Array", super().predict_proba(X))
        shares = []
        for k, (classes, winners, table) in enumerate(self._votes(search, X, True)):
            if range_of(winners)[0] < 0:
                table[winners < 0] = classes == self.outlier_label_[k]
            shares.append(table)
        return cast("Array", shares if self.outputs_2d_ else shares[0])

    def _votes(
        self, search: Metric, X: ArrayLike | None, shares: bool
    ) -> list[tuple[Array, Array, Array]]:
        """Return classes, the winners' numbers and the shares, output by output."""
        voters, found = self._voters(search, X), []
        for k, (classes, y) in enumerate(outputs(self)):
            labels, table = voters.vote(y, len(classes), shares=shares)
            found.append((classes, labels, table))
            if range_of(labels)[0] >= 0:
                continue
            outliers = np.flatnonzero(labels < 0)
            if self.outlier_label_ is None:
                raise ValueError(
                    f"No neighbors found for test samples {outliers!r}, you can try using larger "
                    "radius, giving a label for outliers, or considering removing them from your "
                    "dataset."
                )
            if not (classes == self.outlier_label_[k]).any():
                warnings.warn(
                    f"Outlier label {self.outlier_label_[k]} is not in training classes. All class "
                    "probabilities of outliers will be assigned with 0.",
                    stacklevel=4,
                )
        return found


def outputs(model: Any) -> list[tuple[Array, Array]]:
    """Return the classes and the numbers of the rows' classes, output by output."""
    if not model.outputs_2d_:
        return [(model.classes_, model._y)]
    return [(classes, model._y[:, k]) for k, classes in enumerate(model.classes_)]


def stacked(columns: list[Array], model: Any) -> Array:
    """Return the labels of all outputs as a model returns them."""
    return np.stack(columns, axis=1) if model.outputs_2d_ else columns[0]
