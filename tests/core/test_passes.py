"""Sums over the fixed tree are the same bits, however the blocks are cut and whoever adds them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastml.core.passes import Grid, TreeSum, run_pass
from fastml.core.passes import tree_sum as passes_tree_sum
from fastml.kernels.machine.jit import kernel
from fastml.kernels.ops import sums


@kernel
def in_order(blocks, present, partial, levels, held, total):
    for i in range(present.size):
        for j in range(partial.size):
            partial[j] = blocks[i, j]
        sums.add_block(i, present[i], partial, levels, held)
    return sums.take_total(levels, held, total)


@kernel
def in_place(blocks, present, first, last, alive):
    return sums.add_up(blocks, present, first, last, alive)


@kernel
def grown(nodes, n_blocks):
    return sums.grow_tree(nodes, n_blocks)


@kernel
def found(nodes, n_blocks, column, number):
    return sums.descend(nodes, n_blocks, column, number)


def tree_sum(blocks, present):
    """Add rows as the leaves of a binary tree, by the definition."""
    nodes = [row if there else None for row, there in zip(blocks, present, strict=True)]
    while len(nodes) > 1:
        pairs = [[*nodes, None][i : i + 2] for i in range(0, len(nodes), 2)]
        nodes = [b if a is None else a if b is None else a + b for a, b in pairs]
    return nodes[0]


@st.composite
def leaves(draw):
    n = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    blocks = rng.normal(size=(n, 5)) * 10.0 ** rng.integers(-12, 12, (n, 5))
    return blocks, rng.random(n) < draw(st.sampled_from([0.0, 0.2, 1.0]))


@given(leaves())
def test_kernels_add_as_the_tree_does(case):
    blocks, present = case
    expected = tree_sum(blocks, present)
    total, n_levels = np.zeros(5), sums.levels_for(len(blocks))
    held = np.zeros(n_levels, bool)
    found = in_order(blocks, present, np.empty(5), np.empty((n_levels, 5)), held, total)
    assert found == (expected is not None)
    assert not held.any()
    copy = blocks.copy()
    for first, last in ((0, 2), (2, 5)):
        assert in_place(copy, present, first, last, np.empty(len(blocks), bool)) == found
    expected = np.zeros(5) if expected is None else expected
    np.testing.assert_array_equal(copy[0], expected)
    np.testing.assert_array_equal(total, expected)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=70), st.integers(0, 1 << 20))
def test_a_kept_tree_finds_where_a_running_total_is_reached(numbers, share):
    blocks = np.array(numbers, float)
    nodes = np.zeros((sums.tree_size(len(blocks)), 2))
    nodes[: len(blocks), 1] = blocks
    assert grown(nodes, len(blocks)) == len(nodes) - 1
    total = nodes[-1, 1]
    assert total == blocks.sum() == passes_tree_sum(blocks)
    if total > 0:
        number = 0.5 + share % total  # halves: never on a boundary, sums are exact
        block, remainder = found(nodes, len(blocks), 1, number)
        assert block == np.searchsorted(np.cumsum(blocks), number)
        assert remainder == number - blocks[:block].sum()


@given(leaves(), st.integers(1, 40), st.randoms())
def test_pieces_in_any_order_give_the_same_bits(case, most, random):
    blocks, _ = case
    every = np.ones(len(blocks), bool)
    grid, n_rows, cut = Grid(3), 3 * len(blocks) - 1, random.randrange(len(blocks) + 1)
    pieces = list(grid.pieces(n_rows, most))
    if random.random() < 0.5:  # some are another's
        pieces = [*grid.pieces(n_rows, most, 0, cut), *grid.pieces(n_rows, most, cut)]
        assert not cut or sum(piece.n_blocks for piece in pieces if piece.first < cut) == cut
    assert [piece.start for piece in pieces[1:]] == [piece.stop for piece in pieces[:-1]]
    assert all(piece.n_blocks <= most for piece in pieces)
    random.shuffle(pieces)
    tree = TreeSum(np.add)
    for first, count, *_ in pieces:
        part = slice(first, first + count)
        tree.add(first, count, tree_sum(blocks[part], every[part]))
    np.testing.assert_array_equal(tree.total(), tree_sum(blocks, every))


def test_a_pass_makes_the_next_model():
    X = np.arange(100.0)

    class Mean:
        def statistics(self, piece, model):
            part = X[piece.start : piece.stop]
            return np.array([(part - model).sum(), part.size])

        def merge(self, a, b):
            return a + b

        def finish(self, statistics, model):
            return model + statistics[0] / statistics[1]

    assert run_pass(Mean(), Grid(7).pieces(len(X)), 3.0) == pytest.approx(49.5)


def test_what_is_no_node_of_the_tree_is_refused():
    tree = TreeSum(np.add)
    for first, count in ((1, 2), (0, 3), (0, 0)):
        with pytest.raises(ValueError, match="no aligned range"):
            tree.add(first, count, 0.0)
    with pytest.raises(ValueError, match="blocks are missing"):
        tree.total()
    tree.add(2, 2, 0.0)
    with pytest.raises(ValueError, match="added already"):
        tree.add(3, 1, 0.0)
    with pytest.raises(ValueError, match="blocks are missing"):
        tree.total()
