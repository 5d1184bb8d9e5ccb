"""What ``fastml warmup --only`` may name, and which of its steps that is."""

from __future__ import annotations

#: What every call needs.
ALWAYS = ("team", "finite numbers", "labels")
FAMILIES = {
    "kmeans": ("nearest centroid", "k-means seeding", "k-means", "mini-batch k-means"),
    "perceptron": ("perceptron",),
    "functions": ("sigmoid", "dense layer"),
    "linear_model": ("linear models",),
    "neighbors": ("nearest neighbours",),
    "naive_bayes": ("naive Bayes",),
    "tree": ("trees",),
}


def steps_of(only: list[str]) -> set[str]:
    """Return the names of the steps asked for.

    Parameters
    ----------
    only : list of str
        Names of :data:`FAMILIES`.

    Returns
    -------
    steps : set of str
    """
    return {step for family in only for step in FAMILIES[family]} | set(ALWAYS)
