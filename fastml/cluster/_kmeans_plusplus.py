"""``fastml.kmeans_plusplus``: centres to start from, of arrays and of sparse rows."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_array

from ..core.random_state import check_random_state
from ..core.sklearn_compat import check_sample_weight, validate_params
from ..core.validation import Array, check_sparse, is_sparse
from ._plusplus import choose_rows
from ._sparse import sparse_plusplus


@validate_params(
    {
        "X": ["array-like", "sparse matrix"],
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "sample_weight": ["array-like", None],
        "x_squared_norms": ["array-like", None],
        "random_state": ["random_state"],
        "n_local_trials": [Interval(Integral, 1, None, closed="left"), None],
    },
    prefer_skip_nested_validation=True,
)
def kmeans_plusplus(
    X: ArrayLike,
    n_clusters: int,
    *,
    sample_weight: ArrayLike | None = None,
    x_squared_norms: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
    n_local_trials: int | None = None,
) -> tuple[Array, Array]:
    """Choose initial centres by greedy k-means++.

    Each centre is the best of several candidates, drawn with chances proportional to the
    weighted squared distance to the closest centre so far.

    Parameters
    ----------
    X : array-like or sparse matrix (n_samples, n_features)
        The rows to choose among.
    n_clusters : int
        How many to choose.
    sample_weight : array-like (n_samples,), default=None
        All one by default.
    x_squared_norms : array-like (n_samples,), default=None
        Not needed: distances are direct differences.  Checked for scikit-learn's sake.
    random_state : int, RandomState instance or None, default=None
        Where candidates are drawn from; an int gives the same result every time.
    n_local_trials : int, default=None
        Candidates for each centre but the first; 2 + log(n_clusters) by default.

    Returns
    -------
    centers : ndarray (n_clusters, n_features)
    indices : ndarray (n_clusters,)
        The rows of X the centres are.

    Raises
    ------
    TypeError, ValueError
        On bad input, in scikit-learn's words.

    References
    ----------
    Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.

    Examples
    --------
    >>> import fastml
    >>> centers, indices = fastml.kmeans_plusplus([[0.0], [0.1], [9.0]], 2, random_state=0)
    >>> sorted(indices.tolist())[-1]
    2
    """
    check_sparse(X)
    data: Any = check_array(X, dtype=[np.float64, np.float32], accept_sparse="csr")
    weights = np.empty(0)
    if sample_weight is not None:
        weights = check_sample_weight(sample_weight, data)
    if data.shape[0] < n_clusters:
        raise ValueError(f"n_samples={data.shape[0]} should be >= n_clusters={n_clusters}.")
    if x_squared_norms is not None:
        norms: Any = check_array(x_squared_norms, dtype=data.dtype, ensure_2d=False)
        if norms.shape[0] != data.shape[0]:
            raise ValueError(
                f"The length of x_squared_norms {norms.shape[0]} should be equal to the length "
                f"of n_samples {len(data)}."
            )
    generator = check_random_state(random_state)
    if is_sparse(data):
        return sparse_plusplus(data, n_clusters, weights, generator, n_local_trials)
    rows = choose_rows(data, n_clusters, weights, generator, n_local_trials)
    return data[rows], rows
