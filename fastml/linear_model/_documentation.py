"""What the docstrings of the linear estimators share, written once."""

from __future__ import annotations

_THEIRS = "Used where scikit-learn's code runs."

#: The type of each parameter, and what it means.
_COMMON = {
    "fit_intercept": ("bool", "Whether to fit an intercept, which is not penalised."),
    "random_state": ("int, RandomState instance or None", _THEIRS),
}
_SQUARES = {
    **_COMMON,
    "copy_X": ("bool", "Ignored: X is never changed."),
    "positive": ("bool", "Whether coefficients must not be negative."),
}
LINEAR = {
    **_SQUARES,
    "tol": (
        "float",
        f"{_THEIRS}  The rank is that of the columns scaled to unit norm, to float64 rounding.",
    ),
    "n_jobs": ("int or None", f"{_THEIRS}  See :func:`fastml.set_num_threads`."),
}
RIDGE = {
    **_SQUARES,
    "alpha": ("float or array-like of shape (n_targets,)", "Penalty, of all targets or of each."),
    "max_iter": ("int or None", _THEIRS),
    "tol": ("float", _THEIRS),
    "solver": (
        "str",
        "'auto', 'cholesky' and 'svd' have the exact minimum computed; others run scikit-learn's.",
    ),
}
RIDGE_CV = {
    **_COMMON,
    "alphas": ("array-like of shape (n_alphas,)", "Penalties to choose from."),
    "scoring": (
        "str, callable or None",
        (
            "What is largest for the best penalty: by default minus the squared error of rows left "
            "out, or the coefficient of determination of folds."
        ),
    ),
    "cv": (
        "int, cross-validation generator, iterable or None",
        "The number of folds; None leaves out every row by itself.",
    ),
    "gcv_mode": ("{'auto', 'svd', 'eigen'}", _THEIRS),
    "store_cv_results": ("bool", "True runs scikit-learn's code."),
    "alpha_per_target": ("bool", "Whether every target has a penalty of its own."),
}
LOGISTIC = {
    **_COMMON,
    "penalty": (
        "str or None",
        "scikit-learn's older way to say which penalty; given, its code runs.",
    ),
    "C": ("float", "The inverse of the penalty's strength; infinite for none."),
    "l1_ratio": (
        "float",
        (
            "The share of the absolute values in the penalty; other than 0, scikit-learn's code "
            "runs."
        ),
    ),
    "dual": ("bool", "True runs scikit-learn's code."),
    "tol": ("float", f"{_THEIRS}  Here the minimum is found to rounding."),
    "intercept_scaling": ("float", _THEIRS),
    "class_weight": (
        "dict, 'balanced' or None",
        "Weights of the classes; 'balanced' makes them weigh the same.",
    ),
    "solver": (
        "str",
        (
            "'lbfgs', 'newton-cg' and 'newton-cholesky' have the minimum computed here; others run "
            "scikit-learn's code."
        ),
    ),
    "max_iter": ("int", "Most steps over all rows."),
    "verbose": ("int", _THEIRS),
    "warm_start": ("bool", "Whether to begin where the last fit ended."),
    "n_jobs": (
        "int or None",
        "Has no effect: all of fastml's threads are used.  Deprecated by scikit-learn.",
    ),
}
ATTRIBUTES = {
    "computed_by_": ("str", "'fastml', or 'scikit-learn: ' and the reason."),
    "n_features_in_": ("int", "Features of X."),
    "feature_names_in_": (
        "ndarray (n_features_in_,)",
        "Only when X has feature names that are all strings.",
    ),
}
#: What every fit and every prediction says of the rows, and fits of targets and errors.
ROWS = """\
Parameters
----------
X : array-like or sparse matrix of shape (n_samples, n_features)
    Samples.
"""
FIT = {
    "rows": ROWS,
    "targets": """\
y : array-like of shape (n_samples,) or (n_samples, n_targets)
    Targets.
""",
    "raises": """\
Raises
------
ValueError
    If X or y holds NaN or infinity, or shapes do not match.
""",
}
PREDICT = {"rows": ROWS}
