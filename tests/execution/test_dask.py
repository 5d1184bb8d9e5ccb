"""A real cluster of processes on this machine: the same bits, also where workers are killed."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import numpy as np
import pytest
from block_fits import FITS, SHARED, WIDELY, problem, quietly, same
from row_sources import open_as

import fastml

distributed = pytest.importorskip("distributed")
dask = pytest.importorskip("dask")
# Dask's own cluster gives a worker up for good that takes longer than 15 seconds to come back,
# which a busy machine may need, and ours wait until all are there again.
dask.config.set({"distributed.deploy.lost-worker-timeout": "600s"})


def cluster(n_workers, threads=1):
    return distributed.LocalCluster(
        n_workers=n_workers, threads_per_worker=threads, processes=True, dashboard_address=":0",
        memory_limit=0, silence_logs=50,
    )  # fmt: skip


@pytest.fixture(scope="module")
def client():
    with cluster(2) as workers, distributed.Client(workers) as client:
        yield client


@pytest.mark.parametrize(
    ("kind", "fit"),
    [(k, f) for k in ("npy_files", "parquet") for f in SHARED]
    + [(k, f) for k in ("array", "hdf5", "memmap", "factory") for f in SHARED if f in WIDELY],
)
def test_the_same_bits(fit, kind, client, tmp_path):
    X, y, w = problem()
    expected = FITS[fit](X, y, w)
    with fastml.engine(client, memory_limit="1 MiB"):
        same(FITS[fit](open_as(kind, X, 509, tmp_path), y, w), expected)


@pytest.mark.parametrize("fit", SHARED)
def test_arrays_are_taken_as_they_are(fit, client):
    X, y, w = problem("float64")
    with fastml.engine(client):
        same(FITS[fit](X, y, w), FITS[fit](X, y, w))


def test_many_centers_and_coefficients(client, tmp_path):
    """Arrays so large that Dask sends them apart from the rest, and they arrive read-only."""
    random = np.random.default_rng(0)
    X = random.normal(size=(4000, 60)).astype(np.float32)
    y = random.integers(0, 9, 4000)
    rows = open_as("npy", X, 1, tmp_path)
    for model in (
        fastml.KMeans(300, init="k-means||", max_iter=3, random_state=0),
        fastml.LogisticRegression(),
        fastml.GaussianNB(),
        fastml.MLPClassifier((90,), solver="lbfgs", max_iter=2, max_fun=4, random_state=0),
    ):
        expected = quietly(type(model)(**model.get_params()), X, y, None)
        with fastml.engine(client, memory_limit="2 MiB"):
            same(quietly(model, rows, y, None), expected)


@pytest.mark.parametrize(("n_workers", "threads"), [(1, 2), (3, 1)])
def test_any_number_of_workers(n_workers, threads, tmp_path):
    X, y, w = problem()
    rows = open_as("npy", X, 1, tmp_path)
    with cluster(n_workers, threads) as workers, distributed.Client(workers) as client:
        for fit in map(FITS.get, SHARED):
            with fastml.engine(client, memory_limit="1 MiB"):
                same(fit(rows, y, w), fit(X, y, w))


def test_collections_of_dask(client):
    import dask.array as da

    X, y, _ = problem()
    rows = da.from_array(X, chunks=(1009, 2))
    rows = da.concatenate([rows[:0], rows[rows[:, 0] > -1e9]])  # empty, and of unknown length
    expected = FITS["gaussian"](X, y, None)
    same(FITS["gaussian"](rows, y, None), expected)
    with fastml.engine(client):
        same(FITS["gaussian"](rows, da.from_array(y, chunks=77), None), expected)
    np.testing.assert_array_equal(expected.predict(rows), expected.predict(X))


def test_data_frames_of_dask():
    pandas, frames = pytest.importorskip("pandas"), pytest.importorskip("dask.dataframe")
    X, y, w = (array[:5000] for array in problem())
    words = np.array(["a", "b", "c", "dd", "e"])[y]
    whole = pandas.DataFrame({f"x{j}": X[:, j] for j in range(X.shape[1])})
    expected = fastml.GaussianNB().fit(X, words, w)
    names = list(whole.columns)
    frame = frames.from_pandas(whole.assign(y=words, w=w, other="words"), npartitions=7)
    frame = frame[frame.x0 > -1e9]  # of unknown length
    found = fastml.blocks(frame, columns=names, target="y", sample_weight="w")
    same(fastml.GaussianNB().fit(frame[names], words, w), expected)
    model = fastml.GaussianNB().fit(*found)
    np.testing.assert_array_equal(model.theta_, expected.theta_)
    np.testing.assert_array_equal(model.var_, expected.var_)
    assert model.classes_.tolist() == expected.classes_.tolist()
    assert model.feature_names_in_.tolist() == names
    np.testing.assert_array_equal(expected.predict(frame[names]), expected.predict(X))
    with pytest.raises(ValueError, match="column 'other' of Dask data frame"):
        fastml.blocks(frame, target="y")
    with pytest.raises(ValueError, match="Dask data frame has no column 'z'"):
        fastml.blocks(frame, columns=["x1", "z"])
    whole.loc[4321, "x0"] = np.nan
    holes = frames.from_pandas(whole, npartitions=3)
    with pytest.raises(ValueError, match="row 4321, column 'x0' of Dask data frame"):
        fastml.GaussianNB().fit(holes, y)


def test_what_a_worker_raises_is_raised(client, tmp_path):
    X, y, w = problem("float64")
    X[7000, 2] = np.inf
    model = FITS["gaussian"](np.nan_to_num(X, posinf=0.0), y, w)
    before = dict(vars(model))
    with (
        fastml.engine(client),
        pytest.raises(ValueError, match=r"(?s)infinity.*row 7000, column 2 of .*X\.npy"),
    ):
        model.fit(open_as("npy", X, 1, tmp_path), y, w)
    assert vars(model) == before
    with fastml.engine(client), pytest.raises(TypeError, match="other processes cannot read it"):
        model.fit(open_as("iterator", X, 100, tmp_path), y, w)


@pytest.mark.parametrize("kind", ["npy", "memmap", "parquet"])
def test_a_file_that_takes_anothers_place_ends_the_fit(kind, client, tmp_path):
    """Workers open files more than once in a fit: they must find the same ones."""
    X, _, w = problem()
    (tmp_path / "other").mkdir()
    rows = open_as(kind, X, 5003, tmp_path)
    open_as(kind, -X[::-1], 5003, tmp_path / "other")
    name = {"npy": "X.npy", "memmap": "map.npy", "parquet": "X.parquet"}[kind]

    def replace(report):
        if (tmp_path / "other" / name).exists():
            (tmp_path / "other" / name).rename(tmp_path / name)

    model = fastml.KMeans(9, init=X[:9], max_iter=3)
    with (
        fastml.engine(client, progress=replace),
        pytest.raises(OSError, match=rf"{name} (is not the file it was|changed while)"),
    ):
        model.fit(rows, sample_weight=w)
    assert not hasattr(model, "labels_")


def kmeans_of_many_steps(X, y, w):
    return fastml.KMeans(9, init=problem()[0][:9], tol=0, max_iter=4).fit(X, sample_weight=w)


@pytest.mark.parametrize("fit", [FITS["gaussian"], kmeans_of_many_steps])
def test_a_killed_worker_costs_no_bit_and_two_passes_over_its_rows_at_most(fit, tmp_path):
    X, y, w = problem()
    np.save(tmp_path / "X.npy", X)
    rows, slow = fastml.blocks(tmp_path / "X.npy"), SlowRows(str(tmp_path / "X.npy"))
    expected = fit(rows, y, w)
    random = np.random.default_rng(0)
    again = 0
    with cluster(2) as workers, distributed.Client(workers) as client:
        with fastml.engine(client, memory_limit="1 MiB"):
            same(fit(slow, y, w), expected)
        undisturbed = read_so_far(slow)
        share = max(len(rows_of(ranges)) for ranges in undisturbed.values())
        for _ in range(10 if os.environ.get("FASTML_LONG") else 3):
            client.wait_for_workers(2, timeout=600)
            victim = int(random.choice([nanny.pid for nanny in workers.workers.values()]))
            seconds = random.uniform(0.05, 0.8)
            killer = threading.Timer(seconds, os.kill, (victim, signal.SIGKILL))
            killer.start()
            started = time.monotonic()
            with fastml.engine(client, memory_limit="1 MiB"):
                found = fit(slow, y, w)
            assert time.monotonic() - started < 600
            killer.join()
            same(found, expected)
            read = read_so_far(slow)
            lost = len(rows_of(read.get(victim, [])))
            extra = rows_in(read) - rows_in(undisturbed)
            assert 0 <= extra <= 2 * lost, f"{extra} rows more, the dead worker had {lost}"
            if fit is kmeans_of_many_steps:
                assert found.n_scored_ <= expected.n_scored_ + 2 * share
            again += extra
    assert again > 0  # else nobody died at work


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_fit_goes_on_when_all_workers_were_gone_at_once(n_workers, tmp_path):
    """Their tasks are then nobody's: Dask has them wait for workers that never come again."""
    X, y, w = problem()
    np.save(tmp_path / "X.npy", X)
    expected = kmeans_of_many_steps(X, y, w)
    with cluster(n_workers) as workers, distributed.Client(workers) as client:

        def kill(report):
            if report.number == 2:
                threading.Timer(0.15, kill_all).start()

        def kill_all():
            for nanny in workers.workers.values():
                os.kill(nanny.pid, signal.SIGKILL)

        with fastml.engine(client, memory_limit="1 MiB", progress=kill):
            found = kmeans_of_many_steps(SlowRows(str(tmp_path / "X.npy")), y, w)
    same(found, expected)


def test_a_worker_that_dies_once_it_has_said_what_it_is(monkeypatch):
    X, y, w = problem()
    get = distributed.Future.result
    with cluster(1) as workers, distributed.Client(workers) as client:

        def killed_before(future, timeout=None):
            (nanny,) = workers.workers.values()
            os.kill(nanny.pid, signal.SIGKILL)
            time.sleep(0.5)
            return get(future, timeout and 2)

        client.wait_for_workers(1)
        monkeypatch.setattr("fastml.execution.dask._ANSWER", 60.0)
        monkeypatch.setattr(distributed.Future, "result", killed_before)
        with fastml.engine(client):
            monkeypatch.undo()
            same(FITS["gaussian"](X, y, w), FITS["gaussian"](X, y, w))


def test_a_worker_that_dies_before_its_results_are_fetched(monkeypatch):
    X, y, w = problem()
    expected = FITS["gaussian"](X, y, w)
    gather, killed = distributed.Client.gather, []
    with cluster(1) as workers, distributed.Client(workers) as client:

        def kill_once(*arguments, **settings):
            if not killed:
                killed.extend(nanny.pid for nanny in workers.workers.values())
                os.kill(killed[0], signal.SIGKILL)
                time.sleep(0.5)
            return gather(*arguments, **settings)

        client.wait_for_workers(1)
        monkeypatch.setattr("fastml.execution.dask._FETCH", 3.0)
        with fastml.engine(client):
            monkeypatch.setattr(distributed.Client, "gather", kill_once)
            same(FITS["gaussian"](X, y, w), expected)
    assert killed


def read_so_far(rows):
    """Return what every process has read since the last time: its ranges, several times."""
    found = {}
    for line in rows.log.read_text().splitlines():
        pid, start, stop = map(int, line.split())
        found.setdefault(pid, []).append((start, stop))
    rows.log.write_text("")
    return found


def rows_of(ranges):
    """Return the numbers of the rows in some ranges, each once."""
    return np.unique(np.concatenate([np.arange(*pair) for pair in ranges] or [[]]))


def rows_in(read):
    return sum(stop - start for ranges in read.values() for start, stop in ranges)


def SlowRows(path):  # noqa: N802
    """Return rows of which each read takes a while and is noted, also where they are sent."""
    from pathlib import Path

    from fastml.data import Blocks

    class Rows(Blocks):
        def __init__(self, path):
            self.inner, self.log = fastml.blocks(path), Path(f"{path}.log")
            super().__init__(self.inner.shape, self.inner.dtype, path)

        def _read(self, start, stop, out):
            if stop - start > 1:
                with self.log.open("a") as log:
                    log.write(f"{os.getpid()} {start} {stop}\n")
                time.sleep(0.1)
            self.inner.read(start, stop, out)

        def spec(self):
            return Rows, (self.name,)

    return Rows(path)


def kept():
    from fastml.execution.dask import _kept

    return len(_kept)


def test_workers_keep_nothing_of_fits_that_have_ended(client):
    X, y, w = problem()
    with fastml.engine(client):
        FITS["gaussian"](X, y, w)
        assert sum(client.run(kept).values()) > 0
    deadline = time.monotonic() + 600
    while sum(client.run(kept).values()):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_worker_takes_half_of_what_it_may_have(tmp_path, monkeypatch):
    def limits(dask_worker):
        from fastml.execution.dask import limit_in

        return [limit_in(dask_worker, limit) for limit in (None, 1 << 20, 1 << 40)]

    X, y, w = problem()
    rows = open_as("npy", X, 1, tmp_path)
    monkeypatch.delenv("FASTML_MEMORY_LIMIT", raising=False)
    for allowed, expected in (
        (0, [None, 1 << 20, 1 << 40]),
        ("2 GiB", [1 << 30, 1 << 20, 1 << 30]),
    ):
        with (
            distributed.LocalCluster(
                n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0",
                memory_limit=allowed, silence_logs=50,
            ) as workers,
            distributed.Client(workers) as client,
        ):  # fmt: skip
            assert list(client.run(limits).values()) == [expected]
            with fastml.engine(client):
                found = FITS["gaussian"](rows, y, w)
        same(found, FITS["gaussian"](X, y, w))


@pytest.mark.parametrize("gone", ["client", "cluster"])
def test_a_client_that_is_closed_ends_the_fit_and_hides_nothing(gone, tmp_path):
    X, _, w = problem()
    np.save(tmp_path / "X.npy", X)
    with cluster(1) as workers, distributed.Client(workers) as client:
        closer = threading.Timer(0.5, {"client": client, "cluster": workers}[gone].close)
        model = fastml.KMeans(9, init=X[:9], tol=0, max_iter=300)

        def begin(report):
            if report.number == 1:
                closer.start()

        with (
            fastml.engine(client, memory_limit="1 MiB", progress=begin),
            pytest.raises(ConnectionError, match=r"were cancelled|lost its connection"),
        ):
            model.fit(SlowRows(str(tmp_path / "X.npy")), sample_weight=w)
        closer.join()
    assert not hasattr(model, "labels_")


def test_threads_may_share_a_client(client, tmp_path):
    """Several fits at once, of one engine and of several."""
    X, y, w = problem()
    rows = open_as("npy", X, 1, tmp_path)
    chosen = [FITS["gaussian"], FITS["logistic"], kmeans_of_many_steps] * 2
    expected = [fit(X, y, w) for fit in chosen]

    def here(fit):
        return fit(rows, y, w)

    def alone(fit):
        with fastml.engine(client, memory_limit="2 MiB"):
            return fit(rows, y, w)

    with ThreadPoolExecutor(6) as pool:
        with fastml.engine(client, memory_limit="1 MiB"):
            asked = [pool.submit(copy_context().run, here, fit) for fit in chosen]
            for found, known in zip(asked, expected, strict=True):
                same(found.result(), known)
        for found, known in zip(pool.map(alone, chosen), expected, strict=True):
            same(found, known)


def test_what_is_no_client_is_refused():
    with (
        pytest.raises(TypeError, match=r"must be a dask\.distributed\.Client, got str"),
        fastml.engine("tcp://somewhere"),
    ):
        pass

    async def within():
        async with distributed.Client(
            processes=False, asynchronous=True, dashboard_address=":0", n_workers=1
        ) as client:
            with fastml.engine(client):
                pass

    with pytest.raises(TypeError, match="client must not be asynchronous"):
        asyncio.run(within())


def test_passes_are_told_with_their_workers(client):
    X, y, _ = problem()
    reports = []
    with fastml.engine(client, progress=reports.append):
        fastml.LogisticRegression().fit(X, y)
    assert len(reports) >= 2
    assert reports[-1].workers == 2
    assert {report.restarts for report in reports} == {0}
    assert {report.rows for report in reports} == {len(X)}
