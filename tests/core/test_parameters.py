"""Parameters are named, validated and refused as scikit-learn's own code would."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import InvalidParameterError

import fastml
from fastml.core.parameters import ParametersMixin

ESTIMATORS = [
    value
    for name in fastml.__all__
    if isinstance(value := getattr(fastml, name), type) and issubclass(value, BaseEstimator)
]


def refusal(validate):
    """Return what is raised, as text."""
    try:
        validate()
    except InvalidParameterError as error:
        return str(error)
    return None


def test_every_estimator_reads_its_parameters_once():
    assert len(ESTIMATORS) > 15
    for estimator in ESTIMATORS:
        assert issubclass(estimator, ParametersMixin), estimator


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: each.__name__)
def test_the_same_names_and_the_same_refusals(estimator):
    model = estimator()
    theirs = super(ParametersMixin, estimator)
    assert estimator._get_param_names() == theirs._get_param_names()
    assert refusal(model._validate_params) is None
    values = [
        None,
        -1,
        0,
        1,
        2.5,
        np.inf,
        np.nan,
        "auto",
        "no such word",
        True,
        [1, 2],
        {},
        np.eye(2),
    ]
    n_refused = 0
    for name in estimator._parameter_constraints:
        if not hasattr(model, name):
            continue
        before = getattr(model, name)
        for value in values:
            setattr(model, name, value)
            expected = refusal(super(ParametersMixin, model)._validate_params)
            assert refusal(model._validate_params) == expected, (name, value)
            n_refused += expected is not None
        setattr(model, name, before)
    assert n_refused


def test_a_class_that_is_changed_is_read_again(monkeypatch):
    class Wider(fastml.KMeans):
        def __init__(self, n_clusters=8, *, colour="red"):
            super().__init__(n_clusters)
            self.colour = colour

    assert Wider().get_params() == {"colour": "red", "n_clusters": 8}
    Wider()._validate_params()
    constraints = {**fastml.KMeans._parameter_constraints, "colour": [int]}
    monkeypatch.setattr(Wider, "_parameter_constraints", constraints, raising=False)
    with pytest.raises(InvalidParameterError, match="The 'colour' parameter of Wider must be"):
        Wider()._validate_params()
    assert fastml.KMeans().get_params().keys() == set(fastml.KMeans._get_param_names())


def test_a_list_of_names_is_the_callers_own():
    fastml.KMeans._get_param_names().clear()
    assert "n_clusters" in fastml.KMeans._get_param_names()
