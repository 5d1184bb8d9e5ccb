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
scores = np.array([
    cross_val_score(fastml.DecisionTreeClassifier(ccp_alpha=alpha), X, y, cv=10) for alpha in alphas
])  # fmt: skip
best = np.flatnonzero(scores.mean(axis=1) == scores.mean(axis=1).max())[-1]
print(
    f"{len(alphas)} trees; the best by ten-fold cross-validation: {scores.mean(axis=1)[best]:.1%}"
)

figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
ax.plot(1000 * alphas, 100 * scores.mean(axis=1), color="#4477aa", drawstyle="steps-post")
ax.plot(1000 * alphas[best], 100 * scores.mean(axis=1)[best], "o", color="#ee6677")
ax.set(xlabel="ccp_alpha, thousandths")
ax.set_title("accuracy on rows that were not fitted, %", loc="left")
plt.show()

# %%
# The tree that was best: what it asks, how many rows go which way, what they are.

tree = fastml.DecisionTreeClassifier(ccp_alpha=alphas[best]).fit(X, y)
TreeDisplay.from_estimator(tree, feature_names=data.feature_names, class_names=data.target_names)
plt.show()
