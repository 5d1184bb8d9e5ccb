"""A thread that predicts while another fits gets the answer of the old fit or of the new one.

The other thread is played by a tracer, at one line after the other of what fastml and scikit-learn
run: a whole fit in the middle of a prediction, and predictions in the middle of a fit.
"""

from __future__ import annotations

import copy
import sys

import numpy as np
import pytest

import fastml

#: How many lines of a call are tried.
PLACES = 60


def rows(seed, n, n_features, labels):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, n_features))
    classes = np.array(labels)[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0)]
    return X, classes


OLD = rows(0, 60, 3, ["a", "b", "c"])
NEW = {3: rows(1, 80, 3, ["x", "y", "z"]), 5: rows(2, 70, 5, ["u", "v", "w"])}


def plain(data):
    return data


def numbers(data):
    return data[0], data[0] @ np.arange(1.0, data[0].shape[1] + 1)


def counts(data):
    return np.abs(np.rint(3 * data[0])).astype(int), data[1]


JOBS = {
    "GaussianNB": (fastml.GaussianNB, plain),
    "MultinomialNB": (fastml.MultinomialNB, counts),
    "ComplementNB": (fastml.ComplementNB, counts),
    "BernoulliNB": (fastml.BernoulliNB, counts),
    "CategoricalNB": (fastml.CategoricalNB, counts),
    "KNeighborsClassifier": (lambda: fastml.KNeighborsClassifier(3), plain),
    "KNeighborsRegressor": (lambda: fastml.KNeighborsRegressor(3), numbers),
    "RadiusNeighborsClassifier": (
        lambda: fastml.neighbors.RadiusNeighborsClassifier(radius=3.0), plain,
    ),
    "scikit-learn's KNeighborsClassifier": (
        lambda: fastml.KNeighborsClassifier(3, metric="chebyshev"), plain,
    ),
    "scikit-learn's RadiusNeighborsClassifier": (
        lambda: fastml.neighbors.RadiusNeighborsClassifier(9.0, metric="chebyshev"), plain,
    ),
    "LinearRegression": (fastml.LinearRegression, numbers),
    "Ridge": (fastml.Ridge, numbers),
    "RidgeCV": (fastml.RidgeCV, numbers),
    "LogisticRegression": (fastml.LogisticRegression, plain),
    "KMeans": (lambda: fastml.KMeans(3, n_init=1, random_state=0, max_iter=3), numbers),
    "MiniBatchKMeans": (
        lambda: fastml.MiniBatchKMeans(3, n_init=1, random_state=0, max_iter=2), numbers,
    ),
    "MLPClassifier": (lambda: fastml.MLPClassifier((4,), max_iter=2, random_state=0), plain),
    "MLPRegressor": (
        lambda: fastml.MLPRegressor(hidden_layer_sizes=(4,), max_iter=2, random_state=0), numbers,
    ),
    "DecisionTreeClassifier": (fastml.DecisionTreeClassifier, plain),
    "DecisionTreeRegressor": (fastml.DecisionTreeRegressor, numbers),
    "RandomForestClassifier": (
        lambda: fastml.RandomForestClassifier(3, random_state=0, n_jobs=1), plain,
    ),
    "RandomForestRegressor": (
        lambda: fastml.RandomForestRegressor(3, random_state=0, n_jobs=1), numbers,
    ),
}  # fmt: skip


def traced(call, visit):
    """Call a function, and another with the number of each line of ours and of scikit-learn."""
    state = {"lines": 0, "visiting": False}

    def each_line(frame, event, arg):
        if event == "line" and not state["visiting"]:
            state["lines"] += 1
            state["visiting"] = True
            try:
                visit(state["lines"])
            finally:
                state["visiting"] = False
        return each_line

    def each_call(frame, event, arg):
        name = frame.f_code.co_filename
        mine = "fastml" in name or "sklearn" in name or "kernels" in name
        return each_line if mine and not state["visiting"] else None

    before = sys.gettrace()
    sys.settrace(each_call)
    try:
        return call()
    finally:
        sys.settrace(before)


def count_lines(call):
    lines = []
    traced(call, lines.append)
    return len(lines)


def predicted(model, X):
    """Return the predictions, or None where the features are too many or too few."""
    try:
        return model.predict(X)
    except ValueError as error:
        if "features" not in str(error) and "columns" not in str(error):
            raise
        return None


def same(found, answers):
    return any(np.array_equal(found, answer) for answer in answers)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("width", [3, 5])
@pytest.mark.parametrize("job", JOBS)
def test_a_fit_in_the_middle_of_a_prediction(job, width):
    make, kind = JOBS[job]
    old, new = kind(OLD), kind(NEW[width])
    queries, others = old[0][:20], new[0][:20]
    answers, new_answer = [make().fit(*old).predict(queries)], make().fit(*new).predict(others)
    if width == 3:
        answers.append(make().fit(*new).predict(queries))
    model = make().fit(*old)
    n_lines = count_lines(lambda: model.predict(queries))
    n_fits = 0
    for place in range(1, n_lines + 1, max(1, n_lines // PLACES)):
        model, fits = make().fit(*old), []
        if place % 2:
            model.predict(queries)  # whatever is made by the first prediction is there

        def fit(line, place=place, model=model, fits=fits):
            if line == place:
                fits.append(model.fit(*new))

        found = traced(lambda model=model: predicted(model, queries), fit)
        assert (found is None and width != 3) or same(found, answers), place
        if fits:
            n_fits += 1
            assert np.array_equal(model.predict(others), new_answer), place
    assert n_fits > PLACES // 3


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("width", [3, 5])
@pytest.mark.parametrize("job", JOBS)
def test_predictions_in_the_middle_of_a_fit(job, width):
    make, kind = JOBS[job]
    old, new = kind(OLD), kind(NEW[width])
    queries = old[0][:20]
    answers = [make().fit(*old).predict(queries)]
    if width == 3:
        answers.append(make().fit(*new).predict(queries))
    model = make().fit(*old)
    step = max(1, count_lines(lambda: make().fit(*new)) // PLACES)

    def predict(line):
        if line % step:
            return
        found = predicted(model, queries)
        assert (found is None and width != 3) or same(found, answers), line

    traced(lambda: model.fit(*new), predict)
    assert np.array_equal(model.predict(new[0]), make().fit(*new).predict(new[0]))


@pytest.mark.parametrize("fitted", [False, True])
def test_what_others_see_in_the_middle_of_a_partial_fit_can_go_on(fitted):
    X = OLD[0]
    model = fastml.MiniBatchKMeans(3, n_init=1, random_state=0)
    if fitted:
        model.partial_fit(X)
    copy.deepcopy(model).partial_fit(X)  # compiled
    steps = set()

    def go_on(line):
        other = copy.copy(model)
        other.partial_fit(X[:9])
        steps.add(other.n_steps_)

    traced(lambda: model.partial_fit(X), go_on)
    assert steps == {1 + fitted, 2 + fitted}  # from before the call, and from after it


def fit_inside(make, refit, other):
    """Yield a fit of ``other`` in the middle of ``refit``, at one line after the other."""
    n_lines = count_lines(lambda: refit(make()))
    for place in range(1, n_lines + 1, max(1, n_lines // PLACES)):
        model, fits = make(), []

        def fit(line, place=place, model=model, fits=fits):
            if line == place:
                fits.append(model.fit(*other))

        traced(lambda model=model: refit(model), fit)
        if fits:
            yield place, model


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("width", [3, 5])
@pytest.mark.parametrize("job", JOBS)
def test_a_fit_in_the_middle_of_a_fit(job, width):
    make, kind = JOBS[job]
    old, new = kind(OLD), kind(NEW[width])
    answer, n_fits = make().fit(*old).predict(old[0]), 0
    for _, model in fit_inside(make, lambda model: model.fit(*old), new):
        n_fits += 1
        found = predicted(model, old[0])
        last = found is None or not np.array_equal(found, answer)
        # In the last lines of a fit the estimator has what was found: the other comes after it.
        assert not last or np.array_equal(model.predict(new[0]), make().fit(*new).predict(new[0]))
    assert n_fits > PLACES // 3


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("job", JOBS)
def test_a_fit_in_the_middle_of_one_that_fails(job):
    make, kind = JOBS[job]
    old, new = kind(OLD), kind(NEW[5])
    broken = old[0].astype(float)
    broken[-1, -1] = -np.inf
    answer, n_fits = make().fit(*new).predict(new[0]), 0

    def fail(model):
        with pytest.raises(ValueError, match=r"infinity|Negative values"):
            model.fit(broken, old[1])

    for place, model in fit_inside(make, fail, new):
        n_fits += 1
        assert np.array_equal(model.predict(new[0]), answer), place
    assert n_fits > 5
