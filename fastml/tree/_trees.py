"""The public estimators."""

from __future__ import annotations

import sklearn.tree
from numpy.typing import ArrayLike

from ..core.documentation import documented
from ..core.validation import Array
from ..execution import over_blocks
from ._documentation import ATTRIBUTES, PARAMETERS, PROMISES, RAISES
from ._estimator import ExactTree
from ._signatures import DecisionTreeClassifierTypes, DecisionTreeRegressorTypes


@documented(PARAMETERS, promises=PROMISES, attributes=ATTRIBUTES, raises=RAISES)
class DecisionTreeClassifier(
    ExactTree, DecisionTreeClassifierTypes, sklearn.tree.DecisionTreeClassifier
):
    """A decision tree for classes: :class:`sklearn.tree.DecisionTreeClassifier`, exact and fast.

    {promises}

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    {raises}

    Examples
    --------
    >>> import fastml
    >>> tree = fastml.DecisionTreeClassifier().fit([[0.0], [1.0], [3.0]], ["a", "a", "b"])
    >>> tree.predict([[2.5]])
    array(['b'], dtype='<U1')
    >>> tree.computed_by_
    'fastml'
    """

    @over_blocks
    def predict_proba(self, X: ArrayLike, check_input: bool = True) -> Array:
        """Return the share of each class in the leaf a row ends in.

        Parameters
        ----------
        X : array-like or sparse matrix (n_samples, n_features)
            The rows.
        check_input : bool, default=True
            Whether X is checked; False only for what has been.

        Returns
        -------
        shares : ndarray (n_samples, n_classes) of float64
        """
        shares = self._shares(X, check_input)
        return super().predict_proba(X, check_input) if shares is None else shares


@documented(PARAMETERS, promises=PROMISES, attributes=ATTRIBUTES, raises=RAISES)
class DecisionTreeRegressor(
    ExactTree, DecisionTreeRegressorTypes, sklearn.tree.DecisionTreeRegressor
):
    """A decision tree for numbers: :class:`sklearn.tree.DecisionTreeRegressor`, exact and fast.

    {promises}

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    {raises}

    Examples
    --------
    >>> import fastml
    >>> tree = fastml.DecisionTreeRegressor().fit([[0.0], [1.0], [3.0]], [1.0, 1.0, 5.0])
    >>> tree.predict([[2.5]])
    array([5.])
    """
