"""Weight, mean and spread of every feature within every class, in one pass over the rows.

Every class has an *origin*, one of its rows: means are kept as distances from it, so an offset of
1e8 loses nothing, neither within a block nor when blocks are merged.  Within a block deviations are
from the class's first row there, or where that is an outlier from a first estimate of the means,
and corrected for the difference from the means (Chan, Golub and LeVeque, "Algorithms for computing
the sample variance", The American Statistician 37(3), 1983).  Blocks are merged by the formula of
the same paper over the fixed tree of ``ops.sums``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel, kernel
from ..machine.team import finish_ticket, take_ticket

#: A shift whose square is so many times the variance loses as many decimals as this has, twice.
_FAR = 100.0


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
def add_weights(classes, sample_weight, start, stop, weights):
    """Add up the weights of the rows [start, stop) of each class."""
    for i in range(start, stop):
        weights[np.uint32(classes[i])] += sample_weight[i] if sample_weight.size > 0 else 1.0


class Rows(NamedTuple):
    """The rows moments are found of.

    X : (n_samples, n_features), finite
    classes : (n_samples,) int32, the number of each row's class
    sample_weight : (n_samples,) float64, or (0,) for weights of one
    origins : (n_classes, n_features) float64
    """

    X: Any
    classes: Any
    sample_weight: Any
    origins: Any


@inner_kernel
def add_deviations(rows, start, stop, means, residues, squares):
    """Add up the weighted deviations of rows [start, stop) from means, and their squares.

    Parameters
    ----------
    rows : IN Rows
    means : IN (n_classes, n_features) float64, less the origins
    residues, squares : IN/OUT (n_classes, n_features) float64
    """
    X, classes, sample_weight, origins = rows
    for i in range(start, stop):
        c = np.uint32(classes[i])
        if sample_weight.size > 0:
            weight = sample_weight[i]
            for p in range(X.shape[1]):
                deviation = (np.float64(X[i, p]) - origins[c, p]) - means[c, p]
                residues[c, p] += weight * deviation
                squares[c, p] += weight * deviation * deviation
        else:
            for p in range(X.shape[1]):
                deviation = (np.float64(X[i, p]) - origins[c, p]) - means[c, p]
                residues[c, p] += deviation
                squares[c, p] += deviation * deviation


@inner_kernel
def clear(weights, residues, squares):
    """Set sums to zero."""
    weights[:] = 0.0
    for c in range(weights.size):
        for p in range(residues.shape[1]):
            residues[c, p] = 0.0
            squares[c, p] = 0.0


@inner_kernel
def first_rows(rows, start, stop, weights, means):
    """Write the first row of every class in [start, stop), less its origin; 0 where there is none.

    Parameters
    ----------
    weights : OUT (n_classes,), working memory
    means : OUT (n_classes, n_features) float64
    """
    n_classes, n_features = means.shape
    weights[:] = -1.0
    for k in range(n_classes):
        for p in range(n_features):
            means[k, p] = 0.0
    missing = n_classes
    for i in range(start, stop):
        c = np.uint32(rows.classes[i])
        if weights[c] < 0.0:
            weights[c] = 0.0
            for p in range(n_features):
                means[c, p] = np.float64(rows.X[i, p]) - rows.origins[c, p]
            missing -= np.int64(1)
            if missing == 0:
                return


@inner_kernel
def block_moments(rows, start, stop, moments, residues):
    """Find the moments of rows [start, stop).

    Parameters
    ----------
    rows : IN Rows
    moments : OUT Moments of (n_classes,) and (n_classes, n_features)
    residues : OUT (n_classes, n_features), working memory: sums of the deviations
    """
    weights, means, squares = moments
    first_rows(rows, start, stop, weights, means)
    far = True
    for _ in range(2):
        if not far:
            return
        clear(weights, residues, squares)
        add_weights(rows.classes, rows.sample_weight, start, stop, weights)
        add_deviations(rows, start, stop, means, residues, squares)
        far = False
        for k in range(weights.size):
            if weights[k] > 0.0:
                for p in range(means.shape[1]):
                    shift = residues[k, p] / weights[k]
                    moved = shift * residues[k, p]
                    means[k, p] += shift
                    far = far or moved > _FAR * (squares[k, p] - moved)
                    squares[k, p] = max(squares[k, p] - moved, 0.0)


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
        for p in range(later.means.shape[1]):
            gap = later.means[c, p] - earlier.means[c, p]
            later.means[c, p] = earlier.means[c, p] + gap * share
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
def range_moments(rows, block_rows, first, last, levels, total, residues):
    """Find the moments of blocks [first, last), an aligned range, merged over the tree.

    Parameters
    ----------
    rows : IN Rows
    block_rows : int, rows of a block
    levels : OUT Moments of (n_levels, ...), working memory: one node of the tree a level
    total : OUT Moments
    residues : OUT, see ``block_moments``
    """
    n_samples = rows.X.shape[0]
    for number in range(last - first):
        start = (first + number) * block_rows
        stop = min(start + block_rows, n_samples)
        block_moments(rows, start, stop, total, residues)
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
    rows = Rows(X, classes, sample_weight, origins)
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
    residues = np.empty((n_classes, n_features))
    while True:
        ticket = take_ticket(state)
        first = ticket * ticket_blocks
        if first >= n_blocks:
            return
        last = min(first + ticket_blocks, n_blocks)
        range_moments(rows, block_rows, first, last, levels, total, residues)
        copy_moments(total, Moments(weights[ticket], means[ticket], squares[ticket]))
        finish_ticket(state)
