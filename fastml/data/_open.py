"""fastml.blocks: rows from whatever holds them."""

from __future__ import annotations

import glob
import os
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import DTypeLike

from ._arrays import Sequence as SequenceBlocks
from ._arrays import Sliced, needed, open_hdf5, open_zarr, package_of
from ._blocks import Blocks, Joined, Selected
from ._cache import Writer, cached
from ._files import Npy
from ._sequential import Factory, as_rows
from ._sparse import SparseRows
from ._tables import Parquet, Table, Taker

_HDF5 = (".h5", ".hdf5", ".hdf")


def blocks(
    source: Any,
    *,
    columns: Sequence[str] | Sequence[int] | None = None,
    target: str | int | Sequence[str] | Sequence[int] | None = None,
    sample_weight: str | int | None = None,
    dtype: DTypeLike | None = None,
    cache: bool | str = "auto",
    rows: int | None = None,
) -> Any:
    """Return the rows of a source as estimators take them, read when they are needed.

    Parameters
    ----------
    source : path, list of paths, array-like, table, stream or callable
        Paths may hold wildcards: ``.npy``, ``.parquet``, ``.h5::dataset``, ``.zarr``,
        ``.zarr::array``; several files are one after the other, in the order of their names.
        Anything with ``shape``, ``dtype`` and ``[a:b]``: arrays, ``numpy.memmap``, h5py, zarr,
        Dask.  Sparse matrices of SciPy.  Anything that exports ``__arrow_c_stream__``: pyarrow,
        polars, pandas, duckdb.  A function that returns an iterable of matrices, the same at
        every call.  An iterator of matrices.  A sequence with ``len`` and ``[a:b]``.
    columns : list of str or of int, default=None
        The features, in this order; by default all but the target and the weights.
    target : str, int or list of them, default=None
        The column of the targets; a list gives a matrix.
    sample_weight : str or int, default=None
        The column of the weights.
    dtype : dtype, default=None
        Type of the features; by default the narrowest that holds all of them.
    cache : {"auto", True, False} or str, default="auto"
        Whether rows are written to a raw file without a name before they are used.  "auto": what
        comes only once is, at once; what is slow to read is, when a fit makes many passes.  A
        folder to write to is "auto" there.
    rows : int, default=None
        How many rows a function's matrices have together; counted by default.

    Returns
    -------
    X : Blocks (n_samples, n_features)
    y : Blocks (n_samples,) or (n_samples, n_targets), if there is a target
    sample_weight : Blocks (n_samples,), if there are weights

    Raises
    ------
    TypeError
        If the source is of no kind listed above.
    ValueError
        If it holds something else than numbers, has no such column, or comes only once and
        ``cache`` is False; the source and the column are named.
    OSError
        If there is no such file, or it cannot be read.

    Examples
    --------
    >>> import fastml
    >>> import numpy as np
    >>> X, y = fastml.blocks(np.array([[1.0, 2.0, 0.0], [3.0, 4.0, 1.0]]), target=2)
    >>> X
    <Blocks (2, 2) of float64 from ndarray>
    >>> y[0:2]
    array([0., 1.])
    """
    if not isinstance(cache, bool | str):
        raise TypeError(f"cache must be 'auto', a bool or a folder, got {cache!r} instead.")
    wanted = _Wanted(columns, target, sample_weight, dtype, cache, rows)
    folder = wanted.folder
    found = _open(source, wanted)
    if cache is True:
        found = [cached(part, folder) for part in found]
    for part in found:
        part.cache_folder = folder
        if cache is False:
            part.slow = False
    return found[0] if len(found) == 1 else tuple(found)


class _Wanted:
    """Which columns are asked for, and how."""

    def __init__(
        self, columns: Any, target: Any, weight: Any, dtype: Any, cache: Any, rows: int | None
    ) -> None:
        if isinstance(columns, str):
            raise TypeError(f"columns must be a list, got {columns!r} instead.")
        self.columns = None if columns is None else list(columns)
        self.target, self.weight, self.cache, self.rows = target, weight, cache, rows
        self.folder = cache if isinstance(cache, str) and cache != "auto" else None
        if self.folder is not None and not os.path.isdir(self.folder):
            raise ValueError(f"cache={cache!r} is no folder.")
        self.dtype = None if dtype is None else np.dtype(dtype)
        if self.dtype is not None and self.dtype.kind not in "fiu":
            raise ValueError(f"dtype must be of real numbers, got {self.dtype}.")

    def sets(self, names: list[Any]) -> list[tuple[list[Any], Any, bool, bool]]:
        """Return columns, type, whether a vector, and whether anything goes, of X, y, weights."""
        single = isinstance(self.target, str | int | np.integer)
        targets = [] if self.target is None else [self.target] if single else list(self.target)
        others = targets if self.weight is None else [*targets, self.weight]
        features = self.columns
        if features is None:
            features = [name for name in names if name not in others]
        for name in features:
            if name in others:
                raise ValueError(
                    f"column {name!r} is asked for both among columns and as the target or weight: "
                    "leave it out of columns."
                )
        sets = [(features, self.dtype, False, False)]
        if targets:
            sets.append((targets, None, single, True))
        if self.weight is not None:
            sets.append(([self.weight], np.dtype(np.float64), True, False))
        return sets


def _open(source: Any, wanted: _Wanted) -> list[Blocks]:
    """Return X, y and weights of a source, as far as they are asked for."""
    if isinstance(source, str | os.PathLike):
        return _open_paths([os.fspath(source)], wanted)
    if isinstance(source, list) and source and all(
        isinstance(path, str | os.PathLike) for path in source
    ):  # fmt: skip
        return _open_paths([os.fspath(path) for path in source], wanted)
    if isinstance(source, Blocks):
        return _picked(source, wanted)
    if package_of(source) in ("dask", "dask_expr"):
        if hasattr(source, "to_dask_array") and source.ndim == 2:
            return _open_dask_frame(source, wanted)
        return _picked(_dask(source), wanted)
    if hasattr(source, "__arrow_c_stream__") and not isinstance(source, np.ndarray):
        return _open_arrow(source, wanted)
    if scipy.sparse.issparse(source):
        return _picked(SparseRows(source, type(source).__name__), wanted)
    if hasattr(source, "shape") and hasattr(source, "dtype") and hasattr(source, "__getitem__"):
        return _picked(Sliced(source, type(source).__name__), wanted)
    if callable(source):
        return _picked(_factory(source, wanted), wanted)
    if hasattr(source, "__next__"):
        return _picked(_once(source, wanted), wanted)
    if hasattr(source, "__len__") and hasattr(source, "__getitem__"):
        return _picked(SequenceBlocks(source, type(source).__name__), wanted)
    raise TypeError(f"blocks cannot read from a {type(source).__name__}{_instead_of(source)}.")


def _instead_of(source: Any) -> str:
    """Say what to give instead of a source that is read by way of another one."""
    for method in ("collect_batches", "to_batches"):  # of frames of polars, datasets of pyarrow
        if hasattr(source, method):
            found = (
                f": give a function that returns its batches, as in blocks(lambda: X.{method}())"
            )
            return found + (", or collect() it" if hasattr(source, "collect") else "")
    return ": collect() it first" if hasattr(source, "collect") else ""


def _picked(base: Blocks, wanted: _Wanted) -> list[Blocks]:
    """Return X, y and weights of a source of whole rows."""
    if base.ndim == 1:
        if wanted.columns is not None or wanted.target is not None or wanted.weight is not None:
            raise ValueError(f"{base.name} has one dimension, hence no columns to choose from.")
        return [base if wanted.dtype is None else base.astype(wanted.dtype)]

    def number(column: Any) -> int:
        if isinstance(column, str):
            if column not in (base.columns or []):
                has = f"it has {base.columns}" if base.columns else "its columns go by numbers"
                raise ValueError(f"{base.name} has no column {column!r}, {has}.")
            return (base.columns or []).index(column)
        at = int(column)
        return at + base.shape[1] if at < 0 else at

    for name in ("columns", "target", "weight"):
        asked = getattr(wanted, name)
        if isinstance(asked, list | tuple):
            setattr(wanted, name, [number(column) for column in asked])
        elif asked is not None:
            setattr(wanted, name, number(asked))
    found: list[Blocks] = []
    for columns, dtype, vector, _ in wanted.sets(list(range(base.shape[1]))):
        if columns == list(range(base.shape[1])) and not vector:
            found.append(base if dtype is None else base.astype(dtype))
        else:
            found.append(Selected(base, columns[0] if vector else columns, dtype))
    return found


def _open_paths(patterns: list[str], wanted: _Wanted) -> list[Blocks]:
    paths: list[str] = []
    for pattern in map(os.path.expanduser, patterns):
        path, mark, member = pattern.partition("::")
        if re.match(r"[a-zA-Z][\w+.-]+://", path):  # two letters: one may be a drive
            raise ValueError(
                f"{path!r} is no path: files of this machine are read. Others come as an Arrow "
                "stream or a function that returns batches of rows."
            )
        if any(sign in path for sign in "*?[") and not os.path.exists(path):
            matches = sorted(glob.glob(path, recursive=True))
            if not matches:
                raise FileNotFoundError(f"No file matches {path!r}.")
            paths += [match + mark + member for match in matches]
        elif not os.path.exists(path):
            raise FileNotFoundError(f"There is no file {path!r}.")
        else:
            paths.append(pattern)
    of_parquet = [_ending(path) in (".parquet", ".pq") for path in paths]
    for path, parquet in zip(paths, of_parquet, strict=True):
        if parquet and os.path.isdir(path):
            within = os.path.join(path, "*.parquet")
            raise ValueError(f"{path} is a folder: name the files in it, as in {within!r}.")
        if parquet != of_parquet[0]:
            raise ValueError(f"{path} and {paths[0]} are of different kinds.")
    if of_parquet[0]:
        names = Parquet(paths[0]).columns if wanted.columns is None else []
        return [
            _joined([Parquet(path, columns, dtype, vector, anything) for path in paths])
            for columns, dtype, vector, anything in _named(wanted, names or [], paths)
        ]
    return _picked(_joined([_open_rows(path) for path in paths]), wanted)


def _ending(pattern: str) -> str:
    """Return how the name of a file ends."""
    return os.path.splitext(pattern.partition("::")[0].rstrip("/"))[1].lower()


def _joined(parts: Sequence[Blocks]) -> Blocks:
    return parts[0] if len(parts) == 1 else Joined(list(parts))


def _named(wanted: _Wanted, names: list[str], paths: list[str]) -> list[Any]:
    """Return the sets of columns of files that must all have the same ones."""
    if wanted.columns is None:
        for path in paths[1:]:
            others = list(needed("pyarrow.parquet", "parquet").read_schema(path).names)
            if others != names:
                raise ValueError(
                    f"The columns of {path} are {others}, those of {paths[0]} are {names}: name "
                    "the columns to choose their order."
                )
    return wanted.sets(names)


def _open_rows(pattern: str) -> Blocks:
    path, _, member = pattern.partition("::")
    ending = _ending(path)
    if ending == ".npy":
        return Npy(path)
    if ending in _HDF5:
        if not member:
            raise ValueError(f"Name the dataset of {path} after '::', as in '{path}::X'.")
        return open_hdf5(path, member)
    if ending == ".zarr":
        return open_zarr(path, member)
    raise ValueError(
        f"{path} is of no known kind: .npy, .parquet, .h5::dataset and .zarr are read."
    )


def _open_arrow(source: Any, wanted: _Wanted) -> list[Blocks]:
    """Return the columns of a table in memory, or of a stream that is read once."""
    pa = needed("pyarrow", "parquet")
    if isinstance(source, pa.Table) or package_of(source) in ("pandas", "polars"):
        table = pa.table(source)
        return [Table(table, *one) for one in wanted.sets(list(table.column_names))]
    name = type(source).__name__
    if wanted.cache is False:
        raise ValueError(_ONLY_ONCE.format(name))
    reader = pa.RecordBatchReader.from_stream(source)
    takers = [Taker(reader.schema, one, name, wanted.folder)
              for one in wanted.sets(list(reader.schema.names))]  # fmt: skip
    row = 0
    for batch in reader:
        for taker in takers:
            taker.add(batch, row)
        row += len(batch)
    return [taker.finish() for taker in takers]


_ONLY_ONCE = (
    "A {} comes only once and fits need its rows again: leave cache='auto', or give a function "
    "that returns it."
)


def _factory(make: Callable[[], Any], wanted: _Wanted) -> Blocks:
    return Factory(make, getattr(make, "__name__", "factory"), wanted.rows)


def _once(source: Any, wanted: _Wanted) -> Blocks:
    """Return an iterator's matrices, written to a file."""
    name = type(source).__name__
    if wanted.cache is False:
        raise ValueError(_ONLY_ONCE.format(name))
    first = next(source, None)
    if first is None:
        raise ValueError(f"The {name} gave no blocks.")
    head = as_rows(first, name)
    writer = Writer(head.shape[1:], head.dtype.newbyteorder("="), name, wanted.folder)
    writer.add(head)
    for batch in source:
        writer.add(as_rows(batch, name))
    return writer.finish()


def _dask(source: Any) -> Blocks:
    """Return the rows of a Dask array or series."""
    if hasattr(source, "to_dask_array"):
        source = source.to_dask_array(lengths=True)
    if any(n != n for n in source.shape):  # unknown
        source = source.compute_chunk_sizes()
    return Sliced(source, "dask array")


def _open_dask_frame(frame: Any, wanted: _Wanted) -> list[Blocks]:
    """Return X, y and weights of a Dask data frame: no other column is looked at."""
    name, names = "Dask data frame", list(frame.columns)

    def column(asked: Any) -> Any:
        if isinstance(asked, int | np.integer) and asked not in names:
            asked = names[int(asked)]
        if asked not in names:
            raise ValueError(f"{name} has no column {asked!r}: {names}.")
        return asked

    lengths = tuple(int(length) for length in frame.map_partitions(len).compute())
    found = []
    for asked, dtype, vector, anything in wanted.sets(names):
        chosen = [column(one) for one in asked]
        for one in chosen:
            kind = frame.dtypes[one]
            if not anything and not (isinstance(kind, np.dtype) and kind.kind in "biuf"):
                raise ValueError(f"column {one!r} of {name} is {kind}, expected numbers.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # words become objects: what is wanted
            rows = (frame[chosen[0]] if vector else frame[chosen]).to_dask_array(lengths=lengths)
        part = Sliced(rows, name, columns=None if vector else [str(one) for one in chosen])
        found.append(part if dtype is None else part.astype(dtype))
    return found
