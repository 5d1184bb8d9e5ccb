"""A fit of blocks has the bits of the fit of an array: any source, chunk, threads, limit."""

from __future__ import annotations

import numpy as np
import pytest
from block_fits import FITS, PREDICTING, WIDELY, D, problem, same
from row_sources import KINDS, open_as

import fastml

A_FEW = ("npy_files", "parquet", "factory")


@pytest.mark.parametrize(
    ("kind", "fit"),
    [
        (k, f)
        for k in KINDS
        for f in FITS
        if f in WIDELY or k in ("npy_files", "parquet", "factory")
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_every_kind_of_source(fit, kind, weighted, tmp_path):
    X, y, w = problem()
    w = w if weighted else None
    expected = FITS[fit](X, y, w)
    for chunk, limit in ((211, None), (4099, "1 MiB")):
        folder = tmp_path / str(chunk)
        folder.mkdir()
        with fastml.engine(memory_limit=limit):
            same(FITS[fit](open_as(kind, X, chunk, folder), y, w), expected)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_any_number_of_threads(fit, dtype, tmp_path, shared_work):
    X, y, w = problem(dtype)
    expected = FITS[fit](X, y, w)
    for n in (1, 2, 7):
        folder = tmp_path / str(n)
        folder.mkdir()
        with fastml.num_threads(n), fastml.engine(memory_limit="2 MiB"):
            same(FITS[fit](open_as("npy_files", X, 503, folder), y, w), expected)


@pytest.mark.parametrize("fit", FITS)
def test_targets_and_weights_of_the_same_file(fit, tmp_path):
    X, y, w = problem("float64")
    expected = FITS[fit](X, y, w)
    both = np.column_stack([X[:, :2], y, X[:, 2:], w])
    for kind in ("npy", "parquet", "hdf5"):
        names = [f"x{j}" for j in range(D + 2)] if kind == "parquet" else range(D + 2)
        found = open_as(kind, both, 811, tmp_path, target=names[2], sample_weight=names[D + 1])
        rows, targets, weights = found
        targets = targets.astype(np.int64)
        same(FITS[fit](rows, targets, weights), expected)


@pytest.mark.parametrize("fit", PREDICTING)
def test_predictions_are_those_of_the_array(fit, tmp_path):
    X, y, w = problem()
    model = FITS[fit](X, y, w)
    methods = ("predict", "predict_proba", "predict_log_proba", "transform")
    found = [open_as(kind, X, 1009, tmp_path) for kind in ("npy", "parquet", "memmap")]
    for name in methods:
        if hasattr(model, name):
            expected = getattr(model, name)(X)
            for rows in found:
                for limit in (None, "1 MiB"):
                    with fastml.engine(memory_limit=limit):
                        result = getattr(model, name)(rows)
                    assert result.dtype == expected.dtype
                    np.testing.assert_array_equal(result, expected)
    if hasattr(model, "score"):
        targets = np.roll(model.predict(X), 1)
        assert model.score(found[0], targets) == model.score(X, targets)


@pytest.mark.parametrize("fit", FITS)
def test_a_fit_that_raises_leaves_the_estimator_as_it_was(fit, tmp_path):
    X, y, w = problem("float64")
    model = FITS[fit](X, y, w)
    before = dict(vars(model))
    X[8000, 1] = np.nan
    bad = open_as("npy", X, 1, tmp_path)
    with pytest.raises(ValueError, match=r"(?s)contains NaN.*row 8000, column 1 of .*X\.npy"):
        model.fit(bad, y, w)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(bad, y[:-1], w[:-1])
    with pytest.raises(ValueError, match="Negative values"):
        model.fit(open_as("array", np.abs(np.nan_to_num(X)), 1, tmp_path), y, w - 1e-9)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is before[name] for name in before)


@pytest.mark.parametrize("fit", PREDICTING)
def test_names_of_features(fit, tmp_path):
    X, y, w = problem()
    rows = open_as("parquet", X, 3001, tmp_path)
    model = FITS[fit](rows, y, w)
    assert list(model.feature_names_in_) == [*(f"x{j}" for j in range(D))]
    np.testing.assert_array_equal(model.predict(rows), FITS[fit](X, y, w).predict(X))
    other = fastml.blocks(
        str(tmp_path / "X.parquet"), columns=["x1", "x0", *(f"x{j}" for j in range(2, D))]
    )
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(other)
    with pytest.raises(ValueError, match="X has 2 features, but"):
        model.predict(fastml.blocks(X[:, :2]))
    assert not hasattr(FITS[fit](fastml.blocks(X), y, w), "feature_names_in_")
