"""The measuring instrument: it runs, it compares, and what it reports is what was measured."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import cases, compare, peers, report
from bench.cases import cold_start
from bench.cases.cluster import seeding
from bench.harness import checks, results, sizes, stage, truths, workloads
from bench.harness.case import FASTML, NUMPY, REFERENCE, Case, Cost, MissingError, Reference, Row
from bench.harness.targets import BEST, LIMIT
from bench.machine import host
from bench.machine.limits import least_seconds
from bench.peers import numpy as plain
from bench.peers import reference as reference_rows
from bench.report import pictures

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, cwd: Path = ROOT, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in host.SLOWING}
    environment = {**kept, **more, "PYTHONPATH": str(cwd), "BENCH_SIZE": "tiny"}
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=cwd, env=environment, capture_output=True, text=True
    )


def test_everything_runs_at_tiny_size(tmp_path):
    done = run("bench", "--size", "tiny", "--output", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    result = results.load(tmp_path / "result.json")
    assert not [case for case in result["cases"] if case["wrong"]]
    timed = {case["group"] for case in result["cases"] if case["rows"].get("fastml")}
    assert timed >= {"sigmoid", "one training epoch", "inference", "nearest centroid", "one row"}
    assert all(speed > 0 for speeds in result["limits"].values() for speed in speeds.values())
    text = (tmp_path / "RESULTS.md").read_text(encoding="utf-8").replace(r"\|", "|")
    assert all(case["name"] in text for case in result["cases"])
    families = pictures.family_pictures(result)
    assert "speedups-more" not in families
    for name in ("speedups", "roofline", "scaling", *families):
        assert "<svg" in (tmp_path / "plots" / f"{name}.svg").read_text(encoding="utf-8")


def test_a_wrong_result_fails_the_run(tmp_path):
    for name in ("bench", "fastml", "kernels"):
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True)
    functional = tmp_path / "fastml" / "functional.py"
    functional.write_text(
        functional.read_text(encoding="utf-8")
        + "\n_right = sigmoid\n\n\ndef sigmoid(x, out=None):\n"
        + "    found = _right(x, out)\n    found[-1] += 1e-3\n    return found\n",
        encoding="utf-8",
    )
    only = ("--only", "sigmoid: sigmoid, 20,000 float32", "--only", "float32, nothing")
    done = run("bench", "--output", str(tmp_path / "out"), *only, cwd=tmp_path)
    assert done.returncode != 0
    result = results.load(tmp_path / "out" / "result.json")
    (case,) = result["cases"]
    assert set(case["wrong"]) == {"fastml", "fastml, 20000 rows"}
    assert "fastml" not in case["rows"]
    assert "NumPy" in case["rows"]
    assert "**wrong**" in (tmp_path / "out" / "RESULTS.md").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("git") is None, reason="compares two commits of git")
def test_a_planted_slow_down_is_caught(tmp_path):
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True)

    for name in ("bench", "fastml", "kernels"):
        ignored = shutil.ignore_patterns("__pycache__", "history", "plots")
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True, ignore=ignored)
    git("init", "--quiet")
    git("add", "bench", "fastml", "kernels")
    git("commit", "--quiet", "--message", "before")
    functional = tmp_path / "fastml" / "functional.py"
    functional.write_text(
        functional.read_text(encoding="utf-8")
        + "\nimport time\n\n_fast = sigmoid\n\n\ndef sigmoid(x, out=None):\n"
        + "    time.sleep(0.05)\n    return _fast(x, out)\n",
        encoding="utf-8",
    )
    git("commit", "--quiet", "--all", "--message", "sleep in sigmoid")
    compared = ("--size", "tiny", "--pairs", "2", "--only", "sigmoid: sigmoid,")
    done = run("bench.compare", "HEAD~1", "HEAD", *compared, cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 of 2 cases slower" in done.stdout
    worktrees = subprocess.run(
        ["git", "worktree", "list"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert len(worktrees.stdout.splitlines()) == 1  # none is left behind


def test_verdicts_follow_the_median_and_no_pair_may_contradict():
    def verdict(*ratios: float) -> compare.Verdict:
        pairs = [({"case": 1.0}, {"case": ratio}) for ratio in ratios]
        (found,) = compare.judge(pairs, 0.1)
        return found

    assert verdict(1.2, 1.15, 1.3).slower
    assert not verdict(1.2, 1.15, 0.9).slower
    assert not verdict(1.05, 1.08, 1.3).slower
    assert verdict(0.8, 0.7, 0.9).faster
    assert not verdict(1.2, 1.15, 1.3).faster


def test_only_what_both_commits_can_do_is_compared():
    pairs = [({"old": 1.0, "new": None, "gone": 1.0}, {"old": 1.0, "new": 2.0})]
    assert [verdict.case for verdict in compare.judge(pairs, 0.1)] == ["old"]


def test_the_limit_is_the_longest_of_arithmetic_divisions_and_memory():
    speeds = {
        "flops float32": 100.0, "exponentials float32": 10.0, "divisions float32": 20.0,
        "read": 10.0, "copy": 8.0,
    }  # fmt: skip
    limits = {"all": speeds}
    assert least_seconds(Cost(flops=1000.0, read=10.0), "float32", limits) == (10.0, "arithmetic")
    # Exponentials are multiply-adds as well, divisions run beside them.
    cost = Cost(flops=1000.0, exponentials=20.0, divisions=100.0)
    assert least_seconds(cost, "float32", limits) == (12.0, "arithmetic")
    assert least_seconds(Cost(flops=10.0, divisions=100.0), "float32", limits) == (
        5.0,
        "arithmetic",
    )
    assert least_seconds(Cost(flops=1.0, read=40.0), "float32", limits) == (4.0, "memory")
    # 16 bytes copied at 8 a second, 24 more read at 10 a second.
    copying = Cost(read=32.0, written=8.0)
    assert least_seconds(copying, "float32", limits) == (2.0 + 2.4, "memory")
    assert Cost(1.0, 2.0, 3.0, 4.0, 5.0).times(2) == Cost(2.0, 4.0, 6.0, 8.0, 10.0)


class _Work:
    def __init__(self, n: int) -> None:
        self.n = n

    def head(self, n: int) -> _Work:
        return _Work(min(n, self.n))


def _case(rows: dict[str, Callable[[_Work], Row]], **more: Any) -> Case:
    return Case("g", "n", rows, inputs=lambda: _Work(7), check=checks.equal, **more)


def _row(answer: Any, seconds: float = 0.0) -> Callable[[_Work], Row]:
    def call() -> Any:
        time.sleep(seconds)
        return answer

    return lambda work: Row(call)


@pytest.mark.parametrize("slow", [0.0, 0.06])
def test_every_row_has_the_same_number_of_rounds_and_none_is_dropped_for_being_slow(slow):
    size = sizes.Size("tiny", seconds=0.02, turns=3, rounds=2, settle=0.0)
    case = _case({NUMPY: _row(1, slow), FASTML: _row(1), "peer": _row(1, slow / 2)})
    found = stage.measure(case, size)
    rounds = {len(seconds) for seconds in found.seconds.values()}
    assert set(found.seconds) == set(case.rows)
    assert len(rounds) == 1
    assert rounds.pop() >= 2


def test_rows_take_turns_and_are_warm():
    calls: list[str] = []

    def row(name: str) -> Callable[[_Work], Row]:
        return lambda work: Row(lambda: calls.append(name), one_way=True)

    size = sizes.Size("tiny", seconds=1.0, turns=2, rounds=1, settle=0.0)
    stage.measure(_case({"a": row("a"), "b": row("b")}), size)
    runs = [name for name, _ in itertools.groupby(calls)]
    # Checked one after the other, then two turns.
    assert runs == ["a", "b"] * 3


def test_a_missing_or_wrong_row_has_no_time_and_says_why():
    def missing(work: _Work) -> Row:
        raise MissingError("peer is not installed")

    rows = {NUMPY: _row(1), FASTML: _row(2), "peer": missing}
    found = stage.measure(_case(rows), sizes.SIZES["tiny"])
    assert set(found.seconds) == {NUMPY}
    assert found.missing == {"peer": "peer is not installed"}
    assert "2 is not 1" in found.wrong[FASTML]


def test_the_reference_is_tracked_on_rows_of_its_own_and_is_their_truth():
    def counted(work: _Work) -> Row:
        return Row(lambda: work.n)

    case = _case(
        {NUMPY: counted, FASTML: counted}, truth=lambda work: 7, reference=Reference(counted, 3)
    )
    found = stage.measure(case, sizes.SIZES["tiny"])
    assert not found.wrong
    n, small = found.reference
    assert n == 3
    assert set(small.seconds) == {REFERENCE, FASTML}
    limits = {"all": {}}
    entry = results.entry_of(case, found, limits)
    assert entry["over_reference"] > 0
    assert entry["reference"]["n"] == 3
    wrong = dataclasses.replace(case, reference=Reference(_row(4), 3))
    entry = results.entry_of(wrong, stage.measure(wrong, sizes.SIZES["tiny"]), limits)
    assert set(entry["wrong"]) == {"fastml, 3 rows"}


def test_the_best_peer_is_neither_numpy_nor_ours():
    rows = {
        name: {"min": seconds}
        for name, seconds in {
            "NumPy": 1.0, "fastml": 2.0, "fastml, Adam": 0.5, "faiss": 3.0, "torch": 4.0,
        }.items()
    }  # fmt: skip
    small = {"n": 9, "rows": {"reference": {"min": 6.0}, "fastml": {"min": 1.0}}}
    found = results.ratios({"rows": rows, "limit": 1.0, "reference": small})
    assert found == {
        "over_numpy": 0.5, "best_peer": "faiss", "over_best_peer": 1.5, "over_reference": 6.0,
        "share": 0.5,
    }  # fmt: skip
    case = {"group": "g", "name": "n", "wrong": {}, "missing": {}, "rows": rows, **found}
    assert report.losses({"cases": [case]}) == [case]
    # What bounds spare is no share of a limit.
    assert results.ratios({"rows": rows, "plain_limit": 3.0})["over_plain"] == 1.5


def test_nothing_is_measured_where_the_environment_slows_the_peers():
    assert host.refusal({"PATH": "x", "OPENBLAS_CORETYPE": ""}) == ""
    done = run("bench", "--size", "tiny", OPENBLAS_CORETYPE="Haswell")
    assert done.returncode == 2
    assert "env -u OPENBLAS_CORETYPE python -m bench" in done.stderr


def test_a_folder_below_the_cases_is_found():
    names = [module.__name__ for module in cases.modules()]
    assert {"bench.cases.cluster.fitting", "bench.cases.neural_network.dense"} <= set(names)
    assert names.index("bench.cases.neural_network.dense") < names.index("bench.cases.scaling")
    ids = [case.id for case in cases.all_cases(sizes.SIZES["full"])]
    assert len(set(ids)) == len(ids)
    watched = {fit.name.partition(",")[0] for fit in cases.collected("MEMORY")}
    families = {"KMeans", "MLPClassifier", "DecisionTreeClassifier", "LogisticRegression"}
    assert watched == families


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numpy_as_one_would_write_it_gives_what_the_reference_gives(dtype):
    tolerance = 100 * np.finfo(dtype).eps
    vector = workloads.vector(70_001, dtype)
    for name in ("sigmoid", "sigmoid_derivative"):
        expected = reference_rows.sigmoid_row(name)(vector).call()
        actual = plain.sigmoid_row(name)(vector).call()
        np.testing.assert_allclose(actual, expected, tolerance, np.finfo(dtype).tiny)
    layer = workloads.layer(3001, 17, 33, dtype)
    for name in ("dense_forward", "dense_backward"):
        expected = getattr(reference_rows, name)(layer).call()
        actual = getattr(plain, name)(layer).call()
        checks.close(10 * tolerance, 100 * tolerance)(name, expected, actual, layer)
    training = workloads.classification([5, 9, 4, 1], 300, 64, dtype)
    rows = [reference_rows.epoch(training), plain.epochs(plain.Descent)(training)]
    expected, actual = (row.answer(row.call()) for row in rows)
    checks.movement(1e-3 if dtype == "float32" else 1e-12)("", expected, actual, training)
    expected = reference_rows.probability(training).call()
    np.testing.assert_allclose(plain.probability(training).call(), expected, tolerance)
    batch = workloads.regression([3, 8, 2], 50, dtype)
    rows = [
        reference_rows.tanh_adam(5)(batch), plain.epochs(plain.Adam, 5, regression=True)(batch)
    ]  # fmt: skip
    expected, actual = (row.answer(row.call()) for row in rows)
    checks.movement(1e-3 if dtype == "float32" else 1e-10)("", expected, actual, batch)


def test_momentum_and_nesterov_follow_their_formulas():
    work = workloads.classification([3, 2, 1], 128, 32, "float64")
    for nesterov in (False, True):
        w, v = work.start.copy(), np.zeros_like(work.start)
        network = plain.Network(work, 32)
        for start in range(0, 128, 32):
            network.parameters[...] = w
            network.find_gradient(work.X[start : start + 32], work.y[start : start + 32, None])
            g = network.gradient
            v = 0.9 * v - 0.1 * g
            w = w + (0.9 * v - 0.1 * g if nesterov else v)
        found = truths.trained(work, lambda net, n=nesterov: plain.Descent(net, 0.9, nesterov=n))
        np.testing.assert_allclose(found, w, 1e-12)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_exact_labels_are_the_references_with_ties_and_far_from_the_origin(offset):
    rng = np.random.default_rng(0)
    centers = rng.integers(-2, 3, (9, 3)).astype(float) + offset
    centers[4] = centers[2]
    X = rng.integers(-4, 5, (500, 3)) / 2 + offset  # many rows half-way between centres
    work = workloads.Points(X, centers)
    expected = reference_rows.nearest(work).call()
    np.testing.assert_array_equal(truths.exact_labels(work), expected)


def test_plain_lloyd_ends_where_the_reference_ends():
    work = workloads.blobs(2000, 4, 7, dtype="float64")
    expected = reference_rows.fit(300)(work).call()
    actual = plain.fit(seeding=False, tol=0.0, max_iter=300)(work).call()
    np.testing.assert_allclose(actual.centers, expected.centers, 1e-12)
    assert abs(actual.n_iter - expected.n_iter) <= 1
    assert plain.fit(seeding=False, tol=1e-2, max_iter=300)(work).call().n_iter < actual.n_iter


def test_a_choice_of_other_rows_is_no_seeding():
    work = workloads.blobs(3000, 3, 20)
    truth = seeding._truth(work)
    row = seeding._way(plain.plusplus)(work)
    answer = row.answer(row.call())
    seeding._check("peer", truth, answer, work)
    other = np.roll(answer.exact, 1)
    worse = np.arange(20)
    for wrong in (
        dataclasses.replace(answer, exact=other),
        dataclasses.replace(answer, centers=answer.centers + np.float32(1e-3)),
        dataclasses.replace(answer, rows=worse, centers=work.X[worse]),
    ):
        with pytest.raises(AssertionError):
            seeding._check("peer", truth, wrong, work)


def test_every_optimiser_is_compared_with_its_own_formula():
    (case,) = [c for c in cases.all_cases(sizes.SIZES["tiny"]) if c.group == "optimisers"]
    work = case.inputs()
    truth = case.truth(work)
    assert set(truth) == set(case.rows)
    for name in truth:
        case.check(name, truth, truth[name], work)
    with pytest.raises(AssertionError):
        case.check("fastml, momentum", truth, truth["fastml, Nesterov"], work)
    with pytest.raises(AssertionError):
        case.check("fastml, Adam", truth, truth["fastml"], work)


def test_a_fresh_process_must_give_this_ones_bits():
    cold_start._check("warm cache", "1.5", "1.5", None)
    cold_start._check("floor", "1.5", "", None)
    with pytest.raises(AssertionError):
        cold_start._check("warm cache", "1.5", "1.5000001", None)


def test_libraries_are_named_by_who_brought_them():
    found = peers.libraries()
    assert {"owner", "library", "version", "architecture", "threads"} == set(found[0])
    assert "numpy" in {library["owner"] for library in found}


def test_every_target_names_a_case_that_is_measured():
    every, targets = cases.all_cases(sizes.SIZES["full"]), cases.collected("TARGETS")
    assert len({target.group for target in targets}) > 10
    for target in targets:
        found = [
            case
            for case in every
            if case.group == target.group and case.name.startswith(target.case)
        ]
        assert found, target
        for case in found:
            if target.rival == LIMIT:
                assert case.cost is not None
                assert not case.plain
            elif target.rival != BEST:
                assert set(target.rival) & set(case.rows), target


def test_processors_of_one_brand_are_told_apart():
    about = "cpu family\t: 26\nmodel\t\t: 2\nmodel name\t: AMD EPYC\n"
    assert host.processor(about) == "AMD EPYC (family 26, model 2)"
    assert host.processor("") != ""


def test_a_result_survives_being_stored(tmp_path):
    result = {"time": "now", "limits": {"1": {"read": 1.0}}, "cases": [{"name": "ä"}, {}], "x": []}
    results.save(result, tmp_path / "a" / "b.json")
    assert results.load(tmp_path / "a" / "b.json") == result
    assert json.loads((tmp_path / "a" / "b.json").read_text(encoding="utf-8")) == result
