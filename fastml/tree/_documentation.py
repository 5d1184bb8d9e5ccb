"""What the docstrings of trees and forests share, written once."""

from __future__ import annotations

#: The type of each parameter, and what it means.
PARAMETERS = {
    "n_estimators": ("int", "How many trees."),
    "criterion": (
        "str",
        (
            "What a split is to make small: 'gini', 'entropy' or 'log_loss' for classes; "
            "'squared_error', 'friedman_mse', 'poisson' or 'absolute_error' for numbers."
        ),
    ),
    "splitter": ("{'best', 'random'}", "'random' is left to scikit-learn's builder."),
    "max_depth": ("int or None", "Splits above a leaf at most; None is no limit."),
    "min_samples_split": ("int or float", "Rows a node needs to be split, or a share."),
    "min_samples_leaf": ("int or float", "Rows a leaf needs, or a share of all."),
    "min_weight_fraction_leaf": ("float", "Share of the total weight that a leaf needs."),
    "max_features": (
        "int, float, {'sqrt', 'log2'} or None",
        (
            "Features looked at for a split: a number, a share, a root or logarithm, or all. "
            "Which ones is drawn from a counter keyed by ``random_state`` and the node."
        ),
    ),
    "random_state": (
        "int, RandomState instance or None",
        "Draws the features that are looked at and, in a forest, the rows of each tree.",
    ),
    "max_leaf_nodes": ("int or None", "Leaves at most, the best splits first; None is no limit."),
    "min_impurity_decrease": (
        "float",
        "A node is split only if that lowers the weighted impurity by this at least.",
    ),
    "class_weight": (
        "dict, list of dict, 'balanced', 'balanced_subsample' or None",
        "Weights of the classes; 'balanced' makes them weigh the same.",
    ),
    "ccp_alpha": (
        "float",
        "Subtrees that lower the impurity by less than this for each leaf are cut off.",
    ),
    "monotonic_cst": (
        "array-like (n_features,) of {-1, 0, 1} or None",
        "Which way predictions must go with a feature; left to scikit-learn's builder.",
    ),
    "bootstrap": ("bool", "Whether each tree sees rows drawn with replacement, or all of them."),
    "oob_score": (
        "bool or callable",
        "Whether to score the forest on the rows each tree has not seen.",
    ),
    "n_jobs": ("int or None", "Trees grown side by side; None is fastml's number of threads."),
    "verbose": ("int", "How much is printed on the way."),
    "warm_start": ("bool", "Whether ``fit`` adds trees to those there are."),
    "max_samples": (
        "int, float or None",
        "Rows drawn for a tree, or their share of all; None for as many as there are.",
    ),
}
#: What a tree promises.
PROMISES = """\
Parameters, attributes and methods are scikit-learn's.  Splits are decided on the values given,
float32 or float64, by sums of integers: each is the best there is, equal ones go to the lowest
feature, then the lowest threshold, and the tree is the same for any number of threads.
"""
ATTRIBUTES = {
    "computed_by_": ("str", '"fastml", or "scikit-learn: " and why its builder was needed.'),
    "tree_": ("sklearn.tree._tree.Tree", "Made when first asked for."),
}
#: What trees and forests raise.
RAISES = """\
Raises
------
TypeError, ValueError
    On bad input, in scikit-learn's words; the estimator stays as it was.
"""
