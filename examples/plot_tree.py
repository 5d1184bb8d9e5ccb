"""
How large a tree should be
==========================

A tree that grows until its leaves are pure learns its rows by heart. Pruning cuts off what lowers
the impurity least for each leaf, one subtree after the other; cross-validation says where to stop.
What is left can be read.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import cross_val_score

import fastml
from fastml.inspection import TreeDisplay

data = load_breast_cancer()
X, y = data.data, data.target
path = fastml.DecisionTreeClassifier().cost_complexity_pruning_path(X, y)
alphas = np.unique(path.ccp_alphas)[:-1]
trees = [fastml.DecisionTreeClassifier(ccp_alpha=alpha) for alpha in alphas]
scores = np.array([cross_val_score(tree, X, y, cv=10).mean() for tree in trees])
best = np.flatnonzero(scores == scores.max())[-1]
print(f"{len(alphas)} trees; the best by ten-fold cross-validation: {scores[best]:.1%}")

figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
ax.plot(1000 * alphas, 100 * scores, color="#4477aa", drawstyle="steps-post")
ax.plot(1000 * alphas[best], 100 * scores[best], "o", color="#ee6677")
ax.set(xlabel="ccp_alpha, thousandths")
ax.set_title("accuracy on rows that were not fitted, %", loc="left")
plt.show()

# %%
# The tree that was best: what it asks, how many rows go which way, what they are.

tree = trees[best].fit(X, y)
TreeDisplay.from_estimator(tree, feature_names=data.feature_names, class_names=data.target_names)
plt.show()
