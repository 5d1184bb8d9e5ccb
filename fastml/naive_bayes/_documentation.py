"""What the docstrings of the naive Bayes estimators share, written once."""

from __future__ import annotations

#: The type of each parameter of the estimators of counts and categories, and what it means.
PARAMETERS = {
    "alpha": ("float or array-like (n_features,)", "What is added to every count."),
    "force_alpha": ("bool", "Whether an ``alpha`` below 1e-10 is taken as it is."),
    "binarize": (
        "float or None",
        "A feature is there where its number is above; None if X holds nothing but 0 and 1.",
    ),
    "fit_prior": (
        "bool",
        "Whether the classes' probabilities are their shares of the rows; equal ones otherwise.",
    ),
    "class_prior": ("array-like (n_classes,)", "Probabilities of the classes, instead."),
    "norm": ("bool", "Whether weights are normalised a second time."),
    "min_categories": (
        "int or array-like (n_features,)",
        "How many categories a feature has at least.",
    ),
}
ATTRIBUTES = {
    "class_count_": ("ndarray (n_classes,) of float64", "The weight of each class."),
    "class_log_prior_": (
        "ndarray (n_classes,) of float64",
        "Logarithms of the classes' probabilities before anything is known of a row.",
    ),
    "classes_": ("ndarray (n_classes,)", "The classes, sorted."),
    "n_features_in_": ("int", "Features of X."),
    "feature_names_in_": (
        "ndarray (n_features_in_,)",
        "Only when X has feature names that are all strings.",
    ),
    "computed_by_": ("str", "'fastml'."),
}
#: What every fit says of targets and weights, and of what it returns and raises.
FIT = {
    "targets": """\
y : array-like (n_samples,)
    Each row's class.
""",
    "weights": """\
sample_weight : array-like (n_samples,), default=None
    Each row's weight; one by default.
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
#: What every prediction says of the rows, and of what it raises.
PREDICT = {
    "rows": """\
Parameters
----------
X : {array-like, sparse matrix} (n_samples, n_features)
    The rows; compressed sparse ones for counts.
""",
    "raises": """\
Raises
------
TypeError, ValueError
    On bad input, in scikit-learn's words.
""",
}
