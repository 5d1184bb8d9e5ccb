"""
How many clusters?
==================

More clusters always lower the inertia, the sum of squared distances to the centres. Where the curve
bends, more of them begin to split what belongs together. The mean silhouette, dashed, is high where
rows are near the others of their cluster and far from those of the next.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits, load_wine
from sklearn.preprocessing import StandardScaler

import fastml
from fastml.inspection import KMeansElbowDisplay

wine = StandardScaler().fit_transform(load_wine().data)
digits = load_digits().data
figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
model = fastml.KMeans(3, n_init=10, random_state=0)
KMeansElbowDisplay.from_estimator(model, wine, k_values=range(1, 11), silhouette=True, ax=axes[0])
model = fastml.KMeans(10, n_init=10, random_state=0)
KMeansElbowDisplay.from_estimator(model, digits, k_values=range(1, 21), silhouette=True, ax=axes[1])
axes[0].set_title("178 wines, 13 measurements", loc="left")
axes[1].set_title("1,797 handwritten digits, 64 pixels", loc="left")
plt.show()

# %%
# The wines come from three growers: the curve bends at three, where the silhouette is highest.
# The digits are of ten kinds, and nothing bends at ten, where the silhouette is past its height: a
# 7 with a bar and one without are two clusters, not one. An elbow is a hint where there is one;
# where there is none, the data have no number of clusters to be found.
