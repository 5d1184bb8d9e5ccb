"""Greedy k-means++: one pass over the data for every centre chosen.

The pass for one centre takes the centre chosen before it and the trial candidates for the
next as the columns of one tile: the distance to the first brings every row's closest
distance up to date, the others give each candidate's potential, block by block.  Distances are
direct differences, so nothing cancels where clusters are tight and far apart.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel, kernel
from ..machine.team import finish_ticket, take_phased_ticket, take_ticket, wait_for
from ..ops.exact import squared_distance
from ..ops.scratch import aligned_zeros
from ..ops.sums import descend, grow_tree
from .screen import encode_block, encode_point, find_near, limit_of
from .weighing import Draw, draw_work, weigh_block, weigh_screened


@inner_kernel
def share_of(samples, row, distance):
    """Return the weighted share of a row in the potential, at its squared distance."""
    if samples.sample_weight.size > 0:
        return np.float64(samples.sample_weight[row]) * distance
    return distance


@inner_kernel
def draw_row(samples, closest, center, start, stop, remainder):
    """Return the row of [start, stop) at which the running potential reaches ``remainder``.

    Parameters
    ----------
    samples : IN Samples
    closest : IN (n_samples,) squared distance to the closest centre, ``center`` not counted
    center : int, the row that is the centre chosen last
    """
    X = samples.X
    total = 0.0
    last = start
    for i in range(start, stop):
        distance = min(squared_distance(X, i, X, center), np.float64(closest[i]))
        share = share_of(samples, i, distance)
        total += share
        if share > 0.0:
            last = i
        if total >= remainder and share > 0.0:
            return i
    return last


@inner_kernel
def draw_screened_row(samples, closest, center, start, stop, remainder, screen, work):
    """Do what :func:`draw_row` does, measuring those rows only that the screen does not rule out.

    Parameters
    ----------
    screen : IN Screen, one of whose points is the centre chosen last
    work : OUT DrawWork
    """
    X, near = samples.X, work.near
    count = find_near(X, start, stop, screen, near, work.bits)
    total = 0.0
    last = start
    at = 0
    for i in range(start, stop):
        distance = np.float64(closest[i])
        if at < count and near[at] == i:
            distance = min(squared_distance(X, i, X, center), distance)
            at += 1
        share = share_of(samples, i, distance)
        total += share
        if share > 0.0:
            last = i
        if total >= remainder and share > 0.0:
            return i
    return last


@inner_kernel
def draw_candidates(samples, center, block_rows, column, uniforms, draw, screen, work):
    """Draw rows with chances proportional to their weighted closest distances.

    Parameters
    ----------
    samples : IN Samples
    center : int, the row that is the centre chosen last
    block_rows : int, rows of a block
    column : int, which column of the potentials has ``center`` counted in
    uniforms : IN (n_candidates,) from [0, 1)
    draw : Draw; ``candidates`` and ``points`` are OUT, the potentials a whole tree
    screen : Screen, whose points are OUT, or None
    work : OUT DrawWork
    """
    X, points, nodes = samples.X, draw.points, draw.potentials
    n_samples, n_features = X.shape
    n_columns = points.size // n_features
    n_blocks = (n_samples + block_rows - 1) // block_rows
    whole = nodes[nodes.shape[0] - 1, column]
    for p in range(n_features):
        points[p * n_columns] = X[center, p]
    if screen is not None:
        encode_point(center, 0, screen)
    for j in range(draw.candidates.size):
        block, remainder = descend(nodes, n_blocks, column, uniforms[j] * whole)
        start = block * block_rows
        stop = min(start + block_rows, n_samples)
        if screen is not None:
            row = draw_screened_row(
                samples, draw.closest, center, start, stop, remainder, screen, work
            )
        else:
            row = draw_row(samples, draw.closest, center, start, stop, remainder)
        draw.candidates[j] = row
        for p in range(n_features):
            points[p * n_columns + 1 + j] = X[row, p]
        if screen is not None:
            encode_point(row, 1 + j, screen)


@inner_kernel
def choose_candidate(cluster, draw, n_blocks):
    """Add up the potentials; choose the best candidate, unless it is the first centre's turn.

    Returns
    -------
    int : the column of the potentials that has the centre chosen last counted in
    """
    root = grow_tree(draw.potentials, n_blocks)
    if cluster == 0:
        return 0
    column = 1  # what is not a number is never better
    for j in range(2, draw.potentials.shape[1]):
        if draw.potentials[root, j] < draw.potentials[root, column]:
            column = j
    draw.chosen[cluster] = draw.candidates[column - 1]
    return column


@allocating_kernel
def choose_rows(
    samples, uniforms, block_rows, ticket_blocks, first, last, draw, kept, screen, state
):
    """Choose the centres [first, last) and the candidates for the next, as a member of a team.

    Choosing one takes a ticket for every few blocks of rows, and one that looks at all of them.

    Parameters
    ----------
    samples : IN Samples
    uniforms : IN (n_clusters, n_candidates) from [0, 1)
    block_rows : int, rows of a block
    ticket_blocks : int, blocks of a ticket
    draw : IN/OUT Draw
    kept : IN/OUT flat array of X's type: panels of the first rows, packed with the first centre.
        To pack them anew for every centre takes as long as to measure distances
    screen : IN/OUT Screen, written with the first centre; None where all rows are looked at, and
        then nothing of screens is compiled
    state : IN/OUT the team's state, zero at the start
    """
    X = samples.X
    n_samples = X.shape[0]
    n_blocks = (n_samples + block_rows - 1) // block_rows
    n_tickets = (n_blocks + ticket_blocks - 1) // ticket_blocks
    work = draw_work(X, draw, block_rows)
    while True:
        ticket = take_phased_ticket(state, (n_tickets, 1))
        cluster = first + ticket.step
        if cluster >= last:
            return
        wait_for(state, ticket.before)
        if ticket.phase == 0:
            begin = ticket.number * ticket_blocks
            for block in range(begin, min(begin + ticket_blocks, n_blocks)):
                start = block * block_rows
                stop = min(start + block_rows, n_samples)
                potentials = draw.potentials[block]
                if screen is not None and cluster > 0:
                    weigh_screened(samples, start, stop, draw, potentials, work, screen)
                    continue
                weigh_block(samples, start, stop, draw, potentials, work, kept, cluster > 0)
                if screen is not None:
                    encode_block(X, start, stop, screen, work.rows, work.panel)
                    for row in range(start, stop):
                        screen.limits[row] = limit_of(screen, row, draw.closest[row])
        else:
            column = choose_candidate(cluster, draw, n_blocks)
            center = draw.chosen[cluster]
            uniform = uniforms[cluster]
            draw_candidates(samples, center, block_rows, column, uniform, draw, screen, work)
        finish_ticket(state)


@allocating_kernel
def weigh_blocks(samples, centers, block_rows, draw, state):
    """Count centres into the closest distances and weigh candidates, as a member of a team.

    What :func:`choose_rows` does of blocks, for rows that are not all there: one ticket a block.

    Parameters
    ----------
    samples : IN Samples
    centers : IN (n_centers, n_features) of X's type, those to count in, at least one
    block_rows : int, rows of a block
    draw : Draw; ``closest`` is IN/OUT; of ``points`` the candidates are IN; ``potentials``
        (n_blocks, 1 + n_candidates) are OUT
    state : IN/OUT the team's state, zero at the start
    """
    X = samples.X
    n_samples, n_features = X.shape
    n_columns = draw.points.size // n_features
    work = draw_work(X, draw, block_rows)
    points, nothing = aligned_zeros(X, draw.points.size), aligned_zeros(X, 0)
    for i in range(points.size):
        points[i] = draw.points[i]
    own = Draw(draw.chosen, draw.candidates, points, draw.closest, draw.potentials)
    while True:
        block = take_ticket(state)
        start = block * block_rows
        if start >= n_samples:
            return
        stop = min(start + block_rows, n_samples)
        for j in range(centers.shape[0]):
            for p in range(n_features):
                points[p * n_columns] = centers[j, p]
            weigh_block(samples, start, stop, own, own.potentials[block], work, nothing, False)
        finish_ticket(state)


@kernel
def choose_and_descend(cluster, n_blocks, uniforms, draw, blocks, remainders):
    """Choose the best candidate, and find the blocks the candidates for the next one are in.

    Parameters
    ----------
    cluster, n_blocks : int
    uniforms : IN (n_candidates,) from [0, 1)
    draw : Draw; ``potentials`` are IN/OUT, of ``chosen`` the cluster's is OUT
    blocks, remainders : OUT (n_candidates,) int64 and float64
    """
    column = choose_candidate(cluster, draw, n_blocks)
    nodes = draw.potentials
    whole = nodes[nodes.shape[0] - 1, column]
    for j in range(uniforms.size):
        blocks[j], remainders[j] = descend(nodes, n_blocks, column, uniforms[j] * whole)


@kernel
def draw_in_block(samples, closest, remainder):
    """Return the row of a block at which the running potential reaches ``remainder``.

    Parameters
    ----------
    samples : IN Samples, of which the last row is the centre chosen last, and no row of the block
    closest : IN (n_samples,), see ``draw_row``
    """
    last = samples.X.shape[0] - 1
    return draw_row(samples, closest, last, 0, last, remainder)
