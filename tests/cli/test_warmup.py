"""The command that compiles kernels ahead of their use."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool

import pytest
from command_line import ROOT, run_module

from fastml._cli import main, warmup
from fastml._cli.families import ALWAYS, FAMILIES
from fastml.kernels.machine.jit import cache_directory


def test_warmup_fails_where_nothing_can_be_kept(tmp_path):
    occupied = tmp_path / "file"
    occupied.touch()
    result = run_module("warmup", FASTML_CACHE_DIR=str(occupied))
    assert result.returncode == 1
    assert "FASTML_CACHE_DIR" in result.stdout


#: Prints which entries of the folder of kernels are asked for: those that are used or compiled.
NOTING = """
import atexit
from fastml.kernels.machine.store import Store

asked, load = set(), Store.load

def noting(self, key):
    asked.add(self._entry(key))
    return load(self, key)

Store.load = noting
atexit.register(lambda: print(*sorted(asked), sep="\\n"))
"""


def test_warmup_leaves_nothing_to_compile():
    # One element type and order: kernels are compiled for others in the same places.  And the
    # families used below: the others take twice as long to compile.
    warm_up = """
from fastml._cli import warmup
others = "nearest neighbours", "naive Bayes", "linear models", "trees"
for name, use in warmup.paths():
    if name.endswith("float32, C order") and not name.startswith(others):
        use()
"""
    use = """
import numpy as np, fastml
X = np.random.default_rng(0).standard_normal((300, 7)).astype(np.float32)
y = X[:, 0] > 0
for init in ("random", "k-means++"):
    model = fastml.KMeans(5, init=init, n_init=2, random_state=1).fit(X)
    model.fit(X, sample_weight=y + 0.5).transform(X)
fastml.kmeans_plusplus(X, 5, sample_weight=y + 0.5)
fastml.MiniBatchKMeans(5).fit(X, sample_weight=y + 0.5).partial_fit(X).predict(X)
fastml.nearest_centroid(X, model.cluster_centers_)
for solver in ("sgd", "adam"):
    for hidden in ((), (9,), (40, 3)):
        network = fastml.MLPClassifier(hidden, solver=solver, max_iter=20, tol=10)
        network.fit(X, y).predict_proba(X)
regressor = fastml.MLPRegressor(hidden_layer_sizes=(5,), max_iter=20, tol=10)
regressor.fit(X, X[:, :2]).predict(X)
for activation in ("identity", "logistic", "relu", "tanh"):
    a = fastml.dense_forward(X, X[:7, :5], X[0, :5], activation=activation)
    fastml.dense_backward(X, X[:7, :5], a, activation=activation)
fastml.sigmoid(X)
"""
    asked = []
    for code in (warm_up, use):
        result = subprocess.run(
            [sys.executable, "-c", NOTING + code], capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        asked.append(set(result.stdout.split()))
    assert len(asked[1]) > 20
    assert asked[1] <= asked[0]


def test_warmup_runs_every_path_and_says_where_the_kernels_are(monkeypatch, capsys):
    used = []
    monkeypatch.setattr(
        warmup, "paths", lambda: [(name, lambda name=name: used.append(name)) for name in "ab"]
    )
    assert main(["warmup"]) == 0
    assert used == ["a", "b"]
    printed = capsys.readouterr().out
    assert "[ 2/2] b" in printed
    assert str(cache_directory()) in printed


def warm_functions(folder, jobs):
    """Have a process compile the functions into a folder; return the names of what is in it."""
    arguments = ["warmup", "--only", "functions", "--output", str(folder), "--jobs", str(jobs)]
    done = run_module(*arguments, cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Compiling in {jobs} process")
    assert f"kernels in {folder}" in done.stdout
    return sorted(path.name for path in folder.rglob("*.bin"))


def test_warmup_into_a_folder_that_another_process_uses_read_only(tmp_path):
    """Two processes keep there whatever one asks for."""
    folder = tmp_path / "cache"
    kept = warm_functions(folder, 2)
    assert len(kept) > 20
    assert warm_functions(folder, 1) == kept
    for path in (*folder.rglob("*"), folder):
        path.chmod(0o500 if path.is_dir() else 0o400)
    use = "import fastml; print(fastml.sigmoid([0.0])[0])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FASTML_CACHE_DIR": str(folder)}
    result = subprocess.run(
        [sys.executable, "-c", use], env=environment, capture_output=True, text=True
    )
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700)
    assert result.stdout == "0.5\n", result.stderr
    assert sorted(path.name for path in folder.rglob("*.bin")) == kept


def test_warmup_says_so_where_a_process_is_ended_from_outside(monkeypatch, capsys):
    def ended(groups):
        yield groups[0][0], 1.0
        raise BrokenProcessPool

    monkeypatch.setattr(warmup, "_side_by_side", ended)
    assert main(["warmup", "--jobs", "2"]) == 1
    assert capsys.readouterr().out.endswith("lack of memory perhaps: try --jobs 1.\n")


def test_every_step_of_the_warm_up_belongs_to_one_family():
    steps = {name.partition(",")[0] for name, _ in warmup.paths()}
    named = [step for family in FAMILIES.values() for step in family] + list(ALWAYS)
    assert sorted(named) == sorted(steps)


def test_warmup_of_one_family(monkeypatch, capsys):
    used = []
    monkeypatch.setattr(
        warmup,
        "paths",
        lambda: [
            (f"{name}, float32, C order", lambda name=name: used.append(name))
            for name in ("team", "sigmoid", "k-means", "perceptron")
        ],
    )
    assert main(["warmup", "--only", "kmeans", "--only", "functions"]) == 0
    assert used == ["team", "sigmoid", "k-means"]
    with pytest.raises(SystemExit, match="2"):
        main(["warmup", "--only", "means"])
    assert "invalid choice: 'means'" in capsys.readouterr().err


def test_warmup_names_a_folder_that_will_not_do(tmp_path):
    occupied = tmp_path / "file"
    occupied.touch()
    result = run_module("warmup", "--output", str(occupied))
    assert result.returncode == 1
    assert result.stdout.startswith(f"No folder will do for compiled kernels: {occupied}")
    assert result.stderr == ""
