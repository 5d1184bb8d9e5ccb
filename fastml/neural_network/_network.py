"""A network: an architecture, its parameters, and the calls that apply it."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.threads import ALONE, new_state, run_team, team_size
from ..core.validation import Array, common_dtype
from ..data import SparseRows, as_table
from ..execution import in_chunks
from ..kernels.neural_network import bundles, network
from ..kernels.tile import lanes_of
from ._architecture import Architecture, architecture_of
from ._dense import dense_forward
from ._initial import hidden_activations

#: Work of a ticket: enough to outweigh taking it, little enough to share some hundred rows.
_TICKET_NANOSECONDS = 4_000
#: Fewer tickets a member would leave some waiting for others: all get equal shares instead.  Of
#: more rows a ticket may take so many times as long.
_TICKETS, _LONGEST = 4, 16
#: Rows a share is a multiple of, or of a panel: as many tiles have, or two.
_SHARE = 8


class Network:
    """What a fit leaves to predict with: one object, replaced as a whole and never changed.

    Only the numbers of its arrays may change: ``coefs`` and ``intercepts`` are views of the flat
    parameters that kernels read, so what a user writes into them is seen.  The lists may get
    other arrays: :meth:`current` sees that, and makes another network of them.

    Parameters
    ----------
    architecture : Architecture
    parameters : ndarray (n_parameters,)
        Not copied.

    Raises
    ------
    ValueError
        If the parameters are not those of the architecture.
    """

    def __init__(self, architecture: Architecture, parameters: Array) -> None:
        bundles.require(parameters, "parameters", architecture.dtype, (architecture.n_parameters,))
        bundles.Network.checked(architecture.table, parameters)
        self.architecture = architecture
        self.parameters = parameters
        self.coefs, self.intercepts = architecture.views(parameters)
        self._arrays = (*self.coefs, *self.intercepts)
        height = architecture.height
        rows = int(_TICKET_NANOSECONDS / architecture.nanoseconds_a_row) // height * height
        self._block_rows = min(max(rows, height), 16384)
        # Room for both sides of one output, and for rows as they lie: see the kernel.
        lanes = lanes_of(architecture.dtype)
        aside = 1 + lanes + max(lanes, *architecture.widths[1:])
        self._workspace = architecture.forward_size + aside * architecture.height
        self._nothing = np.empty(0, architecture.dtype)
        self.n_features, self.n_outputs = architecture.widths[0], architecture.widths[-1]
        self.dtype = architecture.dtype

    @classmethod
    def of_arrays(
        cls, coefs: Sequence[Any], intercepts: Sequence[Any], activation: Any, output: str
    ) -> Network:
        """Return a network of copies of these arrays, whose shapes are those of its layers.

        float32 if all arrays are, else float64.
        """
        arrays = [np.asarray(W) for W in coefs]
        if not arrays or any(W.ndim != 2 or not W.size for W in arrays):
            raise ValueError(f"coefs_ has shapes {[W.shape for W in arrays]}, expected matrices.")
        dtype = common_dtype(*arrays, *intercepts)
        names = hidden_activations(activation, len(arrays) - 1)
        widths = [len(arrays[0]), *(W.shape[1] for W in arrays)]
        architecture = architecture_of(widths, names, np.dtype(dtype), output)
        return cls(architecture, architecture.flatten(coefs, intercepts))

    def __reduce__(self) -> Any:
        architecture = self.current().architecture
        shape = (architecture.widths, architecture.activations, str(self.dtype.char))
        return _restored, (*shape, architecture.output, self.current().parameters)

    def current(self) -> Network:
        """Return this network, or another one where a user has replaced arrays of its lists."""
        arrays = [*self.coefs, *self.intercepts]
        if len(arrays) == len(self._arrays) and all(map(operator.is_, arrays, self._arrays)):
            return self
        return self.replaced(self.coefs, self.intercepts)

    def replaced(self, coefs: Sequence[Any], intercepts: Sequence[Any]) -> Network:
        """Return a network of the same architecture that holds copies of these arrays."""
        return Network(self.architecture, self.architecture.flatten(coefs, intercepts))

    def outputs(self, X: Any, *, activated: bool = False) -> Array:
        """Return the output layer's z = aW + b, or its activation, for every row of X."""
        return self.applied(X, network.ACTIVATIONS if activated else network.SCORES)[0]

    def activations(self, X: Any) -> list[Array]:
        """Return the output of every layer for every row of X."""
        result = [X[:] if isinstance(X, SparseRows) else X]
        names = self.architecture.activations
        for W, b, name in zip(self.coefs, self.intercepts, names, strict=False):
            result.append(dense_forward(result[-1], W, b, activation=name))
        return [*result[1:], self.outputs(result[0], activated=True)]

    def applied(self, X: Any, wanted: int) -> tuple[Array, bool]:
        """Apply the network to every row of X.

        Parameters
        ----------
        X : ndarray (n_samples, n_features) of the network's type, or SparseRows
        wanted : int
            ``SCORES``, the output layer's z = aW + b; ``ACTIVATIONS``, what it makes of that;
            ``BOTH_SIDES`` the same, but sigmoid(-z) and sigmoid(z) of a single output.

        Returns
        -------
        out : ndarray (n_samples, n_outputs), or (n_samples, 2) for both sides of one
        finite : bool
            Whether X is; SparseRows always are.
        """
        if isinstance(X, SparseRows):
            return np.asarray(
                in_chunks(as_table(X), lambda rows: self.applied(rows, wanted)[0])
            ), True
        n_samples, n_features = X.shape
        if n_features != self.n_features or X.dtype != self.dtype:
            raise ValueError(
                f"X has {n_features} features of {X.dtype}, but the network was made for "
                f"{self.n_features} of {self.dtype}."
            )
        n_out = self.n_outputs
        if wanted == network.BOTH_SIDES:
            wanted, n_out = (wanted, 2) if n_out == 1 else (network.ACTIVATIONS, n_out)
        out = np.empty((n_samples, n_out), self.dtype)
        nanoseconds = self.architecture.nanoseconds(n_samples)
        if nanoseconds < ALONE and X.flags.carray:
            finite = network.predict_alone(
                X, self.architecture.table, self.parameters, wanted, self._workspace,
                out.reshape(-1),
            )  # fmt: skip
            return out, finite
        members = team_size(nanoseconds)
        rows = self._rows_a_ticket(n_samples, members)
        finite = run_team(
            network.predict, min(members, -(-n_samples // rows)),
            X, X.reshape(-1) if X.flags.c_contiguous else self._nothing,
            self.architecture.table, self.parameters, wanted, rows,
            self._workspace, new_state(), out.reshape(-1),
        )  # fmt: skip
        return out, finite

    def _rows_a_ticket(self, n_samples: int, members: int) -> int:
        """Return how many rows a ticket has; results do not depend on it.

        Of many rows a member gets some tickets, so that others may help it in the end, but no more:
        rows that follow one another are foreseen.  Of few it gets an equal share.
        """
        height, least = self.architecture.height, self._block_rows
        if members == 1:
            return least
        if n_samples >= _TICKETS * members * least:
            share = n_samples // (2 * _TICKETS * members)
            if share >= _LONGEST * least:
                return _LONGEST * least
            down = max(least, share // height * height)
            return _sooner_done(n_samples, (down, down + height), members, height)
        if least > height:  # a panel and a half takes as long as two
            members *= max(1, n_samples // (members * least))
        whole = (n_samples + members * _SHARE * 3 // 4) // (members * _SHARE)
        shares = (max(1, whole) * _SHARE, -(-n_samples // (members * height)) * height)
        return _sooner_done(n_samples, shares, members, height)


def _sooner_done(n_samples: int, choice: tuple[int, int], members: int, height: int) -> int:
    """Return the rows of a ticket with which all members are done first."""
    return min(choice, key=lambda rows: _panels_of_longest(n_samples, rows, members, height))


def _panels_of_longest(n_samples: int, rows: int, members: int, height: int) -> float:
    """Return how many panels who is done last works on; up to half of one are three fifths.

    Fewer rows than a panel's need not fill it, see the kernel.
    """
    n_whole = (n_samples - 1) // rows
    times = -(-n_whole // members) * _panels(rows, height)
    return times + (n_whole % members == 0) * _panels(n_samples - n_whole * rows, height)


def _panels(rows: int, height: int) -> float:
    left = rows % height
    return rows // height + (0.6 if 0 < 2 * left <= height else float(left > 0))


def _restored(
    widths: tuple[int, ...],
    activations: tuple[str, ...],
    dtype: str,
    output: str,
    parameters: Array,
) -> Network:
    """Return a network that was pickled or copied."""
    architecture = architecture_of(widths, activations, np.dtype(dtype), output)
    return Network(architecture, np.array(parameters, dtype=architecture.dtype))
