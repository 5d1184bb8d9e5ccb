"""
Why that digit? Ask its neighbours
==================================

Nearest neighbours explain themselves: here are test digits that were taken for others, and beside
each the five training digits that decided it, with their distances. Neighbours, their order and
their distances are those of the definition, at any scale and on any number of threads.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import fastml

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, test_size=0.5)
model = fastml.KNeighborsClassifier(n_neighbors=5).fit(X_train, y_train)
predicted = model.predict(X_test)
wrong = np.flatnonzero(predicted != y_test)
print(f"{len(wrong)} of {len(y_test)} test digits are taken for others")

# %%
# The digit on the left, its neighbours from the nearest on; a red title disagrees with the truth.

shown = wrong[:4]
distances, neighbours = model.kneighbors(X_test[shown])
figure, axes = plt.subplots(len(shown), 6, figsize=(9, 7), layout="constrained")
for row, query in enumerate(shown):
    axes[row, 0].imshow(X_test[query].reshape(8, 8), cmap="gray_r")
    axes[row, 0].set_title(f"a {y_test[query]}, taken for a {predicted[query]}", fontsize=9)
    for column, (distance, neighbour) in enumerate(
        zip(distances[row], neighbours[row], strict=True), start=1
    ):
        ax = axes[row, column]
        ax.imshow(X_train[neighbour].reshape(8, 8), cmap="gray_r")
        colour = "black" if y_train[neighbour] == y_test[query] else "#cc3311"
        ax.set_title(f"{y_train[neighbour]}, at {distance:.1f}", fontsize=9, color=colour)
for ax in axes.flat:
    ax.set_axis_off()
plt.show()
