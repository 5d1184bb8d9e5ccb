"""Training that is killed at any moment goes on from its checkpoint to the same bits."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from callbacks import Interrupt, Interrupted
from sklearn.base import clone

import fastml
from fastml.core import checkpoint as checkpoints

ROOT = Path(__file__).resolve().parents[2]
COMMON = {"hidden_layer_sizes": (9, 5), "max_iter": 9, "batch_size": 37, "tol": 1e-3}
KINDS = {
    "adam": (fastml.MLPClassifier, {}),
    "sgd": (fastml.MLPClassifier, {"solver": "sgd", "learning_rate": "invscaling"}),
    "adaptive": (
        fastml.MLPRegressor,
        {"solver": "sgd", "learning_rate": "adaptive", "n_iter_no_change": 1, "tol": 0.05},
    ),
    "plain descent": (fastml.MLPRegressor, {"solver": "sgd", "momentum": 0.0, "shuffle": False}),
    "early stopping": (fastml.MLPClassifier, {"early_stopping": True, "n_iter_no_change": 2}),
    "gradients": (
        fastml.MLPRegressor,
        {"record_gradients": True, "solver": "sgd", "nesterovs_momentum": False},
    ),
    "poisson": (fastml.MLPRegressor, {"loss": "poisson", "activation": ["tanh", "relu"]}),
    "class weights": (fastml.MLPClassifier, {"class_weight": {0: 1.0, 1: 2.5, 2: 1.0}}),
}
RESULTS = (
    "loss_curve_", "loss_", "best_loss_", "validation_scores_", "best_validation_score_", "n_iter_",
    "t_", "validation_loss_curve_", "gradient_norms_",
)  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def estimator(kind, random_state=0, **changed):
    made, settings = KINDS[kind]
    return made(**{**COMMON, **settings, "random_state": random_state, **changed})


def data(kind, dtype="float64", n=300):
    random = np.random.default_rng(1)
    X = random.normal(size=(n, 4)).astype(dtype)
    signal = X[:, 0] + X[:, 1] ** 2 + random.normal(size=n)
    if KINDS[kind][0] is fastml.MLPClassifier:
        return X, np.digitize(signal, [0.0, 1.5])
    return X, np.abs(signal)


def results(model):
    found = {name: getattr(model, name) for name in RESULTS if hasattr(model, name)}
    found |= {f"coefs_{i}": W for i, W in enumerate(model.coefs_)}
    return found | {f"intercepts_{i}": b for i, b in enumerate(model.intercepts_)}


def assert_same(a, b):
    assert results(a).keys() == results(b).keys()
    for name, value in results(a).items():
        expected = results(b)[name]
        assert type(value) is type(expected), name
        if expected is None:
            assert value is None, name
        else:
            value, expected = np.asarray(value), np.asarray(expected)
            assert value.dtype == expected.dtype, name
            assert value.tobytes() == expected.tobytes(), name


def interrupted(model, path, count, *samples, **given):
    """Train until ``count`` epochs have begun; return whether training was interrupted."""
    model.set_callbacks(fastml.Checkpoint(path, every=0), Interrupt(count))
    try:
        model.fit(*samples, **given)
    except Interrupted:
        return True
    return False


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_interrupted_after_every_epoch(kind, dtype, tmp_path):
    samples = data(kind, dtype)
    whole = estimator(kind).fit(*samples)
    path = tmp_path / "fit.checkpoint"
    for count in range(whole.n_iter_):
        assert interrupted(estimator(kind), path, count, *samples)
        assert path.exists() == (count > 0)
        model = estimator(kind).set_callbacks(fastml.Checkpoint(path, every=0)).fit(*samples)
        assert_same(model, whole)
        assert os.listdir(tmp_path) == []
    model, count = estimator(kind), 0
    while interrupted(model, path, 1, *samples):  # one epoch a life
        count += 1
    assert_same(model, whole)
    assert count >= whole.n_iter_ - 1


def test_weights_and_validation_data_belong_to_it(tmp_path):
    X, y = data("adam")
    random = np.random.default_rng(2)
    given = {"sample_weight": random.uniform(0, 2, 300), "validation_data": (X[:40], y[:40])}
    whole = estimator("adam").fit(X, y, **given)
    path = tmp_path / "fit.checkpoint"
    assert interrupted(estimator("adam"), path, 4, X, y, **given)
    for changed, match in (
        ({"sample_weight": random.uniform(0, 2, 300)}, "another data"),
        ({"sample_weight": None}, "sample_weight"),
        ({"validation_data": (X[1:41], y[1:41])}, "another data"),
        ({"validation_data": None}, "another data"),
    ):
        model = estimator("adam").set_callbacks(fastml.Checkpoint(path))
        with pytest.raises(ValueError, match=match):
            model.fit(X, y, **{**given, **changed})
        assert not hasattr(model, "coefs_")
    assert_same(estimator("adam").set_callbacks(fastml.Checkpoint(path)).fit(X, y, **given), whole)


def test_a_generator_of_the_users_goes_on_too(tmp_path):
    samples = data("early stopping")
    whole_generator = np.random.RandomState(5)
    whole = estimator("early stopping", whole_generator).fit(*samples)
    path = tmp_path / "fit.checkpoint"
    model = estimator("early stopping", np.random.RandomState(5))
    assert interrupted(model, path, 3, *samples)
    generator = np.random.RandomState(5)
    model = estimator("early stopping", generator).set_callbacks(fastml.Checkpoint(path))
    assert_same(model.fit(*samples), whole)
    assert generator.randint(1 << 30) == whole_generator.randint(1 << 30)


def test_numpys_own_generator_goes_on_from_where_it_was(tmp_path):
    samples = data("early stopping")
    path = tmp_path / "fit.checkpoint"
    np.random.seed(11)  # noqa: NPY002 - what random_state=None stands for
    whole = estimator("early stopping", None).fit(*samples)
    np.random.seed(11)  # noqa: NPY002
    assert interrupted(estimator("early stopping", None), path, 3, *samples)
    np.random.seed(12)  # noqa: NPY002
    model = estimator("early stopping", None).set_callbacks(fastml.Checkpoint(path))
    assert_same(model.fit(*samples), whole)


def test_a_warm_start_is_resumed_from_the_same_start_only(tmp_path):
    X, y = data("adam")
    path = tmp_path / "fit.checkpoint"
    start = estimator("adam", warm_start=True).fit(X, y)
    coefs, intercepts = start.coefs_, start.intercepts_

    def warm():
        model = estimator("adam", warm_start=True).fit(X, y)
        assert all((a == b).all() for a, b in zip(model.coefs_, coefs, strict=True))
        return model

    whole = warm().fit(X, y)
    assert interrupted(warm(), path, 5, X, y)
    other = warm()
    other.coefs_[0][0, 0] += 1
    with pytest.raises(ValueError, match="another start"):
        other.set_callbacks(fastml.Checkpoint(path)).fit(X, y)
    assert_same(warm().set_callbacks(fastml.Checkpoint(path)).fit(X, y), whole)
    assert all((a == b).all() for a, b in zip(start.intercepts_, intercepts, strict=True))


SCRIPT = """
import sys, time
sys.path.insert(0, {tests!r})
import numpy as np, fastml
from test_mlp_checkpoint import data, estimator, results

class Slow:
    def setup(self, estimator, context): pass
    def teardown(self, estimator, context): pass
    def on_fit_task_begin(self, estimator, context): pass
    def on_fit_task_end(self, estimator, context): time.sleep(0.003)

model = estimator({kind!r}, max_iter=40, tol=0.0)
model.set_callbacks(fastml.Checkpoint({path!r}, every=0), Slow())
print("ready", flush=True)
model.fit(*data({kind!r}, n=6000))
print("done", flush=True)
found = {{name: value for name, value in results(model).items() if value is not None}}
np.savez({result!r}, **found)
"""


@pytest.mark.parametrize("kind", ["early stopping", "adaptive"])
def test_killed_at_random_moments(kind, tmp_path):
    path, result = tmp_path / "fit.checkpoint", tmp_path / "result.npz"
    script = SCRIPT.format(
        tests=str(Path(__file__).parent),
        kind=kind,
        path=str(path),
        result=str(result),
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, *sys.path)))}
    random = np.random.default_rng(int.from_bytes(os.urandom(4)))
    n_killed, n_written = 0, 0
    for life in range(5):
        with subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", script], env=environment, text=True,
            stdout=subprocess.PIPE,
        ) as process:  # fmt: skip
            assert process.stdout.readline() == "ready\n"
            if life < 4:
                before = path.stat().st_ino if path.exists() else 0
                while life > 0 and process.poll() is None:  # shortly after it wrote
                    if path.exists() and path.stat().st_ino != before:
                        break
                    time.sleep(0.001)
                time.sleep(random.uniform(0, 0.03))
                process.kill()
            process.wait(timeout=900)
        n_written += path.exists()
        if process.returncode == 0:
            break
        n_killed += 1
    assert n_killed
    assert n_written
    assert os.listdir(tmp_path) == ["result.npz"]
    whole = results(estimator(kind, max_iter=40, tol=0.0).fit(*data(kind, n=6000)))
    with np.load(result) as found:
        assert found.files == [name for name, value in whole.items() if value is not None]
        for name in found.files:
            assert found[name].tobytes() == np.asarray(whole[name]).tobytes(), name


# --- what is refused ------------------------------------------------------------------------------


@pytest.fixture
def unfinished(tmp_path):
    path = tmp_path / "fit.checkpoint"
    assert interrupted(estimator("class weights"), path, 5, *data("class weights"))
    return path


def refuse(model, path, samples, match):
    content, before = path.read_bytes(), dict(vars(model))
    model.set_callbacks(fastml.Checkpoint(path))
    with pytest.raises(ValueError, match=match):
        model.fit(*samples)
    model.set_callbacks()
    assert vars(model) == before
    assert path.read_bytes() == content


def test_a_checkpoint_of_another_training_is_refused(unfinished):
    kind = "class weights"
    X, y = data(kind)
    refuse(estimator(kind), unfinished, (X[::-1], y[::-1]), "another data")
    refuse(estimator(kind), unfinished, (X[:-1], y[:-1]), "another shape of X")
    refuse(estimator(kind), unfinished, (X.astype("float32"), y), "another dtype of X")
    refuse(fastml.MLPRegressor(**COMMON), unfinished, (X, y * 1.0), "another estimator")
    for name, value in (
        ("hidden_layer_sizes", (9, 6)), ("activation", "tanh"), ("solver", "sgd"), ("alpha", 0.5),
        ("batch_size", 36), ("learning_rate_init", 0.1), ("max_iter", 10), ("shuffle", False),
        ("random_state", 1), ("random_state", None), ("tol", 0.5), ("beta_1", 0.5),
        ("class_weight", {0: 1.0, 1: 2.0, 2: 1.0}), ("class_weight", "balanced"),
        ("early_stopping", True), ("weight_init", "he"), ("record_gradients", True),
    ):  # fmt: skip
        refuse(estimator(kind, **{name: value}), unfinished, (X, y), f"another {name}")
    model = estimator(kind, verbose=False, max_time=1e9)  # which decide no bit
    weights = {2: 1.0, 1: 2.5, 0: 1.0}  # the same, in another order
    model.set_params(class_weight=weights).set_callbacks(fastml.Checkpoint(unfinished)).fit(X, y)
    assert_same(model, estimator(kind).fit(X, y))


def test_a_damaged_checkpoint_is_refused(unfinished):
    content = unfinished.read_bytes()
    random = np.random.default_rng(0)
    for at in random.integers(len(content), size=20):
        flipped = bytearray(content)
        flipped[at] ^= 1 << random.integers(8)
        unfinished.write_bytes(bytes(flipped))
        samples = data("class weights")
        refuse(estimator("class weights"), unfinished, samples, "damaged|not a checkpoint|version")


def test_lbfgs_is_refused(tmp_path):
    X, y = data("adam")
    model = estimator("adam", solver="lbfgs").set_callbacks(fastml.Checkpoint(tmp_path / "a"))
    with pytest.raises(TypeError, match="resumed from a Checkpoint: solver='lbfgs'"):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")


# --- how training ends ----------------------------------------------------------------------------


def test_the_file_of_training_that_diverged_is_removed(tmp_path):
    X, y = data("plain descent")
    path = tmp_path / "fit.checkpoint"
    model = estimator("plain descent", learning_rate_init=1e3, activation="identity")
    model.set_callbacks(fastml.Checkpoint(path, every=0))
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="finite"):
        model.fit(X, y)
    assert not path.exists()


def test_an_interrupt_keeps_the_file(tmp_path):
    samples = data("adam")
    path = tmp_path / "fit.checkpoint"

    pressed = Interrupt(4, KeyboardInterrupt)
    model = estimator("adam").set_callbacks(fastml.Checkpoint(path, every=0), pressed)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(*samples)
    assert model.n_iter_ == 4
    assert path.exists()
    again = estimator("adam").set_callbacks(fastml.Checkpoint(path)).fit(*samples)
    assert_same(again, estimator("adam").fit(*samples))


def test_partial_fit_neither_reads_nor_writes_a_file(unfinished):
    X, y = data("class weights")
    content = unfinished.read_bytes()
    model = estimator("class weights", class_weight=None)
    model.set_callbacks(fastml.Checkpoint(unfinished, every=0)).partial_fit(X, y, classes=[0, 1, 2])
    assert unfinished.read_bytes() == content


def test_clones_leave_the_checkpoint_behind(tmp_path):
    model = estimator("adam").set_callbacks(fastml.Checkpoint(tmp_path / "a"))
    assert not hasattr(clone(model), "_skl_callbacks")


def test_a_file_that_cannot_be_removed_costs_no_result(unfinished, monkeypatch):
    samples = data("class weights")

    def fail(*given, **options):
        raise PermissionError("not yours")

    monkeypatch.setattr(checkpoints.Path, "unlink", fail)
    model = estimator("class weights").set_callbacks(fastml.Checkpoint(unfinished))
    with pytest.warns(RuntimeWarning, match="could not be removed"):
        model.fit(*samples)
    assert_same(model, estimator("class weights").fit(*samples))
