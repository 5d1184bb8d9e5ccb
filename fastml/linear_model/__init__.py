"""Linear models: scikit-learn's estimators, computed in one pass over the rows."""

from ._gram import Gram, gram
from ._linear_regression import LinearRegression
from ._logistic_regression import LogisticRegression
from ._ridge import Ridge
from ._ridge_cv import RidgeCV

__all__ = ["Gram", "LinearRegression", "LogisticRegression", "Ridge", "RidgeCV", "gram"]
