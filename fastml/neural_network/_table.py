"""Samples of a perceptron that are not all there."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.passes import Piece
from ..data import Part, Table
from ..execution import set_features
from ..kernels.neural_network.bundles import Samples
from ._targets import Encoder, Targets

#: Rows that are looked at for what may have made training diverge.
_FIRST_ROWS = 256


class TableSamples:
    """Rows of a table as samples of a network.

    Parameters
    ----------
    estimator : BasePerceptron
        Whose features are set.
    targets : Targets
    table : Table
    dtype : dtype or tuple of them
        To keep; others become the first.
    reset : bool
        Whether X decides the number of features.
    """

    def __init__(
        self, estimator: Any, targets: Targets, table: Table, dtype: Any, *, reset: bool
    ) -> None:
        known = getattr(estimator, "n_features_in_", None)
        if not reset and known != table.X.shape[1]:
            raise ValueError(
                f"X has {table.X.shape[1]} features, but {type(estimator).__name__} is expecting "
                f"{known} features as input."
            )
        kinds = dtype if isinstance(dtype, tuple) else (dtype,)
        table = table.astype(table.X.dtype if table.X.dtype in kinds else kinds[0])
        self.dtype, self.name = table.X.dtype, type(estimator).__name__
        weights = table.weights and table.weights.astype(self.dtype)
        table = Table(table.X, table.y, weights).for_many_passes()
        set_features(estimator, table.X)
        self.table = table
        self.encoder: Encoder = targets.encoder(table)
        self.shape = table.X.shape
        stop = min(_FIRST_ROWS, table.n_rows)
        self.first = self.samples_of(table.read(Piece(0, 1, 0, stop)))

    def __len__(self) -> int:
        return int(self.table.n_rows)

    def samples_of(self, part: Part) -> Samples:
        """Return the samples of a piece."""
        return samples_of(part, self.encoder)


def samples_of(part: Part, encoder: Encoder) -> Samples:
    """Return the samples of a piece of rows."""
    weights = part.weights.astype(part.X.dtype) if part.weights.size else None
    Y, weights = encoder(np.asarray(part.y), weights, part.X.dtype)
    return Samples.checked(part.X, Y, weights)
