"""The README's examples run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[2] / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_there_is_an_example_of_each_estimator():
    assert {"KMeans", "MLPClassifier"} <= set(re.findall(r"fastml\.(\w+)\(", "".join(EXAMPLES)))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{len(example)} characters")
def test_example_runs(example, capsys):
    exec(compile(example, str(README), "exec"), {})
    assert capsys.readouterr().out.count("\n") >= 2
