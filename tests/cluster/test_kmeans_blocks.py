"""K-means of rows that are not all in memory: what is read, kept, lost and found again."""

from __future__ import annotations

import numpy as np
import pytest
from block_fits import same
from sklearn.base import clone

import fastml
from fastml.cluster._bundles import block_rows
from fastml.core.passes import Grid
from fastml.data import Blocks, as_table
from fastml.execution import _engine, local


class Counting(Blocks):
    """An array that counts the bytes that are read of it."""

    readers = 2

    def __init__(self, X):
        super().__init__(X.shape, X.dtype, "counting")
        self.X, self.bytes_read = X, 0

    def _read(self, start, stop, out):
        self.bytes_read += out.nbytes
        out[...] = self.X[start:stop]


def clusters(n, d, k, seed=0, order=False):
    random = np.random.default_rng(seed)
    labels = random.integers(0, k, n)
    if order:
        labels.sort()
    centers = random.normal(size=(k, d)) * 5
    return (centers[labels] + random.normal(size=(n, d))).astype(np.float32), centers


def test_blocks_none_of_whose_rows_can_change_are_not_read():
    X, centers = clusters(160_000, 8, 20, order=True)
    more = centers[:3] + np.random.default_rng(1).normal(size=(3, 8))  # two in each of these
    start = np.vstack([centers, more]).astype(X.dtype)
    k = len(start)
    model = fastml.KMeans(k, init=start, tol=0, max_iter=40)
    rows = Counting(X)
    with fastml.engine(memory_limit="2 MiB"):
        model.fit(rows)
    share = rows.bytes_read / (model.n_iter_ * X.nbytes)
    assert model.n_iter_ > 10
    assert share < 0.6
    same(model, fastml.KMeans(k, init=start, tol=0, max_iter=40).fit(X))


@pytest.mark.parametrize("max_iter", [4, 300])
@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
def test_rows_are_compared_with_all_centers_as_seldom_as_in_memory(max_iter, algorithm):
    """The labels at the end come from what rows carry, in pieces of another size."""
    X, _ = clusters(50_000, 6, 9)
    model = fastml.KMeans(9, init=X[:9], algorithm=algorithm, tol=0, max_iter=max_iter)
    with fastml.engine(memory_limit="1 MiB"):
        blocks = clone(model).fit(fastml.blocks(X))
    same(blocks, model.fit(X))
    if algorithm == "elkan":
        # Centres are prepared anew for each pass, so bounds differ by rounding.
        assert abs(blocks.n_scored_ - model.n_scored_) < len(X) // 1000


@pytest.mark.checked
def test_what_rows_carry_may_be_lost_at_any_time(monkeypatch):
    X, _ = clusters(40_000, 5, 7)
    random = np.random.default_rng(2)
    known = local.state_of

    def forgetful(placement, piece):
        if random.random() < 0.3:
            placement.states.pop(piece.first, None)
        return known(placement, piece)

    for options in ({"init": "k-means++"}, {"init": "random", "n_init": 3}):
        model = fastml.KMeans(13, random_state=0, max_iter=25, **options)
        expected = fastml.KMeans(13, random_state=0, max_iter=25, **options).fit(X)
        with fastml.engine(memory_limit="1 MiB"):
            same(model.fit(fastml.blocks(X)), expected)
            monkeypatch.setattr(local, "state_of", forgetful)
            same(model.fit(Counting(X)), expected)
            monkeypatch.undo()


def test_what_rows_carry_goes_to_a_file_where_it_would_break_the_limit():
    X, _ = clusters(200_000, 3, 5)
    table = as_table(fastml.blocks(X))
    grid = Grid(block_rows(3, 5))
    with fastml.engine(memory_limit="1 MiB"):
        placement = _engine.current_engine().place(table, grid)
        assert local.state_of(placement, table.pieces(grid, 1)[0])["spill"]
        same(
            fastml.KMeans(5, random_state=0).fit(fastml.blocks(X)),
            fastml.KMeans(5, random_state=0).fit(X),
        )
        labels = fastml.KMeans(5, random_state=0).fit(fastml.blocks(X)).labels_
    assert labels.dtype == np.int32
    with fastml.engine(memory_limit="64 MiB"):
        placement = _engine.current_engine().place(table, grid)
        assert not local.state_of(placement, table.pieces(grid, 1)[0])["spill"]


@pytest.mark.parametrize("scale", [1e-30, 1e25])
def test_numbers_out_of_the_ordinary(scale):
    X, _ = clusters(9000, 3, 5)
    w = np.random.default_rng(3).uniform(0, 2, 9000)
    for weights in (w * 1e-200, w * 1e200):
        X = (X.astype(np.float64) * scale).astype(np.float32)
        expected = fastml.KMeans(6, random_state=0, tol=0).fit(X, sample_weight=weights)
        found = fastml.KMeans(6, random_state=0, tol=0)
        same(found.fit(fastml.blocks(X), sample_weight=weights), expected)
        scale = 1.0


def test_rows_at_unit_length():
    X, _ = clusters(9000, 3, 5)
    expected = fastml.KMeans(6, random_state=0, metric="cosine").fit(X)
    rows = fastml.blocks(X)
    with fastml.engine(memory_limit="1 MiB"):
        found = fastml.KMeans(6, random_state=0, metric="cosine").fit(rows)
        same(found, expected)
        assert found.score(rows) == expected.score(X)
        np.testing.assert_array_equal(found.transform(rows), expected.transform(X))


def test_a_callable_start_time_limits_and_callbacks(capsys):
    X, _ = clusters(9000, 3, 5)

    def start(X, n_clusters, random_state):
        return X[random_state.permutation(len(X))[:n_clusters]]

    rows = fastml.blocks(X)
    for options in ({"init": start, "n_init": 2}, {"n_clusters": 1}):
        options = {"n_clusters": 6, "random_state": 0, **options}
        same(fastml.KMeans(**options).fit(rows), fastml.KMeans(**options).fit(X))
    with pytest.warns(fastml_warning(), match="max_time"):
        late = fastml.KMeans(6, init=X[:6], max_time=1e-9).fit(rows)
    assert late.n_iter_ == 1
    fastml.KMeans(6, init=X[:6], verbose=1, max_iter=3).fit(rows)
    assert capsys.readouterr().out.count("Iteration") == 3


def fastml_warning():
    from sklearn.exceptions import ConvergenceWarning

    return ConvergenceWarning


def test_progress_is_told_iteration_by_iteration():
    class Told:
        iterations = 0

        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context, **data):
            pass

        def on_fit_task_end(self, estimator, context, **data):
            self.iterations += context.task_name == "iteration"

    X, _ = clusters(9000, 3, 5)
    told = Told()
    model = fastml.KMeans(6, random_state=0).set_callbacks(told).fit(fastml.blocks(X))
    assert told.iterations == model.n_iter_


def test_what_is_refused(tmp_path):
    X, _ = clusters(100, 3, 5)
    rows = fastml.blocks(X)
    with pytest.raises(ValueError, match=r"n_samples=100 should be >= n_clusters=101"):
        fastml.KMeans(101).fit(rows)
    with pytest.raises(ValueError, match="Checkpoint works on arrays"):
        fastml.KMeans(3).set_callbacks(fastml.Checkpoint(tmp_path / "c")).fit(rows)
    with pytest.raises(ValueError, match="does not match the number of features"):
        fastml.KMeans(3, init=np.zeros((3, 2))).fit(rows)
    with pytest.raises(ValueError, match="number of clusters 3"):
        fastml.KMeans(3, init=np.zeros((2, 3))).fit(rows)
    with pytest.raises(ValueError, match="Expected 2D array"):
        fastml.KMeans(3).fit(fastml.blocks(X[:, 0]))
