"""The pictures of k-means show what k-means does."""

from __future__ import annotations

import copy
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn.cluster
from hypothesis import given
from hypothesis import strategies as st

import fastml
from fastml import reference

pytest.importorskip("matplotlib")
import matplotlib.pyplot as plt
from matplotlib.colors import to_rgba

from fastml.inspection._kmeans_displays import voronoi_cell
from fastml.inspection._style import COLOURS

EXAMPLES = Path(__file__).parents[2] / "examples"
BOX = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def points(n_samples=400, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(n_samples, 2)) + random.choice([-4.0, 0.0, 4.0], (n_samples, 2))


def random_model(**parameters):
    return fastml.KMeans(**{"n_clusters": 5, "init": "random", "random_state": 0, **parameters})


def titles(display):
    return [axes.get_title(loc="left") for axes in display.axes_]


def notes(display):
    return [axes.texts[0].get_text() for axes in display.axes_]


# --- regions --------------------------------------------------------------------------------------


def contains(cell, point):
    """Say whether a convex polygon, in counter-clockwise order, holds a point."""
    along = np.roll(cell, -1, axis=0) - cell
    to_point = point - cell
    return (along[:, 0] * to_point[:, 1] - along[:, 1] * to_point[:, 0] >= -1e-12).all()


def area(cell):
    x, y = cell.T
    return 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))


@given(seed=st.integers(0, 2**32 - 1), n_clusters=st.integers(1, 12), size=st.floats(0.01, 3))
def test_regions_hold_what_is_nearest(seed, n_clusters, size):
    random = np.random.default_rng(seed)
    centers = random.normal(size=(n_clusters, 2)) * size
    cells = [voronoi_cell(centers, own, BOX) for own in range(n_clusters)]
    np.testing.assert_allclose(sum(area(cell) for cell in cells if len(cell)), 4.0)
    places = random.uniform(-1, 1, (50, 2))
    for place, label in zip(places, reference.nearest_centroid(places, centers), strict=True):
        assert contains(cells[label], place)


def test_equal_centers_have_one_region():
    centers = np.zeros((3, 2))
    np.testing.assert_array_equal(voronoi_cell(centers, 0, BOX), BOX)
    assert len(voronoi_cell(centers, 1, BOX)) == len(voronoi_cell(centers, 2, BOX)) == 0


# --- steps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("init", ["random", "k-means++", "k-means||", "given", "callable"])
def test_steps_are_those_of_the_algorithm(init):
    X = points()
    inits = {"given": X[:5].tolist(), "callable": lambda X, n_clusters, random_state: X[5:10]}
    model = random_model(init=inits.get(init, init), n_init=1)
    display = fastml.KMeansStepsDisplay.from_estimator(model, X)
    for before, after in zip(display.centers, display.centers[1:], strict=False):
        labels = reference.nearest_centroid(X, before)
        np.testing.assert_allclose(after, reference.update_centers(X, labels, before), rtol=1e-12)
    # Sums follow the labels that change until they are verified: centres differ by rounding.
    np.testing.assert_allclose(display.centers[-1], display.centers[-2], rtol=1e-12)
    fitted = model.set_params(tol=0.0).fit(X)
    np.testing.assert_allclose(display.centers[-1], fitted.cluster_centers_, rtol=1e-12)
    assert display.converged
    assert display.n_iter == fitted.n_iter_
    names = {"random": "random centres", "given": "given centres"}
    named = names.get(init, init if init.startswith("k-means") else "centres of a function")
    assert titles(display)[0] == f"Start: {named}"


def test_titles_tell_iteration_and_inertia():
    X = points()
    display = fastml.KMeansStepsDisplay.from_estimator(random_model(), X)
    assert titles(display)[1:3] == ["Iteration 1: assign", "Iteration 1: move to the mean"]
    assert titles(display)[-1] == f"Converged after {display.n_iter} iterations"
    assert notes(display)[0] == "no row assigned yet"
    inertias = [
        float(note.removeprefix("inertia ").replace(",", "")) for note in notes(display)[1:]
    ]
    assert inertias == sorted(inertias, reverse=True)
    _, distances = reference.nearest_centroid(X, display.centers[0], return_distance=True)
    np.testing.assert_allclose(inertias[0], (distances**2).sum(), atol=0.06)
    fitted = random_model(n_init=1, tol=0.0).fit(X)
    np.testing.assert_allclose(inertias[-1], fitted.inertia_, atol=0.06)


@pytest.mark.parametrize("steps", [4, 5, 6, 8, 11, 14, 30])
def test_number_of_panels(steps):
    model = random_model(n_clusters=9)
    display = fastml.KMeansStepsDisplay.from_estimator(model, points(), steps=steps)
    assert display.n_iter > 12
    assert len(display.axes_) == min(steps, display.n_iter + 2)
    assert len(display.figure_.axes) == len(display.axes_)
    shown = [int(title.split()[1]) for title in titles(display)[3:-1]]
    assert shown == sorted(set(shown))
    assert all(1 < iteration < display.n_iter for iteration in shown)


def test_points_and_regions_have_the_colour_of_their_centre():
    X = points()
    display = fastml.KMeansStepsDisplay.from_estimator(random_model(), X)
    last = display.axes_[-1]
    drawn = last.collections[0]
    np.testing.assert_array_equal(drawn.get_offsets(), X)
    labels = reference.nearest_centroid(X, display.centers[-1])
    expected = [to_rgba(COLOURS[label], alpha=0.7) for label in labels]
    np.testing.assert_allclose(drawn.get_facecolors(), expected)
    np.testing.assert_array_equal(last.collections[-1].get_offsets(), display.centers[-1])
    filled = [patch for patch in last.patches if patch.get_fill()]
    assert [patch.get_facecolor()[:3] for patch in filled] == [
        to_rgba(colour)[:3] for colour in COLOURS[:5]
    ]
    # Nothing is assigned at the start.
    assert not display.axes_[0].patches
    assert len(display.axes_[0].collections[0].get_facecolors()) == 1


def test_few_steps():
    X = [[0.0, 0.0], [0.0, 1.0], [9.0, 9.0]]
    model = fastml.KMeans(2, init=[[0.0, 0.5], [9.0, 9.0]])
    at_once = fastml.KMeansStepsDisplay.from_estimator(model, X)
    assert titles(at_once)[1:] == ["Iteration 1: assign", "Converged after 1 iteration"]
    model.set_params(init=[[0.0, 0.0], [9.0, 9.0]])
    assert titles(fastml.KMeansStepsDisplay.from_estimator(model, X))[2:] == [
        "Iteration 1: move to the mean",
        "Converged after 2 iterations",
    ]


def test_max_iter_stops():
    display = fastml.KMeansStepsDisplay.from_estimator(random_model(max_iter=3), points())
    assert display.n_iter == 3
    assert not display.converged
    assert titles(display)[-1] == "Stopped after 3 iterations"


def test_odd_data_draw_without_a_word():
    X = np.repeat([[0.0, 0.0], [1.0, 1.0]], 9, axis=0)
    display = fastml.KMeansStepsDisplay.from_estimator(random_model(n_clusters=4), X)
    display.figure_.canvas.draw()
    one = fastml.KMeansStepsDisplay.from_estimator(random_model(n_clusters=1), X[:3])
    one.figure_.canvas.draw()
    flat = points(20_000) * [100.0, 0.01]
    wide = fastml.KMeansStepsDisplay.from_estimator(
        random_model(max_iter=5), flat.astype("float32")
    )
    wide.figure_.canvas.draw()
    for drawn in (display, one, wide):  # a warning would have been an error
        assert all(panel.has_data() for panel in drawn.axes_.flat if panel.get_visible())


def test_the_estimator_is_left_alone():
    X = points()
    model = random_model().fit(X)
    before = copy.deepcopy(vars(model))
    fastml.KMeansStepsDisplay.from_estimator(model, X)
    assert vars(model).keys() == before.keys()
    for name, value in before.items():
        np.testing.assert_array_equal(vars(model)[name], value)


def test_axes_and_names_may_be_given():
    _, axes = plt.subplots(2, 4)
    display = fastml.KMeansStepsDisplay.from_estimator(random_model(), points(), axes=axes)
    assert list(display.axes_) == list(axes.flat)[:6]
    assert display.figure_ is axes[0, 0].figure
    with pytest.raises(ValueError, match="6 axes are needed, got 2 instead"):
        display.plot(axes=axes[0, :2])
    named = fastml.KMeansStepsDisplay(
        display.X, display.centers, feature_names=["length", "width"]
    ).plot(steps=5)
    assert named.axes_[0].get_ylabel() == "width"
    assert named.axes_[-1].get_xlabel() == "length"


@pytest.mark.parametrize(
    ("model", "X", "steps", "error", "message"),
    [
        (random_model(), points()[:, :1], 6, ValueError, "X must have 2 features and"),
        (random_model(), points()[:4], 6, ValueError, "n_samples=4 should be >= n_clusters=5"),
        (random_model(), [[np.nan, 0.0]] * 9, 6, ValueError, "Input X contains NaN"),
        (random_model(), points(), 3, ValueError, "steps == 3, must be >= 4"),
        (random_model(metric="cosine"), points(), 6, ValueError, "must be 'euclidean', got 'cos"),
        (sklearn.cluster.DBSCAN(), points(), 6, TypeError, r"fastml.KMeans, got sklearn\..*DBSCAN"),
        (sklearn.cluster.KMeans(), points(), 6, TypeError, r"fastml.KMeans, got sklearn\..*KMeans"),
    ],
)
def test_bad_input_to_steps(model, X, steps, error, message):
    with pytest.raises(error, match=message):
        fastml.KMeansStepsDisplay.from_estimator(model, X, steps=steps)
    assert not plt.get_fignums()


def test_wide_rows_are_drawn_on_a_plane():
    random = np.random.default_rng(3)
    wide = random.normal(size=(300, 5)) * [1, 9, 0.1, 5, 0.1]
    model = random_model(n_init=1)
    display = fastml.KMeansStepsDisplay.from_estimator(model, wide)
    assert display.axes_[-1].get_xlabel() == "1st component"
    assert np.abs(display.plane).argmax(axis=0).tolist() == [1, 3]
    np.testing.assert_array_equal(display.centers[-1].shape, (5, 5))
    assert not display.axes_[-1].patches  # regions are those of two features
    drawn = display.axes_[-1].collections[-1].get_offsets()
    np.testing.assert_array_equal(drawn, display.centers[-1] @ display.plane)
    chosen = fastml.KMeansStepsDisplay.from_estimator(
        model, wide, columns=["c", "b"], feature_names=list("abcde")
    )
    assert chosen.axes_[0].get_ylabel() == "b"
    np.testing.assert_array_equal(
        chosen.axes_[-1].collections[-1].get_offsets(), chosen.centers[-1][:, [2, 1]]
    )
    for columns in ([0, 5], [0], ["a", "b"]):
        with pytest.raises(ValueError, match="columns"):
            fastml.KMeansStepsDisplay.from_estimator(model, wide, columns=columns)


# --- elbow ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", [fastml.KMeans, fastml.MiniBatchKMeans])
def test_inertia_of_each_fit(estimator):
    X = points()
    weights = np.random.default_rng(1).uniform(size=len(X))
    model = estimator(n_clusters=3, random_state=0).fit(X)
    before = copy.deepcopy(vars(model))
    display = fastml.KMeansElbowDisplay.from_estimator(
        model, X, k_values=(2, 4, 9), sample_weight=weights
    )
    for k, inertia in zip(display.k_values, display.inertias, strict=True):
        assert inertia == estimator(k, random_state=0).fit(X, sample_weight=weights).inertia_
    np.testing.assert_array_equal(display.line_.get_xdata(), [2, 4, 9])
    np.testing.assert_array_equal(display.line_.get_ydata(), display.inertias)
    assert display.ax_.get_ylabel() == "inertia"
    assert display.ax_.get_ylim()[0] == 0
    assert vars(model).keys() == before.keys()
    assert model.n_clusters == 3


def test_elbow_by_default_and_on_given_axes():
    X = points(60)
    _, ax = plt.subplots()
    display = fastml.KMeansElbowDisplay.from_estimator(
        random_model(n_init=1), X, ax=ax, color="black", linestyle=":"
    )
    assert display.k_values.tolist() == list(range(1, 11))
    assert display.ax_ is ax
    assert display.line_.get_color() == "black"
    again = fastml.KMeansElbowDisplay(k_values=display.k_values, inertias=display.inertias).plot()
    assert again.figure_ is not display.figure_


def test_silhouettes_and_the_estimators_k():
    random = np.random.default_rng(0)
    X = random.normal(size=(2400, 2)) + 12 * random.integers(0, 2, (2400, 2))  # four clouds
    model = fastml.KMeans(4, n_init=3, random_state=0)
    display = fastml.KMeansElbowDisplay.from_estimator(
        model, X, k_values=range(1, 7), silhouette=True
    )
    assert np.isnan(display.silhouettes[0])
    assert np.nanargmax(display.silhouettes) == 3
    np.testing.assert_array_equal(display.silhouette_line_.get_ydata(), display.silhouettes)
    assert display.ax_.get_title(loc="left").startswith("KMeans: ")
    assert [text.get_text() for text in display.ax_.texts] == ["k = 4"]
    without = fastml.KMeansElbowDisplay.from_estimator(model, X[:60], k_values=[2])
    assert without.silhouettes is None
    assert without.silhouette_line_ is None
    with pytest.raises(TypeError, match=r"must be a fastml\.KMeans .* got sklearn"):
        fastml.KMeansElbowDisplay.from_estimator(sklearn.cluster.KMeans(), X)


def test_bad_input_to_elbow():
    with pytest.raises(ValueError, match="k_values must hold at least one number"):
        fastml.KMeansElbowDisplay.from_estimator(random_model(), points(), k_values=[])
    with pytest.raises(ValueError, match="'n_clusters' parameter of KMeans must be"):
        fastml.KMeansElbowDisplay.from_estimator(random_model(), points(), k_values=[0, 1])
    with pytest.raises(ValueError, match="n_samples=20 should be >= n_clusters=21"):
        fastml.KMeansElbowDisplay.from_estimator(random_model(), points(20), k_values=[20, 21])
    assert not plt.get_fignums()


# --- matplotlib -----------------------------------------------------------------------------------


def test_matplotlib_is_asked_for_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"from_estimator requires matplotlib"):
        fastml.KMeansStepsDisplay.from_estimator(random_model(), points())
    with pytest.raises(ImportError, match=r"KMeansElbowDisplay\.plot requires matplotlib"):
        fastml.KMeansElbowDisplay(k_values=[1], inertias=[1.0]).plot()


def test_matplotlib_is_imported_late():
    code = "import sys, fastml; fastml.KMeansElbowDisplay; print('matplotlib' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=EXAMPLES.parent, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize(("name", "n_axes"), [("plot_kmeans_steps", 6), ("plot_elbow", 4)])
def test_example(name, n_axes, monkeypatch):
    plt.close("all")
    monkeypatch.setattr(plt, "show", lambda: None)
    runpy.run_path(str(EXAMPLES / f"{name}.py"))
    (number,) = plt.get_fignums()
    assert len(plt.figure(number).axes) == n_axes
    plt.close("all")
