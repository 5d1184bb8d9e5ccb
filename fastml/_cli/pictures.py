"""The demo's pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fastml.inspection import GradientFlowDisplay, LossCurveDisplay

from .classifiers import Problem, Trained


def save_quantised(
    path: Path, before: NDArray[Any], after: NDArray[Any], palette: NDArray[Any], title: str
) -> None:
    """Write the photograph before and after, above its palette.

    Parameters
    ----------
    path : file to write
    before, after : (height, width, 3) uint8
    palette : (n_colours, 4), red, green and blue in [0, 1] and the share of the pixels
    title : what was done
    """
    figure = Figure(figsize=(12, 5.2), layout="constrained")
    left, right, strip = figure.subplot_mosaic(
        [["before", "after"], ["palette", "palette"]], height_ratios=[8, 1]
    ).values()
    left.imshow(before)
    left.set_title(f"before: {len(np.unique(before.reshape(-1, 3), axis=0)):,} colours")
    right.imshow(after)
    right.set_title(f"after: {len(palette)} colours")
    for axes in (left, right):
        axes.set_axis_off()

    dark_to_light = palette[np.argsort(palette[:, :3] @ (0.299, 0.587, 0.114))]
    shares = dark_to_light[:, 3]
    starts = np.cumsum(shares) - shares
    strip.barh(0, shares, left=starts, color=dark_to_light[:, :3], height=1)
    strip.set_xlim(0, 1)
    strip.set_ylim(-0.5, 0.5)
    strip.set_yticks([])
    strip.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    strip.set_xlabel("share of the pixels")
    figure.suptitle(title)
    figure.savefig(path, dpi=120)


def save_training(path: Path, trained: Trained, problem: Problem) -> None:
    """Write the loss curve beside the gradient norms of every layer, by the library's displays.

    Parameters
    ----------
    path : file to write
    trained : the network, with its gradients on record
    problem : what it was trained on
    """
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.08})
    LossCurveDisplay(trained.model.loss_curve_).plot(left)
    left.set_title("Training loss")
    GradientFlowDisplay.from_estimator(
        trained.model, problem.X, problem.y, ax=right, name="after the last epoch"
    )
    right.set_title("Gradient of each layer, early epochs light")
    figure.suptitle(
        f"{problem.name}: sigmoid network {problem.widths}, "
        f"{trained.accuracy:.1%} of the test samples right"
    )
    figure.savefig(path, dpi=120)
