"""The same rows in every kind of source that fastml.blocks reads, cut at awkward places."""

from __future__ import annotations

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zarr

import fastml


def cuts(n_rows, chunk):
    return [(start, min(start + chunk, n_rows)) for start in range(0, n_rows, chunk)]


class Batches:
    """What LightGBM calls a sequence."""

    batch_size = 37

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, part):
        return self.rows[part]


def as_table(X, y=None, w=None):
    names = {f"x{j}": X[:, j] for j in range(X.shape[1])}
    extra = {name: values for name, values in (("y", y), ("w", w)) if values is not None}
    return pa.table(names | extra)


def array(X, chunk, folder):
    return X


def memmap(X, chunk, folder):
    np.save(folder / "map.npy", X)
    return np.load(folder / "map.npy", mmap_mode="r")


def npy(X, chunk, folder):
    np.save(folder / "X.npy", X)
    return str(folder / "X.npy")


def npy_by_column(X, chunk, folder):
    np.save(folder / "F.npy", np.asfortranarray(X))
    return folder / "F.npy"


def npy_files(X, chunk, folder):
    (folder / "many").mkdir()
    width = max(chunk, len(X) // 7)
    for number, (a, b) in enumerate(cuts(len(X), width)):
        np.save(folder / "many" / f"{number:03}.npy", X[a:b])
    return str(folder / "many" / "*.npy")


def parquet(X, chunk, folder):
    pq.write_table(as_table(X), folder / "X.parquet", row_group_size=chunk)
    return str(folder / "X.parquet")


def parquet_files(X, chunk, folder):
    (folder / "parts").mkdir()
    half = len(X) // 2
    for number, rows in enumerate((X[:half], X[half:half], X[half:])):
        pq.write_table(as_table(rows), folder / "parts" / f"{number}.parquet", row_group_size=chunk)
    return str(folder / "parts" / "*.parquet")


def hdf5(X, chunk, folder):
    with h5py.File(folder / "X.h5", "w") as file:
        chunks = (min(chunk, len(X)), X.shape[1])
        file.create_dataset("group/X", data=X, chunks=chunks, compression="gzip")
    return f"{folder / 'X.h5'}::group/X"


def zarr_array(X, chunk, folder):
    path = str(folder / "X.zarr")
    zarr.create_array(store=path, data=X, chunks=(min(chunk, len(X)), X.shape[1]))
    return path


def arrow_table(X, chunk, folder):
    return pa.concat_tables([as_table(X[a:b]) for a, b in cuts(len(X), chunk)])


def arrow_stream(X, chunk, folder):
    table = as_table(X)
    return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=chunk))


def factory(X, chunk, folder):
    return lambda: (X[a:b] for a, b in cuts(len(X), chunk))


def iterator(X, chunk, folder):
    return (X[a:b] for a, b in cuts(len(X), chunk))


def sequence(X, chunk, folder):
    return Batches(X)


KINDS = {
    maker.__name__: maker
    for maker in (
        array, memmap, npy, npy_by_column, npy_files, parquet, parquet_files, hdf5, zarr_array,
        arrow_table, arrow_stream, factory, iterator, sequence,
    )
}  # fmt: skip


def open_as(kind, X, chunk, folder, **options):
    """Return the rows as blocks of one kind of source."""
    return fastml.blocks(KINDS[kind](X, chunk, folder), **options)
