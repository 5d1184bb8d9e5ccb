"""K-means in pictures: what it does step by step, and how many clusters to ask for.

Draws six groups of points, follows k-means on them from random centres until nothing
moves, and fits 1 to 12 clusters to see where the inertia stops falling fast.

    python examples/kmeans_steps.py [folder]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import fastml


def groups_of_points(seed=4):
    """Return 1,200 points around six places, some closer together than others."""
    random = np.random.default_rng(seed)
    places = np.array([[0, 0], [4, 1], [2, 4.5], [7, 5], [8.5, 0.5], [5.5, 8]])
    spread = np.array([0.8, 0.9, 0.7, 1.0, 0.7, 0.8])
    group = random.integers(0, len(places), 1200)
    return places[group] + spread[group, None] * random.normal(size=(len(group), 2))


def main(folder="."):
    """Write both pictures to ``folder``."""
    X = groups_of_points()
    model = fastml.KMeans(n_clusters=6, init="random", random_state=1)
    steps = fastml.KMeansStepsDisplay.from_estimator(model, X)
    elbow = fastml.KMeansElbowDisplay.from_estimator(
        fastml.KMeans(n_init=10, random_state=0), X, k_values=range(1, 13)
    )
    for name, display in (("kmeans_steps.png", steps), ("kmeans_elbow.png", elbow)):
        path = Path(folder) / name
        display.figure_.savefig(path, dpi=150)
        print(f"wrote {path}")


if __name__ == "__main__":
    main(*sys.argv[1:])
