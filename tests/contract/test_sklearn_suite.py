"""scikit-learn's own tests of the estimators, with its classes replaced by fastml's.

They run in a process of their own, since the replacement must come before their import.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sklearn

import fastml

TESTS = Path(__file__).parents[1]
SUITES = {
    "sklearn.cluster": ("cluster/tests/test_k_means.py", "cluster/sklearn_deselected.txt"),
    "sklearn.naive_bayes": ("tests/test_naive_bayes.py", "naive_bayes/sklearn_deselected.txt"),
    "sklearn.neighbors": ("neighbors/tests/test_neighbors.py", "neighbors/sklearn_deselected.txt"),
    "sklearn.linear_model": (
        "linear_model/tests/test_base.py",
        "linear_model/sklearn_base_deselected.txt",
    ),
    "sklearn.linear_model: logistic": (
        "linear_model/tests/test_logistic.py",
        "linear_model/sklearn_logistic_deselected.txt",
    ),
    "sklearn.linear_model: ridge": ("linear_model/tests/test_ridge.py", None),
    "sklearn.neural_network": (
        "neural_network/tests/test_mlp.py",
        "neural_network/sklearn_deselected.txt",
    ),
    "sklearn.tree": ("tree/tests/test_tree.py", "tree/sklearn_tree_deselected.txt"),
    "sklearn.tree:split": ("tree/tests/test_split.py", None),
    "sklearn.tree:monotonic": ("tree/tests/test_monotonic_tree.py", None),
    "sklearn.tree:export": ("tree/tests/test_export.py", "tree/sklearn_export_deselected.txt"),
    "sklearn.ensemble": (
        "ensemble/tests/test_forest.py",
        "ensemble/sklearn_deselected.txt",
    ),
}
#: What only campaigns run: the old kind of sparse matrix where sparse arrays go the same way, and
#: estimators that are scikit-learn's own.
LEFT_OUT = "csr_matrix or csc_matrix or coo_matrix or ExtraTrees or RandomTreesEmbedding"


@pytest.mark.borrowed
@pytest.mark.parametrize("module", SUITES)
def test_scikit_learn_tests_pass(module, tmp_path):
    tests, deselected = SUITES[module]
    path = Path(sklearn.__file__).parent / tests
    if not path.exists():
        pytest.skip("scikit-learn is installed without its tests")
    environment = {
        **os.environ,
        "FASTML_SKLEARN_SUITE": module.partition(":")[0],
        "FASTML_SKLEARN_DESELECTED": str(TESTS / deselected) if deselected else os.devnull,
        "PYTHONPATH": os.pathsep.join(
            [str(TESTS.parent), str(TESTS / "support"), os.environ.get("PYTHONPATH", "")]
        ),
    }
    command = [
        sys.executable, "-m", "pytest", "-q",
        "-p", "sklearn_suite_plugin", "-p", "no:cacheprovider",
        "-c", os.devnull, "--rootdir", str(path.parent), str(path),
    ]  # fmt: skip
    if os.environ.get("FASTML_LONG", "0") in ("", "0"):
        command += ["-k", f"not ({LEFT_OUT})"]
    run = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    print(*re.findall(r"^ *\d+ fits of .*$", run.stdout, re.MULTILINE), sep="\n")
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed is not None
    assert int(passed[1]) > 10


def test_fits_of_scikit_learn_have_documented_reasons():
    """The suite fails where a reason is not listed, or where the fit did not ask for it."""
    from delegated_fits import REASONS, Call, is_due

    for reason in REASONS:
        page = (TESTS.parent / "docs" / f"{reason.page}.md").read_text()
        assert reason.words in page, reason.pattern
    X, y = [[0.0], [1.0]], [0, 1]
    positive = Call(fastml.LinearRegression(positive=True), X, y)
    assert is_due("fastml", positive)
    assert is_due("scikit-learn: positive=True", positive)
    assert not is_due("scikit-learn: positive=True", Call(fastml.LinearRegression(), X, y))
    assert not is_due("scikit-learn: it was late", positive)
    neighbors = fastml.NearestNeighbors(metric="chebyshev")
    assert is_due("scikit-learn: metric='chebyshev'", Call(neighbors, X))
    assert not is_due("scikit-learn: metric='l2'", Call(fastml.NearestNeighbors(metric="l2"), X))


def test_every_deselected_test_has_a_reason(tmp_path, monkeypatch):
    from sklearn_suite_plugin import deselected_tests

    for deselected in filter(None, (names for _, names in SUITES.values())):
        assert deselected_tests(TESTS / deselected)
    listed = tmp_path / "deselected.txt"
    listed.write_text("test_something\n")
    with pytest.raises(ValueError, match="No reason"):
        deselected_tests(listed)
