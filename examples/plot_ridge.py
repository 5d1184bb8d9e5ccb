"""
Ridge regression from no penalty to a large one
===============================================

How a disease went on after a year, from ten measurements of 442 patients. A penalty on the squares
of the coefficients shrinks them towards zero; what it does to predictions cross-validation says.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastml

data = load_diabetes(scaled=False)
X, y = StandardScaler().fit_transform(data.data), data.target
alphas = np.logspace(-2, 4, 37)
coefficients = np.array([fastml.Ridge(alpha=alpha).fit(X, y).coef_ for alpha in alphas])
scores = [
    cross_val_score(make_pipeline(StandardScaler(), fastml.Ridge(alpha=alpha)), data.data, y).mean()
    for alpha in alphas
]
for alpha, score in zip(alphas[::6], scores[::6], strict=True):
    print(f"alpha {alpha:8.3g}: R² {score:.3f}")

# %%
# S1 and S2, total cholesterol and LDL, nearly say the same: without a penalty their coefficients
# are large and opposite, and what one adds the other takes away. A penalty of a hundred
# ends that and costs predictions little: here it buys coefficients that can be read, not accuracy.

figure, (paths, quality) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
for name, path in zip(data.feature_names, coefficients.T, strict=True):
    paths.plot(alphas, path, label=name)
paths.axhline(0, color="0.7", linewidth=0.8, zorder=0)
paths.set(xscale="log", xlabel="alpha")
paths.set_title(
    "coefficient of each measurement, in its standard deviations", loc="left", fontsize=10
)
paths.legend(ncols=2, fontsize=8, frameon=False)
quality.plot(alphas, scores, color="#4477aa")
quality.set(xscale="log", xlabel="alpha")
quality.set_title("R², five-fold cross-validation", loc="left", fontsize=10)
plt.show()
