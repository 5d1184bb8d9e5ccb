"""Weight, mean and spread of every feature within every class, in one pass over the rows.

Every class has an *origin*, a heavy row of it: means are kept as distances from it, so an offset of
1e8 loses nothing, neither within a block nor when blocks are merged.  Within a block deviations are
from the class's heaviest row there, or where that is an outlier from a first estimate of the means,
and corrected for the difference from the means (Chan, Golub and LeVeque, "Algorithms for computing
the sample variance", The American Statistician 37(3), 1983).  Blocks are merged by the formula of
the same paper over the fixed tree of ``ops.sums``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel, kernel
from ..machine.team import finish_ticket, take_ticket
from ..ops.scratch import aligned_zeros
from .deviations import (
    Chains,
    Rows,
    Sums,
    add_deviations,
    chunk_rows,
    padded_width,
)

#: Where the square of a mean, measured from the centre of the sums, is more than so many times the
#: variance, two decimals are lost, and the sums are taken again about that mean.
_FAR = 100.0
#: Of so few classes each is counted alone, many rows at once.
_FEW_CLASSES = 16


class Moments(NamedTuple):
    """What is known of the rows of each class.

    weights : (..., n_classes) float64, the sum of the weights
    means : (..., n_classes, n_features) float64, less the origins
    squares : (..., n_classes, n_features) float64, weighted squared deviations from the means
    """

    weights: Any
    means: Any
    squares: Any


@inner_kernel
def add_weights(rows, start, stop, weights, spare):
    """Write the sums of the weights of the rows [start, stop) of each class.

    Rows that weigh one are counted in two places in turn: a number that was just written is not
    there at once.

    Parameters
    ----------
    weights : OUT (n_classes,)
    spare : OUT (>= n_classes,), working memory
    """
    classes = rows.classes
    weights[:] = 0.0
    if rows.each:
        for i in range(start, stop):
            weights[np.uint32(classes[i])] += rows.sample_weight[i]
        return
    if weights.size <= _FEW_CLASSES:
        of_rows = classes[start:stop]
        for c in range(weights.size):
            found = np.int32(0)
            for i in range(of_rows.size):
                found += np.int32(of_rows[i] == c)
            weights[c] = np.float64(found)
        return
    for c in range(weights.size):
        spare[c] = 0.0
    even = start + (stop - start) // 2 * 2
    for i in range(start, even, 2):
        weights[np.uint32(classes[i])] += 1.0
        spare[np.uint32(classes[i + 1])] += 1.0
    if even < stop:
        weights[np.uint32(classes[even])] += 1.0
    for c in range(weights.size):
        weights[c] += spare[c]


@inner_kernel
def heaviest_rows(rows, start, stop, width, weights, centers):
    """Write the heaviest row of every class in [start, stop), the first of several; 0 for none.

    One that weighs little may be far from all others, or be no more than what stands for a number
    that is missing: digits of theirs would be lost beside it.

    Parameters
    ----------
    weights : OUT (n_classes,), working memory
    centers : OUT (n_classes * width,) flat float64
    """
    n_features = rows.X.shape[1]
    weights[:] = 0.0 if rows.each else 1.0
    centers[:] = 0.0
    if rows.each:
        for i in range(start, stop):
            k = np.uint32(rows.classes[i])
            weights[k] = max(weights[k], rows.sample_weight[i])
    missing = weights.size
    for i in range(start, stop):
        c = np.int64(rows.classes[i])
        weight = rows.sample_weight[i] if rows.each else 1.0
        if weight == weights[c] and weight > 0.0:
            weights[c] = -1.0
            for p in range(n_features):
                centers[c * width + p] = np.float64(rows.X[i, p])
            missing -= np.int64(1)
            if missing == 0:
                return


@inner_kernel
def finish_sums(share, residues, totals, squares):
    """Write the squared deviations of one class from its means, and how far those are.

    Parameters
    ----------
    share : float, 1 over the weight of the class; 0 if it has none
    residues : IN the sums of the deviations from the centres; OUT of the means from the centres
    totals : IN (n_features,) the sums of their squares
    squares : OUT (n_features,)

    Returns
    -------
    bool : whether a mean is too far from its centre
    """
    far = False
    for p in range(squares.size):
        shift = residues[p] * share
        moved = shift * residues[p]
        spread = totals[p] - moved
        residues[p] = shift
        squares[p] = max(spread, 0.0)
        far |= moved > _FAR * spread
    return far and share > 0.0


@inner_kernel
def move_centers(origins, shifts, centers, means):
    """Write the means of one class less its origins; they are the centres of a second pass."""
    for p in range(means.size):
        means[p] = (centers[p] - origins[p]) + shifts[p]
        centers[p] += shifts[p]


@inner_kernel
def block_moments(rows, start, stop, moments, sums, chains):
    """Find the moments of rows [start, stop).

    Parameters
    ----------
    rows : IN Rows
    moments : OUT Moments of (n_classes,) and (n_classes, n_features)
    sums, chains : OUT Sums and Chains, working memory
    """
    weights, means, squares = moments
    centers, residues, totals = sums
    n_classes, n_features = means.shape
    width = centers.size // n_classes
    heaviest_rows(rows, start, stop, width, weights, centers)
    add_weights(rows, start, stop, weights, residues)
    far = True
    for _ in range(2):
        if not far:
            return
        residues[:] = 0.0
        totals[:] = 0.0
        add_deviations(rows, start, stop, width, sums, chains)
        far = False
        for k in range(n_classes):
            at = k * width
            share = 1.0 / weights[k] if weights[k] > 0.0 else 0.0
            of_class = residues[at : at + n_features], totals[at : at + n_features]
            far = finish_sums(share, of_class[0], of_class[1], squares[k]) or far
            move_centers(rows.origins[k], of_class[0], centers[at : at + n_features], means[k])


@inner_kernel
def merge_into(earlier, later):
    """Merge the moments of earlier rows into those of later ones.

    Parameters
    ----------
    earlier : IN Moments of (n_classes,) and (n_classes, n_features)
    later : IN/OUT Moments alike
    """
    for c in range(later.weights.size):
        before, after = earlier.weights[c], later.weights[c]
        weight = before + after
        if not before > 0.0:
            continue
        later.weights[c] = weight
        share = after / weight
        spread = before * share
        # From the heavier of the two: the other may be so far away that its digits are coarser.
        onto = before >= after
        for p in range(later.means.shape[1]):
            gap = later.means[c, p] - earlier.means[c, p]
            if onto:
                later.means[c, p] = earlier.means[c, p] + gap * share
            else:
                later.means[c, p] -= gap * (before / weight)
            later.squares[c, p] += earlier.squares[c, p] + gap * gap * spread


@kernel
def merge_moments(weights, means, squares, later_weights, later_means, later_squares):
    """Merge the moments of earlier rows into those of later ones, see :func:`merge_into`."""
    merge_into(Moments(weights, means, squares), Moments(later_weights, later_means, later_squares))


@inner_kernel
def level_of(levels, level):
    """Return one level of moments."""
    return Moments(levels.weights[level], levels.means[level], levels.squares[level])


@inner_kernel
def copy_moments(source, target):
    """Copy moments."""
    for c in range(source.weights.size):
        target.weights[c] = source.weights[c]
        for p in range(source.means.shape[1]):
            target.means[c, p] = source.means[c, p]
            target.squares[c, p] = source.squares[c, p]


@inner_kernel
def range_moments(rows, block_rows, first, last, levels, total, sums, chains):
    """Find the moments of blocks [first, last), an aligned range, merged over the tree.

    Parameters
    ----------
    rows : IN Rows
    block_rows : int, rows of a block
    levels : OUT Moments of (n_levels, ...), working memory: one node of the tree a level
    total : OUT Moments
    sums, chains : OUT Sums and Chains, working memory
    """
    n_samples = rows.X.shape[0]
    for number in range(last - first):
        start = (first + number) * block_rows
        stop = min(start + block_rows, n_samples)
        block_moments(rows, start, stop, total, sums, chains)
        level = 0
        while (number >> level) & 1:
            merge_into(level_of(levels, level), total)
            level += 1
        copy_moments(total, level_of(levels, level))
    found = False
    for level in range(levels.weights.shape[0]):
        if ((last - first) >> level) & 1:
            if found:
                merge_into(level_of(levels, level), total)
            else:
                copy_moments(level_of(levels, level), total)
            found = True


@allocating_kernel
def class_moments(
    X, classes, sample_weight, origins, block_rows, ticket_blocks, state, weights, means, squares
):
    """Find the moments of the classes, as a member of a team.

    Parameters
    ----------
    X, classes, sample_weight, origins : IN, see ``Rows``
    block_rows : int, rows of a block
    ticket_blocks : int, blocks a ticket, a power of two: an aligned range
    state : IN/OUT the team's state, zero at the start
    weights, means, squares : OUT (n_tickets, n_classes), (n_tickets, n_classes, n_features) twice:
        the moments of each ticket's rows
    """
    one = np.ones(1)
    each = 1 if sample_weight.size > 0 else 0
    rows = Rows(X, classes, sample_weight if each else one, each, origins, one)
    n_blocks = (X.shape[0] + block_rows - 1) // block_rows
    n_classes, n_features = means.shape[1:]
    n_levels = 1
    while 1 << n_levels <= ticket_blocks:
        n_levels += 1
    levels = Moments(
        np.empty((n_levels, n_classes)),
        np.empty((n_levels, n_classes, n_features)),
        np.empty((n_levels, n_classes, n_features)),
    )
    # Sums are this member's own until they are done: neighbours would share cache lines.
    total = Moments(
        np.empty(n_classes), np.empty((n_classes, n_features)), np.empty((n_classes, n_features))
    )
    size = n_classes * padded_width(n_features)
    sums = Sums(
        aligned_zeros(origins, size), aligned_zeros(origins, size), aligned_zeros(origins, size)
    )
    chunk = min(chunk_rows(n_features, n_classes), block_rows)
    chains = Chains(np.empty(n_classes, np.int32), np.empty(chunk, np.int32))
    while True:
        ticket = take_ticket(state)
        first = ticket * ticket_blocks
        if first >= n_blocks:
            return
        last = min(first + ticket_blocks, n_blocks)
        range_moments(rows, block_rows, first, last, levels, total, sums, chains)
        copy_moments(total, Moments(weights[ticket], means[ticket], squares[ticket]))
        finish_ticket(state)
