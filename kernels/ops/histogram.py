"""Counting rows by code: integers, so any order of rows gives the same sums.

Codes are row-major: what one row adds to lies in as many tables as there are features, and no two
additions in a row wait for each other.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import inner_kernel
from ..tile import prefetch

#: So many rows ahead memory is asked for: a row is seldom near the one before.
_AHEAD = 24
_LINE_BYTES = 64


@inner_kernel
def ask_for_codes(codes, rows, i, first, last):
    """Ask for the codes [first, last) of a row some places behind the i-th of a list; return it."""
    row = np.int64(rows[min(i + _AHEAD, rows.size - 1)])
    for column in range(first, last, _LINE_BYTES // codes.itemsize):
        prefetch(codes, row, column)
    prefetch(codes, row, last - 1)
    return row


@inner_kernel
def count_classes(codes, rows, classes, weights, features, starts, shifts, size, out):
    """Add rows to the class weights of their bins.

    Parameters
    ----------
    codes : IN (n_samples, n_features) uint16
    rows : IN (n_rows,) int32
    classes : IN (n_samples,) int32
    weights : IN (n_samples,) int64, or empty for weights of 1
    features, starts, shifts : IN (n,) uint64, which features, where the table of each begins in
        ``out``, and how far its codes are shifted to the right to give bins
    size : int, numbers a bin: the weights of the classes and, if there are weights, the rows
    out : IN/OUT, int32 or int64
    """
    n = features.size
    unit = weights.size == 0
    width = np.uint64(size)
    low, high = np.int64(codes.shape[1]), np.int64(0)
    for j in range(n):
        low = min(low, np.int64(features[j]))
        high = max(high, np.int64(features[j]) + 1)
    class_line, weight_line = classes.reshape(1, classes.size), weights.reshape(1, weights.size)
    for i in range(rows.size):
        ahead = ask_for_codes(codes, rows, i, low, high)
        prefetch(class_line, 0, ahead)
        prefetch(weight_line, 0, ahead)
        row = np.uint64(rows[i])
        k = np.uint64(classes[row])
        if unit:
            for j in range(n):
                b = np.uint64(codes[row, features[j]]) >> shifts[j]
                out[starts[j] + b * width + k] += 1
        else:
            weight = weights[row]
            for j in range(n):
                b = np.uint64(codes[row, features[j]]) >> shifts[j]
                at = starts[j] + b * width
                out[at + k] += weight
                out[at + width - np.uint64(1)] += 1


@inner_kernel
def count_sums(codes, rows, sums, weights, features, starts, shifts, size, out):
    """Add rows to the sums of their bins: weight, weight * each of the sums, rows if weighted.

    Parameters
    ----------
    sums : IN (n_samples, 3) int64
    codes, rows, weights, features, starts, shifts, size, out : as :func:`count_classes`
    """
    n = features.size
    unit = weights.size == 0
    width = np.uint64(size)
    low, high = np.int64(codes.shape[1]), np.int64(0)
    for j in range(n):
        low = min(low, np.int64(features[j]))
        high = max(high, np.int64(features[j]) + 1)
    for i in range(rows.size):
        ask_for_codes(codes, rows, i, low, high)
        row = np.uint64(rows[i])
        weight = 1 if unit else weights[row]
        a, b, c = sums[row, 0] * weight, sums[row, 1] * weight, sums[row, 2] * weight
        for j in range(n):
            at = starts[j] + (np.uint64(codes[row, features[j]]) >> shifts[j]) * width
            out[at] += weight
            out[at + np.uint64(1)] += a
            out[at + np.uint64(2)] += b
            out[at + np.uint64(3)] += c
            if not unit:
                out[at + np.uint64(4)] += 1
