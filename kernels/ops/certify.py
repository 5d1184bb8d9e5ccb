"""When is the best of several rounded scores decisive, and what to do when it is not.

A score is s = x.c - |c|^2 / 2, after rows x and points c were moved by one common vector; the
nearest point has the largest.  Let u be the unit round-off of the element type, v = 2^-53 that
of float64, gamma_n(u) = n u / (1 - n u) (Higham, "Accuracy and Stability of Numerical
Algorithms", 2nd ed., 2002, lemma 3.1), d the number of features, q that of the roundings a
product or the bias meets at most on its way into a score, r = |x| and C = max |c| of the
moved vectors as they are stored.  Against the exact score of the unmoved vectors, a computed one
is off by the sum of

=====================================  ===================  =============================
rounding                               of x.c, times r C    of |c|^2 / 2, times C^2 / 2
=====================================  ===================  =============================
moving x and c, once an entry          gamma_2(u)           gamma_2(u)
squares and sum of the norm            -                    gamma_{d+1}(v), it is float64
halving and storing the norm           -                    u
products, their sums, the bias         gamma_q(u)           gamma_q(u)
=====================================  ===================  =============================

so by at most gamma_{q+2}(u) r C + (gamma_{q+3}(u) + gamma_{d+1}(v)) C^2 / 2.  Added one by one,
all products are in one chain and q is d + 1; sums of sums, whichever way, have shorter ones.
Two scores enter a lead, hence twice that.  The reference rounds too: its squared
distances D = r'^2 <= 2 r^2 + 2 C^2 are off by gamma_{d+2}(v) D, and the lead is half a
difference of two of them: 2 gamma_{d+2}(v) (r^2 + C^2).

What remains is relative: r computed from d rounded squares (gamma_{d+1}(u) / 2), the margin's own
arithmetic and the subtraction that gives the lead (8 u together).  The factor 1.05 covers it as
long as d u < 0.01; beyond, no lead is decisive.  Numbers may underflow, 2 d + 2 times by at
most half a subnormal, which d + 8 times the smallest normal number exceeds by far; where |x|^2
itself has underflowed, r C < 2^-20 C^2, or r C is below the smallest normal number.
"""

from __future__ import annotations

import math

import numpy as np

from ..machine.jit import inner_kernel
from ..tile import multiply_add, select_less, square_root
from .exact import nearest_column, nearest_point
from .pack import rows_per_block

#: What counts as a number of decisions once a row was not finite: any sum with it is below 0.
NOT_FINITE = -(1 << 40)
#: Elements of a margin.
MARGIN_SIZE = 5


@inner_kernel
def score_margin(points, roundings, largest, margin):
    """Bound the rounding of scores.

    Parameters
    ----------
    points : IN (n_points, n_features); only its shape and type matter
    roundings : int, how many a product meets at most on its way into a score
    largest : float, the largest squared norm of a moved point
    margin : OUT (5,) float64; a score is decisive if it leads by more than
        margin[0] |x| + margin[1] |x|^2 + margin[2] and |x|^2 is below margin[4], above which
        squares may overflow; |x|^2 is off by at most margin[3] |x|^2
    """
    if points.itemsize == 4:
        unit, tiny, huge = 2.0**-24, 2.0**-126, 2.0**123
    else:
        unit, tiny, huge = 2.0**-53, 2.0**-1022, 2.0**1019
    n = points.shape[1] + 8
    scores = _relative(n, roundings + 4, unit)
    double = 1.05 * 2.0 * n * 2.0**-53
    margin[0] = 2.0 * scores * math.sqrt(largest)
    margin[1] = double
    margin[2] = (scores + 2.0 * double) * largest + n * tiny
    margin[3] = _relative(n, n, unit)
    margin[4] = huge if largest < huge else 0.0


@inner_kernel
def _relative(n, roundings, unit):
    """Return the relative error of so many roundings; infinity where n are too many."""
    return 1.05 * roundings * unit / (1.0 - roundings * unit) if n * unit < 0.01 else np.inf


@inner_kernel
def needed_lead(norms, margin):
    """Return by how much a score must lead to be decisive (a tile).

    Parameters
    ----------
    norms : tile, squared norms of the samples
    margin : IN (5,), see :func:`score_margin`
    """
    lead = multiply_add(norms, margin[1], square_root(norms) * margin[0]) + margin[2]
    return select_less(norms, margin[4], lead, np.inf)


@inner_kernel
def decide_again(X, rows, first, count, points, columns, leads, distances, labels, start):
    """Decide those samples of a panel in float64 whose lead is not above what they need.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    rows : IN int64, the rows of X of the panel, from element ``first``
    count : int, how many samples of the panel there are
    points : IN (n_points, n_features)
    columns : IN (n_features, n_points) the points, transposed, or (n_features, 0)
    leads : IN flat, the leads of the panel's samples, then what they need
    distances : OUT (n_points,) float64, working memory
    labels : OUT int32, of the panel's samples, from element ``start``

    Returns
    -------
    int : how many were decided, or NOT_FINITE as soon as a row holds NaN or infinity
    """
    height = rows_per_block(X)
    decided = 0
    for i in range(count):
        if not leads[i] > leads[height + i]:
            if columns.shape[1] > 0:
                nearest = nearest_column(X, rows[first + i], columns, distances)
            else:
                nearest = nearest_point(X, rows[first + i], points)
            if nearest < 0:
                return NOT_FINITE
            labels[start + i] = nearest
            decided += 1
    return decided
