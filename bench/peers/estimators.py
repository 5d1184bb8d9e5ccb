"""What the estimators of fastml, scikit-learn and oneDAL share: one interface, three libraries."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..harness.case import Row
from ..harness.workloads import Array, Fit, Problem, Training, flat, normal


def with_centers(cls: Any, centers: Array) -> Any:
    """Return a k-means estimator whose centres are the given ones, bit for bit.

    It is fitted on every centre twice: the mean of two equal rows is that row, and oneDAL
    needs more rows than clusters.
    """
    twice = np.repeat(centers, 2, axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = cls(n_clusters=len(centers), init=centers, n_init=1, max_iter=1).fit(twice)
    model.cluster_centers_ = centers.copy()
    return model


def _saved(model: Any) -> float | None:
    """Return the share of plain Lloyd's comparisons that bounds left out."""
    if not hasattr(model, "n_scored_"):
        return None
    return 1 - float(model.n_scored_) / (model.n_iter_ * len(model.labels_))


def _remark(model: Any) -> str:
    """Say how often float64 had to decide."""
    decided = getattr(model, "n_decided_", None)
    return "" if decided is None else f"{decided:,} rows were decided in float64"


def kmeans_fit(cls: Any, work: Problem, *, ours: bool = False, **settings: Any) -> Row:
    """Return a row that fits an estimator from the given centres, unless settings say otherwise."""
    settings = {"init": work.centers, "n_init": 1, **settings}

    def call() -> Fit:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = cls(n_clusters=len(work.centers), **settings).fit(work.X)
        # labels_ of a peer are those of its own arithmetic; ours promise float64's.
        labels = model.labels_ if ours else None
        saved, remark = (_saved(model), _remark(model)) if ours else (None, "")
        return Fit(np.asarray(model.cluster_centers_), int(model.n_iter_), labels, saved, remark)

    return Row(
        call,
        remark=lambda fit: fit.remark,
        iterations=lambda fit: fit.n_iter,
        saved=lambda fit: fit.saved,
        compiles=ours,
    )


def perceptron(cls: Any, work: Training, **parameters: Any) -> Any:
    """Return a fitted multi-layer perceptron of fastml or scikit-learn with the given weights.

    Fitting again goes on from them (``warm_start``): one epoch of plain descent unless told.
    """
    settings = {
        "hidden_layer_sizes": tuple(work.widths[1:-1]),
        "activation": "logistic",
        "solver": "sgd",
        "momentum": 0.0,
        "alpha": 0.0,
        "batch_size": work.batch_size,
        "learning_rate_init": work.learning_rate,
        "max_iter": 1,
        "tol": 0.0,
        "n_iter_no_change": 10**9,  # never stop early
        "shuffle": False,
        "warm_start": True,
        "random_state": 0,
        **parameters,
    }
    model = cls(**settings)
    few = normal(64, work.widths[0], dtype=str(work.X.dtype))
    if work.y.ndim == 1:
        y = np.arange(64) % 2  # two classes
    else:
        y = normal(64, work.widths[-1], dtype=str(work.X.dtype))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one epoch does not converge
        model.set_params(batch_size=len(few)).fit(few, y)
    model.set_params(batch_size=min(work.batch_size, len(work.X)))
    set_weights(model, work)
    return model


def set_weights(model: Any, work: Training) -> None:
    """Give a model the weights of the start."""
    model.coefs_, model.intercepts_ = work.copies()


def perceptron_fit(cls: Any, work: Training, **parameters: Any) -> Row:
    """Return a row that fits an estimator from the given weights."""
    model = perceptron(cls, work, **parameters)

    def call() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return model.fit(work.X, work.y)

    return Row(
        call,
        lambda fitted: flat(fitted.coefs_, fitted.intercepts_),
        lambda: set_weights(model, work),
        compiles=cls.__module__.startswith("fastml"),
    )


def bayes(kind: Any, work: Any, part: str, *, ours: bool = False) -> Row:
    """Return the row that fits a naive Bayes, or predicts with a fitted one.

    A fit answers with its means and variances, or with its counts.
    """
    model = kind().fit(work.X, work.y)
    if part == "predict":
        return Row(lambda: model.predict(work.X), compiles=ours)
    return Row(lambda: kind().fit(work.X, work.y), _fitted_bayes, compiles=ours)


def _fitted_bayes(model: Any) -> Any:
    """Return what the classes were found to be."""
    if hasattr(model, "theta_"):
        return np.stack([model.theta_, model.var_])
    if hasattr(model, "feature_count_"):
        return model.feature_count_
    return np.concatenate([counts.ravel() for counts in model.category_count_])
