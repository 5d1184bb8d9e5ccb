"""Lloyd's algorithm: assign every row to its nearest centre, move the centres to the mean.

Most rows keep their centre from one iteration to the next, and a bound shows it without
looking at them (see :mod:`.bounds`); an iteration scores the few others, gathered into panels.
Sums of clusters follow the labels that change (see :mod:`.gains`).

One iteration has three phases, cut into tickets of a team (see ``machine.team``):

1. one ticket a range of blocks: score rows, note what their clusters gain;
2. one ticket a group of clusters: add up the gains, move the centres;
3. one ticket: let the budgets be spent, see whether to stop.

Sums that followed changes have rounded.  So all rows are summed anew before labels that stand
still are believed, and where a cluster has lost nearly all of its weight, since what is left of
its sum would be rounding.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel, kernel
from ..machine.team import finish_ticket, release_team, take_phased_ticket, wait_for
from ..ops.certify import NOT_FINITE as A_ROW_NOT_FINITE
from ..ops.exact import distance
from ..ops.sums import add_up
from .bounds import add_moves
from .centers import follow_centers, shift_some
from .gains import CHANGED_ROWS, DECIDED_ROWS, SCORED_ROWS, gain_of_ticket, gain_work
from .scores import panel_work

#: Elements of the control array (int64).
#: STOP: whether to stop and why; ITERATIONS: how many are done; CHANGED: rows whose label changed
#: in the iteration at work; SCORED, DECIDED: rows compared with all centres, and decided in
#: float64, in all; EVERY_ROW: sum all rows next, not only those that change; KEEP_LABELS: score
#: no row next; ALLOW_EMPTY: clusters may stay empty in this iteration; SUMMED: the totals are
#: those of all rows with the labels they have, none of which was added to an earlier total.
STOP, ITERATIONS, CHANGED, SCORED, DECIDED, EVERY_ROW, KEEP_LABELS, ALLOW_EMPTY, SUMMED = range(9)
CONTROL_SIZE = 9
#: Reasons to stop.
(
    GOING,
    CONVERGED,
    WITHIN_TOLERANCE,
    EMPTY_CLUSTER,
    LAST_ITERATION,
    OVERFLOW,
    NOT_FINITE,
    NO_LABEL,
) = range(8)

#: Sums are made anew once this share of a cluster's largest weight is left.
_LITTLE = 2.0**-10


class Moves(NamedTuple):
    """How the centres moved.

    previous : (n_clusters, n_features) of the centres' type: where they stood before
    moves : (n_clusters,) float64, how far each moved in the last iteration
    spent : (n_clusters,) float64, see :mod:`.bounds`
    norms : (n_clusters,) float64, squared norms of the shifted centres
    """

    previous: np.ndarray
    moves: np.ndarray
    spent: np.ndarray
    norms: np.ndarray


@inner_kernel
def add_to_totals(j, sums, every_row, alive):
    """Add the gains of a cluster to its total.

    Parameters
    ----------
    j : int
    sums : Sums; ``gains`` are overwritten, ``totals`` and ``peaks`` IN/OUT
    every_row : bool, whether the gains are of all rows
    alive : OUT (n_tickets,) bool, working memory
    """
    totals = sums.totals[j]
    width = totals.size
    first = j * width
    add_up(sums.gains, sums.touched[j], first, first + width, alive)
    for i in range(width):
        gain = sums.gains[0, first + i]
        totals[i] = gain if every_row else totals[i] + gain
    if totals[width - 1] == 0.0:  # rows are whole: nothing but rounding is left
        for i in range(width):
            totals[i] = 0.0
    weight = totals[width - 2]
    if every_row or not sums.peaks[j] > weight:
        sums.peaks[j] = weight


@inner_kernel
def move_cluster(j, totals, points, previous, spherical):
    """Move a centre to the mean of its rows; return how far it went.

    Parameters
    ----------
    totals : IN (n_features + 2,) float64
    points : IN/OUT (n_clusters, n_features); of an empty cluster as it was
    previous : OUT (n_clusters, n_features)
    """
    n_features = points.shape[1]
    divisor = totals[n_features]
    if spherical and divisor > 0.0:
        divisor = 0.0
        for p in range(n_features):
            divisor += totals[p] ** 2
        divisor = math.sqrt(divisor)
    for p in range(n_features):
        previous[j, p] = points[j, p]
        if divisor > 0.0:
            points[j, p] = totals[p] / divisor
    return distance(points, j, previous, j)


@inner_kernel
def move_clusters(first, last, centers, sums, moves, every_row, spherical, alive, panels):
    """Move the centres of clusters [first, last) and prepare them."""
    for j in range(first, last):
        add_to_totals(j, sums, every_row, alive)
        moves.moves[j] = move_cluster(j, sums.totals[j], centers.points, moves.previous, spherical)
    shift_some(centers, first, last, panels.panel, panels.rows, moves.norms)


@inner_kernel
def take_back(centers, moves, panels):
    """Put the centres back to where they were: the iteration is not finished."""
    n_clusters, n_features = centers.points.shape
    for j in range(n_clusters):
        for p in range(n_features):
            centers.points[j, p] = moves.previous[j, p]
        moves.moves[j] = 0.0
    shift_some(centers, 0, n_clusters, panels.panel, panels.rows, moves.norms)


@inner_kernel
def count_rows(tally, control):
    """Add up what the tickets did; return False if a row was not finite, or its label none."""
    for ticket in range(tally.shape[0]):
        if tally[ticket, DECIDED_ROWS] < 0:
            spoilt = tally[ticket, DECIDED_ROWS] == A_ROW_NOT_FINITE
            control[STOP] = NOT_FINITE if spoilt else NO_LABEL
            return False
        control[CHANGED] += tally[ticket, CHANGED_ROWS]
        control[SCORED] += tally[ticket, SCORED_ROWS]
        control[DECIDED] += tally[ticket, DECIDED_ROWS]
    return True


@inner_kernel
def finish_iteration(centers, sums, moves, control, plan, panels):
    """See what an iteration came to, and whether to stop: see STOP and what follows it."""
    n_clusters, n_features = centers.points.shape
    every_row = control[EVERY_ROW] != 0
    largest, farthest, total = 0.0, 0.0, 0.0
    any_empty, any_thin = False, False
    for j in range(n_clusters):
        largest = max(largest, moves.norms[j])
        farthest = max(farthest, moves.moves[j])
        total += moves.moves[j] ** 2
        empty = sums.totals[j, n_features + 1] == 0.0
        any_empty = any_empty or empty
        thin = not empty and not sums.totals[j, n_features] > _LITTLE * sums.peaks[j]
        any_thin = any_thin or thin
    if any_thin and not every_row:
        take_back(centers, moves, panels)
        control[EVERY_ROW] = 1
        control[KEEP_LABELS] = 1
        return
    if not total < np.inf:
        control[STOP] = OVERFLOW
        return
    if any_empty and control[ALLOW_EMPTY] == 0:
        take_back(centers, moves, panels)
        control[STOP] = EMPTY_CLUSTER
        return
    follow_centers(centers, largest, panels.panel, panels.rows, moves.norms)
    add_moves(moves.moves, moves.spent)
    unchanged = control[CHANGED] == 0
    summed = every_row or (unchanged and control[SUMMED] != 0)
    verified = unchanged and farthest == 0.0 and summed
    control[SUMMED] = np.int64(summed)
    control[EVERY_ROW] = 0
    control[KEEP_LABELS] = 0
    control[CHANGED] = 0
    if unchanged and control[ITERATIONS] > 0 and not verified:
        # Believe the labels' standing still once the sums of all rows leave the centres where
        # they are.  That is no iteration of its own; and sums just made of all rows are theirs
        # again where no label changes.
        control[EVERY_ROW] = np.int64(not summed)
        return
    control[ALLOW_EMPTY] = 0
    control[ITERATIONS] += 1
    if verified:
        control[STOP] = CONVERGED
    elif total <= plan.tol:
        control[STOP] = WITHIN_TOLERANCE
    elif control[ITERATIONS] >= plan.max_iter:
        control[STOP] = LAST_ITERATION


@allocating_kernel
def lloyd(rows, centers, sums, moves, control, plan, n_steps, state):
    """Run iterations of Lloyd's algorithm until there is a reason to stop, as a member of a team.

    Parameters
    ----------
    rows : Rows; ``labels`` and ``limits`` are IN/OUT
    centers : IN/OUT Centers
    sums : IN/OUT Sums
    moves : IN/OUT Moves
    control : IN/OUT (CONTROL_SIZE,) int64
    plan : IN Plan
    n_steps : int, iterations of this call at most; 0 to bring labels up to date once, with what
        clusters gain, and leave the centres
    state : IN/OUT the team's state, zero at the start
    """
    n_clusters = centers.points.shape[0]
    n_tickets = sums.tally.shape[0]
    n_groups = (n_clusters + plan.group - 1) // plan.group
    phases = (n_tickets, n_groups, 1)
    work = gain_work(rows.X, n_clusters, plan)
    alive = np.empty(n_tickets, np.bool_)
    while True:
        ticket = take_phased_ticket(state, phases)
        if ticket.step >= max(n_steps, 1):
            return
        wait_for(state, ticket.before)
        if control[STOP] != GOING:
            return
        every_row = control[EVERY_ROW] != 0
        if ticket.phase == 0:
            gain_of_ticket(
                rows, centers, sums, moves.spent, plan, every_row, control[KEEP_LABELS] != 0,
                ticket.number, work,
            )  # fmt: skip
        elif ticket.phase == 1 and n_steps > 0:
            first = ticket.number * plan.group
            last = min(first + plan.group, n_clusters)
            move_clusters(
                first, last, centers, sums, moves, every_row, plan.spherical, alive, work.panels
            )
        elif ticket.phase == 2:
            if count_rows(sums.tally, control) and n_steps > 0:
                finish_iteration(centers, sums, moves, control, plan, work.panels)
            if control[STOP] != GOING:
                release_team(state)
        finish_ticket(state)


@kernel
def gains_of_all(sums, alive):
    """Add up the gains of all tickets, into the first one's.

    Parameters
    ----------
    sums : IN/OUT Sums
    alive : OUT (n_tickets,) bool, working memory
    """
    width = sums.totals.shape[1]
    for j in range(sums.totals.shape[0]):
        add_up(sums.gains, sums.touched[j], j * width, (j + 1) * width, alive)


@allocating_kernel
def finish_pass(centers, sums, moves, control, plan, alive):
    """Do the second and the third phase for gains that were merged elsewhere.

    Parameters
    ----------
    centers, moves, control, plan : see :func:`lloyd`
    sums : IN/OUT Sums of one ticket
    alive : OUT (1,) bool, working memory
    """
    every_row = control[EVERY_ROW] != 0
    n_clusters = centers.points.shape[0]
    panels = panel_work(centers.points, n_clusters)
    move_clusters(0, n_clusters, centers, sums, moves, every_row, plan.spherical, alive, panels)
    if count_rows(sums.tally, control):
        finish_iteration(centers, sums, moves, control, plan, panels)
