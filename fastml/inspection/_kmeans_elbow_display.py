"""Inertia over the number of clusters, in scikit-learn's Display convention."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.metrics import silhouette_score
from sklearn.utils import _safe_indexing
from sklearn.utils._optional_dependencies import check_matplotlib_support

from ..cluster._base import BaseKMeans
from ..core.random_state import check_random_state
from ..core.validation import Array
from ._style import COLOURS, FAINT, INK, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

#: Rows a silhouette is taken of, which takes the distances of all pairs.
_MOST_ROWS = 2000


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
    silhouettes : ndarray (n_values,), default=None
        The mean silhouette for each of them, NaN for one cluster; drawn on an axis of its own.
    n_clusters : int, default=None
        A number of clusters to mark.
    name : str, default=None
        What was fitted, for the title.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
    line_ : matplotlib Line2D
    silhouette_line_ : matplotlib Line2D or None

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

    figure_: Figure
    ax_: Axes
    line_: Line2D
    silhouette_line_: Line2D | None

    def __init__(
        self,
        *,
        k_values: Array,
        inertias: Array,
        silhouettes: Array | None = None,
        n_clusters: int | None = None,
        name: str | None = None,
    ) -> None:
        self.k_values = k_values
        self.inertias = inertias
        self.silhouettes = silhouettes
        self.n_clusters = n_clusters
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        k_values: Iterable[int] = range(1, 11),
        sample_weight: ArrayLike | None = None,
        silhouette: bool = False,
        ax: Axes | None = None,
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
        silhouette : bool, default=False
            Whether the mean silhouette is drawn too, of 2,000 rows at most, drawn with the
            estimator's ``random_state``.
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
            If the estimator is none of fastml's with centres, as ``estimator.fit``, or if
            ``k_values`` is empty.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if not isinstance(estimator, BaseKMeans):
            raise TypeError(
                "estimator must be a fastml.KMeans or fastml.MiniBatchKMeans, got "
                f"{type(estimator).__module__}.{type(estimator).__qualname__} instead."
            )
        values = list(k_values)
        if not values:
            raise ValueError("k_values must hold at least one number.")
        inertias, silhouettes = [], []
        for k in values:
            model = clone(estimator).set_params(n_clusters=k).fit(X, sample_weight=sample_weight)
            inertias.append(model.inertia_)
            if silhouette:
                silhouettes.append(_silhouette(model, X))
        display = cls(
            k_values=np.array(values),
            inertias=np.array(inertias),
            silhouettes=np.array(silhouettes) if silhouette else None,
            n_clusters=estimator.n_clusters,
            name=type(estimator).__name__,
        )
        return display.plot(ax, **line_kw)

    def plot(self, ax: Axes | None = None, **line_kw: Any) -> Self:
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
        of = "" if self.name is None else f"{self.name}: "
        ax.set_title(f"{of}inertia over the number of clusters", loc="left", pad=10, color=INK)
        if self.n_clusters is not None and self.n_clusters in self.k_values:
            ax.axvline(self.n_clusters, color=FAINT, linestyle=":", zorder=0)
            ax.annotate(
                f"k = {self.n_clusters}", (self.n_clusters, 0), (4, 5),
                xycoords=("data", "axes fraction"), textcoords="offset points", color=FAINT,
            )  # fmt: skip
        self._plot_silhouettes(ax)
        ax.set_ylim(bottom=0)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=15, integer=True))
        ax.yaxis.set_major_formatter(lambda value, _: plain(value))
        ax.grid(axis="y", alpha=0.25)
        ax.spines[["top", "right"]].set_visible(False)
        self.ax_, self.figure_ = ax, cast("Figure", ax.figure)
        return self

    def _plot_silhouettes(self, ax: Any) -> None:
        """Draw the silhouettes on an axis on the right."""
        self.silhouette_line_ = None
        if self.silhouettes is None:
            return
        right = ax.twinx()
        (self.silhouette_line_,) = right.plot(
            self.k_values, self.silhouettes, color=COLOURS[1], linestyle="--", marker="s",
            markersize=4,
        )  # fmt: skip
        right.set_ylabel("mean silhouette (dashed)", color=COLOURS[1])
        right.tick_params(axis="y", labelcolor=COLOURS[1])
        right.spines["top"].set_visible(False)


def _silhouette(model: Any, X: ArrayLike) -> float:
    """Return the mean silhouette of some rows; NaN where all of them are of one cluster."""
    random = check_random_state(model.random_state)
    n_samples = len(model.labels_)
    rows = np.arange(n_samples)
    if n_samples > _MOST_ROWS:
        rows = random.choice(n_samples, _MOST_ROWS, replace=False)
    labels = model.labels_[rows]
    if not 1 < len(np.unique(labels)) < len(labels):
        return float("nan")
    return float(silhouette_score(_safe_indexing(X, rows), labels))
