"""The rows neighbours are looked for among, packed for the tile.

Rows and queries are moved by one common vector near the data, so that coordinates around 1e8 lose
nothing.  A *group* is as many rows as the tile has columns, side by side: feature p of row j of
group g is at ``(g * n_features + p) * N + j``.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import kernel
from ..machine.team import finish_ticket, take_ticket
from ..tile import COLUMNS

#: Rows of a group.
GROUP = COLUMNS


@kernel
def pack_base(X, shift, ticket_groups, state, packed, half_norms, largest):
    """Move the rows and pack them, as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    shift : IN (n_features,)
    ticket_groups : int, groups a ticket
    state : IN/OUT the team's state, zero at the start
    packed : OUT (n_groups * n_features * N,) flat; zero where rows pad the last group
    half_norms : OUT (n_groups * N,) -|x|^2 / 2 of the moved rows; -inf where rows pad
    largest : OUT (n_tickets,) float64, the largest |x|^2 of each ticket
    """
    n_samples, n_features = X.shape
    n_groups = half_norms.size // COLUMNS
    while True:
        ticket = take_ticket(state)
        first = ticket * ticket_groups
        if first >= n_groups:
            return
        most = 0.0
        for g in range(first, min(first + ticket_groups, n_groups)):
            for j in range(COLUMNS):
                row = g * COLUMNS + j
                if row < n_samples:
                    norm = 0.0
                    for p in range(n_features):
                        value = X[row, p] - shift[p]
                        packed[(g * n_features + p) * COLUMNS + j] = value
                        norm += np.float64(value) * np.float64(value)
                    half_norms[row] = -0.5 * norm
                    # A norm that is not a number must not be overlooked: it counts as infinite.
                    most = max(most, norm) if norm < np.inf else np.inf
                else:
                    for p in range(n_features):
                        packed[(g * n_features + p) * COLUMNS + j] = 0.0
                    half_norms[row] = -np.inf
        largest[ticket] = most
        finish_ticket(state)
