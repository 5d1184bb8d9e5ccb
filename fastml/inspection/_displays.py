"""Pictures of training, by scikit-learn's Display convention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from numpy.typing import ArrayLike

from ..core.validation import Array
from ..neural_network._perceptron import BasePerceptron, require_perceptron
from ._gradient_flow import GradientFlow, gradient_flow
from ._style import plain_log_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: What the axis of gradients spans at least.
_LEAST_RATIO = 100.0


def _axes(ax: Axes | None) -> Axes:
    """Return the axes to draw on, new ones if there are none."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("Displays need matplotlib: pip install matplotlib.") from error
    _, axes = plt.subplots(layout="constrained")
    return axes


class GradientFlowDisplay:
    """The norm of the gradient by each layer's weights: now, and after each epoch on record.

    Layers from the first to the output along x, the norm along a logarithmic y, a line for
    each epoch, light to dark.  A line that falls towards the first layer is a gradient that
    vanishes on its way back.  Use :meth:`from_estimator`.

    Parameters
    ----------
    flow : GradientFlow
        What :func:`gradient_flow` found.
    gradient_norms : ndarray (n_epochs, n_layers), default=None
        The norms on record.
    name : str, default=None
        For the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    line_ : matplotlib Line2D
        The norms now.
    epoch_lines_ : list of matplotlib Line2D
        The norms on record.

    Examples
    --------
    >>> import fastml
    >>> from fastml.inspection import GradientFlowDisplay
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = fastml.MLPClassifier((8, 8), record_gradients=True, tol=0.1, random_state=0)
    >>> display = GradientFlowDisplay.from_estimator(model.fit(X, y), X, y)
    """

    def __init__(
        self, flow: GradientFlow, gradient_norms: Array | None = None, *, name: str | None = None
    ) -> None:
        self.flow = flow
        self.gradient_norms = gradient_norms
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: BasePerceptron,
        X: ArrayLike,
        y: ArrayLike,
        *,
        ax: Axes | None = None,
        name: str | None = None,
        **line_kwargs: Any,
    ) -> Self:
        """Draw the gradient flow of a fitted estimator.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            Fitted; with ``record_gradients=True`` its epochs are drawn too.
        X, y : array-like
            The samples of the loss.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.
        name : str, default=None
            For the legend.
        **line_kwargs
            Passed to ``ax.plot``.

        Returns
        -------
        display : GradientFlowDisplay
        """
        flow = gradient_flow(estimator, X, y)
        recorded = getattr(estimator, "gradient_norms_", None)
        return cls(flow, recorded, name=name).plot(ax=ax, **line_kwargs)

    def plot(self, ax: Axes | None = None, *, name: str | None = None, **line_kwargs: Any) -> Self:
        """Draw on given axes or new ones.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.
        name : str, default=None
            For the legend; None for that of the constructor.
        **line_kwargs
            Passed to ``ax.plot``.

        Returns
        -------
        display : GradientFlowDisplay
        """
        ax = _axes(ax)
        name = self.name if name is None else name
        layers = np.arange(1, len(self.flow.gradient_norms) + 1)
        style = {"color": "C0", "marker": "o", "label": name, **line_kwargs}
        self.epoch_lines_ = []
        epochs = [] if self.gradient_norms is None else list(self.gradient_norms)
        for epoch, norms in enumerate(epochs):
            (line,) = ax.plot(
                layers, norms, color=style["color"], lw=0.6,
                alpha=0.08 + 0.4 * (epoch + 1) / len(epochs),
            )  # fmt: skip
            self.epoch_lines_.append(line)
        (self.line_,) = ax.plot(layers, self.flow.gradient_norms, **style)
        ax.set(
            xlabel="layer, from the first to the output",
            ylabel="norm of ∂L/∂W",
            yscale="log",
            xticks=layers,
        )
        low, high = ax.get_ylim()
        if low > 0 and high < low * _LEAST_RATIO:  # a few per cent must not look like vanishing
            middle = (low * high) ** 0.5
            ax.set_ylim(middle / _LEAST_RATIO**0.5, middle * _LEAST_RATIO**0.5)
        if epochs:
            ax.set_title("thick: now; thin: each epoch, the last the darkest", fontsize="medium")
        if name is not None:
            ax.legend()
        self.ax_ = ax
        self.figure_ = cast("Figure", ax.figure)
        return self


class LossCurveDisplay:
    """The loss after each epoch, on the training data and, where there is any, the validation data.

    Use :meth:`from_estimator`.

    Parameters
    ----------
    loss_curve : array-like (n_epochs,)
        Mean loss of a training sample in each epoch.
    validation_loss_curve : array-like (n_epochs,), default=None
        Mean loss of a validation sample after each epoch.
    name : str, default=None
        For the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    line_ : matplotlib Line2D
    validation_line_ : matplotlib Line2D or None
    best_point_ : matplotlib Line2D or None
        The least validation loss.

    Examples
    --------
    >>> import fastml
    >>> from fastml.inspection import LossCurveDisplay
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = fastml.MLPClassifier((8,), tol=0.1, random_state=0).fit(X, y)
    >>> display = LossCurveDisplay.from_estimator(model)
    """

    def __init__(
        self,
        loss_curve: ArrayLike,
        validation_loss_curve: ArrayLike | None = None,
        *,
        name: str | None = None,
    ) -> None:
        self.loss_curve = loss_curve
        self.validation_loss_curve = validation_loss_curve
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: BasePerceptron,
        *,
        ax: Axes | None = None,
        name: str | None = None,
        **line_kwargs: Any,
    ) -> Self:
        """Draw the loss curves of a fitted estimator.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            Fitted.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.
        name : str, default=None
            For the legend; None for the name of the class.
        **line_kwargs
            Passed to ``ax.plot``.

        Returns
        -------
        display : LossCurveDisplay
        """
        require_perceptron(estimator)
        name = type(estimator).__name__ if name is None else name
        display = cls(estimator.loss_curve_, estimator.validation_loss_curve_, name=name)
        return display.plot(ax=ax, **line_kwargs)

    def plot(self, ax: Axes | None = None, *, name: str | None = None, **line_kwargs: Any) -> Self:
        """Draw on given axes or new ones.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.
        name : str, default=None
            For the legend; None for that of the constructor.
        **line_kwargs
            Passed to ``ax.plot``.

        Returns
        -------
        display : LossCurveDisplay
        """
        ax = _axes(ax)
        name = self.name if name is None else name
        prefix = "" if name is None else f"{name}, "
        curve = np.asarray(self.loss_curve, dtype=np.float64)
        epochs = np.arange(1, len(curve) + 1)
        (self.line_,) = ax.plot(epochs, curve, **{"label": f"{prefix}training", **line_kwargs})
        self.validation_line_ = self.best_point_ = None
        if self.validation_loss_curve is not None:
            validation = np.asarray(self.validation_loss_curve, dtype=np.float64)
            colour = self.line_.get_color()
            # Wide and light, so that it is seen under the line of training.
            (self.validation_line_,) = ax.plot(
                epochs, validation, color=colour, lw=5, alpha=0.3, zorder=self.line_.zorder - 0.1,
                label=f"{prefix}validation",
            )  # fmt: skip
            if np.isfinite(validation).any():
                best = int(np.nanargmin(validation))
                (self.best_point_,) = ax.plot(
                    epochs[best], validation[best], color=colour, marker="o", ls="",
                    label=f"{prefix}least in validation: epoch {epochs[best]}",
                )  # fmt: skip
        ax.set(xlabel="epoch", ylabel="mean loss", yscale="log")
        plain_log_axis(ax)
        ax.legend()
        self.ax_ = ax
        self.figure_ = cast("Figure", ax.figure)
        return self
