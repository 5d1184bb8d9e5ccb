"""Neighbours and the regions they vote, in scikit-learn's Display convention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self, cast

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d

from ..core.validation import Array
from ..neighbors import KNeighborsClassifier
from ._style import COLOURS, INK, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARGIN = 0.05
#: How much of a class's colour its region has, at the fewest and at all of the votes.
_FAINTEST, _FULLEST = 0.08, 0.42
#: Points drawn; more would only cover each other.
_MOST_POINTS = 3000
#: Letters of a class's name that would leave too little of the picture beside it.
_LONG_NAME = 16
#: Of the classes that have the first colours, of those that have them again, and so on.
_MARKERS = "os^D"


class NeighborVotesDisplay:
    """The regions of a vote of nearest neighbours, and who votes for one query.

    Every point of the plane has the colour of the class with the most votes there, the stronger
    the larger its share.  A query, if there is one, is joined to the rows that vote for it.  Made
    by :meth:`from_estimator`; parameters are stored as attributes.

    Parameters
    ----------
    X : ndarray (n_samples, 2)
        The rows that vote.
    classes : ndarray (n_classes,)
        The classes' names.
    y : ndarray (n_samples,)
        The number of each row's class.
    limits : tuple of float
        The least and largest number of the first feature, then of the second.
    votes : ndarray (n_rows, n_columns, n_classes)
        The share of each class over a grid, from the least numbers on.
    n_neighbors : int, default=None
        How many rows vote, for the title.
    query : ndarray (2,), default=None
        A point of its own.
    voters : ndarray (n_neighbors,) of int, default=None
        The rows that vote for it.
    decision : str, default=None
        What they decide.
    feature_names : sequence of two str, default=('feature 0', 'feature 1')
        What the axes are called.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes

    Examples
    --------
    >>> import fastml
    >>> import numpy as np
    >>> random = np.random.default_rng(0)
    >>> X = random.normal(size=(200, 2))
    >>> model = fastml.KNeighborsClassifier(7).fit(X, X[:, 0] * X[:, 1] > 0)
    >>> display = fastml.inspection.NeighborVotesDisplay.from_estimator(
    ...     model, X, X[:, 0] * X[:, 1] > 0, query=[0.5, 0.4]
    ... )
    >>> display.ax_.get_title(loc="left")
    '7 neighbours: 7 of 7 votes for True'
    """

    figure_: Figure
    ax_: Axes

    def __init__(
        self,
        X: Array,
        y: Array,
        *,
        classes: Array,
        limits: tuple[float, float, float, float],
        votes: Array,
        n_neighbors: int | None = None,
        query: Array | None = None,
        voters: Array | None = None,
        decision: str | None = None,
        feature_names: Sequence[str] = ("feature 0", "feature 1"),
    ) -> None:
        self.X = X
        self.y = y
        self.classes = classes
        self.limits = limits
        self.votes = votes
        self.n_neighbors = n_neighbors
        self.query = query
        self.voters = voters
        self.decision = decision
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls,
        estimator: KNeighborsClassifier,
        X: ArrayLike,
        y: ArrayLike,
        *,
        query: ArrayLike | None = None,
        grid_resolution: int = 200,
        feature_names: Sequence[str] | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the regions of a fitted classifier.

        Parameters
        ----------
        estimator : KNeighborsClassifier
            Fitted to two features and one target.
        X : array-like (n_samples, 2)
            The rows it was fitted to.
        y : array-like (n_samples,)
            Their classes.
        query : array-like (2,), default=None
            A point whose neighbours are shown.
        grid_resolution : int, default=200
            Points of the grid along each axis, at least 2.
        feature_names : sequence of two str, default=None
            What the axes are called; by default what the estimator saw at the fit.
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.

        Returns
        -------
        display : NeighborVotesDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        TypeError, ValueError
            If the estimator is no fitted KNeighborsClassifier of two features and one target, if X
            and y are not what it may have been fitted to, or on a bad query or resolution.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if not isinstance(estimator, KNeighborsClassifier):
            raise TypeError(
                "estimator must be a fastml.KNeighborsClassifier, got "
                f"{type(estimator).__module__}.{type(estimator).__qualname__} instead."
            )
        check_is_fitted(estimator)
        rows = check_array(X, dtype=np.float64, input_name="X")
        targets = column_or_1d(y)
        n_features = estimator.n_features_in_
        if n_features != 2 or rows.shape != (estimator.n_samples_fit_, 2):
            raise ValueError(
                f"X must be the {estimator.n_samples_fit_} rows of the fit with 2 features, got "
                f"{rows.shape} and a fit of {n_features} features instead."
            )
        if estimator.outputs_2d_ or len(targets) != len(rows):
            raise ValueError("y must be one class for each row of X.")
        if grid_resolution < 2:
            raise ValueError(f"grid_resolution == {grid_resolution}, must be >= 2.")
        seen = getattr(estimator, "feature_names_in_", ("feature 0", "feature 1"))
        low, high = rows.min(axis=0), rows.max(axis=0)
        wide = np.where(high > low, high - low, 1.0) * _MARGIN
        low, high = low - wide, high + wide
        across, up = (np.linspace(low[p], high[p], grid_resolution) for p in range(2))
        grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
        votes = estimator.predict_proba(grid).reshape(grid_resolution, grid_resolution, -1)
        point = voters = decision = None
        if query is not None:
            point = check_array([query], dtype=np.float64, input_name="query")[0]
            voters = estimator.kneighbors([point], return_distance=False)[0]
            name = estimator.predict([point])[0]
            count = int((targets[voters] == name).sum())
            decision = f"{count} of {len(voters)} votes for {shortened(name)}"
        display = cls(
            rows,
            np.searchsorted(estimator.classes_, targets),
            classes=estimator.classes_,
            limits=(low[0], high[0], low[1], high[1]),
            votes=votes,
            n_neighbors=estimator.n_neighbors,
            query=point,
            voters=voters,
            decision=decision,
            feature_names=seen if feature_names is None else feature_names,
        )
        return display.plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the regions, the rows and the query.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.

        Returns
        -------
        display : NeighborVotesDisplay
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt
        from matplotlib.colors import to_rgb

        own_figure = ax is None
        if ax is None:
            _, ax = plt.subplots(figsize=(6, 5), layout="constrained")
        n_classes = len(self.classes)
        colours = [COLOURS[c % len(COLOURS)] for c in range(n_classes)]
        palette = np.array([to_rgb(colour) for colour in colours])
        winner, share = self.votes.argmax(axis=2), self.votes.max(axis=2)
        least = 1.0 / n_classes if n_classes > 1 else 0.0
        strength = _FAINTEST + (_FULLEST - _FAINTEST) * (share - least) / (1.0 - least)
        picture = 1.0 - strength[..., None] * (1.0 - palette[winner])
        left, right, bottom, top = self.limits
        ax.imshow(
            picture, extent=self.limits, origin="lower", aspect="auto", interpolation="nearest"
        )
        step = -(-len(self.X) // _MOST_POINTS)
        for c, name in enumerate(self.classes):
            own = self.X[::step][self.y[::step] == c]
            ax.scatter(
                own[:, 0], own[:, 1], s=18, color=colours[c], edgecolors="white", linewidths=0.5,
                marker=_MARKERS[c // len(COLOURS) % len(_MARKERS)], label=shortened(name), zorder=3,
            )  # fmt: skip
        if self.query is not None and self.voters is not None:
            for row in self.voters:
                ax.plot(
                    *zip(self.query, self.X[row], strict=True), color=INK, linewidth=1, zorder=4
                )
            own = self.X[self.voters]
            ax.scatter(
                own[:, 0], own[:, 1], s=34, c=palette[self.y[self.voters]], edgecolors=INK,
                linewidths=1.0, zorder=6,
            )  # fmt: skip
            # Below the rows that vote, which it would hide where they are near.
            ax.scatter(
                self.query[0], self.query[1], marker="*", s=150, color="white", edgecolors=INK,
                zorder=5,
            )  # fmt: skip
        count = "" if self.n_neighbors is None else f"{self.n_neighbors} neighbour"
        count += "s" if count and self.n_neighbors != 1 else ""
        title = ": ".join(part for part in (count, self.decision) if part)
        ax.set_title(title or "Regions of the vote", loc="left", pad=10, color=INK)
        ax.set_xlim(left, right)
        ax.set_ylim(bottom, top)
        ax.set_xlabel(
            shortened(self.feature_names[0]), loc="left"
        )  # a power of ten is on the right
        ax.set_ylabel(shortened(self.feature_names[1]))
        if own_figure and max(len(str(name)) for name in self.classes) > _LONG_NAME:
            ax.figure.legend(loc="outside lower left", frameon=False)
        else:
            ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        ax.spines[["top", "right"]].set_visible(False)
        self.ax_, self.figure_ = ax, cast("Figure", ax.figure)
        return self
