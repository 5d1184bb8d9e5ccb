"""Which leaf each row ends in.

Siblings are neighbours and a leaf is its own left child with an infinite threshold, so a step is
``node = child[node] + (x > threshold[node])`` without a branch; sixteen rows go down together,
which hides the wait for memory.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel
from ..machine.team import take_ticket

_TOGETHER = 16
#: Rows a ticket.
BLOCK_ROWS = 4096


class Compact(NamedTuple):
    """A tree made for prediction; ``fastml.tree._predictor`` makes and checks it.

    thresholds : (n_nodes,) of X's type, rounded down to it; infinite for a leaf
    features, children : (n_nodes,) int32; the left child, the right one behind it
    missing_right : (n_nodes,) uint8, 1 where missing values go right
    """

    thresholds: Any
    features: Any
    children: Any
    missing_right: Any


@allocating_kernel
def find_leaves(state, tree, values, row_step, column_step, missing, out):
    """Set out[i] to the node row i ends in, as a member of a team.

    Parameters
    ----------
    state : IN/OUT the team's state, zero at the start
    tree : Compact
    values, row_step, column_step : X[i, j] is values[i * row_step + j * column_step]
    missing : bool, whether X may hold NaN
    out : OUT (n_rows,) int32
    """
    n_rows = out.size
    node = np.zeros(_TOGETHER, np.int32)
    offsets = np.zeros(_TOGETHER, np.int64)
    while True:
        start = take_ticket(state) * BLOCK_ROWS
        if start >= n_rows:
            return
        stop = min(start + BLOCK_ROWS, n_rows)
        for first in range(start, stop, _TOGETHER):
            count = min(_TOGETHER, stop - first)
            for j in range(_TOGETHER):
                node[j] = 0
                offsets[j] = (first + min(j, count - 1)) * row_step
            moved = True
            while moved:
                change = np.int32(0)
                if missing:
                    for j in range(_TOGETHER):
                        at = np.int64(node[j])
                        x = values[offsets[j] + tree.features[at] * column_step]
                        right = np.int32(x > tree.thresholds[at])
                        if x != x:
                            right = np.int32(tree.missing_right[at])
                        to = tree.children[at] + right
                        change |= to ^ node[j]
                        node[j] = to
                else:
                    for _ in range(2):
                        change = np.int32(0)
                        for j in range(_TOGETHER):
                            at = np.int64(node[j])
                            x = values[offsets[j] + tree.features[at] * column_step]
                            to = tree.children[at] + np.int32(x > tree.thresholds[at])
                            change |= to ^ node[j]
                            node[j] = to
                moved = change != 0
            for j in range(count):
                out[first + j] = node[j]
