"""The measuring instrument: it runs, it compares, and what it reports is what was measured."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench import compare, groups, report, results, sizes, targets
from bench.case import Cost
from bench.limits import least_seconds

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(cwd), "BENCH_SIZE": "tiny"}
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
    text = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert all(case["name"] in text for case in result["cases"])
    for name in ("speedups", "roofline", "scaling"):
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
    only = "sigmoid and fastml and 32 or sigmoid and NumPy and 32"
    done = run("bench", "--output", str(tmp_path / "out"), "--only", only, cwd=tmp_path)
    assert done.returncode != 0
    result = results.load(tmp_path / "out" / "result.json")
    wrong = [case for case in result["cases"] if "fastml" in case["wrong"]]
    assert [case["name"].split(",")[0] for case in wrong] == ["sigmoid"]
    assert all("fastml" not in case["rows"] for case in wrong)
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


def test_the_limit_is_the_longer_of_arithmetic_and_memory():
    speeds = {"flops float32": 100.0, "read": 10.0, "copy": 8.0}
    limits = {"all": speeds}
    assert least_seconds(Cost(flops=1000.0, read=10.0), "float32", limits) == 10.0
    assert least_seconds(Cost(flops=1.0, read=40.0), "float32", limits) == 4.0
    # 16 bytes copied at 8 a second, 24 more read at 10 a second.
    assert least_seconds(Cost(read=32.0, written=8.0), "float32", limits) == 2.0 + 2.4


def test_turns_are_put_together_and_the_checking_one_counts_only_alone():
    def turn(row: str, number: int, *seconds: float) -> dict[str, object]:
        about = {"case": "c", "row": row, "turn": number}
        return {"extra_info": about, "stats": {"data": list(seconds)}}

    times = results._times(
        [
            turn("fast", 0, 9.0),
            turn("fast", 1, 2.0, 3.0),
            turn("fast", 2, 1.0),
            turn("slow", 0, 8.0),
        ]
    )
    assert times["c", "fast"] == {"min": 1.0, "median": 2.0, "rounds": 3}
    assert times["c", "slow"] == {"min": 8.0, "median": 8.0, "rounds": 1}


def test_the_best_peer_is_neither_the_twin_nor_ours():
    rows = {
        name: {"min": seconds}
        for name, seconds in {
            "NumPy": 1.0, "fastml": 2.0, "fastml, Adam": 0.5, "faiss": 3.0, "torch": 4.0,
        }.items()
    }  # fmt: skip
    found = results.ratios({"rows": rows, "limit": 1.0})
    assert found == {
        "over_numpy": 0.5, "best_peer": "faiss", "over_best_peer": 1.5, "share": 0.5,
    }  # fmt: skip
    case = {"group": "g", "name": "n", "wrong": {}, "missing": {}, "rows": rows, **found}
    assert report.losses({"cases": [case]}) == [case]


def test_every_target_names_a_case_that_is_measured():
    cases = groups.all_cases(sizes.SIZES["full"])
    for target in targets.TARGETS:
        found = [
            case
            for case in cases
            if case.group == target.group and case.name.startswith(target.case)
        ]
        assert found, target
        for case in found:
            if target.rival == targets.LIMIT:
                assert case.cost is not None
            elif target.rival != targets.BEST:
                assert set(target.rival) & set(case.rows), target


def test_targets_are_judged_by_the_fastest_rival():
    rows = {"fastml": {"min": 2.0}, "torch": {"min": 9.0}, "torch compiled": {"min": 5.0}}
    case = {"group": "sigmoid", "name": "sigmoid, 64,000,000 float32", "rows": rows, "share": 0.7}
    result = {"cases": [case]}
    assert [found for _, _, found in targets.verdicts(result)] == [2.5, 0.7]
    lines = report._target_lines(result)
    assert [line.split("|")[-2].strip() for line in lines[2:4]] == ["kept", "kept"]
    case["rows"]["torch compiled"]["min"] = 1.3
    lines = report._target_lines(result)
    assert "**missed**: 50 % short" in lines[2]
    assert targets.TARGETS[-2].tried in lines[-1]


def test_numbers_are_written_to_be_read():
    seconds = (0.0012345, 12.34, 5.678e-7, 0.99999)
    assert [report.duration(s) for s in seconds] == ["1.23 ms", "12.3 s", "568 ns", "1.00 s"]
    assert [report.ratio(r) for r in (None, 0.5, 0.99, 1.31, 27.64)] == [
        "—", "**0.5×**", "0.99×", "1.3×", "27.6×",
    ]  # fmt: skip


def test_processors_of_one_brand_are_told_apart():
    about = {"brand_raw": "AMD EPYC", "family": 26, "model": 2}
    assert results.processor(about) == "AMD EPYC (family 26, model 2)"
    assert results.processor({}) == "unknown processor"


def test_a_result_survives_being_stored(tmp_path):
    result = {"time": "now", "limits": {"1": {"read": 1.0}}, "cases": [{"name": "ä"}, {}], "x": []}
    results.save(result, tmp_path / "a" / "b.json")
    assert results.load(tmp_path / "a" / "b.json") == result
    assert json.loads((tmp_path / "a" / "b.json").read_text(encoding="utf-8")) == result


def test_the_readme_shows_the_newest_stored_result():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert report.with_table(readme, report.readme_table(results.newest())) == readme


def test_the_results_page_shows_the_newest_stored_result():
    newest = results.newest()
    page = report.RESULTS
    assert page.exists() == (newest is not None)
    if newest is not None:
        assert page.read_text(encoding="utf-8") == report.results_markdown(newest)
