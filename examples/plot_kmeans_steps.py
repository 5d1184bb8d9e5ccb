"""
K-means step by step
====================

Wines of three growers, by two of the measurements a chemist made of each. K-means does not know
the growers: it starts from three wines drawn at random, gives every wine to the nearest centre,
moves each centre to the mean of its wines, and goes on until nothing moves.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_wine
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler

import fastml
from fastml.inspection import KMeansStepsDisplay

wine = load_wine()
names = ["alcohol", "flavanoids"]
columns = [wine.feature_names.index(name) for name in names]
X = StandardScaler().fit_transform(wine.data[:, columns])

# %%
# An estimator is handed over as it is, fitted or not; the display runs it once and keeps what every
# iteration left behind. The first iteration is drawn in its two halves.

model = fastml.KMeans(n_clusters=3, init="random", n_init=1, random_state=4)
KMeansStepsDisplay.from_estimator(model, X, feature_names=names)
plt.show()

# %%
# How much of the growers is in two measurements? An index of 1 would be all, 0 no more than chance.

labels = model.fit(X).labels_
print(f"adjusted Rand index: {adjusted_rand_score(wine.target, labels):.2f}")
