"""The demo's pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

#: Epochs of the running mean: mini-batches make single gradients jump.
_MEAN_WIDTH = 15
_LAYER_COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44")


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


def _running_mean(values: NDArray[Any]) -> NDArray[Any]:
    """Return the geometric mean over neighbours: the mean on a logarithmic axis."""
    padded = np.pad(np.log(values), _MEAN_WIDTH // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _MEAN_WIDTH)
    return np.asarray(np.exp(windows.mean(axis=1)))


def save_training(
    path: Path, losses: Sequence[float], norms: NDArray[Any], layers: Sequence[str], title: str
) -> None:
    """Write the loss curve beside the gradient norm of every layer.

    Parameters
    ----------
    path : file to write
    losses : the mean loss of each epoch
    norms : (n_epochs, n_layers), the gradient's norm at the end of each epoch
    layers : what to call each layer
    title : what was trained
    """
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.08})
    epochs = np.arange(1, len(losses) + 1)
    left.plot(epochs, losses, color="#222222", linewidth=1.8)
    left.set_title("Training loss")
    left.set_ylabel("mean binary cross-entropy")
    left.set_ylim(bottom=0)
    for layer, name in enumerate(layers):
        colour = _LAYER_COLOURS[layer % len(_LAYER_COLOURS)]
        right.plot(epochs, norms[:, layer], color=colour, linewidth=0.8, alpha=0.4)
        mean = _running_mean(norms[:, layer])
        right.plot(epochs, mean, color=colour, linewidth=1.8, label=name)
    right.set_title("Gradient norm of each layer")
    right.set_ylabel("norm of the weights' gradient")
    right.set_yscale("log")
    right.legend(frameon=False, title=f"running mean of {_MEAN_WIDTH} epochs")
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.set_xlim(1, len(losses))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title)
    figure.savefig(path, dpi=120)
