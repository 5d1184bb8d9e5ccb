"""
What naive Bayes remembers of a digit
=====================================

Gaussian naive Bayes keeps two pictures a class, the mean of each pixel and its variance, and
nothing else: one pass over the data finds both. Data can therefore come in pieces, and
``partial_fit`` ends where ``fit`` does.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import fastml

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
whole = fastml.GaussianNB(var_smoothing=1e-2).fit(X_train, y_train)
print(f"accuracy on the test digits: {whole.score(X_test, y_test):.1%}")

# %%
# The same in pieces of a hundred rows.

pieces = fastml.GaussianNB(var_smoothing=1e-2)
for start in range(0, len(X_train), 100):
    rows = slice(start, start + 100)
    pieces.partial_fit(X_train[rows], y_train[rows], classes=np.arange(10))
print(f"largest difference of a mean:     {np.abs(pieces.theta_ - whole.theta_).max():.1e}")
print(f"largest difference of a variance: {np.abs(pieces.var_ - whole.var_).max():.1e}")

# %%
# Above the means, below the standard deviations: where a digit is sure of itself, and where writers
# differ.

figure, axes = plt.subplots(2, 10, figsize=(11, 2.6), layout="constrained")
for digit in range(10):
    axes[0, digit].imshow(whole.theta_[digit].reshape(8, 8), cmap="gray_r")
    axes[0, digit].set_title(str(digit), fontsize=10)
    axes[1, digit].imshow(np.sqrt(whole.var_[digit]).reshape(8, 8), cmap="magma")
for ax in axes.flat:
    ax.set_axis_off()
plt.show()
