"""What the report says is what was measured, and its pictures show what they can."""

from __future__ import annotations

from pathlib import Path

from bench import report
from bench.harness import results, targets
from bench.harness.targets import LIMIT, TORCH, Account, Target
from bench.report import style
from bench.report.curves import under_the_roof
from bench.report.targets import account_lines, target_lines

ROOT = Path(__file__).resolve().parents[2]


def test_targets_are_judged_by_the_fastest_rival():
    rows = {"fastml": {"min": 2.0}, "torch": {"min": 9.0}, "torch compiled": {"min": 5.0}}
    case = {"group": "sigmoid", "name": "sigmoid, 64", "rows": rows, "share": 0.7}
    result = {"cases": [case]}
    wanted = [
        Target("sigmoid", "sigmoid,", TORCH, 1.3, "This was tried."),
        Target("sigmoid", "sigmoid,", LIMIT, 0.6),
    ]
    assert [found for _, _, found in targets.verdicts(result, wanted)] == [2.5, 0.7]
    slower = Target("sigmoid", "sigmoid,", TORCH, 0.8, slowest=True)
    assert [found for _, _, found in targets.verdicts(result, [slower])] == [4.5]
    lines = target_lines(result, wanted)
    assert lines[0] == "2 of 2 are kept."
    assert [line.split("|")[-2].strip() for line in lines[4:6]] == ["kept", "kept"]
    case["rows"]["torch compiled"]["min"] = 1.3
    lines = target_lines(result, wanted)
    assert "**missed**: 50 % short" in lines[4]
    assert "at the machine's limit it would be 0.93×" in lines[4]
    assert "This was tried." in lines[-1]


def test_what_stays_under_the_limit_is_accounted_for():
    def case(name, bound, share, group="sigmoid"):
        return {"group": group, "name": name, "bound": bound, "share": share}

    parts = {"rows": {"fastml": {"min": 2.0}}, "account": {"fixed": 0.2, "computing": 1.3}}
    accounted = {**case("a, 1", "arithmetic", 0.84), **parts}
    entries = [
        accounted, case("b", "arithmetic", 0.86), case("c", "memory", 0.64),
        case("d", "memory", 0.66), case("e", "memory", 0.1, "scaling"), {"group": "g", "name": "f"},
    ]  # fmt: skip
    known = [
        Account("sigmoid", "a,", "Divisions wait."),
        Target("sigmoid", "c", LIMIT, 0.9, "Pages are missed."),
        Target("sigmoid", "c", TORCH, 0.9, "Another rival."),
    ]
    lines = account_lines({"cases": entries}, known)
    assert lines[2:] == [
        "| sigmoid: a, 1 | arithmetic | 84 % | 10 % | 65 % | 25 % | Divisions wait. |",
        "| sigmoid: c | memory | 64 % | — | — | — | Pages are missed. |",
    ]
    assert account_lines({"cases": entries[-2:]}, known) == []
    alone = account_lines({"cases": entries[2:3]}, known)  # nothing was taken apart
    assert alone[2:] == ["| sigmoid: c | memory | 64 % | Pages are missed. |"]


def test_no_case_is_drawn_above_the_roof():
    def case(seconds):
        rows = {"fastml": {"min": seconds}}
        about = {"group": "g", "name": "n", "dtype": "float32", "limit": 1.0}
        return {**about, "rows": rows, "flops": 1e9, "bytes": 1e9}

    result = {"limits": {"all": {"flops float32": 1e11, "read": 1e10}}}
    slow, fast = case(0.11), case(0.09)  # memory alone takes 0.1
    assert under_the_roof({**result, "cases": [slow, fast]}, "float32") == [slow]
    assert under_the_roof({**result, "cases": [slow]}, "float64") == []


def test_numbers_on_axes_are_short():
    assert [style.short(x) for x in (0.001, 5000, 10_000, 2_500_000)] == [
        "0.001", "5,000", "10k", "2,500k",
    ]  # fmt: skip


def test_numbers_are_written_to_be_read():
    seconds = (0.0012345, 12.34, 5.678e-7, 0.99999)
    assert [report.duration(s) for s in seconds] == ["1.23 ms", "12.3 s", "568 ns", "1.00 s"]
    assert [report.ratio(r) for r in (None, 0.5, 0.99, 1.31, 27.64)] == [
        "—", "**0.5×**", "0.99×", "1.3×", "27.6×",
    ]  # fmt: skip


def test_the_readme_shows_the_newest_stored_result():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert report.with_table(readme, report.readme_table(results.newest())) == readme


def test_the_results_page_shows_the_newest_stored_result():
    newest = results.newest()
    page = report.RESULTS
    assert page.exists() == (newest is not None)
    if newest is not None:
        assert page.read_text(encoding="utf-8") == report.results_markdown(newest)
