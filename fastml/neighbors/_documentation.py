"""What the docstrings of the estimators of neighbours share, written once."""

from __future__ import annotations

import inspect
import re
from typing import TypeVar

from ..core.documentation import documented as complete

_Class = TypeVar("_Class", bound=type)

#: The type of each parameter, and what it means.
_PARAMETERS = {
    "n_neighbors": ("int", "How many of the nearest rows count."),
    "radius": ("float", "How far a neighbour may be, that far included."),
    "weights": (
        "{'uniform', 'distance'}, callable or None",
        (
            "A neighbour's weight: one, the inverse of its distance, or what the function returns "
            "for an array of distances."
        ),
    ),
    "algorithm": (
        "{'auto', 'brute', 'kd_tree', 'ball_tree'}",
        (
            "'auto' takes a k-d tree where there are few features and enough rows, brute force "
            "elsewhere; the answers are the same.  Ball trees are scikit-learn's."
        ),
    ),
    "leaf_size": ("int", "Rows of a leaf of scikit-learn's trees; those here have their own size."),
    "p": ("float", "Power of the Minkowski metric."),
    "metric": (
        "str, callable or DistanceMetric",
        (
            "Computed here: 'euclidean', 'l2', 'sqeuclidean', 'cosine', 'manhattan', 'l1', "
            "'cityblock', and 'minkowski' with ``p`` 1 or 2; others, and trees of Manhattan "
            "distances, by scikit-learn."
        ),
    ),
    "outlier_label": (
        "label, 'most_frequent', list of them or None",
        "The class of rows without neighbours; None raises an error there.",
    ),
    "metric_params": ("dict", "More arguments of the metric."),
    "n_jobs": (
        "int",
        "Threads of scikit-learn's code; here :func:`fastml.set_num_threads` says how many.",
    ),
}
_ATTRIBUTES = {
    "classes_": ("ndarray (n_classes,), or a list of them", "The classes."),
    "outlier_label_": ("label or list", "The class of rows without neighbours."),
    "outputs_2d_": ("bool", "Whether the targets were a matrix of more than one column."),
    "effective_metric_": ("str", "The metric used."),
    "effective_metric_params_": ("dict", "Its arguments."),
    "n_features_in_": ("int", "The number of features."),
    "feature_names_in_": (
        "ndarray (n_features_in_,)",
        "Only when X has feature names that are all strings.",
    ),
    "n_samples_fit_": ("int", "The number of fitted rows."),
    "computed_by_": ("str", "'fastml', or 'scikit-learn' and why."),
}
#: What ``fit`` says wherever it keeps rows.
FIT = {
    "rows": """\
X : array-like or sparse matrix (n_samples, n_features)
    The rows; where ``metric='precomputed'``, the distances between them.
""",
    "results": """\
Returns
-------
self : estimator

Raises
------
TypeError, ValueError
    On bad input, in scikit-learn's words; the estimator is then as it was.
""",
}
#: What every prediction says of the rows.
PREDICT = {
    "queries": """\
X : array-like (n_queries, n_features) or None
    None for the fitted rows, of which none counts as its own neighbour.
"""
}
_OF_CLASSES = {"classes_", "outputs_2d_"}
_SECTIONS = """\
Parameters
----------
{parameters}

Attributes
----------
{attributes}

"""


def documented(cls: _Class) -> _Class:
    """Add the sections of parameters and attributes before those the docstring has."""
    if not cls.__doc__:  # there is none under python -OO
        return cls
    attributes = dict(_ATTRIBUTES)
    if not cls.__name__.endswith("Classifier"):
        attributes = {name: entry for name, entry in attributes.items() if name not in _OF_CLASSES}
    if "outlier_label" not in inspect.signature(cls).parameters:
        del attributes["outlier_label_"]
    text = inspect.cleandoc(cls.__doc__)
    section = re.search(r"^(Notes|References|Examples)\n-+$", text, re.MULTILINE)
    assert section is not None
    head, rest = text[: section.start()], text[section.start() :]
    cls.__doc__ = f"{head}{_SECTIONS}{rest}"
    return complete(_PARAMETERS, attributes=attributes)(cls)
