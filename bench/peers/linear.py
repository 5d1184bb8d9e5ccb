"""Linear estimators of fastml, scikit-learn and oneDAL, and competent NumPy."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..harness.case import Row
from ..harness.workloads import Labelled
from . import from_fastml, module


def _kind(library: str, name: str) -> Any:
    if library == "fastml":
        return from_fastml(name)
    return getattr(module(f"{library}.linear_model"), name)


def _fitted(kind: Any, work: Labelled, settings: dict[str, Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peers say that they did not converge
        return kind(**settings).fit(work.X, work.y)


def _coefficients(model: Any) -> Any:
    return np.column_stack([np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)])


def fit(library: str, name: str, **settings: Any) -> Callable[[Labelled], Row]:
    """Return the factory of a row that fits an estimator: it answers with its coefficients."""

    def make(work: Labelled) -> Row:
        kind = _kind(library, name)
        return Row(
            lambda: _fitted(kind, work, settings),
            _coefficients,
            iterations=lambda model: int(np.max(getattr(model, "n_iter_", None) or 0)),
            compiles=library == "fastml",
        )

    return make


def predict(
    library: str, name: str, method: str = "predict", n_classes: int = 0
) -> Callable[[Labelled], Row]:
    """Return the factory of a row that predicts with coefficients that are the same everywhere."""

    def make(work: Labelled) -> Row:
        random = np.random.default_rng(1)
        X = random.standard_normal((500, work.X.shape[1]), dtype=np.float32)
        y = np.arange(500) % n_classes if n_classes else X[:, 0]
        model = _fitted(_kind(library, name), Labelled(X, y), {})
        if n_classes:  # what each of them found differs by its tolerance
            model.coef_ = random.standard_normal(model.coef_.shape).astype(np.float32)
            model.intercept_ = np.zeros_like(model.intercept_)
        call = getattr(model, method)
        return Row(lambda: call(work.X), compiles=library == "fastml")

    return make


def normal_equations(work: Labelled) -> Row:
    """Solve the normal equations of centred columns, in blocks that stay in the cache."""

    def call() -> Any:
        X, y = work.X, work.y
        shift, d = X[:256].mean(axis=0), X.shape[1]
        G, sums = np.zeros((d + 1, d + 1)), np.zeros(d + 1)
        for start in range(0, len(X), 4096):
            rows = slice(start, start + 4096)
            block = np.column_stack([X[rows] - shift, y[rows]])
            G += block.T @ block
            sums += block.sum(axis=0, dtype=np.float64)
        G -= np.outer(sums, sums) / len(X)
        coef = np.linalg.solve(G[:d, :d], G[:d, d])
        mean = sums / len(X)
        return np.append(coef, mean[d] - coef @ (mean[:d] + shift))[None]

    return Row(call)
