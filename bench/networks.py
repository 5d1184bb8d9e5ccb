"""Networks with given weights, in each library: what training, inference and latency share."""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import Any

import numpy as np

from .case import Row
from .peers import from_fastml, module
from .workloads import Array, Training, flat, normal


def estimator(cls: Any, work: Training, **parameters: Any) -> Any:
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
    model.set_params(batch_size=work.batch_size)
    set_weights(model, work)
    return model


def set_weights(model: Any, work: Training) -> None:
    """Give a model the weights of the start."""
    model.coefs_, model.intercepts_ = work.copies()


def fitting_row(cls: Any, work: Training, **parameters: Any) -> Row:
    """Return a row that fits an estimator from the given weights."""
    model = estimator(cls, work, **parameters)

    def call() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return model.fit(work.X, work.y)

    return Row(
        call,
        lambda fitted: flat(fitted.coefs_, fitted.intercepts_),
        lambda: set_weights(model, work),
        compiles=True,
    )


class TorchNetwork:
    """A torch network with the given weights, its loss and its optimiser."""

    def __init__(self, work: Training, *, tanh: bool = False) -> None:
        torch = module("torch")
        self.work = work
        self.X, self.y = torch.from_numpy(work.X), torch.from_numpy(work.y)
        if work.y.ndim == 1:
            self.y = self.y[:, None]
        layers: list[Any] = []
        for n_in, n_out in pairwise(work.widths):
            activation = torch.nn.Tanh() if tanh else torch.nn.Sigmoid()
            layers += [torch.nn.Linear(n_in, n_out), activation]
        self.model = torch.nn.Sequential(*layers[:-1]).to(self.X.dtype)
        self.linear = layers[::2]
        self.reset()

    def reset(self) -> None:
        """Give the model the weights of the start."""
        torch = module("torch")
        with torch.no_grad():
            for layer, W, b in zip(self.linear, self.work.coefs, self.work.intercepts, strict=True):
                layer.weight.copy_(torch.from_numpy(W.T.copy()))
                layer.bias.copy_(torch.from_numpy(b))

    def parameters(self, _: Any = None) -> Array:
        """Return all parameters one behind the other, as :func:`flat` does."""
        return flat(
            [layer.weight.detach().numpy().T for layer in self.linear],
            [layer.bias.detach().numpy() for layer in self.linear],
        )


def torch_epoch(compile_with: Any = None) -> Any:
    """Return the factory of a torch row: one epoch of plain descent on consecutive batches."""

    def make(work: Training) -> Row:
        torch = module("torch")
        network = TorchNetwork(work)
        optimizer = torch.optim.SGD(network.model.parameters(), lr=work.learning_rate)
        bce = torch.nn.functional.binary_cross_entropy_with_logits

        def loss_of(X: Any, y: Any) -> Any:
            return bce(network.model(X), y)

        if compile_with is not None:
            torch.compiler.reset()
            loss_of = compile_with(loss_of)
        size = work.batch_size

        def call() -> None:
            for first in range(0, len(network.X), size):
                optimizer.zero_grad(set_to_none=True)
                loss_of(network.X[first : first + size], network.y[first : first + size]).backward()
                optimizer.step()

        network.reset()
        return Row(call, network.parameters, network.reset, compiles=compile_with is not None)

    return make


def fastml_fit(name: str = "MLPClassifier", **parameters: Any) -> Any:
    """Return the factory of a fastml row."""
    return lambda work: fitting_row(from_fastml(name), work, **parameters)


def sklearn_fit(name: str = "MLPClassifier", **parameters: Any) -> Any:
    """Return the factory of a scikit-learn row."""

    def make(work: Training) -> Row:
        return fitting_row(getattr(module("sklearn.neural_network"), name), work, **parameters)

    return make


def numpy_epoch(work: Training) -> Row:
    """Return the row of the reference: one epoch of plain descent."""
    from fastml import reference

    coefs, intercepts = work.copies()
    order = np.arange(len(work.X))

    def reset() -> None:
        starts = [*work.coefs, *work.intercepts]
        for target, source in zip([*coefs, *intercepts], starts, strict=True):
            target[...] = source

    return Row(
        lambda: reference.train_epoch(
            work.X, work.y, coefs, intercepts, order, work.batch_size, work.learning_rate
        ),
        lambda loss: flat(coefs, intercepts),
        reset,
    )


def multiply_adds(widths: list[int]) -> float:
    """Return the multiply-adds of one row going forward."""
    return float(sum(n_in * n_out for n_in, n_out in pairwise(widths)))
