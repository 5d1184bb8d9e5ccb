"""Which features a node looks at: drawn by a counter, so that threads do not matter.

The key of a node follows from the seed and the path from the root; the numbers drawn for it are
splitmix64 of key and counter (Steele, Lea and Flood, "Fast splittable pseudorandom number
generators", 2014).
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import inner_kernel, kernel

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)


@inner_kernel
def mixed_bits(x):
    """Return the 64 bits splitmix64 makes of a state."""
    x = np.uint64(x)
    x = (x ^ (x >> np.uint64(30))) * _M1
    x = (x ^ (x >> np.uint64(27))) * _M2
    return x ^ (x >> np.uint64(31))


@inner_kernel
def child_key(key, side):
    """Return the key of a node's left (0) or right (1) child."""
    return mixed_bits(np.uint64(key) + _GOLDEN * np.uint64(side + 1))


@kernel
def child_keys(keys, out):
    """Set out[i] to the keys of the two children of each node: (n,) uint64 in, (n, 2) out."""
    for i in range(keys.size):
        out[i, 0] = child_key(keys[i], 0)
        out[i, 1] = child_key(keys[i], 1)


@inner_kernel
def draw_one(key, order, i):
    """Set order[i] to the feature the node of this key draws after those before it.

    A step of a shuffle from the front (Fisher and Yates).  The high half of a product with the
    number of choices picks one (Lemire, "Fast random integer generation in an interval", 2019);
    that some are likelier by at most n / 2**32 is of no matter here.
    """
    n = order.size
    bits = mixed_bits(np.uint64(key) ^ (_GOLDEN * np.uint64(i + 3))) >> np.uint64(32)
    j = i + np.int64((bits * np.uint64(n - i)) >> np.uint64(32))
    order[i], order[j] = order[j], order[i]


@inner_kernel
def draw_order(key, order, count):
    """Fill (n_features,) int32 with all features, the first ``count`` as this node draws them."""
    for i in range(order.size):
        order[i] = i
    for i in range(count):
        draw_one(key, order, i)


@kernel
def draw_orders(keys, orders):
    """Draw for many nodes: (n,) uint64 in, (n, n_features) int32 OUT."""
    for i in range(keys.size):
        draw_order(keys[i], orders[i], orders.shape[1])
