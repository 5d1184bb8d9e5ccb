"""Sums over blocks of rows in the order of one fixed binary tree.

Statistics of blocks 0, 1, 2, ... are added as the leaves of a binary tree over their numbers:
node i of level l is the sum of nodes 2i and 2i + 1 of level l - 1, and a node without a right
child is its left child.  So a sum of floating-point numbers is the same bits whoever adds up
which part of it, and an *aligned* range of blocks (2**l of them, from a multiple of 2**l on) is
one number.  The error grows with the logarithm of the number of blocks (Higham, "Accuracy and
Stability of Numerical Algorithms", 2nd ed., 2002, section 4.2).

A block may be *absent*: it has nothing to add, and nothing is written for it.

Blocks that come in order need one partial sum a level, as a binary counter needs one digit
(:func:`add_block`, :func:`take_total`).  Sums that all stand in memory are added in place
(:func:`add_up`), or into a tree that is kept (:func:`grow_tree`), in which the block at which a
running total reaches some number is found from the root down (:func:`descend`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..machine.jit import inner_kernel


class Tickets(NamedTuple):
    """Which aligned ranges of blocks a call sums, made by :meth:`of`.

    blocks : int, blocks of a ticket, a power of two
    first, last : int, tickets [first, last)
    n_levels : int, see :func:`levels_for`
    shares : int, how many take every one of these tickets, each for a share of what is summed
    """

    blocks: int
    first: int
    last: int
    n_levels: int
    shares: int

    @classmethod
    def of(cls, blocks: int, first: int, last: int, shares: int = 1) -> Tickets:
        """Check that ranges are aligned.

        Raises
        ------
        ValueError
            If the blocks of a ticket are no power of two, or there are no such tickets or shares.
        """
        if blocks < 1 or blocks & (blocks - 1) or not 0 <= first <= last or shares < 1:
            raise ValueError(f"no tickets [{first}, {last}) of {blocks} blocks, {shares} shares.")
        return cls(blocks, first, last, levels_for(blocks), shares)


def levels_for(n_blocks: int) -> int:
    """Return the number of levels :func:`add_block` needs for so many blocks, outside kernels."""
    return max(1, int(n_blocks).bit_length())


@inner_kernel
def add_block(number, present, partial, levels, held):
    """Add the statistics of the next block to the tree.

    Parameters
    ----------
    number : int, how many blocks came before; the first is the first of an aligned range
    present : bool, False for a block that has nothing to add
    partial : IN/OUT (size,) float64, its statistics; overwritten
    levels : IN/OUT (n_levels, size) float64, see ``levels_for``
    held : IN/OUT (n_levels,) bool, which levels hold something; all False before the first block
    """
    level = 0
    while number & 1:
        if held[level]:
            if present:
                for i in range(partial.size):
                    partial[i] += levels[level, i]
            else:
                for i in range(partial.size):
                    partial[i] = levels[level, i]
                present = True
            held[level] = False
        number >>= 1
        level += 1
    held[level] = present
    if present:
        for i in range(partial.size):
            levels[level, i] = partial[i]


@inner_kernel
def take_total(levels, held, total):
    """Write the sum of the blocks so far, and forget them; return whether any was present.

    Parameters
    ----------
    levels, held : IN/OUT, see ``add_block``
    total : OUT (size,) float64; untouched if no block was present
    """
    present = False
    for level in range(held.size):
        if held[level]:
            if present:
                for i in range(total.size):
                    total[i] += levels[level, i]
            else:
                for i in range(total.size):
                    total[i] = levels[level, i]
            present = True
            held[level] = False
    return present


@inner_kernel
def add_up(partials, present, first, last, alive):
    """Add up columns [first, last) of all partial sums, into row 0; return whether any is there.

    Parameters
    ----------
    partials : IN/OUT (n_partials, size) float64, of aligned ranges of equally many blocks, the last
        one perhaps of fewer.  Rows after the first are overwritten
    present : IN (n_partials,) bool; row 0 is 0 at the end where none is
    first, last : int, columns
    alive : OUT (n_partials,) bool, working memory of the caller's own
    """
    n_partials = present.size
    for i in range(n_partials):
        alive[i] = present[i]
    width = 1
    while width < n_partials:
        for i in range(0, n_partials - width, 2 * width):
            if alive[i + width]:
                if alive[i]:
                    for j in range(first, last):
                        partials[i, j] += partials[i + width, j]
                else:
                    for j in range(first, last):
                        partials[i, j] = partials[i + width, j]
                    alive[i] = True
        width *= 2
    if not alive[0]:
        for j in range(first, last):
            partials[0, j] = np.float64(0.0)
    return alive[0]


def tree_size(n_blocks: int) -> int:
    """Return the number of nodes of a whole tree, outside kernels."""
    size = n_blocks
    while n_blocks > 1:
        n_blocks = (n_blocks + 1) // 2
        size += n_blocks
    return size


@inner_kernel
def grow_tree(nodes, n_blocks):
    """Add up all columns of blocks, and keep every node; return the number of the root.

    Parameters
    ----------
    nodes : IN/OUT (tree_size, n_columns) float64: the blocks, then each level's nodes in order
    n_blocks : int
    """
    first, width = 0, n_blocks
    while width > 1:
        above = first + width
        for i in range((width + 1) // 2):
            left = first + 2 * i
            for j in range(nodes.shape[1]):
                if 2 * i + 1 < width:
                    nodes[above + i, j] = nodes[left, j] + nodes[left + 1, j]
                else:
                    nodes[above + i, j] = nodes[left, j]
        first, width = above, (width + 1) // 2
    return first


@inner_kernel
def descend(nodes, n_blocks, column, number):
    """Find the block at which the running total of a column reaches ``number``.

    Parameters
    ----------
    nodes : IN (tree_size, n_columns) float64, no entry negative, see :func:`grow_tree`
    n_blocks : int
    number : float, from 0 to the total

    Returns
    -------
    block, remainder : int, and what is left of ``number`` before it
    """
    n_levels, width = 0, n_blocks
    first = 0
    while width > 1:
        first += width
        width = (width + 1) // 2
        n_levels += 1
    node = 0
    for level in range(n_levels - 1, -1, -1):
        width = n_blocks
        for _ in range(level):
            width = (width + 1) // 2
        first -= width
        node *= 2
        left = nodes[first + node, column]
        if node + 1 < width and number > left and nodes[first + node + 1, column] > 0.0:
            number -= left
            node += 1
    return node, number
