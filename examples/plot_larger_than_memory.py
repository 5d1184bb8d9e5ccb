"""
A file larger than memory, and a cluster
========================================

Every 3 by 3 patch of a photograph is a row of 27 numbers, written to a file. K-means reads the file
piece by piece within a limit a fraction of its size, then two processes share the work; either way
the centres are those of the array, bit for bit.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from distributed import Client, LocalCluster
from sklearn.datasets import load_sample_image

import fastml

photograph = load_sample_image("china.jpg").astype(np.float32) / 255
windows = np.lib.stride_tricks.sliding_window_view(photograph, (3, 3, 3))
patches = windows.reshape(-1, 27)
folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "patches.npy"
np.save(path, patches)
print(f"{len(patches):,} rows, {path.stat().st_size / 1e6:.0f} MB")

# %%
# Before anything runs, ``explain`` says how often the file will be read. A report of each pass is
# kept.

X = fastml.blocks(path)
model = fastml.KMeans(n_clusters=32, init="k-means||", random_state=0)
reports = []
with fastml.engine(memory_limit="8MB", progress=reports.append):
    X.explain(model)
    model.fit(X)
from_file = model.cluster_centers_.copy()
from_array = model.fit(patches).cluster_centers_
print("from the file and from the array, the same bits:", np.array_equal(from_file, from_array))

# %%
# Patches whose nearest centre cannot have changed are not read again: as the centres come to
# rest, passes read less and less of the file.

read = 100 * np.array([report.bytes_read / (report.bytes_read + report.bytes_skipped)
                       for report in reports])  # fmt: skip
figure, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
ax.bar(range(1, len(read) + 1), read, width=1.0, color="#4477aa")
ax.set(xlabel="pass", xlim=(0.5, len(read) + 0.5), ylim=(0, 103))
ax.set_title("share of the file that a pass reads, %", loc="left")
plt.show()

# %%
# The same fit by two worker processes of a Dask cluster, here on one machine. What matters is that
# all workers see the file.

with (
    LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
    Client(cluster) as client,
    fastml.engine(client),
):
    from_cluster = model.fit(fastml.blocks(path)).cluster_centers_
print("from two workers, the same bits:", np.array_equal(from_cluster, from_array))
folder.cleanup()
