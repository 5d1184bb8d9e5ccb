"""Ten layers of sigmoids that do not learn, and the same depth that does after one change.

A sigmoid's derivative is at most 1/4.  Backpropagation multiplies by it once a layer, so after
ten layers nothing is left: the first layers stand still and the network never does better than
guessing.  Run ``python examples/vanishing_gradient.py [picture.png]``.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from fastml import MLPClassifier
from fastml.inspection import GradientFlowDisplay, LossCurveDisplay, gradient_flow

DEPTH, WIDTH, EPOCHS = 10, 30, 60


def network(activation: str) -> MLPClassifier:
    """Return ten hidden layers, to be trained by plain stochastic gradient descent."""
    return MLPClassifier(
        [WIDTH] * DEPTH,
        activation=activation,
        solver="sgd",
        learning_rate_init=0.05,
        max_iter=EPOCHS,
        n_iter_no_change=EPOCHS,
        record_gradients=True,
        random_state=0,
    )


def draw() -> tuple[Figure, dict[str, float]]:
    """Train both networks on the digits; return the picture and the test accuracies."""
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(
        (X / 16).astype(np.float32), y, random_state=0, stratify=y
    )
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    flow, losses = figure.subplots(1, 2)
    scores = {}
    for activation, colour in (("logistic", "#ee6677"), ("tanh", "#4477aa")):
        model = network(activation)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, y, validation_data=(X_test, y_test))
        scores[activation] = model.score(X_test, y_test)
        print(f"\n{DEPTH} layers of {activation}, test accuracy {scores[activation]:.1%}")
        print(gradient_flow(model, X, y))
        name = f"{activation}: {scores[activation]:.0%} of test digits"
        GradientFlowDisplay.from_estimator(model, X, y, ax=flow, name=name, color=colour)
        LossCurveDisplay.from_estimator(model, ax=losses, name=activation, color=colour)
    flow.set_title(f"Gradient of each layer, a thin line for each of {EPOCHS} epochs")
    losses.set_title("The loss stands still, or falls")
    figure.suptitle(f"{DEPTH} hidden layers of {WIDTH} units on handwritten digits")
    return figure, scores


def main() -> None:
    """Write the picture."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "fastml-demo/vanishing_gradient.png")
    figure, _ = draw()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    print(f"\nwrote {path}")


if __name__ == "__main__":
    main()
