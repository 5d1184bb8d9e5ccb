"""Trees and forests of files: the same tree as of an array, the rows not in memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from block_fits import problem
from row_sources import KINDS, open_as
from sklearn.base import clone

import fastml
from fastml.tree._blocks import OF_CLASSES, OF_NUMBERS, held_bytes

ROOT = Path(__file__).resolve().parents[2]

MODELS = {
    "tree": fastml.DecisionTreeClassifier(),
    "entropy": fastml.DecisionTreeClassifier(
        criterion="entropy", class_weight="balanced", max_leaf_nodes=50
    ),
    "drawn": fastml.DecisionTreeClassifier(max_features=3, random_state=0, ccp_alpha=1e-5),
    "regression": fastml.DecisionTreeRegressor(max_depth=7, min_samples_leaf=5),
    "poisson": fastml.DecisionTreeRegressor(criterion="poisson", max_depth=5),
    "forest": fastml.RandomForestClassifier(3, random_state=0, max_depth=9),
    "means": fastml.RandomForestRegressor(2, random_state=0, max_depth=5),
    "scikit-learn's": fastml.DecisionTreeClassifier(splitter="random", random_state=0, max_depth=4),
}


def fit(name, *data):
    """Return a model fitted."""
    return clone(MODELS[name]).fit(*data)


def nodes(model):
    """Return the nodes of all trees of a model."""
    trees = getattr(model, "estimators_", [model])
    return [tree.tree_.__getstate__()["nodes"].tobytes() for tree in trees]


def values(model):
    return [t.tree_.value.tobytes() for t in getattr(model, "estimators_", [model])]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", ["npy", "npy_files", "parquet", "factory"])
def test_the_tree_of_the_array(name, kind, tmp_path):
    X, y, w = problem()
    w = np.ceil(np.minimum(w, 9))
    expected = fit(name, X, y, w)
    with fastml.engine(memory_limit="64MB"):
        model = fit(name, open_as(kind, X, 997, tmp_path), y, w)
    assert nodes(model) == nodes(expected)
    assert values(model) == values(expected)
    assert model.computed_by_ == expected.computed_by_
    assert model.n_features_in_ == X.shape[1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_every_kind_of_source(kind, dtype, tmp_path):
    X, y, _ = problem(dtype)
    expected = fit("tree", X, y)
    with fastml.num_threads(1 if kind in list(KINDS)[::2] else 3):
        model = fit("tree", open_as(kind, X, 4001, tmp_path), y)
    assert nodes(model) == nodes(expected)
    (tmp_path / "again").mkdir()
    again = open_as(kind, X, 4001, tmp_path / "again")
    np.testing.assert_array_equal(model.predict(again), expected.predict(X))


def test_missing_values_and_names(tmp_path):
    X, y, _ = problem()
    X[::7, 2] = np.nan
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    names = [f"x{j}" for j in range(X.shape[1])]
    pyarrow.parquet.write_table(
        pa.table(dict(zip(names, X.T, strict=True))), tmp_path / "X.parquet"
    )
    model = fit("tree", fastml.blocks(tmp_path / "X.parquet"), y)
    assert nodes(model) == nodes(fit("tree", X, y))
    assert list(model.feature_names_in_) == names


def test_targets_and_weights_of_the_file(tmp_path):
    X, y, _ = problem("float64")
    rows, targets, weights = open_as(
        "npy", np.column_stack([X, y, y % 3 + 1]), 811, tmp_path,
        target=X.shape[1], sample_weight=X.shape[1] + 1,
    )  # fmt: skip
    model = fit("regression", rows, targets, weights)
    assert nodes(model) == nodes(fit("regression", X, y, y % 3 + 1))
    path = model.cost_complexity_pruning_path(rows, targets)
    np.testing.assert_array_equal(
        path.ccp_alphas, model.cost_complexity_pruning_path(X, y).ccp_alphas
    )


@pytest.mark.parametrize("name", ["tree", "forest"])
def test_codes_that_do_not_fit_are_refused_and_nothing_is_changed(name, tmp_path):
    X, y, _ = problem()
    model = fit(name, X[:500], y[:500])
    before = model.predict(X)
    with (
        fastml.engine(memory_limit="2MB"),
        pytest.raises(ValueError, match=r"Codes and targets of .* would take .* above the limit"),
    ):
        model.fit(open_as("npy", X, 1, tmp_path), y)
    np.testing.assert_array_equal(model.predict(X), before)


def test_scikit_learns_code_needs_all_rows(tmp_path):
    X, y, _ = problem()
    with (
        fastml.engine(memory_limit="1 MiB"),
        pytest.raises(ValueError, match="this needs all rows at once"),
    ):
        fit("scikit-learn's", open_as("npy", X, 1, tmp_path), y)


def test_it_is_told_before(tmp_path, capsys):
    X = open_as("npy", problem()[0], 1, tmp_path)
    X.explain(MODELS["tree"])
    assert "must fit" in capsys.readouterr().out
    X.explain(MODELS["forest"])
    assert "must fit" in capsys.readouterr().out
    X.explain(MODELS["scikit-learn's"])
    assert "needs all rows at once" in capsys.readouterr().out


#: Fits on a little first, then the system refuses more than was said; see tests/execution.
CHILD = """
import hashlib, resource
import numpy as np, fastml
from pathlib import Path

def data():
    (line,) = [l for l in Path("/proc/self/status").read_text().splitlines() if "VmData" in l]
    return int(line.split()[1]) * 1024
X = fastml.blocks({path!r})
y = np.random.default_rng(1).normal(size=len(X)).astype(np.float32)
y = y if {numbers} else (y > 0).astype(np.int8)
model = fastml.DecisionTree{kind}(max_depth=8)
model.fit(X[:20_000], y[:20_000])
resource.setrlimit(resource.RLIMIT_DATA, (data() + {limit}, -1))
with fastml.engine(memory_limit={limit}):
    model.fit(X, y)
print(hashlib.sha256(model.tree_.threshold.tobytes()).hexdigest())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
@pytest.mark.parametrize(
    ("kind", "row_bytes"), [("Classifier", OF_CLASSES), ("Regressor", OF_NUMBERS)]
)
def test_no_more_memory_than_was_said(kind, row_bytes, tmp_path):
    import hashlib

    X = np.random.default_rng(0).normal(size=(500_000, 60)).astype(np.float32)
    path = str(tmp_path / "X.npy")
    np.save(path, X)
    limit = int(1.1 * held_bytes(X.shape, row_bytes))
    code = CHILD.format(path=path, kind=kind, numbers=kind == "Regressor", limit=limit)
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    y = np.random.default_rng(1).normal(size=len(X)).astype(np.float32)
    y = y if kind == "Regressor" else (y > 0).astype(np.int8)
    model = getattr(fastml, f"DecisionTree{kind}")(max_depth=8).fit(X, y)
    assert run.stdout.strip() == hashlib.sha256(model.tree_.threshold.tobytes()).hexdigest()


@pytest.mark.parametrize("name", ["tree", "regression", "forest"])
def test_read_only_rows_with_missing_values(name):
    X, y, _ = problem()
    X[::7, 2] = np.nan
    closed = X.copy()
    closed.flags.writeable = False
    model, expected = fit(name, closed, y), fit(name, X, y)
    assert nodes(model) == nodes(expected)
    np.testing.assert_array_equal(model.predict(closed), expected.predict(X))
