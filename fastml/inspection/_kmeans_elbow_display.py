"""Inertia over the number of clusters, in scikit-learn's Display convention."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils._optional_dependencies import check_matplotlib_support

from ..core.validation import Array
from ._style import COLOURS, INK, plain


class KMeansElbowDisplay:
    """Inertia over the number of clusters.

    More clusters lower the inertia; where the curve bends, more of them begin to split
    what belongs together.  Made by :meth:`from_estimator`; parameters are stored as attributes.

    Parameters
    ----------
    k_values : ndarray (n_values,) of int
        Numbers of clusters.
    inertias : ndarray (n_values,)
        The sum of squared distances of the rows to their centres, for each of them.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
    line_ : matplotlib Line2D

    Examples
    --------
    >>> import fastml
    >>> X = [[0.0], [0.1], [5.0], [5.1], [9.0], [9.1]]
    >>> model = fastml.KMeans(random_state=0, n_init=5)
    >>> display = fastml.KMeansElbowDisplay.from_estimator(model, X, k_values=range(1, 5))
    >>> display.k_values.tolist()
    [1, 2, 3, 4]
    >>> bool(display.inertias[2] < 0.1 < display.inertias[1])
    True
    """

    figure_: Any
    ax_: Any
    line_: Any

    def __init__(self, *, k_values: Array, inertias: Array) -> None:
        self.k_values = k_values
        self.inertias = inertias

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        k_values: Iterable[int] = range(1, 11),
        sample_weight: ArrayLike | None = None,
        ax: Any = None,
        **line_kw: Any,
    ) -> Self:
        """Fit for each number of clusters and draw the inertias.

        Parameters
        ----------
        estimator : KMeans or MiniBatchKMeans
            Cloned for every fit, and left alone.
        X : array-like (n_samples, n_features)
            The rows to cluster.
        k_values : iterable of int, default=range(1, 11)
            Values of ``n_clusters``.
        sample_weight : array-like (n_samples,), default=None
            Weight of each row; None for 1 each.
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.
        **line_kw
            Passed to matplotlib's ``plot``.

        Returns
        -------
        display : KMeansElbowDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        TypeError, ValueError
            As ``estimator.fit``, or if ``k_values`` is empty.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        values = list(k_values)
        if not values:
            raise ValueError("k_values must hold at least one number.")
        inertias = []
        for k in values:
            model = clone(estimator).set_params(n_clusters=k)
            inertias.append(model.fit(X, sample_weight=sample_weight).inertia_)
        return cls(k_values=np.array(values), inertias=np.array(inertias)).plot(ax, **line_kw)

    def plot(self, ax: Any = None, **line_kw: Any) -> Self:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.
        **line_kw
            Passed to matplotlib's ``plot``.

        Returns
        -------
        display : KMeansElbowDisplay
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt
        from matplotlib.ticker import MaxNLocator

        if ax is None:
            _, ax = plt.subplots(figsize=(6, 4), layout="constrained")
        style = {"color": COLOURS[0], "linewidth": 2, "marker": "o", "markersize": 6, **line_kw}
        (self.line_,) = ax.plot(self.k_values, self.inertias, **style)
        ax.set_xlabel("number of clusters k")
        ax.set_ylabel("inertia")
        ax.set_title("Inertia over the number of clusters", loc="left", pad=10, color=INK)
        ax.set_ylim(bottom=0)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=15, integer=True))
        ax.yaxis.set_major_formatter(lambda value, _: plain(value))
        ax.grid(axis="y", alpha=0.25)
        ax.spines[["top", "right"]].set_visible(False)
        self.ax_, self.figure_ = ax, ax.figure
        return self
