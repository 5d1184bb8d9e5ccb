"""
What a forest looks at
======================

A forest learns to tell handwritten digits apart; then each pixel's share in that is drawn where the
pixel is. Trees here are exact: at every node the best split of all there are is taken, and the
forest is the same for any number of threads.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import fastml

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
forest = fastml.RandomForestClassifier(200, oob_score=True, random_state=0).fit(X_train, y_train)
print(f"computed by {forest.computed_by_}")
print(f"accuracy on the test digits:       {forest.score(X_test, y_test):.1%}")
print(f"estimated from rows not drawn:     {forest.oob_score_:.1%}")

# %%
# The vote of the first trees alone, over how many there are: most is won by the first thirty or so.

votes = np.cumsum([tree.predict_proba(X_test) for tree in forest.estimators_], axis=0)
accuracy = (forest.classes_[votes.argmax(axis=2)] == y_test).mean(axis=1)

figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
axes[0].imshow(X_train[y_train == 3][0].reshape(8, 8), cmap="gray_r")
axes[0].set_title("a digit", loc="left")
picture = axes[1].imshow(100 * forest.feature_importances_.reshape(8, 8), cmap="viridis")
axes[1].set_title("importance of each pixel, %", loc="left")
figure.colorbar(picture, ax=axes[1], shrink=0.8)
axes[2].plot(np.arange(1, 201), 100 * accuracy, color="#4477aa")
axes[2].set(xlabel="trees", xscale="log", xticks=[1, 3, 10, 30, 100, 200])
axes[2].set_xticklabels([1, 3, 10, 30, 100, 200])
axes[2].set_title("accuracy on the test digits, %", loc="left")
axes[2].minorticks_off()
for ax in axes[:2]:
    ax.set_axis_off()
plt.show()

# %%
# Where hardly any digit has ink, at the edges, no split is worth taking: some are never used.

print(f"pixels never used: {np.count_nonzero(forest.feature_importances_ == 0)} of 64")
