"""
How six classifiers see the same wines
======================================

Every classifier of the library on the same two measurements of three growers' wines, drawn by
scikit-learn's own display: estimators are scikit-learn's in arguments, attributes and behaviour, so
what draws theirs draws these.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastml

wine = load_wine()
names = ["alcohol", "flavanoids"]
X, y = wine.data[:, [wine.feature_names.index(name) for name in names]], wine.target
classifiers = {
    "logistic regression": fastml.LogisticRegression(),
    "Gaussian naive Bayes": fastml.GaussianNB(),
    "9 nearest neighbours": fastml.KNeighborsClassifier(9),
    "decision tree": fastml.DecisionTreeClassifier(max_depth=4, random_state=0),
    "forest of 100 trees": fastml.RandomForestClassifier(random_state=0),
    "perceptron, 32 tanh units": fastml.MLPClassifier(
        (32,), activation="tanh", solver="lbfgs", alpha=0.1, max_iter=500, random_state=0
    ),
}

# %%
# The accuracy is that of five-fold cross-validation.

figure, axes = plt.subplots(2, 3, figsize=(11, 7), layout="constrained", sharex=True, sharey=True)
colours = np.array(["#4477aa", "#ee6677", "#228833"])
for ax, (name, classifier) in zip(axes.flat, classifiers.items(), strict=True):
    model = make_pipeline(StandardScaler(), classifier)
    accuracy = cross_val_score(model, X, y, cv=5).mean()
    print(f"{name:26} {accuracy:.1%}")
    DecisionBoundaryDisplay.from_estimator(
        model.fit(X, y), X, response_method="predict", grid_resolution=400, ax=ax, alpha=0.3,
        xlabel="", ylabel="", multiclass_colors=list(colours),
    )  # fmt: skip
    ax.scatter(*X.T, c=colours[y], s=14, linewidths=0)
    ax.set_title(f"{name}: {accuracy:.0%}", loc="left", fontsize=11)
figure.supxlabel(names[0])
figure.supylabel(names[1])
plt.show()
