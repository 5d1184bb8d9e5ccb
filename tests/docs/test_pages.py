"""What the site says runs, and what it is written from is all there."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import pytest

import fastml

DOCS = Path(__file__).resolve().parents[2] / "docs"
LISTS = sorted((DOCS.parent / "tests").glob("*/*deselected*.txt"))


@pytest.fixture
def extensions(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS / "_extensions"))
    yield
    for name in ("api_pages", "differences"):
        sys.modules.pop(name, None)


def test_the_start_page_runs(capsys):
    text = (DOCS / "start.md").read_text(encoding="utf-8")
    names = {}
    for example in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(example, "start.md", "exec"), names)
    assert capsys.readouterr().out.count("\n") == 2
    assert names["search"].best_score_ > 0.9


@pytest.mark.parametrize("path", LISTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_test_left_out_stands_in_the_table(path, extensions):
    import differences
    from sklearn_suite_plugin import deselected_tests

    table = differences.table()
    for name, reason in deselected_tests(path).items():
        assert f"`{name}`" in table
        assert reason[1:].replace("*", "\\*") in table


def test_a_test_left_out_without_a_reason_is_refused(extensions, tmp_path):
    import differences

    listed = tmp_path / "sklearn_deselected.txt"
    listed.write_text("test_something\n")
    with pytest.raises(ValueError, match="no reason"):
        differences.left_out(listed)


def test_every_public_name_has_a_page(extensions):
    import api_pages

    pages = api_pages.pages()
    for name in fastml.__all__:
        value = getattr(fastml, name)
        if not inspect.ismodule(value) and name != "__version__":
            assert f"fastml.{name}" in pages or any(page.endswith(f".{name}") for page in pages)
    for room in ("inspection", "reference", "naive_bayes"):
        for name in getattr(fastml, room).__all__:
            assert any(page.endswith(f".{name}") for page in pages), name
    assert "automethod:: partial_fit" in pages["fastml.MiniBatchKMeans"]
