"""
The vanishing gradient, and its cure
====================================

Ten layers of sigmoids that do not learn, and the same depth that does after one change.

A sigmoid's derivative is at most 1/4. Backpropagation multiplies by it once a layer, so after ten
layers nothing is left: the first layers stand still, and the network never does better than
guessing.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

import fastml
from fastml.inspection import GradientFlowDisplay, LossCurveDisplay, gradient_flow

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split((X / 16).astype(np.float32), y, random_state=0, stratify=y)

# %%
# ``gradient_flow`` measures the gradient in every layer and says what it means.


def trained(activation):
    """Return ten hidden layers after sixty epochs of plain stochastic gradient descent."""
    model = fastml.MLPClassifier(
        [30] * 10,
        activation=activation,
        solver="sgd",
        learning_rate_init=0.05,
        max_iter=60,
        n_iter_no_change=60,
        record_gradients=True,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # sixty epochs were asked for
        return model.fit(X, y, validation_data=(X_test, y_test))


models = {activation: trained(activation) for activation in ("logistic", "tanh")}
scores = {activation: model.score(X_test, y_test) for activation, model in models.items()}
for activation, model in models.items():
    print(f"\n{activation}: {scores[activation]:.0%} of the test digits recognised")
    print(gradient_flow(model, X, y))

# %%
# A thick line is the gradient after training, a thin one that of an epoch on the way.

figure, (flow, losses) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
for (activation, model), colour in zip(models.items(), ("#ee6677", "#4477aa"), strict=True):
    name = f"{activation}: {scores[activation]:.0%} of test digits"
    GradientFlowDisplay.from_estimator(model, X, y, ax=flow, name=name, color=colour)
    LossCurveDisplay.from_estimator(model, ax=losses, name=activation, color=colour)
flow.set_title("gradient of each layer, epoch by epoch and now")
losses.set_title("the loss stands still, or falls")
losses.legend(loc="upper right", bbox_to_anchor=(1, 0.93), ncols=2, fontsize=7, columnspacing=1)
plt.show()
