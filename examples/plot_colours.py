"""
A photograph in few colours
===========================

K-means finds the colours a picture can be redrawn with. The rows are the pixels, the features
red, green and blue; each pixel takes the colour of its centre.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

import fastml

photograph = load_sample_image("china.jpg")
pixels = photograph.reshape(-1, 3).astype(np.float32) / 255
print(f"{len(pixels):,} pixels, {len(np.unique(photograph.reshape(-1, 3), axis=0)):,} colours")

# %%
# One model for each number of colours. The mean error says how far a pixel's red, green or blue
# is from what it was, of 255 steps.

figure, axes = plt.subplots(2, 2, figsize=(9, 6.4), layout="constrained")
axes[0, 0].imshow(photograph)
axes[0, 0].set_title("the photograph")
for ax, n_colours in zip(axes.flat[1:], (4, 16, 64), strict=True):
    model = fastml.KMeans(n_clusters=n_colours, random_state=0).fit(pixels)
    redrawn = model.cluster_centers_[model.labels_]
    error = 255 * np.abs(redrawn - pixels).mean()
    print(f"{n_colours:3} colours: {model.n_iter_:3} iterations, mean error {error:4.1f} of 255")
    ax.imshow(redrawn.reshape(photograph.shape).clip(0, 1))
    ax.set_title(f"{n_colours} colours, mean error {error:.1f}")
for ax in axes.flat:
    ax.set_axis_off()

# %%
# The palette of the last model, each colour as wide as its share of the pixels: k-means gives
# its colours to what there is much of, sky and roof.

shares = np.bincount(model.labels_, minlength=64) / len(pixels)
order = np.argsort(-shares)
left = np.concatenate([[0], np.cumsum(shares[order])[:-1]])
figure, ax = plt.subplots(figsize=(9, 1.2), layout="constrained")
ax.bar(left, 1, width=shares[order], align="edge", color=model.cluster_centers_[order].clip(0, 1))
ax.set(xlim=(0, 1), ylim=(0, 1), yticks=[], xlabel="share of the pixels")
plt.show()
