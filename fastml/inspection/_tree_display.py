"""A tree to be read, in scikit-learn's Display convention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from sklearn.base import is_classifier
from sklearn.tree import BaseDecisionTree
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from ..core.validation import Array
from ._style import COLOURS, FAINT, INK, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: How much of its colour a card has, where the classes are even and where there is one.
_FAINTEST, _FULLEST = 0.06, 0.5
_FAINTEST_WAY = 0.3
#: Inches from one end to the next, and from level to level.
_WIDTH, _LEVEL = 1.3, 1.3
#: Of that: cards that ask, which are 1.5 apart at least, the others, and how high they are.
_ASKS, _ENDS, _HEIGHT = 1.35, 0.9, 0.56
#: Points: the widest way, for all rows; letters.
_WIDEST, _LETTERS = 26.0, 9.5
_LONGEST_NAME = 22
#: Digits of numbers that would otherwise read alike.
_FEWEST_DIGITS, _MOST_DIGITS = 4, 12


class TreeDisplay:
    """A decision tree: what is asked, how many rows go which way, what they are.

    A card a node: on those that ask, a feature and the largest number that goes left; on the others
    the class of most rows, or the number predicted.  All say which share of the rows comes by.  The
    ways are as wide as that share.  The colour is that of the class of most rows, the stronger the
    purer the node; of a regression it is the stronger the higher the number.  Made by
    :meth:`from_estimator`; parameters are stored as attributes.

    Parameters
    ----------
    children_left, children_right : ndarray (n_nodes,) of int
        The nodes below each, -1 for a leaf; node 0 is the root.
    feature : ndarray (n_nodes,) of int
        What is asked for.
    threshold : ndarray (n_nodes,)
        Rows go left where the feature is at most this.
    n_rows : ndarray (n_nodes,) of int
        How many rows came by.
    values : ndarray (n_nodes, n_classes) or (n_nodes, 1)
        The shares of the classes, or the number predicted.
    feature_names : sequence of str
        A name a feature.
    class_names : sequence of str, default=None
        A name a class; None for a regression.
    max_depth : int, default=3
        How many questions deep the picture goes.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes

    Examples
    --------
    >>> import fastml
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> tree = fastml.DecisionTreeClassifier(max_leaf_nodes=3).fit(X, y)
    >>> display = fastml.inspection.TreeDisplay.from_estimator(tree)
    >>> display.ax_.get_title(loc="left")
    '3 leaves, up to 2 questions deep'
    """

    figure_: Figure
    ax_: Axes

    def __init__(
        self,
        children_left: Array,
        children_right: Array,
        feature: Array,
        threshold: Array,
        n_rows: Array,
        values: Array,
        *,
        feature_names: Sequence[str],
        class_names: Sequence[str] | None = None,
        max_depth: int = 3,
    ) -> None:
        self.children_left = children_left
        self.children_right = children_right
        self.feature = feature
        self.threshold = threshold
        self.n_rows = n_rows
        self.values = values
        self.feature_names = feature_names
        self.class_names = class_names
        self.max_depth = max_depth

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseDecisionTree,
        *,
        feature_names: Sequence[str] | None = None,
        class_names: Sequence[str] | None = None,
        max_depth: int = 3,
        ax: Axes | None = None,
    ) -> Self:
        """Draw a fitted tree.

        Parameters
        ----------
        estimator : DecisionTreeClassifier or DecisionTreeRegressor
            Fitted to one target, by fastml or by scikit-learn; one of a forest's ``estimators_``,
            say.
        feature_names : sequence of str, default=None
            A name a feature; by default what the estimator saw at the fit.
        class_names : sequence of str, default=None
            A name a class, in the order of ``classes_``; by default the classes.
        max_depth : int, default=3
            How many questions deep the picture goes; of what lies below it says how many leaves.
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure, as large as it takes.

        Returns
        -------
        display : TreeDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        TypeError, ValueError
            If the estimator is no fitted decision tree of one target, on names that are too few or
            too many, or a negative depth.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if not isinstance(estimator, BaseDecisionTree):
            raise TypeError(
                f"estimator must be a decision tree, got {type(estimator).__name__} instead."
            )
        check_is_fitted(estimator)
        if estimator.n_outputs_ != 1:
            raise ValueError(f"estimator must have one output, got {estimator.n_outputs_} instead.")
        if max_depth < 0:
            raise ValueError(f"max_depth == {max_depth}, must be >= 0.")
        n_features = estimator.n_features_in_
        if feature_names is None:
            seen = getattr(estimator, "feature_names_in_", None)
            feature_names = [f"feature {p}" for p in range(n_features)] if seen is None else seen
        if is_classifier(estimator):
            class_names = estimator.classes_ if class_names is None else class_names
            _check_length("class_names", class_names, len(estimator.classes_))
        else:
            class_names = None
        _check_length("feature_names", feature_names, n_features)
        tree = estimator.tree_
        display = cls(
            tree.children_left,
            tree.children_right,
            tree.feature,
            tree.threshold,
            tree.n_node_samples,
            tree.value[:, 0, :],
            feature_names=[str(name) for name in feature_names],
            class_names=None if class_names is None else [str(name) for name in class_names],
            max_depth=max_depth,
        )
        return display.plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the tree.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure, as large as it takes.

        Returns
        -------
        display : TreeDisplay
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt
        from matplotlib.patches import FancyBboxPatch, Patch

        depths, places = self._layout()
        n_across = 1 + max(places.values())
        n_levels = 1 + max(depths.values())
        if ax is None:
            size = max(5.0, n_across * _WIDTH + 1.3), max(2.0, n_levels * _LEVEL + 0.5)
            _, ax = plt.subplots(figsize=size, layout="constrained")
        colours, ways = (self._colours(list(depths), least) for least in (_FAINTEST, _FAINTEST_WAY))
        for node in depths:
            if node and depths[node]:
                parent = self._parent(node)
                share = self.n_rows[node] / self.n_rows[0]
                ax.plot(
                    [places[parent], places[node]], [-depths[parent], -depths[node]],
                    color=ways[node], linewidth=max(1.0, _WIDEST * share),
                    solid_capstyle="butt", zorder=1,
                )  # fmt: skip
        letters: list[tuple[Any, float]] = []
        numbers = self._numbers(depths)
        for node, depth in depths.items():
            cut = depth == self.max_depth and self.children_left[node] >= 0
            width = _ASKS if self.children_left[node] >= 0 and not cut else _ENDS
            ax.add_patch(
                FancyBboxPatch(
                    (places[node] - width / 2, -depth - _HEIGHT / 2), width, _HEIGHT,
                    boxstyle="round,pad=0,rounding_size=0.06", facecolor=colours[node],
                    edgecolor=FAINT if cut else INK, linewidth=0.8,
                    linestyle=(0, (3, 2)) if cut else "-", zorder=2,
                )
            )  # fmt: skip
            said = self._text(node, cut, numbers[node])
            text = ax.text(
                places[node], -depth, said, ha="center", va="center",
                fontsize=_LETTERS, color=INK, linespacing=1.25, zorder=3,
            )  # fmt: skip
            letters.append((text, width))
        ax.set_xlim(-0.55, n_across - 0.45)
        ax.set_ylim(-n_levels + 0.5, 0.5)
        ax.set_axis_off()
        if len(depths) > 1:
            self._say_yes_and_no(ax, places)
        ax.set_title(self._title(), loc="left", color=INK)
        if entries := self._legend(depths):
            patches = [Patch(facecolor=c, edgecolor=FAINT, label=name) for name, c in entries]
            ax.legend(handles=patches, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        self.ax_, self.figure_ = ax, cast("Figure", ax.figure)
        _fit(ax, letters)
        return self

    def _layout(self) -> tuple[dict[int, int], dict[int, float]]:
        """Return the depth of each node that is drawn, and its place from the left."""
        depths: dict[int, int] = {}
        stack = [(0, 0)]
        while stack:
            node, depth = stack.pop()
            depths[node] = depth
            if depth < self.max_depth and self.children_left[node] >= 0:
                stack.append((int(self.children_right[node]), depth + 1))
                stack.append((int(self.children_left[node]), depth + 1))
        places: dict[int, float] = {}
        ends = 0
        for node in depths:  # from left to right
            if int(self.children_left[node]) not in depths:
                places[node], ends = float(ends), ends + 1
        for node in reversed(depths):
            if node not in places:
                below = int(self.children_left[node]), int(self.children_right[node])
                places[node] = (places[below[0]] + places[below[1]]) / 2
        return depths, places

    def _parent(self, node: int) -> int:
        above = np.flatnonzero((self.children_left == node) | (self.children_right == node))
        return int(above[0])

    def _n_leaves(self, node: int) -> int:
        stack, count = [node], 0
        while stack:
            each = stack.pop()
            if self.children_left[each] < 0:
                count += 1
            else:
                stack += [int(self.children_left[each]), int(self.children_right[each])]
        return count

    def _colours(self, nodes: list[int], faintest: float) -> dict[int, Any]:
        """Return the colour of each card, or of the way there."""
        values = self.values[nodes]
        if self.class_names is None:
            low, high = float(values.min()), float(values.max())
            strengths = (values[:, 0] - low) / (high - low or 1.0)
            winners = np.zeros(len(nodes), int)
        else:
            winners, least = values.argmax(axis=1), 1.0 / values.shape[1]
            strengths = (values.max(axis=1) - least) / ((1.0 - least) or 1.0)
        return {
            node: _tint(COLOURS[c % len(COLOURS)], faintest + (_FULLEST - faintest) * strength)
            for node, c, strength in zip(nodes, winners, strengths, strict=True)
        }

    def _ends(self, depths: dict[int, int]) -> list[int]:
        """Return the nodes that answer in the picture."""
        return [
            node
            for node, depth in depths.items()
            if self.children_left[node] < 0 or depth == self.max_depth
        ]

    def _numbers(self, depths: dict[int, int]) -> dict[int, str]:
        """Return the threshold of each card that asks and the number on the others.

        With as many digits as it takes to tell those of one feature apart, and the answers.
        """
        alike: dict[int, list[int]] = {}
        ends = self._ends(depths)
        for node in set(depths) - set(ends):
            alike.setdefault(int(self.feature[node]), []).append(node)
        said: dict[int, str] = {}
        for nodes in alike.values():
            said.update(zip(nodes, _told_apart(self.threshold[nodes]), strict=True))
        said.update(zip(ends, _told_apart(self.values[ends, 0]), strict=True))
        return said

    def _legend(self, depths: dict[int, int]) -> list[tuple[str, Any]]:
        """Return what colours mean: a class each, or the least and the largest answer."""
        if self.class_names is not None:
            if len(self.class_names) > len(COLOURS):
                return []
            return [(name, _tint(COLOURS[c], _FULLEST)) for c, name in enumerate(self.class_names)]
        ends = self._ends(depths)
        colours, values = self._colours(list(depths), _FAINTEST), self.values[ends, 0]
        if values.min() == values.max():
            return []
        numbers = _told_apart(values)
        return [
            (f"{word}: {numbers[at]}", colours[ends[at]])
            for word, at in (("highest", int(values.argmax())), ("lowest", int(values.argmin())))
        ]

    def _text(self, node: int, cut: bool, number: str) -> str:
        """Return what stands on a card."""
        share = self.n_rows[node] / self.n_rows[0]
        rows = f"{100 * share:.3g}% of rows" if share >= 0.001 else f"{self.n_rows[node]} rows"
        if self.children_left[node] >= 0 and not cut:
            name = self.feature_names[self.feature[node]]
            return f"{_short(name)}\n≤ {number}\n{rows}"
        if self.class_names is None:
            answer = number
        else:
            winner = int(self.values[node].argmax())
            answer = _short(self.class_names[winner])
            purity = 100 * self.values[node, winner]
            rows = f"{_percent(purity)} pure\n{rows}"
        if cut:
            rows = f"{rows.splitlines()[-1]}\n{self._n_leaves(node):,} leaves below"
        return f"{answer}\n{rows}"

    def _title(self) -> str:
        """Return how large the whole tree is, and how much of it is drawn."""
        depth, level = 0, [0]
        while level := [
            int(side[node])
            for node in level
            for side in (self.children_left, self.children_right)
            if side[node] >= 0
        ]:
            depth += 1
        count = self._n_leaves(0)
        leaves = f"{count:,} leaf" if count == 1 else f"{count:,} leaves"
        if not depth:
            return leaves
        title = f"{leaves}, up to {depth} question{'s' * (depth > 1)} deep"
        return title + (f"; the first {self.max_depth}" if depth > self.max_depth else "")

    def _say_yes_and_no(self, ax: Any, places: dict[int, float]) -> None:
        """Write beside the first two ways which is which."""
        for side, word, align in (
            (self.children_left, "yes", "right"), (self.children_right, "no", "left"),
        ):  # fmt: skip
            across = (places[0] + places[int(side[0])]) / 2
            offset = 0.5 * _WIDEST * self.n_rows[int(side[0])] / self.n_rows[0] + 5
            ax.annotate(
                word, (across, -0.5), xytext=(-offset if align == "right" else offset, 3),
                textcoords="offset points", ha=align, va="bottom", fontsize=_LETTERS, color=FAINT,
            )  # fmt: skip


def _check_length(name: str, names: Sequence[str], wanted: int) -> None:
    if len(names) != wanted:
        raise ValueError(f"{name} must be {wanted} names, got {len(names)} instead.")


def _told_apart(values: Array) -> list[str]:
    """Return numbers as they are read aloud, with so many digits that different ones differ."""
    different = len(np.unique(values))
    said = [plain(float(value)) for value in values]
    digits = _FEWEST_DIGITS
    while len(set(said)) < different and digits < _MOST_DIGITS:
        digits += 1
        said = [f"{value:,.{digits}g}" for value in values]
    return said


def _tint(colour: str, strength: float) -> tuple[float, float, float]:
    """Return a colour mixed with white."""
    from matplotlib.colors import to_rgb

    red, green, blue = (1.0 - strength * (1.0 - part) for part in to_rgb(colour))
    return red, green, blue


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def _percent(value: float) -> str:
    """Return a percentage that says 100 only of all."""
    return "100%" if value == 100 else f"{min(value, 99.9):.3g}%"


def _fit(ax: Any, letters: list[tuple[Any, float]]) -> None:
    """Make all letters so small that every text fits into its card, as wide as it says."""
    ax.figure.draw_without_rendering()
    corners = ax.transData.transform([(0.0, 0.0), (0.94, 0.9 * _HEIGHT)])
    width, height = corners[1] - corners[0]
    size = _LETTERS
    for _ in range(4):  # small letters do not shrink in proportion
        scale = 1.0
        for text, card in letters:
            extent = text.get_window_extent()
            scale = min(scale, card * width / extent.width, height / extent.height)
        size *= scale
        for text, _ in letters:
            text.set_fontsize(size)
        if scale == 1.0:
            return
