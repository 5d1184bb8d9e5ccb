"""A fit looks at parameters, and sets scikit-learn's settings, as scikit-learn's decorator does."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import InvalidParameterError

import fastml
from fastml.core.sklearn_compat import fit_context

X = np.random.default_rng(0).standard_normal((20, 2))


class Watched(BaseEstimator):
    _parameter_constraints: ClassVar = {"number": [int]}

    def __init__(self, number=1, *, fails=False):
        self.number = number
        self.fails = fails

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X):
        """Note the settings of this moment."""
        self.seen_ = get_config()
        if self.fails:
            raise ZeroDivisionError
        return self

    @fit_context(prefer_skip_nested_validation=False)
    def fit_others(self, X):
        self.seen_ = get_config()
        return self


def test_nested_validation_is_skipped_inside_and_only_there():
    before = get_config()
    model = Watched().fit(X)
    assert model.seen_ == {**before, "skip_parameter_validation": True}
    assert get_config() == before
    assert model.fit_others(X).seen_ == before
    assert get_config() == before
    with pytest.raises(ZeroDivisionError):
        Watched(fails=True).fit(X)
    assert get_config() == before


def test_parameters_are_looked_at_unless_the_user_said_not_to():
    with pytest.raises(InvalidParameterError, match="number"):
        Watched("one").fit(X)
    with config_context(skip_parameter_validation=True):
        assert Watched("one").fit(X).seen_["skip_parameter_validation"] is True
        assert get_config()["skip_parameter_validation"] is True
    with pytest.raises(InvalidParameterError, match="fit_intercept"):
        fastml.LinearRegression(fit_intercept="yes").fit(X, X[:, 0])


def test_a_fit_keeps_its_name_and_its_words():
    assert Watched.fit.__name__ == "fit"
    assert Watched.fit.__doc__ == "Note the settings of this moment."
