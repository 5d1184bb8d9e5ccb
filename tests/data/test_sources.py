"""Every source gives the rows that were put in, wherever they are cut, and says what is wrong."""

from __future__ import annotations

import os
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.dataset as pd
import pyarrow.parquet as pq
import pytest
import zarr
from row_sources import KINDS, as_table, open_as

import fastml
from fastml.core.passes import Piece
from fastml.data import Blocks, is_blocks
from fastml.data import as_table as table_of_rows


def rows(n=1000, d=3, dtype="float32", seed=0):
    return (np.random.default_rng(seed).normal(size=(n, d)) + 1e6).astype(dtype)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
@pytest.mark.parametrize("chunk", [13, 997, 2003])
def test_rows_are_what_was_put_in(kind, dtype, chunk, tmp_path):
    X = rows(dtype=dtype) if dtype != "int16" else rows(dtype="int64").astype("int16")
    found = open_as(kind, X, chunk, tmp_path)
    assert isinstance(found, Blocks)
    assert found.shape == X.shape
    assert found.dtype == X.dtype
    cuts = found.cheap_cuts
    assert list(cuts) == sorted(set(cuts))
    assert all(0 <= cut <= len(X) for cut in cuts)
    for start, stop in ((0, 1000), (0, 0), (999, 1000), (13, 14), (500, 507), (1, 998), (12, 14)):
        np.testing.assert_array_equal(found.read(start, stop), X[start:stop])
        out = np.zeros((stop - start, 3), X.dtype)
        assert found.read(start, stop, out) is out
        np.testing.assert_array_equal(out, X[start:stop])
        view = found.view(start, stop)
        assert view is None or np.array_equal(view, X[start:stop])
    np.testing.assert_array_equal(found[990:], X[990:])
    np.testing.assert_array_equal(np.asarray(found), X)
    for start, stop in ((-1, 3), (0, 1001), (5, 4)):
        with pytest.raises(ValueError, match="has no rows"):
            found.read(start, stop)
    with pytest.raises(ValueError, match="out must be"):
        found.read(0, 2, np.empty((3, 3), X.dtype))


@pytest.mark.parametrize("kind", KINDS)
def test_threads_may_read_at_once(kind, tmp_path):
    X = rows(5000)
    found = open_as(kind, X, 101, tmp_path)
    random = np.random.default_rng(1)
    parts = [sorted(random.integers(0, 5001, 2)) for _ in range(60)]
    with ThreadPoolExecutor(5) as pool:
        for (a, b), some in zip(parts, pool.map(lambda p: found.read(*p), parts), strict=True):
            np.testing.assert_array_equal(some, X[a:b])


@pytest.mark.parametrize("kind", KINDS)
def test_another_process_opens_the_source_again(kind, tmp_path):
    X = rows(300)
    found = open_as(kind, X, 41, tmp_path)
    if kind in ("arrow_stream", "iterator"):
        with pytest.raises(TypeError, match="other processes cannot read it"):
            pickle.dumps(found)
        return
    if kind == "factory":
        opener, arguments = found.spec()
        again = opener(*arguments)
    else:
        again = pickle.loads(pickle.dumps(found))
    assert again.shape == found.shape
    assert again.columns == found.columns
    np.testing.assert_array_equal(again[7:250], X[7:250])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cache", ["auto", True, "folder"])
def test_targets_and_weights_are_columns(kind, cache, tmp_path):
    X = rows(500, 5)
    (tmp_path / "cache").mkdir()
    cache = str(tmp_path / "cache") if cache == "folder" else cache
    named = "arrow" in kind or "parquet" in kind
    names = [f"x{j}" for j in range(5)] if named else list(range(5))
    options = {"target": names[3], "sample_weight": names[0], "cache": cache}
    found, y, w = open_as(kind, X, 97, tmp_path, **options)
    np.testing.assert_array_equal(found[3:400], X[3:400, [1, 2, 4]])
    np.testing.assert_array_equal(y[3:400], X[3:400, 3])
    np.testing.assert_array_equal(w[3:400], X[3:400, 0])
    assert w.dtype == np.float64
    if named:
        assert found.columns == ["x1", "x2", "x4"]
    part = table_of_rows(found, y, w).read(Piece(0, 1, 20, 300))
    np.testing.assert_array_equal(part.X, X[20:300, [1, 2, 4]])
    np.testing.assert_array_equal(part.y, X[20:300, 3])
    np.testing.assert_array_equal(part.weights, X[20:300, 0])
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize("kind", ["array", "npy", "parquet", "arrow_table", "hdf5"])
def test_columns_in_the_order_asked_for_and_another_type(kind, tmp_path):
    X = rows(200, 4)
    named = kind in ("parquet", "arrow_table")
    columns = ["x2", "x0"] if named else [2, -4]
    target = ["x1", "x3"] if named else [1, 3]
    found, y = open_as(kind, X, 53, tmp_path, columns=columns, target=target, dtype="float64")
    np.testing.assert_array_equal(found[0:200], X[:, [2, 0]].astype(np.float64))
    np.testing.assert_array_equal(y[0:200], X[:, [1, 3]])
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again[5:9], found[5:9])


def test_targets_may_be_words():
    table = pa.table({"a": [1.0, 2.0, 3.0], "y": ["no", "yes", "no"]})
    for source in (table, pa.RecordBatchReader.from_batches(table.schema, table.to_batches())):
        X, y = fastml.blocks(source, target="y")
        assert list(y[0:3]) == ["no", "yes", "no"]
        assert X.shape == (3, 1)


def test_a_table_that_is_asked_only_once_is_asked_only_once():
    class Once:
        asked = 0

        def __arrow_c_stream__(self, requested_schema=None):
            self.asked += 1
            return as_table(rows(100)).__arrow_c_stream__()

    source = Once()
    found = fastml.blocks(source)
    assert source.asked == 1
    np.testing.assert_array_equal(found[0:100], rows(100))


def test_frames_of_polars():
    polars = pytest.importorskip("polars")
    X, words = rows(90, 3), ["a", "b", "c"] * 30
    frame = polars.DataFrame({f"x{j}": X[:, j] for j in range(3)} | {"y": words, "w": X[:, 0] ** 2})
    frame = frame[:7].vstack(frame[7:])  # chunks that do not agree with anything
    names = ["x0", "x1", "x2"]
    found, y, w = fastml.blocks(frame, columns=names, target="y", sample_weight="w")
    np.testing.assert_array_equal(found[0:90], X)
    np.testing.assert_array_equal(w[0:90], X[:, 0].astype(np.float32) ** 2)
    assert (found.columns, list(y[0:90])) == (names, words)
    with pytest.raises(ValueError, match="column 'y' of"):
        fastml.blocks(frame)
    gaps = frame.with_columns(polars.Series("x1", [1.0, None, *X[2:, 1].tolist()]))
    with pytest.raises(ValueError, match=r"column 'x1' of .* 1 missing values, the first in row 1"):
        fastml.blocks(gaps, columns=names)[0:90]
    with pytest.raises(TypeError, match=r"LazyFrame: .*collect\(\) it"):
        fastml.blocks(frame.lazy())


def test_what_has_no_blocks_is_told_from_what_has(tmp_path):
    X = rows(20)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        assert is_blocks(file.create_dataset("X", data=X))
    assert is_blocks(zarr.create_array(store=str(tmp_path / "a.zarr"), data=X))
    assert is_blocks(fastml.blocks(X))
    for other in (X, X.tolist(), np.ma.masked_array(X), None):
        assert not is_blocks(other)


# --- what is wrong is named ------------------------------------------------------------------


def write(path, **columns):
    pq.write_table(pa.table(columns), path)
    return str(path)


def test_missing_values_are_named(tmp_path):
    path = write(tmp_path / "gaps.parquet", a=[1.0, 2.0], fare=[1.0, None])
    with pytest.raises(
        ValueError, match=r"column 'fare' of .*gaps\.parquet holds 1 missing.*row 1"
    ):
        fastml.blocks(path)[0:2]


def test_columns_that_are_no_numbers_are_named(tmp_path):
    path = write(tmp_path / "words.parquet", a=[1.0], city=["Ulm"])
    with pytest.raises(ValueError, match=r"column 'city' of .*words\.parquet is string"):
        fastml.blocks(path)
    with pytest.raises(ValueError, match=r"has no column 'b', it has \['a', 'city'\]"):
        fastml.blocks(path, columns=["b"])
    assert fastml.blocks(path, columns=["a"]).shape == (1, 1)
    with pytest.raises(ValueError, match="expected real numbers"):
        fastml.blocks(np.array([["a"]]))


def test_another_order_of_columns_is_refused_unless_columns_are_named(tmp_path):
    write(tmp_path / "0.parquet", a=[1.0], b=[2.0])
    path = write(tmp_path / "1.parquet", b=[4.0], a=[3.0])
    with pytest.raises(ValueError, match=f"The columns of {path} are"):
        fastml.blocks(str(tmp_path / "*.parquet"))
    found = fastml.blocks(str(tmp_path / "*.parquet"), columns=["b", "a"])
    np.testing.assert_array_equal(found[0:2], [[2.0, 1.0], [4.0, 3.0]])
    write(tmp_path / "2.parquet", a=["x"], b=[4.0])
    with pytest.raises(ValueError, match=r"column 'a' of .*2\.parquet is string"):
        fastml.blocks(str(tmp_path / "*.parquet"), columns=["b", "a"])


def test_files_of_different_widths_are_refused(tmp_path):
    np.save(tmp_path / "0.npy", rows(5, 3))
    np.save(tmp_path / "1.npy", rows(5, 4))
    with pytest.raises(ValueError, match=r"1\.npy has rows of shape \(4,\)"):
        fastml.blocks(str(tmp_path / "*.npy"))


@pytest.mark.parametrize("ending", ["npy", "parquet"])
def test_a_file_that_shrinks_or_vanishes_is_named(ending, tmp_path):
    X = rows(5000)
    path = tmp_path / f"X.{ending}"
    np.save(path, X) if ending == "npy" else pq.write_table(as_table(X), path)
    found = fastml.blocks(path)
    found.read(0, 10)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(OSError, match=rf"X\.{ending} changed while it was in use"):
        found.read(3000, 5000)
    path.unlink()
    with pytest.raises(OSError, match=rf"X\.{ending} cannot be read"):
        found.read(0, 5000)


#: Kinds of files, and where row_sources puts them.
FILES = {
    "npy": "X.npy", "npy_by_column": "F.npy", "memmap": "map.npy", "parquet": "X.parquet",
    "hdf5": "X.h5", "zarr_array": "X.zarr",
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_takes_anothers_place_is_seen(kind, tmp_path):
    """Here, and by another process that opens the rows later, though rows are as many."""
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
    found = open_as(kind, rows(500), 60, tmp_path / "first")
    open_as(kind, rows(500) + 1, 60, tmp_path / "second")
    sent = pickle.dumps(found)
    assert len(pickle.loads(sent)) == 500
    place = tmp_path / "first" / FILES[kind]
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    other = tmp_path / "second" / FILES[kind]
    for path in (other, other / "zarr.json"):  # the system's clock may be coarse
        if path.exists():
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime + 1))
    other.rename(place)
    with pytest.raises(OSError, match=rf"{FILES[kind]}.* is not the file it was"):
        pickle.loads(sent)
    if kind == "memmap":  # the first file is still there to be seen
        np.testing.assert_array_equal(found.read(0, 500), rows(500))
    else:
        with pytest.raises(OSError, match=rf"{FILES[kind]}.* changed while it was in use"):
            found.read(0, 500)
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    gone = rf"{FILES[kind]}.* (cannot be read|does not exist)|No group found in .*{FILES[kind]}"
    with pytest.raises(OSError, match=gone):  # the last in zarr's words, before 3.1
        pickle.loads(sent)


def test_a_file_h5py_may_write_to_is_read_as_it_is(tmp_path):
    with h5py.File(tmp_path / "X.h5", "w") as file:
        file["X"] = rows(500)
        found = fastml.blocks(file["X"])
        file["Y"] = rows(5000)
        file.flush()
        np.testing.assert_array_equal(found.read(0, 500), rows(500))


def test_a_file_cut_short_is_named(tmp_path):
    np.save(tmp_path / "X.npy", rows())
    whole = (tmp_path / "X.npy").read_bytes()
    (tmp_path / "X.npy").write_bytes(whole[:-7])
    with pytest.raises(OSError, match=r"X\.npy is cut short"):
        fastml.blocks(tmp_path / "X.npy")
    for ending, error in (("npy", ValueError), ("parquet", ValueError), ("h5::X", OSError)):
        path = tmp_path / f"junk.{ending}"
        (tmp_path / f"junk.{ending.partition('::')[0]}").write_bytes(b"nothing of the kind")
        with pytest.raises(error, match=r"junk\..* that can be read"):
            fastml.blocks(str(path))


def test_paths_that_lead_nowhere(tmp_path):
    for path, message in (
        ("no.npy", "There is no file"),
        ("*.npy", "No file matches"),
    ):
        with pytest.raises(FileNotFoundError, match=message):
            fastml.blocks(tmp_path / path)
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(ValueError, match="of no known kind"):
        fastml.blocks(tmp_path / "a.csv")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/X"] = rows(3)
    with pytest.raises(ValueError, match="Name the dataset"):
        fastml.blocks(tmp_path / "a.h5")
    with pytest.raises(ValueError, match=r"has no dataset 'Y', it has \['group/X'\]"):
        fastml.blocks(f"{tmp_path / 'a.h5'}::Y")
    group = zarr.open_group(str(tmp_path / "g.zarr"), mode="w")
    group.create_array("X", shape=(3, 3), dtype="f8")[:] = rows(3)
    with pytest.raises(ValueError, match=r"is a group: name one of \['X'\]"):
        fastml.blocks(tmp_path / "g.zarr")
    assert fastml.blocks(f"{tmp_path / 'g.zarr'}::X").shape == (3, 3)


def test_folders_addresses_and_a_mixture_are_no_files(tmp_path, monkeypatch):
    X = rows(3)
    (tmp_path / "d.parquet").mkdir()
    path = open_as("parquet", X, 2, tmp_path / "d.parquet").name
    with pytest.raises(ValueError, match=r"is a folder: name the files in it.*\*\.parquet"):
        fastml.blocks(tmp_path / "d.parquet")
    with pytest.raises(ValueError, match="is no path: files of this machine"):
        fastml.blocks("s3://bucket/*.parquet")
    np.save(tmp_path / "X.npy", X)
    for both in ([path, tmp_path / "X.npy"], [tmp_path / "X.npy", path]):
        with pytest.raises(ValueError, match="are of different kinds"):
            fastml.blocks(both)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert fastml.blocks("~/*.npy").shape == X.shape
    with pytest.raises(ValueError, match="no column 'y', its columns go by numbers"):
        fastml.blocks(tmp_path / "X.npy", target="y")
    dataset = pd.dataset(path)
    with pytest.raises(TypeError, match=r"function that returns its batches.*X\.to_batches\(\)\)"):
        fastml.blocks(dataset)
    np.testing.assert_array_equal(fastml.blocks(lambda: dataset.to_batches())[0:3], X)


@pytest.mark.parametrize("kind", ["array", "npy", "parquet", "arrow_table", "hdf5"])
def test_a_target_is_no_feature_as_well(kind, tmp_path):
    names = ["x0", "x1"] if kind in ("parquet", "arrow_table") else [0, 1]
    for given in ({"target": names[1]}, {"target": [names[1]]}, {"sample_weight": names[1]}):
        with pytest.raises(ValueError, match=f"column {names[1]!r} is asked for both"):
            open_as(kind, rows(9), 4, tmp_path, columns=names, **given)
        for file in tmp_path.iterdir():
            file.unlink()


def test_what_comes_once_needs_a_cache():
    for source in (
        iter([rows(5)]),
        pa.RecordBatchReader.from_batches(as_table(rows(5)).schema, []),
    ):
        with pytest.raises(ValueError, match="comes only once"):
            fastml.blocks(source, cache=False)
    with pytest.raises(TypeError, match="cannot read from a float"):
        fastml.blocks(3.0)
    with pytest.raises(ValueError, match="is no folder"):
        fastml.blocks(rows(5), cache="/nowhere/at/all")


def test_a_function_whose_blocks_differ(tmp_path):
    shapes = iter([(4, 3), (4, 3), (4, 2)])
    found = fastml.blocks(lambda: [np.ones(next(shapes))], rows=8)
    assert found[0:4].shape == (4, 3)
    with pytest.raises(OSError, match="ended after 4 rows, expected 8"):
        found[0:8]
    with pytest.raises(ValueError, match="2 columns after one of 3"):
        found[0:8]
    with pytest.raises(ValueError, match="gave no blocks"):
        fastml.blocks(list)


def test_numbers_too_large_for_the_type_are_found_by_place():
    X = np.ones((10, 2))
    X[7, 1] = 1e300
    table = table_of_rows(fastml.blocks(X, dtype="float32"))
    with pytest.raises(ValueError, match=r"infinity.*\n*.*row 7, column 1 of ndarray"):
        table.read(Piece(0, 1, 5, 10), check="KMeans")


def test_lengths_must_agree():
    X = fastml.blocks(rows(10))
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[10, 9\]"):
        table_of_rows(X, np.zeros(9))
    with pytest.raises(ValueError, match="1D array or scalar"):
        table_of_rows(X, None, np.zeros((10, 2)))
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        table_of_rows(fastml.blocks(rows(0)))
    with pytest.raises(ValueError, match=r"Negative values.*row 3"):
        table_of_rows(X, None, np.arange(2.5, -7.0, -1.0)).read(Piece(0, 1, 0, 10))


@pytest.mark.parametrize("kind", ["array", "npy", "parquet", "factory"])
def test_rows_by_number(kind, tmp_path):
    X = rows(5000)
    found = open_as(kind, X, 301, tmp_path)
    random = np.random.default_rng(5)
    for numbers in (random.integers(0, 5000, 900), np.array([4999, 0, 0, 2]), np.empty(0, int)):
        np.testing.assert_array_equal(found[numbers], X[numbers])
    with pytest.raises(TypeError, match="Blocks are cut by"):
        found[[1, 2]]
    with pytest.raises(ValueError, match="has no rows"):
        found[np.array([5000])]
