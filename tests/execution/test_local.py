"""This machine's engine: limits, reading ahead, interrupts."""

from __future__ import annotations

import time

import numpy as np
import pytest

import fastml
from fastml.core.memory import memory_limit, parse_bytes
from fastml.core.readers import read_ahead
from fastml.data import Blocks, as_table
from fastml.execution import sum_over


class Slow(Blocks):
    """Rows that take a while, and count who reads."""

    readers = 2

    def __init__(self, n_rows, seconds=0.0, fails_at=None):
        super().__init__((n_rows, 1), np.float64, "slow")
        self.seconds, self.fails_at, self.asked = seconds, fails_at, []

    def _read(self, start, stop, out):
        self.asked.append((start, stop))
        time.sleep(self.seconds if stop - start > 1 else 0)
        if self.fails_at is not None and start <= self.fails_at < stop:
            raise OSError("the disk is gone")
        out[:, 0] = np.arange(start, stop)


class Sum:
    """Adds up rows, and keeps the order of the pieces."""

    def __init__(self):
        self.starts = []

    def statistics(self, part, model):
        self.starts.append(part.start)
        assert part.X[0, 0] == part.start
        assert part.X[-1, 0] == part.stop - 1
        return part.X.sum()

    def merge(self, a, b):
        return a + b

    def finish(self, statistics, model):
        return statistics


def test_sizes_in_words():
    for text, size in (("4GB", 4 * 10**9), ("1 MiB", 1 << 20), (1 << 21, 1 << 21)):
        assert parse_bytes(text) == size
    with pytest.raises(ValueError, match="at least 1 MiB"):
        parse_bytes("2.5 kib")
    with pytest.raises(ValueError, match="like '4GB'"):
        parse_bytes("four")
    for wrong in (None, True, 1.5):
        with pytest.raises(TypeError, match="memory_limit must be"):
            parse_bytes(wrong)


def test_the_limit_in_force(monkeypatch):
    assert memory_limit() is None
    monkeypatch.setenv("FASTML_MEMORY_LIMIT", "3 MiB")
    assert memory_limit() == 3 << 20
    with fastml.engine(memory_limit="2 MiB"):
        assert memory_limit() == 2 << 20
        with fastml.engine():
            assert memory_limit() == 2 << 20
    monkeypatch.setenv("FASTML_MEMORY_LIMIT", "lots")
    with pytest.raises(ValueError, match="FASTML_MEMORY_LIMIT must be"):
        memory_limit()


def test_what_needs_all_rows_says_so_under_a_limit():
    X = fastml.blocks(np.zeros((1 << 17, 2)))
    y = np.arange(1 << 17) % 2
    theirs = fastml.DecisionTreeClassifier(splitter="random", max_depth=1)
    assert theirs.fit(X, y).n_features_in_ == 2
    with (
        fastml.engine(memory_limit="1 MiB"),
        pytest.raises(ValueError, match=r"would take 2\.1 MB of memory"),
    ):
        theirs.fit(X, y)


def test_pieces_are_read_once_each_and_ahead():
    rows = Slow(1 << 20)
    adder = Sum()
    total = sum_over(as_table(rows), 1 << 10, adder).total()
    assert total == (1 << 19) * ((1 << 20) - 1)
    assert len(rows.asked) == len(dict(rows.asked)) == len(adder.starts)
    assert adder.starts == sorted(adder.starts)


def test_passes_alternate_only_where_that_costs_nothing():
    for forward in (False, True):
        rows, orders = Slow(1 << 20), []
        rows.forward = forward
        table = as_table(rows)
        for _ in range(3):
            adder = Sum()
            with fastml.engine(memory_limit="1 MiB"):
                sum_over(table, 1 << 10, adder)
            orders.append(adder.starts)
        assert len(orders[0]) > 10
        assert orders[0] == orders[2] == sorted(orders[0])
        assert orders[1] == (orders[0] if forward else orders[0][::-1])


def test_what_a_reader_raises_is_raised():
    rows = Slow(1 << 20, fails_at=700_000)
    adder = Sum()
    with fastml.engine(memory_limit="1 MiB"), pytest.raises(OSError, match="the disk is gone"):
        sum_over(as_table(rows), 1 << 10, adder)
    assert adder.starts
    assert max(adder.starts) < 700_000


def test_a_caller_who_stops_needs_no_reader():
    found = read_ahead(range(100), lambda job, buffer: job, [None] * 3, 2)
    assert [next(found) for _ in range(5)] == [0, 1, 2, 3, 4]
    found.close()
    assert list(read_ahead([], lambda job, buffer: job, [None] * 3, 2)) == []
    assert list(read_ahead(range(2), lambda job, buffer: job, [None] * 3, 2)) == [0, 1]


def test_buffers_are_nobody_elses(monkeypatch):
    def fill(job, buffer):
        buffer[...] = job
        time.sleep(0.001)
        return buffer

    for found, job in zip(
        read_ahead(range(50), fill, [np.empty(100) for _ in range(3)], 3), range(50), strict=True
    ):
        assert (found == job).all()
        time.sleep(0.001)
        assert (found == job).all()
    from fastml.core import readers

    def refuse(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(readers, "start_new_thread", refuse)
    assert list(read_ahead(range(5), lambda job, buffer: job, [None] * 2, 2)) == [0, 1, 2, 3, 4]


def test_a_fit_of_a_stuck_source_can_be_interrupted(interrupts):
    import signal
    import threading

    rows = Slow(1 << 22, seconds=300)
    started = time.monotonic()
    timer = threading.Timer(0.3, lambda: signal.raise_signal(signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        fastml.GaussianNB().fit(rows, np.zeros(1 << 22, np.int8))
    assert time.monotonic() - started < 200  # not the five minutes of the reader
    timer.join()


def test_what_a_fit_would_take_is_told_before(capsys, tmp_path):
    np.save(tmp_path / "X.npy", np.zeros((200_000, 10), np.float32))
    X = fastml.blocks(tmp_path / "X.npy")
    with fastml.engine(memory_limit="4MB"):
        X.explain(fastml.KMeans(8, max_iter=20))
        told = capsys.readouterr().out
        assert "start: 8 passes" in told
        assert "iterations: 21 passes" in told
        assert "to read: 256 MB at most" in told
        assert "kept of the rows: 1.6 MB, in a file" in told
        X.explain(fastml.DecisionTreeClassifier(splitter="random"))
        assert "which the limit does not allow" in capsys.readouterr().out
    for model in (fastml.GaussianNB(), fastml.BernoulliNB(), fastml.Ridge(), fastml.RidgeCV()):
        X.explain(model)
        assert "to read: " in capsys.readouterr().out
    with pytest.raises(TypeError, match=r"an estimator: LogisticRegression\(\.\.\.\)"):
        X.explain(fastml.LogisticRegression)
    X.explain(fastml.LogisticRegression())
    assert "a sample: 550 kB, in memory" in capsys.readouterr().out
    X.explain(fastml.RidgeCV(cv=3))
    assert "errors of the folds: 1 pass" in capsys.readouterr().out
    X.explain(fastml.NearestNeighbors())
    assert "needs all rows at once" in capsys.readouterr().out
    fastml.blocks(np.zeros((100, 2))).explain(fastml.LinearRegression())
    assert "used in place" in capsys.readouterr().out
