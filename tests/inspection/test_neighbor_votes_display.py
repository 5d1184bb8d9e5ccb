"""The picture of a vote shows what the classifier does."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.neighbors

import fastml
from fastml.inspection import NeighborVotesDisplay

pytest.importorskip("matplotlib")
import matplotlib.pyplot as plt
from matplotlib.colors import to_rgb

from fastml.inspection._style import COLOURS


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def problem(n=120, k=3):
    rng = np.random.default_rng(0)
    y = rng.integers(0, k, n)
    return rng.normal(size=(n, 2)) + 2.0 * y[:, None], np.array(list("cabdef"))[y]


def test_the_regions_are_what_the_classifier_says():
    X, y = problem()
    model = fastml.KNeighborsClassifier(5).fit(X, y)
    display = NeighborVotesDisplay.from_estimator(model, X, y, grid_resolution=30)
    left, right, bottom, top = display.limits
    assert left < X[:, 0].min() < X[:, 0].max() < right
    assert bottom < X[:, 1].min() < X[:, 1].max() < top
    corner = [[left, bottom], [right, top]]
    np.testing.assert_array_equal(display.votes[0, 0], model.predict_proba(corner)[0])
    np.testing.assert_array_equal(display.votes[-1, -1], model.predict_proba(corner)[1])
    (picture,) = display.ax_.images
    pixel = 1 - np.asarray(picture.get_array())[0, 0]
    full = 1 - np.array(to_rgb(COLOURS[display.votes[0, 0].argmax()]))
    assert np.ptp(pixel / full) < 1e-9  # its colour, fainter
    names = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert names == ["a", "b", "c"]


def test_the_query_is_joined_to_its_voters():
    X, y = problem()
    model = fastml.KNeighborsClassifier(4).fit(X, y)
    query = [1.0, 1.5]
    display = NeighborVotesDisplay.from_estimator(model, X, y, query=query, grid_resolution=9)
    voters = model.kneighbors([query], return_distance=False)[0]
    ends = [line.get_xydata()[1].tolist() for line in display.ax_.lines]
    assert ends == X[voters].tolist()
    assert all(line.get_xydata()[0].tolist() == query for line in display.ax_.lines)
    label = model.predict([query])[0]
    count = (y[voters] == label).sum()
    assert display.ax_.get_title(loc="left") == f"4 neighbours: {count} of 4 votes for {label}"


def test_one_class_one_neighbour_given_axes_and_names():
    X, _ = problem(n=9)
    X[:, 1] = 3.0  # no width
    model = fastml.KNeighborsClassifier(1).fit(X, np.zeros(9))
    _, ax = plt.subplots()
    display = NeighborVotesDisplay.from_estimator(
        model, X, np.zeros(9), grid_resolution=2, feature_names=("u", "v"), ax=ax
    )
    assert display.ax_ is ax
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("u", "v")
    assert ax.get_title(loc="left") == "1 neighbour"


def test_what_does_not_fit_is_named():
    X, y = problem()
    model = fastml.KNeighborsClassifier().fit(X, y)
    draw = NeighborVotesDisplay.from_estimator
    for foreign in (
        sklearn.neighbors.KNeighborsRegressor(),
        sklearn.neighbors.KNeighborsClassifier(),
    ):
        wanted = rf"must be a fastml.KNeighborsClassifier, got sklearn\..*{type(foreign).__name__}"
        with pytest.raises(TypeError, match=wanted):
            draw(foreign, X, y)
    with pytest.raises(ValueError, match="X must be the 120 rows of the fit with 2 features"):
        draw(model, X[:5], y[:5])
    with pytest.raises(ValueError, match="y must be one class for each row"):
        draw(model, X, y[:5])
    with pytest.raises(ValueError, match="grid_resolution == 1, must be >= 2"):
        draw(model, X, y, grid_resolution=1)
    wide = np.hstack([X, X[:, :1]])
    of_three = fastml.KNeighborsClassifier().fit(wide, y)
    with pytest.raises(ValueError, match="a fit of 3 features"):
        draw(of_three, wide, y)


def test_many_classes_are_told_apart():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(150, 2)), np.arange(150) % 12
    model = fastml.KNeighborsClassifier(3).fit(X, y)
    display = NeighborVotesDisplay.from_estimator(model, X, y, grid_resolution=9)
    looks = {
        (tuple(points.get_facecolor()[0]), len(points.get_paths()[0].vertices))
        for points in display.ax_.collections
    }
    assert len(looks) == 12
