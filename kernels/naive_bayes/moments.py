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
from ..ops.scratch import aligned_zeros
from ..tile import is_single, lanes, load, load_as, multiply_add, prefetch_far, store

#: Where the square of a mean, measured from the centre of the sums, is more than so many times the
#: variance, two decimals are lost, and the sums are taken again about that mean.
_FAR = 100.0
#: Vectors of features whose sums stay in registers.
HEIGHT = 4
#: Of so few classes each is counted alone, many rows at once.
_FEW_CLASSES = 16
#: Features are padded to a multiple of this: the numbers of the widest vector.
_PADDING = 8
#: About so many numbers of rows are sorted by class at a time, but so many rows of every class.
_NUMBERS_A_CHUNK, _ROWS_OF_A_CLASS = 1 << 13, 8


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


class Rows(NamedTuple):
    """The rows moments are found of.

    X : (n_samples, n_features) in C order
    classes : (n_samples,) int32, the number of each row's class
    sample_weight : (n_samples,) float64, or (1,) for weights of one
    each : int, 1 where every row has a weight of its own, else 0
    origins : (n_classes, n_features) float64
    one : (1,) float64, the number 1, which the compiler must not know
    """

    X: Any
    classes: Any
    sample_weight: Any
    each: Any
    origins: Any
    one: Any


class Chains(NamedTuple):
    """The rows of each class, one leading to the next, counted from the first row of a chunk.

    heads : (n_classes,) int32, the first row; -1 if there is none
    links : (rows of a chunk,) int32, the next row of the same class; -1 after the last
    """

    heads: Any
    links: Any


class Sums(NamedTuple):
    """Sums over the rows of a block, of each class; features are padded to whole vectors.

    centers : (n_classes * width,) flat float64, what deviations are taken from
    residues, squares : likewise, the sums of the weighted deviations and of their squares
    """

    centers: Any
    residues: Any
    squares: Any


@kernel
def padded_width(n_features):
    """Return the number of features padded to what is added up at a time, of any register."""
    most = HEIGHT * _PADDING
    step = most if n_features % most > 2 * _PADDING else _PADDING
    return (n_features + step - 1) // step * step


@inner_kernel
def chain_rows(classes, start, stop, chains):
    """Chain the rows [start, stop) of each class in their order.

    Parameters
    ----------
    chains : OUT Chains
    """
    heads, links = chains
    for k in range(heads.size):
        heads[k] = np.int32(-1)
    for i in range(stop - start - 1, -1, -1):
        c = np.uint32(classes[start + i])
        links[i] = heads[c]
        heads[c] = np.int32(i)


@inner_kernel
def add_wide(rows, start, chain, p, at, sums, soon):
    """Add up the deviations of a chain of rows that weigh one, in HEIGHT vectors of features.

    Parameters
    ----------
    rows : IN Rows; X in C order
    start : int, the row the chain counts from
    chain : tuple of the first row and the links, see ``Chains``
    p, at : int, the first feature, and where the sums of class and feature are
    sums : IN/OUT Sums
    soon : int, an element of X: from there on as many are asked for as are added up

    Returns
    -------
    int : ``soon``, moved on
    """
    X = rows.X
    number, links = chain
    one = rows.one[0]  # what adds is busy with conversions: what multiplies takes differences
    center = load(sums.centers, at, 0, HEIGHT, 1) * -1.0
    residue = load(sums.residues, at, 0, HEIGHT, 1)
    square = load(sums.squares, at, 0, HEIGHT, 1)
    while number >= 0:
        i = start + np.int64(number)
        number = links[number]
        for line in range(0, HEIGHT * lanes(sums.centers), 16 if is_single(X) else 8):
            prefetch_far(X, soon + line)
        soon += HEIGHT * lanes(sums.centers)
        gap = load_as(sums.centers, X, i * X.shape[1] + p, 0, HEIGHT, 1)
        gap = multiply_add(gap, one, center)
        residue = residue + gap
        square = multiply_add(gap, gap, square)
    store(sums.residues, at, 0, residue)
    store(sums.squares, at, 0, square)
    return soon


@inner_kernel
def add_narrow(rows, start, chain, p, at, sums, soon):
    """Do what :func:`add_wide` does, in a single vector of features."""
    X, each = rows.X, rows.each
    number, links = chain
    center = load(sums.centers, at, 0, 1, 1)
    residue = load(sums.residues, at, 0, 1, 1)
    square = load(sums.squares, at, 0, 1, 1)
    while number >= 0:
        i = start + np.int64(number)
        number = links[number]
        prefetch_far(X, soon)
        soon += lanes(sums.centers)
        gap = load_as(sums.centers, X, i * X.shape[1] + p, 0, 1, 1) - center
        part = gap * rows.sample_weight[i * each]
        residue = residue + part
        square = multiply_add(part, gap, square)
    store(sums.residues, at, 0, residue)
    store(sums.squares, at, 0, square)
    return soon


@inner_kernel
def add_class(rows, start, chain, at, sums, soon):
    """Add up the deviations of a chain of rows; see :func:`add_wide`."""
    step, n_features = lanes(sums.centers), rows.X.shape[1]
    p = 0
    while p < n_features:
        if n_features - p > 2 * step and not rows.each:
            soon = add_wide(rows, start, chain, p, at + p, sums, soon)
            p += HEIGHT * step
        else:
            soon = add_narrow(rows, start, chain, p, at + p, sums, soon)
            p += step
    return soon


@inner_kernel
def add_deviations(rows, start, stop, width, sums, chains):
    """Add up the deviations of rows [start, stop), and their squares.

    As many rows at a time as have chains, which the second-level cache holds; meanwhile as many
    more are asked for.  What is loaded past the last feature is the next row's: it goes where
    nobody looks.  So the last rows of all are added number by number.

    Parameters
    ----------
    rows : IN Rows; X in C order
    width : int, the distance of two classes in ``sums``
    sums : IN/OUT Sums
    chains : OUT Chains, working memory
    """
    X, classes = rows.X, rows.classes
    n_features = X.shape[1]
    heads, links = chains
    whole = max(start, min(stop, (X.size - width) // n_features + 1))
    for chunk in range(start, whole, links.size):
        end = min(chunk + links.size, whole)
        chain_rows(classes, chunk, end, chains)
        soon = end * n_features
        for c in range(heads.size):
            if heads[c] >= 0:
                chain = heads[c], links
                soon = add_class(rows, chunk, chain, c * width, sums, soon)
    for i in range(whole, stop):
        to = np.int64(classes[i]) * width
        weight = rows.sample_weight[i * rows.each]
        for p in range(n_features):
            gap = np.float64(X[i, p]) - sums.centers[to + p]
            sums.residues[to + p] += weight * gap
            sums.squares[to + p] += weight * gap * gap


@inner_kernel
def first_rows(rows, start, stop, width, weights, centers):
    """Write the first row of every class in [start, stop); 0 where there is none.

    Parameters
    ----------
    weights : OUT (n_classes,), working memory
    centers : OUT (n_classes * width,) flat float64
    """
    n_features = rows.X.shape[1]
    weights[:] = -1.0
    centers[:] = 0.0
    missing = weights.size
    for i in range(start, stop):
        c = np.int64(rows.classes[i])
        if weights[c] < 0.0:
            weights[c] = 0.0
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
    first_rows(rows, start, stop, width, weights, centers)
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
    chunk = max(_NUMBERS_A_CHUNK // n_features, _ROWS_OF_A_CLASS * n_classes)
    chains = Chains(np.empty(n_classes, np.int32), np.empty(min(chunk, block_rows), np.int32))
    while True:
        ticket = take_ticket(state)
        first = ticket * ticket_blocks
        if first >= n_blocks:
            return
        last = min(first + ticket_blocks, n_blocks)
        range_moments(rows, block_rows, first, last, levels, total, sums, chains)
        copy_moments(total, Moments(weights[ticket], means[ticket], squares[ticket]))
        finish_ticket(state)
