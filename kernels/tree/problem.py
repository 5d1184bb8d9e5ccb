"""What every kernel of a tree is handed: the table of codes, the targets, the limits.

The *statistics* of some rows are a few int64 sums, so they may be added in any order, and
subtracted, without an error:

- classification: the weight of each class, and behind them the number of rows if there are weights;
- regression: the weight, the sum of the targets in two limbs (``high * limb + low``), the
  sum of their squares, each rounded up in units of ``square_unit``, and behind them the number of
  rows if there are weights.

Weights are integers.  A class may have a factor besides (``class_weight``), an integer too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

#: Codes of the criteria.
GINI, ENTROPY, SQUARED_ERROR, POISSON, ABSOLUTE_ERROR = range(5)
#: Sums of a regression before the number of rows: weight, high limb, low limb, squares.
VALUE_SUMS = 4


class Table(NamedTuple):
    """The samples, and the codes that stand for them: ``fastml.tree._codes`` makes and checks it.

    values : (n_samples * n_features,) float32 or float64, the memory of X
    row_step, column_step : int, where X[i, j] is: ``values[i * row_step + j * column_step]``
    codes : (n_samples, n_features) uint16; a larger value never has a smaller code
    n_codes : (n_features,) int32, codes of numbers
    missing : (n_features,) int32, the code of NaN, or -1 where the column has none
    mixed : (n_features, most_codes + 1) uint8, 1 where a code may stand for more than one value
    ranks : (n_samples, at least n_features) uint32, see :mod:`.order`; or (0, n_features)
    narrow_ranks : the same as uint16, where they fit and nothing is missing; or (0, n_features).
        Rows of either begin with a line of the cache.  Where trees need no codes, these are not
        filled
    """

    values: Any
    row_step: int
    column_step: int
    codes: Any
    n_codes: Any
    missing: Any
    mixed: Any
    ranks: Any
    narrow_ranks: Any


class Targets(NamedTuple):
    """What is to be predicted, in integers: ``fastml.tree._targets`` makes and checks it.

    criterion : int, one of the codes above
    n_classes : int, 0 for regression
    classes : (n_samples,) int32; one element for regression
    sums : (n_samples, 3) int64, what a row of weight 1 adds: high limb, low limb, square;
        one row for classification
    weights : (n_samples,) int64, at least 1 for every row in use; empty if all are 1
    factors : (n_classes,) int64, of the classes; one element for regression
    limb : float, a power of two
    square_unit : float
    size : int, number of statistics
    """

    criterion: int
    n_classes: int
    classes: Any
    sums: Any
    weights: Any
    factors: Any
    limb: float
    square_unit: float
    size: int


class Limits(NamedTuple):
    """What a split must keep.

    min_samples_leaf : int
    min_weight_leaf : float, in units of weight * factor
    min_samples_split : int
    max_depth : int
    max_features : int, at most n_features
    min_gain : float, by how much a split's score must exceed the node's own, in units of the score
    """

    min_samples_leaf: int
    min_weight_leaf: float
    min_samples_split: int
    max_depth: int
    max_features: int
    min_gain: float
