"""A fit that is killed at any moment goes on from its checkpoint to the same bits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from callbacks import Interrupt, Interrupted, Onlooker
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import fastml
from fastml.core import checkpoint as checkpoints

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ("cluster_centers_", "labels_", "inertia_", "n_iter_")
KINDS = {
    "runs": (fastml.KMeans, {"n_init": 3, "init": "random", "tol": 0.0, "max_iter": 12}),
    "cosine": (fastml.KMeans, {"metric": "cosine", "tol": 0.0, "max_iter": 12}),
    "lloyd": (fastml.KMeans, {"algorithm": "lloyd", "max_iter": 12}),
    "converges": (fastml.KMeans, {"init": "random", "n_init": 2}),
    "batches": (fastml.MiniBatchKMeans, {"n_init": 2, "batch_size": 50, "max_iter": 2}),
    "batches to tol": (fastml.MiniBatchKMeans, {"tol": 1e-4, "batch_size": 64, "max_iter": 3}),
}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def data(seed=0, n_samples=900, dtype="float32"):
    random = np.random.default_rng(seed)
    return (random.normal(size=(n_samples, 4)) + random.integers(0, 3, (n_samples, 1))).astype(
        dtype
    )


def estimator(kind, random_state=0):
    made, settings = KINDS[kind]
    return made(11, random_state=random_state, **settings)


def assert_same(a, b):
    for name in RESULTS:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def interrupted(model, path, count, X, **given):
    """Fit for ``count`` iterations; return whether the fit was interrupted."""
    model.set_callbacks(fastml.Checkpoint(path, every=0), Interrupt(count))
    try:
        model.fit(X, **given)
    except Interrupted:
        return True
    return False


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighted", [False, True])
def test_interrupted_after_every_iteration(kind, weighted, tmp_path):
    X = data()
    given = {"sample_weight": np.random.default_rng(1).uniform(0, 3, len(X))} if weighted else {}
    whole = estimator(kind).fit(X, **given)
    path = tmp_path / "fit.checkpoint"
    for count in (0, 1, 2, 5, 9, 17, 30):
        model = estimator(kind)
        if interrupted(model, path, count, X, **given):
            assert path.exists() == (count > 0)
            model = estimator(kind).set_callbacks(fastml.Checkpoint(path, every=0))
            model.fit(X, **given)
        assert_same(model, whole)
        assert os.listdir(tmp_path) == []
    model, count = estimator(kind), 0
    while interrupted(model, path, 1, X, **given):  # one iteration a life
        count += 1
    assert_same(model, whole)
    assert count > 3


def test_counts_go_on_and_a_users_generator_too(tmp_path):
    X = data()
    whole_generator, generator = np.random.RandomState(5), np.random.RandomState(5)
    whole = estimator("runs", whole_generator).fit(X)
    assert interrupted(estimator("runs", generator), tmp_path / "a", 17, X)
    generator = np.random.RandomState(5)
    model = estimator("runs", generator)
    model.set_callbacks(fastml.Checkpoint(tmp_path / "a")).fit(X)
    assert_same(model, whole)
    assert (model.n_scored_, model.n_decided_) == (whole.n_scored_, whole.n_decided_)
    assert generator.randint(1 << 30) == whole_generator.randint(1 << 30)


@pytest.mark.parametrize("n_features", [64, 70])
@pytest.mark.parametrize("orders", ["CF", "FC"])
def test_goes_on_where_x_lies_in_memory_another_way(orders, n_features, tmp_path):
    """With few centres and many features, centres are laid out as the rows are."""
    first, second = orders
    random = np.random.default_rng(2)
    X = random.normal(size=(3000, n_features)).astype("float32")
    settings = {"init": "random", "n_init": 2, "tol": 0.0, "max_iter": 20, "random_state": 0}
    whole = fastml.KMeans(3, **settings).fit(X)
    for count in (1, 4, 25):
        path = tmp_path / "fit.checkpoint"
        assert interrupted(fastml.KMeans(3, **settings), path, count, X.copy(first))
        model = fastml.KMeans(3, **settings).set_callbacks(fastml.Checkpoint(path))
        assert_same(model.fit(X.copy(second)), whole)
        assert model.n_iter_ > 5


SCRIPT = """
import sys, time
sys.path.insert(0, {tests!r})
import numpy as np, fastml
from test_kmeans_checkpoint import data, estimator

class Slow:
    def setup(self, estimator, context): pass
    def teardown(self, estimator, context): pass
    def on_fit_task_begin(self, estimator, context): pass
    def on_fit_task_end(self, estimator, context): time.sleep(0.004)

model = estimator({kind!r}).set_callbacks(fastml.Checkpoint({path!r}, every=0), Slow())
print("ready", flush=True)
model.fit(data(n_samples=40_000))
print("done", flush=True)
np.savez({result!r}, **{{name: getattr(model, name) for name in {names!r}}})
"""


@pytest.mark.parametrize("kind", ["runs", "batches"])
def test_killed_at_random_moments(kind, tmp_path):
    path, result = tmp_path / "fit.checkpoint", tmp_path / "result.npz"
    script = SCRIPT.format(
        tests=str(Path(__file__).parent), kind=kind, path=str(path), result=str(result),
        names=RESULTS,
    )  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, *sys.path)))}
    random = np.random.default_rng(int.from_bytes(os.urandom(4)))
    n_killed, n_written = 0, 0
    for life in range(4):
        with subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", script], env=environment, text=True,
            stdout=subprocess.PIPE,
        ) as process:  # fmt: skip
            assert process.stdout.readline() == "ready\n"
            if life < 3:
                before = path.stat().st_ino if path.exists() else 0
                # Anywhere in its life, or shortly after it wrote; by then others may be at work.
                while life > 0 and process.poll() is None:
                    if path.exists() and path.stat().st_ino != before:
                        break
                    time.sleep(0.001)
                time.sleep(random.uniform(0, 0.05))
                process.kill()
            process.wait(timeout=900)
        n_written += path.exists()
        if process.returncode == 0:
            break
        n_killed += 1
    assert n_killed
    assert n_written
    assert os.listdir(tmp_path) == ["result.npz"]
    whole = estimator(kind).fit(data(n_samples=40_000))
    with np.load(result) as found:
        for name in RESULTS:
            np.testing.assert_array_equal(found[name], getattr(whole, name))


# --- what is refused ------------------------------------------------------------------------------


@pytest.fixture
def unfinished(tmp_path):
    path = tmp_path / "fit.checkpoint"
    assert interrupted(estimator("runs"), path, 5, data())
    return path


def refuse(model, path, X, match, **given):
    content = path.read_bytes()
    before = dict(vars(model))
    model.set_callbacks(fastml.Checkpoint(path))
    with pytest.raises(ValueError, match=match):
        model.fit(X, **given)
    model.set_callbacks()
    assert vars(model) == before
    assert path.read_bytes() == content


def test_a_checkpoint_of_another_fit_is_refused(unfinished):
    X = data()
    other = X.copy()
    other[-1, 2] += 1
    refuse(estimator("runs"), unfinished, other, "another data")
    refuse(estimator("runs"), unfinished, X[:-1], "another shape of X")
    refuse(estimator("runs"), unfinished, X.astype(float), "another dtype of X")
    refuse(
        estimator("runs"), unfinished, X, "another (shape|dtype) of sample_weight",
        sample_weight=np.ones(len(X)),
    )  # fmt: skip
    refuse(estimator("batches"), unfinished, X, "another estimator")
    for name, value in (
        ("n_clusters", 12), ("tol", 1e-3), ("random_state", 1), ("random_state", None),
        ("init", "k-means++"), ("init", lambda X, k, random_state: X[:k]),
        ("n_init", 4), ("max_iter", 13), ("metric", "cosine"), ("algorithm", "lloyd"),
        ("random_state", np.random.RandomState(0)),
    ):  # fmt: skip
        model = estimator("runs").set_params(**{name: value})
        refuse(model, unfinished, X, f"another {name}")
    model = estimator("runs").set_params(verbose=False, max_time=1e9, copy_x=False)
    model.set_callbacks(fastml.Checkpoint(unfinished)).fit(X)  # which decide no bit
    assert_same(model, estimator("runs").fit(X))


def test_a_damaged_checkpoint_is_refused(unfinished):
    X, content = data(), unfinished.read_bytes()
    random = np.random.default_rng(0)
    lines = content.split(b"\n", 3)
    header = json.loads(lines[2])
    header["identity"]["fastml version"] = "0.0.0"
    rest = json.dumps(header).encode() + b"\n" + lines[3]
    digest = checkpoints.hashlib.sha256(rest).hexdigest().encode()
    wrong = {
        content.replace(b"checkpoint 3", b"checkpoint 9"): "another version of the format",
        b"\n".join((lines[0], digest, rest)): "another fastml version",
        b"": "is not a checkpoint",
        b"PK" + content: "is not a checkpoint",
        content[:-1]: "damaged",
        content + b"\0": "damaged",
        content[:40]: "damaged",
    }
    for at in random.integers(len(lines[0]) + 1, len(content), 30):
        flipped = bytearray(content)
        flipped[at] ^= 1 << random.integers(8)
        wrong[bytes(flipped)] = "damaged"
    for spoilt, match in wrong.items():
        unfinished.write_bytes(spoilt)
        refuse(estimator("runs"), unfinished, X, match)


def test_nothing_is_pickled(unfinished):
    content = unfinished.read_bytes()
    lines = content.split(b"\n", 3)
    assert lines[0] == b"fastml checkpoint 3"
    packed = checkpoints.io.BytesIO()
    np.savez(packed, key=np.array([{}], object))
    rest = lines[2] + b"\n" + packed.getvalue()
    digest = checkpoints.hashlib.sha256(rest).hexdigest().encode()
    unfinished.write_bytes(b"\n".join((lines[0], digest, rest)))
    refuse(estimator("runs"), unfinished, data(), "damaged")


# --- files ----------------------------------------------------------------------------------------


def test_a_write_that_fails_leaves_the_old_file(unfinished, monkeypatch):
    X, content = data(), unfinished.read_bytes()

    def fail(*given):
        raise OSError("no space left")

    monkeypatch.setattr(checkpoints.os, "fsync", fail)
    model = estimator("runs").set_callbacks(fastml.Checkpoint(unfinished, every=0), Interrupt(3))
    with pytest.warns(RuntimeWarning, match="could not be written"), pytest.raises(Interrupted):
        model.fit(X)
    assert unfinished.read_bytes() == content
    assert os.listdir(unfinished.parent) == [unfinished.name]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_what_is_no_file_is_refused_and_stays(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # reading it would never end
    for path in (pipe, tmp_path):
        model = estimator("runs").set_callbacks(fastml.Checkpoint(path))
        with pytest.raises(ValueError, match="is no file"):
            model.fit(data())
    assert os.listdir(tmp_path) == [pipe.name]


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    for path in (tmp_path / "none" / "fit.checkpoint", Path(__file__) / "fit.checkpoint"):
        model = estimator("runs").set_callbacks(fastml.Checkpoint(path))
        with pytest.raises(ValueError, match=r"folder of the checkpoint .* cannot be written to"):
            model.fit(data())
        assert not hasattr(model, "labels_")


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    model = estimator("runs").set_callbacks(fastml.Checkpoint(tmp_path / "fit.checkpoint"))
    with pytest.raises(ValueError, match="cannot be written to"):
        model.fit(data())


@pytest.mark.parametrize("how", ["goes away", "becomes a folder"])
def test_a_path_that_changes_during_the_fit(how, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "fit.checkpoint"

    class Change(Onlooker):
        left = 4

        def on_fit_task_end(self, estimator, context):
            self.left -= 1
            if self.left == 0:
                path.unlink()
                path.mkdir() if how == "becomes a folder" else folder.rmdir()

    model = estimator("runs").set_callbacks(fastml.Checkpoint(path, every=0), Change())
    with pytest.warns(RuntimeWarning, match=r"could not be (written|removed)"):
        model.fit(data())
    assert_same(model, estimator("runs").fit(data()))
    assert not folder.exists() or os.listdir(folder) == [path.name]


FULL = """
import resource, sys, warnings
sys.path.insert(0, {tests!r})
import fastml
from test_kmeans_checkpoint import assert_same, data, estimator

whole = estimator("runs").fit(data())
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))  # as on a disk with so much room
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    model = estimator("runs").set_callbacks(fastml.Checkpoint({path!r}, every=0)).fit(data())
assert_same(model, whole)
print(*{{str(warning.message) for warning in said if warning.category is RuntimeWarning}})
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of the system's")
def test_a_full_disk_is_a_warning(tmp_path):
    path = tmp_path / "fit.checkpoint"
    script = FULL.format(tests=str(Path(__file__).parent), path=str(path))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, *sys.path)))}
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], env=environment, text=True, check=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert "could not be written: [Errno 27] File too large" in found.stdout
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs files with holes")
def test_a_huge_file_that_is_no_checkpoint_is_not_read(tmp_path):
    path = tmp_path / "huge"
    with open(path, "wb") as file:
        file.truncate(1 << 40)
    model = estimator("runs").set_callbacks(fastml.Checkpoint(path))
    with pytest.raises(ValueError, match="is not a checkpoint"):
        model.fit(data())
    assert path.stat().st_size == 1 << 40


def test_what_a_killed_write_left_is_cleared_away(unfinished):
    left = unfinished.parent / f".{unfinished.name}.abc.tmp"
    left.write_bytes(b"half")
    other = unfinished.parent / ".other.abc.tmp"
    other.write_bytes(b"not ours")
    estimator("runs").set_callbacks(fastml.Checkpoint(unfinished)).fit(data())
    assert os.listdir(unfinished.parent) == [other.name]


def test_written_no_more_often_than_asked(tmp_path, monkeypatch):
    written = []
    before = checkpoints.CheckpointFile._write
    monkeypatch.setattr(
        checkpoints.CheckpointFile, "_write", lambda *a: written.append(1) or before(*a)
    )
    X = data()
    estimator("runs").set_callbacks(fastml.Checkpoint(tmp_path / "a", every=1e6)).fit(X)
    assert not written
    estimator("runs").set_callbacks(fastml.Checkpoint(tmp_path / "a", every=0)).fit(X)
    assert len(written) > 12


def test_clones_leave_the_checkpoint_behind(tmp_path):
    X = data()
    path = tmp_path / "fit.checkpoint"
    stop = Interrupt(10**9)
    model = estimator("runs").set_callbacks(fastml.Checkpoint(path, every=0), stop)
    assert clone(model)._skl_callbacks == [stop]
    model.set_callbacks(fastml.Checkpoint(path, every=0))
    assert not hasattr(clone(model), "_skl_callbacks")
    search = GridSearchCV(model, {"n_clusters": [2, 3, 5]}, cv=2).fit(X)
    plain = GridSearchCV(estimator("runs"), {"n_clusters": [2, 3, 5]}, cv=2).fit(X)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"]
    )
    assert not path.exists()


@pytest.mark.parametrize("every", [-1, np.inf, np.nan, "often", None])
def test_every_is_a_number_of_seconds(every):
    with pytest.raises(ValueError, match="every must be a number of seconds"):
        fastml.Checkpoint("fit.checkpoint", every=every)


def test_one_checkpoint_at_a_time(tmp_path):
    model = estimator("runs")
    model.set_callbacks(fastml.Checkpoint(tmp_path / "a"), fastml.Checkpoint(tmp_path / "b"))
    with pytest.raises(ValueError, match="2 checkpoints, expected one"):
        model.fit(data())


def test_other_estimators_are_refused(tmp_path):
    from sklearn.linear_model import LogisticRegression

    with pytest.raises(TypeError, match="LogisticRegression cannot be resumed"):
        fastml.Checkpoint(tmp_path / "a").setup(LogisticRegression(), None)
