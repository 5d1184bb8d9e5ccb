"""A boundary, coefficients and a calibration curve, by scikit-learn's displays.

python examples/linear_models.py [folder]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.calibration import CalibrationDisplay
from sklearn.datasets import load_breast_cancer
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.model_selection import train_test_split

from fastml import LogisticRegression


def main(folder: Path) -> None:
    """Fit tumours, malignant and benign, and draw what was found."""
    data = load_breast_cancer()
    X, X_held_out, y, y_held_out = train_test_split(
        data.data, data.target, test_size=0.5, random_state=0, stratify=data.target
    )
    # No scaling: units change neither the time nor the precision.  They do change what the penalty
    # means, so coefficients are compared in standard deviations.
    model = LogisticRegression().fit(X, y)
    figure = Figure(figsize=(15, 4.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)

    two = [data.feature_names.tolist().index(name) for name in ("mean radius", "mean texture")]
    DecisionBoundaryDisplay.from_estimator(
        LogisticRegression().fit(X[:, two], y), X[:, two], response_method="predict_proba",
        plot_method="pcolormesh", cmap="RdBu", alpha=0.7, vmin=0, vmax=1, ax=left,
        xlabel="mean radius", ylabel="mean texture",
    )  # fmt: skip
    for target, marker, colour in ((0, "x", "darkred"), (1, ".", "darkblue")):
        rows = X[y == target][:, two]
        label = data.target_names[target]
        left.scatter(*rows.T, s=18, marker=marker, color=colour, label=label)
    left.legend(loc="upper right")
    left.set_title("Probability of a benign tumour, two features")

    strength = model.coef_[0] * X.std(axis=0)
    order = np.argsort(np.abs(strength))[-10:]
    middle.barh(data.feature_names[order], strength[order], color="0.4")
    middle.axvline(0, color="0", linewidth=0.8)
    middle.set_xlabel("coefficient times standard deviation")
    middle.set_title("The ten strongest of 30 coefficients")

    CalibrationDisplay.from_estimator(
        model, X_held_out, y_held_out, n_bins=6, strategy="quantile", ax=right, name="all features"
    )
    right.set_title(
        f"Calibration, {model.score(X_held_out, y_held_out):.1%} of held-out rows right"
    )

    path = folder / "linear_models.png"
    figure.savefig(path, dpi=110)
    print(f"wrote {path}: {model.n_iter_[0]} iterations")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
