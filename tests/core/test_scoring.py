"""``score`` gives scikit-learn's numbers, whether its metrics are asked or not."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, r2_score

import fastml
from fastml.core.scoring import accuracy, explained

CLASSIFIERS = [
    fastml.LogisticRegression(),
    fastml.GaussianNB(),
    fastml.KNeighborsClassifier(),
    fastml.DecisionTreeClassifier(max_depth=3),
]
REGRESSORS = [
    fastml.LinearRegression(),
    fastml.Ridge(),
    fastml.RidgeCV(),
    fastml.KNeighborsRegressor(),
    fastml.DecisionTreeRegressor(max_depth=3),
]


def rows(dtype=np.float64, n=101):
    random = np.random.default_rng(0)
    X = random.standard_normal((n, 4)).astype(dtype)
    return X, (X.sum(axis=1) + random.standard_normal(n)).astype(dtype)


@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda model: type(model).__name__)
def test_classifiers_score_as_scikit_learn_does(model):
    X, y = rows()
    classes = (y > 0).astype(int)
    weights = np.arange(len(y)) + 0.5
    for target in (classes, np.array(["no", "yes"])[classes], classes > 0, list(classes)):
        model.fit(X, target)
        predicted = model.predict(X)
        assert model.score(X, target) == accuracy_score(target, predicted) < 1
        weighted = accuracy_score(target, predicted, sample_weight=weights)
        assert model.score(X, target, weights) == weighted


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("model", REGRESSORS, ids=lambda model: type(model).__name__)
def test_regressors_score_as_scikit_learn_does(model, dtype):
    X, y = rows(dtype)
    model.fit(X, y)
    predicted = model.predict(X)
    assert model.score(X, y) == r2_score(y, predicted)
    assert model.score(X, y + 1e6) == r2_score(y + dtype(1e6), predicted)
    other = np.float32 if dtype == np.float64 else np.float64
    assert model.score(X, y.astype(other)) == r2_score(y.astype(other), predicted)
    weights = np.arange(len(y)) + 0.5
    assert model.score(X, y, weights) == r2_score(y, predicted, sample_weight=weights)


def test_what_scikit_learn_has_something_to_say_of_is_left_to_it():
    one, some = np.ones(1), np.array([1.0, 2.0])
    assert explained(one, one) is None  # with a warning there
    assert explained(np.ones(2), some) is None  # nothing to explain
    assert explained(some, np.array([1.0, np.nan])) is None
    assert explained(some, np.array([1.0, np.inf])) is None
    assert explained(np.array([1.0, np.inf]), some) is None
    assert explained(some, some[:, None]) is None
    assert explained(some, np.ones(3)) is None
    assert explained([1.0, 2.0], some) is None
    assert explained(np.array([1, 2]), some) is None
    whole = np.array([0, 1])
    assert accuracy(whole, some) is None  # continuous
    assert accuracy(whole, whole.astype(str)) is None
    assert accuracy(whole.astype(object), whole.astype(object)) is None
    assert accuracy(whole, np.array([0, 1, 1])) is None
    assert accuracy(np.eye(2, dtype=int), np.eye(2, dtype=int)) is None


def test_errors_are_scikit_learns():
    X, y = rows()
    model = fastml.LinearRegression().fit(X, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.score(X, y[:-1])
    with pytest.raises(ValueError, match="NaN"):
        model.score(X, np.where(y > 0, y, np.nan))
    classifier = fastml.GaussianNB().fit(X, y > 0)
    with pytest.raises(ValueError, match="continuous"):
        classifier.score(X, y)
