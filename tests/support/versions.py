"""Which scikit-learn this is, where its own answers changed."""

from __future__ import annotations

import sklearn
from sklearn.utils.fixes import parse_version

#: Trees by absolute error take missing values from 1.8 on, and so do ours; before, errors of
#: weighted rows are not those about their median.  Forests draw rows by their weights since.
BEFORE_1_8 = parse_version(sklearn.__version__) < parse_version("1.8")
