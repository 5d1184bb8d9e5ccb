"""
Far from the origin
===================

Temperatures in kelvin, times in seconds since 1970, coordinates in metres: data often lie far from
zero. Distances do not change when everything is moved, but formulas that expand the square,
‖x‖² − 2x·c + ‖c‖², lose what is left after two large numbers cancel. Here the wines are moved away
from the origin, and each library is asked for the nearest neighbours of every wine.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

import fastml

X = StandardScaler().fit_transform(load_wine().data)
X = np.round(X * 2**10) / 2**10  # so that moving by a whole number changes no difference
offsets = 10.0 ** np.arange(0, 10)


def right(neighbours, rows):
    """Return the share of rows whose five neighbours are those of the definition, in order."""
    differences = rows[:, None, :] - rows[None, :, :]
    squares = (differences**2).cumsum(axis=2)[:, :, -1]  # feature by feature, in order
    truth = np.argsort(squares, axis=1, kind="stable")[:, :5]
    return (neighbours == truth).all(axis=1).mean()


shares = {"fastml": [], "scikit-learn, brute force": []}
for offset in offsets:
    rows = X + offset
    ours = fastml.NearestNeighbors(n_neighbors=5).fit(rows).kneighbors(rows)[1]
    theirs = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(rows).kneighbors(rows)[1]
    shares["fastml"].append(right(ours, rows))
    shares["scikit-learn, brute force"].append(right(theirs, rows))
    print(f"moved by {offset:.0e}: right for {shares['fastml'][-1]:.0%} of the wines here, "
          f"for {shares['scikit-learn, brute force'][-1]:.0%} there")  # fmt: skip

# %%
# float64 has some sixteen digits. What the wines differ in stands in the last of them once they are
# a hundred million away; the differences themselves are still exact.

figure, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
for (name, share), colour in zip(shares.items(), ("#4477aa", "#ee6677"), strict=True):
    ax.plot(offsets, 100 * np.array(share), "o-", color=colour, label=name)
ax.set(xscale="log", xlabel="distance from the origin, in standard deviations", ylim=(-3, 103))
ax.set_title("wines with the right five neighbours, %", loc="left")
ax.legend(frameon=False)
plt.show()

# %%
# The same bits on any number of threads: a fit is cut by the shape of the data alone.

fits = []
for n_threads in (1, 2, 3, 5):
    with fastml.num_threads(n_threads):
        fits.append(fastml.KMeans(n_clusters=3, random_state=0).fit(X))
assert all(np.array_equal(fit.cluster_centers_, fits[0].cluster_centers_) for fit in fits)
print("k-means: the same centres, bit for bit, on 1, 2, 3 and 5 threads")
