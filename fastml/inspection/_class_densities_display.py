"""The densities Gaussian naive Bayes compares, in scikit-learn's Display convention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.naive_bayes import GaussianNB
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d

from ..core.validation import Array
from ._style import COLOURS, FAINT, INK, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANEL = (3.2, 2.4)
_N_COLUMNS = 3
_MOST_FEATURES = 6
#: Points of a curve, and how far it goes on in standard deviations.
_N_POINTS, _FAR = 300, 3.5
_N_BINS = 30


class ClassDensitiesDisplay:
    """What Gaussian naive Bayes takes for the density of each feature in each class.

    A panel a feature; curves are the classes' normal densities times their prior probabilities, so
    that where one is above the others the feature speaks for its class.  Behind them, if rows are
    given, histograms of the same scale: where these do not look like the curves, neither does the
    model like the data.  Made by :meth:`from_estimator`; parameters are stored as attributes.

    Parameters
    ----------
    theta, variance : ndarray (n_classes, n_features)
        The Gaussians of the features shown.
    prior : ndarray (n_classes,)
        Probabilities of the classes.
    classes : ndarray (n_classes,)
        The classes' names.
    feature_names : sequence (n_features,) of str
        What the panels are called.
    X : ndarray (n_samples, n_features), default=None
        Rows for the histograms.
    y : ndarray (n_samples,), default=None
        The number of each row's class.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of matplotlib Axes, one a feature

    Examples
    --------
    >>> import fastml
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = fastml.GaussianNB().fit(X, y)
    >>> display = fastml.inspection.ClassDensitiesDisplay.from_estimator(model, X, y)
    >>> len(display.axes_)
    4
    """

    figure_: Figure
    axes_: Array

    def __init__(
        self,
        theta: Array,
        variance: Array,
        *,
        prior: Array,
        classes: Array,
        feature_names: Sequence[str],
        X: Array | None = None,
        y: Array | None = None,
    ) -> None:
        self.theta = theta
        self.variance = variance
        self.prior = prior
        self.classes = classes
        self.feature_names = feature_names
        self.X = X
        self.y = y

    @classmethod
    def from_estimator(
        cls,
        estimator: GaussianNB,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        *,
        features: Sequence[int] | None = None,
        feature_names: Sequence[str] | None = None,
        axes: Any = None,
    ) -> Self:
        """Draw the densities of a fitted estimator.

        Parameters
        ----------
        estimator : GaussianNB
            Fitted.
        X : array-like (n_samples, n_features), default=None
            Rows to compare the densities with.
        y : array-like (n_samples,), default=None
            Their classes; needed with X.
        features : sequence of int, default=None
            The features shown; by default the six at most whose means differ most between the
            classes, by their standard deviations.
        feature_names : sequence (n_features,) of str, default=None
            Names of all features; by default what the estimator saw at the fit.
        axes : array-like of matplotlib Axes, default=None
            Where to draw, one a feature; by default a new figure.

        Returns
        -------
        display : ClassDensitiesDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        TypeError, ValueError
            If the estimator is no fitted GaussianNB, if X and y do not fit it or each other, or if
            a feature does not exist.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if not isinstance(estimator, GaussianNB):
            raise TypeError(
                f"estimator must be a GaussianNB, got {type(estimator).__name__} instead."
            )
        check_is_fitted(estimator)
        n_features = estimator.n_features_in_
        theta, variance = np.asarray(estimator.theta_), np.asarray(estimator.var_)
        shown = list(_most_telling(theta, variance) if features is None else features)
        if not shown or not all(0 <= p < n_features for p in shown):
            raise ValueError(f"features must be from 0 to {n_features - 1}, got {shown} instead.")
        default = getattr(
            estimator, "feature_names_in_", [f"feature {p}" for p in range(n_features)]
        )
        names = default if feature_names is None else feature_names
        if len(names) != n_features:
            raise ValueError(f"feature_names must be {n_features} names, got {len(names)} instead.")
        rows = numbers = None
        if X is not None:
            if y is None:
                raise ValueError("y must be given with X.")
            rows, targets = check_array(X, dtype=np.float64, input_name="X"), column_or_1d(y)
            if rows.shape != (len(targets), n_features):
                raise ValueError(
                    f"X and y have shapes {rows.shape} and {targets.shape}, expected {n_features} "
                    "features and a class for each row."
                )
            rows = rows[:, shown]
            numbers = np.searchsorted(estimator.classes_, targets)
        return cls(
            theta[:, shown],
            variance[:, shown],
            prior=np.asarray(estimator.class_prior_),
            classes=estimator.classes_,
            feature_names=[names[p] for p in shown],
            X=rows,
            y=numbers,
        ).plot(axes)

    def plot(self, axes: Any = None) -> Self:
        """Draw the densities.

        Parameters
        ----------
        axes : array-like of matplotlib Axes, default=None
            Where to draw, one a feature; by default a new figure.

        Returns
        -------
        display : ClassDensitiesDisplay
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        n_panels = self.theta.shape[1]
        given = self._new_axes(n_panels) if axes is None else np.asarray(axes).reshape(-1)
        if len(given) < n_panels:
            raise ValueError(f"{n_panels} axes are needed, got {len(given)} instead.")
        self.axes_, self.figure_ = given[:n_panels], given[0].figure
        for p, ax in enumerate(self.axes_):
            self._draw(ax, p)
        if axes is None:
            handles, labels = self.axes_[0].get_legend_handles_labels()
            self.figure_.legend(
                handles, labels, loc="outside lower center", ncols=min(len(labels), 6),
                frameon=False,
            )  # fmt: skip
        return self

    def _new_axes(self, n_panels: int) -> Array:
        import matplotlib.pyplot as plt

        n_columns = min(n_panels, _N_COLUMNS if n_panels != 4 else 2)
        n_rows = -(-n_panels // n_columns)
        figure, axes = plt.subplots(
            n_rows,
            n_columns,
            figsize=(_PANEL[0] * n_columns, _PANEL[1] * n_rows + 0.4),
            squeeze=False,
            layout="constrained",
        )
        for unused in axes.flat[n_panels:]:
            figure.delaxes(unused)
        return np.asarray(axes).reshape(-1)[:n_panels]

    def _draw(self, ax: Any, p: int) -> None:
        """Draw one feature."""
        means, spreads = self.theta[:, p], np.sqrt(self.variance[:, p])
        low, high = (means - _FAR * spreads).min(), (means + _FAR * spreads).max()
        x = np.linspace(low, high, _N_POINTS)
        highest = 0.0
        for c, name in enumerate(self.classes):
            colour = COLOURS[c % len(COLOURS)]
            if self.X is not None:
                own = self.X[self.y == c, p]
                bins = np.linspace(low, high, _N_BINS + 1)
                heights, edges = np.histogram(own, bins)
                width = edges[1] - edges[0]
                ax.stairs(
                    self.prior[c] * heights / max(len(own), 1) / width, edges, fill=True,
                    color=colour, alpha=0.25, linewidth=0,
                )  # fmt: skip
            gaps = (x - means[c]) / spreads[c]
            density = self.prior[c] * np.exp(-0.5 * gaps**2) / (spreads[c] * np.sqrt(2 * np.pi))
            highest = max(highest, density.max())
            ax.plot(x, density, color=colour, linewidth=1.8, label=shortened(name))
        if self.X is None:
            ax.set_ylim(0, 1.06 * highest)
        ax.set_xlim(low, high)
        ax.set_ylim(bottom=0)
        ax.set_title(shortened(self.feature_names[p]), loc="left", color=INK, fontsize="medium")
        ax.set_yticks([])
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.spines["bottom"].set_color(FAINT)


def _most_telling(theta: Array, variance: Array) -> list[int]:
    """Return the features whose means differ most between the classes, in their order."""
    spread = np.sqrt(variance.mean(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        telling = np.nan_to_num((theta.max(axis=0) - theta.min(axis=0)) / spread)
    return sorted(np.argsort(-telling, kind="stable")[:_MOST_FEATURES].tolist())
