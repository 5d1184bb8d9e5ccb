"""Naive Bayes of categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import sklearn.naive_bayes
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_non_negative

from ..core.classes import check_classes, name_classes
from ..core.documentation import documented, filled
from ..core.estimator import as_of_now, check_fitted, take_plain, take_plain_pair
from ..core.kept import Kept, made_of
from ..core.passes import TreeSum
from ..core.sklearn_compat import check_sample_weight
from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array, check_weight_sum, readable
from ..data import Blocks, Part, Table
from ..execution import NumberedPass, Plan, class_totals, find_classes, set_features, sum_over
from ..kernels.naive_bayes import categories
from ..kernels.tile import lanes_of
from ._counting import NUMBERS
from ._documentation import ATTRIBUTES, PARAMETERS, PREDICT
from ._fitting import FitsInPieces
from ._signatures import CategoricalNBTypes

_ALL_ONES = np.empty(0)
#: Numbers of a ticket.
_NUMBERS_A_TICKET = 1 << 16
#: From here on floats are no longer all whole numbers' own.
_TOO_LARGE = 2**53


@documented(PARAMETERS, attributes=ATTRIBUTES)
class CategoricalNB(FitsInPieces, CategoricalNBTypes, sklearn.naive_bayes.CategoricalNB):
    """Naive Bayes of categories, numbered 0, 1, 2, ... within each feature.

    A category that no fitted row had, and that ``min_categories`` does not foresee, has the
    probability that smoothing gives to a category without rows; scikit-learn's class raises an
    IndexError there.  Counts take one pass over the rows, on several threads.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}
    category_count_ : list of ndarray (n_classes, n_categories) of float64
        Of each feature the weight of each category's rows in each class.
    feature_log_prob_ : list of ndarray (n_classes, n_categories) of float64
        Of each feature the logarithms of the categories' probabilities, smoothed.
    n_categories_ : ndarray (n_features,) of int64
        How many categories each feature has.

    References
    ----------
    Manning, Raghavan and Schütze, "Introduction to information retrieval", 2008, chapter 13.

    Examples
    --------
    >>> import fastml
    >>> model = fastml.CategoricalNB().fit([[0, 1], [0, 0], [1, 1]], ["a", "a", "b"])
    >>> model.predict([[0, 5]])
    array(['a'], dtype='<U1')
    """

    category_count_: list[Array]
    class_count_: Array
    n_categories_: Array
    n_features_in_: int
    class_prior: Any
    min_categories: Any
    #: (n_features, n_classes), the logarithms for categories without rows.
    _unseen: Array
    #: What scores were last looked up in.
    _kept: Kept

    def _checked_rows(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, *, reset: bool
    ) -> tuple[Array, Array, Array]:
        plain = take_plain_pair(X, y, self, NUMBERS, reset=reset)
        data = _as_categories(np.asarray(X)) if plain else None
        if data is not None:
            targets = np.asarray(y)
        else:
            data, targets = self._check_X_y(X, y, reset=reset)
        check_classes(targets)
        weights = _ALL_ONES
        if sample_weight is not None:
            weights = check_sample_weight(sample_weight, data, copy=True)
            check_weight_sum(weights)
        return readable(np.ascontiguousarray(data, dtype=np.int64)), targets, weights

    def _plan(self, X: Blocks) -> Plan:
        """Return what a fit of blocks does with rows; counts are of few categories."""
        passes = [("categories", 1), ("counts", 1)]
        return Plan(passes, max(1, _NUMBERS_A_TICKET // X.shape[1]), 8 * 64 * X.shape[1])

    def _fit_table(self, table: Table) -> None:
        """Count the rows of a table."""
        set_features(self, table.X)
        table = table.for_many_passes()
        found = find_classes(table)
        self.classes_, name = found.values, type(self).__name__
        self._init_counters(len(self.classes_), table.X.shape[1])
        rows = max(1, _NUMBERS_A_TICKET // table.X.shape[1])
        most = sum_over(table, rows, MostPass(name), check=name).total()
        widths = self._validate_n_categories(most[None], self.min_categories)
        rows = rows_of_a_ticket(table.X.shape[1], widths, len(self.classes_))
        counts = NumberedPass(CategoriesPass(widths, len(self.classes_)), self.classes_)
        totals = sum_over(table, rows, counts).total()
        self.category_count_ = [
            part.reshape(-1, len(self.classes_)).T.copy()
            for part in np.split(totals, _starts(widths, len(self.classes_))[1:-1])
        ]
        self.n_categories_ = widths
        weights = found.counts if table.weights is None else class_totals(table, self.classes_)
        self.class_count_ = self.class_count_ + weights
        self._settle()

    def _begin(self, n_features: int) -> None:
        self._init_counters(len(self.classes_), n_features)

    def _add(self, X: Array, numbers: Array, weights: Array) -> None:
        n_classes = len(self.classes_)
        n_categories = self._validate_n_categories(X, self.min_categories)
        before = self.category_count_
        widths = [max(int(n), old.shape[1]) for n, old in zip(n_categories, before, strict=True)]
        counts = [found.T.copy() for found in counted(X, numbers, weights, widths, n_classes)]
        for total, old in zip(counts, before, strict=True):
            total[:, : old.shape[1]] += old
        given = weights if weights.size else None
        self.category_count_ = counts
        self.n_categories_ = n_categories
        self.class_count_ = self.class_count_ + np.bincount(numbers, given, n_classes)
        self._settle()

    def _settle(self) -> None:
        """Set what follows from the counts."""
        self._kept = Kept()
        self._update_feature_log_prob(self._check_alpha())
        self._update_class_log_prior(class_prior=self.class_prior)
        self.computed_by_ = "fastml"

    def _update_feature_log_prob(self, alpha: Any) -> None:
        logs, totals = [], []
        for counts in self.category_count_:
            smoothed = counts + alpha
            total = np.log(smoothed.sum(axis=1))
            logs.append(np.log(smoothed) - total.reshape(-1, 1))
            totals.append(total)
        self.feature_log_prob_ = logs
        with np.errstate(divide="ignore"):
            nothing = np.log(np.float64(alpha))  # it may be a whole number beyond 64 bits
        self._unseen = nothing - np.array(totals)

    @filled(**PREDICT)
    def predict(self, X: ArrayLike) -> Array:
        """Return the likeliest class of each row.

        {rows}

        Returns
        -------
        labels : ndarray (n_samples,)
            The first class on ties.

        {raises}
        """
        self = as_of_now(self)
        check_fitted(self)
        labels = self._scores(self._check_X(X), labels=True)
        return name_classes(self.classes_, labels, len(self.feature_log_prob_[0]))

    def _joint_log_likelihood(self, X: Array) -> Array:
        return self._scores(X, labels=False)

    def _check_X(self, X: ArrayLike) -> Array:  # noqa: N802 (scikit-learn's name)
        if take_plain(X, self, NUMBERS, reset=False, finite=False):
            found = _as_categories(X)
            if found is not None:
                return found
        return np.asarray(super()._check_X(X))

    def _scores(self, X: Array, *, labels: bool) -> Array:
        prior = np.ascontiguousarray(self.class_log_prior_, dtype=np.float64)
        tables = self._tables(len(prior))
        if tables is None or len(tables.starts) != X.shape[1] + 1:
            raise ValueError(
                f"feature_log_prob_ has {len(self.feature_log_prob_)} features and "
                f"class_log_prior_ {len(prior)} classes, which do not fit X or each other."
            )
        return scored(X, tables, prior, labels=labels)

    def _tables(self, n_classes: int) -> Tables | None:
        """Return what scores are looked up in, made anew where that has changed; None for others.

        Making it takes longer than some hundred rows.
        """
        parts = [*self.feature_log_prob_, self._unseen]

        def made() -> Tables | None:
            both = zip(self.feature_log_prob_, self._unseen, strict=True)
            found = [np.column_stack([logs, unseen]).T for logs, unseen in both]
            fits = all(table.shape[1] == n_classes for table in found)
            return tables_of(found, n_classes) if fits else None

        kept = vars(self).get("_kept", {})
        tables: Tables | None = made_of(parts, kept, "tables", n_classes, made)
        return tables


def _as_categories(X: Array) -> Array | None:
    """Return plain numbers as categories; None where scikit-learn's checks would say something."""
    # NaN compares as nothing.
    if X.min() >= 0 and X.max() < _TOO_LARGE:
        return X.astype(np.int64, copy=False)
    return None


class Tables(NamedTuple):
    """What stands for each category of each feature and class.

    starts : (n_features + 1,) of int64, the row where each feature's begin
    numbers : (n_rows, n_columns) of float64, the classes padded to whole vectors
    """

    starts: Array
    numbers: Array


def _starts(widths: Sequence[int], n_classes: int) -> Array:
    """Return where the table of each feature begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(np.asarray(widths, dtype=np.int64) * n_classes)])


def rows_of_a_ticket(n_features: int, widths: Sequence[int], n_classes: int) -> int:
    """Return the rows whose counts are one partial sum: no fewer than there are counts."""
    n_counts = int(_starts(widths, n_classes)[-1])
    return int(max(_NUMBERS_A_TICKET // n_features, n_counts, 1))


class MostPass:
    """Finds the largest category of each feature.

    Parameters
    ----------
    name : str
        The estimator, whose categories must not be negative.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def statistics(self, part: Part, model: Any) -> Array:
        """Return the largest categories of a piece."""
        check_non_negative(part.X, f"{self._name} (input X)")
        return np.asarray(part.X.max(axis=0)).astype(np.int64)

    def merge(self, a: Array, b: Array) -> Array:
        """Return the larger ones."""
        return np.maximum(a, b)

    def finish(self, statistics: Array, model: Any) -> Array:
        """Return the largest of all."""
        return statistics


class CategoriesPass:
    """Counts the categories of classes.

    Parameters
    ----------
    widths : sequence (n_features,) of int
    n_classes : int
    """

    def __init__(self, widths: Sequence[int], n_classes: int) -> None:
        self._widths, self._n_classes = widths, n_classes

    def statistics(self, part: Part, model: Any) -> Array:
        """Return the counts of a piece."""
        X = readable(np.ascontiguousarray(part.X, dtype=np.int64))
        found = counted(X, part.y, part.weights, self._widths, self._n_classes)
        return np.concatenate([counts.ravel() for counts in found])

    def merge(self, a: Array, b: Array) -> Array:
        """Return the counts of both."""
        return np.asarray(a + b)

    def finish(self, statistics: Array, model: Any) -> Array:
        """Return the counts of all rows."""
        return statistics


def counted(
    X: Array, classes: Array, weights: Array, widths: Sequence[int], n_classes: int
) -> list[Array]:
    """Return the weight of every category and class, (n_categories, n_classes), a feature each.

    Parameters
    ----------
    X : ndarray (n_samples, n_features) of int64, in C order
    classes : ndarray (n_samples,) of int32, from 0 to n_classes - 1
    weights : ndarray (n_samples,) of float64, or (0,) for weights of one
    widths : sequence (n_features,) of int
        The number of categories of each feature.
    n_classes : int

    Raises
    ------
    ValueError
        If a category is not below that number.
    """
    starts = _starts(widths, n_classes)
    rows = rows_of_a_ticket(X.shape[1], widths, n_classes)
    n_tickets = -(-len(X) // rows)
    totals, unknown = np.empty((n_tickets, starts[-1])), np.empty(n_tickets, np.bool_)
    run_team(
        categories.category_counts, min(team_size(2.0 * X.size), n_tickets),
        X, classes, weights, starts, n_classes, rows, new_state(), totals, unknown,
    )  # fmt: skip
    if unknown.any():
        raise ValueError("X has changed since its categories were counted.")
    tree = TreeSum(np.add)
    for i in range(n_tickets):
        tree.add(i, 1, totals[i])
    total = np.asarray(tree.total())
    return [part.reshape(-1, n_classes) for part in np.split(total, starts[1:-1])]


def tables_of(tables: list[Array], n_classes: int) -> Tables:
    """Return tables side by side.

    Parameters
    ----------
    tables : list (n_features,) of ndarray (n_categories + 1, n_classes)
        The last row of each is for categories that are not known.
    """
    starts = _starts([len(table) for table in tables], 1)
    n_columns = -(-n_classes // lanes_of(np.float64)) * lanes_of(np.float64)
    memory = np.zeros(starts[-1] * n_columns + 8)
    first = -memory.ctypes.data // 8 % 8  # each category's numbers begin with a cache line
    numbers = memory[first : first + starts[-1] * n_columns].reshape(-1, n_columns)
    np.concatenate(tables, out=numbers[:, :n_classes])
    return Tables(starts, numbers)


def scored(X: Array, tables: Tables, biases: Array, *, labels: bool) -> Array:
    """Return the sum of what tables have for the categories of each row, plus the biases.

    Parameters
    ----------
    X : ndarray (n_samples, n_features) of whole numbers
    tables : Tables, of so many features and classes
    biases : ndarray (n_classes,) of float64
    labels : bool
        Whether the first class of the largest sum is wanted instead.
    """
    n_samples, n_classes = len(X), len(biases)
    n_columns = tables.numbers.shape[1]
    scores = np.empty((0 if labels else n_samples, n_classes))
    found = np.empty(n_samples if labels else 0, np.int32)
    rows = max(16, _NUMBERS_A_TICKET // (X.shape[1] * n_columns))
    run_team(
        categories.category_scores,
        min(team_size(0.2 * X.size * n_columns), -(-n_samples // rows)),
        readable(np.ascontiguousarray(X, dtype=np.int64)), tables.numbers, tables.starts, biases,
        rows, new_state(), scores, found,
    )  # fmt: skip
    return found if labels else scores
