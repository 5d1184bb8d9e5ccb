"""Sums of the deviations of a block's rows from a centre of each class, and of their squares.

The rows of a class follow one another, so that its sums stay in registers: rows are chained by
class, some at a time, in their order.  What a row adds to a sum is in that order whatever is
chained together.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import inner_kernel
from ..tile import is_single, lanes, load, load_as, multiply_add, prefetch_far, store

#: Vectors of features whose sums stay in registers.
HEIGHT = 4
#: Features are padded to a multiple of this: the numbers of the widest vector.
_PADDING = 8
#: About so many numbers of rows are sorted by class at a time, but so many rows of every class.
_NUMBERS_A_CHUNK, _ROWS_OF_A_CLASS = 1 << 13, 8


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


@inner_kernel
def padded_width(n_features):
    """Return the number of features padded to what is added up at a time, of any register."""
    most = HEIGHT * _PADDING
    step = most if n_features % most > 2 * _PADDING else _PADDING
    return (n_features + step - 1) // step * step


@inner_kernel
def chunk_rows(n_features, n_classes):
    """Return how many rows are chained at a time."""
    return max(_NUMBERS_A_CHUNK // n_features, _ROWS_OF_A_CLASS * n_classes)


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
