"""The picture of a tree says what the tree does, and every text stays on its card."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.tree

import fastml
from fastml.inspection import TreeDisplay

pytest.importorskip("matplotlib")
import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def problem(n=400, k=3):
    random = np.random.default_rng(0)
    X = random.normal(size=(n, 4))
    signal = X[:, 0] + X[:, 1] * X[:, 2] + 0.3 * random.normal(size=n)
    return X, signal, np.array(list("cabdef"))[np.digitize(signal, [-0.5, 0.7][: k - 1])]


def cards(display):
    return [patch for patch in display.ax_.patches if isinstance(patch, FancyBboxPatch)]


def texts(display):
    return [text for text in display.ax_.texts if text.get_text() not in ("yes", "no")]


def test_cards_say_what_the_tree_does():
    X, _, y = problem()
    model = fastml.DecisionTreeClassifier(max_depth=2).fit(X, y)
    names = ["north", "east", "south", "west"]
    display = TreeDisplay.from_estimator(model, feature_names=names)
    tree = model.tree_
    found = [text.get_text().split("\n") for text in texts(display)]
    assert len(found) == tree.node_count
    for node, lines in enumerate(found):  # in pre-order, as the tree is
        share = 100 * tree.n_node_samples[node] / len(X)
        assert lines[-1] == f"{share:.3g}% of rows"
        if tree.children_left[node] >= 0:
            assert lines[:2] == [names[tree.feature[node]], f"≤ {tree.threshold[node]:.4g}"]
        else:
            assert lines[0] == model.classes_[tree.value[node, 0].argmax()]
            assert lines[1].endswith("% pure")
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == list(model.classes_)
    words = {t.get_text(): t.xy[0] for t in display.ax_.texts if t.get_text() in ("yes", "no")}
    assert words["yes"] < words["no"]  # left where the answer is yes


def test_ways_are_as_wide_as_the_share_of_rows():
    X, signal, _ = problem()
    model = fastml.DecisionTreeRegressor(max_depth=3).fit(X, signal)
    display = TreeDisplay.from_estimator(model, max_depth=9)
    widths = [line.get_linewidth() for line in display.ax_.lines]
    shares = display.n_rows[1:] / display.n_rows[0]
    wide = shares > 0.05
    np.testing.assert_allclose(np.array(widths)[wide] / shares[wide], 26.0)
    greens = [card.get_facecolor()[1] for card in cards(display)]
    assert np.argmin(greens) == display.values[:, 0].argmax()  # the highest mean is the strongest
    assert np.argmax(greens) == display.values[:, 0].argmin()


@pytest.mark.parametrize("criterion", ["squared_error", "absolute_error"])
def test_numbers_of_a_regression_are_told_apart_and_colours_explained(criterion):
    X, signal, _ = problem()
    model = fastml.DecisionTreeRegressor(max_depth=2, criterion=criterion)
    model.fit(X + np.array([1e6, 0, 0, 0]), 1e6 + 1e-3 * signal)
    display = TreeDisplay.from_estimator(model)
    tree, said = model.tree_, [text.get_text().split("\n") for text in texts(display)]
    leaves = np.flatnonzero(tree.children_left < 0)
    answers = [said[node][0] for node in leaves]
    assert len(set(answers)) == len(np.unique(tree.value[leaves])) == len(leaves)
    numbers = [float(answer.replace(",", "")) for answer in answers]
    np.testing.assert_allclose(numbers, tree.value[leaves, 0, 0], rtol=0, atol=1e-3)
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    highest, lowest = (answers[at(tree.value[leaves, 0, 0])] for at in (np.argmax, np.argmin))
    assert legend == [f"highest: {highest}", f"lowest: {lowest}"]
    inner = np.flatnonzero((tree.children_left >= 0) & (tree.feature == 0))
    asked = [said[node][1] for node in inner]
    assert len(set(asked)) == len(np.unique(tree.threshold[inner])) > 1


@pytest.mark.parametrize("size", [None, (7.0, 4.8), (9.0, 5.0)])
def test_no_text_leaves_its_card_and_no_cards_meet(size):
    X, _, y = problem(900)
    model = fastml.DecisionTreeClassifier().fit(X, y)
    ax = None if size is None else plt.subplots(figsize=size)[1]
    long = ["a name so long that nobody wants to read it " + str(p) for p in range(4)]
    display = TreeDisplay.from_estimator(model, max_depth=4, feature_names=long, ax=ax)
    assert ax is None or display.ax_ is ax
    display.figure_.draw_without_rendering()
    extents = [card.get_window_extent() for card in cards(display)]
    for text, card in zip(texts(display), extents, strict=True):
        inside = text.get_window_extent()
        assert card.x0 < inside.x0 < inside.x1 < card.x1
        assert card.y0 < inside.y0 < inside.y1 < card.y1
    for i, card in enumerate(extents):
        assert not any(card.overlaps(other) for other in extents[:i])
    below = [text for text in texts(display) if "leaves below" in text.get_text()]
    assert below
    assert display.ax_.get_title(loc="left").endswith("deep; the first 4")


def test_one_leaf_many_classes_and_trees_of_scikit_learn():
    X, signal, _ = problem()
    leaf = fastml.DecisionTreeRegressor(min_samples_leaf=300).fit(X, signal)
    display = TreeDisplay.from_estimator(leaf)
    assert display.ax_.get_title(loc="left") == "1 leaf"
    (text,) = texts(display)
    assert text.get_text().endswith("100% of rows")
    many = np.arange(len(X)) % 12
    model = sklearn.tree.DecisionTreeClassifier(max_depth=1, random_state=0).fit(X, many)
    display = TreeDisplay.from_estimator(model, class_names=[f"class {c}" for c in range(12)])
    assert display.ax_.get_legend() is None  # colours come more than once
    assert display.ax_.get_title(loc="left") == "2 leaves, up to 1 question deep"


def test_what_does_not_fit_is_named():
    X, _, y = problem()
    model = fastml.DecisionTreeClassifier(max_depth=2).fit(X, y)
    draw = TreeDisplay.from_estimator
    with pytest.raises(TypeError, match="must be a decision tree, got RandomForestClassifier"):
        draw(fastml.RandomForestClassifier())
    with pytest.raises(sklearn.exceptions.NotFittedError):
        draw(fastml.DecisionTreeClassifier())
    with pytest.raises(ValueError, match="feature_names must be 4 names, got 2"):
        draw(model, feature_names=["a", "b"])
    with pytest.raises(ValueError, match="class_names must be 3 names, got 1"):
        draw(model, class_names=["a"])
    with pytest.raises(ValueError, match="max_depth == -1, must be >= 0"):
        draw(model, max_depth=-1)
    several = fastml.DecisionTreeRegressor(max_depth=1).fit(X, X[:, :2])
    with pytest.raises(ValueError, match="must have one output, got 2"):
        draw(several)
