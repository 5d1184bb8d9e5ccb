"""Helpers that can't be lost: storms in processes of their own, and calls cut into many."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import run_storms
import sklearn
import team_kernels

import fastml
from fastml.core import crew
from fastml.core.threads import new_state, run_team

TESTS = Path(__file__).parents[1]
#: Seconds after which a process is taken to hang: a loaded machine may compile for minutes.
PATIENCE = 900


def run(arguments, **variables):
    environment = {
        **os.environ,
        "PYTHONPATH": str(TESTS.parent),
        "PYTHONWARNINGS": "ignore",  # newer Pythons warn of any fork beside threads
        "STORM_SECONDS": str(PATIENCE),
        **variables,
    }
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=PATIENCE + 20,
    )


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs signals and forks")
@pytest.mark.parametrize(
    ("script", "storm", "rounds"),
    [
        ("storms", "opcodes", 1),
        ("storms", "opcodes_of_a_new_crew", 1),
        ("storms", "interrupts", 300),
        ("storms", "scarcity", 200),
        ("storms", "callers", 60),
        ("storms", "forks", 15),
        ("storms", "failures", 300),
        ("storms", "long_calls", 2),
        ("storms", "leaving", 1),
        ("public_storms", "interrupts", 60),
        ("public_storms", "scarcity", 1),
        ("public_storms", "callers", 3),
        ("public_storms", "forks", 4),
        ("public_storms", "spawned", 3),
        ("public_storms", "refits", 3),
    ],
)
def test_storm(script, storm, rounds):
    if (script, storm) == ("public_storms", "scarcity") and sys.platform != "linux":
        pytest.skip("the limit of threads is Linux's")
    path = str(TESTS / "support" / f"{script}.py")
    result = run(["-X", "faulthandler", path, storm, str(rounds)])
    assert result.returncode == 0, result.stderr[-3000:]
    assert result.stdout.startswith("done")


def test_storms_that_fail_are_counted(monkeypatch, capsys):
    monkeypatch.setattr(run_storms, "STORMS", (("storms.py", "leaving", 1), ("storms.py", "no", 1)))
    assert run_storms.main(["--storms", "2", "--seed", "0"]) == 1
    printed = capsys.readouterr().out
    assert "KeyError: 'no'" in printed
    assert "2 storms, 1 failed, from seed 0" in printed


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs signals")
def test_members_that_fail_a_check_leave_nobody_waiting():
    """With tiles and indices checked, teams are as large as without."""
    script = str(TESTS / "support" / "storms.py")
    checks = {"FASTML_CHECK_TILES": "1", "NUMBA_BOUNDSCHECK": "1"}
    result = run([script, "failures", "50"], **checks)
    assert result.returncode == 0, result.stderr[-3000:]


@pytest.fixture
def a_ticket_a_call(monkeypatch):
    """Have the first 60 calls end at their first ticket, as if their time were over."""
    from fastml.kernels.machine import team

    begun, cuts, left = team._BEGUN, [], [0]
    proceed = team.proceed
    out_of_time = team.unbegun(1)
    out_of_time[begun] = 1  # long ago

    def already_late():
        left[0] = 60
        return out_of_time

    def proceed_and_count(counters):
        after = proceed(counters)
        cuts.append(after)
        left[0] -= 1
        after[begun] = left[0] > 0  # even a ticket past the end would be cut, for ever
        return after

    def begin():
        monkeypatch.setattr(crew, "_unbegun", already_late)
        monkeypatch.setattr(team, "proceed", proceed_and_count)
        return cuts

    return begin


@pytest.mark.parametrize("members", [1, 3])
def test_a_call_cut_into_many_does_every_ticket_once(a_ticket_a_call, members):
    def chained():
        hits, values = np.zeros(100 * 8, np.int64), np.ones((2, 8))
        run_team(team_kernels.chain, members, 100, 200, -1, new_state(), hits, values)
        assert (hits == 1).all()
        return values

    expected = chained()
    cuts = a_ticket_a_call()
    np.testing.assert_array_equal(chained(), expected)
    assert len(cuts) >= 60


@pytest.mark.parametrize("members", [1, 2, 5])
def test_blocks_from_both_ends_are_done_once_however_often_a_call_is_cut(a_ticket_a_call, members):
    def counted():
        hits, values = np.zeros(101, np.int64), np.zeros(101)
        run_team(team_kernels.blocks, members, 2_000, -1, new_state(), hits, values)
        assert (hits == 1).all()
        return values

    expected = counted()
    cuts = a_ticket_a_call()
    np.testing.assert_array_equal(counted(), expected)
    assert len(cuts) >= 60


@pytest.mark.parametrize(("member", "order"), [(0, [0, 1, 2]), (1, [2, 1, 0]), (4, [0, 1, 2])])
def test_members_begin_at_their_own_end(member, order):
    """Seen from where a call that leaves after every block has been."""
    from fastml.kernels.machine import team

    state, done = new_state(), []
    hits = np.zeros(3, np.int64)
    for _ in order:
        state[team._ALLOWED], state[team._BEGUN] = 1, 1  # long ago
        before = hits.copy()
        team_kernels.blocks(0, member, state, hits, np.zeros(3))
        done += np.flatnonzero(hits - before).tolist()
        state = team.proceed(state)
    assert done == order


def test_fits_cut_into_many_calls_have_the_same_bits(a_ticket_a_call, shared_work):
    random = np.random.default_rng(0)
    X = random.normal(size=(5_000, 12)).astype("float32")
    y = (X[:, 0] * X[:, 1] > 0).astype(int)

    def results():
        with fastml.num_threads(3):
            clusters = fastml.KMeans(40, max_iter=20, n_init=1, random_state=0).fit(X)
            model = fastml.MLPClassifier((48, 24), random_state=0).partial_fit(X, y, classes=[0, 1])
            return [
                clusters.cluster_centers_, clusters.labels_, clusters.transform(X[:100]),
                *model.coefs_, model.predict_proba(X), fastml.nearest_centroid(X, X[:90]),
            ]  # fmt: skip

    expected = results()
    cuts = a_ticket_a_call()
    for found, right in zip(results(), expected, strict=True):
        np.testing.assert_array_equal(found, right)
    assert len(cuts) >= 60


@pytest.mark.parametrize("bad", [0, 9_000, 19_999])
def test_what_is_refused_is_computed_all_the_same(a_ticket_a_call, bad):
    """By who was told to assume that it is finite, however many calls the work is cut into."""
    random = np.random.default_rng(0)
    X = random.normal(size=(20_000, 12)).astype("float32")
    model = fastml.MLPClassifier((48, 24), random_state=0).partial_fit(
        X, X[:, 0] > 0, classes=[0, 1]
    )
    expected = model.predict_proba(X)
    X[bad, 3] = np.nan
    cuts = a_ticket_a_call()
    with pytest.raises(ValueError, match=r"Input X contains NaN\.\nMLPClassifier does not accept"):
        model.predict_proba(X)
    assert cuts
    with sklearn.config_context(assume_finite=True):
        found = model.predict_proba(X)
    assert np.isnan(found[bad]).all()
    others = np.arange(len(X)) != bad
    assert (found[others] == expected[others]).all()


def test_a_call_needs_a_state_at_its_place():
    hits, values = np.zeros(3, np.int64), np.zeros(3)
    for arguments in ([1], [1, hits, values], [new_state(), 1, hits, values]):
        with pytest.raises(TypeError, match="a state from new_state"):
            run_team(team_kernels.count, 2, *arguments)
    with pytest.raises(TypeError, match="a kernel that takes a state"):
        run_team(lambda number: None, 1, new_state())
    assert not hits.any()


def test_callers_share_the_threads_there_are(monkeypatch):
    """Of 16 threads that each ask for 15 helpers, none gets one: 16 are at work already."""
    monkeypatch.setattr(crew, "_crew", crew._Crew())
    monkeypatch.setattr(crew, "start_new_thread", lambda function, arguments: function(*arguments))
    monkeypatch.setattr(crew._Crew, "stay", lambda self, counted: counted.release())
    ours = crew._crew
    ours.helpers.update(range(100, 115))
    put = []
    for others in (0, 4, 15, 20):
        ours.callers = dict.fromkeys(range(others))
        job = crew._Job(ours, None, (), new_state())
        with fastml.num_threads(16):
            ours.offer(job, 15)
        put.append(ours.board.qsize())
        while ours.board.qsize():
            ours.board.get()
    assert put == [15, 11, 0, 0]


# --- how many, in the workers of others -------------------------------------------------

WORKERS = """
import os, sys
import numpy as np

if __name__ == "__main__":
    from joblib import Parallel, delayed, parallel_config
    from sklearn.model_selection import GridSearchCV
    import fastml
    from fastml.core import thread_count

    backend = sys.argv[1]
    X = np.random.default_rng(0).normal(size=(400, 3))
    with parallel_config(backend, n_jobs=2):
        search = GridSearchCV(fastml.KMeans(n_init=1, random_state=0), {"n_clusters": [2, 3]}, cv=2)
        found = search.fit(X).cv_results_["mean_test_score"]
        counts = Parallel()(delayed(fastml.get_num_threads)() for _ in range(4))
    alone = GridSearchCV(fastml.KMeans(n_init=1, random_state=0), {"n_clusters": [2, 3]}, cv=2)
    assert (found == alone.fit(X).cv_results_["mean_test_score"]).all()
    print(*counts)
"""


@pytest.mark.parametrize("backend", ["loky", "multiprocessing", "threading"])
def test_grid_search_over_workers(backend, tmp_path, monkeypatch):
    for name in ("FASTML_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    script = tmp_path / "search.py"
    script.write_text(WORKERS)
    result = run([str(script), backend])
    assert result.returncode == 0, result.stderr[-3000:]
    cpus = fastml.get_num_threads()
    expected = {"loky": max(1, cpus // 2), "multiprocessing": 1, "threading": cpus}[backend]
    assert result.stdout.split() == [str(expected)] * 4


def test_limits_of_others(monkeypatch):
    for name in ("FASTML_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("fastml.core.thread_count._usable_cpus", lambda: 16)
    assert fastml.get_num_threads() == 16
    for value, number in {
        "4": 4,
        "3,2": 3,
        " 5 ": 5,
        "99": 16,
        "0": 16,
        "many": 16,
        "": 16,
    }.items():
        monkeypatch.setenv("OMP_NUM_THREADS", value)
        assert fastml.get_num_threads() == number, value
    monkeypatch.setenv("OMP_NUM_THREADS", "6")
    monkeypatch.setenv("NUMBA_NUM_THREADS", "7")
    assert fastml.get_num_threads() == 6
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")
    assert fastml.get_num_threads() == 2
    monkeypatch.setenv("FASTML_NUM_THREADS", "9")
    assert fastml.get_num_threads() == 9


def test_a_wrong_number_in_the_environment_is_refused_at_first_use():
    result = run(["-c", "import fastml; fastml.KMeans"], FASTML_NUM_THREADS="none")
    assert "FASTML_NUM_THREADS must be a positive integer, got 'none'" in result.stderr


def test_the_first_ticket_rings_once_and_whoever_listens_hears_it():
    from fastml.kernels.machine import team

    bell = np.zeros(16, np.int64)
    counters = new_state()
    team.begin_call(counters, bell.ctypes.data, 0)
    team_kernels.count(10, counters, np.zeros(10, np.int64), np.zeros(10))
    assert bell[0] == 1
    counters = new_state()  # without a bell nothing is rung
    team_kernels.count(10, counters, np.zeros(10, np.int64), np.zeros(10))
    assert bell[0] == 1
    team.listen(bell, 0, 1 << 62)  # has been rung: returns at once
    team.listen(bell, 1, 1)  # has not, and patience is over
    counters = new_state()
    counters[:] = 0
    team.close_team(counters, False)
    team.leave_team(counters, False, bell, 0, 1 << 62)
    assert bell[team.LISTENERS] == 0  # nobody listens any more


def test_helpers_listen_longer_while_more_calls_follow():
    def patience():
        return crew._crew.listening()[2]

    assert patience() == crew._LISTEN_NANOSECONDS
    with crew.more_calls():
        with crew.more_calls():
            assert patience() == crew._LISTEN_LONGER
        assert patience() == crew._LISTEN_LONGER
    with contextlib.suppress(KeyError), crew.more_calls():
        raise KeyError
    assert patience() == crew._LISTEN_NANOSECONDS


def test_who_listens_is_counted_while_that_lasts():
    from fastml.kernels.machine import team

    bell = np.zeros(16, np.int64)
    others = [threading.Thread(target=team.listen, args=(bell, 0, 1 << 62)) for _ in range(3)]
    for other in others:
        other.start()
    counters = new_state()
    team.begin_call(counters, bell.ctypes.data, 0)
    while bell[team.LISTENERS] < 3:
        time.sleep(0.001)
    team_kernels.count(10, counters, np.zeros(10, np.int64), np.zeros(10))
    for other in others:
        other.join()
    assert bell[team.LISTENERS] == 0


def test_parked_helpers_listen_no_more():
    with fastml.num_threads(2):
        counts = np.zeros(200, np.int64)
        run_team(team_kernels.count, 2, 50_000, new_state(), counts, np.zeros(200))
    for _ in range(1000):
        if crew.listeners() == 0:
            break
        time.sleep(0.001)
    assert crew.listeners() == 0


def test_helpers_join_calls_that_follow_one_another(shared_work):
    x = np.linspace(-5, 5, 200_000)
    expected = fastml.sigmoid(x)
    with fastml.num_threads(2):
        for _ in range(300):
            np.testing.assert_array_equal(fastml.sigmoid(x), expected)
    assert crew._crew.board.qsize() <= len(crew._crew.helpers)


def test_helpers_that_do_not_come_are_not_counted_on(monkeypatch):
    ours = crew._Crew()
    monkeypatch.setattr(crew, "_crew", ours)
    monkeypatch.setattr(ours, "start_helper", lambda: False)
    moved = []
    monkeypatch.setattr(crew, "keep_off", lambda cpu, threads: moved.append(cpu) or set())
    from fastml.kernels.machine import team

    ours.bell[team.LISTENERS] = 1  # it says that it listens, and does not come
    counted = []
    with fastml.num_threads(2):
        for _ in range(6):
            counted.append(crew.listeners())
            run_team(team_kernels.count, 2, 1, new_state(), np.zeros(5, np.int64), np.zeros(5))
        run_team(team_kernels.count, 1, 1, new_state(), np.zeros(5, np.int64), np.zeros(5))
    assert counted == [1, 1, 1, 1, 0, 0]
    assert len(moved) == 2
    job = crew._Job(ours, None, (), new_state())
    ours.offer(job, 1)
    job.joined = True
    job.close()
    assert crew.listeners() == 1


def test_a_call_is_not_missed_for_one_that_is_over():
    """Jobs nobody came for are taken down: a helper would read them, and miss the next."""
    board = crew._crew.board
    over = crew._Job(crew._crew, team_kernels.count, (), new_state())
    over.close()
    board.put(over)
    with fastml.num_threads(2):
        counts = np.zeros(10, np.int64)
        run_team(team_kernels.count, 2, 10, new_state(), counts, np.zeros(10))
    assert over not in [board.get_nowait() for _ in range(board.qsize())]
