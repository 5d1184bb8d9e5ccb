"""K-means step by step, in scikit-learn's Display convention."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._optional_dependencies import check_matplotlib_support

from ..cluster._kmeans import KMeans
from ..cluster._nearest import squared_distances, write_labels
from ..core.validation import Array
from ._plane import plane_of
from ._style import COLOURS, FAINT, INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Points of a panel; more would only cover each other.
_MOST_POINTS = 4000
_MARGIN = 0.06
#: Bounds of a panel's height by its width.
_FLATTEST, _TALLEST = 0.4, 1.25
_PANEL_WIDTH = 3.4


def voronoi_cell(centers: Array, own: int, corners: Array) -> Array:
    """Return the part of a convex polygon that is nearer to one centre than to any other.

    Parameters
    ----------
    centers : ndarray (n_clusters, 2)
    own : int
    corners : ndarray (n_corners, 2), in order

    Returns
    -------
    cell : ndarray (n_corners_of_cell, 2), in order; (0, 2) if there is no such part
    """
    cell = corners
    for other in range(len(centers)):
        across = centers[other] - centers[own]
        if other == own or not len(cell):
            continue
        if not across.any():
            if other < own:  # the first of equal centres has it all
                return np.empty((0, 2))
            continue
        beyond = (cell - (centers[other] + centers[own]) / 2) @ across
        kept = []
        for corner in range(len(cell)):
            here, there = beyond[corner - 1], beyond[corner]
            if min(here, there) < 0 < max(here, there):
                share = here / (here - there)
                kept.append(cell[corner - 1] + share * (cell[corner] - cell[corner - 1]))
            if there <= 0:
                kept.append(cell[corner])
        cell = np.array(kept).reshape(-1, 2)
    return cell


class KMeansStepsDisplay:
    """K-means step by step, side by side.

    Centres start somewhere, every row goes to the nearest one, each centre moves to the
    mean of its rows, and so on until nothing moves.  Made by :meth:`from_estimator`; parameters
    are stored as attributes.

    Parameters
    ----------
    X : ndarray (n_samples, n_features)
        The rows that were clustered.
    centers : list of ndarray (n_clusters, n_features)
        The centres at the start and after each iteration.
    start : str, default='Start'
        The title of the first panel.
    converged : bool, default=True
        Whether the last iteration moved nothing.
    feature_names : sequence of two str, default=('feature 0', 'feature 1')
        What the axes are called.
    plane : ndarray (n_features, 2), default=None
        What rows are multiplied with to be drawn; None for rows of two features.  Regions are
        drawn of those only.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of matplotlib Axes, one a panel

    Examples
    --------
    >>> import fastml
    >>> import numpy as np
    >>> random = np.random.default_rng(0)
    >>> X = random.normal(size=(300, 2)) + random.choice([-3.0, 0.0, 3.0], size=(300, 2))
    >>> model = fastml.KMeans(n_clusters=5, init="random", random_state=0)
    >>> display = fastml.KMeansStepsDisplay.from_estimator(model, X, steps=4)
    >>> for axes in display.axes_[:3]:
    ...     print(axes.get_title(loc="left"))
    Start: random centres
    Iteration 1: assign
    Iteration 1: move to the mean
    """

    figure_: Figure
    axes_: Array

    def __init__(
        self,
        X: Array,
        centers: Sequence[Array],
        *,
        start: str = "Start",
        converged: bool = True,
        feature_names: Sequence[str] = ("feature 0", "feature 1"),
        plane: Array | None = None,
    ) -> None:
        self.X = X
        self.centers = centers
        self.start = start
        self.converged = converged
        self.feature_names = feature_names
        self.plane = plane

    @property
    def n_iter(self) -> int:
        """Iterations done, the last of which moved nothing if they converged."""
        return len(self.centers) - 1

    @classmethod
    def from_estimator(
        cls,
        estimator: KMeans,
        X: ArrayLike,
        *,
        steps: int = 6,
        axes: Any = None,
        columns: Sequence[int] | Sequence[str] | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> Self:
        """Run k-means and draw its steps.

        Parameters
        ----------
        estimator : KMeans
            Fitted or not, and left alone.  Its ``n_clusters``, ``init``, ``random_state`` and
            ``max_iter`` are used; it is run once, until nothing moves.
        X : array-like (n_samples, n_features)
            The rows to cluster, by all features.
        steps : int, default=6
            Panels, at least 4: the start, the two halves of the first iteration, some
            iterations in between, and the end.  Fewer where k-means has fewer steps.
        axes : array-like of matplotlib Axes, default=None
            Where to draw, one a panel; by default a new figure.
        columns : sequence of two int or str, default=None
            The features to draw; None for both where X has two, else for the two directions in
            which it varies most.
        feature_names : sequence of str, default=None
            What the features are called; None for the names X has, or else for numbers.

        Returns
        -------
        display : KMeansStepsDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        TypeError, ValueError
            If the estimator is no Euclidean :class:`KMeans`, X has not two features at least or
            no such columns, or ``steps`` is below 4.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        _check_steps(steps)
        if not isinstance(estimator, KMeans):
            raise TypeError(
                "estimator must be a fastml.KMeans, got "
                f"{type(estimator).__module__}.{type(estimator).__qualname__} instead."
            )
        if estimator.metric != "euclidean":
            raise ValueError(f"metric must be 'euclidean', got {estimator.metric!r} instead.")
        model = clone(estimator)
        recorder = _Recorder(model)
        _run_recorded(model, recorder, X)
        names = feature_names
        if names is None:
            names = getattr(model, "feature_names_in_", None)
        plane, names = plane_of(recorder.X, columns, names)
        centers, start = recorder.centers, _name_of_start(estimator)
        converged = model.n_iter_ < model.max_iter or np.array_equal(centers[-1], centers[-2])
        display = cls(
            recorder.X,
            centers,
            start=f"Start: {start}",
            converged=converged,
            feature_names=names,
            plane=plane,
        )
        return display.plot(steps=steps, axes=axes)

    def plot(self, *, steps: int = 6, axes: Any = None) -> Self:
        """Draw the steps.

        Parameters
        ----------
        steps : int, default=6
            Panels, at least 4.
        axes : array-like of matplotlib Axes, default=None
            Where to draw, one a panel; by default a new figure.

        Returns
        -------
        display : KMeansStepsDisplay
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        _check_steps(steps)
        shown = self._iterations_shown(steps)
        n_panels = (3 if self.n_iter > 1 else 2) + len(shown)
        given = self._new_axes(n_panels) if axes is None else np.asarray(axes).reshape(-1)
        if len(given) < n_panels:
            raise ValueError(f"{n_panels} axes are needed, got {len(given)} instead.")
        self.axes_ = given[:n_panels]
        self.figure_ = given[0].figure
        panels = iter(self.axes_)
        self._draw_start(next(panels))
        self._draw_assigned(next(panels), 0, "Iteration 1: assign")
        if self.n_iter > 1:
            self._draw_move(next(panels))
        for iteration in shown:
            title = f"Iteration {iteration}"
            if iteration == self.n_iter:
                end = "Converged" if self.converged else "Stopped"
                title = f"{end} after {self.n_iter} iteration{'s' if self.n_iter > 1 else ''}"
            self._draw_assigned(next(panels), iteration, title)
        return self

    def _iterations_shown(self, steps: int) -> list[int]:
        """Return the iterations shown after the first move; early ones change most."""
        if self.n_iter <= 2:
            return [self.n_iter]
        between = np.geomspace(2, self.n_iter, steps - 3)[:-1].round().astype(int)
        ranks = np.arange(between.size)
        between = np.maximum.accumulate(between - ranks) + ranks  # each one only once
        return [*between[between < self.n_iter].tolist(), self.n_iter]

    def _new_axes(self, n_panels: int) -> Array:
        import matplotlib.pyplot as plt
        from matplotlib.layout_engine import ConstrainedLayoutEngine
        from matplotlib.lines import Line2D

        n_columns = n_panels if n_panels <= 4 else -(-n_panels // 2) if n_panels <= 8 else 4
        n_rows = -(-n_panels // n_columns)
        width, height = np.subtract(*self._limits()[::-1])
        panel_height = _PANEL_WIDTH * height / width + 0.45  # with its title
        figure, axes = plt.subplots(
            n_rows,
            n_columns,
            figsize=(_PANEL_WIDTH * n_columns, panel_height * n_rows + 0.6),
            squeeze=False,
            layout=ConstrainedLayoutEngine(compress=True, h_pad=0.05, wspace=0.03),
        )
        for unused in axes.flat[n_panels:]:
            figure.delaxes(unused)
        for panel in axes[-1]:
            panel.set_xlabel(self.feature_names[0])
        for panel in axes[:, 0]:
            panel.set_ylabel(self.feature_names[1])
        centre = Line2D([], [], linestyle="", marker="o", markersize=8, label="centre")
        centre.set(markerfacecolor=FAINT, markeredgecolor=INK)
        old = Line2D([], [], linestyle="", marker="o", markersize=7, label="where it was")
        old.set(markerfacecolor="white", markeredgecolor=INK)
        regions = Line2D([], [], color=FAINT, linewidth=0.8, label="boundary of regions")
        figure.legend(
            handles=[
                centre,
                *([old] if self.n_iter > 1 else []),
                Line2D([], [], color=INK, linewidth=1.2, label="its way so far"),
                *([regions] if self.plane is None else []),
            ],
            loc="outside lower center",
            ncols=4,
            frameon=False,
        )
        return np.asarray(axes).reshape(-1)[:n_panels]

    def _drawn(self, rows: Array) -> Array:
        """Return where rows or centres are drawn."""
        return rows if self.plane is None else np.asarray(rows @ self.plane)

    def _limits(self) -> tuple[Array, Array]:
        """Return the corners of a box around all rows and centres, neither flat nor tall."""
        everything = self._drawn(np.concatenate([self.X, *self.centers]).astype(np.float64))
        low, high = everything.min(axis=0), everything.max(axis=0)
        width, height = (high - low) if (high > low).any() else (1.0, 1.0)
        sides = np.array([max(width, height / _TALLEST), max(height, width * _FLATTEST)])
        half = (0.5 + _MARGIN) * sides
        return (low + high) / 2 - half, (low + high) / 2 + half

    def _prepare(self, axes: Any, title: str, note: str) -> None:
        low, high = self._limits()
        axes.set_xlim(low[0], high[0])
        axes.set_ylim(low[1], high[1])
        axes.set_aspect("equal")
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_color("#cccccc")
        axes.set_title(title, loc="left", fontsize=11, color=INK, pad=20)
        axes.annotate(
            note, (0, 1), (0, 6), xycoords="axes fraction", textcoords="offset points",
            fontsize=9, color=FAINT,
        )  # fmt: skip

    def _draw_points(self, axes: Any, labels: Array | None) -> None:
        step = -(-len(self.X) // _MOST_POINTS)
        points = self._drawn(self.X[::step])
        colours = FAINT if labels is None else _colours_of(labels[::step])
        size = float(np.clip(6000 / len(points), 3, 16))
        axes.scatter(*points.T, s=size, c=colours, alpha=0.7, linewidths=0, zorder=2)

    def _draw_regions(self, axes: Any, centers: Array) -> None:
        if self.plane is not None:
            return
        (left, low), (right, high) = self._limits()
        corners = np.array([[left, low], [right, low], [right, high], [left, high]])
        for cluster, colour in enumerate(_colours_of(np.arange(len(centers)))):
            cell = voronoi_cell(centers.astype(np.float64), cluster, corners)
            if len(cell):
                axes.fill(*cell.T, facecolor=colour, alpha=0.13, linewidth=0, zorder=0)
                axes.fill(*cell.T, fill=False, edgecolor=FAINT, linewidth=0.8, zorder=1)

    def _draw_centers(self, axes: Any, centers: Array) -> None:
        colours, places = _colours_of(np.arange(len(centers))), self._drawn(centers).T
        axes.scatter(*places, s=120, c="white", edgecolors=INK, linewidths=1.2, zorder=5)
        axes.scatter(*places, s=60, c=colours, linewidths=0, zorder=6)

    def _draw_start(self, axes: Any) -> None:
        self._prepare(axes, self.start, "no row assigned yet")
        self._draw_points(axes, None)
        self._draw_centers(axes, self.centers[0])

    def _draw_assigned(self, axes: Any, iteration: int, title: str) -> None:
        """Draw centres with their regions and rows, and the way they have come."""
        centers = self.centers[iteration]
        labels = _nearest(self.X, centers)
        self._prepare(axes, title, _inertia(self.X, centers, labels))
        self._draw_regions(axes, centers)
        self._draw_points(axes, labels)
        ways = self._drawn(np.array(self.centers[: iteration + 1]))
        for cluster in range(len(centers)):
            axes.plot(*ways[:, cluster].T, color=INK, linewidth=1.2, zorder=4)
        self._draw_centers(axes, centers)

    def _draw_move(self, axes: Any) -> None:
        """Draw the first centres' move to the means of their rows."""
        before, after = self.centers[:2]
        labels = _nearest(self.X, before)
        self._prepare(axes, "Iteration 1: move to the mean", _inertia(self.X, after, labels))
        self._draw_regions(axes, before)
        self._draw_points(axes, labels)
        old, new = self._drawn(before), self._drawn(after)
        axes.scatter(*old.T, s=50, c="white", edgecolors=INK, linewidths=1.0, zorder=4)
        for start, end in zip(old, new, strict=True):
            axes.plot(*np.array([start, end]).T, color=INK, linewidth=1.2, zorder=4)
        self._draw_centers(axes, after)


def _check_steps(steps: int) -> None:
    if steps < 4:
        raise ValueError(f"steps == {steps}, must be >= 4.")


def _colours_of(labels: Array) -> list[str]:
    return [COLOURS[label % len(COLOURS)] for label in labels]


def _nearest(X: Array, centers: Array) -> Array:
    labels = np.empty(len(X), np.int32)
    write_labels(X, centers, labels)
    return labels


def _inertia(X: Array, centers: Array, labels: Array) -> str:
    inertia = squared_distances(X, centers, labels).sum()
    return f"inertia {inertia:{',.1f' if 10 <= inertia < 1e7 else '.4g'}}"


def _name_of_start(model: KMeans) -> str:
    if isinstance(model.init, str):
        return "random centres" if model.init == "random" else model.init
    return "centres of a function" if callable(model.init) else "given centres"


class _Recorder:
    """A callback that keeps the centres of every iteration, and an init that keeps the start."""

    X: Array

    def __init__(self, model: KMeans) -> None:
        self._model, self._init = clone(model), model.init
        self.centers: list[Array] = []

    def start(self, X: Array, n_clusters: int, random_state: np.random.RandomState) -> Any:
        """Return the centres ``init`` stands for."""
        self.X = X
        start = self._init
        if callable(start):
            start = start(X, n_clusters, random_state=random_state)
        elif isinstance(start, str):
            start = self._model._start(X, np.empty(0), start, random_state)
        self.centers.append(np.array(start, X.dtype))
        return start

    def setup(self, estimator: Any, context: Any) -> None:
        """Nothing to prepare."""

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing to clear away."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Nothing to note."""

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any) -> bool:
        """Keep the centres of an iteration."""
        if context.parent is not None:
            self.centers.append(fitted_estimator.cluster_centers_.copy())
        return False


def _run_recorded(model: KMeans, recorder: _Recorder, X: ArrayLike) -> None:
    """Run k-means once, until nothing moves."""
    model.set_params(init=recorder.start, n_init=1, tol=0.0, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # equal rows are seen in the picture
        model.set_callbacks(recorder).fit(X)
