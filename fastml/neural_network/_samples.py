"""Samples of a call: those to validate with, and those for layers that are there already."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.model_selection import train_test_split

from ..core.validation import Array
from ..kernels.neural_network.bundles import Samples
from ._architecture import Architecture
from ._targets import Targets


def validation_samples(
    estimator: Any, validation_data: Any, targets: Targets, architecture: Architecture
) -> Samples:
    """Return the samples of ``validation_data``."""
    try:
        X, y = validation_data
    except (TypeError, ValueError):
        raise ValueError(
            f"validation_data must be a tuple (X, y), got {type(validation_data).__name__} instead."
        ) from None
    return known_samples(estimator, targets.known(), X, y, architecture)


def known_samples(
    estimator: Any,
    targets: Targets,
    X: ArrayLike,
    y: ArrayLike,
    architecture: Architecture,
) -> Samples:
    """Return samples for layers that are there already."""
    found = targets.samples(estimator, X, y, None, architecture.dtype, reset=False)
    if targets.output(found.Y) != (architecture.output, architecture.widths[-1]):
        raise ValueError("y is of another kind than the targets of fit.")
    if found.X.shape[1] != architecture.widths[0]:
        raise ValueError(
            f"X has {found.X.shape[1]} features, but the network has {architecture.widths[0]} "
            "inputs."
        )
    return found


def split(
    data: Samples, fraction: float, random_state: np.random.RandomState, stratify: Array | None
) -> tuple[Array, Samples]:
    """Return the rows to train on, and the samples held out to validate with."""
    rows, held_out = train_test_split(
        np.arange(len(data.X)),
        test_size=fraction,
        random_state=random_state,
        stratify=stratify,
    )
    if len(held_out) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of "
            "your dataset."
        )
    return rows, data.of(held_out)
