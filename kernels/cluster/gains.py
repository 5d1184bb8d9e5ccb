"""What the clusters gain from some rows: those scored anew that change sides, or all of them.

Rows are cut into *reduction blocks*, added over the tree of ``ops.sums``; a ticket is an aligned
range of them, done in *chunks* of whole blocks that working memory holds.  The tree of each
cluster is a tree of its own: a block that changes nothing for a cluster is absent from it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..machine.jit import allocating_inner_kernel, inner_kernel
from ..ops.certify import decide_again, needed_lead
from ..ops.moments import add_row, touch
from ..ops.pack import rows_per_block
from ..ops.sums import add_block, take_total
from ..tile import any_not_greater, store, store_indices
from .bounds import limit_of, select_rows, slack
from .scores import PanelWork, panel_work, score_rows

#: Columns of the tally of a ticket: rows changed, scored, decided in float64 (or NOT_FINITE).
CHANGED_ROWS, SCORED_ROWS, DECIDED_ROWS = range(3)
#: What stands for the rows decided where the label of a row is none.
NO_CLUSTER = -1
#: How far ahead of the panel at work the memory of scattered rows is asked for.
_PANELS_AHEAD = 2


class Rows(NamedTuple):
    """The samples, and what each carries from one iteration to the next.

    X : (n_samples, n_features), any strides
    sample_weight : (n_samples,) float64, or (0,) for weights of one
    labels : (n_samples,) int32
    limits : (n_samples,) float32, the spending at which a row must be scored again; -inf for
        one that must be
    """

    X: np.ndarray
    sample_weight: np.ndarray
    labels: np.ndarray
    limits: np.ndarray


class Sums(NamedTuple):
    """Sums of the clusters: of each feature, then the weight, then the rows of some weight.

    gains : (n_tickets, n_clusters * (n_features + 2)) float64, of each ticket
    touched : (n_clusters, n_tickets) bool, whether a ticket has a gain for a cluster
    totals : (n_clusters, n_features + 2) float64
    peaks : (n_clusters,) float64, the largest weight since all rows were summed
    tally : (n_tickets, 3) int64, see CHANGED_ROWS
    """

    gains: np.ndarray
    touched: np.ndarray
    totals: np.ndarray
    peaks: np.ndarray
    tally: np.ndarray


class Plan(NamedTuple):
    """How the work is cut, and what never changes during a run.

    block_rows : int, rows of a reduction block
    chunk_blocks, ticket_blocks : int, blocks that are scored at once, and of a ticket
    group : int, clusters that one ticket moves
    max_iter : int
    tol : float, stop when the squares of the moves sum to no more
    bounded : bool, whether bounds spare rows
    spherical : bool, whether centres are kept at unit length
    """

    block_rows: int
    chunk_blocks: int
    ticket_blocks: int
    group: int
    max_iter: int
    tol: float
    bounded: bool
    spherical: bool


class GainWork(NamedTuple):
    """Working memory of one member.

    panels : PanelWork
    selected, found : (chunk_rows + height,) int64 and int32: rows scored anew, then those that
        change, and their new labels
    block : (n_clusters, n_features + 2) float64, gains of the block at work
    met : (n_clusters,) bool, which clusters these are for
    levels, held : (n_levels, n_clusters, n_features + 2), (n_clusters, n_levels): see ``add_block``
    """

    panels: PanelWork
    selected: np.ndarray
    found: np.ndarray
    block: np.ndarray
    met: np.ndarray
    levels: np.ndarray
    held: np.ndarray


@allocating_inner_kernel
def gain_work(X, n_clusters, plan):
    """Return working memory for tickets of rows of X."""
    height = rows_per_block(X)
    chunk_rows = min(plan.chunk_blocks * plan.block_rows, X.shape[0])
    n_levels = 1
    while (1 << n_levels) <= plan.ticket_blocks:
        n_levels += 1
    width = X.shape[1] + 2
    return GainWork(
        panel_work(X, n_clusters),
        np.empty(chunk_rows + height, np.int64),
        np.empty(chunk_rows + height, np.int32),
        np.empty((n_clusters, width)),
        np.zeros(n_clusters, np.bool_),
        np.empty((n_levels, n_clusters, width)),
        np.zeros((n_clusters, n_levels), np.bool_),
    )


@inner_kernel
def score_selected(rows, count, centers, spent, work):
    """Find the labels of the selected rows, and their limits; keep those that change.

    Parameters
    ----------
    rows : Rows; ``limits`` are IN/OUT, the rest IN
    count : int, rows selected; room for one panel more stands behind them
    centers : IN Centers
    spent : IN (n_clusters,) float64
    work : GainWork; ``selected`` is IN/OUT: the rows scored, then those of another label, in
        order; ``found`` is OUT, their new labels

    Returns
    -------
    changed, decided : int, how many changed, and how many were decided in float64, or NOT_FINITE
        as soon as one holds NaN or infinity
    """
    X, selected, found, panel = rows.X, work.selected, work.found, work.panels.panel
    height = rows_per_block(X)
    changed = 0
    decided = 0
    for first in range(0, count, height):
        used = min(height, count - first)
        for i in range(used, height):
            selected[first + i] = selected[first]
        soon = min(first + _PANELS_AHEAD * height, count)
        norms, best, index, second = score_rows(
            X, selected, first, soon, min(soon + height, count), centers, panel
        )
        needed = needed_lead(norms, centers.margin)
        lead = best - second
        # The panel is done with: its first rows hold what is needed of each sample.
        store_indices(work.panels.labels, 0, index)
        store(panel, 2 * height, 0, slack(norms, best, second, needed, centers.margin))
        if any_not_greater(lead, needed):
            store(panel, 0, 0, lead)
            store(panel, height, 0, needed)
            again = decide_again(
                X, selected, first, used, centers.points, centers.transposed, panel,
                work.panels.distances, work.panels.labels, 0,
            )  # fmt: skip
            if again < 0:
                return changed, again
            decided += again
        for i in range(used):
            row = selected[first + i]
            label = work.panels.labels[i]
            rows.limits[row] = limit_of(panel[2 * height + i], spent[np.uint32(label)])
            if label != rows.labels[row]:
                selected[changed] = row  # scored already: never ahead of what is read
                found[changed] = label
                changed += 1
    return changed, decided


@inner_kernel
def relabel_block(rows, stop, count, at, note_gains, work):
    """Give the rows before ``stop`` that change their new labels, and note what clusters gain.

    Parameters
    ----------
    rows : Rows; ``labels`` are IN/OUT, the rest IN
    count, at : int, rows that change in all, and the first of them to look at
    note_gains : bool
    work : GainWork

    Returns
    -------
    int : the first row that changes from ``stop`` on, or NO_CLUSTER if a label is none
    """
    last = np.uint32(work.met.size - 1)
    while at < count and work.selected[at] < stop:
        row = work.selected[at]
        before, after = rows.labels[row], work.found[at]
        at += 1
        if np.uint32(before) > last or np.uint32(after) > last:
            return NO_CLUSTER
        rows.labels[row] = after
        if note_gains:
            weight = rows.sample_weight[row] if rows.sample_weight.size > 0 else 1.0
            touch(work.block, work.met, before)
            add_row(rows.X, row, -weight, work.block[before])
            touch(work.block, work.met, after)
            add_row(rows.X, row, weight, work.block[after])
    return at


@inner_kernel
def sum_block(rows, start, stop, work):
    """Note all rows of [start, stop) as gains of their clusters; return False if one has none."""
    last = np.uint32(work.met.size - 1)
    X, sample_weight, labels = rows.X, rows.sample_weight, rows.labels
    for i in range(start, stop):
        label = np.uint32(labels[i])
        if label > last:
            return False
        touch(work.block, work.met, label)
        add_row(X, i, sample_weight[i] if sample_weight.size > 0 else 1.0, work.block[label])
    return True


@inner_kernel
def add_gains(number, work):
    """Add the gains of the block at work, the ``number``-th of its ticket, to each tree."""
    for j in range(work.met.size):
        add_block(number, work.met[j], work.block[j], work.levels[:, j], work.held[j])
        work.met[j] = False


@inner_kernel
def gain_of_ticket(rows, centers, sums, spent, plan, every_row, keep_labels, ticket, work):
    """Bring the labels of a ticket's rows up to date and write what the clusters gain.

    Parameters
    ----------
    rows : Rows; ``labels`` and ``limits`` are IN/OUT
    centers : IN Centers
    sums : Sums; ``gains``, ``touched`` and ``tally`` of the ticket are OUT
    spent : IN (n_clusters,) float64
    plan : IN Plan
    every_row : bool, whether to sum all rows rather than those whose labels change
    keep_labels : bool, whether labels stay as they are
    ticket : int
    work : OUT GainWork, nothing met or held
    """
    n_clusters, width = sums.totals.shape
    tally = sums.tally[ticket]
    for i in range(3):
        tally[i] = 0
    ticket_rows = plan.ticket_blocks * plan.block_rows
    chunk_rows = plan.chunk_blocks * plan.block_rows
    end = min((ticket + 1) * ticket_rows, rows.X.shape[0])
    number = 0
    for first in range(ticket * ticket_rows, end, chunk_rows):
        last = min(first + chunk_rows, end)
        count = 0
        if not keep_labels and plan.bounded:
            count = select_rows(first, last, rows.labels, spent, rows.limits, work.selected)
        elif not keep_labels:
            for i in range(first, last):
                work.selected[i - first] = i
            count = last - first
        if count < 0:
            tally[DECIDED_ROWS] = NO_CLUSTER
            break
        changed, decided = score_selected(rows, count, centers, spent, work)
        if decided < 0:
            tally[DECIDED_ROWS] = decided
            break
        tally[SCORED_ROWS] += count
        tally[DECIDED_ROWS] += decided
        tally[CHANGED_ROWS] += changed
        at = 0
        for start in range(first, last, plan.block_rows):
            stop = min(start + plan.block_rows, last)
            before = at
            at = relabel_block(rows, stop, changed, at, not every_row, work)
            if at < 0 or (every_row and not sum_block(rows, start, stop, work)):
                tally[DECIDED_ROWS] = NO_CLUSTER
                break
            if every_row or at > before or number % 2 == 1:
                add_gains(number, work)
            number += 1
        if tally[DECIDED_ROWS] < 0:
            break
    for j in range(n_clusters):
        gain = sums.gains[ticket, j * width : (j + 1) * width]
        sums.touched[j, ticket] = take_total(work.levels[:, j], work.held[j], gain)
