"""The picture of class densities shows the Gaussians that are compared."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.naive_bayes
from scipy.integrate import trapezoid
from sklearn.datasets import load_iris

import fastml
from fastml.inspection import ClassDensitiesDisplay

pytest.importorskip("matplotlib")
import matplotlib.pyplot as plt


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def iris():
    X, y = load_iris(return_X_y=True)
    return X, np.array(["setosa", "versicolor", "virginica"])[y]


def test_curves_are_densities_times_priors():
    X, y = iris()
    model = fastml.GaussianNB(priors=[0.2, 0.3, 0.5]).fit(X, y)
    display = ClassDensitiesDisplay.from_estimator(model, X, y, features=[2, 0])
    assert [ax.get_title(loc="left") for ax in display.axes_] == ["feature 2", "feature 0"]
    for p, ax in zip((2, 0), display.axes_, strict=True):
        assert [line.get_label() for line in ax.lines] == ["setosa", "versicolor", "virginica"]
        for c, line in enumerate(ax.lines):
            x, density = line.get_xydata().T
            spread = np.sqrt(model.var_[c, p])
            assert trapezoid(density, x) == pytest.approx(model.class_prior_[c], rel=0.01)
            assert x[density.argmax()] == pytest.approx(model.theta_[c, p], abs=0.1 * spread)


def test_histograms_have_the_curves_scale():
    X, y = iris()
    model = fastml.GaussianNB().fit(X, y)
    display = ClassDensitiesDisplay.from_estimator(model, X, y)
    assert len(display.axes_) == 4
    for ax in display.axes_:
        for c, steps in enumerate(ax.patches):
            heights, edges, _ = steps.get_data()
            area = (heights * np.diff(edges)).sum()
            assert model.class_prior_[c] * 0.9 < area <= model.class_prior_[c] * (1 + 1e-9)


def test_the_features_that_tell_most_are_shown():
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    X = rng.normal(size=(200, 9))
    X[:, [1, 3, 4, 6, 7, 8]] += 3.0 * y[:, None]
    model = fastml.GaussianNB().fit(X, y)
    display = ClassDensitiesDisplay.from_estimator(model, feature_names=list("abcdefghi"))
    assert "".join(ax.get_title(loc="left") for ax in display.axes_) == "bdeghi"
    assert not display.axes_[0].patches


def test_given_axes():
    X, y = iris()
    model = sklearn.naive_bayes.GaussianNB().fit(X, y)
    _, axes = plt.subplots(1, 2)
    display = ClassDensitiesDisplay.from_estimator(model, features=[1], axes=axes)
    assert display.axes_.tolist() == [axes[0]]
    with pytest.raises(ValueError, match="4 axes are needed, got 2"):
        ClassDensitiesDisplay.from_estimator(model, axes=axes)


def test_what_does_not_fit_is_named():
    X, y = iris()
    model = fastml.GaussianNB().fit(X, y)
    draw = ClassDensitiesDisplay.from_estimator
    with pytest.raises(TypeError, match="must be a GaussianNB, got MultinomialNB"):
        draw(fastml.MultinomialNB())
    for features in ([], [4], [-1]):
        with pytest.raises(ValueError, match="features must be from 0 to 3"):
            draw(model, features=features)
    with pytest.raises(ValueError, match="feature_names must be 4 names, got 1"):
        draw(model, feature_names=["a"])
    with pytest.raises(ValueError, match="y must be given with X"):
        draw(model, X)
    with pytest.raises(ValueError, match="X and y have shapes"):
        draw(model, X[:, :2], y)
