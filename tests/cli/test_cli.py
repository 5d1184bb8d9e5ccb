"""The command line: its reports, and the parts of the demo on little work."""

import contextlib
import io
import os
import subprocess
import sys
from importlib import metadata

import numpy as np
import pytest
from command_line import ROOT, run_module

import fastml
from fastml._cli import (
    bench,
    classifiers,
    demo,
    doctor,
    main,
    photograph,
    races,
    tumours,
    wines,
)  # fmt: skip
from fastml.kernels.machine import notice


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"fastml {fastml.__version__}\n"


def test_a_command_is_required(capsys):
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "demo,doctor,bench,warmup" in capsys.readouterr().err


def test_doctor_reports_threads_and_their_source(monkeypatch):
    monkeypatch.setenv("FASTML_NUM_THREADS", "3")
    assert "3, from FASTML_NUM_THREADS" in doctor.report()
    with fastml.num_threads(5):
        assert "5, from fastml.num_threads" in doctor.report()


def test_doctor_reports_a_bad_variable_instead_of_failing(monkeypatch):
    monkeypatch.setenv("FASTML_NUM_THREADS", "many")
    assert "FASTML_NUM_THREADS must be a positive integer, got 'many'" in doctor.report()


def test_doctor_names_what_is_installed_beside_the_dependencies(monkeypatch):
    monkeypatch.setattr(doctor, "_BESIDE", ("joblib", "no-such-distribution"))
    lines = doctor.report().splitlines()
    assert f"beside them   joblib {metadata.version('joblib')}" in lines
    monkeypatch.setattr(doctor, "_BESIDE", ("no-such-distribution",))
    assert "beside them   none" in doctor.report().splitlines()


def test_doctor_runs_as_a_module_and_counts_the_cache(tmp_path):
    root = tmp_path / "cache"
    result = run_module("doctor", cwd=tmp_path, FASTML_CACHE_DIR=str(root))
    assert result.returncode == 0, result.stderr
    (build,) = root.iterdir()
    assert f"{build}, writable; 0 kernels of this build" in result.stdout
    assert f"FASTML_CACHE_DIR={root}" in result.stdout


def test_doctor_says_when_there_is_no_cache(tmp_path):
    occupied = tmp_path / "file"
    occupied.touch()
    result = run_module("doctor", FASTML_CACHE_DIR=str(occupied))
    assert result.returncode == 0, result.stderr
    assert "none, so every process compiles anew" in result.stdout
    assert f"{occupied} is not a folder" in result.stdout


# --- the self-check ----------------------------------------------------------------------


def check_of(wrong):
    return bench.Check("nothing much", lambda: 1, lambda: 2, lambda ours, theirs: wrong)


def test_bench_says_that_results_are_right(monkeypatch, capsys):
    monkeypatch.setattr(bench, "checks", lambda: [check_of("")])
    assert main(["bench"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("right")


def test_bench_says_what_is_wrong(monkeypatch, capsys):
    monkeypatch.setattr(bench, "checks", lambda: [check_of("labels differ"), check_of("")])
    assert main(["bench"]) == 1
    printed = capsys.readouterr().out
    assert "labels differ" in printed
    assert "doctor" in printed


@pytest.mark.parametrize("number", range(4))
def test_what_bench_checks_is_right(number):
    check = list(bench.checks())[number]
    with pytest.warns() if number == 1 else contextlib.nullcontext():
        assert check.wrong(check.ours(), check.theirs()) == ""


def test_bench_sees_wrong_labels():
    check = next(bench.checks())
    model = check.ours()
    model.labels_ = model.labels_ ^ 1
    assert "labels" in check.wrong(model, check.theirs())


# --- the notice --------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_is_told_of_compiling_and_then_cleared(monkeypatch):
    monkeypatch.setattr(notice, "_wanted", True)
    monkeypatch.setattr(sys, "stderr", Terminal())
    notice.begin("lloyd")
    assert "compiling lloyd" in sys.stderr.getvalue()
    notice.end()
    assert sys.stderr.getvalue().endswith("\r\x1b[K")
    notice.silence()
    before = sys.stderr.getvalue()
    notice.begin("lloyd")
    assert sys.stderr.getvalue() == before


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_a_log_is_told_nothing_of_compiling(stream, monkeypatch):
    monkeypatch.setattr(notice, "_wanted", True)
    monkeypatch.setattr(sys, "stderr", stream)
    notice.begin("lloyd")
    notice.end()
    assert stream is None or stream.getvalue() == ""


def test_a_closed_terminal_is_no_error(monkeypatch):
    monkeypatch.setattr(notice, "_wanted", True)
    closed = Terminal()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    notice.begin("lloyd")
    notice.end()
    monkeypatch.setattr(sys, "stderr", Terminal())
    notice.begin("lloyd")  # one that opens later is told
    assert "compiling lloyd" in sys.stderr.getvalue()


@pytest.mark.skipif(os.name == "nt", reason="pipes break otherwise on Windows")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_early_is_no_error(unbuffered):
    process = subprocess.Popen(
        [sys.executable, "-m", "fastml", "doctor"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 1


@pytest.mark.parametrize("below", [".", "folder"])
def test_an_output_that_cannot_be_written_is_named(below, tmp_path, capsys):
    occupied = tmp_path / "file"
    occupied.touch()
    assert main(["demo", "--output", str(occupied / below)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"The demo cannot write to {occupied / below}: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("command", ["demo", "warmup"])
def test_an_output_without_a_name_is_refused(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--output", ""])
    assert "a folder must have a name" in capsys.readouterr().err


# --- the demo ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def picture():
    """A picture of eight colours and a little noise."""
    generator = np.random.default_rng(0)
    colours = np.array([[r, g, b] for r in (40, 200) for g in (40, 200) for b in (40, 200)])
    picture = colours[generator.integers(8, size=(24, 32))]
    return (picture + generator.integers(-2, 3, size=picture.shape)).astype(np.uint8)


def test_quantise_finds_the_colours(picture):
    quantised = photograph.quantise(picture, 8)
    assert quantised.picture.shape == picture.shape
    assert quantised.picture.dtype == np.uint8
    assert len(np.unique(quantised.picture.reshape(-1, 3), axis=0)) == 8
    assert np.abs(quantised.picture.astype(int) - picture).max() <= 4
    assert quantised.palette[:, 3].sum() == pytest.approx(1)


def test_training_records_every_epoch():
    trained = classifiers.train(classifiers.breast_cancer(), 20)
    assert len(trained.model.loss_curve_) == len(trained.model.gradient_norms_) == 20
    assert trained.model.loss_curve_[-1] < trained.model.loss_curve_[0]
    assert trained.accuracy > trained.majority


def test_held_out_samples_are_not_trained_on():
    for problem in (classifiers.breast_cancer(), classifiers.digits()):
        trained_on = {row.tobytes() for row in problem.X}
        assert not trained_on & {row.tobytes() for row in problem.X_held_out}


def test_neighbours_and_naive_bayes_know_most_wines():
    found = wines.classify()
    assert found.n_train < len(found.X)
    assert found.neighbors_accuracy > 0.9
    assert found.bayes_accuracy > 0.9


def test_comparisons_refuse_results_that_differ(picture, monkeypatch):
    pixels = photograph.as_pixels(picture)
    monkeypatch.setattr(
        races, "nearest_centroid", lambda X, centers: np.zeros(len(X), dtype=np.int32)
    )
    with pytest.raises(RuntimeError, match="labels differ"):
        races.compare_assignment(pixels, pixels[:8], lambda: None)


def test_compare_training_refuses_weights_that_differ(monkeypatch):
    problem = classifiers.breast_cancer()

    def train_too_long(model, problem):
        for _ in range(2):
            classifiers.train_on(model, problem)

    monkeypatch.setattr(races, "train_on", train_too_long)
    with pytest.raises(RuntimeError, match="weights differ"):
        races.compare_training(problem, 2, lambda: None)


def test_demo_writes_its_pictures_and_says_where(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "_EPOCHS", 3)
    monkeypatch.setattr(demo, "_RACED_EPOCHS", 2)
    assert main(["demo", "--output", str(tmp_path / "made" / "here")]) == 0
    printed = capsys.readouterr().out
    assert str(tmp_path / "made" / "here") in printed
    assert "MB below a limit of 1.0 MB" in printed
    assert "the same bits as of the array" in " ".join(printed.split())
    for name in (
        "photograph.png",
        "breast-cancer.png",
        "digits.png",
        "wine-votes.png",
        "wine-densities.png",
        "tumour-tree.png",
    ):
        assert name in printed
        assert (tmp_path / "made" / "here" / name).read_bytes().startswith(b"\x89PNG")


def test_demo_names_what_is_missing(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "fastml._cli.demo")
    monkeypatch.delattr("fastml._cli.demo")
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert main(["demo"]) == 1
    assert "pip install 'fastml-kernels[demo]'" in capsys.readouterr().err


def test_a_small_tree_and_a_forest_know_most_tumours(tmp_path):
    found = tumours.grow()
    assert found.tree.computed_by_ == "fastml"
    assert found.tree.get_n_leaves() == 6
    assert found.tree_accuracy > 0.88
    assert found.forest_accuracy > 0.92
    tumours.save_tree(tmp_path / "tree.png", found)
    assert (tmp_path / "tree.png").stat().st_size > 10_000
